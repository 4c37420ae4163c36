"""Bearer tokens: the few that are good, and a great many that are not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, OctKey, RSAKey

from bot.api.auth import APPROVER, EVERY_TEAM, OPERATOR, VIEWER, ApiCaller, TokenCheck, Unauthenticated, mint
from bot.errors import NotPermitted, SettingsError

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SECRET = b"s" * 40
CHECK = TokenCheck(secret=SECRET, issuer="acme", audience="runbook-bot")
EPOCH = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": "acme",
    "aud": "runbook-bot",
    "sub": "detector",
    "iat": EPOCH,
    "exp": EPOCH + 600,
    "roles": [OPERATOR],
}


def good(**change: Any) -> str:
    given_: dict[str, Any] = {
        "issuer": "acme",
        "audience": "runbook-bot",
        "subject": "detector",
        "now": NOW,
        "lifetime": timedelta(minutes=10),
    }
    return mint(SECRET, **{**given_, **change})


def b64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def forged(
    header: Any = None,
    claims: Any = None,
    *,
    secret: bytes = SECRET,
    hash_: str = "sha256",
    signature: bytes | None = None,
) -> str:
    """A token put together by hand, signed unless a signature is given."""
    parts = [
        value if isinstance(value, bytes) else json.dumps(value).encode()
        for value in (
            {"alg": "HS256", "typ": "JWT"} if header is None else header,
            CLAIMS if claims is None else claims,
        )
    ]
    signed = ".".join(b64(part) for part in parts)
    made = hmac.new(secret, signed.encode(), hash_).digest() if signature is None else signature
    return f"{signed}.{b64(made)}"


def claims(**change: Any) -> dict[str, Any]:
    return {**CLAIMS, **change}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def by_other_algorithms() -> Iterator[tuple[str, str]]:
    for alg in ("none", "None", "NONE", "nOnE", "", " none"):
        header = {"alg": alg, "typ": "JWT"}
        yield f"alg {alg!r} without signature", forged(header, signature=b"")
        yield f"alg {alg!r} with our signature", forged(header)
        yield f"alg {alg!r} with one dot less", forged(header).rsplit(".", 1)[0]
    for alg in (
        "HS384",
        "HS512",
        "RS256",
        "RS512",
        "PS256",
        "ES256",
        "EdDSA",
        "hs256",
        "HS256 ",
        "dir",
        "A256KW",
    ):
        yield f"alg {alg} over an HS256 signature", forged({"alg": alg, "typ": "JWT"})
    yield "HS384 signed honestly", forged({"alg": "HS384"}, hash_="sha384")
    yield "HS512 signed honestly", forged({"alg": "HS512"}, hash_="sha512")
    rsa, ec = RSAKey.generate_key(2048, auto_kid=False), ECKey.generate_key("P-256", auto_kid=False)
    yield "RS256 signed with a key of its own", jwt.encode({"alg": "RS256"}, CLAIMS, rsa)
    yield "ES256 signed with a key of its own", jwt.encode({"alg": "ES256"}, CLAIMS, ec)
    yield "HS256 signed with a public key", forged(secret=rsa.as_pem(private=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inner = jwt.encode({"alg": "HS256"}, CLAIMS, OctKey.import_key(SECRET))
        yield (
            "encrypted",
            jwt.encode(
                {"alg": "A128KW", "enc": "A128GCM"},
                CLAIMS,
                OctKey.import_key(b"k" * 16),
                registry=JWERegistry(),
            ),
        )
    yield "nested", forged({"alg": "HS256", "cty": "JWT"}, inner.encode())
    for wrong in (None, 7, True, ["HS256"], {"alg": "HS256"}):
        yield f"alg as {wrong!r}", forged({"alg": wrong, "typ": "JWT"})


def by_header() -> Iterator[tuple[str, str]]:
    for name, value in {
        "jwk": {"kty": "oct", "k": b64(SECRET)},
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "x5c": ["MIIB"],
        "x5t": "abc",
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A128GCM",
        "surprise": 1,
    }.items():
        yield f"header {name}", forged({"alg": "HS256", "typ": "JWT", name: value})
    types: list[object] = ["JOSE", "jwt+secevent", "", 7, None, [], "at+jwt\x00"]
    for typ in types:
        yield f"typ {typ!r}", forged({"alg": "HS256", "typ": typ})
    kids: list[object] = [7, None, [], {"a": 1}]
    for kid in kids:
        yield f"kid {kid!r}", forged({"alg": "HS256", "kid": kid})
    for raw in (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'"HS256"',
        b'{"alg":"none","alg":"HS256"}',
        b'{"alg":"HS256"',
    ):
        yield f"header {raw!r}", forged(raw)


WRONG_CLAIMS: dict[str, list[Any]] = {
    "iss": ["", "ACME", "acme ", "evil", 7, None, ["acme"], {"acme": 1}, True],
    "aud": [
        "",
        "other",
        "runbook-bot ",
        [],
        ["other"],
        ["runbook-bot", 7],
        7,
        None,
        {"runbook-bot": 1},
        [[]],
    ],
    "exp": [EPOCH - 31, 0, -1, "9999999999", True, None, [EPOCH + 9], 1e300, 10**30, {}, "2099-01-01"],
    "nbf": [EPOCH + 31, "now", True, None, [], 1e300],
    "iat": [EPOCH + 31, "now", True, None, [], 1e300],
    "sub": ["", 7, None, [], "a\nb", "x" * 201, "\x00"],
    "roles": ["operator", 7, None, {"operator": 1}, [7], [["operator"]], ["operator"] * 33],
    "teams": ["payments", 7, None, {"payments": 1}, [7], [None], ["t"] * 33],
    "email": ["no-at", "a@b c", 7, [], "a@b\r\nX: y", "x" * 300 + "@x"],
}


def by_claims() -> Iterator[tuple[str, str]]:
    for name, values in WRONG_CLAIMS.items():
        for value in values:
            yield f"{name} {value!r}"[:40], forged(claims=claims(**{name: value}))
    for name in ("iss", "aud", "exp", "sub"):
        yield f"without {name}", forged(claims=without(name))
    for raw in (b"NaN", b"Infinity", b"1e999", b"-Infinity"):
        body = json.dumps(claims(exp="HERE")).encode().replace(b'"HERE"', raw)
        yield f"exp {raw!r}", forged(claims=body)
    for raw in (b"", b"[]", b"null", b'"x"', b"\xff\xfe", b"{", b"[" * 3000):
        yield f"claims {raw[:10]!r}", forged(claims=raw)
    doubled = json.dumps(CLAIMS).encode()[:-1] + b', "sub": "root"}'
    yield "a claim twice", forged(claims=doubled)


def by_spelling() -> Iterator[tuple[str, str]]:
    token = good()
    header, body, signature = token.split(".")
    yield "signed with another secret", forged(secret=b"t" * 40)
    yield "signed with nothing", forged(secret=b"")
    yield "no signature", f"{header}.{body}."
    yield "no signature, no dot", f"{header}.{body}"
    yield "cut signature", token[:-2]
    yield "cut by bytes", f"{header}.{body}.{b64(urlsafe_b64decode(signature + '==')[:16])}"
    yield "longer signature", f"{token}AA"
    yield "zero signature", f"{header}.{body}.{b64(bytes(32))}"
    yield "another body", f"{header}.{b64(json.dumps(claims(sub='root')).encode())}.{signature}"
    yield (
        "another header",
        f"{b64(json.dumps({'typ': 'JWT', 'alg': 'HS256'}, indent=1).encode())}.{body}.{signature}",
    )
    yield "four parts", f"{token}.{signature}"
    yield "five parts", f"{token}.a.b"
    yield "parts swapped", f"{body}.{header}.{signature}"
    yield "padding", f"{token}="
    yield "padded body", f"{header}.{body}==.{signature}"
    yield "trailing bits", f"{header}.{body}.{signature[:-1]}{'B' if signature[-1] != 'B' else 'C'}"
    yield "standard alphabet", token.replace("-", "+").replace("_", "/") + "/"
    for name, space in {"space": " ", "tab": "\t", "newline": "\n", "nul": "\x00"}.items():
        yield f"{name} behind", f"{token}{space}"
        yield f"{name} inside", f"{header}.{space}{body}.{signature}"
    yield "not ASCII", f"{token}é"
    yield "full-width", token.replace(".", "．")
    yield "dots", ".."
    yield "one dot", "."
    yield "a word", "operator"
    yield "JSON serialisation", json.dumps({"protected": header, "payload": body, "signature": signature})
    yield "percent", token.replace(".", "%2E")
    yield "twice", f"{token},{token}"
    yield "too long", forged(claims=claims(name="x" * 9000))
    yield "much too long", forged(claims=claims(name="x" * 40_000))
    yield "very long", "a" * 10_000_000


HOSTILE = [*by_other_algorithms(), *by_header(), *by_claims(), *by_spelling()]


def test_there_are_well_over_a_hundred_hostile_tokens() -> None:
    assert len({token for _, token in HOSTILE}) >= 150


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in HOSTILE])
async def test_a_hostile_token_is_nobody(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await CHECK.caller(f"Bearer {token}", now=NOW)
    assert token not in str(refused.value) or len(token) < 3
    assert "sss" not in str(refused.value)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        good(),
        f"Bearer  {good()}",
        f"Token {good()}",
        f"Bearer\t{good()}",
    ],
)
async def test_a_header_that_carries_no_bearer_token_is_nobody(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await CHECK.caller(header, now=NOW)


async def test_a_minted_token_names_its_caller_until_it_expires() -> None:
    header = f"bearer {good(roles=(OPERATOR, VIEWER), email='Ann@Acme.Example', name='Ann')}"
    caller = await CHECK.caller(header, now=NOW)
    assert caller == ApiCaller(
        subject="detector",
        issuer="acme",
        roles=frozenset({OPERATOR, VIEWER}),
        email="ann@acme.example",
        name="Ann",
    )
    assert (caller.actor.kind, caller.actor.id, caller.actor.person) == (
        "api",
        "api:detector",
        "ann@acme.example",
    )
    await CHECK.caller(header, now=NOW + timedelta(minutes=10, seconds=29))
    with pytest.raises(Unauthenticated, match="expired"):
        await CHECK.caller(header, now=NOW + timedelta(minutes=10, seconds=30))


async def test_a_caller_without_an_email_is_a_person_of_its_own() -> None:
    assert (await CHECK.caller(f"Bearer {good()}", now=NOW)).actor.person == "api:detector"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": ["other", "runbook-bot"]},
        {"nbf": EPOCH},
        {"exp": EPOCH + 600.5},
        {"iat": EPOCH + 29},
        {"surprise": {"a": 1}},
        {"roles": []},
    ],
)
async def test_what_the_standard_allows_is_taken(change: dict[str, Any]) -> None:
    assert (await CHECK.caller(f"Bearer {forged(claims=claims(**change))}", now=NOW)).subject == "detector"


@pytest.mark.parametrize(
    ("held", "may"),
    [
        ((), ()),
        ((VIEWER,), (VIEWER,)),
        ((OPERATOR,), (VIEWER, OPERATOR)),
        ((APPROVER,), (VIEWER, APPROVER)),
        (("admin", "Operator", "*"), ()),
    ],
)
async def test_a_role_is_needed_and_none_stands_for_another_but_to_read(
    held: tuple[str, ...], may: tuple[str, ...]
) -> None:
    caller = await CHECK.caller(f"Bearer {good(roles=held)}", now=NOW)
    for role in (VIEWER, OPERATOR, APPROVER):
        if role in may:
            caller.require(role)
            continue
        with pytest.raises(NotPermitted, match=role):
            caller.require(role)


async def test_a_token_sees_the_teams_it_names_and_what_belongs_to_none() -> None:
    for teams, seen in (
        ((), {""}),
        (("payments",), {"", "payments"}),
        ((EVERY_TEAM,), {"", "payments", "web"}),
    ):
        caller = await CHECK.caller(f"Bearer {good(teams=teams)}", now=NOW)
        assert {team for team in ("", "payments", "web") if caller.sees(team)} == seen
        assert caller.tenants is None or set(caller.tenants) == seen


def test_a_weak_secret_is_refused_before_any_token() -> None:
    for secret in (b"", b"s" * 31):
        with pytest.raises(SettingsError):
            TokenCheck(secret=secret, issuer="acme", audience="runbook-bot")
        with pytest.raises(SettingsError):
            mint(secret, issuer="a", audience="b", subject="c", now=NOW, lifetime=timedelta(minutes=1))
    with pytest.raises(SettingsError):
        TokenCheck(secret=SECRET, issuer="", audience="runbook-bot")


def test_the_secret_shows_in_no_repr() -> None:
    assert "sss" not in repr(CHECK)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_character_changed_makes_a_token_nobodys(data: st.DataObject) -> None:
    token = good()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(exclude_characters=token[place]))
    with pytest.raises(Unauthenticated):
        asyncio.run(CHECK.caller(f"Bearer {token[:place]}{other}{token[place + 1 :]}", now=NOW))


def test_an_hmac_by_hand_agrees_with_the_library() -> None:
    header, body, signature = good().split(".")
    made = hmac.new(SECRET, f"{header}.{body}".encode(), hashlib.sha256).digest()
    assert b64(made) == signature
