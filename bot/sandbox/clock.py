"""The sandbox's time: trigger ids, retries, rate limits and acknowledgements all run on one clock.

Stories use `WallClock`. Tests that need a minute to pass use `ManualClock` and `advance` it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """Make it not happen; harmless when it already has."""


class Clock(Protocol):
    """Unix seconds and timers."""

    def now(self) -> float:
        """Seconds since 1970."""

    def call_later(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Call `act` from the event loop once `delay_s` have passed."""


class WallClock:
    """Real time."""

    def now(self) -> float:
        return time.time()

    def call_later(self, delay_s: float, act: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s, act)


class _ManualTimer:
    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class ManualClock:
    """Time that passes only when told to; starts now, so that signatures stay inside their window."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._timers: list[tuple[float, int, _ManualTimer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def call_later(self, delay_s: float, act: Callable[[], None]) -> Timer:
        timer = _ManualTimer(act)
        heapq.heappush(self._timers, (self._now + delay_s, next(self._order), timer))
        return timer

    @property
    def waiting(self) -> int:
        """How many timers have not come due."""
        return sum(1 for _, _, timer in self._timers if not timer.is_cancelled)

    def advance(self, seconds: float) -> None:
        """Let time pass, calling what comes due in order; tasks it wakes run when the caller next awaits."""
        until = self._now + seconds
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            if not timer.is_cancelled:
                timer.act()
        self._now = until


async def within(clock: Clock, future: asyncio.Future[T], *, timeout_s: float) -> T | None:
    """The future's result, or None when `timeout_s` pass first on `clock`."""
    over: asyncio.Event = asyncio.Event()
    timer = clock.call_later(timeout_s, over.set)
    future.add_done_callback(lambda _: over.set())
    try:
        await over.wait()
    finally:
        timer.cancel()
    return future.result() if future.done() else None


async def sleep(clock: Clock, delay_s: float) -> None:
    """Wait `delay_s` on `clock`; zero only yields."""
    if delay_s <= 0:
        await asyncio.sleep(0)
        return
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(delay_s, lambda: None if over.done() else over.set_result(None))
    try:
        await over
    finally:
        timer.cancel()
