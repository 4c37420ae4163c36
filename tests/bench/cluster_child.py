"""The stand-in cluster of a measurement, in a process of its own: furnished for one scene, told and asked by lines.

    python -m tests.bench.cluster_child SCENE KUBECONFIG

prints a line when it is ready; then every line on its input is answered by one JSON object about the requests since the
line before. End of input ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bot.sandbox.cluster.disruption import is_ready
from bot.sandbox.cluster.server import Cluster

LATENCY_S = 0.005
DEPLOYMENTS, PODS = 100, 50
NAMESPACE, CONTEXT = "payments", "standin"
SETTLES_WITHIN_S = 60.0


def deployment(number: int) -> str:
    """The name of one of the deployments to restart."""
    return f"api-{number}"


async def furnish(cluster: Cluster, scene: str) -> None:
    """`restart`: many deployments of one pod; `drain`: many pods on n1, with room elsewhere."""
    if scene == "restart":
        for number in range(DEPLOYMENTS):
            cluster.deployment(NAMESPACE, deployment(number))
    else:
        for name in ("n2", "n3"):
            _cordon(cluster, name, is_cordoned=True)
        await cluster.settled(timeout_s=SETTLES_WITHIN_S)
        cluster.deployment(NAMESPACE, "api", replicas=PODS)
        await cluster.settled(timeout_s=SETTLES_WITHIN_S)
        for name in ("n2", "n3"):
            _cordon(cluster, name, is_cordoned=False)
    await cluster.settled(timeout_s=SETTLES_WITHIN_S)


def _cordon(cluster: Cluster, name: str, *, is_cordoned: bool) -> None:
    body = cluster.get("nodes", "", name)
    cluster.apply("nodes", {**body, "spec": {"unschedulable": is_cordoned}})


async def serve(scene: str, kubeconfig: Path) -> None:
    """Until the input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with Cluster() as cluster:
        await furnish(cluster, scene)
        cluster.write_kubeconfig(kubeconfig, CONTEXT, namespace=NAMESPACE)
        cluster.faults.latency_s = LATENCY_S
        print("ready", flush=True)
        while await lines.readline():
            told = {
                "requests": [one.at for one in cluster.requests],
                "pods_on_n1": [one["metadata"]["uid"] for one in cluster.pods(node="n1")],
                "ready": [one["metadata"]["uid"] for one in cluster.pods(NAMESPACE) if is_ready(one)],
            }
            cluster.requests.clear()
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
