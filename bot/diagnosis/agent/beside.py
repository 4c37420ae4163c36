"""Where looks that are no reads of a cluster get their answers: the catalog's metrics, and the journal's past runs.

A metric is asked for by its name in the catalog, with the query that was reviewed there: no query of a model's reaches
Prometheus. Past runs are those of one service, as history lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.catalog.schema import Catalog
from bot.catalog.templating import Place, render_text
from bot.clients.series import Series
from bot.diagnosis.agent.looks import Measure, Recall
from bot.diagnosis.sources import Numbers, Past
from bot.journal.base import HistoryQuery, RunRow

MOST_SERIES, MOST_POINTS = 5, 24
MOST_RUNS = 20
READ_RUNS = 200
"""How many of a service's newest runs are searched for words."""


def described(catalog: Catalog) -> Mapping[str, str]:
    """The metrics by name, with what they say."""
    return {name: one.description or name for name, one in catalog.metrics.items()}


def measured(reader: Numbers, catalog: Catalog, service: str, now: Callable[[], datetime]) -> Measure:
    """Reads a metric of the catalog for this service."""

    async def measure(name: str, minutes: int) -> str:
        values = {"service": service} if service else {}
        query = render_text(catalog.metrics[name].query, Place.PROMQL, values)
        end = now()
        found = await reader.over(
            query,
            start=end - timedelta(minutes=minutes),
            end=end,
            step_s=max(15.0, minutes * 60 / MOST_POINTS),
        )
        if not found.count:
            return "no data"
        lines = [_series(one) for one in found.series[:MOST_SERIES]]
        more = found.count - len(lines)
        return "\n".join([*lines, f"and {more} more series"] if more > 0 else lines)

    return measure


def recalled(journal: Past, service: str) -> Recall:
    """Searches the past runs of this service."""

    async def recall(words: str) -> Sequence[str]:
        rows = await journal.runs(HistoryQuery(service=service, limit=READ_RUNS))
        wanted = words.lower().split()
        lines = [_run(row) for row in rows]
        return [line for line in lines if all(word in line.lower() for word in wanted)][:MOST_RUNS]

    return recall


def _run(row: RunRow) -> str:
    told = f"{row.opened_at:%Y-%m-%d %H:%M} UTC {row.runbook} in {row.environment or 'no environment'}: {row.status}"
    dry = " (dry run)" if row.dry_run else ""
    return f"{told}{dry}{f', for: {row.symptom}' if row.symptom else ''}"


def _series(one: Series) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items())) or "the series"
    values = [value for _, value in one.points]
    if not values:
        return f"{labels}: no data"
    points = " ".join(f"{value:.6g}" for value in values[-MOST_POINTS:])
    return f"{labels}: least {min(values):.6g}, most {max(values):.6g}, last {values[-1]:.6g}; oldest first: {points}"
