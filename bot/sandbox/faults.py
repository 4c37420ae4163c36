"""What goes wrong on purpose: answers lost after they took effect, errors, held calls, rate limits, no sockets.

Faults are used up in the order they were set, each by the next call of its method; `*` is any method.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal


@dataclass(kw_only=True)
class Hold:
    """A call that waits: `reached` is set when it came, and it goes on after `release()`."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _go: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let it go on."""
        self._go.set()

    async def wait(self) -> None:
        """The server's side: say that the call is here, then wait."""
        self.reached.set()
        await self._go.wait()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing to go wrong, once."""

    kind: Literal["lose_answer", "lose_call", "status", "error", "rate_limit", "hold", "hold_answer"]
    status: int = 500
    error: str = ""
    retry_after_s: int = 1
    hold: Hold | None = None


class Faults:
    """Set by tests, used up by the Web API and Socket Mode."""

    def __init__(self) -> None:
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.is_down = False
        """Every Web API call is answered 503, and no socket opens."""
        self.refuse_sockets = False
        """`apps.connections.open` works, the WebSocket handshake does not."""
        self.ignore_acks = False
        """Acknowledgements are lost on the way: Slack thinks the app is silent."""

    def lose_answer(self, method: str = "*", *, times: int = 1) -> None:
        """It takes effect; the connection is cut before the answer."""
        self._add(method, Fault(kind="lose_answer"), times)

    def lose_call(self, method: str = "*", *, times: int = 1) -> None:
        """It takes no effect; the connection is cut. The caller cannot tell it from a lost answer."""
        self._add(method, Fault(kind="lose_call"), times)

    def fail(self, method: str = "*", *, status: int = 500, times: int = 1) -> None:
        """An HTTP error without effect."""
        self._add(method, Fault(kind="status", status=status), times)

    def error(self, method: str, error: str, *, times: int = 1) -> None:
        """Slack says no with this word, without effect."""
        self._add(method, Fault(kind="error", error=error), times)

    def rate_limit(self, method: str = "*", *, retry_after_s: int = 1, times: int = 1) -> None:
        """429 with Retry-After, without effect."""
        self._add(method, Fault(kind="rate_limit", retry_after_s=retry_after_s), times)

    def hold(self, method: str = "*") -> Hold:
        """The next call waits before it takes effect."""
        return self._hold(method, "hold")

    def hold_answer(self, method: str = "*") -> Hold:
        """The next call takes effect at once and waits before it answers."""
        return self._hold(method, "hold_answer")

    def clear(self) -> None:
        """All is well again; held calls stay held by their holder."""
        self._next.clear()
        self.is_down = self.refuse_sockets = self.ignore_acks = False

    def take(self, method: str) -> Fault | None:
        """The fault this call meets."""
        for key in (method, "*"):
            if self._next.get(key):
                return self._next[key].popleft()
        return None

    def _hold(self, method: str, kind: Literal["hold", "hold_answer"]) -> Hold:
        hold = Hold()
        self._add(method, Fault(kind=kind, hold=hold), 1)
        return hold

    def _add(self, method: str, fault: Fault, times: int) -> None:
        self._next[method].extend([fault] * times)
