"""Time as something handed in: the engine asks it for the moment and waits through it, so tests need no sleeping."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time."""

    def now(self) -> datetime:
        """The moment, aware UTC."""

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        """Return when `signal` is set or the moment has come; None waits for the signal alone."""


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return datetime.now(UTC)

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        """Return when `signal` is set or the moment has come."""
        timeout_s = None if until is None else max(0.0, (until - self.now()).total_seconds())
        try:
            async with asyncio.timeout(timeout_s):
                await signal.wait()
        except TimeoutError:
            return
