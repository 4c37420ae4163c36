"""A request rate that is never exceeded: a bucket of `burst` requests that fills at `requests_per_s`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """Says how long to wait before the next request; callers go in the order they asked.

    Kept as the time at which the bucket would be full again (the generic cell rate algorithm), so that a turn is
    one addition and nobody has to wake anybody. `now` and `sleep` are the event loop's own unless handed in.
    """

    def __init__(
        self,
        *,
        requests_per_s: float,
        burst: int,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_s = 1.0 / requests_per_s
        self._tolerance_s = self._interval_s * (burst - 1)
        self._now = now
        self._sleep = sleep
        self._full_at = 0.0

    async def turn(self, *, within_s: float) -> bool:
        """Wait for this caller's turn; False at once, and no turn taken, where it is further away than `within_s`."""
        now = self._now() if self._now else asyncio.get_running_loop().time()
        full_at = max(self._full_at, now)
        wait_s = full_at - self._tolerance_s - now
        if wait_s > within_s:
            return False
        self._full_at = full_at + self._interval_s
        if wait_s > 0:
            await self._sleep(wait_s)
        return True
