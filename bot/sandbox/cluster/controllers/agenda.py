"""What has to be looked at again, now or at a moment: each thing once, however often it was asked for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator

from bot.sandbox.cluster.world import Place

Item = tuple[str, Place]
"""A kind's plural and where the object is."""


class Agenda:
    """First come, first served; what is due later waits its moment."""

    def __init__(self) -> None:
        self._now: deque[Item] = deque()
        self._waiting: set[Item] = set()
        self._later: list[tuple[float, Item]] = []

    def add(self, plural: str, place: Place) -> None:
        """Look at this soon."""
        item = (plural, place)
        if item not in self._waiting:
            self._waiting.add(item)
            self._now.append(item)

    def add_at(self, at: float, plural: str, place: Place) -> None:
        """Look at this once it is `at`."""
        heapq.heappush(self._later, (at, (plural, place)))

    def take(self, now: float) -> Item | None:
        """The next one that is due, or None."""
        while self._later and self._later[0][0] <= now:
            self.add(*heapq.heappop(self._later)[1])
        if not self._now:
            return None
        item = self._now.popleft()
        self._waiting.discard(item)
        return item

    @property
    def is_empty(self) -> bool:
        """Nothing is due now."""
        return not self._now

    @property
    def later(self) -> Iterator[str]:
        """The kinds of what waits for its moment."""
        return (plural for _, (plural, _) in self._later)

    @property
    def next_at(self) -> float | None:
        """When the first of what waits comes due."""
        return self._later[0][0] if self._later else None
