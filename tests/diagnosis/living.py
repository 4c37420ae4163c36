"""Scenes that nobody wrote: the stand-in's controllers roll out, scale and refuse, and it is read how that went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.catalog.schema import Cluster as CatalogCluster
from bot.clients.kubernetes import Clusters
from bot.diagnosis.collecting import collect
from bot.diagnosis.evidence import Evidence, Subject
from bot.sandbox.cluster.server import Cluster
from bot.telemetry import Redactor

API = Subject(kind="Deployment", namespace="payments", name="api")
Play = Callable[[Cluster], Awaitable[Subject]]


@dataclass(frozen=True, kw_only=True)
class Living:
    """One of them."""

    name: str
    play: Play
    expected: tuple[str, ...]
    besides: tuple[str, ...] = ()

    async def read(self, folder: Path) -> Evidence:
        """Let it happen and read it."""
        async with Cluster() as cluster:
            subject = await self.play(cluster)
            clusters = Clusters(kubeconfig=str(cluster.write_kubeconfig(folder / "kubeconfig")))
            try:
                reader = clusters.reader(CatalogCluster(name="standin"))
                return await collect(
                    reader, subject, redactor=Redactor(), now=lambda: datetime.now(UTC), budget_s=30
                )
            finally:
                await clusters.aclose()


async def _rolled_out(cluster: Cluster, *images: str) -> None:
    for image in images:
        cluster.deployment("payments", "api", replicas=2, image=image)
        await cluster.settled()


async def _late_pod(cluster: Cluster) -> str:
    """A pod of the new version that runs and does not get ready."""
    cluster.never_ready("payments", "api", image="shop:3")
    cluster.deployment("payments", "api", replicas=2, image="shop:3")

    def late() -> list[str]:
        return [
            str(pod["metadata"]["name"])
            for pod in cluster.pods("payments", of="api")
            if pod["spec"]["containers"][0]["image"] == "shop:3" and pod["status"].get("containerStatuses")
        ]

    await cluster.until(lambda: bool(late()))
    return late()[0]


async def _healthy(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1", "shop:2")
    return API


async def _never_ready(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1", "shop:2")
    await _late_pod(cluster)
    return API


async def _refused(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1", "shop:2")
    name = await _late_pod(cluster)
    cluster.write_log("payments", name, "starting", "dial tcp db.payments:5432: connect: connection refused")
    return API


async def _crashed(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1")
    cluster.hold()
    pod = cluster.pods("payments", of="api")[0]["metadata"]["name"]
    cluster.write_log(
        "payments", pod, "reading settings", "panic: no such flag: --fast", "goroutine 1 [running]:"
    )
    cluster.crash("payments", pod, exit_code=2)
    return API


async def _quota(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1")
    cluster.quota("payments", "team", hard={"pods": "2"})
    cluster.deployment("payments", "api", replicas=5, image="shop:1")
    await cluster.settled()
    return API


async def _no_such_name(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1")
    return Subject(kind="Deployment", namespace="payments", name="apis")


async def _only_itself(cluster: Cluster) -> Subject:
    await _rolled_out(cluster, "shop:1")
    cluster.rights.allow_only([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}])
    return API


async def _agents(cluster: Cluster) -> Subject:
    for image in ("agent:1", "agent:2"):
        cluster.daemon_set("payments", "agent", image=image)
        await cluster.settled()
    return Subject(kind="DaemonSet", namespace="payments", name="agent")


LIVING = (
    Living(name="rolled_out_and_healthy", play=_healthy, expected=("healthy",)),
    Living(name="agents_rolled_out_and_healthy", play=_agents, expected=("healthy",)),
    Living(name="new_version_never_gets_ready", play=_never_ready, expected=("readiness-never-true",)),
    Living(
        name="new_version_cannot_reach_its_database",
        play=_refused,
        expected=("connection-refused", "readiness-never-true"),
    ),
    Living(name="a_pod_that_panics", play=_crashed, expected=("traceback", "crash-loop")),
    Living(name="scaled_beyond_the_quota", play=_quota, expected=("quota-exceeded",)),
    Living(name="asked_for_a_name_that_is_none", play=_no_such_name, expected=("not-there",)),
    Living(name="only_the_deployment_may_be_read", play=_only_itself, expected=()),
)
