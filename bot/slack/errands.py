"""The work that clicks and commands set off, owned: Bolt forgets its listeners, so we keep their tasks ourselves.

`AsyncApp` runs a listener as a future nobody holds, and closing Socket Mode does not wait for it. An approval that is
half way into the journal when the process is asked to end must be finished, so everything after `ack()` runs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")


class Errands:
    """A set of named tasks that can be waited for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run it; whoever starts it need not wait."""
        task = asyncio.create_task(work, name=f"slack-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def drain(self, *, timeout_s: float) -> None:
        """Wait for what is under way, then cancel what is late."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(tuple(self._tasks), timeout=timeout_s)
        for task in late:
            log.warning("errand-cut-off", name=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("errand-broke", name=task.get_name(), exc_info=error)
