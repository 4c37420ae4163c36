"""The official Python client, its asyncio side, believes in the stand-in cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.cluster.server import Cluster

kubernetes = pytest.importorskip("kubernetes.aio", reason="the kubernetes client is not installed here")


@pytest.fixture(params=[False, True], ids=["http", "https"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    async with Cluster(is_tls=request.param) as cluster:
        cluster.deployment("payments", "api", replicas=3)
        await cluster.settled()
        yield cluster


@pytest.fixture
async def client(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Any]:
    path = cluster.write_kubeconfig(tmp_path / "kubeconfig", context="east")
    settings = kubernetes.client.Configuration()
    await kubernetes.config.load_kube_config(str(path), context="east", client_configuration=settings)
    async with kubernetes.client.ApiClient(settings) as client:
        yield client


async def test_it_scales_and_is_told_of_a_conflict(cluster: Cluster, client: Any) -> None:
    apps = kubernetes.client.AppsV1Api(client)
    old = await apps.read_namespaced_deployment_scale("api", "payments")
    await apps.patch_namespaced_deployment_scale("api", "payments", {"spec": {"replicas": 5}})
    await cluster.settled()
    assert cluster.ready("payments", "api") == 5
    old.spec.replicas = 9
    with pytest.raises(kubernetes.client.ApiException) as caught:
        await apps.replace_namespaced_deployment_scale("api", "payments", old)
    assert caught.value.status == 409


async def test_it_lists_watches_and_reads_objects_as_its_own_types(cluster: Cluster, client: Any) -> None:
    core = kubernetes.client.CoreV1Api(client)
    listed = await core.list_namespaced_pod("payments", label_selector="app=api")
    assert [pod.status.phase for pod in listed.items] == ["Running"] * 3
    name = listed.items[0].metadata.name
    seen: list[tuple[str, str]] = []
    async with kubernetes.watch.Watch() as watch:
        stream = watch.stream(
            core.list_namespaced_pod, "payments", resource_version=listed.metadata.resource_version
        )
        await core.delete_namespaced_pod(name, "payments", grace_period_seconds=0)
        async for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                break
    assert seen[-1] == ("DELETED", name)


async def test_it_evicts_with_a_precondition_and_reads_logs(cluster: Cluster, client: Any) -> None:
    core = kubernetes.client.CoreV1Api(client)
    pod = cluster.pods("payments")[0]["metadata"]
    cluster.write_log("payments", pod["name"], "hello")
    assert await core.read_namespaced_pod_log(pod["name"], "payments") == "hello\n"
    eviction = kubernetes.client.V1Eviction(
        metadata=kubernetes.client.V1ObjectMeta(name=pod["name"]),
        delete_options=kubernetes.client.V1DeleteOptions(
            preconditions=kubernetes.client.V1Preconditions(uid=pod["uid"])
        ),
    )
    await core.create_namespaced_pod_eviction(pod["name"], "payments", eviction)
    await cluster.settled()
    assert pod["name"] not in {one["metadata"]["name"] for one in cluster.pods("payments")}


async def test_it_cordons_and_asks_for_a_dry_run(cluster: Cluster, client: Any) -> None:
    core = kubernetes.client.CoreV1Api(client)
    before = cluster.world.version
    node = await core.patch_node("n1", {"spec": {"unschedulable": True}}, dry_run="All")
    assert (node.spec.unschedulable, cluster.world.version) == (True, before)
    await core.patch_node("n1", {"spec": {"unschedulable": True}})
    assert cluster.get("nodes", "", "n1")["spec"]["unschedulable"] is True


async def test_it_reads_budgets_quotas_revisions_and_events(cluster: Cluster, client: Any) -> None:
    cluster.budget("payments", "api", min_available=2)
    cluster.quota("payments", hard={"pods": "9"})
    cluster.stateful_set("payments", "db")
    await cluster.settled()
    budgets = await kubernetes.client.PolicyV1Api(client).list_namespaced_pod_disruption_budget("payments")
    assert budgets.items[0].status.disruptions_allowed == 1
    core = kubernetes.client.CoreV1Api(client)
    assert (await core.list_namespaced_resource_quota("payments")).items[0].status.used == {"pods": "4"}
    apps = kubernetes.client.AppsV1Api(client)
    assert (await apps.list_namespaced_controller_revision("payments")).items[0].revision == 1
    assert (await apps.list_namespaced_replica_set("payments")).items[0].metadata.owner_references[
        0
    ].name == "api"
    events = await core.list_namespaced_event("payments", field_selector="involvedObject.name=api")
    assert {event.reason for event in events.items} == {"ScalingReplicaSet"}
