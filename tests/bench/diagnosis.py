"""What a diagnosis costs, and how often it is right: the confusion table of the corpus is printed beside the times.

Analysis: every case of the corpus, the findings alone. Collecting: a deployment of two hundred pods on the stand-in
cluster, in this process and 5 ms late with every answer, read whole; then the requests are counted, and the times at
which they came are held against the configured rate: a bucket of the configured burst, emptied at the configured rate,
must never have run over. Read most strictly, one request each 20 ms at 50 a second and never two under way, it is
measured as well, with a burst of one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bot.clients.kubernetes import Clusters
from bot.clients.kubernetes.clusters import BURST, REQUESTS_PER_S
from bot.diagnosis.collecting import collect
from bot.diagnosis.evidence import Evidence, Subject
from bot.diagnosis.findings import analyze
from bot.sandbox.cluster.server import Cluster
from bot.telemetry import Redactor
from tests.actions.kubernetes_ground import PLACE
from tests.bench.harness import Row, figures
from tests.diagnosis.corpus import cases
from tests.fakes.buckets import fullest

PODS = 200
ROUNDS = 7
LATENCY_S = 0.005


async def measure(folder: Path) -> list[Row]:
    """Both, and the table."""
    return [
        _analysis(),
        await _collecting(folder, f"evidence about {PODS} pods", expected="healthy"),
        await _collecting(folder, f"… {PODS} that crash, with logs", expected="traceback", are_broken=True),
        await _collecting(folder, f"… {PODS}, one request each 20 ms", expected="healthy", burst=1),
    ]


def _analysis() -> Row:
    corpus = list(cases())
    samples: list[float] = []
    table: Counter[tuple[str, str]] = Counter()
    for case in corpus:
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            found = analyze(case.evidence)
            best = min(best, time.perf_counter() - began)
        samples.append(best)
        table[case.expected[0] if case.expected else "-", found[0].kind if found else "-"] += 1
    _print(table)
    right = sum(count for (expected, found_first), count in table.items() if expected == found_first)
    return Row(
        what="analysis of one snapshot",
        ours=figures(samples),
        beside_what="parsing it from JSON",
        beside=figures([_parsing_s(case.evidence) for case in corpus]),
        promised_p95_ms=10,
        note=f"the slowest {max(samples) * 1000:.2f} ms; right {right} of {len(corpus)}",
    )


def _parsing_s(evidence: Evidence) -> float:
    text = json.dumps(evidence.as_json())
    began = time.perf_counter()
    json.loads(text)
    return time.perf_counter() - began


def _print(table: Counter[tuple[str, str]]) -> None:
    """Expected, found and how often; what is off the diagonal is marked."""
    width = max(len(one) for pair in table for one in pair)
    print(f"\n{'expected':<{width}}  {'found first':<{width}}  cases")
    for (expected, found), count in sorted(table.items()):
        print(f"{expected:<{width}}  {found:<{width}}  {count:>5}{'' if expected == found else '  WRONG'}")
    print()


async def _collecting(
    folder: Path, what: str, *, expected: str, are_broken: bool = False, burst: int = BURST
) -> Row:
    subject = Subject(kind="Deployment", namespace="payments", name="api")
    samples: list[float] = []
    needed = 0.0
    alone: list[float] = []
    async with Cluster() as cluster:
        cluster.deployment("payments", "api", replicas=PODS)
        await cluster.settled(timeout_s=60)
        if are_broken:
            _break(cluster)
        clusters = Clusters(kubeconfig=str(cluster.write_kubeconfig(folder / "kubeconfig")), burst=burst)
        reader = clusters.reader(PLACE)
        await reader.get("/api/v1/nodes/n1")
        cluster.faults.latency_s = LATENCY_S
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await reader.collection("/api/v1/namespaces/payments/pods")
            alone.append(time.perf_counter() - began)
            cluster.requests.clear()
            began = time.perf_counter()
            evidence = await collect(reader, subject, redactor=Redactor(), now=lambda: datetime.now(UTC))
            samples.append(time.perf_counter() - began)
            requests = [one.at for one in cluster.requests]
            needed = max(needed, fullest(requests, requests_per_s=REQUESTS_PER_S))
            found = [one.kind for one in analyze(evidence)]
            if evidence.gaps or found[:1] != [expected]:
                raise RuntimeError(f"{expected} was to be found, not {found}; gaps: {evidence.gaps}")
        await clusters.aclose()
    return Row(
        what=what,
        ours=figures(samples),
        beside_what="one list of the pods",
        beside=figures(alone),
        promised_ms=1000,
        is_own=False,
        note=f"{len(requests)} requests, at most {needed:g} of {burst} ahead of {REQUESTS_PER_S:g} a second"
        f" {'kept' if needed <= burst else 'MISSED'}",
    )


def _break(cluster: Cluster) -> None:
    """Every pod has ended once with an exception behind a page of log, and waits to be started again."""
    cluster.hold()
    lines = [f"2026-03-14T02:0{n % 10}:00Z INFO request {n} answered in {n % 90} ms" for n in range(95)]
    for pod in cluster.pods("payments", of="api"):
        name = pod["metadata"]["name"]
        thrown = ("Traceback (most recent call last):", '  File "/app/main.py", line 3', "KeyError: 'PORT'")
        cluster.write_log("payments", name, *lines, *thrown)
        cluster.crash("payments", name)
