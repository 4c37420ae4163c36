"""Runs as records: the fold of a run joined with what its incident knows, for every reader of runs.

Works over any journal, also one that was opened to read beside a serving bot.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.ledger import Ledger
from bot.errors import NotFound
from bot.intake.incident import Incident
from bot.journal.base import HistoryQuery, NumbersQuery
from bot.journal.reads import history
from bot.runs.events import RunId
from bot.runs.record import RunRecord, TriggerRecord, record_of
from bot.runs.state import Run, stream_of
from bot.runs.statistics import CANDIDATE_FROM, Statistics, statistics


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """One page of records, newest first; `next_cursor` is "" on the last one."""

    runs: tuple[RunRecord, ...]
    next_cursor: str = ""


@dataclass(frozen=True, kw_only=True)
class Records:
    """Reads; never writes."""

    ledger: Ledger

    async def record(self, run_id: RunId) -> RunRecord:
        """The record of one run; `NotFound` where there is none."""
        run = await self.ledger.run(run_id)
        heads = await self.ledger.journal.heads([stream_of(run_id)])
        version, head = heads.get(stream_of(run_id), (0, ""))
        trigger = await self._trigger(run)
        return record_of(run, trigger=trigger, head=head if version == run.version else "")

    async def page(self, query: HistoryQuery) -> RecordPage:
        """The runs that fit, as records; `BadInput` for a cursor that none was."""
        found = await history(self.ledger.journal, query)
        records = [await self.record(row.run_id) for row in found.runs]
        return RecordPage(runs=tuple(records), next_cursor=found.next_cursor)

    async def statistics(self, query: NumbersQuery, *, candidate_from: int = CANDIDATE_FROM) -> Statistics:
        """What the record says about each action."""
        return statistics(await self.ledger.journal.numbers(query), candidate_from=candidate_from)

    async def _trigger(self, run: Run) -> TriggerRecord | None:
        try:
            incident = await self.ledger.incident(run.incident_id)
        except NotFound:
            return None
        return trigger_of(incident, run)


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
