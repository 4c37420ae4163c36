"""The API over real HTTP on loopback: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot.api.auth import OPERATOR, VIEWER, TokenCheck, mint
from bot.api.doors import Doors
from bot.api.routes import SERVER_OPTIONS, create_app
from bot.errors import JournalUnavailable
from bot.intake.inbox import Self, read_item
from bot.intake.pagerduty import Ours
from bot.intake.signal import Signal
from bot.journal.base import InboxItem
from tests.api.test_auth import HOSTILE
from tests.fakes.patience import PATIENCE_S
from tests.intake.given import SAMPLES

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
VECTORS = json.loads((SAMPLES / "pagerduty" / "_signatures.json").read_bytes())
CURRENT, NEXT = VECTORS["secrets"]["current"], VECTORS["secrets"]["next"]
SECRET = b"j" * 40
EVENT = {
    "anomaly_id": "a-17",
    "service_id": "payment-api",
    "metric_name": "cpu",
    "value": 97,
    "anomaly_score": 0.93,
}


class Memory:
    """An inbox that remembers ids as a journal does, and can be away, slow or broken."""

    def __init__(self) -> None:
        self.items: list[InboxItem] = []
        self.trouble: BaseException | None = None
        self.hangs = False
        self.woken_after: list[int] = []

    async def accept(self, item: InboxItem) -> bool:
        if self.trouble is not None:
            raise self.trouble
        if self.hangs:
            await asyncio.Event().wait()
        if any(one.inbox_id == item.inbox_id for one in self.items):
            return False
        self.items.append(item)
        return True

    def wake(self) -> None:
        self.woken_after.append(len(self.items))


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def doors(memory: Memory) -> Doors:
    return Doors(
        inbox=memory,
        wake=memory.wake,
        webhook_secrets=(CURRENT, NEXT),
        tokens=TokenCheck(secret=SECRET, issuer="acme", audience="runbook-bot"),
        us=Self(slack_app_id="A0RUNBOT", pagerduty=Ours()),
        now=lambda: NOW,
        new_reference=lambda: "ref-1",
        accept_timeout_s=0.05,
    )


class Api:
    """A running server and a client for it."""

    def __init__(self, server: TestServer, session: ClientSession) -> None:
        self.server = server
        self.session = session

    async def send(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        async with self.session.request(method, self.server.make_url(path), **more) as response:
            text = await response.text()
            assert response.content_type == "application/json", text
            return response.status, json.loads(text), response.headers

    async def webhook(self, body: bytes, header: str | None = None, **headers: str) -> tuple[int, Any, Any]:
        signature = sign(body) if header is None else header
        given = {"X-PagerDuty-Signature": signature, "Content-Type": "application/json", **headers}
        return await self.send("POST", "/webhooks/pagerduty", data=BytesIO(body), headers=given)

    async def event(self, body: Any, *, token: str | None = None) -> tuple[int, Any, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = f"Bearer {minted() if token is None else token}"
        given = {"Authorization": bearer, "Content-Type": "application/json"}
        return await self.send("POST", "/api/v1/events", data=data, headers=given)


def sign(body: bytes, secret: str = CURRENT) -> str:
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def minted(role: str = OPERATOR, secret: bytes = SECRET) -> str:
    return mint(
        secret,
        issuer="acme",
        audience="runbook-bot",
        subject="detector",
        now=NOW,
        lifetime=timedelta(hours=1),
        roles=[role],
    )


async def serving(doors: Doors) -> AsyncIterator[Api]:
    server = TestServer(create_app(doors))
    await server.start_server(**SERVER_OPTIONS)
    try:
        async with ClientSession() as session:
            yield Api(server, session)
    finally:
        await server.close()


@pytest.fixture
async def api(doors: Doors) -> AsyncIterator[Api]:
    async for one in serving(doors):
        yield one


def assert_shape(body: Any, code: str) -> None:
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "hint"}
    assert body["error"]["code"] == code


IGNORED = {"pagey.ping"}


@pytest.mark.parametrize("name", sorted(VECTORS["vectors"]))
async def test_every_sample_is_accepted_as_signed_and_persisted_before_the_answer(
    api: Api, memory: Memory, name: str
) -> None:
    vector = VECTORS["vectors"][name]
    body = (SAMPLES / "pagerduty" / vector["file"]).read_bytes()
    status, answer, _ = await api.send("POST", "/webhooks/pagerduty", data=body, headers=vector["headers"])
    assert (status, answer["status"]) == (202, "ignored" if name in IGNORED else "accepted")
    if name in IGNORED:
        assert memory.items == []
        return
    (item,) = memory.items
    assert item.body.encode() == body
    assert item.inbox_id == f"pagerduty:{json.loads(body)['event']['id']}"
    assert memory.woken_after == [1]
    assert isinstance(read_item(item, us=Self()), Signal)
    for header in (vector["rotation_header"], sign(body, NEXT)):
        status, answer, _ = await api.webhook(body, header)
        assert (status, answer["status"]) == (202, "duplicate")
    assert len(memory.items) == 1
    assert memory.woken_after == [1]


BODY = (SAMPLES / "pagerduty" / "incident.triggered.json").read_bytes()


@pytest.mark.parametrize(
    "header", ["", "v1=", sign(BODY, "other"), sign(BODY).replace("v1", "v2"), sign(BODY + b" ")]
)
async def test_a_webhook_without_a_good_signature_is_401_and_nothing_of_it_is_read(
    api: Api, memory: Memory, header: str
) -> None:
    for body in (BODY, b"\xff not json"):
        given = header if body == BODY else "v1=" + "0" * 64
        status, answer, headers = await api.webhook(body, given)
        assert status == 401
        assert_shape(answer, "unauthenticated")
        assert headers["WWW-Authenticate"] == "Bearer"
    assert memory.items == []


async def test_signatures_in_several_header_lines_count_as_one_list(api: Api) -> None:
    lines = [("X-PagerDuty-Signature", "v1=" + "0" * 64), ("X-PagerDuty-Signature", sign(BODY))]
    status, _, _ = await api.send("POST", "/webhooks/pagerduty", data=BODY, headers=lines)
    assert status == 202


async def test_without_a_secret_no_webhook_is_taken(doors: Doors) -> None:
    async for api in serving(replace(doors, webhook_secrets=("",))):
        status, _, _ = await api.webhook(BODY, sign(BODY, ""))
        assert status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"event":{}}',
        b'{"event":{"id":"a","id":"b"}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_signed_body_with_a_broken_envelope_is_400(api: Api, memory: Memory, body: bytes) -> None:
    status, answer, _ = await api.webhook(body)
    assert status == 400
    assert_shape(answer, "bad-input")
    assert memory.items == []


async def test_signed_events_that_mean_nothing_here_are_202_and_ignored(api: Api, memory: Memory) -> None:
    for event in (
        {"id": "1", "event_type": "service.updated", "data": {}},
        {"id": "2", "event_type": "incident.triggered", "data": None},
        {"id": "3", "event_type": "incident.triggered", "data": {"type": "incident", "id": "no id"}},
        {
            "id": "4",
            "event_type": "incident.annotated",
            "data": {"incident": {"id": "Q1ZK4T8W2R6B3N"}, "content": "[runbook-bot] x"},
        },
    ):
        status, answer, _ = await api.webhook(json.dumps({"event": event}).encode())
        assert (status, answer) == (202, {"status": "ignored"})
    assert memory.items == []


async def test_a_body_over_one_mebibyte_is_413_whether_announced_or_not(api: Api, memory: Memory) -> None:
    big = b'{"event":"' + b"x" * 1024 * 1024 + b'"}'
    status, answer, _ = await api.webhook(big)
    assert status == 413
    assert_shape(answer, "too-large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    status, answer, _ = await api.send("POST", "/webhooks/pagerduty", data=chunks())
    assert status == 413
    assert_shape(answer, "too-large")
    fitting = BODY + b" " * (1024 * 1024 - len(BODY))
    status, _, _ = await api.webhook(fitting)
    assert status == 202


async def test_a_compressed_body_is_400_unread(api: Api, memory: Memory) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    for body, encoding in ((bomb, "gzip"), (BODY, "gzip"), (BODY, "br"), (BODY, "nonsense")):
        status, answer, _ = await api.send(
            "POST",
            "/webhooks/pagerduty",
            data=body,
            headers={"Content-Encoding": encoding, "X-PagerDuty-Signature": sign(body)},
        )
        assert status == 400, encoding
        assert_shape(answer, "bad-input")
    assert memory.items == []


async def test_while_the_journal_is_away_the_sender_is_asked_to_come_again(api: Api, memory: Memory) -> None:
    memory.trouble = JournalUnavailable("disk of /srv/secret is full")
    for status, answer, headers in (await api.webhook(BODY), await api.event(EVENT)):
        assert status == 503
        assert headers["Retry-After"] == "10"
        assert_shape(answer, "journal-unavailable")
        assert "/srv" not in json.dumps(answer)
    memory.trouble, memory.hangs = None, True
    status, answer, _ = await api.webhook(BODY)
    assert status == 503
    assert memory.woken_after == []


async def test_an_unknown_error_shows_a_reference_and_is_logged_under_it(
    api: Api, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.trouble = RuntimeError("password=hunter2")
    with caplog.at_level(logging.ERROR):
        status, answer, _ = await api.webhook(BODY)
    assert status == 500
    assert_shape(answer, "internal")
    assert "ref-1" in answer["error"]["message"]
    assert "hunter2" not in json.dumps(answer)
    assert "ref-1" in caplog.text


async def test_an_event_of_an_operator_is_accepted_once(api: Api, memory: Memory) -> None:
    status, answer, _ = await api.event(EVENT)
    assert (status, answer) == (202, {"status": "accepted"})
    (item,) = memory.items
    assert item.inbox_id == "anomaly:a-17"
    signal = read_item(item, us=Self())
    assert isinstance(signal, Signal)
    assert signal.actor is not None
    assert signal.actor.id == "api:detector"
    status, answer, _ = await api.event({**EVENT, "value": 98})
    assert (status, answer) == (202, {"status": "duplicate"})


async def test_an_event_needs_a_token_and_the_role(api: Api, memory: Memory) -> None:
    for token, code, expected in (
        ("", "unauthenticated", 401),
        ("nonsense", "unauthenticated", 401),
        (minted(secret=b"k" * 40), "unauthenticated", 401),
        (minted(VIEWER), "not-permitted", 403),
    ):
        status, answer, _ = await api.event(EVENT, token=token)
        assert status == expected
        assert_shape(answer, code)
    twice = [("Authorization", f"Bearer {minted()}"), ("Authorization", f"Bearer {minted(VIEWER)}")]
    status, _, _ = await api.send("POST", "/api/v1/events", json=EVENT, headers=twice)
    assert status == 401
    assert memory.items == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"anomaly_id":NaN}',
        json.dumps({**EVENT, "value": "97"}).encode(),
        json.dumps({**EVENT, "x" * 500: 1}).encode(),
    ],
)
async def test_an_event_that_does_not_fit_is_400_and_names_what(
    api: Api, memory: Memory, body: bytes
) -> None:
    status, answer, _ = await api.event(body)
    assert status == 400
    assert_shape(answer, "bad-input")
    assert len(answer["error"]["message"]) < 600
    assert memory.items == []


async def test_without_a_secret_for_tokens_no_event_is_taken(doors: Doors) -> None:
    async for api in serving(replace(doors, tokens=None)):
        status, answer, _ = await api.event(EVENT)
        assert status == 401
        assert "BOT_JWT_SECRET" in answer["error"]["hint"]


async def test_health_and_readiness(doors: Doors) -> None:
    async def missing() -> dict[str, str]:
        return {"slack": "not connected"}

    async for api in serving(doors):
        assert (await api.send("GET", "/healthz"))[:2] == (200, {"status": "ok"})
        assert (await api.send("GET", "/readyz"))[:2] == (200, {"status": "ready", "missing": {}})
    async for api in serving(replace(doors, readiness=missing)):
        status, answer, _ = await api.send("GET", "/readyz")
        assert (status, answer) == (503, {"status": "not ready", "missing": {"slack": "not connected"}})


async def test_unknown_addresses_and_methods_answer_in_the_one_shape(api: Api) -> None:
    status, answer, _ = await api.send("GET", "/nowhere")
    assert status == 404
    assert_shape(answer, "not-found")
    status, answer, headers = await api.send("GET", "/webhooks/pagerduty")
    assert status == 405
    assert_shape(answer, "method-not-allowed")
    assert headers["Allow"] == "POST"


async def test_what_is_mounted_beside_the_routes_answers_for_itself(doors: Doors) -> None:
    async def other(_request: web.Request) -> web.Response:
        raise web.HTTPForbidden(text="its own words")

    inner = web.Application()
    inner.router.add_get("/events", other)
    app = create_app(doors)
    app.add_subapp("/slack", inner)
    async with (
        TestServer(app) as server,
        ClientSession() as session,
        session.get(server.make_url("/slack/events")) as response,
    ):
        assert (response.status, await response.text()) == (403, "its own words")


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nX-PagerDuty-Signature: v1=\xff\xfe\r\n"
        b"Content-Length: 2\r\n\r\n{}",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nX-PagerDuty-Signature: "
        + b"a" * 20_000
        + b"\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\nContent-Length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    ],
)
async def test_broken_http_is_refused_and_never_a_server_error(api: Api, memory: Memory, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection(api.server.host, api.server.port)
    writer.write(raw)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), timeout=PATIENCE_S)
    writer.close()
    await writer.wait_closed()
    assert answer == b"" or answer.split(b" ", 2)[1].startswith(b"4"), answer[:200]
    assert memory.items == []


SENDABLE = [
    (name, token)
    for name, token in HOSTILE
    if len(token) < 60_000 and token.isascii() and token.isprintable()
]


@pytest.mark.parametrize("token", [pytest.param(token, id=name) for name, token in SENDABLE])
async def test_a_hostile_token_is_401_at_the_door_too(api: Api, memory: Memory, token: str) -> None:
    status, answer, headers = await api.event(EVENT, token=token)
    assert status == 401
    assert_shape(answer, "unauthenticated")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert memory.items == []


def test_there_are_more_than_a_hundred_and_twenty_of_them() -> None:
    assert len({token for _, token in SENDABLE}) >= 120
