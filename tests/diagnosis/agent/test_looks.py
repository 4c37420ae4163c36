"""What a model may look at: with no more rights than the evidence needs, cut to size, and each look can be quoted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.actions.diagnose import NEEDED
from bot.actions.kubernetes.permissions import rules
from bot.catalog.schema import Catalog, Metric
from bot.clients.kubernetes import Clusters
from bot.clients.series import Answer, Series
from bot.diagnosis.agent.beside import described, measured, recalled
from bot.diagnosis.agent.looks import ANSWER_CHARS, KINDS, Looks
from bot.diagnosis.collecting import collect
from bot.errors import BotError
from bot.journal.base import HistoryQuery, RunRow
from bot.runs.events import IncidentId, RunId
from bot.sandbox.cluster.server import Cluster
from tests.actions.kubernetes_ground import PLACE
from tests.diagnosis.agent.ground import REDACTOR, SECRET, looks_at, out_of_memory
from tests.diagnosis.snapshots import NOW
from tests.diagnosis.test_collecting import API


@dataclass
class Ground:
    """A cluster with a deployment, and the looks at what was read of it."""

    cluster: Cluster
    looks: Looks

    @property
    def pod(self) -> str:
        return next(self.looks.evidence.of("Pod")).name


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Ground]:
    async with Cluster() as cluster:
        cluster.deployment("payments", "api", replicas=1, image="shop:2")
        cluster.deployment("payments", "other", replicas=1, image="other:1")
        await cluster.settled()
        cluster.rights.allow_only(
            [
                {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
                for group, resources, verbs in rules(NEEDED)
            ]
        )
        kubeconfig = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        clusters = Clusters(kubeconfig=kubeconfig, requests_per_s=10_000, burst=1000, request_timeout_s=5)
        reader = clusters.reader(PLACE)
        evidence = await collect(reader, API, redactor=REDACTOR, now=lambda: datetime.now(UTC))
        yield Ground(cluster=cluster, looks=looks_at(evidence, reader=reader))
        await clusters.aclose()


async def test_every_kind_can_be_described_with_the_rights_that_evidence_needs(there: Ground) -> None:
    for kind in KINDS:
        there.looks.count = 0
        said = await there.looks.describe(kind, "api" if kind != "Node" else "n1")
        assert "forbidden" not in said, said
    there.looks.count = 0
    assert "spec.containers.api.image: shop:2" in await there.looks.describe("pod", there.pod)
    assert "spec.replicas: 1" in await there.looks.describe("Deployment", "api")


async def test_a_log_is_that_of_the_workloads_own_pods(there: Ground) -> None:
    there.cluster.write_log("payments", there.pod, *(f"line {n}" for n in range(300)))
    said = await there.looks.logs(there.pod, "api", lines=500)
    assert said.startswith(f"item look-1/log/{there.pod}/api:\nline 100\n")
    assert said.endswith("line 299")
    others = there.cluster.pods("payments", of="other")[0]["metadata"]["name"]
    assert await there.looks.logs(others, "other") == f"pod {others} is none of this workload's"


async def test_what_is_long_is_cut_and_can_be_read_on(there: Ground) -> None:
    there.cluster.write_log("payments", there.pod, *(f"{n:06d} {'x' * 93}" for n in range(200)))
    said = await there.looks.logs(there.pod, "api", lines=200)
    assert len(said) < ANSWER_CHARS + 200
    assert "(cut; `item` gives more of it)" in said
    assert (await there.looks.item("look-1/" + f"log/{there.pod}/api", start=19_000)).count("\n") < 12


async def test_events_are_those_about_one_object(there: Ground) -> None:
    said = await there.looks.events("Pod", there.pod)
    assert "Scheduled" in said
    assert "other-" not in said
    assert await there.looks.events("Pod", "nobody") == "nothing was said about Pod nobody"


async def test_what_cannot_be_read_is_said(there: Ground) -> None:
    there.cluster.rights.allow_only([])
    assert "it could not be read" in await there.looks.describe("Pod", there.pod)
    assert "it could not be read" in await there.looks.logs(there.pod, "api")
    assert there.looks.looked == []


class Numbers:
    """A Prometheus that answers with what it was given."""

    def __init__(self, answer: Answer | BotError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        self.asked.append(query)
        if isinstance(self.answer, BotError):
            raise self.answer
        return self.answer


CATALOG = Catalog(
    metrics={
        "errors": Metric(
            name="errors", query="sum(rate(errors{service={{ service }}}[5m]))", description="Errors a second"
        )
    }
)


def with_metrics(numbers: Numbers) -> Looks:
    evidence = out_of_memory()
    measure = measured(numbers, CATALOG, "checkout", lambda: NOW)
    return looks_at(evidence, metrics=described(CATALOG), measure=measure)


async def test_a_metric_is_asked_by_its_name_with_the_query_of_the_catalog() -> None:
    points = ((1.0, 0.5), (2.0, 14.25))
    numbers = Numbers(Answer(series=(Series(labels={"pod": "a"}, points=points),), count=3))
    said = await with_metrics(numbers).metric("errors")
    assert numbers.asked == ['sum(rate(errors{service="checkout"}[5m]))']
    assert said.splitlines() == [
        "item look-1/metric/errors:",
        "pod=a: least 0.5, most 14.25, last 14.25; oldest first: 0.5 14.25",
        "and 2 more series",
    ]


@pytest.mark.parametrize("name", ["up", "sum(up)", 'errors{service="other"}', ""])
async def test_no_query_of_a_model_reaches_prometheus(name: str) -> None:
    numbers = Numbers(Answer())
    assert "there are: errors" in await with_metrics(numbers).metric(name)
    assert numbers.asked == []


async def test_a_metric_that_cannot_be_had_is_said() -> None:
    looks = with_metrics(
        Numbers(BotError("Prometheus was not reached", hint="", code="prometheus-unavailable"))
    )
    assert await looks.metric("errors") == "it could not be read: Prometheus was not reached"
    assert await with_metrics(Numbers(Answer())).metric("errors") == "item look-1/metric/errors:\nno data"


class Journal:
    """Past runs."""

    def __init__(self, *rows: RunRow) -> None:
        self.rows = rows
        self.asked: list[HistoryQuery] = []

    async def runs(self, query: HistoryQuery) -> tuple[RunRow, ...]:
        self.asked.append(query)
        return self.rows

    async def steps(self, run_id: RunId) -> tuple[Any, ...]:
        return ()


def ran(runbook: str, status: str, *, symptom: str = "") -> RunRow:
    at = NOW - timedelta(days=1)
    return RunRow(
        run_id=RunId("r"),
        incident_id=IncidentId("i"),
        runbook=runbook,
        version="1",
        service="checkout",
        tenant="",
        environment="prod",
        status=status,
        is_open=False,
        opened_at=at,
        updated_at=at,
        symptom=symptom,
    )


async def test_past_runs_are_those_of_the_service_and_searched_by_words() -> None:
    journal = Journal(
        ran("restart-api", "succeeded", symptom=f"latency {SECRET}"), ran("scale-api", "failed")
    )
    looks = looks_at(out_of_memory(), recall=recalled(journal, "checkout"))
    assert await looks.past_runs() == (
        "item look-1/past-runs:\n"
        "2026-03-13 02:10 UTC restart-api in prod: succeeded, for: latency [redacted]\n"
        "2026-03-13 02:10 UTC scale-api in prod: failed"
    )
    assert "scale-api" not in await looks.past_runs("LATENCY restart")
    assert await looks.past_runs("nothing like it") == "none was found"
    assert {one.service for one in journal.asked} == {"checkout"}


def test_only_tools_that_have_something_behind_them_are_offered() -> None:
    bare = looks_at(out_of_memory())
    assert [tool.__name__ for tool in bare.tools()] == ["item", "describe", "logs", "events"]
    full = with_metrics(Numbers(Answer()))
    full.recall = recalled(Journal(), "checkout")
    assert [tool.__name__ for tool in full.tools()][4:] == ["metric", "past_runs"]
