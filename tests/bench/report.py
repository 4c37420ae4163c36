"""A signed webhook until the diagnosis of its incident stands in the thread, without a model.

Counted: all of it, from before the webhook is sent until the workspace has taken the message: the way in, the reading
of a deployment of two hundred pods whose namespace has no room for one more, from a stand-in cluster that is 5 ms late
with every answer, the findings, the commits, the call. Not counted: the file with the whole report, which comes after.

Beside it the first message of the same page, which does not wait for any of that.
"""

from __future__ import annotations

import time
from pathlib import Path

from bot.sandbox.cluster.server import Cluster
from tests.bench import scene
from tests.bench.harness import Row, figures

PODS = 200
LATENCY_S = 0.005
WARM_UPS = 1
SAMPLES = 10
FOUND = "Diagnosis: Certain: the namespace's quota"


async def measure(folder: Path) -> list[Row]:
    """One page after the other."""
    ours: list[float] = []
    beside: list[float] = []
    async with Cluster() as cluster:
        cluster.quota("payments", "team", hard={"pods": str(PODS)})
        cluster.deployment("payments", "api", replicas=PODS)
        await cluster.settled(timeout_s=60)
        cluster.deployment("payments", "api", replicas=PODS + 1)
        await cluster.settled(timeout_s=60)
        kubeconfig = cluster.write_kubeconfig(folder / "kubeconfig")
        cluster.faults.latency_s = LATENCY_S
        async with scene.looking(folder / "bot", kubeconfig) as bot:
            for count in range(WARM_UPS + SAMPLES):
                began = time.perf_counter()
                first_s, root = await bot.page()
                took_s = await bot.said(root, FOUND) - began
                await bot.settle()
                if count >= WARM_UPS:
                    ours.append(took_s)
                    beside.append(first_s)
    return [
        Row(
            what="webhook → diagnosis in the thread",
            ours=figures(ours),
            beside_what="its first message",
            beside=figures(beside),
            promised_ms=5000,
            is_own=False,
            note=f"{PODS} pods",
        )
    ]
