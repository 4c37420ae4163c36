"""Is a metric better or worse than before the first change? Series in, one verdict and one sentence out; pure.

Two short stretches are compared: the last half of `check_after` before the first changing step, and the last half of
`check_after` before the check. The first half after a step is left out on purpose: rates are averages over minutes, so
a metric goes on moving for a while after its cause is gone, and what is asked is where it came to.

**Why medians.** Metrics have spikes: a scrape that came late, one slow request, a counter that was reset. A mean
follows every spike; the median does not move until half of the points do. The spread is the MAD (median of the
distances from the median) for the same reason: one wild point would make a standard deviation so large that nothing
could ever be called worse.

**When it moved.** Half of all points lie within median ± MAD. A metric moved when the medians are further apart than
`1.5 + 5/n` times both MADs together, n being the smaller number of independent points. On noise alone (normal, same
level before and after) that calls a move in 1 of 100 checks of six points, 1 of 1000 of ten, and none of twenty or
more; a shift by five standard deviations is seen in 97 of 100 checks of six points, from ten points on always.
Prometheus repeats a sample until the next scrape, so a run of equal values counts as one point there. And a move of
less than 5 % (of the larger median, or of the limit) is none, however quiet the metric is: nobody rolls back for 0.1 %.

**The verdicts.**

    above `rollback_if_value_exceeds`                   worse, whatever it was before
    moved the wrong way                                 worse, also below the limit
    moved the right way                                 better
    did not move, and a limit was given                 better: what the runbook asks for holds, and nothing got worse
    did not move, no limit                              inconclusive: the fix shows no effect, a person decides
    no points, fewer than five, a spread that could     inconclusive, and the sentence says which
    hide a quarter of the level; no baseline

Which way is the wrong one is the metric's own (`better: lower | higher` in the catalog). Inconclusive is no failure: it
is the honest answer that puts a person in front of the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Literal

Direction = Literal["lower", "higher"]
CheckVerdict = Literal["better", "worse", "inconclusive"]
Point = tuple[float, float]
"""Seconds since 1970, and a finite value."""

MIN_POINTS = 5
LEAST_MOVE = 0.05
NOISY = 0.25
LONGEST_LOOK_BACK_S = 6 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Standard:
    """What a metric is held to."""

    metric: str
    better: Direction = "lower"
    limit: float | None = None
    """Above it is worse."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict, why in one sentence, and the two levels that were compared."""

    verdict: CheckVerdict
    sentence: str
    before: float | None = None
    after: float | None = None


def look_back_s(check_after_s: float) -> float:
    """How long before the first change a baseline begins: twice what is waited, so that a picture shows the way in."""
    return min(2 * check_after_s, LONGEST_LOOK_BACK_S)


def step_s(check_after_s: float) -> float:
    """How far points are apart: thirty in each stretch that is compared."""
    return max(check_after_s / 60, 0.1)


def last_half(points: Sequence[Point], check_after_s: float, *, until: float, since: float) -> list[float]:
    """The values of the stretch that is compared: half of `check_after` long up to `until`, never before `since`."""
    start = max(since, until - check_after_s / 2)
    return [value for at, value in points if start <= at <= until]


def judge(standard: Standard, before: Sequence[float], after: Sequence[float]) -> Judgement:
    """The verdict on finite values before the first change and after what is checked."""
    name, limit = standard.metric, standard.limit
    level_before = median(before) if len(before) >= MIN_POINTS else None
    if len(after) < MIN_POINTS:
        why = f"only {len(after)} points" if after else "no data"
        return _inconclusive(f"there is {why} of {name} after it", level_before, None)
    level = median(after)
    if limit is not None and level > limit:
        sentence = f"{name} is above its limit of {number(limit)}: {_levels(level_before, level)}"
        return Judgement(verdict="worse", sentence=sentence, before=level_before, after=level)
    if level_before is None:
        why = f"only {len(before)} points" if before else "no data"
        words = f"there is {why} of {name} from before to compare with, {number(level)} after it"
        return _inconclusive(f"{words}{_within(limit)}", None, level)
    return _compared(standard, before, after, (level_before, level))


def _compared(
    standard: Standard, before: Sequence[float], after: Sequence[float], levels: tuple[float, float]
) -> Judgement:
    was, now = levels
    doubt = _doubt(before, after)
    scale = max(abs(was), abs(now), abs(standard.limit or 0.0))
    name, told = standard.metric, _levels(was, now)
    if abs(now - was) > max(doubt, LEAST_MOVE * scale):
        is_better = (now < was) == (standard.better == "lower")
        word = "better" if is_better else "worse"
        sentence = f"{name} is {word}: {told}{_within(standard.limit)}"
        return Judgement(verdict="better" if is_better else "worse", sentence=sentence, before=was, after=now)
    if standard.limit is not None:
        sentence = f"{name} is no worse than before: {told}{_within(standard.limit)}"
        return Judgement(verdict="better", sentence=sentence, before=was, after=now)
    if doubt > NOISY * scale:
        return _inconclusive(f"{name} swings too much to tell: {told}", was, now)
    return _inconclusive(f"{name} did not move: {told}", was, now)


def _doubt(before: Sequence[float], after: Sequence[float]) -> float:
    """How far apart two medians must be before it is more than chance."""
    trusted = min(_independent(before), _independent(after))
    return (1.5 + 5 / trusted) * (_spread(before) + _spread(after))


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values)


def _independent(values: Sequence[float]) -> int:
    """How many scrapes the points stand for; values that never change are as many as they are."""
    runs = sum(1 for _ in groupby(values))
    return len(values) if runs == 1 else runs


def _inconclusive(sentence: str, before: float | None, after: float | None) -> Judgement:
    return Judgement(verdict="inconclusive", sentence=sentence, before=before, after=after)


def _levels(before: float | None, after: float) -> str:
    was = "unknown" if before is None else number(before)
    return f"{was} before, {number(after)} after"


def _within(limit: float | None) -> str:
    return "" if limit is None else f", within its limit of {number(limit)}"


def number(value: float) -> str:
    """A value as people read it: three digits that count, thousands set apart, no exponent where it can be helped."""
    if value == 0:
        return "0"
    if abs(value) >= 1e15 or abs(value) < 1e-6:
        return f"{value:.2e}"
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    digits = f"{value:.3g}"
    return digits if "e" not in digits else f"{value:.9f}".rstrip("0")
