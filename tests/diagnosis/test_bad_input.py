"""Whatever a cluster does instead of answering, a report comes within the budget and says what could not be read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from bot.clients.kubernetes import Clusters
from bot.diagnosis import keeping
from bot.diagnosis.collecting import collect
from bot.diagnosis.evidence import Evidence, Item, Subject
from bot.diagnosis.findings import analyze
from bot.diagnosis.report import markdown, summary
from bot.diagnosis.shape import is_shaped
from bot.errors import ActionRetry
from bot.sandbox.cluster import kubeconfig
from bot.sandbox.cluster.faults import Fault
from bot.telemetry import Redactor
from tests.diagnosis.corpus import cases
from tests.diagnosis.snapshots import NOW, Snap, snap
from tests.diagnosis.staging import PLACE, placed, read

API = Subject(kind="Deployment", namespace="shop", name="api")
BUDGET_S = 1.5
PATIENCE_S = 60.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    """The library is loaded with the first request, which takes longer than the budgets here."""
    import_module("kubernetes.aio")


def crashing() -> Snap:
    return snap().app(waiting="CrashLoopBackOff", ended=("OOMKilled", 137), restarts=7).log("loading")


@asynccontextmanager
async def odd_endpoint(handler: Handler) -> AsyncIterator[str]:
    """Something that answers where a cluster should."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def written(url: str, folder: Path) -> str:
    """A kubeconfig whose cluster is there."""
    path = folder / "kubeconfig"
    kubeconfig.write(path, kubeconfig.text(url, context="standin", token="t", authority=b""))
    return str(path)


async def read_from(url: str, folder: Path, *, budget_s: float = BUDGET_S, **more: Any) -> Evidence:
    path = folder / "kubeconfig"
    kubeconfig.write(path, kubeconfig.text(url, context="standin", token="t", authority=b""))
    return await read_with(str(path), budget_s=budget_s, **more)


async def read_with(path: str, *, budget_s: float = BUDGET_S, **more: Any) -> Evidence:
    clusters = Clusters(kubeconfig=path, **more)
    try:
        reading = collect(
            clusters.reader(PLACE), API, redactor=Redactor(), now=lambda: NOW, budget_s=budget_s
        )
        return await asyncio.wait_for(reading, PATIENCE_S)
    finally:
        await clusters.aclose()


def check_says_so(evidence: Evidence, *words: str) -> None:
    """The report names what is missing and why, and claims nothing that was not seen."""
    findings = analyze(evidence)
    report = markdown(evidence, findings)
    assert evidence.gaps
    assert "## What could not be read" in report
    for word in words:
        assert word in report
    assert not any(found.kind == "healthy" and found.confidence == "certain" for found in findings)


# ---------------------------------------------------------------- nobody there, nobody let in


async def test_without_a_kubeconfig_it_is_said_what_to_set(tmp_path: Path) -> None:
    evidence = await read_with(str(tmp_path / "none"))
    assert evidence.items == ()
    assert summary(evidence, analyze(evidence)).endswith("cannot be told from what could be read")
    check_says_so(evidence, "deployment shop/api", "has no usable context")


