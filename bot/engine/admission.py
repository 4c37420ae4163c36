"""Slots and target locks: which approved run may go ahead, and what the others wait for.

A run takes one slot of its tenant and the locks of its targets, all or none, when its first step has its quorum, and
keeps them until it finishes. A run that began by only looking has its slot and no target yet; it takes the locks of its
first change as all others do, and waits for them in the same line. First come, first served: a run that waits for the
same tenant or target goes first.

This cannot deadlock. Who holds a target never waits: one learnt later is only tried (`try_more`), and if somebody else
has it a human is asked. Who holds just a slot waits for targets only, and stands behind nobody who has yet to get one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.catalog.schema import Catalog
from bot.journal.base import Hold, Journal
from bot.runs.events import RunId
from bot.runs.plan import Plan, Target
from bot.runs.state import Run

SHORT_ID = 8


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Not yet: for what, and at which place in the line (from 1)."""

    waiting_for: str
    position: int


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    run_id: RunId
    tenant: str
    targets: frozenset[str]
    for_slot: bool = False
    """It waits for a slot; else for a target, which keeps nobody else of its tenant waiting."""
    has_slot: bool = False
    """It was let in already, and has only looked so far."""


@dataclass
class Admission:
    """Who holds what; one per process, over the journal's holds."""

    journal: Journal
    catalog: Callable[[], Catalog]
    _line: list[_Wanted] = field(default_factory=list)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, run: Run, targets: Sequence[str]) -> Wait | None:
        """Take slot and locks, or say what is in the way; a run that waits keeps its place in the line."""
        held = {hold.name: hold for hold in await self.journal.holds()}
        own = [name for name, hold in held.items() if hold.run_id == run.id]
        own_targets = [name for name in own if not name.startswith("slot:")]
        has_slot = len(own) > len(own_targets)
        wanted = _Wanted(
            run_id=run.id, tenant=run.opened.tenant, targets=frozenset(targets), has_slot=has_slot
        )
        # Who was let in and could not write it down (the journal was away, the bot was killed) stands behind nobody:
        # those in the line wait for what it holds.
        is_in = has_slot and bool(own_targets or not targets)
        ahead = [] if is_in else self._ahead(wanted)
        if ahead:
            self._line_up(wanted)
            return Wait(waiting_for=await self._words_ahead(ahead[-1], wanted), position=len(ahead) + 1)
        in_the_way = await self._take(wanted, held)
        if in_the_way is None:
            self.step_out(run.id)
            return None
        self._line_up(replace(wanted, for_slot=in_the_way.name.startswith("slot:")))
        return Wait(waiting_for=await self._words(in_the_way, wanted), position=1)

    async def try_more(self, run: Run, targets: Sequence[str]) -> Hold | None:
        """Take further targets without waiting; the hold that is in the way, or None."""
        return await self.journal.take_holds(run.id, sorted(targets))

    async def leave(self, run_id: RunId) -> None:
        """Give back everything and wake those who wait."""
        await self.journal.release_holds(run_id)
        self._leave_line(run_id)
        self._wake()

    def step_out(self, run_id: RunId) -> None:
        """Wait no longer, and keep what is held."""
        if self._leave_line(run_id):
            self._wake()

    def freed(self) -> asyncio.Event:
        """Set once when something is given back."""
        return self._freed

    async def line_up(self, runs: Sequence[Run]) -> None:
        """After a restart: those that waited, in the order they came. What was given back meanwhile is handed out
        here, to the first, because the runs are taken up in no particular order."""
        waiting = [(run.queued_since, run.id, run) for run in runs if run.queued_since is not None]
        for _, _, run in sorted(waiting, key=lambda one: one[:2]):
            await self.enter(run, _wanted_by(run))

    async def drop_strays(self, open_runs: Sequence[RunId]) -> None:
        """Release what finished runs still hold because a crash came between their end and the release."""
        for run_id in {hold.run_id for hold in await self.journal.holds()} - set(open_runs):
            await self.journal.release_holds(run_id)

    def _ahead(self, wanted: _Wanted) -> list[_Wanted]:
        ahead = []
        for one in self._line:
            if one.run_id == wanted.run_id:
                break
            if wanted.has_slot:
                is_ahead = one.has_slot and bool(one.targets & wanted.targets)
            else:
                is_ahead = bool(one.targets & wanted.targets) or (
                    one.for_slot and one.tenant == wanted.tenant
                )
            if is_ahead:
                ahead.append(one)
        return ahead

    def _line_up(self, wanted: _Wanted) -> None:
        """At its place in the line, or at its end."""
        ids = [one.run_id for one in self._line]
        if wanted.run_id in ids:
            self._line[ids.index(wanted.run_id)] = wanted
        else:
            self._line.append(wanted)

    def _leave_line(self, run_id: RunId) -> bool:
        """Whether it stood in it; whoever stood behind has a better place now."""
        before = len(self._line)
        self._line = [one for one in self._line if one.run_id != run_id]
        return len(self._line) < before

    def _wake(self) -> None:
        freed, self._freed = self._freed, asyncio.Event()
        freed.set()

    async def _take(self, wanted: _Wanted, held: Mapping[str, Hold]) -> Hold | None:
        """None when everything was taken; else what is in the way (the last slot, or a target)."""
        slots = [f"slot:{wanted.tenant}/{number + 1}" for number in range(self._limit())]
        if any(held[slot].run_id == wanted.run_id for slot in slots if slot in held):
            return await self.journal.take_holds(wanted.run_id, sorted(wanted.targets))
        in_the_way = held.get(slots[-1])
        for slot in slots:
            if slot not in held:
                in_the_way = await self.journal.take_holds(wanted.run_id, sorted([slot, *wanted.targets]))
                if in_the_way is None or in_the_way.name != slot:
                    return in_the_way
        return in_the_way

    def _limit(self) -> int:
        return max(1, self.catalog().limits.max_concurrent_runbooks)

    async def _words_ahead(self, before: _Wanted, wanted: _Wanted) -> str:
        shared = sorted(before.targets & wanted.targets)
        if shared:
            name = await self.name_of(before.run_id)
            return f"{shared[0].partition(':')[2]}, for which {name} waits before it"
        return await self._words(Hold(name="slot:", run_id=before.run_id), wanted)

    async def _words(self, hold: Hold, wanted: _Wanted) -> str:
        if hold.name.startswith("slot:"):
            return f"one of the {self._limit()} slots of {wanted.tenant or 'the team'}"
        return f"{hold.name.partition(':')[2]}, held by {await self.name_of(hold.run_id)}"

    async def name_of(self, run_id: RunId) -> str:
        """A run as people know it: by its runbook, and by enough of its id to tell it from another."""
        row = await self.journal.run_row(run_id)
        return f"the run of {row.runbook} ({run_id[:SHORT_ID]})" if row is not None else f"run {run_id}"


def lockable(plan: Plan) -> tuple[str, ...]:
    """The targets a plan must hold alone: everything it changes; a channel is nobody's alone."""
    if not plan.changes:
        return ()
    return _keys(plan.targets)


def _keys(targets: Sequence[Target]) -> tuple[str, ...]:
    return tuple(sorted(target.key for target in targets if target.kind != "channel"))


def _wanted_by(run: Run) -> tuple[str, ...]:
    """What a run in the line waits for: the targets of its approved step, or of the undo it is at."""
    if run.is_undoing:
        undo = run.with_effect[0].undo if run.with_effect else None
        return _keys(undo.targets) if undo is not None else ()
    proposal = run.current.proposal if run.current is not None else None
    return lockable(proposal.made.plan) if proposal is not None else ()
