"""What is known beside the cluster: the alert's own details, what the bot did here before, numbers around the start.

Each is handed to `collect`, which reads it beside the cluster, within the same budget, redacts what comes and makes a
gap of what does not come. One source is one question, so that a number that cannot be had takes no other with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.catalog.schema import Catalog, Metric
from bot.catalog.templating import Place, references, render_text
from bot.clients.series import Answer, Point
from bot.diagnosis.evidence import Item
from bot.journal.base import HistoryQuery, RunRow, StepRow
from bot.runs.events import RunId

BEFORE, AFTER = timedelta(minutes=30), timedelta(hours=1)
"""How much of a number is read around the start."""
MOST_POINTS, SHORTEST_STEP_S = 60, 15.0
MOST_RUNS, MOST_METRICS = 5, 8
BESIDE = frozenset({"Alert", "Run", "Metric", "Delivery"})
"""The kinds of what is known beside the cluster."""
RUNS_SINCE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One question about the past or the present that the cluster cannot answer."""

    what: str
    """As the report names it where it cannot be read."""
    read: Callable[[], Awaitable[Sequence[Item]]]
    """Raises BotError for whatever goes wrong with reading."""


class Numbers(Protocol):
    """Reads metrics; implemented over Prometheus."""

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        """What a query answers from `start` to `end`; raises BotError."""


class Past(Protocol):
    """The part of a journal that tells of earlier runs."""

    async def runs(self, query: HistoryQuery) -> tuple[RunRow, ...]:
        """Runs that fit, newest first."""

    async def steps(self, run_id: RunId) -> tuple[StepRow, ...]:
        """The steps of one run, in no promised order."""


def alert(title: str, *, source: str, at: datetime, details: Mapping[str, object]) -> Source:
    """What the alert itself says, as `alert`; details that say nothing are left out."""
    known = {key: str(value) for key, value in details.items() if value not in (None, "", (), [], {})}

    async def read() -> Sequence[Item]:
        text = "\n".join([title, *(f"{key}: {value}" for key, value in known.items())])
        return (Item(id="alert", kind="Alert", source=source, at=at.isoformat(), text=text),)

    return Source(what="the alert", read=read)


def past(journal: Past, *, service: str, now: datetime, limit: int = MOST_RUNS) -> Source:
    """The last runs for a service that are over, each as `run/ID` with what became of its steps."""

    async def read() -> Sequence[Item]:
        query = HistoryQuery(service=service, since=now - RUNS_SINCE, limit=limit * 2)
        over = [row for row in await journal.runs(query) if not row.is_open and not row.dry_run]
        return [_run(row, await journal.steps(row.run_id)) for row in over[:limit]]

    return Source(what=f"what the bot did for {service} before", read=read)


def numbers(
    metrics: Numbers,
    catalog: Catalog,
    *,
    service: str,
    start: datetime,
    now: datetime,
    also: Iterable[str] = (),
) -> tuple[Source, ...]:
    """The catalog's metrics that ask for a service, and those named in `also`, around the start: `metric/NAME`."""
    wanted = set(also)
    chosen = [
        metric
        for metric in catalog.metrics.values()
        if metric.name in wanted or "service" in references(metric.query)
    ]
    chosen.sort(key=lambda metric: metric.name not in wanted)
    return tuple(
        Source(what=f"metric {metric.name}", read=_asked(metrics, metric, service, start, now))
        for metric in chosen[:MOST_METRICS]
    )


def _asked(
    metrics: Numbers, metric: Metric, service: str, start: datetime, now: datetime
) -> Callable[[], Awaitable[Sequence[Item]]]:
    since, until = start - BEFORE, max(min(now, start + AFTER), start)
    step_s = max(SHORTEST_STEP_S, (until - since).total_seconds() / MOST_POINTS)

    async def read() -> Sequence[Item]:
        query = render_text(metric.query, Place.PROMQL, {"service": service})
        answer = await metrics.over(query, start=since, end=until, step_s=step_s)
        points = answer.series[0].points if answer.series else ()
        text = f"{metric.name}: {_said(points, start, since, until)}"
        if metric.description:
            text += f"\n{metric.description}"
        if answer.count > 1:
            text += f"\nthe first of {answer.count} series"
        body = {"points": [[round(at), value] for at, value in points]}
        at = _moment(points[-1][0]) if points else until
        return (
            Item(
                id=f"metric/{metric.name}",
                kind="Metric",
                source=f"Prometheus: {query}",
                at=at.isoformat(),
                body=body if points else {},
                text=text,
            ),
        )

    return read


def _said(points: Sequence[Point], start: datetime, since: datetime, until: datetime) -> str:
    """`0.2 before 02:00 UTC, then up to 14.1 (02:07), now 13.9 (02:10)`."""
    if not points:
        return f"no data from {since:%H:%M} to {until:%H:%M} UTC"
    before = sorted(value for at, value in points if at < start.timestamp())
    after = [point for point in points if point[0] >= start.timestamp()]
    parts = [f"{before[len(before) // 2]:.4g} before {start:%H:%M} UTC" if before else "nothing before"]
    if after:
        low, high = min(after, key=lambda one: one[1]), max(after, key=lambda one: one[1])
        parts.append(f"then {low[1]:.4g} to {high[1]:.4g} (highest at {_moment(high[0]):%H:%M})")
        parts.append(f"last {after[-1][1]:.4g} at {_moment(after[-1][0]):%H:%M}")
    else:
        parts.append("nothing since")
    return ", ".join(parts)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _run(row: RunRow, steps: Sequence[StepRow]) -> Item:
    at = row.finished_at or row.updated_at
    by = f", decided by {row.decided_by}" if row.decided_by else ""
    lines = [
        f"{row.runbook} {row.status} on {at:%Y-%m-%d %H:%M} UTC in {row.environment or 'no environment'}{by}"
    ]
    if row.symptom:
        lines.append(f"for: {row.symptom}")
    for step in sorted(steps, key=lambda one: one.step):
        undone = ", undone" if step.is_rolled_back else ""
        reason = f" ({step.reason})" if step.reason else ""
        lines.append(f"- {step.name}: {step.status}{undone}{reason}")
    return Item(
        id=f"run/{row.run_id}",
        kind="Run",
        source="the bot's journal",
        at=at.isoformat(),
        text="\n".join(lines),
    )
