"""Schedules: each time a runbook's comes round, one tick is put into the inbox, once whoever notices it.

    what the catalog says now → what came round since we last looked → accept(`schedule:RUNBOOK:TICK`) → sleep

There is no list of what was posted: a tick has a name made of runbook and moment, and the inbox takes each name
once, also after a restart and with several replicas looking at the same minute. What came round while nobody looked
is posted at the next start if it is not older than GRACE, only the latest of each schedule, and says that it is late.
A schedule that is new in a running process counts from then on: whoever writes `0 9 * * *` at ten past nine means
tomorrow. At a start nobody can tell a new schedule from one that was missed, unless the journal holds no incident at
all: a bot that was never there has missed nothing.

The catalog is looked at again every few seconds, so a change of it changes the timetable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from bot.catalog.schedule import last_tick, next_tick
from bot.catalog.schema import Catalog, Runbook, Schedule
from bot.engine.clock import Clock
from bot.errors import JournalError
from bot.intake.inbox import from_schedule
from bot.intake.ticks import Tick
from bot.journal.base import Journal

log = structlog.get_logger()

GRACE = timedelta(hours=1)
LOOK_EVERY = timedelta(seconds=5)
NEVER = datetime.max.replace(tzinfo=UTC)
PAUSE_AFTER_TROUBLE = timedelta(seconds=5)


@dataclass(kw_only=True)
class Timetable:
    """Notices when schedules come round. `run` it as a task; cancel it to end it."""

    journal: Journal
    catalog: Callable[[], Catalog]
    clock: Clock
    wake: Callable[[], None]
    """Told after something was accepted."""
    _since: dict[tuple[str, Schedule], datetime] = field(default_factory=dict)
    """Up to when each schedule was looked at."""
    _next: dict[tuple[str, Schedule], datetime] = field(default_factory=dict)
    _is_first_look: bool = True

    async def run(self) -> None:
        """Look, sleep until the next tick or the next look, for ever."""
        while True:
            try:
                await self.look()
                until = self.due()
            except JournalError as trouble:
                log.warning("schedule-not-posted", reason=str(trouble))
                until = self.clock.now() + PAUSE_AFTER_TROUBLE
            except (
                Exception
            ):  # one schedule's trouble must not end all of them; what was missed is posted late
                log.exception("schedule-broke", reference=uuid4().hex[:8])
                until = self.clock.now() + PAUSE_AFTER_TROUBLE
            await self.clock.wait(asyncio.Event(), until)

    async def look(self) -> None:
        """Post what came round and is not posted yet."""
        now = self.clock.now()
        found = dict(self._schedules())
        earliest = now
        if self._is_first_look and await self.journal.incidents(limit=1):
            earliest = now - GRACE
        for name, runbook in found.items():
            if name in self._next and self._next[name] > now:
                continue
            since = self._since.get(name, earliest)
            tick = last_tick(name[1], after=max(since, now - GRACE), until=now)
            if tick is not None:
                await self._post(runbook, name[1], tick, now=now)
            # Only now: what could not be posted is looked at again.
            self._since[name] = now
            # Reckoned once per tick, not at every look: a catalog may hold a thousand schedules.
            self._next[name] = next_tick(name[1], after=now) or NEVER
        for name in self._since.keys() - found.keys():
            del self._since[name], self._next[name]
        self._is_first_look = False

    def due(self) -> datetime:
        """When to look again."""
        now = self.clock.now()
        return min([now + LOOK_EVERY, *self._next.values()])

    def _schedules(self) -> Iterator[tuple[tuple[str, Schedule], Runbook]]:
        for runbook in self.catalog().runbooks.values():
            if runbook.trigger.schedule is not None:
                yield (runbook.name, runbook.trigger.schedule), runbook

    async def _post(self, runbook: Runbook, schedule: Schedule, at: datetime, *, now: datetime) -> None:
        services = self._services(runbook)
        for service in services or ("",):
            tick = Tick(
                runbook=runbook.name,
                at=at,
                timezone=schedule.timezone,
                service=service,
                is_one_of_several=len(services) > 1,
            )
            if await self.journal.accept(from_schedule(tick, received_at=now)):
                log.info("schedule-came-round", runbook=runbook.name, service=service, tick=at.isoformat())
                self.wake()

    def _services(self, runbook: Runbook) -> tuple[str, ...]:
        """The services it is for, by their names in the catalog, each once."""
        catalog = self.catalog()
        named = (catalog.service_named(name) for name in runbook.trigger.services)
        return tuple(dict.fromkeys(str(one.name) for one in named if one is not None))
