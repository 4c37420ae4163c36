"""How fast one caller may ask: a bucket of requests for each, so that a program gone round in circles slows itself.

Kept in memory: it protects this process from its own callers, and a restart owes nobody anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from bot.errors import Refused

BURST = 600
PER_SECOND = 10.0
MOST_CALLERS = 10_000
LOOKS_AT_ONCE = 2
"""Each makes dozens of reads at the pace that the runs' own reads share."""
RETRY_LOOK_S = 3


class TooMany(Refused):
    """This caller asks faster than it may; the API answers 429 with `retry_after_s`."""

    code = "too-many-requests"

    def __init__(
        self, message: str = "you ask faster than anybody may", *, retry_after_s: int, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint or f"ask again in {retry_after_s} s, and less often")
        self.retry_after_s = retry_after_s


@dataclass(kw_only=True)
class Turns:
    """A few at a time, whoever asks: for what is dear on our side."""

    most: int = LOOKS_AT_ONCE
    _taken: int = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one while the block runs; `TooMany` where none is free, for who waits in a line waits for too long."""
        if self._taken >= self.most:
            raise TooMany(
                f"{self.most} diagnoses are being made already",
                retry_after_s=RETRY_LOOK_S,
                hint=f"ask again in {RETRY_LOOK_S} s",
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


@dataclass(kw_only=True)
class Pace:
    """`BURST` requests at once, then `PER_SECOND`; each caller for themselves."""

    burst: int = BURST
    per_second: float = PER_SECOND
    most_callers: int = MOST_CALLERS
    _left: dict[Hashable, tuple[float, datetime]] = field(default_factory=dict)

    def take(self, caller: Hashable, *, now: datetime) -> None:
        """Count one request; `TooMany` where there is none left, which counts as none."""
        left, since = self._left.pop(caller, (float(self.burst), now))
        left = min(float(self.burst), left + max(0.0, (now - since).total_seconds()) * self.per_second)
        is_allowed = left >= 1
        self._left[caller] = (left - 1 if is_allowed else left, now)
        if len(self._left) > self.most_callers:
            del self._left[next(iter(self._left))]  # whoever was not heard of for longest
        if not is_allowed:
            raise TooMany(retry_after_s=ceil((1 - left) / self.per_second))
