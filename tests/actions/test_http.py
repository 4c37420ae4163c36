"""Http steps against a real server on loopback: where they may go, what they carry, what an answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st
from pydantic import ValidationError
from yarl import URL

from bot.actions.base import Outcome, Plan
from bot.actions.http import HttpAction, HttpInput
from bot.actions.urls import place_of
from bot.catalog.schema import EnvironmentName, Secret, UrlHost
from bot.catalog.templating import render
from bot.clients.http import HttpClient
from bot.errors import ActionFailed, ActionRetry, ActionUnknown, BadInput, NotPermitted, Refused
from tests.fakes.actions import STAGING, Bench, Told, catalog, short


@dataclass
class Server:
    """Answers what it is told to, and remembers what it was asked."""

    port: int = 0
    answers: list[Any] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        self.arrived.set()
        answer = self.answers.pop(0) if self.answers else web.Response(text="fine")
        if answer == "hang":
            await self.hold.wait()
            return web.Response()
        if answer == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if answer == "half":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.close()
            return response
        assert isinstance(answer, web.Response)
        return answer


async def serve(server: Server) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    return runner


@pytest.fixture
async def servers() -> AsyncIterator[list[Server]]:
    made = [Server(), Server()]
    runners = [await serve(server) for server in made]
    yield made
    for server, runner in zip(made, runners, strict=True):
        server.hold.set()
        await runner.cleanup()


@pytest.fixture
def server(servers: list[Server]) -> Server:
    return servers[0]


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def bench(servers: list[Server]) -> Bench:
    first, second = (server.port for server in servers)

    def listed(name: str, port: int, environment: str = "staging") -> UrlHost:
        return UrlHost(
            name=name,
            environment=EnvironmentName(environment),
            port=port,
            allow_private=True,
            allow_plain_http=True,
        )

    urls = {
        f"api.test:{first}": listed("api.test", first),
        f"other.test:{second}": listed("other.test", second),
        f"prod.test:{second}": listed("prod.test", second, "prod"),
    }
    secrets = {"API_TOKEN": Secret(name="API_TOKEN", hosts=("api.test",))}
    return Bench(catalog=catalog(urls=urls, secrets=secrets), http=HttpClient(resolve=loopback))


async def planned(bench: Bench, **given: Any) -> Plan:
    return await HttpAction(bench.tools).plan(HttpInput.model_validate(given), bench.scope())


async def sent(bench: Bench, **given: Any) -> Outcome:
    return await HttpAction(bench.tools).execute(await planned(bench, **given), Told())


# ---------------------------------------------------------------- where it may go


async def test_a_host_that_is_not_listed_is_refused() -> None:
    with pytest.raises(NotPermitted, match=r"evil\.example:443 is not listed"):
        await planned(Bench(), url="https://evil.example/")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@api.acme.example/",
        "https://api.acme.example@evil.example/",
        "https://api.acme.example\\@evil.example/",
        "https://api.acme.example/ x",
        "ftp://api.acme.example/",
        "//api.acme.example/",
        "https://",
        "https://api.acme.example:99999/",
        "https://äpi.acme.example/",
        "https://api..acme.example/",
    ],
)
async def test_an_address_that_can_be_read_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        await planned(Bench(), url=url)


@drawn(
    text=st.text(alphabet="ab.:/@#?\\[]%0189 -_~\t\n\u00e4\uff0f", max_size=30),
    scheme=st.sampled_from(["https://", "http://", "HTTPS://", "https:/", ""]),
)
@example(text="api.acme.example:443@evil.example/", scheme="https://")
@example(text="api.acme.example#@evil.example/", scheme="https://")
def test_an_address_that_is_taken_reads_the_same_to_whoever_sends_it(text: str, scheme: str) -> None:
    url = scheme + text
    try:
        place = place_of(url)
    except Refused:
        return
    sent = URL(quote(url.split("#")[0], safe="%:/?#[]@!$&'()*+,;=-._~"), encoded=True)
    assert (sent.scheme, (sent.host or "").lower(), sent.port) == (place.scheme, place.host, place.port)
    assert sent.user is None


@pytest.mark.parametrize("url", ["http://api.acme.example/", "https://api.acme.example:8443/"])
async def test_scheme_and_port_must_be_the_listed_ones(url: str) -> None:
    with pytest.raises(NotPermitted):
        await planned(Bench(), url=url)


async def test_a_listed_name_that_points_inside_is_refused_and_nothing_is_sent() -> None:
    async def inside(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "169.254.169.254"]

    bench = Bench(http=HttpClient(resolve=inside))
    with pytest.raises(ActionFailed, match=r"169\.254\.169\.254, a cloud metadata address") as caught:
        await sent(bench, url="https://api.acme.example/")
    assert caught.value.effect == "none"


async def test_the_connection_goes_to_the_address_that_was_checked(server: Server, bench: Bench) -> None:
    asked: list[str] = []

    async def once(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    bench.http = HttpClient(resolve=once)
    outcome = await sent(bench, url=f"http://api.test:{server.port}/x")
    assert outcome.verdict == "succeeded"
    assert asked == ["api.test"]


async def test_a_name_that_does_not_resolve_can_be_tried_again() -> None:
    async def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(ActionRetry, match="nothing was sent"):
        await sent(Bench(http=HttpClient(resolve=nothing)), url="https://api.acme.example/")


async def test_a_server_that_does_not_speak_tls_gets_nothing(server: Server, bench: Bench) -> None:
    with pytest.raises((ActionFailed, ActionRetry), match="nothing was sent"):
        await sent(bench, method="POST", url=f"https://api.test:{server.port}/x")
    assert server.asked == []


# ---------------------------------------------------------------- what it carries


async def test_secrets_are_names_in_the_plan_and_values_on_the_wire(server: Server, bench: Bench) -> None:
    given = {
        "method": "POST",
        "url": f"http://api.test:{server.port}/x?key=${{API_TOKEN}}",
        "headers": {"Authorization": "Bearer $API_TOKEN"},
        "body": {"token": "$API_TOKEN", "n": 3},
    }
    bench.secrets["API_TOKEN"] = "s3/cret&x"
    plan = await planned(bench, **given)
    assert "s3/cret" not in repr(plan)
    assert "$API_TOKEN" in plan.will_run[0]
    await HttpAction(bench.tools).execute(plan, Told())
    method, path, headers, body = server.asked[0]
    assert (method, path) == ("POST", "/x?key=s3%2Fcret%26x")
    assert headers["Authorization"] == "Bearer s3/cret&x"
    assert (body, headers["Content-Type"]) == ('{"token": "s3/cret&x", "n": 3}', "application/json")


async def test_a_value_that_spells_a_secret_is_sent_as_those_letters(server: Server, bench: Bench) -> None:
    tree = {
        "method": "POST",
        "url": f"http://api.test:{server.port}/{{{{ params.x }}}}",
        "headers": {"X-Note": "{{ params.x }}"},
        "body": {"note": "{{ params.x }}"},
    }
    given = render(tree, HttpInput, {"params": {"x": "$API_TOKEN ${API_TOKEN} $$"}})
    await sent(bench, **given)
    _, path, headers, body = server.asked[0]
    assert bench.secrets["API_TOKEN"] not in f"{path}{headers}{body}"
    assert headers["X-Note"] == "$API_TOKEN ${API_TOKEN} $$"
    assert body == '{"note": "$API_TOKEN ${API_TOKEN} $$"}'
    assert path == "/%24API_TOKEN%20%24%7BAPI_TOKEN%7D%20%24%24"


async def test_a_secret_goes_only_to_its_hosts(servers: list[Server], bench: Bench) -> None:
    with pytest.raises(NotPermitted, match=r"\$API_TOKEN may not be sent to other\.test"):
        await planned(
            bench, url=f"http://other.test:{servers[1].port}/", headers={"Authorization": "$API_TOKEN"}
        )
    with pytest.raises(NotPermitted, match=r"\$UNKNOWN is not declared"):
        await planned(bench, url=f"http://api.test:{servers[0].port}/?k=$UNKNOWN")


async def test_a_secret_without_a_value_is_refused_when_planning(server: Server, bench: Bench) -> None:
    bench.secrets.clear()
    with pytest.raises(BadInput, match="has no value"):
        await planned(bench, url=f"http://api.test:{server.port}/", headers={"Authorization": "$API_TOKEN"})


async def test_a_secret_with_a_line_break_cannot_make_a_second_header(server: Server, bench: Bench) -> None:
    bench.secrets["API_TOKEN"] = "x\r\nX-Evil: 1"
    with pytest.raises(ActionFailed, match="nothing was sent"):
        await sent(bench, url=f"http://api.test:{server.port}/", headers={"Authorization": "$API_TOKEN"})
    assert server.asked == []


@pytest.mark.parametrize(
    "headers",
    [{"Host": "x"}, {"content-length": "1"}, {"a b": "x"}, {"X": "a\nb"}, {"X-A": "1", "x-a": "2"}],
)
def test_headers_that_would_break_the_request_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HttpInput.model_validate({"url": "https://a/", "headers": headers})


async def test_a_proxy_in_the_environment_is_not_used(
    server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await sent(bench, url=f"http://api.test:{server.port}/")).verdict == "succeeded"


# ---------------------------------------------------------------- what an answer means


@pytest.mark.parametrize(
    ("method", "status", "expect", "verdict", "effect"),
    [
        ("GET", 200, None, "succeeded", "none"),
        ("GET", 404, None, "failed", "none"),
        ("GET", 503, None, "failed", "none"),
        ("GET", 404, 404, "succeeded", "none"),
        ("POST", 201, None, "succeeded", "applied"),
        ("POST", 200, 201, "failed", "applied"),
        ("POST", 409, None, "failed", "none"),
        ("POST", 409, (200, 409), "succeeded", "applied"),
        ("DELETE", 429, None, "failed", "none"),
    ],
)
async def test_a_status_is_judged(
    server: Server, bench: Bench, method: str, status: int, expect: Any, verdict: str, effect: str
) -> None:
    server.answers = [web.Response(status=status, text="words")]
    outcome = await sent(bench, method=method, url=f"http://api.test:{server.port}/", expect_status=expect)
    assert (outcome.verdict, outcome.effect, outcome.output) == (verdict, effect, "words")
    assert str(status) in outcome.summary


@pytest.mark.parametrize("answer", ["hang", "cut", "half", 500, 502])
async def test_a_write_without_a_whole_answer_is_unknown_and_a_read_has_failed(
    server: Server, bench: Bench, answer: Any
) -> None:
    made = web.Response(status=answer) if isinstance(answer, int) else answer
    action = HttpAction(bench.tools)
    server.answers = [made]
    plan = short(await planned(bench, method="POST", url=f"http://api.test:{server.port}/"), 0.3)
    with pytest.raises(ActionUnknown):
        await action.execute(plan, Told())
    server.answers = [web.Response(status=answer) if isinstance(answer, int) else answer]
    plan = short(await planned(bench, url=f"http://api.test:{server.port}/"), 0.3)
    try:
        outcome = await action.execute(plan, Told())
    except ActionFailed as error:
        outcome = Outcome(verdict="failed", effect=error.effect, summary=error.message)  # type: ignore[arg-type]
    assert (outcome.verdict, outcome.effect) == ("failed", "none")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_lost_connection_never_sends_twice(server: Server, bench: Bench, method: str) -> None:
    server.answers = ["cut"]
    for host in ("api.test", "127.0.0.1"):
        place = UrlHost(
            name=host, environment=STAGING, port=server.port, allow_private=True, allow_plain_http=True
        )
        bench.catalog = catalog(urls={f"{host}:{server.port}": place})
        server.asked.clear()
        server.answers = ["cut"]
        with pytest.raises((ActionUnknown, ActionFailed)):
            await sent(bench, method=method, url=f"http://{host}:{server.port}/")
        assert len(server.asked) == 1


async def test_a_stop_while_waiting_for_a_write_is_unknown(server: Server, bench: Bench) -> None:
    server.answers = ["hang"]
    told = Told()
    plan = await planned(bench, method="POST", url=f"http://api.test:{server.port}/")
    running = asyncio.create_task(HttpAction(bench.tools).execute(plan, told))
    await server.arrived.wait()
    told.stop.set()
    with pytest.raises(ActionUnknown, match="stopped by request"):
        await running


async def test_a_huge_answer_is_capped_with_a_mark(server: Server, bench: Bench) -> None:
    server.answers = [web.Response(body=b"x" * 3_000_000, content_type="text/plain")]
    outcome = await sent(bench, url=f"http://api.test:{server.port}/")
    assert len(outcome.output) < 1024 * 1024 + 50
    assert outcome.output.endswith("(cut here)\n")


async def test_an_answer_that_is_not_text_is_still_shown(server: Server, bench: Bench) -> None:
    server.answers = [
        web.Response(body=b"\xff\x00ok", headers={"Content-Type": "text/plain; charset=nonsense"})
    ]
    assert (await sent(bench, url=f"http://api.test:{server.port}/")).output == "\ufffd\ufffdok"


# ---------------------------------------------------------------- redirects


def to(location: str, status: int = 302) -> web.Response:
    return web.Response(status=status, headers={"Location": location})


async def test_a_redirect_to_a_listed_host_is_followed_without_logins(
    servers: list[Server], bench: Bench
) -> None:
    first, second = servers
    first.answers = [to(f"http://other.test:{second.port}/there")]
    outcome = await sent(
        bench,
        url=f"http://api.test:{first.port}/here",
        headers={"Authorization": "Bearer x", "X-Key": "$API_TOKEN", "Accept": "text/plain"},
    )
    assert outcome.verdict == "succeeded"
    method, path, headers, _ = second.asked[0]
    assert (method, path) == ("GET", "/there")
    assert "Authorization" not in headers
    assert "X-Key" not in headers
    assert headers["Accept"] == "text/plain"


async def test_a_redirect_on_the_same_host_keeps_logins(server: Server, bench: Bench) -> None:
    server.answers = [to("/there")]
    await sent(bench, url=f"http://api.test:{server.port}/here", headers={"Authorization": "$API_TOKEN"})
    assert server.asked[1][2]["Authorization"] == bench.secrets["API_TOKEN"]


@pytest.mark.parametrize(
    "location", ["http://evil.test/", "http://169.254.169.254/latest", "ftp://api.test/"]
)
async def test_a_redirect_off_the_list_is_not_followed(server: Server, bench: Bench, location: str) -> None:
    server.answers = [to(location)]
    outcome = await sent(bench, url=f"http://api.test:{server.port}/")
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert "302" in outcome.summary


async def test_a_redirect_into_another_environment_is_not_followed(
    servers: list[Server], bench: Bench
) -> None:
    first, second = servers
    first.answers = [to(f"http://prod.test:{second.port}/")]
    assert (await sent(bench, url=f"http://api.test:{first.port}/")).verdict == "failed"
    assert second.asked == []


async def test_post_then_see_other_is_read_with_get(server: Server, bench: Bench) -> None:
    server.answers = [to("/done", 303), web.Response(text="created")]
    outcome = await sent(bench, method="POST", url=f"http://api.test:{server.port}/", body={"a": 1})
    assert (outcome.verdict, outcome.effect, outcome.output) == ("succeeded", "applied", "created")
    assert [(asked[0], asked[3]) for asked in server.asked] == [("POST", '{"a": 1}'), ("GET", "")]


async def test_a_temporary_redirect_repeats_the_write_on_the_same_host_only(
    servers: list[Server], bench: Bench
) -> None:
    first, second = servers
    first.answers = [to("/again", 307)]
    assert (
        await sent(bench, method="PUT", url=f"http://api.test:{first.port}/", body="x")
    ).verdict == "succeeded"
    assert [asked[3] for asked in first.asked] == ["x", "x"]
    first.answers = [to(f"http://other.test:{second.port}/", 307)]
    outcome = await sent(bench, method="PUT", url=f"http://api.test:{first.port}/", body="x")
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert second.asked == []


async def test_a_write_answered_by_a_redirect_that_leads_nowhere_is_unknown(
    server: Server, bench: Bench
) -> None:
    for answers in (
        [to("http://evil.test/")],
        [to("/done", 303), web.Response(status=404)],
        [to("/done", 303), "cut"],
    ):
        server.answers = answers
        with pytest.raises(ActionUnknown):
            await sent(bench, method="POST", url=f"http://api.test:{server.port}/")


async def test_a_redirect_loop_ends(server: Server, bench: Bench) -> None:
    server.answers = [to("/") for _ in range(20)]
    with pytest.raises(ActionFailed, match="more than 5 times"):
        await sent(bench, url=f"http://api.test:{server.port}/")
    assert len(server.asked) == 6


async def test_a_dry_run_checks_the_address_and_sends_nothing(server: Server, bench: Bench) -> None:
    action = HttpAction(bench.tools)
    plan = await planned(bench, method="POST", url=f"http://api.test:{server.port}/")
    assert (await action.dry_run(plan)).effect == "none"
    assert server.asked == []
    assert plan.targets[0].environment == STAGING
