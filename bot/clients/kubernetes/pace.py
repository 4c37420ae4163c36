"""A request rate that the far side never sees exceeded: a bucket of `burst` requests, emptied at `requests_per_s`.

A bucket that only looks at when requests leave is not enough: one may be held up on its way and arrive together with
those behind it. All that is known of an arrival is that it comes before the answer. So a request stands in the bucket
in full until its answer is there, and only then begins to run out. Whatever the far side counts with a bucket of the
same size and rate is at most that, since there the same requests began to run out earlier.

One whose connection was cut counts as answered: it has arrived by then or never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

ALMOST = 1e-9
"""Less than this over the brim is the arithmetic's, not a request's."""


class Pace:
    """Says when the next request may go; callers go in the order they asked.

    `now` and `sleep` are the event loop's own unless handed in.
    """

    def __init__(
        self,
        *,
        requests_per_s: float,
        burst: int,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = requests_per_s
        self._burst = burst
        self._now = now
        self._sleep = sleep
        self._in_line = asyncio.Lock()
        self._waiting = 0
        self._unanswered = 0
        self._answered = asyncio.Event()
        self._level = 0.0
        self._level_at = 0.0

    @asynccontextmanager
    async def turn(self, *, within_s: float) -> AsyncIterator[bool]:
        """This caller's turn, which lasts until the answer is there; False where it does not come `within_s`.

        False at once where that can be known: no turn is taken then.
        """
        is_turn = await self._comes(within_s)
        try:
            yield is_turn
        finally:
            if is_turn:
                self._level = self._drained() + 1
                self._unanswered -= 1
                self._answered.set()

    async def _comes(self, within_s: float) -> bool:
        if (self._over() + self._waiting - ALMOST) / self._rate > within_s:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(within_s), self._in_line:
                await self._room()
                self._unanswered += 1
                return True
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _room(self) -> None:
        """Return when one more stays within the bucket."""
        while (over := self._over()) > ALMOST:
            if over <= self._level:
                await self._sleep(over / self._rate)
            else:
                self._answered.clear()
                await self._answered.wait()

    def _over(self) -> float:
        """By how much one more request would be too many now."""
        return self._unanswered + self._drained() + 1 - self._burst

    def _drained(self) -> float:
        """What the answered requests still fill."""
        now = self._now() if self._now else asyncio.get_running_loop().time()
        self._level = max(0.0, self._level - (now - self._level_at) * self._rate)
        self._level_at = now
        return self._level
