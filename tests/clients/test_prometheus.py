"""The Prometheus reader against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.prometheus import POINTS_LIMIT, PrometheusReader, _answer, base_url_of
from bot.clients.series import SERIES_LIMIT
from bot.errors import BadInput, BotError

NOW = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
Responder = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(kind: str, result: Any) -> web.Response:
    return web.json_response({"status": "success", "data": {"resultType": kind, "result": result}})


def refused(status: int, error: str) -> web.Response:
    return web.json_response({"status": "error", "errorType": "bad_data", "error": error}, status=status)


class Server:
    """Answers from a queue, else with one point, and remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.next: list[web.Response | Responder] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if not self.next:
            return told("vector", [{"metric": {}, "value": [1.0, "1"]}])
        following = self.next.pop(0)
        return following if isinstance(following, web.Response) else await following(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    fake = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", fake.answer)
    async with TestServer(app) as running:
        fake.url = str(running.make_url("/prom"))
        yield fake


@pytest.fixture
async def reader(server: Server) -> AsyncIterator[PrometheusReader]:
    async with PrometheusReader(server.url, token="t0ps3cret", deadline_s=0.5) as one:
        yield one


async def trouble_of(asking: Awaitable[object]) -> BotError:
    with pytest.raises(BotError) as caught:
        await asking
    assert "t0ps3cret" not in str(caught.value)
    return caught.value


async def test_a_moment_is_asked_for_with_the_token_and_a_time_limit(
    server: Server, reader: PrometheusReader
) -> None:
    answer = await reader.now('up{job="a b"}', at=NOW)
    assert answer.series[0].points == ((1.0, 1.0),)
    [request] = server.asked
    assert request.path == "/prom/api/v1/query"
    assert request.query["query"] == 'up{job="a b"}'
    assert request.query["time"] == f"{NOW.timestamp():.3f}"
    assert 0 < float(request.query["timeout"]) <= 0.5
    assert request.headers["Authorization"] == "Bearer t0ps3cret"


async def test_a_stretch_of_time_is_asked_for_with_its_step(server: Server, reader: PrometheusReader) -> None:
    values = [[NOW.timestamp(), "1.5"], [NOW.timestamp() + 0.25, "2"]]
    server.next.append(told("matrix", [{"metric": {"service": "payments"}, "values": values}]))
    answer = await reader.over("errors", start=NOW, end=NOW + timedelta(seconds=1), step_s=0.25)
    [series] = answer.series
    assert series.labels == {"service": "payments"}
    assert [value for _, value in series.points] == [1.5, 2.0]
    assert server.asked[0].path == "/prom/api/v1/query_range"
    assert server.asked[0].query["step"] == "0.250"


async def test_what_is_no_number_is_left_out_and_counted(server: Server, reader: PrometheusReader) -> None:
    values = [[1, "NaN"], [2, "+Inf"], [3, "-Inf"], [4, "0"], [5, "1e3"]]
    server.next.append(told("matrix", [{"metric": {}, "values": values}]))
    [series] = (await reader.now("x")).series
    assert series.points == ((4.0, 0.0), (5.0, 1000.0))
    assert series.dropped == 3


async def test_no_data_is_an_answer(server: Server, reader: PrometheusReader) -> None:
    server.next += [told("vector", []), told("matrix", [{"metric": {}, "histograms": [[1, {}]]}])]
    assert (await reader.now("absent")).count == 0
    assert (await reader.now("native_histogram")).series[0].points == ()
    server.next.append(told("scalar", [7, "42"]))
    assert (await reader.now("scalar(x)")).series[0].points == ((7.0, 42.0),)


async def test_of_many_series_a_few_are_kept_and_all_counted(
    server: Server, reader: PrometheusReader
) -> None:
    many = [{"metric": {"n": str(number)}, "value": [1, "1"]} for number in range(SERIES_LIMIT + 5)]
    server.next.append(told("vector", many))
    answer = await reader.now("x")
    assert (answer.count, len(answer.series)) == (SERIES_LIMIT + 5, SERIES_LIMIT)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_query_that_cannot_be_answered_is_told_in_prometheus_own_words(
    server: Server, reader: PrometheusReader, status: int
) -> None:
    server.next.append(refused(status, "parse error:\n unclosed left parenthesis" + "x" * 999))
    problem = await trouble_of(reader.now("rate("))
    assert problem.stable_code == "prometheus-query"
    assert "parse error: unclosed left parenthesis" in problem.message
    assert len(problem.message) < 300
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_told(server: Server, reader: PrometheusReader, status: int) -> None:
    server.next.append(web.Response(status=status))
    assert (await trouble_of(reader.now("x"))).stable_code == "prometheus-refused"


async def test_what_passes_by_itself_is_tried_again(server: Server, reader: PrometheusReader) -> None:
    server.next.append(refused(503, "starting up"))
    assert (await reader.now("x")).count == 1
    assert len(server.asked) == 2


async def test_a_server_that_stays_away_is_given_up_at_the_deadline(server: Server) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    server.next.append(never)
    began = asyncio.get_running_loop().time()
    async with PrometheusReader(server.url) as reader:
        problem = await trouble_of(reader.now("x", deadline_s=0.2))
    assert problem.stable_code == "prometheus-unavailable"
    assert asyncio.get_running_loop().time() - began < 1


async def test_nobody_listening_is_told(unused_tcp_port: int) -> None:
    async with PrometheusReader(f"http://127.0.0.1:{unused_tcp_port}", deadline_s=0.1) as reader:
        problem = await trouble_of(reader.now("x"))
    assert problem.stable_code == "prometheus-unavailable"
    assert "BOT_PROMETHEUS_URL" in problem.hint


async def test_a_redirect_is_not_followed(server: Server, reader: PrometheusReader) -> None:
    server.next.append(web.Response(status=302, headers={"Location": server.url}))
    assert "302" in (await trouble_of(reader.now("x"))).message
    assert len(server.asked) == 1


async def test_an_answer_without_end_is_not_read_to_it(server: Server, reader: PrometheusReader) -> None:
    server.next.append(web.Response(body=b"[" * (5 * 1024 * 1024)))
    assert "too large" in (await trouble_of(reader.now("x"))).message


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["data", "result", "resultType", "value", "metric"]), inner)
        ),
    ).map(lambda tree: json.dumps(tree).encode())
)
def test_garbage_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(BotError, match="cannot be read"):
        _answer(200, body)


async def test_too_much_is_not_asked_for(reader: PrometheusReader, server: Server) -> None:
    later = NOW + timedelta(seconds=POINTS_LIMIT + 1)
    for start, end, step_s in ((NOW, later, 1.0), (later, NOW, 1.0), (NOW, later, 0.0)):
        with pytest.raises(BadInput):
            await reader.over("x", start=start, end=end, step_s=step_s)
    for query in ("", " ", "x" * 5000):
        with pytest.raises(BadInput):
            await reader.now(query)
    assert server.asked == []


def test_a_token_travels_covered_or_not_at_all() -> None:
    base_url_of("http://prometheus.monitoring:9090")
    base_url_of("https://prometheus.acme.example/prom", has_token=True)
    base_url_of("http://127.0.0.1:9090", has_token=True)
    with pytest.raises(BadInput, match="in the clear"):
        base_url_of("http://prometheus.monitoring:9090", has_token=True)
    for url in ("prometheus:9090", "ftp://p", "http://u:p@p", "http://p?a=b", "http://"):
        with pytest.raises(BadInput):
            base_url_of(url)
    assert "t0ps3cret" not in repr(PrometheusReader("https://p.example", token="t0ps3cret"))
