"""The PagerDuty reader against a real HTTP server on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clients.pagerduty import API_URL, API_URL_EU, OnCall, PagerDutyReader, base_url_of
from bot.errors import BadInput, BotError, NotFound
from bot.intake.enrichment import read_more
from bot.intake.pagerduty import read_webhook
from bot.intake.signal import Ignored
from tests.clients.test_pagerduty_writer import SHAPES
from tests.intake.given import NOW, PAGERDUTY_ID, opened, signal_of, webhook_bytes

INCIDENT = json.loads(webhook_bytes("incident.triggered"))["event"]["data"]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers from a queue, else as PagerDuty does, and remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.next: list[web.Response] = []
        self.incidents: list[dict[str, Any]] = [INCIDENT]
        self.on_call: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if self.next:
            return self.next.pop(0)
        if request.path.endswith("/alerts"):
            return web.json_response({"alerts": [{"summary": "p99 above 2 s"}, "junk"]})
        if request.path.endswith("/notes"):
            return web.json_response({"notes": [{"content": "looking"}]})
        if request.path.startswith("/services/"):
            return web.json_response({"service": {"id": "PCACHE1", "escalation_policy": {"id": "PESCPAY"}}})
        if request.path == "/oncalls":
            start = int(request.query["offset"])
            page = self.on_call[start : start + 100]
            return web.json_response({"oncalls": page, "more": start + 100 < len(self.on_call)})
        if request.path == "/incidents":
            start = int(request.query["offset"])
            page = self.incidents[start : start + 100]
            return web.json_response({"incidents": page, "more": start + 100 < len(self.incidents)})
        return web.json_response({"incident": INCIDENT})


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
    app.router.add_get("/{path:.*}", fake.answer)
    async with TestServer(app) as running:
        fake.url = str(running.make_url("/"))
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def reader(server: Server, clock: Clock) -> AsyncIterator[PagerDutyReader]:
    async with PagerDutyReader("secret-token", base_url=server.url, clock=clock, sleep=clock.sleep) as one:
        yield one


async def test_an_incident_and_its_alerts_are_read_with_the_headers_pagerduty_wants(
    server: Server, reader: PagerDutyReader
) -> None:
    assert await reader.incident(PAGERDUTY_ID) == INCIDENT
    assert await reader.alerts(PAGERDUTY_ID) == ({"summary": "p99 above 2 s"},)
    first = server.asked[0]
    assert first.path == f"/incidents/{PAGERDUTY_ID}"
    assert first.headers["Authorization"] == "Token token=secret-token"
    assert first.headers["Accept"] == "application/vnd.pagerduty+json;version=2"
    assert first.headers["Content-Type"] == "application/json"


async def test_every_read_asks_for_nothing_that_is_not_published(
    server: Server, reader: PagerDutyReader
) -> None:
    await reader.incident(PAGERDUTY_ID)
    await reader.alerts(PAGERDUTY_ID)
    await reader.notes(PAGERDUTY_ID)
    await reader.open_incidents()
    await reader.on_call("PCACHE1")
    told = [
        f"{one.method} {one.path.replace(PAGERDUTY_ID, '{id}').replace('PCACHE1', '{id}')}"
        for one in server.asked
    ]
    assert set(told) == {name for name in SHAPES if name.startswith("GET ")}
    for name, request in zip(told, server.asked, strict=True):
        assert all(request.headers.get(header) for header in SHAPES[name]["headers"])
        for parameter, value in request.query.items():
            assert parameter in SHAPES[name]["query"], name
            jsonschema.validate(value, SHAPES[name]["query"][parameter])


async def test_open_incidents_are_read_page_by_page(server: Server, reader: PagerDutyReader) -> None:
    server.incidents = [{**INCIDENT, "id": f"Q{number:08d}"} for number in range(230)]
    assert len(await reader.open_incidents()) == 230
    assert [request.query["offset"] for request in server.asked] == ["0", "100", "200"]
    assert server.asked[0].query.getall("statuses[]") == ["triggered", "acknowledged"]


def on_call(user_id: str, *, level: int = 1, **user: Any) -> dict[str, Any]:
    """One entry of the list, as PagerDuty gives it with `include[]=users`."""
    return {
        "escalation_policy": {"id": "PESCPAY"},
        "escalation_level": level,
        "schedule": None,
        "user": {"id": user_id, "type": "user", "name": user_id.title(), **user},
        "start": None,
        "end": None,
    }


async def test_who_is_on_call_now_is_read_for_the_service_and_one_level(
    server: Server, reader: PagerDutyReader
) -> None:
    server.on_call = [
        on_call("PBEA123", email="Bea@acme.example"),
        on_call("PALICE1", email="alice@acme.example"),
        on_call("PALICE1", email="alice@acme.example"),  # of two schedules on one level
        on_call("PBOSS12", level=2, email="boss@acme.example"),
        on_call("PGONE12", name=None, summary="Gone", type="user_reference"),
        "junk",
        {"user": None, "escalation_level": 1},
        {"user": {"id": 7}, "escalation_level": "1"},
    ]
    first = await reader.on_call("PCACHE1")
    assert [(one.name, one.email) for one in first] == [
        ("Gone", ""),
        ("Palice1", "alice@acme.example"),
        ("Pbea123", "bea@acme.example"),
    ]
    assert await reader.on_call("PCACHE1", level=2) == (
        OnCall(pagerduty_id="PBOSS12", name="Pboss12", email="boss@acme.example", level=2),
    )
    assert await reader.on_call("PCACHE1", level=3) == ()
    asked = server.asked[1]
    assert (server.asked[0].path, asked.path) == ("/services/PCACHE1", "/oncalls")
    assert asked.query.getall("escalation_policy_ids[]") == ["PESCPAY"]
    assert asked.query.getall("include[]") == ["users"]


async def test_a_long_list_of_people_on_call_is_read_to_its_end_and_bounded(
    server: Server, reader: PagerDutyReader
) -> None:
    server.on_call = [on_call(f"P{number:06d}") for number in range(5000)]
    assert len(await reader.on_call("PCACHE1")) == 50
    assert len(server.asked) == 1 + 10


async def test_a_service_that_is_none_or_has_no_policy_is_said_so(
    server: Server, reader: PagerDutyReader
) -> None:
    with pytest.raises(BadInput):
        await reader.on_call("../users")
    server.next = [web.Response(status=404)]
    with pytest.raises(NotFound):
        await reader.on_call("PNOBODY")
    server.next = [web.json_response({"service": {"escalation_policy": None}})]
    with pytest.raises(BotError) as refused:
        await reader.on_call("PCACHE1")
    assert refused.value.stable_code == "pagerduty-unavailable"


async def test_a_rate_limit_is_waited_out_by_everyone(
    server: Server, reader: PagerDutyReader, clock: Clock
) -> None:
    server.next = [web.Response(status=429, headers={"ratelimit-reset": "7"})]
    await reader.incident(PAGERDUTY_ID)
    assert clock.slept == [7.0]
    server.next = [web.Response(status=429)]
    await reader.incident(PAGERDUTY_ID)
    assert clock.slept[1:] == [1.0]


async def test_a_rate_limit_longer_than_the_deadline_is_an_error_at_once(
    server: Server, reader: PagerDutyReader, clock: Clock
) -> None:
    server.next = [web.Response(status=429, headers={"ratelimit-reset": "55"})]
    for _ in range(2):
        with pytest.raises(BotError) as refused:
            await reader.incident(PAGERDUTY_ID)
        assert refused.value.stable_code == "pagerduty-unavailable"
    assert clock.slept == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "code", "asked"),
    [
        (lambda: web.Response(status=401), "pagerduty-refused", 1),
        (lambda: web.Response(status=403), "pagerduty-refused", 1),
        (lambda: web.Response(status=404), "not-found", 1),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "pagerduty-unavailable", 1),
        (lambda: web.Response(status=500), "pagerduty-unavailable", 3),
        (lambda: web.Response(body=b"{"), "pagerduty-unavailable", 1),
        (lambda: web.Response(body=b"[]"), "pagerduty-unavailable", 1),
        (lambda: web.json_response({"incident": []}), "pagerduty-unavailable", 1),
        (lambda: web.Response(body=b"x" * (9 * 1024 * 1024)), "pagerduty-unavailable", 1),
    ],
)
async def test_each_trouble_has_its_code_and_no_token_in_it(
    server: Server, reader: PagerDutyReader, answer: Callable[[], web.Response], code: str, asked: int
) -> None:
    server.next = [answer() for _ in range(3)]
    with pytest.raises(BotError) as refused:
        await reader.incident(PAGERDUTY_ID)
    assert refused.value.stable_code == code
    assert isinstance(refused.value, NotFound) is (code == "not-found")
    assert "secret-token" not in f"{refused.value!r}{refused.value}{reader!r}"
    assert len(server.asked) == asked


async def test_a_server_that_is_not_there_is_unavailable(clock: Clock) -> None:
    async with PagerDutyReader("t", base_url="http://127.0.0.1:1", clock=clock, sleep=clock.sleep) as reader:
        with pytest.raises(BotError) as refused:
            await reader.incident(PAGERDUTY_ID)
    assert refused.value.stable_code == "pagerduty-unavailable"
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    "text", ["", "../users", "Q1", "Q1ZK4T8W2R6B3N/notes", "q1zk4t8w2r6b3n", "Q1ZK4T8W2R6B3N\n"]
)
async def test_an_id_that_is_none_is_never_asked_for(
    server: Server, reader: PagerDutyReader, text: str
) -> None:
    with pytest.raises(BadInput):
        await reader.incident(text)
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (API_URL, True),
        (API_URL_EU, True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080/v2", True),
        ("http://localhost:1", True),
        ("http://api.pagerduty.com", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://user:pw@api.pagerduty.com", False),
        ("ftp://api.pagerduty.com", False),
        ("https://api.pagerduty.com?x=1", False),
        ("api.pagerduty.com", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_the_token_is_sent_over_https_or_to_this_machine_only(url: str, good: bool) -> None:
    if good:
        base_url_of(url)
    else:
        with pytest.raises(BadInput):
            base_url_of(url)


def test_the_reader_has_no_verb_that_writes() -> None:
    assert {name for name in dir(PagerDutyReader) if not name.startswith("_")} == {
        "incident",
        "alerts",
        "open_incidents",
        "notes",
        "on_call",
        "close",
    }


async def test_more_is_read_of_an_incident_and_without_an_answer_nothing_is_lost(
    server: Server, reader: PagerDutyReader
) -> None:
    incident = opened(signal_of(read_webhook(webhook_bytes("incident.triggered"), received_at=NOW)))
    assert signal_of(await read_more(incident, reader=reader, read_at=NOW)).facts.symptom == "p99 above 2 s"
    server.next = [web.json_response({"incident": INCIDENT}), web.Response(status=404)]
    assert signal_of(await read_more(incident, reader=reader, read_at=NOW)).facts.symptom == ""
    server.next = [web.Response(status=401)]
    assert isinstance(await read_more(incident, reader=reader, read_at=NOW), Ignored)
