"""A hundred deployments restarted and a node of fifty pods drained, beside real kubectl on the same kind of cluster.

Counted: wall time, ours from the first request of the plans to the last outcome, all steps at once as as many runs
would do them; kubectl's from the first command to the last, one after the other as a person types them: `delete pods`
and `rollout status` for each deployment, one `drain`. Not counted: loading the client's library, which a serving bot
does once, and one request that logs in. kubectl pays for its own start each time, as it does.

Each measurement has a fresh stand-in cluster in a process of its own that answers 5 ms late. Afterwards that cluster
is asked whether every pod was replaced, and the times at which it got all requests are held against the configured
rate, without any allowance: a bucket of `BURST` requests that is emptied at `REQUESTS_PER_S`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.actions.base import Outcome
from bot.actions.kubernetes import KubernetesAction, KubernetesInput
from bot.catalog.schema import Cluster
from bot.clients.kubernetes import Clusters
from bot.clients.kubernetes.clusters import BURST, REQUESTS_PER_S
from tests.bench.cluster_child import CONTEXT, DEPLOYMENTS, NAMESPACE, PODS, deployment
from tests.bench.harness import Row, figures
from tests.fakes.actions import STAGING, Bench, Told, catalog
from tests.fakes.buckets import fullest

SAMPLES = 3
PROMISED_RATIO = 0.5
TIMEOUT_S = 300.0
PLACE = Cluster(name=CONTEXT, namespaces={NAMESPACE: STAGING})


async def measure(folder: Path) -> list[Row]:
    """Ours and kubectl in turns; nothing, said so, where there is no kubectl."""
    binary = shutil.which("kubectl")
    if binary is None:
        print("  skipped: kubectl is not installed here")
        return []
    rows = []
    for scene, what, typed in (
        ("restart", f"restart {DEPLOYMENTS} deployments", "kubectl delete pods, rollout status"),
        ("drain", f"drain {PODS} pods", "kubectl drain"),
    ):
        ours: list[float] = []
        beside: list[float] = []
        needed = 0.0
        for count in range(SAMPLES):
            took_s, requests = await _ours(scene, folder / f"ours-{scene}-{count}")
            ours.append(took_s)
            needed = max(needed, fullest(requests, requests_per_s=REQUESTS_PER_S))
            beside.append(await _kubectl(binary, scene, folder / f"kubectl-{scene}-{count}"))
        rows.append(
            Row(
                what=what,
                ours=figures(ours),
                beside_what=typed,
                beside=figures(beside),
                promised_ratio=PROMISED_RATIO,
                note=f"{REQUESTS_PER_S:g} requests/s after {BURST} at once {'kept' if needed <= BURST else 'MISSED'}"
                f" (the log needs {needed:g} at once)",
            )
        )
    return rows


# ------------------------------------------------------------ the two


async def _ours(scene: str, folder: Path) -> tuple[float, list[float]]:
    """Seconds, and when each request arrived."""
    async with _cluster(scene, folder) as cluster:
        clusters = Clusters(kubeconfig=str(cluster.kubeconfig))
        bench = Bench(catalog=catalog(clusters={CONTEXT: PLACE}))
        action = KubernetesAction(replace(bench.tools, kubernetes=lambda: clusters))
        try:
            await clusters.reader(PLACE).get("/api/v1/nodes/n1")
            before = await cluster.ask()
            began = time.perf_counter()
            outcomes = await asyncio.gather(*(_step(action, bench, given) for given in _steps(scene)))
            took_s = time.perf_counter() - began
        finally:
            await clusters.aclose()
        wrong = [one.summary for one in outcomes if one.verdict != "succeeded"]
        if wrong:
            raise RuntimeError(f"{len(wrong)} steps did not succeed, the first: {wrong[0]}")
        after = await cluster.ask()
        _check(scene, before, after)
        return took_s, after["requests"]


async def _step(action: KubernetesAction, bench: Bench, given: KubernetesInput) -> Outcome:
    plan = await action.plan(given, bench.scope(timeout_s=TIMEOUT_S))
    return await action.execute(plan, Told())


def _steps(scene: str) -> list[KubernetesInput]:
    if scene == "drain":
        return [KubernetesInput(action="drain", node="n1")]
    return [
        KubernetesInput(action="restart", namespace=NAMESPACE, deployment=deployment(n))
        for n in range(DEPLOYMENTS)
    ]


async def _kubectl(binary: str, scene: str, folder: Path) -> float:
    async with _cluster(scene, folder) as cluster:
        before = await cluster.ask()
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(cluster.kubeconfig)}
        began = time.perf_counter()
        for line in _lines(scene):
            await _run([binary, *line], env=env)
        took_s = time.perf_counter() - began
        _check(scene, before, await cluster.ask())
        return took_s


def _lines(scene: str) -> list[list[str]]:
    if scene == "drain":
        return [["drain", "n1", "--ignore-daemonsets"]]
    return [
        line
        for name in map(deployment, range(DEPLOYMENTS))
        for line in (["delete", "pods", "-l", f"app={name}"], ["rollout", "status", f"deployment/{name}"])
    ]


async def _run(line: Sequence[str], *, env: dict[str, str]) -> None:
    running = await asyncio.create_subprocess_exec(
        *line, env=env, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await running.communicate()
    if running.returncode:
        raise RuntimeError(f"{' '.join(line)}: {said.decode()}")


def _check(scene: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Faster is worth nothing where less was done."""
    if len(after["ready"]) != len(before["ready"]):
        raise RuntimeError(f"{len(after['ready'])} of {len(before['ready'])} pods are ready at the end")
    if scene == "drain" and (after["pods_on_n1"] or len(before["pods_on_n1"]) != PODS):
        raise RuntimeError("the node was not drained of its pods")
    if set(before["ready"]) & set(after["ready"]):
        raise RuntimeError("some pods are still the ones from before")


# ------------------------------------------------------------ the cluster


@dataclass(frozen=True, kw_only=True)
class _Child:
    process: asyncio.subprocess.Process
    kubeconfig: Path

    async def ask(self) -> dict[str, Any]:
        """How it stands, and the requests since it was asked last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told


@asynccontextmanager
async def _cluster(scene: str, folder: Path) -> AsyncIterator[_Child]:
    """A furnished stand-in in a process of its own."""
    await asyncio.to_thread(folder.mkdir)
    kubeconfig = folder / "kubeconfig"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.cluster_child", scene, str(kubeconfig)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    try:
        assert process.stdout is not None
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError("the stand-in cluster did not start")
        yield _Child(process=process, kubeconfig=kubeconfig)
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
        await process.wait()
