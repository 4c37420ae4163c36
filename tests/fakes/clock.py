"""A clock that moves when a test says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)


class VirtualClock:
    """Starts at 2 a.m.; `pass_time` moves it and wakes whoever waited long enough."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._moved: set[asyncio.Event] = set()

    def now(self) -> datetime:
        return self._now

    def pass_time(self, by: timedelta) -> None:
        self._now += by
        for moved in list(self._moved):
            moved.set()

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        moved = asyncio.Event()
        self._moved.add(moved)
        try:
            while not signal.is_set() and (until is None or self._now < until):
                waits = [asyncio.create_task(signal.wait()), asyncio.create_task(moved.wait())]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                    await asyncio.gather(*waits, return_exceptions=True)
                moved.clear()
        finally:
            self._moved.discard(moved)
