"""When a schedule comes round, above all on the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.schedule import check_cron, check_timezone, last_tick, next_tick
from bot.catalog.schema import Schedule
from bot.errors import BadInput

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str, zone: str = "UTC") -> datetime:
    """`2026-03-29 02:30` on the clock of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def ticks(cron: str, zone: str, *, after: str, count: int) -> list[str]:
    """The next so many, as the zone's clock shows them, with its offset."""
    schedule = Schedule(cron=cron, timezone=zone)
    moment, found = at(after, zone).astimezone(UTC), []
    for _ in range(count):
        tick = next_tick(schedule, after=moment)
        assert tick is not None
        assert tick.tzinfo is UTC
        moment = tick
        found.append(f"{tick.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}")
    return found


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * *", ["11-21 06:00+0000", "11-22 06:00+0000"]),
        ("0 6 * * 1-5", ["11-23 06:00+0000", "11-24 06:00+0000"]),
        ("0 6 * * mon,Wed", ["11-23 06:00+0000", "11-25 06:00+0000"]),
        ("*/20 5 * * *", ["11-21 05:00+0000", "11-21 05:20+0000"]),
        ("0 0 1 jan *", ["01-01 00:00+0000", "01-01 00:00+0000"]),
        ("30 4 * * 7", ["11-22 04:30+0000", "11-29 04:30+0000"]),
        ("0 0 29 2 *", ["02-29 00:00+0000", "02-29 00:00+0000"]),
        ("0 12 13 * 5", ["11-27 12:00+0000", "12-04 12:00+0000"]),
    ],
)
def test_a_schedule_comes_round_when_it_says(cron: str, expected: list[str]) -> None:
    """The last one: either the thirteenth or a Friday, as cron has it."""
    assert ticks(cron, "UTC", after="2026-11-21 04:50", count=2) == expected


@pytest.mark.parametrize(
    ("zone", "after", "cron", "expected"),
    [
        # Spring: the hour from 2 to 3 is not there.
        (BERLIN, "2026-03-28 12:00", "30 2 * * *", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        (NEW_YORK, "2026-03-07 12:00", "30 2 * * *", ["03-08 03:00-0400", "03-09 02:30-0400"]),
        (BERLIN, "2026-03-28 12:00", "0,30 2 * * *", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        (BERLIN, "2026-03-28 12:00", "0 6 * * *", ["03-29 06:00+0200", "03-30 06:00+0200"]),
        (BERLIN, "2026-03-29 01:00", "30 * * * *", ["03-29 01:30+0100", "03-29 03:30+0200"]),
        (NEW_YORK, "2026-03-08 01:00", "30 * * * *", ["03-08 01:30-0500", "03-08 03:30-0400"]),
        # Autumn: the hour from 2 to 3 (Berlin) or 1 to 2 (New York) comes twice.
        (BERLIN, "2026-10-24 12:00", "30 2 * * *", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        (NEW_YORK, "2026-10-31 12:00", "30 1 * * *", ["11-01 01:30-0400", "11-02 01:30-0500"]),
        (BERLIN, "2026-10-24 12:00", "0 6 * * *", ["10-25 06:00+0100", "10-26 06:00+0100"]),
        (
            BERLIN,
            "2026-10-25 02:10",
            "30 * * * *",
            ["10-25 02:30+0200", "10-25 02:30+0100", "10-25 03:30+0100"],
        ),
        (
            NEW_YORK,
            "2026-11-01 01:10",
            "30 * * * *",
            ["11-01 01:30-0400", "11-01 01:30-0500", "11-01 02:30-0500"],
        ),
    ],
)
def test_nights_on_which_clocks_change(zone: str, after: str, cron: str, expected: list[str]) -> None:
    assert ticks(cron, zone, after=after, count=len(expected)) == expected


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "UTC"]),
    cron=st.sampled_from(["30 2 * * *", "30 1 * * *", "*/15 * * * *", "0 */2 * * *", "15 1-3 * * 0"]),
    night=st.sampled_from(
        ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"]
    ),
    minutes=st.integers(min_value=0, max_value=26 * 60),
)
def test_a_tick_is_the_same_from_wherever_one_looks(zone: str, cron: str, night: str, minutes: int) -> None:
    schedule = Schedule(cron=cron, timezone=zone)
    begins = datetime.fromisoformat(night).replace(tzinfo=UTC) - timedelta(hours=12)
    every = []
    moment = begins
    while moment < begins + timedelta(days=9):
        tick = next_tick(schedule, after=moment)
        assert tick is not None
        assert tick > moment
        every.append(tick)
        moment = tick
    looked = begins + timedelta(minutes=minutes, seconds=17)
    assert next_tick(schedule, after=looked) == next(one for one in every if one > looked)
    until = looked + timedelta(hours=30)
    assert last_tick(schedule, after=looked, until=until) == next(
        (one for one in reversed(every) if looked < one <= until), None
    )


def test_the_bounds_of_the_last_tick_are_open_and_closed() -> None:
    hourly = Schedule(cron="0 * * * *")
    noon = at("2026-11-21 12:00")
    assert last_tick(hourly, after=noon, until=noon + timedelta(minutes=59)) is None
    assert last_tick(hourly, after=noon, until=noon + timedelta(hours=1)) == noon + timedelta(hours=1)
    assert last_tick(hourly, after=noon - timedelta(hours=5), until=noon) == noon


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_a_schedule_that_never_comes_round_is_refused(cron: str) -> None:
    with pytest.raises(BadInput, match="never comes round"):
        check_cron(cron)
    assert next_tick(Schedule(cron=cron), after=at("2026-11-21 12:00")) is None


_numbers = st.integers(min_value=-2, max_value=70).map(str)
_parts = st.one_of(
    st.just("*"),
    _numbers,
    st.sampled_from(
        ["mon", "SUN", "dec", "L", "LW", "1L", "5#2", "*/5", "1-5", "5-1", "1-9/3", "3/7", "?", "", "é"]
    ),
    st.tuples(_numbers, _numbers).map("-".join),
)
_fields = st.lists(_parts, min_size=1, max_size=3).map(",".join)


@settings(max_examples=400, deadline=None)
@given(cron=st.lists(_fields, min_size=4, max_size=6).map(" ".join))
def test_whatever_passes_the_check_can_be_evaluated(cron: str) -> None:
    try:
        check_cron(cron)
    except BadInput:
        return
    assert next_tick(Schedule(cron=cron, timezone=BERLIN), after=at("2026-11-21 12:00")) is not None


def test_a_time_zone_that_is_none_is_refused() -> None:
    check_timezone(NEW_YORK)
    for name in ("Mars/Olympus", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(BadInput):
            check_timezone(name)
