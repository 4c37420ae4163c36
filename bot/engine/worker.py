"""Many runs and incidents, their timers, and what a crash left behind.

Every open run and every incident that is not over has one watched task that asks what is next and does it:

    read → what_next → perform → read …      until it says Sleep, AskHuman or Done

A task sleeps until its timer, until its stream is appended to (by a click, a signal, another replica), or until a
slot or a target is given back. The tasks share nothing but the journal, so the order in which they wake does not
matter: whoever acts on an old picture is refused by the journal and looks again.

One run's trouble stays its own: an unexpected error is logged with a reference and the run is looked at again after
a pause that doubles up to a minute. Ending the process cancels the tasks; a step that runs at that moment has no
outcome and will be found unknown, which is the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from bot.engine.admission import Admission
from bot.engine.attending import Attendant, Idle, next_for
from bot.engine.clock import Clock
from bot.engine.driver import Driver
from bot.engine.ledger import Ledger
from bot.engine.looking import Looker
from bot.engine.reception import Reception
from bot.engine.trusting import Trusting
from bot.errors import BotError, JournalUnavailable, VersionConflict
from bot.intake.diagnosed import DiagnosisId
from bot.intake.incident import Incident
from bot.journal.base import HistoryQuery
from bot.runs.events import IncidentId, RunId
from bot.runs.next import AskHuman, Done, Sleep, what_next
from bot.runs.state import Run

log = structlog.get_logger()

PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
OPEN_LIMIT = 100_000


@dataclass(kw_only=True)
class Worker:
    """Drives everything that is open. `start` recovers, `stop` ends every task it started."""

    ledger: Ledger
    driver: Driver
    attendant: Attendant
    admission: Admission
    reception: Reception
    looker: Looker
    trusting: Trusting
    clock: Clock
    erred: Callable[[str], None] = lambda _where: None
    """Told of each unexpected error: `run`, `incident`, `diagnosis`, `reception`, `journal` or `task`."""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _signals: dict[str, asyncio.Event] = field(default_factory=dict)
    _stopping: bool = False

    async def start(self) -> None:
        """Take up what the journal says is open, then listen."""
        changes = self.ledger.journal.changes()
        self._spawn("changes", self._watch(changes))
        await self._recover()
        await self.reception.forget()
        self._spawn("reception", self._receive())
        self._spawn("catch-up", self.reception.catch_up())
        self.reception.wake()

    async def stop(self) -> None:
        """End every task; a step that runs now will be found unknown."""
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        await self.reception.stop()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled() and task.exception() is not None:
            self.erred("task")
            log.error("task-ended", name=name, error=repr(task.exception()))

    async def _recover(self) -> None:
        journal = self.ledger.journal
        rows = await journal.runs(HistoryQuery(open_only=True, limit=OPEN_LIMIT))
        runs = [run for row in rows if (run := await self._readable(row.run_id)) is not None]
        await self.admission.drop_strays([row.run_id for row in rows])
        await self.admission.line_up(runs)
        for run in runs:
            self._wake_run(run.id)
            self._wake_incident(run.incident_id)  # it may have been resolved with this run still to be closed
        for incident in await journal.incidents(open_only=True, limit=OPEN_LIMIT):
            self._wake_incident(incident.incident_id)

    async def _readable(self, run_id: RunId) -> Run | None:
        """The run; None where this version cannot read it, which must not keep it from all the others."""
        try:
            return await self.ledger.run(run_id)
        except JournalUnavailable:
            raise
        except (BotError, ValueError):
            self.erred("run")
            log.exception("run-not-taken-up", run=run_id)
            return None

    async def _watch(self, changes: Any) -> None:
        async for streams in changes:
            for stream in streams:
                kind, _, name = stream.partition("-")
                if kind == "run":
                    self._wake_run(RunId(name))
                elif kind == "incident":
                    self._wake_incident(IncidentId(name))

    async def _receive(self) -> None:
        while True:
            await self.reception.arrived()
            await self._guarded("reception", self.reception.handle_all)

    def _wake_run(self, run_id: RunId) -> None:
        self._wake(f"run-{run_id}", lambda: self._drive(run_id))

    def _wake_incident(self, incident_id: IncidentId) -> None:
        self._wake(f"incident-{incident_id}", lambda: self._attend(incident_id))

    def _wake(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._stopping:
            return
        signal = self._signals.setdefault(name, asyncio.Event())
        signal.set()
        if name not in self._tasks:
            self._spawn(name, work())

    async def _drive(self, run_id: RunId) -> None:
        """One run, until it is over."""
        name = f"run-{run_id}"
        signal = self._signals[name]

        async def look() -> bool:
            signal.clear()
            run = await self.ledger.run(run_id)
            effect = what_next(run, self.clock.now())
            match effect:
                case Done():
                    await self.admission.leave(run_id)
                    self._wake_incident(run.incident_id)
                    return signal.is_set()
                case AskHuman() | Sleep():
                    await self.clock.wait(signal, effect.until)
                case _:
                    freed = await self.driver.perform(run, effect)
                    if freed is not None:
                        await _either(self.clock, signal, freed)
            return True

        await self._until_done(name, look)

    async def _attend(self, incident_id: IncidentId) -> None:
        """One incident, until it is resolved and nothing of it is open."""
        name = f"incident-{incident_id}"
        signal = self._signals[name]

        async def look() -> bool:
            signal.clear()
            incident = await self.ledger.incident(incident_id)
            if self.looker.wants(incident):
                await self.looker.ask(incident)
                return True
            self._look(incident)
            if await self.trusting.begins(incident):
                return True
            effect = next_for(incident, await self.ledger.runs_of(incident), self.clock.now())
            if isinstance(effect, Idle):
                if effect.until is None:
                    return signal.is_set()
                await self.clock.wait(signal, effect.until)
                return True
            await self.attendant.perform(incident, effect)
            return True

        await self._until_done(name, look)

    def _look(self, incident: Incident) -> None:
        """Each diagnosis that is asked for is made by a task of its own: the incident's timers do not wait for it."""
        for one in incident.diagnoses:
            name = f"diagnosis-{one.id}"
            if one.is_open and name not in self._tasks and not self._stopping:
                self._spawn(name, self._until_looked(name, incident.incident_id, one.id))

    async def _until_looked(self, name: str, incident_id: IncidentId, diagnosis_id: DiagnosisId) -> None:
        self._signals.setdefault(name, asyncio.Event())  # nobody waits for it; `_until_done` takes it away

        async def look() -> bool:
            await self.looker.look(incident_id, diagnosis_id)
            return False

        await self._until_done(name, look)

    async def _until_done(self, name: str, look: Callable[[], Awaitable[bool]]) -> None:
        pause_s = PAUSE_S
        while True:
            try:
                if not await look():
                    # both at once, before anything else can run: a wake from now on makes a new task
                    del self._signals[name]
                    self._tasks.pop(name, None)
                    return
                pause_s = PAUSE_S
            except VersionConflict:
                continue
            except JournalUnavailable as problem:
                self.erred("journal")
                log.error("journal-unavailable", name=name, reason=problem.message)
            except (
                Exception
            ):  # one run's trouble must not stop the others; said with a reference, tried again
                self.erred(name.partition("-")[0])
                log.exception("look-broke", name=name, reference=uuid4().hex[:8])
            else:
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _guarded(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Reception's guard: what could not be handled stays unanswered and is taken up again after a pause."""
        try:
            await work()
        except Exception:  # the door must stay open; the item is still in the inbox
            self.erred("reception")
            log.exception("look-broke", name=name, reference=uuid4().hex[:8])
            await asyncio.sleep(PAUSE_S)
            self.reception.wake()


async def _either(
    clock: Clock, signal: asyncio.Event, freed: asyncio.Event, until: datetime | None = None
) -> None:
    """Wait for whichever comes first."""
    waits = [asyncio.create_task(clock.wait(one, until)) for one in (signal, freed)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
