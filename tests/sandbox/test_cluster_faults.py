"""What goes wrong on purpose in the stand-in, who may do what, and the record of what was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.cluster.faults import Fault, FaultKind
from bot.sandbox.cluster.server import Cluster
from tests.sandbox.cluster_calls import API, MERGE, PODS, Calls, furnished

SCALE = f"{API}/scale"
FIVE = {"spec": {"replicas": 5}}


@pytest.fixture
async def both() -> AsyncIterator[tuple[Cluster, Calls]]:
    async with furnished() as both:
        yield both


async def scaled(api: Calls) -> str:
    """What a client sees of scaling to five, in a word."""
    timeout = aiohttp.ClientTimeout(total=0.2)
    try:
        async with api.session.patch(
            SCALE, json=FIVE, headers={"Content-Type": MERGE}, timeout=timeout
        ) as answer:
            try:
                await answer.json()
            except ValueError:
                return "garbage"
            except aiohttp.ContentTypeError:
                return "no json"
            return str(answer.status)
    except TimeoutError:
        return "silence"
    except aiohttp.ClientError:
        return "cut"


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("status", "500"),
        ("silence", "silence"),
        ("cut", "cut"),
        ("garbage", "garbage"),
        ("proxy_page", "no json"),
    ],
)
async def test_a_fault_is_before_or_after_the_effect_and_happens_once(
    both: tuple[Cluster, Calls], kind: FaultKind, seen: str, *, is_done: bool
) -> None:
    cluster, api = both
    cluster.faults.add(Fault(kind=kind, verb="patch", resource="deployments/scale", is_done=is_done))
    assert await scaled(api) == seen
    assert cluster.get("deployments", "payments", "api")["spec"]["replicas"] == (5 if is_done else 3)
    assert cluster.faults.is_spent
    assert await scaled(api) == "200"


async def test_a_fault_can_let_some_requests_through_first(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.faults.status("get", "*", code=503, retry_after_s=7, skip=2, times=2)
    assert [(await api.get(API))[0] for _ in range(5)] == [200, 200, 503, 503, 200]


async def test_a_server_that_is_busy_says_for_how_long(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.faults.status("list", "pods", code=429, retry_after_s=7)
    async with api.session.get(PODS) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert (await answer.json())["details"] == {"retryAfterSeconds": 7}


async def test_a_conflict_can_be_made_up(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.faults.conflict("update", "deployments/scale")
    code, body = await api.send("PUT", SCALE, FIVE)
    assert (code, body["reason"]) == (409, "Conflict")


async def test_a_watch_can_be_cut_after_its_first_event(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.faults.cut("watch", "pods", is_done=True)
    events = api.watch(PODS)
    assert (await anext(events))[0] == "ADDED"
    with pytest.raises(aiohttp.ClientError):
        await anext(events)


async def test_a_client_library_sends_again_by_itself_what_http_calls_idempotent(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    await api.get(API)
    cluster.faults.cut("delete", "pods", is_done=True)
    code, _ = await api.send("DELETE", f"{PODS}/{cluster.pods()[0]['metadata']['name']}")
    assert len(cluster.requests.of("delete", "pods")) == 2
    assert code in (200, 404)


async def test_latency_is_for_every_request(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.faults.latency_s = 0.02
    loop = asyncio.get_running_loop()
    start = loop.time()
    await asyncio.gather(api.get(API), api.get(API))
    assert loop.time() - start >= 0.02


async def test_a_right_that_is_taken_is_missed_in_the_server_s_words(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.rights.forbid("patch", "deployments/scale", namespace="payments")
    code, body = await api.send("PATCH", SCALE, FIVE, media=MERGE)
    assert (code, body["message"]) == (
        403,
        'deployments.apps "api" is forbidden: User "system:serviceaccount:ops:runbook-bot" cannot patch resource '
        '"deployments/scale" in API group "apps" in the namespace "payments"',
    )
    assert (await api.get(SCALE))[0] == 200
    cluster.rights.restore()
    assert (await api.send("PATCH", SCALE, FIVE, media=MERGE))[0] == 200


async def test_the_rules_of_a_role_are_all_there_is(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.rights.allow_only(
        [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"], "resourceNames": ["api"]},
            {"apiGroups": [""], "resources": ["pods/*"], "verbs": ["*"]},
        ]
    )
    assert (await api.get(API))[0] == 200
    assert (await api.get(SCALE))[0] == 403
    code, body = await api.get("/api/v1/pods")
    assert (code, body["message"].partition(":")[0]) == (403, "pods is forbidden")
    name = cluster.pods("payments")[0]["metadata"]["name"]
    assert (await api.send("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": name}}))[0] == 201


async def test_everything_asked_is_on_record(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    await api.get("/version")
    await api.get(PODS, labelSelector="app=api")
    await api.send("PATCH", SCALE, FIVE, media=MERGE, query={"dryRun": "All"})
    cluster.faults.cut("patch", "deployments")
    with pytest.raises(aiohttp.ClientError):
        await api.send("PATCH", API, FIVE, media=MERGE)
    reading, scaling, cut = cluster.requests
    assert (reading.line, reading.query, reading.code) == (
        "list pods payments",
        {"labelSelector": "app=api"},
        200,
    )
    assert (scaling.line, scaling.body, scaling.media) == (
        "patch deployments/scale payments/api",
        FIVE,
        MERGE,
    )
    assert scaling.query == {"dryRun": "All"}
    assert (cut.line, cut.code) == ("patch deployments payments/api", 0)
    assert cluster.requests.writes() == [scaling, cut]
    assert cluster.requests.of("list", "pods") == [reading]
    assert cluster.requests.most_within(60) == 3
    cluster.requests.clear()
    assert len(cluster.requests) == 0


async def test_a_wrong_token_is_nobody(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    for token, code in (("wrong", 401), (cluster.http.token, 200)):
        async with api.session.get(API, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == code


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_a_page_on_the_internet_does_not_reach_it(
    both: tuple[Cluster, Calls], headers: dict[str, str]
) -> None:
    async with both[1].session.get(API, headers=headers) as answer:
        assert answer.status == 403


async def test_it_listens_on_this_machine_only() -> None:
    with pytest.raises(ValueError, match="this machine only"):
        await Cluster().start(host="0.0.0.0")


async def test_over_tls_it_is_known_by_its_authority_and_wants_its_token(tmp_path: Path) -> None:
    async with Cluster(is_tls=True) as cluster:
        path = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        assert path.stat().st_mode & 0o077 == 0
        context = ssl.create_default_context(cadata=cluster.authority.decode())
        async with aiohttp.ClientSession(cluster.base_url) as session:
            async with session.get("/api/v1/nodes", ssl=context) as answer:
                assert answer.status == 401
            token = {"Authorization": f"Bearer {cluster.http.token}"}
            async with session.get("/api/v1/nodes", ssl=context, headers=token) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("/api/v1/nodes")


async def test_a_cluster_that_never_started_stops() -> None:
    await Cluster().stop()
