"""Runs as records: the fold of a run joined with what its incident knows, for every reader of runs.

Works over any journal, also one that was opened to read beside a serving bot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound
from bot.intake import incident as incidents
from bot.intake.incident import Incident
from bot.intake.trust import ClassNumbers, numbers_of
from bot.journal.base import HistoryQuery, Journal, NumbersQuery
from bot.journal.reads import history
from bot.runs.events import IncidentId, RunId
from bot.runs.fold import fold
from bot.runs.record import RunRecord, TriggerRecord, record_of
from bot.runs.state import Run, stream_of
from bot.runs.statistics import CANDIDATE_FROM, Statistics, statistics

AT_ONCE = 10
"""Runs that are read and told in one go: a few milliseconds of everybody's time."""


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """One page of records, newest first; `next_cursor` is "" on the last one."""

    runs: tuple[RunRecord, ...]
    next_cursor: str = ""


@dataclass(frozen=True, kw_only=True)
class Records:
    """Reads; never writes, and keeps nothing: who pages through years must not push open runs out of a cache."""

    journal: Journal

    async def record(self, run_id: RunId) -> RunRecord:
        """The record of one run; `NotFound` where there is none."""
        found = await self._records([run_id])
        if not found:
            raise NotFound(f"there is no run {run_id!r}")
        return found[0]

    async def page(self, query: HistoryQuery) -> RecordPage:
        """The runs that fit, as records; `BadInput` for a cursor that none was."""
        found = await history(self.journal, query)
        records = await self._records([row.run_id for row in found.runs])
        return RecordPage(runs=tuple(records), next_cursor=found.next_cursor)

    async def statistics(self, query: NumbersQuery, *, candidate_from: int = CANDIDATE_FROM) -> Statistics:
        """What the record says about each action."""
        return statistics(await self.journal.numbers(query), candidate_from=candidate_from)

    async def trust(self, *, since: datetime | None = None, service: str = "") -> tuple[ClassNumbers, ...]:
        """What people said of diagnoses, class by class; `service` as the catalog names it, "" for all."""
        recorded = await self.journal.diagnoses(since=since)
        if not service:
            return numbers_of(recorded)
        ids = {incidents.id_of(one.stream) for one in recorded}
        rows = await self.journal.incident_rows(tuple(ids))
        theirs = {incidents.stream_of(row.incident_id) for row in rows if row.service == service}
        return numbers_of(recorded, streams=theirs)

    async def _records(self, run_ids: Sequence[RunId]) -> list[RunRecord]:
        """Those of these runs that there are; two reads for every `AT_ONCE` of them, and nobody waits for more."""
        made: list[RunRecord] = []
        for start in range(0, len(run_ids), AT_ONCE):
            streams = await self.journal.read_many(
                [stream_of(run_id) for run_id in run_ids[start : start + AT_ONCE]]
            )
            runs = [
                (fold([one.event for one in recorded]), recorded[-1].hash) for recorded in streams.values()
            ]
            known = await self._incidents({run.incident_id for run, _ in runs})
            made += [
                record_of(run, trigger=_trigger(run, known.get(run.incident_id)), head=head)
                for run, head in runs
            ]
        return made

    async def _incidents(self, incident_ids: Iterable[IncidentId]) -> dict[IncidentId, Incident]:
        names = [incidents.stream_of(incident_id) for incident_id in incident_ids]
        streams = await self.journal.read_many(names)
        found = [incidents.fold([one.event for one in recorded]) for recorded in streams.values()]
        return {incident.incident_id: incident for incident in found}


def _trigger(run: Run, incident: Incident | None) -> TriggerRecord | None:
    return None if incident is None else trigger_of(incident, run)


def trigger_of(incident: Incident, run: Run) -> TriggerRecord:
    """What the run was opened for, as its incident tells it."""
    origin, facts = incident.opened.origin, incident.facts
    taken = next((one.made for one in incident.suggestions if one.run_id == run.id), None)
    return TriggerRecord(
        source=origin.source,
        key=origin.key,
        url=origin.url or facts.url,
        title=facts.title,
        symptom=facts.symptom,
        why=taken.why if taken is not None else (),
        thread=incident.permalink,
    )
