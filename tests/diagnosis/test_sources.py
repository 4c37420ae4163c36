"""What is known beside the cluster stands among the evidence, redacted; what cannot be read is a gap of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.catalog.schema import Catalog, Metric
from bot.clients.series import Answer, Series
from bot.diagnosis.evidence import Evidence, Item, Subject
from bot.diagnosis.report import markdown
from bot.diagnosis.sources import Source, alert, numbers, past
from bot.errors import BotError
from bot.journal.base import HistoryQuery, RunRow, StepRow
from bot.runs.events import IncidentId, RunId

START = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
CATALOG = Catalog(
    metrics={
        "errors": Metric(
            name="errors", query="rate(errors{service={{ service }}}[5m])", description="Errors per second"
        ),
        "up": Metric(name="up", query="sum(up)"),
        "lag": Metric(name="lag", query="lag{service={{ service }}}"),
    }
)


@dataclass
class Prometheus:
    """Answers every query with these points, or not at all."""

    points: tuple[tuple[float, float], ...] = ()
    broken: str = ""
    asked: list[tuple[str, datetime, datetime, float]] = field(default_factory=list)

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        self.asked.append((query, start, end, step_s))
        if self.broken and self.broken in query:
            raise BotError("Prometheus was not reached (ClientError)", code="prometheus-unavailable")
        return Answer(series=(Series(points=self.points),), count=1) if self.points else Answer()


@dataclass
class Told:
    """A journal with these runs."""

    rows: tuple[RunRow, ...]
    queries: list[HistoryQuery] = field(default_factory=list)

    async def runs(self, query: HistoryQuery) -> tuple[RunRow, ...]:
        self.queries.append(query)
        return self.rows[: query.limit]

    async def steps(self, run_id: RunId) -> tuple[StepRow, ...]:
        restart = StepRow(
            run_id=run_id,
            step="steps/0",
            name="restart",
            action="restart",
            type="kubernetes",
            service="payments",
            tenant="",
            environment="prod",
            runbook="restart-payments",
            version="1",
            status="succeeded",
            at=START,
            reason="looks right",
        )
        undone = replace(
            restart, step="steps/1", name="scale up", status="rolled_back", is_rolled_back=True, reason=""
        )
        return undone, restart


def run(name: str, *, is_open: bool = False, dry_run: bool = False) -> RunRow:
    return RunRow(
        run_id=RunId(name),
        incident_id=IncidentId("i1"),
        runbook="restart-payments",
        version="1",
        service="payments",
        tenant="",
        environment="prod",
        status="succeeded",
        is_open=is_open,
        opened_at=START,
        updated_at=START,
        finished_at=None if is_open else START,
        decided_by="alice@example.com",
        symptom="high error rate",
        dry_run=dry_run,
    )


async def all_of(sources: Sequence[Source]) -> list[Item]:
    return [item for source in sources for item in await source.read()]


async def test_an_alert_is_told_with_its_details_and_without_what_says_nothing() -> None:
    details = {"symptom": "errors", "value": 14.2, "url": "", "assignees": (), "score": None}
    [item] = await alert("5xx above 5%", source="PagerDuty", at=START, details=details).read()
    assert (item.id, item.source, item.at) == ("alert", "PagerDuty", START.isoformat())
    assert item.text == "5xx above 5%\nsymptom: errors\nvalue: 14.2"


async def test_the_services_numbers_are_read_around_the_start_and_the_named_one_first() -> None:
    at = START.timestamp()
    prometheus = Prometheus(points=((at - 120, 0.2), (at - 60, 0.2), (at + 60, 14.0), (at + 120, 12.5)))
    made = numbers(prometheus, CATALOG, service="payments", start=START, now=NOW, also=["lag"])
    lag, errors = await all_of(made)
    assert (lag.id, errors.id) == ("metric/lag", "metric/errors")
    assert prometheus.asked[1] == (
        'rate(errors{service="payments"}[5m])',
        START - timedelta(minutes=30),
        NOW,
        40.0,
    )
    assert errors.text == (
        "errors: 0.2 before 02:00 UTC, then 12.5 to 14 (highest at 02:01), last 12.5 at 02:02\nErrors per second"
    )
    assert errors.source == 'Prometheus: rate(errors{service="payments"}[5m])'
    assert errors.at == (START + timedelta(minutes=2)).isoformat()


async def test_a_metric_that_is_named_is_read_though_it_asks_for_no_service() -> None:
    made = numbers(Prometheus(), CATALOG, service="payments", start=START, now=NOW, also=["up"])
    assert [source.what for source in made] == ["metric up", "metric errors", "metric lag"]
    [up, *_] = await all_of(made)
    assert up.text == "up: no data from 01:30 to 02:10 UTC"


async def test_what_the_bot_did_before_is_told_with_its_steps() -> None:
    journal = Told((run("r3", is_open=True), run("r2", dry_run=True), run("r1")))
    [item] = await past(journal, service="payments", now=NOW).read()
    assert item.id == "run/r1"
    assert item.text.splitlines() == [
        "restart-payments succeeded on 2026-03-14 02:00 UTC in prod, decided by alice@example.com",
        "for: high error rate",
        "- restart: succeeded (looks right)",
        "- scale up: rolled_back, undone",
    ]
    assert journal.queries[0].service == "payments"


async def test_the_report_shows_what_stands_beside_the_cluster() -> None:
    at = START.timestamp()
    sources = (
        alert("5xx above 5% <!channel> [x](https://evil.example)", source="PagerDuty", at=START, details={}),
        *numbers(Prometheus(points=((at, 1.0),)), CATALOG, service="payments", start=START, now=NOW),
        past(Told((run("r1"),)), service="payments", now=NOW),
    )
    evidence = Evidence(
        subject=Subject(kind="Deployment", namespace="shop", name="api"),
        taken_at=NOW,
        items=tuple(await all_of(sources)),
    )
    text = markdown(evidence, ())
    assert "## The alert" in text
    assert "## Numbers around the start" in text
    assert "## What the bot did here before" in text
    assert all(line.startswith("    ") for line in text.splitlines() if "evil.example" in line)
    assert Evidence.from_json(json.loads(json.dumps(evidence.as_json()))) == evidence
