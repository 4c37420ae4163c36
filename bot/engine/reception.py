"""From the inbox to incidents: each accepted signal is read, triaged and answered in one append that marks it done.

A crash between accepting and answering leaves the item unanswered, and the next start handles it; a crash after the
append finds it done. What a source can tell beyond its signal (alerts, assignees) is asked afterwards and comes back
as one more signal, so the first answer never waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import structlog

from bot.catalog.schema import Catalog
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.missed import missed
from bot.errors import BotError, JournalUnavailable, Refused, VersionConflict
from bot.intake.deployed import stream_of as deployments_of
from bot.intake.enrichment import Reader, read_more
from bot.intake.history import last_times
from bot.intake.inbox import Self, read_item
from bot.intake.incident import Incident, IncidentOpened, LastTime
from bot.intake.signal import Ignored, Signal
from bot.intake.triage import decide, placed_facts, service_of
from bot.journal.base import HistoryQuery, InboxItem, Write
from bot.runs.events import IncidentId
from bot.telemetry import Redactor

log = structlog.get_logger()

REMEMBER = timedelta(days=3)
"""How long handled signal ids are kept: longer than PagerDuty's 48 h of retries."""

CATCH_UP_AGAIN = timedelta(seconds=5)
CATCH_UP_PAUSE_AT_MOST = timedelta(minutes=5)

HISTORY_LOOK = 200


