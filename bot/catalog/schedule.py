"""Cron expressions in a time zone: checked with a sentence for what is wrong, and when they come round.

The days on which clocks change are read as Debian's cron reads them. A time of day that a spring night leaves out
comes right after the gap, one that an autumn night has twice comes the first time only; where minute or hour is a
`*`, it is the clock on the wall that counts, so an hour left out is left out and an hour repeated is repeated.
Evaluated by `cronsim`, which keeps to that, has no dependencies and is one file of arithmetic; croniter, the better
known one, was given up by its author once and differs on those days.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bot.catalog.schema import Schedule
from bot.errors import BadInput

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)
"""A leap year begins: whatever comes round at all comes round within the eight years after it."""
_A_CHANGE = timedelta(hours=3)
"""More than clocks are ever changed by."""
_PART = re.compile(r"(\*|[A-Za-z0-9]+(?:-[A-Za-z0-9]+)?)(?:/([0-9]{1,3}))?")


def check_cron(text: str) -> None:
    """Raise BadInput that names the field and what fits when `text` is no cron expression."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise BadInput(
            f"the schedule {text!r} has {len(fields)} fields instead of 5",
            hint="minute hour day-of-month month day-of-week, for instance 0 6 * * 1-5",
        )
    for written, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            if not _fits(part, low, high, words):
                raise BadInput(
                    f"{part!r} is no {name}",
                    hint=f"give numbers from {low} to {high}, *, ranges a-b, steps */n, lists",
                )
    if next_tick(Schedule(cron=text), after=_SOME_TIME) is None:
        raise BadInput(
            f"the schedule {text!r} never comes round: no day of the calendar is one of its days",
            hint="look at day of the month and month",
        )


def check_timezone(name: str) -> None:
    """Raise BadInput when there is no such time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"there is no time zone {name!r}", hint="for instance UTC or Europe/Berlin") from error


def next_tick(schedule: Schedule, *, after: datetime) -> datetime | None:
    """When it comes round next after this moment (aware), in UTC; None for one that never does.

    The answer depends on nothing but the two: the same tick, seen from any moment before it, is the same moment.
    """
    return next(_ticks(schedule, after=after), None)


def last_tick(schedule: Schedule, *, after: datetime, until: datetime) -> datetime | None:
    """The latest time it came round in (after, until], in UTC; None where it did not."""
    found = deque(takewhile(lambda tick: tick <= until, _ticks(schedule, after=after)), maxlen=1)
    return found[0] if found else None


def _ticks(schedule: Schedule, *, after: datetime) -> Iterator[datetime]:
    start = after.astimezone(ZoneInfo(schedule.timezone))
    # From a little before: standing inside a repeated hour the evaluation could not tell which one it is.
    start -= _A_CHANGE
    try:
        for tick in CronSim(schedule.cron, start):
            moment = tick.astimezone(UTC)
            if moment > after:
                yield moment
    except CronSimError:
        return


def _fits(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None or (found.group(2) is not None and int(found.group(2)) == 0):
        return False
    if found.group(1) == "*":
        return True
    ends = [_number(word, low, words) for word in found.group(1).split("-")]
    if any(end is None or not low <= end <= high for end in ends):
        return False
    return len(ends) == 1 or (ends[0] or 0) <= (ends[1] or 0)


def _number(word: str, low: int, words: tuple[str, ...]) -> int | None:
    if word.isdigit():
        return int(word) if len(word) <= 3 else None
    # Day names count from 0, month names from 1: as their fields do.
    return words.index(word.lower()) + low if word.lower() in words else None
