"""What a metric's query answered, as values; they load no client, so that those who only read them need none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SERIES_LIMIT = 20
"""Series that are read of one answer; `Answer.count` says how many there were."""

Point = tuple[float, float]
"""Seconds since 1970, and a finite value."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series: its labels and its finite points, oldest first."""

    labels: Mapping[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    dropped: int = 0
    """Points that were no finite number."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query answered; no series is an answer too."""

    series: tuple[Series, ...] = ()
    count: int = 0
    """How many series there were; only the first `SERIES_LIMIT` are kept."""
