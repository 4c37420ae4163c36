"""Writes what happens to a run, whatever else happens to it meanwhile, and lets it in where it has to wait its turn.

An outcome is a fact: it is appended on top of whatever the run has become, however long the journal is away. Anything
else is decided on one version of the run and is refused by the journal when somebody else was first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.engine.admission import Admission
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.errors import JournalUnavailable, VersionConflict
from bot.journal.base import Hold
from bot.runs.events import Event, RunAdmitted, RunQueued, StepFinished, UndoFinished
from bot.runs.plan import Artifact
from bot.runs.state import Run

log = structlog.get_logger()

RETRY_JOURNAL_S = 1.0

Fact = StepFinished | UndoFinished
"""What came of something that was sent; it is recorded whatever else happened meanwhile."""


@dataclass(frozen=True, kw_only=True)
class RunWriter:
    """Appends to runs. Holds none of them."""

    ledger: Ledger
    admission: Admission
    clock: Clock
    retry_journal_s: float = RETRY_JOURNAL_S

    async def append(self, run: Run, *events: Event, artifacts: Sequence[Artifact] = ()) -> Run:
        """The run with these events; `VersionConflict` where another writer was first."""
        _, after = await self.ledger.append(
            Change(run=run, run_events=tuple(events), artifacts=tuple(artifacts))
        )
        assert after is not None
        return after

    async def append_fact(self, run: Run, event: Fact, artifacts: Sequence[Artifact] = ()) -> None:
        """Append what happened, on top of whatever the run has become, however long it takes.

        An append that the journal could not confirm may have landed: the conflict that the next try then meets is
        with itself, and the run shows that it has this outcome already.
        """
        is_unsure = False
        while True:
            try:
                await self.append(run, event, artifacts=artifacts)
            except VersionConflict:
                run = await self._reread(run)
                if is_unsure and _is_recorded(run, event):
                    return
            except JournalUnavailable as problem:
                log.error("outcome-not-recorded-yet", run=run.id, reason=problem.message)
                is_unsure = True
                await asyncio.sleep(self.retry_journal_s)
            else:
                return

    async def _reread(self, run: Run) -> Run:
        """The run as it is now, as soon as it can be read."""
        while True:
            try:
                return await self.ledger.run(run.id)
            except JournalUnavailable as problem:
                log.error("outcome-not-recorded-yet", run=run.id, reason=problem.message)
                await asyncio.sleep(self.retry_journal_s)

    async def let_in(self, run: Run, targets: Sequence[str]) -> tuple[RunAdmitted, ...] | None:
        """Take slot and locks, or None while the run waits; the place in the line is journaled.

        That it was let in is for the caller to append, in one commit with what it does next: the holds themselves
        are in the journal already, and a click should not wait for the disk once more than it must. A run that holds
        targets never waits for more of them (`let_in_more`).
        """
        holds_what_it_needs = run.admitted is not None and (run.admitted.targets or not targets)
        if holds_what_it_needs or run.opened.dry_run:
            return ()
        wait = await self.admission.enter(run, targets)
        if wait is None:
            return (RunAdmitted(at=self.clock.now(), targets=tuple(targets)),)
        said = run.queued
        if said is None or (said.waiting_for, said.position) != (wait.waiting_for, wait.position):
            event = RunQueued(at=self.clock.now(), waiting_for=wait.waiting_for, position=wait.position)
            await self.append(run, event)
        return None

    async def let_in_more(
        self, run: Run, targets: Sequence[str], entered: Sequence[RunAdmitted]
    ) -> Hold | None:
        """What is in the way of targets the run was not let in with; those it was, it holds until it ends."""
        known = [*entered, run.admitted] if run.admitted is not None else entered
        held = {target for admitted in known for target in admitted.targets}
        if held.issuperset(targets):
            return None
        return await self.admission.try_more(run, targets)


def _is_recorded(run: Run, fact: Fact) -> bool:
    return any(
        isinstance(one, StepFinished | UndoFinished)
        and (type(one), one.at, one.step) == (type(fact), fact.at, fact.step)
        for one in run.events
    )
