"""Brings to PagerDuty what it is to be told: whatever follows from the journal and is not there yet, in order, once.

What is to be told is `notes(incident, runs)`; what was told stands in `journal.deliveries`. The engine never waits
for this room: PagerDuty being away delays words and never a run, and after an hour without it the gap is simply
larger. It is the thread's `delivery` for another place, with the same states of a key:

    no record    tell it: record `sending`, ask PagerDuty, record `sent`
    `sending`    asked, and the answer was lost (cut connection, 5xx, crash): look before asking again. A note is
                 looked for by its mark and reference among the incident's notes; a status is simply read
    `failed`     PagerDuty was not reached, or refused the token: nothing was done, so asking again is safe
    `given up`   PagerDuty will never take it: nothing, for ever
    `sent`       nothing, for ever

A status is read before it is changed, always: acknowledging what is resolved would open it again, and what people
did there themselves is not done over. An acknowledgment and a resolution are wishes about now; when PagerDuty was
away for longer than TOO_LATE they are dropped, while notes, which carry their time, are told however late.

In whose name. PagerDuty wants the email of one of its users and shows the change as theirs (an acknowledgment also
assigns the incident to them): whoever decided, else the fallback address of the settings. Where it knows neither,
the note is given up and the thread says so, once per incident.

Never a loop: notes carry a mark that intake drops, and a status that comes back as a webhook changes no event that
is told here.

One task works through the incidents one after the other: the rate limit is one for all of them, and trouble with
PagerDuty is the same for all, so it pauses all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.catalog.schema import Catalog
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.notes import Note, notes
from bot.engine.ports import PageReader, PageWriter
from bot.errors import BotError, JournalError, NotFound, VersionConflict
from bot.intake.incident import Incident, PagerNotTold
from bot.intake.signal import PAGERDUTY
from bot.journal.base import Delivery, Journal
from bot.runs.events import IncidentId, RunId

log = structlog.get_logger()

PLACE = PAGERDUTY
LOOK_BACK = timedelta(days=1)
"""Incidents that ended this recently are looked at on start too: their last notes may not have arrived."""
TOO_LATE = timedelta(minutes=15)
LOOK_AFTER = timedelta(seconds=1)
"""A note whose answer was lost is looked for after this, not at once: PagerDuty may still be at it."""
LONGEST_PAUSE = timedelta(minutes=1)
REFUSED_PAUSE = timedelta(minutes=5)
"""A token that is refused is tried again, but people have to act first."""
KNOWN_RUNS_LIMIT = 5000

_LATER = frozenset({"pagerduty-unavailable", "pagerduty-refused", "pagerduty-unknown"})
"""Codes of trouble that is PagerDuty's or the token's, not this note's."""


