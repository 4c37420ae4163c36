"""Better, worse or inconclusive: the verdict on a metric before and after, as a table and as properties."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs.check import (
    LEAST_MOVE,
    MIN_POINTS,
    Direction,
    Judgement,
    Standard,
    judge,
    last_half,
    look_back_s,
    number,
    step_s,
)

values = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
series = st.lists(values, max_size=40)
enough = st.lists(values, min_size=MIN_POINTS, max_size=40)
limits = st.none() | values
directions: st.SearchStrategy[Direction] = st.sampled_from(["lower", "higher"])


def around(level: float, spread: float = 0.0, count: int = 30, seed: int = 1) -> list[float]:
    noise = random.Random(seed)
    return [noise.gauss(level, spread) for _ in range(count)]


def judged(before: list[float], after: list[float], **more: Any) -> Judgement:
    return judge(Standard(metric="errors", **more), before, after)


@pytest.mark.parametrize(
    ("before", "after", "more", "verdict", "sentence"),
    [
        (around(12), around(0), {}, "better", "errors is better: 12 before, 0 after"),
        (around(1), around(4), {}, "worse", "errors is worse: 1 before, 4 after"),
        (around(1), around(4), {"better": "higher"}, "better", "errors is better: 1 before, 4 after"),
        (around(4), around(1), {"better": "higher"}, "worse", "errors is worse: 4 before, 1 after"),
        (
            around(9),
            around(3),
            {"limit": 2.5},
            "worse",
            "errors is above its limit of 2.5: 9 before, 3 after",
        ),
        (
            [],
            around(3),
            {"limit": 2.5},
            "worse",
            "errors is above its limit of 2.5: unknown before, 3 after",
        ),
        (
            around(0.1),
            around(2),
            {"limit": 2.5},
            "worse",
            "errors is worse: 0.1 before, 2 after, within its limit of 2.5",
        ),
        (
            around(2),
            around(2),
            {"limit": 2.5},
            "better",
            "errors is no worse than before: 2 before, 2 after, within its limit of 2.5",
        ),
        (around(2), around(2), {}, "inconclusive", "errors did not move: 2 before, 2 after"),
        (around(0), around(0), {}, "inconclusive", "errors did not move: 0 before, 0 after"),
        (around(100), around(101), {}, "inconclusive", "errors did not move: 100 before, 101 after"),
        (around(9), [], {}, "inconclusive", "there is no data of errors after it"),
        (around(9), [1.0] * 4, {}, "inconclusive", "there is only 4 points of errors after it"),
        (
            [],
            around(1),
            {},
            "inconclusive",
            "there is no data of errors from before to compare with, 1 after it",
        ),
        (
            [9.0] * 4,
            around(1),
            {"limit": 2},
            "inconclusive",
            "there is only 4 points of errors from before to compare with, 1 after it, within its limit of 2",
        ),
    ],
)
def test_what_is_said_of_a_metric(
    before: list[float], after: list[float], more: dict[str, Any], verdict: str, sentence: str
) -> None:
    found = judged(before, after, **more)
    assert (found.verdict, found.sentence) == (verdict, sentence)


def test_a_metric_that_swings_is_put_to_a_person() -> None:
    found = judged([0, 20, 1, 19, 2, 18, 3], [1, 15, 0, 21, 3, 17, 2])
    assert found.verdict == "inconclusive"
    assert "swings too much" in found.sentence


def test_one_spike_changes_nothing() -> None:
    for verdict, before, after in (
        ("better", around(12, 1), around(2, 1)),
        ("worse", around(2, 0.2), around(9, 0.2)),
    ):
        spiked = [*after[:10], 1e9, *after[10:]]
        assert judged(before, after).verdict == judged(before, spiked).verdict == verdict
    assert judged(around(2), [*around(2), 50.0], limit=2.5).verdict == "better"


def test_a_sample_repeated_until_the_next_scrape_is_one_point() -> None:
    noisy = [10.0, 12.0, 9.0]
    repeated = [value for value in noisy for _ in range(10)]
    shifted = [value + 3.6 for value in repeated]
    assert judged(repeated, shifted).verdict == "inconclusive"
    apart = around(10.3, 1.2), around(13.9, 1.2, seed=2)
    assert judged(*apart).verdict == "worse"


def test_noise_alone_is_rarely_called_a_move() -> None:
    rng = random.Random(7)
    calls = 0
    for _ in range(500):
        before, after = ([rng.gauss(10, 2) for _ in range(10)] for _ in range(2))
        calls += judged(before, after).verdict != "inconclusive"
    assert calls <= 3


def test_a_clear_shift_is_seen() -> None:
    rng = random.Random(7)
    seen = 0
    for _ in range(300):
        before, after = ([rng.gauss(level, 2) for _ in range(10)] for level in (10, 20))
        seen += judged(before, after).verdict == "worse"
    assert seen >= 295


@given(series, series, directions, limits)
def test_there_is_always_a_verdict_and_a_sentence_that_names_the_metric(
    before: list[float], after: list[float], better: Direction, limit: float | None
) -> None:
    found = judged(before, after, better=better, limit=limit)
    assert found.verdict in ("better", "worse", "inconclusive")
    assert "errors" in found.sentence
    assert found == judged(before, after, better=better, limit=limit)


@given(series, series, directions, limits, st.randoms(use_true_random=False))
def test_levels_do_not_depend_on_the_order_of_the_points(
    before: list[float], after: list[float], better: Direction, limit: float | None, rng: random.Random
) -> None:
    shuffled = [*after]
    rng.shuffle(shuffled)
    found, other = (judged(before, one, better=better, limit=limit) for one in (after, shuffled))
    assert (found.before, found.after) == (other.before, other.after)


@given(enough, enough)
def test_what_is_better_one_way_is_worse_the_other_way(before: list[float], after: list[float]) -> None:
    lower, higher = judged(before, after), judged(before, after, better="higher")
    opposite = {"better": "worse", "worse": "better", "inconclusive": "inconclusive"}
    assert higher.verdict == opposite[lower.verdict]


@given(enough, enough)
def test_changing_before_and_after_turns_the_verdict(before: list[float], after: list[float]) -> None:
    opposite = {"better": "worse", "worse": "better", "inconclusive": "inconclusive"}
    assert judged(after, before).verdict == opposite[judged(before, after).verdict]


@given(enough, enough, directions, values)
def test_above_the_limit_is_worse_whatever_it_was(
    before: list[float], after: list[float], better: Direction, limit: float
) -> None:
    found = judged(before, after, better=better, limit=limit)
    assert found.after is not None
    if found.after > limit:
        assert found.verdict == "worse"


@given(series, st.lists(values, max_size=MIN_POINTS - 1), directions, limits)
def test_too_few_points_never_decide(
    before: list[float], after: list[float], better: Direction, limit: float | None
) -> None:
    assert judged(before, after, better=better, limit=limit).verdict == "inconclusive"


@given(st.floats(min_value=1e-3, max_value=1e6), st.floats(min_value=1 - LEAST_MOVE / 2, max_value=1.02))
def test_a_small_move_of_a_quiet_metric_is_none(level: float, factor: float) -> None:
    assert judged([level] * 10, [level * factor] * 10).verdict == "inconclusive"


@given(st.floats(min_value=1, max_value=86400))
def test_thirty_points_are_compared_and_a_baseline_is_bounded(wait_s: float) -> None:
    assert look_back_s(wait_s) >= min(wait_s / 2, 6 * 3600)
    assert look_back_s(wait_s) / step_s(wait_s) <= 130
    count = int(wait_s / step_s(wait_s)) + 1
    points = [(place * step_s(wait_s), float(place)) for place in range(count)]
    compared = last_half(points, wait_s, until=points[-1][0], since=0)
    assert MIN_POINTS <= len(compared) <= 35
    assert compared[-1] == points[-1][1]
    assert last_half(points, wait_s, until=points[-1][0], since=points[-1][0]) == [points[-1][1]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (2.5, "2.5"),
        (12.345, "12.3"),
        (999.9, "1,000"),
        (1234567.8, "1,234,568"),
        (0.000123, "0.000123"),
        (0.00001, "0.00001"),
        (-3.14159, "-3.14"),
        (1e20, "1.00e+20"),
        (1e-9, "1.00e-09"),
    ],
)
def test_numbers_read_like_numbers(value: float, words: str) -> None:
    assert number(value) == words


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_every_number_has_words(value: float) -> None:
    assert abs(float(number(value).replace(",", "")) - value) <= abs(value) * 0.01