async def test_where_nobody_listens_that_is_the_reason(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        return web.Response()

    async with odd_endpoint(never) as url:
        pass
    check_says_so(await read_from(url, tmp_path), "cannot be reached")


async def test_without_any_right_every_kind_is_named_as_not_read(tmp_path: Path) -> None:
    made = crashing()
    async with placed(made) as cluster:
        cluster.rights.allow_only([])
        evidence = await read(made, cluster, tmp_path)
    assert evidence.items == ()
    assert len(evidence.gaps) > 10
    assert analyze(evidence) == ()
    check_says_so(evidence, "deployment shop/api", "events", "services", "forbidden")


@pytest.mark.parametrize("seed", range(6))
async def test_with_half_of_the_calls_refused_the_rest_is_told(seed: int, tmp_path: Path) -> None:
    made = crashing()
    kinds = ["events", "services", "endpoints", "ingresses", "ingressclasses", "persistentvolumeclaims"]
    kinds += ["storageclasses", "resourcequotas", "horizontalpodautoscalers", "poddisruptionbudgets", "nodes"]
    kinds += ["replicasets", "pods/log"]
    refused = random.Random(seed).sample(kinds, k=len(kinds) // 2)
    async with placed(made) as cluster:
        for number, kind in enumerate(refused):
            if number % 2:
                cluster.rights.forbid("*", kind)
            else:
                cluster.faults.add(Fault(kind="status", code=503, resource=kind, times=1000))
        evidence = await read(made, cluster, tmp_path)
    assert analyze(evidence)[0].kind == "oom-killed"
    check_says_so(evidence)
    told = " ".join(gap.what for gap in evidence.gaps)
    for kind in refused:
        assert {"pods/log": "the log of app", "nodes": "node n1"}.get(kind, kind) in told


# ---------------------------------------------------------------- silence, overload, nonsense


async def test_one_kind_that_hangs_leaves_a_gap_and_the_cause_is_told(tmp_path: Path) -> None:
    made = crashing()
    async with placed(made) as cluster:
        cluster.faults.add(Fault(kind="silence", resource="events", times=1000))
        evidence = await read_with(str(cluster.write_kubeconfig(tmp_path / "kubeconfig")))
    assert analyze(evidence)[0].kind == "oom-killed"
    check_says_so(evidence, "events: no answer within 1.5 s")


async def test_an_answer_that_comes_a_byte_at_a_time_is_given_up(tmp_path: Path) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async with odd_endpoint(drip) as url:
        evidence = await read_from(url, tmp_path)
    assert evidence.items == ()
    check_says_so(evidence, "no answer within 1.5 s")


@pytest.mark.parametrize("retry_after_s", [0, 1, 3600])
async def test_a_cluster_that_has_had_enough_of_requests_is_not_pressed(
    retry_after_s: int, tmp_path: Path
) -> None:
    made = crashing()
    async with placed(made) as cluster:
        cluster.faults.add(Fault(kind="status", code=429, times=1000, retry_after_s=retry_after_s))
        evidence = await read_with(str(cluster.write_kubeconfig(tmp_path / "kubeconfig")))
        assert 0 < len(cluster.requests.of()) < 100
    assert evidence.items == ()
    check_says_so(evidence, "deployment shop/api")


async def test_the_bots_own_rate_is_kept_and_what_did_not_fit_is_said(tmp_path: Path) -> None:
    made = crashing()
    async with placed(made) as cluster:
        path = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        evidence = await read_with(path, requests_per_s=0.1, burst=4)
        assert 0 < len(cluster.requests.of()) <= 4
    check_says_so(evidence)


NONSENSE: tuple[Any, ...] = (
    {},
    {"items": 5, "metadata": {}},
    {"items": "pods", "metadata": {}},
    {"items": [1, "x", None, []], "metadata": {}},
    {"items": [{"metadata": {"name": "x\n# heading"}}], "metadata": {}},
    {"items": [{"metadata": "x", "spec": 5}], "metadata": {}, "spec": "x", "status": []},
    {"metadata": {"name": "api"}, "spec": {"selector": "all", "template": 5}, "status": "fine"},
    {"metadata": {"name": "api"}, "spec": {"selector": {"matchLabels": {"app": 5}}}, "items": []},
    {"metadata": {"name": "api", "continue": "again"}, "items": [{}]},
    {"kind": "Status", "status": "Success", "code": "many"},
    [],
    "pods",
    None,
)


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: json.dumps(body)[:40])
async def test_json_that_is_no_answer_of_a_cluster_is_a_gap(body: Any, tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    async with odd_endpoint(answer) as url:
        evidence = await read_from(url, tmp_path)
    assert "# heading" not in markdown(evidence, analyze(evidence)).splitlines()
    check_says_so(evidence)


async def test_an_answer_without_end_is_cut_off(tmp_path: Path) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" " * 1_048_576)
        return response

    async with odd_endpoint(pour) as url:
        clusters = Clusters(kubeconfig=written(url, tmp_path))
        with pytest.raises(ActionRetry, match="an answer without end"):
            await clusters.reader(PLACE).get("/api/v1/namespaces/shop/pods")
        await clusters.aclose()


# ---------------------------------------------------------------- logs


async def with_logs(write: Callable[[web.StreamResponse], Awaitable[None]], folder: Path) -> Evidence:
    """A log is answered in its own way; everything else is the stand-in's."""
    made = crashing()
    async with placed(made) as cluster, ClientSession() as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            if not request.path.endswith("/log"):
                async with session.get(f"{cluster.base_url}{request.path_qs}") as told:
                    body = await told.read()
                    return web.Response(body=body, status=told.status, content_type=told.content_type)
            response = web.StreamResponse(headers={"Content-Type": "text/plain"})
            await response.prepare(request)
            await write(response)
            return response

        async with odd_endpoint(answer) as url:
            return await read_from(url, folder, budget_s=20)


async def test_of_two_hundred_megabytes_of_log_no_more_than_the_end_of_one_is_kept(tmp_path: Path) -> None:
    sent = 0

    async def write(response: web.StreamResponse) -> None:
        nonlocal sent
        line = b"x" * 65_535 + b"\n"
        for _ in range(200 * 16):
            await response.write(line)
            sent += len(line)

    evidence = await with_logs(write, tmp_path)
    assert all(len(log.text) <= keeping.LOG_LIMIT for log in evidence.of("Log"))
    assert sent < 100 * 1024 * 1024
    assert analyze(evidence)[0].kind == "oom-killed"


async def test_a_log_of_bytes_that_are_no_text_harms_nothing(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(300_000)

    async def write(response: web.StreamResponse) -> None:
        await response.write(noise)

    evidence = await with_logs(write, tmp_path)
    assert list(evidence.of("Log"))
    findings = analyze(evidence)
    assert findings[0].kind == "oom-killed"
    again = Evidence.from_json(json.loads(json.dumps(evidence.as_json())))
    assert again == evidence
    assert "\x00" not in markdown(evidence, findings)


# ---------------------------------------------------------------- objects that are none

ODD: tuple[Any, ...] = (None, 1, -1, 2**70, 1.5, "x", "", [], {}, [1], ["x"], [None], [{}], {"x": 1}, True)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def with_odd(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The same tree with something odd at one place."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_odd(value[path[0]], path[1:], odd)
    return copy


def test_what_real_objects_leave_out_or_empty_is_no_oddity() -> None:
    pod = crashing().items["pod/api-1"].body
    for less in ({"imagePullSecrets": [{}, {"name": ""}]}, {"volumes": None}, {"serviceAccountName": ""}):
        assert is_shaped("Pod", {**pod, "spec": {**pod["spec"], **less}})
    assert is_shaped("Pod", {"metadata": {"name": "api-1", "labels": None}})
    assert is_shaped("Event", {"metadata": {"name": "api-1.17f"}, "lastTimestamp": None, "eventTime": None})
    assert not is_shaped("Pod", {"metadata": {"name": ""}})


def test_whatever_has_the_shape_of_an_object_makes_no_finding_fall() -> None:
    chance = random.Random(7)
    kept = 0
    for case in cases():
        items = [item for item in case.evidence.items if item.body]
        for item in chance.sample(items, k=min(8, len(items))):
            for path in chance.sample(spots := places(item.body), k=min(6, len(spots))):
                body = with_odd(item.body, path, chance.choice(ODD))
                if not is_shaped(item.kind, body):
                    continue
                kept += 1
                changed: tuple[Item, ...] = tuple(
                    replace(one, body=body) if one is item else one for one in case.evidence.items
                )
                odd = replace(case.evidence, items=changed)
                assert markdown(odd, analyze(odd))
    assert kept > 1000
