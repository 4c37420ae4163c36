"""Pods and nodes of the stand-in: stopping, eviction under budgets, quotas, cordoned nodes, logs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.clock import ManualClock
from bot.sandbox.cluster.disruption import is_going
from bot.sandbox.cluster.server import Cluster
from tests.sandbox.cluster_calls import API, MERGE, PODS, Calls, calling, furnished

BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


@pytest.fixture
async def both() -> AsyncIterator[tuple[Cluster, Calls]]:
    async with furnished() as both:
        yield both


def first(cluster: Cluster, name: str = "api") -> str:
    return str(cluster.pods("payments", of=name)[0]["metadata"]["name"])


async def test_a_pod_stops_within_its_grace_and_is_there_until_then() -> None:
    clock = ManualClock()
    async with Cluster(clock=clock, stop_after_s=100) as cluster, calling(cluster) as api:
        cluster.pod("payments", "slow", node="n1")
        await cluster.settled()
        code, body = await api.send("DELETE", f"{PODS}/slow", {"gracePeriodSeconds": 7})
        assert (code, body["metadata"]["deletionGracePeriodSeconds"]) == (200, 7)
        await cluster.until(lambda: is_going(cluster.pods(of="slow")[0]))
        clock.advance(6.9)
        assert (await api.get(f"{PODS}/slow"))[0] == 200
        clock.advance(0.2)
        await cluster.until(lambda: not cluster.pods(of="slow"))


async def test_no_grace_is_at_once(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.hold()
    name = first(cluster)
    await api.send("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})
    assert (await api.get(f"{PODS}/{name}"))[0] == 404


async def test_a_deleted_pod_of_a_deployment_comes_back_under_another_name(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    name = first(cluster)
    await api.send("DELETE", f"{PODS}/{name}")
    await cluster.settled()
    assert cluster.ready("payments", "api") == 3
    assert name not in {pod["metadata"]["name"] for pod in cluster.pods("payments")}


@pytest.mark.parametrize("word", ["uid", "resourceVersion"])
@pytest.mark.parametrize("way", ["DELETE", "eviction"])
async def test_a_precondition_on_another_pod_is_a_conflict(
    both: tuple[Cluster, Calls], way: str, word: str
) -> None:
    cluster, api = both
    name = first(cluster)
    options = {"preconditions": {word: "other"}}
    if way == "DELETE":
        code, body = await api.send("DELETE", f"{PODS}/{name}", options)
    else:
        eviction = {"metadata": {"name": name}, "deleteOptions": options}
        code, body = await api.send("POST", f"{PODS}/{name}/eviction", eviction)
    assert (code, body["reason"]) == (409, "Conflict")
    assert "Precondition failed" in body["message"]
    assert not is_going(cluster.get("pods", "payments", name))


async def evict(api: Calls, name: str) -> tuple[int, dict[str, object]]:
    return await api.send("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": name}})


async def test_a_budget_lets_so_many_go_and_no_more() -> None:
    async with furnished() as (cluster, api):
        cluster.gets_ready("payments", "api", after_s=60)
        cluster.budget("payments", "api", min_available=2)
        await cluster.until(
            lambda: (
                cluster.get("poddisruptionbudgets", "payments", "api")["status"].get("disruptionsAllowed")
                == 1
            )
        )
        names = [pod["metadata"]["name"] for pod in cluster.pods("payments", of="api")]
        assert (await evict(api, names[0]))[0] == 201
        code, body = await evict(api, names[1])
        assert (code, body["message"]) == (429, BUDGET)
        assert body["details"]["causes"] == [  # type: ignore[index]
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget api needs 2 healthy pods and has 2 currently",
            }
        ]
        cluster.gets_ready("payments", "api", after_s=0)
        await cluster.until(lambda: cluster.ready("payments", "api") == 3)
        assert (await evict(api, names[1]))[0] == 201


async def test_a_refused_eviction_says_when_to_try_again_only_when_told_to(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    cluster.budget("payments", "api", max_unavailable=0)
    path, body = f"{PODS}/{first(cluster)}/eviction", {"metadata": {"name": first(cluster)}}
    async with api.session.post(path, json=body) as answer:
        assert (answer.status, answer.headers.get("Retry-After")) == (429, None)
    cluster.verbs.eviction_retry_after_s = 3
    async with api.session.post(path, json=body) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


async def test_two_budgets_on_one_pod_are_the_server_s_own_error(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.budget("payments", "one", app="api", min_available="50%")
    cluster.budget("payments", "two", app="api", min_available=1)
    code, body = await evict(api, first(cluster))
    assert code == 500
    assert "more than one PodDisruptionBudget" in str(body["message"])


async def test_a_quota_refuses_in_the_server_s_words_and_lets_go_when_there_is_room(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    cluster.quota("payments", "team", hard={"pods": "4"})
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 5}}, media=MERGE)
    await cluster.settled()
    status = cluster.get("deployments", "payments", "api")["status"]
    failure = next(one for one in status["conditions"] if one["type"] == "ReplicaFailure")
    assert (status["replicas"], failure["reason"]) == (4, "FailedCreate")
    assert failure["message"].endswith(
        "is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4"
    )
    assert cluster.get("resourcequotas", "payments", "team")["status"]["used"] == {"pods": "4"}
    cluster.quota("payments", "team", hard={"pods": "9"})
    await cluster.settled()
    assert cluster.ready("payments", "api") == 5


async def test_a_quota_of_cpu_wants_every_pod_to_say_how_much(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.quota("payments", "team", hard={"requests.cpu": "1"})
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "p", "image": "p:1"}]}}
    code, body = await api.send("POST", PODS, pod)
    assert (code, body["message"]) == (
        403,
        'pods "p" is forbidden: failed quota: team: must specify requests.cpu',
    )
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1500m"}}  # type: ignore[index]
    code, body = await api.send("POST", PODS, pod)
    assert body["message"] == (
        'pods "p" is forbidden: exceeded quota: team, requested: requests.cpu=1500m, '
        "used: requests.cpu=0, limited: requests.cpu=1"
    )


async def test_a_cordoned_node_is_tainted_and_gets_no_more_pods(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    for name in ("n1", "n2", "n3"):
        await api.send("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}}, media=MERGE)
    await cluster.settled()
    taint = cluster.get("nodes", "", "n1")["spec"]["taints"][0]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 4}}, media=MERGE)
    await cluster.settled()
    waiting = [pod for pod in cluster.pods("payments") if not pod["spec"].get("nodeName")]
    assert [pod["status"]["conditions"][0]["reason"] for pod in waiting] == ["Unschedulable"]
    await api.send("PATCH", "/api/v1/nodes/n2", {"spec": {"unschedulable": None}}, media=MERGE)
    await cluster.settled()
    assert cluster.ready("payments", "api") == 4
    assert "taints" not in cluster.get("nodes", "", "n2")["spec"]


async def read(api: Calls, name: str, **query: str) -> str:
    async with api.session.get(f"{PODS}/{name}/log", params=query) as answer:
        text = await answer.text()
        return text if answer.status == 200 else f"{answer.status} {text}"


async def test_logs_are_of_now_or_of_before_the_last_crash(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    name = first(cluster)
    assert 'previous terminated container \\"api\\"' in await read(api, name, previous="true")
    cluster.write_log("payments", name, "starting", "out of memory")
    cluster.crash("payments", name, exit_code=137, reason="OOMKilled")
    await cluster.settled()
    cluster.write_log("payments", name, "starting again")
    assert await read(api, name, previous="true", tailLines="1") == "out of memory\n"
    assert await read(api, name) == "starting again\n"
    assert await read(api, name, limitBytes="5") == "start"
    status = cluster.get("pods", "payments", name)["status"]["containerStatuses"][0]
    assert (status["restartCount"], status["ready"]) == (1, True)
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"


async def test_a_container_that_has_not_started_has_no_log() -> None:
    async with Cluster(ready_after_s=60) as cluster, calling(cluster) as api:
        cluster.pod("payments", "late", node="n1")
        await cluster.until(lambda: "containerStatuses" in cluster.pods(of="late")[0]["status"])
        assert "is waiting to start: ContainerCreating" in await read(api, "late")
        assert "container other is not valid for pod late" in await read(api, "late", container="other")
