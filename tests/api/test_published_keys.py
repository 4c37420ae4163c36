"""Tokens signed by an issuer that publishes its keys: which are good, which never are, and how often it is asked."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from bot.api.auth import OPERATOR, TokenCheck, Unauthenticated
from bot.api.published import FRESH, KEEP, LIMIT_BYTES, RETRY, PublishedKeys

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SECRET = b"s" * 40
KEYS: dict[str, Any] = {
    "rsa": RSAKey.generate_key(2048, auto_kid=False),
    "ec": ECKey.generate_key("P-256", auto_kid=False),
    "ed": OKPKey.generate_key("Ed25519", auto_kid=False),
}


def _small() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024, auto_kid=False)


STRANGERS: dict[str, Any] = {
    "rsa": RSAKey.generate_key(2048, auto_kid=False),
    "ec": ECKey.generate_key("P-256", auto_kid=False),
    "ed": OKPKey.generate_key("Ed25519", auto_kid=False),
    "p384": ECKey.generate_key("P-384", auto_kid=False),
    "small": _small(),
}
GOOD = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed", "Ed25519": "ed"}


def published(name: str, **more: Any) -> dict[str, Any]:
    return {**(STRANGERS | KEYS)[name].as_dict(private=False), "kid": name, **more}


def b64(plain: bytes) -> str:
    return urlsafe_b64encode(plain).rstrip(b"=").decode()


def signed(alg: str, key: Any, *, kid: str | None = None, named: str | None = None, **claims: Any) -> str:
    """A token signed with `alg`; `named` is what its header says instead."""
    header = {"alg": alg if named is None else named, **({} if kid is None else {"kid": kid})}
    body = {
        "iss": "https://issuer.example",
        "aud": "runbook-bot",
        "sub": "ann",
        "exp": NOW.timestamp() + 600,
        "roles": [OPERATOR],
        **claims,
    }
    text = ".".join(b64(json.dumps(part).encode()) for part in (header, body))
    if isinstance(key, bytes):
        return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"
    return f"{text}.{b64(JWSRegistry.algorithms[alg].sign(text.encode(), key))}"


@dataclass
class Issuer:
    """Publishes keys over HTTP and counts who asks."""

    keys: list[Any]
    asked: int = 0
    status: int = 200
    body: bytes | None = None
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    now: datetime = NOW
    url: str = ""

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        self.heard.set()
        await self.hold.wait()
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        return web.Response(body=body, status=self.status, headers=headers, content_type="application/json")

    async def elsewhere(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": self.keys})


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    one = Issuer(keys=[published(name) for name in KEYS])
    one.hold.set()
    app = web.Application()
    app.router.add_get("/keys", one.answer)
    app.router.add_get("/elsewhere", one.elsewhere)
    async with TestServer(app) as server:
        one.url = str(server.make_url("/keys"))
        yield one


@pytest.fixture
def check(issuer: Issuer) -> TokenCheck:
    keys = PublishedKeys(url=issuer.url, now=lambda: issuer.now)
    return TokenCheck(secret=SECRET, issuer="https://issuer.example", audience="runbook-bot", published=keys)


async def is_good(check: TokenCheck, token: str, *, now: datetime = NOW) -> bool:
    try:
        caller = await check.caller(f"Bearer {token}", now=now)
    except Unauthenticated:
        return False
    return caller.subject == "ann"


@pytest.mark.parametrize("alg", GOOD)
async def test_a_token_signed_with_a_published_key_is_good(check: TokenCheck, alg: str) -> None:
    assert await is_good(check, signed(alg, KEYS[GOOD[alg]], kid=GOOD[alg]))


async def test_the_secret_works_beside_published_keys_and_never_as_one(check: TokenCheck) -> None:
    assert await is_good(check, signed("HS256", SECRET))
    alone = TokenCheck(issuer="https://issuer.example", audience="runbook-bot", published=check.published)
    for secret in (b"", SECRET):
        token = signed("HS256", secret)
        assert not await is_good(alone, token)


def confused() -> Iterator[tuple[str, str]]:
    """Tokens that a checker which asks the token how to check it would take."""
    for name, key in KEYS.items():
        for shown in (key.as_pem(private=False), key.as_der(private=False), _json(key)):
            yield (
                f"HS256 with the public {name} key as secret",
                signed("HS256", shown, kid=name),
            )
    for alg, name in GOOD.items():
        for other in sorted({"rsa", "ec", "ed"} - {name}):
            yield f"{alg} under the name of the {other} key", signed(alg, KEYS[name], kid=other)
        yield f"{alg} by a stranger", signed(alg, STRANGERS[name], kid=name)
        yield f"{alg} by a stranger without a name", signed(alg, STRANGERS[name])
        yield f"{alg} that says HS256", signed(alg, KEYS[name], kid=name, named="HS256")
        for named in ("none", "RS384", "HS512", "", "rs256"):
            yield f"{alg} that says {named!r}", signed(alg, KEYS[name], kid=name, named=named)
        token = signed(alg, KEYS[name], kid=name)
        yield f"{alg} without signature", token.rpartition(".")[0] + "."
        yield f"{alg} with a cut signature", token[:-4]
        yield f"{alg} for another audience", signed(alg, KEYS[name], kid=name, aud="other")
        yield f"{alg} of another issuer", signed(alg, KEYS[name], kid=name, iss="https://evil.example")
        yield f"{alg} that has expired", signed(alg, KEYS[name], kid=name, exp=NOW.timestamp() - 60)
    yield "PS256 named RS256", signed("PS256", KEYS["rsa"], kid="rsa", named="RS256")
    yield "RS256 named PS256", signed("RS256", KEYS["rsa"], kid="rsa", named="PS256")
    yield "RS512", signed("RS512", KEYS["rsa"], kid="rsa")
    yield "ES384", signed("ES384", STRANGERS["p384"], kid="p384")
    yield "a key name of 201 characters", signed("RS256", KEYS["rsa"], kid="k" * 201)


def _json(key: Any) -> bytes:
    return json.dumps(key.as_dict(private=False)).encode()


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in confused()])
async def test_a_confused_token_is_nobody(check: TokenCheck, token: str) -> None:
    assert not await is_good(check, token)


@pytest.mark.parametrize(
    "keys",
    [
        [published("rsa", use="enc")],
        [published("rsa", key_ops=["encrypt"])],
        [published("rsa", key_ops="verify")],
        [published("rsa", alg="PS256")],
        [{**published("rsa"), "n": ""}],
        [{**published("rsa"), "kty": "oct", "k": "c2VjcmV0"}],
        [{**KEYS["rsa"].as_dict(private=True), "kid": "rsa"}],
        [published("rsa"), published("rsa")],
        [7, None, "rsa", [], {}],
    ],
)
async def test_a_key_that_is_not_for_this_counts_as_absent(
    issuer: Issuer, check: TokenCheck, keys: list[Any]
) -> None:
    issuer.keys = keys
    assert not await is_good(check, signed("RS256", KEYS["rsa"], kid="rsa"))


async def test_a_short_rsa_key_is_not_taken(issuer: Issuer, check: TokenCheck) -> None:
    issuer.keys = [published("small")]
    assert not await is_good(check, signed("RS256", STRANGERS["small"], kid="small"))


async def test_without_a_name_the_one_key_of_its_kind_is_meant(issuer: Issuer, check: TokenCheck) -> None:
    assert await is_good(check, signed("ES256", KEYS["ec"]))
    issuer.keys = [published("ec"), {**STRANGERS["ec"].as_dict(private=False), "kid": "other"}]
    issuer.now += FRESH + timedelta(seconds=1)
    assert not await is_good(check, signed("ES256", KEYS["ec"]))


async def test_a_new_key_is_fetched_when_it_is_first_used(issuer: Issuer, check: TokenCheck) -> None:
    old, new = (signed("ES256", key, kid=kid) for key, kid in ((KEYS["ec"], "ec"), (STRANGERS["ec"], "new")))
    assert await is_good(check, old)
    issuer.keys = [{**STRANGERS["ec"].as_dict(private=False), "kid": "new"}]
    issuer.now += RETRY
    assert await is_good(check, new)
    assert not await is_good(check, old)
    assert issuer.asked == 2


async def test_names_nobody_has_heard_of_make_us_ask_once_in_a_while(
    issuer: Issuer, check: TokenCheck
) -> None:
    assert await is_good(check, signed("ES256", KEYS["ec"], kid="ec"))
    issuer.now += RETRY
    for number in range(50):
        assert not await is_good(check, signed("ES256", STRANGERS["ec"], kid=f"made-up-{number}"))
    assert issuer.asked == 2


async def test_many_at_once_wait_for_one_answer(issuer: Issuer, check: TokenCheck) -> None:
    issuer.hold.clear()
    token = signed("ES256", KEYS["ec"], kid="ec")
    waiting = [asyncio.create_task(is_good(check, token)) for _ in range(20)]
    await issuer.heard.wait()
    issuer.hold.set()
    assert all(await asyncio.gather(*waiting))
    assert issuer.asked == 1


@pytest.mark.parametrize("trouble", ["status", "redirect", "no json", "a list", "nothing usable", "too much"])
async def test_while_the_issuer_cannot_be_read_the_keys_of_before_count_for_an_hour(
    issuer: Issuer, check: TokenCheck, trouble: str
) -> None:
    token = signed("ES256", KEYS["ec"], kid="ec", exp=NOW.timestamp() + 86400)
    assert await is_good(check, token)
    issuer.status = {"status": 500, "redirect": 302}.get(trouble, 200)
    bodies = {
        "no json": b"<html>",
        "a list": b"[]",
        "nothing usable": b'{"keys": []}',
        "too much": b" " * (LIMIT_BYTES + 1),
    }
    issuer.body = bodies.get(trouble)
    issuer.now += FRESH + timedelta(seconds=1)
    assert await is_good(check, token)
    issuer.now = NOW + KEEP + timedelta(seconds=1)
    assert not await is_good(check, token)
    issuer.status, issuer.body = 200, None
    issuer.now += RETRY
    assert await is_good(check, token)
