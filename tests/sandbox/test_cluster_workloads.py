"""What the stand-in's controllers do: rolling within limits, revisions, order, and pods that never get ready."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from bot.sandbox.clock import ManualClock
from bot.sandbox.cluster.controllers.deployments import REVISION
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.server import Cluster
from tests.sandbox.cluster_calls import API, MERGE, STRATEGIC, Calls, calling, furnished


@pytest.fixture
async def both() -> AsyncIterator[tuple[Cluster, Calls]]:
    async with furnished() as both:
        yield both


def image(cluster: Cluster, name: str = "api") -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in cluster.pods("payments", of=name)}


def revisions(cluster: Cluster) -> dict[int, tuple[str, int]]:
    """Image and size of each ReplicaSet by revision."""
    return {
        int(one["metadata"]["annotations"][REVISION]): (
            one["spec"]["template"]["spec"]["containers"][0]["image"],
            one["spec"]["replicas"],
        )
        for one in cluster.world.all("replicasets", "payments")
    }


def reason(body: Any, kind: str) -> str:
    return next(str(one["reason"]) for one in body["status"]["conditions"] if one["type"] == kind)


async def test_a_roll_never_has_too_many_pods_nor_too_few_available() -> None:
    async with Cluster(ready_after_s=0.002, stop_after_s=0.001) as cluster:
        cluster.deployment("payments", "api", replicas=8)
        await cluster.settled()
        most, least = 0, 8

        def look(_: object) -> None:
            nonlocal most, least
            pods = [pod for pod in cluster.pods("payments", of="api") if not is_going(pod)]
            most, least = max(most, len(pods)), min(least, sum(map(is_ready, pods)))

        forget = cluster.world.listen(look)
        cluster.deployment("payments", "api", replicas=8, image="api:2")
        await cluster.settled()
        forget()
        assert image(cluster) == {"api:2"}
        assert (most, least) == (10, 6)


async def test_going_back_gives_an_old_template_the_next_revision(both: tuple[Cluster, Calls]) -> None:
    cluster, _ = both
    for tag in ("2", "3", "1"):
        cluster.deployment("payments", "api", replicas=3, image=f"api:{tag}")
        await cluster.settled()
    assert revisions(cluster) == {2: ("api:2", 0), 3: ("api:3", 0), 4: ("api:1", 3)}
    body = cluster.get("deployments", "payments", "api")
    assert body["metadata"]["annotations"][REVISION] == "4"
    newest = next(one for one in cluster.world.all("replicasets") if one["spec"]["replicas"])
    assert newest["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


async def test_history_is_kept_up_to_its_limit(both: tuple[Cluster, Calls]) -> None:
    cluster, _ = both
    for tag in range(2, 6):
        cluster.deployment("payments", "api", image=f"api:{tag}", spec={"revisionHistoryLimit": 2})
        await cluster.settled()
    assert sorted(revisions(cluster)) == [3, 4, 5]


async def test_scaling_is_no_new_revision(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 5}}, media=MERGE)
    await cluster.settled()
    assert (cluster.ready("payments", "api"), revisions(cluster)) == (5, {1: ("api:1", 5)})
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 0}}, media=MERGE)
    await cluster.settled()
    assert cluster.pods("payments", of="api") == []


async def test_pods_that_never_get_ready_leave_the_rest_as_it_was(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.never_ready("payments", "api")
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 5}}, media=MERGE)
    await cluster.settled()
    status = cluster.get("deployments", "payments", "api")["status"]
    assert (status["replicas"], status["readyReplicas"], status["unavailableReplicas"]) == (5, 3, 2)
    cluster.gets_ready("payments", "api")
    await cluster.settled()
    assert cluster.get("deployments", "payments", "api")["status"]["readyReplicas"] == 5


async def test_a_template_that_never_gets_ready_hangs_until_its_deadline() -> None:
    clock = ManualClock()
    async with Cluster(clock=clock) as cluster:
        soon = {"progressDeadlineSeconds": 30}
        cluster.deployment("payments", "api", replicas=4, spec=soon)
        await cluster.settled()
        cluster.never_ready("payments", "api", image="api:bad")
        cluster.deployment("payments", "api", replicas=4, image="api:bad", spec=soon)
        await cluster.settled()
        assert cluster.ready("payments", "api") == 3
        assert reason(cluster.get("deployments", "payments", "api"), "Progressing") == "ReplicaSetUpdated"
        clock.advance(31)
        await cluster.settled()
        body = cluster.get("deployments", "payments", "api")
        assert reason(body, "Progressing") == "ProgressDeadlineExceeded"
        cluster.deployment("payments", "api", replicas=4, image="api:1")
        await cluster.settled()
        assert cluster.ready("payments", "api") == 4


async def test_readiness_takes_the_time_it_is_given() -> None:
    clock = ManualClock()
    async with Cluster(clock=clock, ready_after_s=10, stop_after_s=5) as cluster, calling(cluster) as api:
        cluster.deployment("payments", "api", replicas=2, spec={"minReadySeconds": 7})
        await cluster.until(lambda: len(cluster.pods(of="api")) == 2)
        clock.advance(9.9)
        assert cluster.ready("payments", "api") == 0
        clock.advance(0.2)
        await cluster.until(lambda: cluster.ready("payments", "api") == 2)
        await cluster.until(
            lambda: "readyReplicas" in cluster.get("deployments", "payments", "api")["status"]
        )
        assert "availableReplicas" not in cluster.get("deployments", "payments", "api")["status"]
        clock.advance(7.1)
        await cluster.until(
            lambda: cluster.get("deployments", "payments", "api")["status"].get("availableReplicas") == 2
        )
        await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 0}}, media=MERGE)
        await cluster.until(lambda: all(map(is_going, cluster.pods(of="api"))))
        clock.advance(5.1)
        await cluster.until(lambda: not cluster.pods(of="api"))


async def test_recreating_waits_until_the_old_pods_are_gone(both: tuple[Cluster, Calls]) -> None:
    cluster, _ = both
    seen: list[set[str]] = []
    forget = cluster.world.listen(lambda _: seen.append(image(cluster, "one")))
    recreate = {"strategy": {"type": "Recreate"}}
    cluster.deployment("payments", "one", replicas=2, spec=recreate)
    await cluster.settled()
    cluster.deployment("payments", "one", replicas=2, image="one:2", spec=recreate)
    await cluster.settled()
    forget()
    assert image(cluster, "one") == {"one:2"}
    assert {"one:1", "one:2"} not in seen


async def test_a_paused_deployment_scales_and_does_not_roll(both: tuple[Cluster, Calls]) -> None:
    cluster, _ = both
    cluster.deployment("payments", "api", replicas=4, image="api:2", spec={"paused": True})
    await cluster.settled()
    assert (image(cluster), cluster.ready("payments", "api")) == ({"api:1"}, 4)
    cluster.deployment("payments", "api", replicas=4, image="api:2")
    cluster.world.store(
        "deployments",
        {
            **cluster.get("deployments", "payments", "api"),
            "spec": {**cluster.get("deployments", "payments", "api")["spec"], "paused": False},
        },
        counts=True,
    )
    await cluster.settled()
    assert image(cluster) == {"api:2"}


async def test_a_stateful_set_fills_from_the_lowest_and_replaces_from_the_highest() -> None:
    async with Cluster(ready_after_s=0.001) as cluster:
        born: list[str] = []

        def note(change: Any) -> None:
            if change.plural == "pods" and change.type == "ADDED":
                born.append(change.new.body["metadata"]["name"])

        cluster.world.listen(note)
        cluster.stateful_set("payments", "db", replicas=3)
        await cluster.settled()
        cluster.stateful_set("payments", "db", replicas=3, image="db:2")
        await cluster.settled()
        assert born == ["db-0", "db-1", "db-2", "db-2", "db-1", "db-0"]
        body = cluster.get("statefulsets", "payments", "db")
        assert body["status"]["currentRevision"] == body["status"]["updateRevision"]
        assert body["status"]["updatedReplicas"] == 3


async def test_an_old_controller_revision_is_what_undo_patches_back(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    for tag in ("1", "2"):
        cluster.stateful_set("payments", "db", replicas=2, image=f"db:{tag}")
        await cluster.settled()
    first = min(cluster.world.all("controllerrevisions", "payments"), key=lambda one: int(one["revision"]))
    path = "/apis/apps/v1/namespaces/payments/statefulsets/db"
    assert (await api.send("PATCH", path, first["data"], media=STRATEGIC))[0] == 200
    await cluster.settled()
    assert image(cluster, "db") == {"db:1"}
    known = {one["revision"] for one in cluster.world.all("controllerrevisions", "payments")}
    assert known == {2, 3}


async def test_a_daemon_set_is_on_every_node_cordoned_ones_too(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    await api.send("PATCH", "/api/v1/nodes/n2", {"spec": {"unschedulable": True}}, media=MERGE)
    cluster.daemon_set("payments", "agent")
    cluster.node("n4")
    await cluster.settled()
    assert {pod["spec"]["nodeName"] for pod in cluster.pods(of="agent")} == {"n1", "n2", "n3", "n4"}
    cluster.daemon_set("payments", "agent", image="agent:2")
    await cluster.settled()
    assert image(cluster, "agent") == {"agent:2"}
    status = cluster.get("daemonsets", "payments", "agent")["status"]
    assert (status["desiredNumberScheduled"], status["updatedNumberScheduled"], status["numberReady"]) == (
        4,
        4,
        4,
    )


async def test_a_world_that_went_there_and_back_is_the_same_in_a_snapshot(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    before = cluster.snapshot()
    for replicas in (5, 3):
        await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": replicas}}, media=MERGE)
        await cluster.settled()
        assert (cluster.snapshot() == before) is (replicas == 3)
    for tag in ("2", "1"):
        cluster.deployment("payments", "api", replicas=3, image=f"api:{tag}")
        await cluster.settled()
        assert (cluster.snapshot() == before) is (tag == "1")
    for wish in (True, False):
        await api.send("PATCH", "/api/v1/nodes/n1", {"spec": {"unschedulable": wish or None}}, media=MERGE)
        await cluster.settled()
        assert (cluster.snapshot() == before) is not wish


def is_so_many(cluster: Cluster, name: str, ready: int) -> bool:
    return cluster.ready("payments", name) == ready


async def test_pods_of_one_workload_begin_apart_where_that_is_set() -> None:
    clock = ManualClock()
    async with Cluster(ready_after_s=2.0, clock=clock) as cluster:
        cluster.pace.apart_s = 1.0
        for name in ("api", "web"):
            cluster.deployment("payments", name, replicas=3)
        await cluster.until(
            lambda: sum("startTime" in pod["status"] for pod in cluster.pods("payments")) == 6
        )
        clock.advance(1.9)
        for ready in (1, 2, 3):
            assert cluster.ready("payments", "api") == cluster.ready("payments", "web") == ready - 1
            clock.advance(0.2 if ready == 1 else 1.0)
            for name in ("api", "web"):
                await cluster.until(partial(is_so_many, cluster, name, ready))
