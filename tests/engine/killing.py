"""A journal that is cut off at one write: before it took effect, or after it did and before anybody heard.

From that moment nothing more is written by anybody and no caller is ever answered, which is what `kill -9` means to
a database. What stands behind stays open to the test, and a new house on the same file finds what really is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from bot.journal.base import Batch, Delivery
from bot.journal.sqlite import SqliteJournal

When = Literal["before", "after"]
WRITES = frozenset({"append", "take_holds", "release_holds", "accept", "done", "record_delivery"})


class Cut:
    """Wraps a journal. `at` counts writes from 1, those that `counts` says yes to; 0 never cuts and only counts.

    `kill` is what happens at the cut: by default silence for ever, in a real process the end of it.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        *,
        at: int = 0,
        when: When = "before",
        kill: Callable[[], None] | None = None,
        counts: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._journal = journal
        self._at = at
        self._when = when
        self._kill = kill
        self._counts = counts
        self.writes: list[str] = []
        self.dead = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        held = getattr(self._journal, name)
        return self._cut(name, held) if name in WRITES else held

    def _cut(self, name: str, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def cut(*args: Any, **more: Any) -> Any:
            if self.dead.is_set():
                await asyncio.Event().wait()
            words = _words(name, args)
            if not self._counts(words):
                return await write(*args, **more)
            self.writes.append(words)
            is_here = len(self.writes) == self._at
            if is_here and self._when == "before":
                await self._die()
            try:
                answer = await write(*args, **more)
            except Exception:  # refused because another writer was first; not where the test itself ends it
                if is_here:
                    await self._die()
                raise
            if is_here:
                await self._die()
            if self.dead.is_set():
                await asyncio.Event().wait()
            return answer

        return cut

    async def _die(self) -> None:
        if self._kill is not None:
            self._kill()
        self.dead.set()
        await asyncio.Event().wait()


def _words(name: str, args: tuple[Any, ...]) -> str:
    if isinstance(args[0], Batch):
        events = [type(event).__name__ for write in args[0].writes for event in write.events]
        return f"{name} {'+'.join(events)}"
    if isinstance(args[0], Delivery):
        return f"{name} {args[0].state} {args[0].key}"
    return name
