"""The stories' time: it passes by itself, and a story may push it on instead of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class StoryClock:
    """The bot's clock. What sleeps until a moment wakes when the moment is pushed past.

    By itself it passes with the event loop's time, which a busy machine does not make longer.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = datetime.now(UTC) - timedelta(seconds=self._loop.time())
        self._ahead = timedelta()
        self._pushed = asyncio.Event()
        self._awaited: list[datetime] = []

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._loop.time()) + self._ahead

    def push(self, by: timedelta) -> None:
        """Let this much time pass at once."""
        self._ahead += by
        pushed, self._pushed = self._pushed, asyncio.Event()
        pushed.set()

    def push_to_next(self, within: timedelta) -> None:
        """Let time pass to the next moment that somebody waits for, where it is as near as that."""
        now = self.now()
        left = min(self._awaited, default=now + 2 * within) - now
        if left <= within:
            self.push(max(left, timedelta(0)))

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        if until is not None:
            self._awaited.append(until)
        try:
            await self._wait(signal, until)
        finally:
            if until is not None:
                self._awaited.remove(until)

    async def _wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        while not signal.is_set():
            left_s = None if until is None else (until - self.now()).total_seconds()
            if left_s is not None and left_s <= 0:
                return
            waits = [asyncio.create_task(signal.wait()), asyncio.create_task(self._pushed.wait())]
            try:
                await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)


class SlackTime:
    """The same time for the sandbox, so that what both say can be put in order. Timers run in real time."""

    def __init__(self, clock: StoryClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def call_later(self, delay_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, act)
