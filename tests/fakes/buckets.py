"""A bucket as whoever counts requests would have it, to hold a log of arrivals to a configured rate."""

from __future__ import annotations

from collections.abc import Iterable


def fullest(arrivals: Iterable[float], *, requests_per_s: float) -> float:
    """The smallest bucket, emptied at this rate, that would have taken all of these without running over."""
    most, level, before = 0.0, 0.0, 0.0
    for at in sorted(arrivals):
        level = max(0.0, level - (at - before) * requests_per_s) + 1
        most, before = max(most, level), at
    return round(most, 6)
