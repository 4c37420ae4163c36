"""What is said of an action by its numbers."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from bot.engine.chart import draw
from bot.runs.statistics import ActionNumbers, bar, decide_time, statistics, summary, verdict

CLEAN = ActionNumbers(
    action="clear-cache",
    steps=12,
    unchanged=12,
    succeeded=12,
    median_decide_s=41.0,
    p90_decide_s=180.0,
)


def test_an_action_that_was_always_taken_as_it_was_is_a_candidate() -> None:
    assert CLEAN.is_candidate()
    assert verdict(CLEAN) == "always approved unchanged, 12 times: a candidate to tag as safe"
    assert statistics([CLEAN]).candidates == (CLEAN,)


@pytest.mark.parametrize(
    "spoiled",
    [
        "edited",
        "rejected",
        "skipped",
        "overridden",
        "expired",
        "cancelled",
        "failed",
        "unknown",
        "rolled_back",
        "manual",
        "unattended",
    ],
)
def test_one_exception_and_it_is_none(spoiled: str) -> None:
    assert spoiled in {one.name for one in fields(ActionNumbers)}
    assert not replace(CLEAN, steps=13, **{spoiled: 1}).is_candidate()


def test_too_few_approvals_are_no_record_yet() -> None:
    few = replace(CLEAN, steps=9, unchanged=9)
    assert not few.is_candidate()
    assert few.is_candidate(at_least=9)
    assert verdict(few) == "nothing stands out yet"


def test_a_step_that_still_waits_speaks_neither_way() -> None:
    assert replace(CLEAN, steps=13, waiting=1).is_candidate()
    assert replace(CLEAN, steps=13, waiting=1).unchanged_share == 1.0


def test_the_worst_is_named_first() -> None:
    told = verdict(replace(CLEAN, edited=3, rolled_back=1))
    assert told == "1 rolled back, 3 edited"


def test_a_summary_is_short_and_the_busiest_come_first() -> None:
    many = [replace(CLEAN, action=f"a{number}", steps=number) for number in range(12)]
    lines = summary(statistics(many), most=2)
    assert [line.partition(":")[0] for line in lines] == ["a11", "a10", "and 10 more actions"]
    assert decide_time(CLEAN) == "41 s, 9 in 10 within 3 min"
    assert decide_time(ActionNumbers(action="x", steps=1)) == ""


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, "░░░░"), (0.01, "█░░░"), (0.5, "██░░"), (1, "████"), (2, "████")]
)
def test_a_bar_shows_also_a_little(share: float, drawn: str) -> None:
    assert bar(share, width=4) == drawn


def test_the_same_numbers_are_the_same_picture() -> None:
    found = statistics(
        [
            CLEAN,
            replace(CLEAN, action="\x1b[2J $x^2$ " + "y" * 90, rolled_back=3),
            ActionNumbers(action="z", steps=0),
        ]
    )
    assert draw(found) == draw(found)
    assert draw(statistics([])).startswith(b"\x89PNG")
