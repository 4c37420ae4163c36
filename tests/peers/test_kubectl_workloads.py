"""Real kubectl scales, rolls out and takes back on the stand-in cluster, and is told no as by a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.cluster.server import Cluster
from tests.fakes.patience import PATIENCE_S
from tests.peers.kubectl import EACH, Kubectl, bound, furnished

pytestmark = pytest.mark.peer


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with furnished() as cluster:
        yield cluster


@pytest.fixture(params=EACH, ids=lambda path: Path(path).name)
def kubectl(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Kubectl:
    return bound(request.param, cluster, home=tmp_path)


def image(cluster: Cluster, name: str = "api") -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in cluster.pods("payments", of=name)}


async def test_scale_and_wait(cluster: Cluster, kubectl: Kubectl) -> None:
    assert await kubectl("scale", "deployment/api", "--replicas=5") == "deployment.apps/api scaled\n"
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/api")
    assert cluster.ready("payments", "api") == 5
    refused = await kubectl.run("scale", "deployment/api", "--replicas=9", "--current-replicas=3")
    assert refused.code == 1
    assert "Expected replicas to be 3, was 5" in refused.err


async def test_scale_in_a_dry_run_changes_nothing(cluster: Cluster, kubectl: Kubectl) -> None:
    before = cluster.world.version
    await kubectl("scale", "deployment/api", "--replicas=5", "--dry-run=server")
    assert cluster.world.version == before


async def test_undo_goes_back_and_history_tells(cluster: Cluster, kubectl: Kubectl) -> None:
    await kubectl("set", "image", "deployment/api", "api=api:2")
    await kubectl("rollout", "status", "deployment/api")
    await cluster.settled()
    assert image(cluster) == {"api:2"}
    await kubectl("rollout", "undo", "deployment/api")
    await kubectl("rollout", "status", "deployment/api")
    await cluster.settled()
    assert image(cluster) == {"api:1"}
    history = (await kubectl("rollout", "history", "deployment/api")).split()
    assert history[-4:] == ["2", "<none>", "3", "<none>"]
    await kubectl("rollout", "undo", "deployment/api", "--to-revision=2")
    await cluster.settled()
    assert image(cluster) == {"api:2"}
    assert "api:1" in await kubectl("rollout", "history", "deployment/api", "--revision=3")


async def test_undo_to_a_revision_that_is_none_is_refused(cluster: Cluster, kubectl: Kubectl) -> None:
    ran = await kubectl.run("rollout", "undo", "deployment/api", "--to-revision=7")
    assert ran.code == 1
    assert "unable to find specified revision 7 in history" in ran.err


async def test_restart_replaces_every_pod(cluster: Cluster, kubectl: Kubectl) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster.pods("payments", of="api")}
    await kubectl("rollout", "restart", "deployment/api")
    await kubectl("rollout", "status", "deployment/api")
    await cluster.settled()
    after = {pod["metadata"]["uid"] for pod in cluster.pods("payments", of="api")}
    assert len(after) == 3
    assert not before & after


@pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
async def test_the_other_workloads_roll_and_go_back(cluster: Cluster, kubectl: Kubectl, kind: str) -> None:
    furnish = cluster.stateful_set if kind == "statefulset" else cluster.daemon_set
    furnish("payments", "db")
    await cluster.settled()
    await kubectl("set", "image", f"{kind}/db", "db=db:2")
    await kubectl("rollout", "status", f"{kind}/db")
    await cluster.settled()
    assert image(cluster, "db") == {"db:2"}
    assert "rolled back" in await kubectl("rollout", "undo", f"{kind}/db")
    await kubectl("rollout", "status", f"{kind}/db")
    await cluster.settled()
    assert image(cluster, "db") == {"db:1"}
    assert (await kubectl("rollout", "history", f"{kind}/db")).split()[-4:] == ["2", "<none>", "3", "<none>"]


async def test_a_roll_that_hangs_is_waited_for_until_the_deadline(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.never_ready("payments", "api")
    await kubectl("set", "image", "deployment/api", "api=api:2")
    ran = await kubectl.run("rollout", "status", "deployment/api", "--timeout=1s")
    assert ran.code == 1
    assert "1 out of 3 new replicas have been updated" in ran.out
    assert cluster.ready("payments", "api") == 3


async def test_get_and_a_watch_show_the_server_s_columns(cluster: Cluster, kubectl: Kubectl) -> None:
    titles, row = (await kubectl("get", "deployment", "api")).splitlines()
    assert titles.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["api", "3/3", "3", "3"]
    watching = await kubectl.start("get", "deployment", "api", "-w", "--no-headers")
    assert watching.stdout is not None
    try:
        first = (await asyncio.wait_for(watching.stdout.readline(), PATIENCE_S)).split()
        assert first[:4] == [b"api", b"3/3", b"3", b"3"]
        await kubectl("scale", "deployment/api", "--replicas=4")
        while (await asyncio.wait_for(watching.stdout.readline(), PATIENCE_S)).split()[1] != b"4/4":
            continue
    finally:
        watching.kill()
        await watching.communicate()


async def test_describe_and_logs_find_what_they_look_for(cluster: Cluster, kubectl: Kubectl) -> None:
    pod = cluster.pods("payments")[0]["metadata"]["name"]
    cluster.write_log("payments", pod, "out of memory")
    cluster.crash("payments", pod, reason="OOMKilled", exit_code=137)
    await cluster.settled()
    cluster.write_log("payments", pod, "starting", "listening")
    assert await kubectl("logs", pod, "--previous") == "out of memory\n"
    assert await kubectl("logs", pod, "--tail=1") == "listening\n"
    assert "OOMKilled" in await kubectl("describe", "pod", pod)
    described = await kubectl("describe", "deployment", "api")
    assert "3 desired | 3 updated | 3 total | 3 available | 0 unavailable" in described
    assert "ScalingReplicaSet" in described
    assert "NewReplicaSetAvailable" in described


async def test_what_is_wrong_is_said_as_a_server_says_it(cluster: Cluster, kubectl: Kubectl) -> None:
    ran = await kubectl.run("rollout", "restart", "deployment/nope")
    assert 'Error from server (NotFound): deployments.apps "nope" not found' in ran.err
    patch = '{"spec":{"replicas":-1}}'
    ran = await kubectl.run("patch", "deployment", "api", "-p", patch)
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in ran.err
    cluster.rights.forbid("patch", "deployments/scale")
    ran = await kubectl.run("scale", "deployment/api", "--replicas=4")
    assert "Error from server (Forbidden)" in ran.err or "is forbidden" in ran.err


async def test_over_tls_with_its_token(kubectl: Kubectl) -> None:
    async with Cluster(is_tls=True) as cluster:
        cluster.write_kubeconfig(kubectl.kubeconfig)
        assert (await kubectl("get", "nodes", "-o", "name")).split() == ["node/n1", "node/n2", "node/n3"]
