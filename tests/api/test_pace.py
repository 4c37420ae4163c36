"""How fast one caller may ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.api.doors import Doors
from bot.api.pace import Pace, TooMany
from tests.api.test_routes import EVENT, OPERATOR, Memory, assert_shape, doors, memory, minted, serving

__all__ = ["doors", "memory"]
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def allowed(pace: Pace, caller: str, *, now: datetime, tries: int = 100) -> int:
    """How many of so many requests are let through."""
    through = 0
    for _ in range(tries):
        try:
            pace.take(caller, now=now)
        except TooMany:
            continue
        through += 1
    return through


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    pace = Pace(burst=20, per_second=2)
    assert allowed(pace, "ann", now=NOW) == 20
    with pytest.raises(TooMany) as refused:
        pace.take("ann", now=NOW)
    assert refused.value.retry_after_s == 1
    assert allowed(pace, "ann", now=NOW + timedelta(seconds=3)) == 6
    assert allowed(pace, "ann", now=NOW + timedelta(hours=3)) == 20


def test_one_caller_does_not_slow_another() -> None:
    pace = Pace(burst=5, per_second=1)
    assert allowed(pace, "ann", now=NOW) == 5
    assert allowed(pace, "ben", now=NOW) == 5


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    pace = Pace(burst=5, per_second=1)
    assert allowed(pace, "ann", now=NOW) == 5
    assert allowed(pace, "ann", now=NOW - timedelta(hours=1)) == 0


def test_callers_that_were_not_heard_of_for_long_are_forgotten() -> None:
    pace = Pace(burst=1, per_second=0.001, most_callers=2)
    for caller in ("ann", "ben", "cid"):
        assert allowed(pace, caller, now=NOW) == 1
    assert allowed(pace, "cid", now=NOW) == 0
    assert allowed(pace, "ann", now=NOW) == 1


async def test_too_many_requests_are_429_and_say_when_to_come_again(doors: Doors, memory: Memory) -> None:
    async for api in serving(replace(doors, pace=Pace(burst=2, per_second=0.5))):
        for expected in (202, 202, 429):
            status, answer, headers = await api.event(EVENT, token=minted(OPERATOR))
            assert status == expected
        assert_shape(answer, "too-many-requests")
        assert headers["Retry-After"] == "2"
        status, _, _ = await api.event(EVENT, token="nonsense")
        assert status == 401
