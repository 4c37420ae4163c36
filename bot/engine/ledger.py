"""Runs and incidents as the engine holds them: folded from the journal, kept warm, written with their rows.

The cache is only a saving. Before it is used the journal is asked for what came after it, so two writers never
decide on the same old picture; when they still race, the primary key refuses one and the cached fold is dropped.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bot.engine.rows import changed_step_rows, incident_row, run_row
from bot.errors import JournalUnavailable, NotFound, VersionConflict
from bot.intake import incident as incidents
from bot.intake.incident import Incident
from bot.journal.base import Batch, Journal, Recorded, Write
from bot.runs import fold as run_fold
from bot.runs import state as runs
from bot.runs.events import Event, IncidentId, RunId
from bot.runs.plan import Artifact
from bot.runs.state import Run

CACHE_LIMIT = 2000

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one append is to do: events on top of the folds they were decided on (None: a new stream)."""

    incident: Incident | None = None
    incident_events: tuple[Event, ...] = ()
    run: Run | None = None
    run_events: tuple[Event, ...] = ()
    beside: tuple[Write, ...] = ()
    """Streams that nobody folds, written in the same transaction."""
    artifacts: tuple[Artifact, ...] = ()
    inbox_id: str = ""


class Watcher(Protocol):
    """Whoever counts. Called in the loop, so it neither waits nor raises."""

    def committed_incident(self, incident: Incident, events: tuple[Event, ...]) -> None:
        """These were appended by this process, once for each commit; `incident` is the fold with them."""

    def committed_run(self, run: Run, events: tuple[Event, ...]) -> None:
        """These were appended by this process, once for each commit; `run` is the fold with them."""

    def saw_incident(self, incident: Incident) -> None:
        """This is how it stands now."""

    def saw_run(self, run: Run) -> None:
        """This is how it stands now."""


class Nobody:
    """Nobody counts."""

    def committed_incident(self, incident: Incident, events: tuple[Event, ...]) -> None:
        """Nothing."""

    def committed_run(self, run: Run, events: tuple[Event, ...]) -> None:
        """Nothing."""

    def saw_incident(self, incident: Incident) -> None:
        """Nothing."""

    def saw_run(self, run: Run) -> None:
        """Nothing."""


@dataclass
class Ledger:
    """Reads and writes folds. `VersionConflict` means: read again and decide anew."""

    journal: Journal
    watcher: Watcher = field(default_factory=Nobody)
    _runs: dict[RunId, Run] = field(default_factory=dict)
    _incidents: dict[IncidentId, Incident] = field(default_factory=dict)
    _unsure: dict[str, tuple[int, tuple[Event, ...]]] = field(default_factory=dict)
    """Streams whose last append nobody confirmed: the version it was made on, and what it held."""

    async def run(self, run_id: RunId) -> Run:
        """The run as it is now; `NotFound` where there is none."""
        known = self._runs.get(run_id)
        recorded = await self.journal.read(
            runs.stream_of(run_id), after_version=known.version if known else 0
        )
        if known is None and not recorded:
            raise NotFound(f"there is no run {run_id!r}")
        run = run_fold.fold(_events(recorded), known) if recorded else known
        assert run is not None
        self._keep(self._runs, run_id, run)
        self.watcher.saw_run(run)
        landed = self._landed(runs.stream_of(run_id), run.events)
        if landed:
            self.watcher.committed_run(run, landed)
        return run

    async def incident(self, incident_id: IncidentId) -> Incident:
        """The incident as it is now; `NotFound` where there is none."""
        known = self._incidents.get(incident_id)
        recorded = await self.journal.read(
            incidents.stream_of(incident_id), after_version=known.version if known else 0
        )
        if known is None and not recorded:
            raise NotFound(f"there is no incident {incident_id!r}")
        incident = incidents.fold(_events(recorded), known) if recorded else known
        assert incident is not None
        self._keep(self._incidents, incident_id, incident)
        self.watcher.saw_incident(incident)
        landed = self._landed(incidents.stream_of(incident_id), incident.events)
        if landed:
            self.watcher.committed_incident(incident, landed)
        return incident

    async def runs_of(self, incident: Incident) -> tuple[Run, ...]:
        """The incident's runs, oldest first."""
        return tuple([await self.run(run_id) for run_id in incident.run_ids])

    async def append(self, change: Change) -> tuple[Incident | None, Run | None]:
        """Write a change with its rows in one transaction; returns the folds after it."""
        writes: list[Write] = []
        incident, run = change.incident, change.run
        before = run
        if change.incident_events:
            expected = incident.version if incident else 0
            incident = incidents.fold(change.incident_events, incident)
            stream = incidents.stream_of(incident.incident_id)
            writes.append(Write(stream=stream, expected_version=expected, events=change.incident_events))
        if change.run_events:
            expected = run.version if run else 0
            run = run_fold.fold(change.run_events, run)
            writes.append(
                Write(stream=runs.stream_of(run.id), expected_version=expected, events=change.run_events)
            )
        writes.extend(change.beside)
        batch = Batch(
            writes=tuple(writes),
            incidents=(incident_row(incident),) if change.incident_events and incident else (),
            runs=(run_row(run),) if change.run_events and run else (),
            steps=changed_step_rows(before, run) if change.run_events and run else (),
            artifacts=change.artifacts,
            inbox_id=change.inbox_id,
        )
        try:
            await self.journal.append(batch)
        except VersionConflict:
            self._forget(incident, run)
            raise
        except (JournalUnavailable, asyncio.CancelledError):
            self._unsure.update({one.stream: (one.expected_version, one.events) for one in writes})
            raise
        for one in writes:
            self._unsure.pop(one.stream, None)
        if change.incident_events and incident:
            self._keep(self._incidents, incident.incident_id, incident)
            self.watcher.committed_incident(incident, change.incident_events)
            self.watcher.saw_incident(incident)
        if change.run_events and run:
            self._keep(self._runs, run.id, run)
            self.watcher.committed_run(run, change.run_events)
            self.watcher.saw_run(run)
        return incident, run

    def _landed(self, stream: str, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """What an append whose answer was lost has left in the stream after all; nothing where there was none."""
        version, sent = self._unsure.pop(stream, (0, ()))
        found = events[version : version + len(sent)]
        is_ours = [(type(one), one.at) for one in found] == [(type(one), one.at) for one in sent]
        return found if is_ours else ()

    def _forget(self, incident: Incident | None, run: Run | None) -> None:
        if incident is not None:
            self._incidents.pop(incident.incident_id, None)
        if run is not None:
            self._runs.pop(run.id, None)

    @staticmethod
    def _keep(cache: dict[_K, _V], key: _K, value: _V) -> None:
        cache.pop(key, None)
        cache[key] = value
        if len(cache) > CACHE_LIMIT:
            del cache[next(iter(cache))]


def _events(recorded: tuple[Recorded, ...]) -> tuple[Event, ...]:
    return tuple(one.event for one in recorded)
