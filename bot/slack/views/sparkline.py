"""A series as one line of text: eight heights, a bar where the first change was, a dot where there was no data."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bot.runs.check import Point

_HEIGHTS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_CHANGE = "│"
BEFORE_CELLS, AFTER_CELLS = 10, 14


def sparkline(before: Sequence[Point], after: Sequence[Point]) -> str:
    """`▇▇▆▇│▇▅▂▁▁`: medians over equal times, both sides on one scale that begins at zero; "" without points."""
    values = [value for _, value in (*before, *after)]
    if not values:
        return ""
    low, high = min(0.0, *values), max(0.0, *values)
    sides = [
        "".join(_height(value, low, high) for value in _cells(points, count))
        for points, count in ((before, BEFORE_CELLS), (after, AFTER_CELLS))
        if points
    ]
    if not before:
        return f"{_CHANGE}{sides[0]}"
    return f"{sides[0]}{_CHANGE}{sides[1] if after else ''}"


def _cells(points: Sequence[Point], count: int) -> list[float | None]:
    """The median of each of `count` equal stretches of time; None where one holds no point."""
    start, end = points[0][0], points[-1][0]
    count = min(count, len(points))
    held: list[list[float]] = [[] for _ in range(count)]
    for at, value in points:
        place = int((at - start) / (end - start) * count) if end > start else 0
        held[min(place, count - 1)].append(value)
    return [median(one) if one else None for one in held]


def _height(value: float | None, low: float, high: float) -> str:
    if value is None:
        return _NOTHING
    if high == low:
        return _HEIGHTS[0]
    return _HEIGHTS[min(int((value - low) / (high - low) * len(_HEIGHTS)), len(_HEIGHTS) - 1)]
