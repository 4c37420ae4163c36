"""An event loop on which time passes only while it has nothing to do.

Most tests have the client and the server in one process, on one loop. By the wall's clock a busy machine makes a
client give up on a server that never got to answer, and the test then says something about the machine. Here a
timer counts only moments in which every party waited: a request whose answer is being worked on does not time out,
one that nobody answers does, after exactly as long as on a quiet machine.

What happens in other processes and threads does happen while this loop waits, and so counts as ever.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import Any

SLICE_S = 0.02
"""It waits in slices, and one that took longer counts as one: then it was this process that was kept waiting."""


class _IdleSelector(selectors.DefaultSelector):
    """Adds up how long it has waited."""

    def __init__(self) -> None:
        super().__init__()
        self.idle_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)  # no timer is waiting, or there is work
        left_s = timeout
        while True:
            slice_s = min(left_s, SLICE_S)
            began = time.monotonic()
            events = super().select(slice_s)
            took_s = min(time.monotonic() - began, slice_s)
            self.idle_s += took_s
            left_s -= took_s
            if events or left_s <= 0:
                return events


class IdleTimeLoop(asyncio.SelectorEventLoop):
    """The ordinary loop with that clock."""

    def __init__(self) -> None:
        self._waits = _IdleSelector()
        self._began_at = time.monotonic()
        super().__init__(self._waits)

    def time(self) -> float:
        """Seconds, as ever comparable with nothing but each other."""
        return self._began_at + self._waits.idle_s