@dataclass(kw_only=True)
class Pager:
    """Keeps PagerDuty in step with the journal. `run` it as a task; `stop` lets what is being asked arrive."""

    journal: Journal
    ledger: Ledger
    catalog: Callable[[], Catalog]
    clock: Clock
    reader: PageReader
    writer: PageWriter
    fallback: str = ""
    """The email of a PagerDuty user to write as where it does not know who decided."""
    told: Callable[[str], None] = lambda _result: None
    """Counts: `told`, `later`, `given_up`."""
    _due: dict[IncidentId, datetime] = field(default_factory=dict)
    """When each incident is to be looked at; one that needs nothing stands in no line."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _incident_of: dict[RunId, IncidentId] = field(default_factory=dict)
    _pauses: int = 0
    _not_before: datetime | None = None
    _has_looked: bool = False
    _is_looking: bool = False
    _is_stopping: bool = False
    _loops: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self) -> None:
        """Tell until stopped; returns when `stop` was called or the journal is closed."""
        if self._is_stopping:
            return
        self._loops = [
            asyncio.create_task(self._follow(), name="pagerduty-journal"),
            asyncio.create_task(self._work(), name="pagerduty-notes"),
        ]
        try:
            await self._loops[0]
        except asyncio.CancelledError:
            if not self._is_stopping:
                self._loops[1].cancel()
                raise

    async def stop(self, *, timeout_s: float = 5.0) -> None:
        """Ask nothing new; wait this long for what is being asked, then leave it `sending` for the next start."""
        self._is_stopping = True
        self._woken.set()
        if not self._loops:
            return
        self._loops[0].cancel()
        _, late = await asyncio.wait(self._loops[1:], timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    @property
    def is_idle(self) -> bool:
        """Whether everything that follows from the journal is told, as far as this process knows."""
        return self._has_looked and not self._due and not self._is_looking

    # ------------------------------------------------------------ which incidents

    async def _follow(self) -> None:
        while True:
            try:
                # Subscribed before looking, so that nothing appended in between is missed.
                changes = self.journal.changes()
                for incident_id in await self._unfinished():
                    self._wake(incident_id)
                self._has_looked = True
                async for streams in changes:
                    for incident_id in await self._touched(streams):
                        self._wake(incident_id)
                return
            except JournalError as trouble:
                log.warning("journal-not-followed", reason=str(trouble))
            await self.clock.wait(asyncio.Event(), self.clock.now() + LONGEST_PAUSE)

    async def _unfinished(self) -> set[IncidentId]:
        recent = self.clock.now() - LOOK_BACK
        rows = (*await self.journal.incidents(open_only=True, limit=10_000), *await self.journal.incidents())
        return {row.incident_id for row in rows if row.is_open or row.updated_at > recent}

    async def _touched(self, streams: Sequence[str]) -> set[IncidentId]:
        found: set[IncidentId] = set()
        for stream in streams:
            kind, _, name = stream.partition("-")
            if kind == "incident":
                found.add(IncidentId(name))
            elif kind == "run" and (incident_id := await self._incident_behind(RunId(name))) is not None:
                found.add(incident_id)
        return found

    async def _incident_behind(self, run_id: RunId) -> IncidentId | None:
        if run_id not in self._incident_of:
            row = await self.journal.run_row(run_id)
            if row is None:
                return None
            self._incident_of[run_id] = row.incident_id
            if len(self._incident_of) > KNOWN_RUNS_LIMIT:
                del self._incident_of[next(iter(self._incident_of))]
        return self._incident_of[run_id]

    def _wake(self, incident_id: IncidentId) -> None:
        self._due[incident_id] = self.clock.now()
        self._woken.set()

    async def _work(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            now = self.clock.now()
            if self._not_before is None or self._not_before <= now:
                for incident_id in [one for one, at in self._due.items() if at <= now]:
                    # Out of the line first: whatever wakes it from now on puts it back.
                    del self._due[incident_id]
                    again_at = await self._look(incident_id)
                    if again_at is not None:
                        self._due.setdefault(incident_id, again_at)
                    if self._is_stopping or self._not_before is not None:
                        break
            if self._due:
                first = max(min(self._due.values()), self._not_before or now)
                await self.clock.wait(self._woken, first)
            else:
                await self.clock.wait(self._woken, None)
            if self._not_before is not None and self._not_before <= self.clock.now():
                self._not_before = None

    async def _look(self, incident_id: IncidentId) -> datetime | None:
        self._is_looking = True
        try:
            return await self._tell_what_is_missing(incident_id)
        except NotFound:
            return None
        except JournalError as trouble:
            log.warning("notes-not-read", incident=incident_id, reason=str(trouble))
        except Exception:  # one incident that cannot be told of must not silence the others
            log.exception("notes-broke", incident=incident_id, reference=uuid4().hex[:8])
        finally:
            self._is_looking = False
        return self.clock.now() + LONGEST_PAUSE

    # ------------------------------------------------------------ one incident

    async def _tell_what_is_missing(self, incident_id: IncidentId) -> datetime | None:
        """One pass; gives when to look again unasked, None when nothing is left for later."""
        incident = await self.ledger.incident(incident_id)
        pagerduty_id = self._spoken_of_as(incident)
        if not pagerduty_id:
            return None
        records = {one.key: one for one in await self.journal.deliveries(incident_id)}
        for note in notes(incident, await self.ledger.runs_of(incident)):
            record = records.get(f"{PLACE}:{note.key}")
            if self._is_stopping or _is_settled(record) or (note.is_aside and not self._signers(note)):
                continue
            if note.kind != "note" and self.clock.now() > note.at + TOO_LATE:
                continue
            again_at = await self._tell(incident, pagerduty_id, note, record)
            if again_at is not None:
                return again_at  # what comes after it waits, so that notes stand there in order
        return None

    def _spoken_of_as(self, incident: Incident) -> str:
        """Its id at PagerDuty, "" where nothing is to be written there."""
        service = self.catalog().services.get(incident.facts.service)
        if service is None or not service.pagerduty_write:
            return ""
        keys = (one.key for one in incident.origins if one.source == PAGERDUTY)
        return next(keys, "").partition(":")[2]

    async def _tell(
        self, incident: Incident, pagerduty_id: str, note: Note, record: Delivery | None
    ) -> datetime | None:
        now = self.clock.now()
        if record is not None and record.state == "sending" and now < (record.updated_at or now) + LOOK_AFTER:
            return (record.updated_at or now) + LOOK_AFTER
        asking = Delivery(
            key=f"{PLACE}:{note.key}",
            incident_id=incident.incident_id,
            place=PLACE,
            state="sending",
            channel=pagerduty_id,
            attempts=(record.attempts if record else 0) + 1,
            updated_at=now,
        )
        try:
            is_there = await self._is_there(pagerduty_id, note, record)
        except BotError as trouble:
            # Only the look was in vain: whether it was asked before is as unknown as it was.
            return await self._trouble(incident, note, record or replace(asking, state="failed"), trouble)
        if not is_there:
            await self.journal.record_delivery(asking)
            try:
                await self._as_somebody(note, self._telling(pagerduty_id, note))
            except BotError as trouble:
                is_undone = trouble.stable_code != "pagerduty-unknown"
                known = replace(asking, state="failed") if is_undone else asking
                return await self._trouble(incident, note, known, trouble)
        self._pauses = 0
        self.told("told")
        await self.journal.record_delivery(replace(asking, state="sent"))
        return None

    async def _is_there(self, pagerduty_id: str, note: Note, record: Delivery | None) -> bool:
        """Whether PagerDuty has it already, so that nothing is to be asked."""
        if note.kind == "note":
            if record is None or record.state != "sending":
                return False
            there = await self.reader.notes(pagerduty_id)
            return any(note.ref in str(one.get("content", "")) for one in there)
        status = (await self.reader.incident(pagerduty_id)).get("status")
        return status == "resolved" or (note.kind == "acknowledge" and status != "triggered")

    def _telling(self, pagerduty_id: str, note: Note) -> Callable[[str], Awaitable[None]]:
        async def tell(sender: str) -> None:
            match note.kind:
                case "acknowledge":
                    await self.writer.acknowledge(pagerduty_id, sender=sender)
                case "resolve":
                    await self.writer.resolve(pagerduty_id, sender=sender)
                case "note":
                    await self.writer.add_note(pagerduty_id, note.content, sender=sender)

        return tell

    async def _as_somebody(self, note: Note, tell: Callable[[str], Awaitable[None]]) -> None:
        """In the name of who decided, else of the fallback."""
        senders = self._signers(note)
        if not senders:
            raise BotError(
                "PagerDuty wants the email of one of its users and none is known for this decision",
                hint="set PAGERDUTY_FROM to one",
                code="pagerduty-sender-refused",
            )
        *others, last = senders
        for sender in others:
            try:
                await tell(sender)
            except BotError as trouble:
                if trouble.stable_code not in ("pagerduty-sender-refused", "bad-input"):
                    raise
            else:
                return
        await tell(last)

    def _signers(self, note: Note) -> list[str]:
        own = note.by.person if note.by is not None and "@" in note.by.person else ""
        return list(dict.fromkeys(filter(None, (own, self.fallback))))

    # ------------------------------------------------------------ trouble

    async def _trouble(
        self, incident: Incident, note: Note, known: Delivery, trouble: BotError
    ) -> datetime | None:
        """Record what is known of it now; gives when to try again, None where it is given up."""
        code = trouble.stable_code
        log.warning(
            "pagerduty-not-told",
            incident=incident.incident_id,
            key=note.key,
            reason=trouble.message,
            hint=trouble.hint,
            given_up=code not in _LATER,
        )
        self.told("later" if code in _LATER else "given_up")
        if code in _LATER:
            await self.journal.record_delivery(known)
            if code == "pagerduty-refused":
                await self._say(incident, trouble)
            return self._pause(REFUSED_PAUSE if code == "pagerduty-refused" else None)
        await self.journal.record_delivery(replace(known, state="given up"))
        await self._say(incident, trouble)
        return None

    def _pause(self, pause: timedelta | None) -> datetime:
        """Leave PagerDuty alone for a while, for all incidents; longer each time."""
        self._pauses += 1
        grown = min(LONGEST_PAUSE, timedelta(seconds=2 ** min(self._pauses, 6)))
        self._not_before = self.clock.now() + (pause or grown)
        return self._not_before

    async def _say(self, incident: Incident, trouble: BotError) -> None:
        """Once in the thread of the incident, with what would help."""
        while not any(isinstance(event, PagerNotTold) for event in incident.events):
            said = PagerNotTold(at=self.clock.now(), reason=str(trouble))
            try:
                await self.ledger.append(Change(incident=incident, incident_events=(said,)))
                return
            except VersionConflict:
                incident = await self.ledger.incident(incident.incident_id)


def _is_settled(record: Delivery | None) -> bool:
    return record is not None and record.state in ("sent", "given up")
