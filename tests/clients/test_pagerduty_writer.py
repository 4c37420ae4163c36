"""What is sent to PagerDuty to change something, beside its published request shapes, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clients.pagerduty import PagerDutyReader, PagerDutyWriter
from bot.errors import BadInput, BotError, NotFound

SHAPES = json.loads(Path(__file__).with_name("pagerduty_requests.json").read_text(encoding="utf-8"))
INCIDENT = "Q1ZK4T8W2R6B3N"
ALICE = "alice@acme.example"


class Server:
    """Answers from a queue, else 200, and remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[web.Request, Any]] = []
        self.next: list[web.Response] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request, await request.json()))
        return self.next.pop(0) if self.next else web.json_response({})


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    fake = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    async with TestServer(app) as running:
        fake.url = str(running.make_url("/"))
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def writer(server: Server, clock: Clock) -> AsyncIterator[PagerDutyWriter]:
    one = PagerDutyWriter("secret-token", base_url=server.url, clock=clock, sleep=clock.sleep)
    yield one
    await one.close()


async def test_every_change_has_the_published_shape_and_headers(
    server: Server, writer: PagerDutyWriter
) -> None:
    await writer.add_note(INCIDENT, "Alice approved.\nüñí ✓", sender=ALICE)
    await writer.acknowledge(INCIDENT, sender=ALICE)
    await writer.resolve(INCIDENT, sender=ALICE)
    told = [f"{request.method} {request.path.replace(INCIDENT, '{id}')}" for request, _ in server.asked]
    assert told == ["POST /incidents/{id}/notes", "PUT /incidents/{id}", "PUT /incidents/{id}"]
    for name, (request, body) in zip(told, server.asked, strict=True):
        jsonschema.validate(body, SHAPES[name]["body"])
        assert all(request.headers.get(header) for header in SHAPES[name]["headers"])
        assert request.headers["From"] == ALICE
        assert request.headers["Authorization"] == "Token token=secret-token"
        assert request.headers["Accept"] == "application/vnd.pagerduty+json;version=2"
        assert request.headers["Content-Type"] == "application/json"
    bodies = [body for _, body in server.asked]
    assert bodies[0] == {"note": {"content": "Alice approved.\nüñí ✓"}}
    assert [body["incident"]["status"] for body in bodies[1:]] == ["acknowledged", "resolved"]


@pytest.mark.parametrize(
    "body",
    [{}, {"note": "words"}, {"note": {"content": ""}}, {"note": {"content": "x", "user": 1}}],
)
def test_the_shapes_refuse_what_pagerduty_would(body: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, SHAPES["POST /incidents/{id}/notes"]["body"])


def error(status: int, code: int | None = None, message: str = "no") -> Callable[[], web.Response]:
    return lambda: web.json_response({"error": {"message": message, "code": code}}, status=status)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(400, 1008, "Requester User Not Found"), "pagerduty-sender-refused"),
        (error(400, 1028, 'Malformed "From" header'), "pagerduty-sender-refused"),
        (error(400, 2016), "pagerduty-sender-refused"),
        (error(400, 2001, "Invalid Input Provided"), "pagerduty-rejected"),
        (error(422), "pagerduty-rejected"),
        (lambda: web.Response(status=400, body=b"<html>"), "pagerduty-rejected"),
        (lambda: web.json_response({"error": "words"}, status=400), "pagerduty-rejected"),
        (lambda: web.json_response([1], status=400), "pagerduty-rejected"),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "pagerduty-rejected"),
        (error(401), "pagerduty-refused"),
        (error(403), "pagerduty-refused"),
        (error(404), "not-found"),
        (lambda: web.Response(status=500), "pagerduty-unknown"),
        (lambda: web.Response(status=503), "pagerduty-unknown"),
        (lambda: web.Response(body=b"x" * (9 * 1024 * 1024)), "pagerduty-unknown"),
    ],
)
async def test_each_answer_is_told_apart_and_nothing_is_asked_twice(
    server: Server, writer: PagerDutyWriter, answer: Callable[[], web.Response], code: str
) -> None:
    server.next = [answer()]
    with pytest.raises(BotError) as refused:
        await writer.add_note(INCIDENT, "words", sender=ALICE)
    assert refused.value.stable_code == code
    assert isinstance(refused.value, NotFound) is (code == "not-found")
    assert "secret-token" not in f"{refused.value!r}{refused.value}{writer!r}"
    assert len(server.asked) == 1


async def test_a_rate_limit_is_waited_out_because_nothing_was_done(
    server: Server, writer: PagerDutyWriter, clock: Clock
) -> None:
    server.next = [web.Response(status=429, headers={"ratelimit-reset": "4"}), web.Response(status=429)]
    await writer.add_note(INCIDENT, "words", sender=ALICE)
    assert clock.slept == [4.0, 1.0]
    server.next = [web.Response(status=429, headers={"ratelimit-reset": "60"})]
    with pytest.raises(BotError) as refused:
        await writer.add_note(INCIDENT, "words", sender=ALICE)
    assert refused.value.stable_code == "pagerduty-unavailable"


async def test_a_server_that_is_not_there_was_asked_nothing(clock: Clock) -> None:
    writer = PagerDutyWriter("t", base_url="http://127.0.0.1:1", clock=clock, sleep=clock.sleep)
    with pytest.raises(BotError) as refused:
        await writer.add_note(INCIDENT, "words", sender=ALICE)
    assert refused.value.stable_code == "pagerduty-unavailable"
    await writer.close()


async def test_a_connection_that_is_cut_after_asking_leaves_it_unknown(
    server: Server, writer: PagerDutyWriter
) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cut)
    async with TestServer(app) as running:
        one = PagerDutyWriter("t", base_url=str(running.make_url("/")))
        with pytest.raises(BotError) as refused:
            await one.acknowledge(INCIDENT, sender=ALICE)
        await one.close()
    assert refused.value.stable_code == "pagerduty-unknown"


@pytest.mark.parametrize(
    "sender", ["", "alice", "a@b\r\nX-Evil: 1", "a b@c.d", "slack:U01", "Ä@acme.example"]
)
async def test_a_sender_that_is_no_address_is_never_sent(
    server: Server, writer: PagerDutyWriter, sender: str
) -> None:
    with pytest.raises(BadInput):
        await writer.add_note(INCIDENT, "words", sender=sender)
    with pytest.raises(BadInput):
        await writer.resolve("../users", sender=ALICE)
    assert server.asked == []


def test_reader_and_writer_share_no_verb() -> None:
    def verbs(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")} - {"close"}

    assert verbs(PagerDutyWriter) == {"add_note", "acknowledge", "resolve"}
    assert not verbs(PagerDutyWriter) & verbs(PagerDutyReader)
