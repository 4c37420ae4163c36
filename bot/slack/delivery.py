"""Brings the thread to Slack: whatever follows from the journal and is not there yet is posted, in order, once.

The thread is a function of the journal (`thread.messages`). Nothing in the engine ever sends a message; it appends
events, and this room compares what should be said with what was said (`journal.deliveries`) and closes the gap. That
is why losing Slack delays words and never a run, and why there is no queue of messages to lose: after an hour without
Slack the gap is simply larger.

What a key can be, and what is done about it:

    no record                 post: record `sending`, ask Slack, record `sent` with its ts
    `sending`                 we asked and never learnt the answer (cut connection, crash): look for the key in the
                              thread first (`finding`), post only when it is not there
    `failed`                  Slack said no, or later: nothing was posted, so asking again is safe
    `sent`, live, differs     edit, at most once in EDIT_EVERY; edits are idempotent and need no `sending`
    `sent`, final             nothing, for ever, also when a later version of this program would word it differently

The two races that matter. *Between Slack's answer and our record* a crash leaves `sending`; the metadata of every
message carries its key and incident, so it is found. *Between our question and Slack's effect* (a timeout while Slack
is slow) the message may appear after we have looked; we wait before looking, which makes that rare and cannot make it
impossible, because Slack offers no idempotent post. A direct message cannot be looked for at all (the app has no
`im:history`): in doubt it counts as sent, since the thread mentions the same people.

Order. Each place is a lane. In the thread the first message that cannot be placed holds back those after it, so that
a thread caught up late reads like one that was never interrupted; people's direct messages, and what is said under
somebody else's message, are lanes of their own and hold nothing back. A message Slack refuses for what it is (not for
where it goes) is tried as plain text, then given up, so that one bad block never silences an incident.

The thread itself. Where the incident has no message to answer under, the root is ours: it is posted to the channel
first, and `ThreadOpened` is appended with its permalink; replies wait for neither.

One task per incident that has something to say, none for one that has not. Tasks wake on `journal.changes()` and on
moving tails, the latter at most four times a second. Where a run moved they wake a few milliseconds later: a decision,
an admission and a start follow each other that closely, so they are drawn once, and the step is under way before the
words about it are. A rate limit is Slack's to set: we do not space posts out
beforehand (a page at night must arrive at once), but when Slack says wait, that channel waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.engine.clock import Clock
from bot.engine.execution import Tails
from bot.engine.ledger import Ledger
from bot.errors import JournalError, NotFound
from bot.journal.base import IncidentRow, Journal
from bot.runs.events import IncidentId, RunId
from bot.runs.state import stream_of as run_stream
from bot.slack.gateway import Gateway
from bot.slack.reconciling import Compose, Reconciler, Told

log = structlog.get_logger()

LOOK_BACK = timedelta(days=1)
"""Incidents that ended this recently are looked at on start too: their last words may not have arrived."""

GATHER_S = 0.005
TAIL_EVERY = timedelta(seconds=0.25)
PAUSE_AFTER_TROUBLE = timedelta(seconds=5)
KNOWN_RUNS_LIMIT = 5000
_RUN = run_stream(RunId(""))


@dataclass
class _Desk:
    """The task of one incident and what wakes it."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Courier:
    """Keeps Slack in step with the journal. `run` it as a task; `stop` lets what is being sent arrive."""

    def __init__(
        self,
        *,
        journal: Journal,
        ledger: Ledger,
        tails: Tails,
        gateway: Gateway,
        clock: Clock,
        compose: Compose,
        told: Told = lambda _result: None,
    ) -> None:
        self._told = told
        self._journal = journal
        self._ledger = ledger
        self._tails = tails
        self._gateway = gateway
        self._clock = clock
        self._compose = compose
        self._desks: dict[IncidentId, _Desk] = {}
        self._incident_of: dict[RunId, IncidentId] = {}
        self._moved: set[str] = set()
        self._has_moved = asyncio.Event()
        self._is_stopping = False
        self._loops: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Deliver until stopped; returns when `stop` was called or the journal is closed."""
        if self._is_stopping:
            return
        self._loops = [
            asyncio.create_task(self._follow_journal(), name="slack-delivery-journal"),
            asyncio.create_task(self._follow_runs(), name="slack-delivery-runs"),
            asyncio.create_task(self._follow_tails(), name="slack-delivery-tails"),
        ]
        try:
            await self._loops[0]
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
        finally:
            for loop in self._loops[1:]:
                loop.cancel()

    async def stop(self, *, timeout_s: float = 5.0) -> None:
        """Send nothing new; wait this long for calls under way, then leave them `sending` for the next start."""
        self._is_stopping = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        tasks = [desk.task for desk in self._desks.values() if desk.task is not None]
        for desk in self._desks.values():
            desk.wake.set()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def wake(self, incident_id: IncidentId) -> None:
        """Look at this incident now; cheap when there is nothing to say."""
        if self._is_stopping:
            return
        desk = self._desks.setdefault(incident_id, _Desk())
        desk.wake.set()
        if desk.task is None:
            desk.task = asyncio.create_task(
                self._serve(incident_id, desk), name=f"slack-delivery-{incident_id}"
            )

    @property
    def is_idle(self) -> bool:
        """Whether everything that follows from the journal is said, as far as this process knows."""
        return not self._desks and not self._moved

    async def _follow_journal(self) -> None:
        while True:
            try:
                await self._follow_changes()
                return
            except JournalError as trouble:
                log.warning("journal-not-followed", reason=str(trouble))
            # Whatever was appended meanwhile is found by looking at everything again.
            await self._clock.wait(asyncio.Event(), self._clock.now() + PAUSE_AFTER_TROUBLE)

    async def _follow_changes(self) -> None:
        # Subscribed before looking, so that nothing appended in between is missed.
        changes = self._journal.changes()
        for row in await self._unfinished():
            self.wake(row.incident_id)
        async for streams in changes:
            if any(stream.startswith(_RUN) for stream in streams):
                self._moved.update(streams)
                self._has_moved.set()
                continue
            for incident_id in await self._touched(streams):
                self.wake(incident_id)

    async def _follow_runs(self) -> None:
        while True:
            await self._has_moved.wait()
            # The machine's own time, not the story's: nobody waits for this.
            await asyncio.sleep(GATHER_S)
            self._has_moved.clear()
            streams = tuple(self._moved)
            try:
                for incident_id in await self._touched(streams):
                    self.wake(incident_id)
                self._moved.difference_update(streams)
            except JournalError as trouble:
                log.warning("run-not-followed", reason=str(trouble))
                await self._clock.wait(asyncio.Event(), self._clock.now() + PAUSE_AFTER_TROUBLE)
                self._has_moved.set()

    async def _follow_tails(self) -> None:
        while True:
            moved = await self._tails.moved()
            try:
                for incident_id in await self._touched([run_stream(run_id) for run_id in moved]):
                    self.wake(incident_id)
            except JournalError as trouble:
                log.warning("tail-not-drawn", reason=str(trouble))
            await self._clock.wait(asyncio.Event(), self._clock.now() + TAIL_EVERY)

    async def _unfinished(self) -> Sequence[IncidentRow]:
        recent = self._clock.now() - LOOK_BACK
        rows = {row.incident_id: row for row in await self._journal.incidents(open_only=True, limit=10_000)}
        rows |= {row.incident_id: row for row in await self._journal.incidents() if row.updated_at > recent}
        return tuple(rows.values())

    async def _touched(self, streams: Sequence[str]) -> set[IncidentId]:
        found: set[IncidentId] = set()
        for stream in streams:
            kind, _, name = stream.partition("-")
            if kind == "incident":
                found.add(IncidentId(name))
            elif kind == "run":
                incident_id = await self._incident_behind(RunId(name))
                if incident_id is not None:
                    found.add(incident_id)
        return found

    async def _incident_behind(self, run_id: RunId) -> IncidentId | None:
        if run_id not in self._incident_of:
            row = await self._journal.run_row(run_id)
            if row is None:
                return None
            self._incident_of[run_id] = row.incident_id
            if len(self._incident_of) > KNOWN_RUNS_LIMIT:
                del self._incident_of[next(iter(self._incident_of))]
        return self._incident_of[run_id]

    async def _serve(self, incident_id: IncidentId, desk: _Desk) -> None:
        """Reconcile until there is nothing left to say and nobody has woken us meanwhile."""
        reconciler = Reconciler(
            incident_id,
            journal=self._journal,
            ledger=self._ledger,
            gateway=self._gateway,
            clock=self._clock,
            compose=self._compose,
            told=self._told,
            is_stopping=lambda: self._is_stopping,
        )
        try:
            while not self._is_stopping:
                desk.wake.clear()
                again_at = await self._reconcile(reconciler)
                if again_at is None and not desk.wake.is_set():
                    return
                await self._clock.wait(desk.wake, again_at)
        finally:
            self._desks.pop(incident_id, None)

    async def _reconcile(self, reconciler: Reconciler) -> datetime | None:
        try:
            return await reconciler.reconcile()
        except NotFound:
            return None
        except JournalError as trouble:
            log.warning("thread-not-read", incident=reconciler.incident_id, reason=str(trouble))
        except Exception:  # one incident that cannot be drawn must not silence the others
            log.exception("thread-broke", incident=reconciler.incident_id, reference=uuid4().hex[:8])
        return self._clock.now() + PAUSE_AFTER_TROUBLE
