"""What a step does, in words."""

from __future__ import annotations

from typing import Any

import pytest

from bot.catalog.describing import how_it_is_undone, what_it_does, when_it_fits
from bot.catalog.schema import Rollback, Runbook, Schedule, Step, Trigger


def step(kind: str, **given: Any) -> Step:
    return Step(name="it", type=kind, input=given)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (step("shell", command="a\n b", host="web-1"), "runs a b on web-1"),
        (step("shell", command="a", hosts=["web-1", "web-2"]), "runs a on web-1, web-2"),
        (step("shell", command="a", hosts="web"), "runs a on web"),
        (step("http", url="https://x.example/"), "sends GET https://x.example/"),
        (step("slack", message="done", channel="#ops"), "says 'done' in #ops"),
        (
            step("kubernetes", action="scale", namespace="pay", deployment="api", replicas=0, cluster="eu"),
            "scale deployment api to 0 replicas in namespace pay of cluster eu",
        ),
        (step("kubernetes", action="drain", node="n-1"), "drain node n-1"),
        (step("python", function="clear"), "calls clear in Python"),
        (step("other", b=1, a="ü"), 'other {"a": "ü", "b": 1}'),
    ],
)
def test_each_type_is_told_in_one_line(one: Step, words: str) -> None:
    assert what_it_does(one) == words


def test_the_way_back_is_what_the_files_say() -> None:
    back = step("shell", command="undo", host="web-1")
    assert (
        how_it_is_undone(Step(name="it", type="shell", rollback=Rollback(step=back))) == "runs undo on web-1"
    )
    assert (
        how_it_is_undone(Step(name="it", type="shell", rollback=Rollback(manual="turn\nit")))
        == "by hand: turn it"
    )
    assert how_it_is_undone(Step(name="it", type="shell", irreversible=True)) == "cannot be undone"
    assert how_it_is_undone(step("kubernetes", action="scale")) == "back to the state before"
    assert how_it_is_undone(step("shell", command="a")) == "no undo is declared"
    assert how_it_is_undone(step("shell", command="a", read_only=True)) == ""


def test_every_part_of_a_trigger_is_told() -> None:
    trigger = Trigger(
        services=("a", "b"),
        metric_name="cpu",
        condition="value > 1",
        symptoms=("slow", "late"),
        schedule=Schedule(cron="0 2 * * *"),
    )
    assert when_it_fits(Runbook(name="x", steps=(step("slack"),), trigger=trigger)) == (
        "incidents of a or b",
        "the metric cpu",
        "the condition value > 1",
        "the words 'slow' or 'late'",
        "the time 0 2 * * * (UTC)",
    )
