"""Cron expressions: the five fields checked with a sentence for what is wrong."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

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
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
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


def check_timezone(name: str) -> None:
    """Raise BadInput when there is no such time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"there is no time zone {name!r}", hint="for instance UTC or Europe/Berlin") from error


def never_comes(text: str) -> bool:
    """Whether a cron expression names only days that none of its months has: 30 February.

    With a day of the week beside it there is always a day: of the two, either is enough.
    """
    try:
        check_cron(text)
    except BadInput:
        return False
    _, _, day, month, weekday = text.split()
    if day.startswith("*") or not weekday.startswith("*"):
        return False
    (_, low, high, words), (_, first, last, names) = _FIELDS[2:4]
    earliest = min(_values(day, low, high, words))
    return all(_LONGEST[one - 1] < earliest for one in _values(month, first, last, names))


def _values(text: str, low: int, high: int, words: tuple[str, ...]) -> set[int]:
    """Every number a field stands for."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, every = part.partition("/")
        ends = [low, high] if span == "*" else [_number(word, low, words) or 0 for word in span.split("-")]
        last = ends[-1] if len(ends) > 1 or not every else high
        found.update(range(ends[0], last + 1, int(every or 1)))
    return found


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
