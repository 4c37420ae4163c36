"""One request to a cluster: what each way it can go wrong means, and that the configured rate is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from bot.catalog.schema import Cluster
from bot.clients.kubernetes import ClusterReader, Clusters, ClusterWriter
from bot.clients.kubernetes.writer import MERGE
from bot.errors import ActionFailed, ActionRetry, ActionUnknown

EU = Cluster(name="eu", context="eu")
TOKEN = "t0p-s3cret-of-the-kubeconfig"
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kubeconfig(folder: Path, port: int, *, context: str = "eu", token: str = TOKEN) -> Path:
    file = folder / "kubeconfig"
    words = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(json.dumps(words))
    return file


@dataclass
class Api:
    """A server that answers everything with `reply`, and what it was asked."""

    folder: Path
    reply: Reply
    port: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    clusters: Clusters = field(default_factory=Clusters)

    @property
    def reader(self) -> ClusterReader:
        return self.clusters.reader(EU)

    @property
    def writer(self) -> ClusterWriter:
        return self.clusters.writer(EU)


@asynccontextmanager
async def api(folder: Path, reply: Reply, *, timeout_s: float = 2.0) -> AsyncIterator[Api]:
    made = Api(folder=folder, reply=reply)

    async def answer(request: web.Request) -> web.StreamResponse:
        made.asked.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        return await made.reply(request)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    made.clusters = Clusters(kubeconfig=str(kubeconfig(folder, made.port)), request_timeout_s=timeout_s)
    try:
        yield made
    finally:
        await made.clusters.aclose()
        await runner.cleanup()


def says(status: int, body: object = None, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body if body is not None else {"kind": "X"})
        return web.Response(
            status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return reply


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"kind": "Scale"')
    assert request.transport is not None
    request.transport.abort()
    return response


STATUS = {"kind": "Status", "message": 'exceeded quota: "compute"', "reason": "Forbidden"}
AMBIGUOUS = {
    "500": says(500, {"kind": "Status", "message": "etcdserver: request timed out"}),
    "502 page of a proxy": says(502, "<html>Bad Gateway</html>"),
    "503": says(503, STATUS),
    "504": says(504, STATUS),
    "408 of a proxy": says(408, "<html>"),
    "200 with a login page": says(200, "<html>please log in</html>"),
    "200 with a list": says(200, "[1, 2]"),
    "200 with nothing": says(200, ""),
    "304": says(304, ""),
    "cut": cut,
    "cut within the answer": half,
    "no answer in time": silent,
}


async def patch(api: Api, *, dry_run: bool = False) -> object:
    return await api.writer.patch(
        "/apis/apps/v1/namespaces/a/deployments/b/scale", {"spec": {}}, content_type=MERGE, dry_run=dry_run
    )


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_a_write_without_a_clear_answer_is_unknown(tmp_path: Path, name: str) -> None:
    async with api(tmp_path, AMBIGUOUS[name], timeout_s=0.4) as there:
        with pytest.raises(ActionUnknown, match="did not say whether it was done"):
            await patch(there)
        assert len(there.asked) == 1, "a write is sent once"


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_a_read_or_a_dry_run_is_never_unknown(tmp_path: Path, name: str) -> None:
    async with api(tmp_path, AMBIGUOUS[name], timeout_s=0.4) as there:
        with pytest.raises(ActionRetry):
            await there.reader.get("/api/v1/nodes/n")
        with pytest.raises(ActionRetry):
            await patch(there, dry_run=True)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422, 429])
async def test_a_refused_write_is_not_done_and_says_why(tmp_path: Path, status: int) -> None:
    async with api(tmp_path, says(status, STATUS, Retry_After="7")) as there:
        answer = await there.writer.patch("/x", {}, content_type=MERGE)
    assert (answer.status, answer.is_done, answer.retry_after_s) == (status, False, 7.0)
    assert answer.said == 'exceeded quota: "compute"'


async def test_a_refusal_without_words_of_a_cluster_names_its_status(tmp_path: Path) -> None:
    async with api(tmp_path, says(403, "<html>blocked</html>")) as there:
        assert (await there.writer.patch("/x", {}, content_type=MERGE)).said == "HTTP 403"


async def test_nothing_was_sent_where_nobody_listens(tmp_path: Path) -> None:
    clusters = Clusters(kubeconfig=str(kubeconfig(tmp_path, 1)))
    with pytest.raises(ActionRetry, match="nothing was sent"):
        await clusters.writer(EU).patch("/x", {}, content_type=MERGE)
    await clusters.aclose()


async def test_a_login_that_is_no_longer_good_is_made_anew_once(tmp_path: Path) -> None:
    async with api(tmp_path, says(401, STATUS)) as there:
        with pytest.raises(ActionFailed, match="cannot be read"):
            await there.reader.get("/x")
        assert len(there.asked) == 2
        kubeconfig(tmp_path, there.port, token="fresh")

        async def only_fresh(request: web.Request) -> web.StreamResponse:
            is_fresh = request.headers["Authorization"] == "Bearer fresh"
            return await says(200 if is_fresh else 401, {"kind": "Node"})(request)

        there.reply = only_fresh
        assert await there.reader.get("/x") == {"kind": "Node"}


async def test_what_is_missing_is_none_and_what_is_forbidden_says_what_to_do(tmp_path: Path) -> None:
    async with api(tmp_path, says(404, STATUS)) as there:
        assert await there.reader.get("/x") is None
        there.reply = says(403, STATUS)
        with pytest.raises(ActionFailed, match="exceeded quota") as caught:
            await there.reader.get("/x")
    assert "runbookctl rbac" in caught.value.hint


async def test_a_read_waits_out_an_overload(tmp_path: Path) -> None:
    async with api(tmp_path, says(429, STATUS, Retry_After="0")) as there:
        overloaded = there.reply

        async def second_time_lucky(request: web.Request) -> web.StreamResponse:
            return await (overloaded if len(there.asked) < 2 else says(200, {"kind": "Node"}))(request)

        there.reply = second_time_lucky
        assert await there.reader.get("/x") == {"kind": "Node"}


async def test_a_long_list_is_read_page_by_page(tmp_path: Path) -> None:
    async def paged(request: web.Request) -> web.StreamResponse:
        first = "continue" not in request.query
        facts = {"resourceVersion": "5", **({"continue": "more"} if first else {})}
        return web.json_response({"items": [{"metadata": {"uid": "a" if first else "b"}}], "metadata": facts})

    async with api(tmp_path, paged) as there:
        assert [one["metadata"]["uid"] for one in await there.reader.collection("/pods")] == ["a", "b"]


# ---------------------------------------------------------------- logging in


async def test_without_a_kubeconfig_it_is_the_cluster_the_bot_runs_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ActionFailed, match="the bot runs in none"):
        await Clusters().reader(Cluster(name="here")).get("/x")
    with pytest.raises(ActionFailed, match="there is no kubeconfig") as caught:
        await Clusters().reader(EU).get("/x")
    assert "KUBECONFIG" in caught.value.hint


async def test_the_context_is_the_clusters_own_name_when_none_is_given(tmp_path: Path) -> None:
    async with api(tmp_path, says(200)) as there:
        assert await there.clusters.reader(Cluster(name="eu")).get("/x") == {"kind": "X"}
        with pytest.raises(ActionFailed, match="no usable context 'us'"):
            await there.clusters.reader(Cluster(name="us")).get("/x")


@pytest.mark.parametrize(
    "text",
    ["", "{", "a: [", "[]", "users: 5", f'{{"users": [{{"name": "u", "user": {{"token": "{TOKEN}"}}}}]}}'],
)
async def test_a_broken_kubeconfig_is_refused_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(ActionFailed) as caught:
        await Clusters(kubeconfig=str(file)).reader(EU).get("/x")
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_the_token_is_sent_to_the_cluster_and_told_to_nobody(tmp_path: Path) -> None:
    async with api(tmp_path, says(500, "<html>")) as there:
        with pytest.raises(ActionRetry) as caught:
            await there.reader.get("/x")
        assert there.asked[0][2] == f"Bearer {TOKEN}"
        assert TOKEN not in str(caught.value)


# ---------------------------------------------------------------- the rate