@dataclass(kw_only=True)
class Reception:
    """Handles signals, oldest first, one at a time: their order is their meaning."""

    ledger: Ledger
    catalog: Callable[[], Catalog]
    clock: Clock
    us: Self
    redactor: Redactor
    reader: Reader | None = None
    heard: Callable[[str, str, float], None] = lambda _kind, _result, _seconds: None
    """Told of each signal: its kind, whether it was `handled`, `ignored`, `refused` or `put_aside`, and how long after
    it was accepted."""
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Two signals with one key that are read at the same moment would open an incident each: no stream is there yet
    for them to race at."""
    _asking: set[asyncio.Task[None]] = field(default_factory=set)
    _put_aside: set[str] = field(default_factory=set)

    def wake(self) -> None:
        """Say that something was accepted."""
        self._arrived.set()

    async def arrived(self) -> None:
        """Wait until something may have been accepted."""
        await self.clock.wait(self._arrived, None)
        self._arrived.clear()

    async def handle_all(self) -> None:
        """Answer everything that was accepted and is not answered yet.

        A signal that breaks stays in the inbox and is put aside until the next start: no repeat of it may stand in
        the way of those after it. Raises `JournalUnavailable` only; then nothing can be answered.
        """
        for item in await self.ledger.journal.unanswered():
            if item.inbox_id in self._put_aside:
                continue
            try:
                await self.handle(item)
            except JournalUnavailable:
                raise
            except Exception:  # one signal's trouble stays its own, like a run's
                self._put_aside.add(item.inbox_id)
                self._heard(item, "put_aside")
                log.exception("signal-put-aside", inbox_id=item.inbox_id, reference=uuid4().hex[:8])

    async def handle(self, item: InboxItem) -> None:
        """Answer one signal."""
        signal = read_item(item, us=self.us)
        if isinstance(signal, Ignored):
            self._heard(item, "ignored")
            log.info("signal-ignored", inbox_id=item.inbox_id, reason=signal.reason)
            await self.ledger.journal.done(item.inbox_id)
            return
        try:
            opened = await self.take(signal, inbox_id=item.inbox_id)
        except Refused as refusal:
            self._heard(item, "refused")
            log.warning("signal-refused", inbox_id=item.inbox_id, reason=refusal.message)
            await self.ledger.journal.done(item.inbox_id)
            return
        self._heard(item, "handled")
        if opened is not None and self.reader is not None:
            self._ask(opened, self.reader)

    def _heard(self, item: InboxItem, result: str) -> None:
        self.heard(item.kind, result, (self.clock.now() - item.received_at).total_seconds())

    def _ask(self, incident: Incident, reader: Reader) -> None:
        """Read more behind the back of the next signal: a slow source must not hold up the others."""

        async def ask() -> None:
            more = await read_more(incident, reader=reader, read_at=self.clock.now())
            if isinstance(more, Signal):
                await self.take(more)

        task = asyncio.create_task(ask(), name=f"read-more-{incident.incident_id}")
        self._asking.add(task)
        task.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("read-more-ended", name=task.get_name(), error=repr(task.exception()))

    async def stop(self) -> None:
        """End what is still being asked; it is asked again at the next start."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def take(self, signal: Signal, *, inbox_id: str = "") -> Incident | None:
        """Let a signal do what it does; the incident where it opened one. What is secret in its words is not kept."""
        signal = _without_secrets(signal, self.redactor)

        async def once() -> Incident | None:
            existing = await self._known(signal)
            may_open = existing is None or (signal.recurs and existing.is_resolved)
            deployed = await self._deployed(signal)
            events = decide(
                signal,
                existing=existing,
                catalog=self.catalog(),
                now=self.clock.now(),
                new_id=IncidentId(uuid4().hex),
                last_times=await self._history(signal) if may_open else (),
            )
            if not events and not deployed:
                if inbox_id:
                    await self.ledger.journal.done(inbox_id)
                return None
            is_new = bool(events) and isinstance(events[0], IncidentOpened)
            incident, _ = await self.ledger.append(
                Change(
                    incident=None if is_new else existing,
                    incident_events=events,
                    beside=deployed,
                    inbox_id=inbox_id,
                )
            )
            return incident if is_new else None

        while True:
            # A signal has nobody to be told that it was too crowded: it is tried for as long as others write first.
            try:
                async with self._taking:
                    return await once()
            except VersionConflict:
                continue

    async def _deployed(self, signal: Signal) -> tuple[Write, ...]:
        """What it adds to the record of its service; nothing where the catalog knows no such service."""
        service = service_of(signal, self.catalog())
        if signal.deployment is None or service is None:
            return ()
        event = replace(signal.deployment, service=service.name)
        stream = deployments_of(service.name, event.at)
        version, _ = (await self.ledger.journal.heads([stream])).get(stream, (0, ""))
        return (Write(stream=stream, expected_version=version, events=(event,)),)

    async def _known(self, signal: Signal) -> Incident | None:
        for key in signal.keys:
            row = await self.ledger.journal.incident_by_origin(key)
            if row is not None:
                return await self.ledger.incident(row.incident_id)
        return None

    async def _history(self, signal: Signal) -> tuple[LastTime, ...]:
        """What was done before for this service, those of the same symptom first."""
        facts = placed_facts(signal, self.catalog())
        if not facts.service:
            return ()
        journal = self.ledger.journal
        rows = await journal.runs(HistoryQuery(service=facts.service, limit=HISTORY_LOOK))
        found = await journal.incident_rows(tuple({row.incident_id for row in rows}))
        return last_times(rows, facts=facts, incidents={row.incident_id: row for row in found})

    async def forget(self) -> None:
        """Drop ids of signals that are old enough never to come again."""
        await self.ledger.journal.forget_seen(before=self.clock.now() - REMEMBER)

    async def catch_up(self) -> None:
        """Accept what PagerDuty did while nobody listened; asks until PagerDuty answers, once in this process."""
        pause = CATCH_UP_AGAIN
        while self.reader is not None:
            try:
                for item in await missed(
                    reader=self.reader,
                    journal=self.ledger.journal,
                    catalog=self.catalog(),
                    read_at=self.clock.now(),
                ):
                    if await self.ledger.journal.accept(item):
                        self.wake()
                return
            except BotError as problem:
                log.warning("open-incidents-not-read", reason=str(problem), again_in_s=pause.total_seconds())
            await self.clock.wait(asyncio.Event(), self.clock.now() + pause)
            pause = min(pause * 2, CATCH_UP_PAUSE_AT_MOST)


def _without_secrets(signal: Signal, redactor: Redactor) -> Signal:
    def clean(words: str) -> str:
        return redactor.redact(words)[0]

    facts = replace(
        signal.facts,
        title=clean(signal.facts.title),
        service_text=clean(signal.facts.service_text),
        symptom=clean(signal.facts.symptom),
        url=clean(signal.facts.url),
    )
    deployment = signal.deployment
    if deployment is not None:
        deployment = replace(
            deployment,
            version=clean(deployment.version),
            link=clean(deployment.link),
            reason=clean(deployment.reason),
        )
    return replace(signal, facts=facts, text=clean(signal.text), deployment=deployment)
