"""What was tried last time: which earlier runs of a service the thread tells of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.intake import symptoms
from bot.intake.incident import Facts, LastTime
from bot.intake.matching import symptom_of
from bot.journal.base import IncidentRow, RunRow
from bot.runs.events import IncidentId

LIMIT = 3


def last_times(
    rows: Sequence[RunRow],
    *,
    facts: Facts,
    incidents: Mapping[IncidentId, IncidentRow] | None = None,
    limit: int = LIMIT,
) -> tuple[LastTime, ...]:
    """Finished runs for this service, those of the same symptom first, then similar ones, newest first in each.

    Runs still open and dry runs say nothing about how it ended and are left out. `incidents` gives the
    thread's address where it is known.
    """
    told = [row for row in rows if row.service == facts.service and not row.is_open and not row.dry_run]
    told.sort(key=lambda row: row.finished_at or row.updated_at, reverse=True)
    told.sort(key=lambda row: _closeness(row, facts, incidents or {}), reverse=True)
    return tuple(_told(row, incidents or {}) for row in told[:limit]) if facts.service else ()


def _closeness(row: RunRow, facts: Facts, incidents: Mapping[IncidentId, IncidentRow]) -> int:
    """2 for the same symptom, 1 for one that shares half of its words, else 0."""
    incident = incidents.get(row.incident_id)
    theirs, ours = row.symptom or (incident.title if incident else ""), symptom_of(facts)
    if symptoms.is_same(theirs, ours):
        return 2
    return 1 if symptoms.overlap(theirs, ours) >= 0.5 else 0


def _told(row: RunRow, incidents: Mapping[IncidentId, IncidentRow]) -> LastTime:
    incident = incidents.get(row.incident_id)
    return LastTime(
        run_id=row.run_id,
        runbook=row.runbook,
        status=row.status,
        at=row.finished_at or row.updated_at,
        permalink=incident.permalink if incident else "",
        decided_by=row.decided_by,
    )
