"""What the tests of the Slack door share: a clock turned by hand, a real journal, a real local Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.engine.execution import Tails
from bot.engine.ledger import Change, Ledger
from bot.errors import VersionConflict
from bot.intake import incident as incidents
from bot.intake.incident import Facts, Incident, IncidentChanged, IncidentOpened, Origin, Place
from bot.journal.base import Delivery
from bot.journal.codec import Codec
from bot.journal.sqlite import SqliteJournal
from bot.runs import events as runs
from bot.runs.events import Event, IncidentId
from bot.runs.state import Run
from bot.sandbox.server import Sandbox
from bot.slack.delivery import Courier
from bot.slack.gateway import Gateway
from bot.slack.message import Message, metadata_of
from bot.slack.reconciling import Reconciler

CHANNEL = "C0INC"
INCIDENT = IncidentId("i-1")


class HandClock:
    """Time that passes when a test says so; waiting for it costs nothing."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._moved: asyncio.Event = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def pass_(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        while not signal.is_set() and (until is None or self._now < until):
            moved = self._moved
            waits = [asyncio.ensure_future(signal.wait()), asyncio.ensure_future(moved.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
                await asyncio.gather(*waits, return_exceptions=True)


@asynccontextmanager
async def journal_in(folder: Path) -> AsyncIterator[SqliteJournal]:
    codec = Codec([runs.EVENTS, incidents.EVENTS])
    journal = await SqliteJournal.open(folder / "journal.db", serve=True, codec=codec)
    try:
        yield journal
    finally:
        await journal.close()


def opened(
    *, thread_ts: str = "", channel: str = CHANNEL, incident_id: IncidentId = INCIDENT
) -> IncidentOpened:
    return IncidentOpened(
        at=datetime.now(UTC),
        incident_id=incident_id,
        origin=Origin(key=f"pagerduty:{incident_id}", source="pagerduty"),
        facts=Facts(title="payments are slow", service="payments"),
        place=Place(channel=channel, thread_ts=thread_ts),
    )


def changed(text: str) -> IncidentChanged:
    return IncidentChanged(
        at=datetime.now(UTC), kind="annotated", facts=Facts(title="payments are slow"), text=text
    )


def says(key: str, text: str, *, place: str = "thread", live: bool = False, **more: Any) -> Message:
    return Message(key=key, place=place, text=text, live=live, metadata=metadata_of(key), **more)


def root(text: str = "payments are slow.") -> Message:
    return says("incident", text, place="channel", live=True)


@dataclass
class Desk:
    """One incident and what its thread shall say: tests set `script`."""

    journal: SqliteJournal
    slack: Sandbox
    gateway: Gateway
    clock: HandClock
    script: list[Message] = field(default_factory=list)
    ledger: Ledger = field(init=False)
    tails: Tails = field(default_factory=Tails)

    def __post_init__(self) -> None:
        self.ledger = Ledger(journal=self.journal)

    def compose(self, _incident: Incident, _runs: Sequence[Run]) -> list[Message]:
        return list(self.script)

    async def open(self, event: IncidentOpened | None = None) -> None:
        await self.ledger.append(Change(incident_events=(event or opened(),)))

    async def append(self, *events: Event) -> None:
        """Like every writer: where the courier was first (it journals where the thread is), read again."""
        while True:
            incident = await self.ledger.incident(INCIDENT)
            try:
                await self.ledger.append(Change(incident=incident, incident_events=events))
            except VersionConflict:
                continue
            return

    async def incident(self) -> Incident:
        return await self.ledger.incident(INCIDENT)

    def reconciler(self) -> Reconciler:
        """What a freshly started process has: nothing in memory."""
        return Reconciler(
            INCIDENT,
            journal=self.journal,
            ledger=Ledger(journal=self.journal),
            gateway=self.gateway,
            clock=self.clock,
            compose=self.compose,
        )

    def courier(self) -> Courier:
        return Courier(
            journal=self.journal,
            ledger=self.ledger,
            tails=self.tails,
            gateway=self.gateway,
            clock=self.clock,
            compose=self.compose,
        )

    async def records(self) -> dict[str, Delivery]:
        return {one.key: one for one in await self.journal.deliveries(INCIDENT)}

    def texts(self, channel: str = CHANNEL) -> list[str]:
        return [message["text"] for message in self.slack.messages(channel)]

    async def until(self, predicate: Callable[[], object], what: str = "") -> None:
        await self.slack.until(predicate, what=what)
