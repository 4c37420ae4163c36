"""What changed, told to whoever listens: the app's events, open pages, and tests that wait.

Listeners are called in the order they came, inside the change itself, so nobody ever sees a state nobody was
told about. They must not block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from bot.sandbox.protocol import Json

T = TypeVar("T")

Kind = Literal[
    "message",
    "message_changed",
    "message_deleted",
    "ephemeral",
    "ephemeral_changed",
    "ephemeral_deleted",
    "reaction",
    "view_opened",
    "view_updated",
    "view_pushed",
    "view_closed",
    "view_errors",
    "home",
    "home_opened",
    "member_joined",
    "group_updated",
    "group_members",
    "toast",
    "status",
    "other",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that happened: `user` is whose screen it is on, or who did it; `before` what stood there."""

    kind: Kind
    channel: str = ""
    user: str = ""
    body: Json = field(default_factory=dict)
    before: Json | None = None


class Changes:
    """Tells listeners and wakes those who wait for a condition."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Change], None]] = []
        self._waiting: set[asyncio.Future[None]] = set()

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` at every change; the answer stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, change: Change) -> None:
        """It happened."""
        for listener in tuple(self._listeners):
            listener(change)
        self.wake()

    def wake(self) -> None:
        """Something a waiter may look at is different, though nothing in the workspace is."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, predicate: Callable[[], T], *, timeout_s: float, what: str = "") -> T:
        """The first true value of `predicate`, looked at now and after each change.

        Raises TimeoutError with `what` when it stays false for `timeout_s` of real time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not (value := predicate()):
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.add(future)
            try:
                # Not `wait_for`: Python 3.11's forgets a cancellation that comes with the wake-up.
                async with asyncio.timeout_at(deadline):
                    await future
            except TimeoutError:
                if value := predicate():
                    return value
                wanted = what or getattr(predicate, "__name__", "the condition")
                raise TimeoutError(f"waited {timeout_s} s for {wanted}, and it did not come") from None
            finally:
                self._waiting.discard(future)
        return value
