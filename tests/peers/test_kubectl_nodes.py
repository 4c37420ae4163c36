"""Real kubectl cordons and drains nodes of the stand-in cluster, held up by what would hold it up in a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.cluster.server import Cluster
from tests.peers.kubectl import EACH, Kubectl, bound, furnished

pytestmark = pytest.mark.peer


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with furnished() as cluster:
        yield cluster


@pytest.fixture(params=EACH, ids=lambda path: Path(path).name)
def kubectl(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Kubectl:
    return bound(request.param, cluster, home=tmp_path)


def on(cluster: Cluster, node: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.pods(node=node)]


async def test_cordon_and_uncordon(cluster: Cluster, kubectl: Kubectl) -> None:
    assert await kubectl("cordon", "n1") == "node/n1 cordoned\n"
    assert await kubectl("cordon", "n1") == "node/n1 already cordoned\n"
    assert "Ready,SchedulingDisabled" in await kubectl("get", "node", "n1")
    await kubectl("scale", "deployment/api", "--replicas=9")
    await cluster.settled()
    assert len(on(cluster, "n1")) == 1
    assert await kubectl("uncordon", "n1") == "node/n1 uncordoned\n"
    assert not cluster.get("nodes", "", "n1")["spec"].get("unschedulable")


async def test_drain_evicts_and_leaves_daemons_and_mirrors(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.daemon_set("payments", "agent")
    cluster.pod("kube-system", "etcd-n1", node="n1", is_mirror=True)
    await cluster.settled()
    ran = await kubectl.run("drain", "n1", "--ignore-daemonsets")
    assert ran.code == 0, ran.err
    left = {pod["metadata"]["labels"]["app"] for pod in cluster.pods(node="n1")}
    assert left == {"agent", "etcd-n1"}
    await cluster.settled()
    assert cluster.ready("payments", "api") == 3
    evictions = cluster.requests.of("create", "pods/eviction")
    assert len(evictions) == 1
    assert evictions[0].code == 201


@pytest.mark.parametrize(
    ("what", "words", "consent"),
    [
        ("daemon", "cannot delete DaemonSet-managed Pods", "--ignore-daemonsets"),
        ("bare", "--force", "--force"),
        ("emptydir", "local storage", "--delete-emptydir-data"),
    ],
)
async def test_drain_wants_consent(
    cluster: Cluster, kubectl: Kubectl, what: str, words: str, consent: str
) -> None:
    if what == "daemon":
        cluster.daemon_set("payments", "agent")
    elif what == "bare":
        cluster.pod("payments", "alone", node="n1")
    else:
        cluster.pod("payments", "scratch", node="n1", has_emptydir=True)
    await cluster.settled()
    also = ["--force"] if what == "emptydir" else []
    ran = await kubectl.run("drain", "n1", *also)
    assert ran.code == 1
    assert words in ran.err
    assert (await kubectl.run("drain", "n1", *also, consent)).code == 0


async def test_drain_waits_for_a_budget(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.budget("payments", "api", max_unavailable=0)
    before = on(cluster, "n1")
    ran = await kubectl.run("drain", "n1", "--timeout=1s")
    assert ran.code == 1
    assert "Cannot evict pod as it would violate the pod's disruption budget" in ran.err
    assert on(cluster, "n1") == before
    cluster.budget("payments", "api", max_unavailable=1)
    assert (await kubectl.run("drain", "n1")).code == 0
    await cluster.settled()
    assert on(cluster, "n1") == []
    assert cluster.ready("payments", "api") == 3


async def test_drain_in_a_dry_run_changes_nothing(cluster: Cluster, kubectl: Kubectl) -> None:
    before = cluster.world.version
    ran = await kubectl.run("drain", "n1", "--dry-run=server")
    if "doesn't support dry-run" in ran.err:
        pytest.skip("this old kubectl asks for the dry run of a kind without a name, and refuses itself")
    assert ran.code == 0, ran.err
    assert cluster.world.version == before


async def test_a_deleted_pod_is_waited_for_and_comes_back(cluster: Cluster, kubectl: Kubectl) -> None:
    name = on(cluster, "n1")[0]
    assert f'pod "{name}" deleted' in await kubectl("delete", "pod", name)
    await cluster.settled()
    assert cluster.ready("payments", "api") == 3
    assert name not in {pod["metadata"]["name"] for pod in cluster.pods()}
