"""What the thread says about metric checks: before, while one is due, and whatever it came to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.catalog.schema import MetricCheck
from bot.runs import events as runs
from bot.runs.events import ArtifactRef, Measured, StepKey
from bot.slack.views.check import follows
from bot.slack.views.sparkline import sparkline
from tests.slack import golden, limits
from tests.slack.stage import BEN, BY_GROUP, REPORT, RUNBOOK, SCALE, SCALE_PLAN, Stage, done

CHECK = MetricCheck(metric_name="error_rate", check_after_s=300, rollback_if_value_exceeds=2.5)
BEHIND_STEP = RUNBOOK.model_copy(
    update={"steps": (SCALE.model_copy(update={"check": CHECK}), REPORT), "on_reject": ()}
)
BEHIND_RUN = RUNBOOK.model_copy(update={"steps": (SCALE,), "on_reject": (), "metric_check": CHECK})
BY_ITSELF = BEHIND_STEP.model_copy(update={"rollback_on_failure": True})
FIRST = StepKey()
PICTURE = ArtifactRef(
    name="check-scale-out.png",
    media_type="image/png",
    digest="cd" * 32,
    size=91_000,
    alt="Line chart of payments · error_rate, from 10 min before to 5 min after the first change.",
)


def ran(runbook: Any = BEHIND_STEP) -> Stage:
    """The step is done, and was preceded by a baseline of ten bad minutes."""
    stage = Stage(runbook=runbook).opened().suggested().thread_opened().taken().approved()
    start = stage.now.timestamp() - 600
    points = tuple((start + 5 * number, 12.0 + number % 3) for number in range(120))
    series = (Measured(metric="error_rate", points=points),)
    stage.ran(runs.BaselineTaken(at=stage.now, series=series))
    return stage.started().finished()


def judged(stage: Stage, verdict: Any, sentence: str, level: float, key: StepKey | None = FIRST) -> Stage:
    start = stage.now.timestamp() - 60
    stage.at(5)
    points = tuple((start + 5 * number, 12.0 if number < 15 else level) for number in range(72))
    return stage.ran(
        runs.CheckJudged(
            at=stage.now,
            step=key,
            verdict=verdict,
            sentence=sentence,
            series=Measured(metric="error_rate", points=points),
            before=13.0,
            after=level,
            limit=2.5,
            artifacts=(PICTURE,),
        )
    )


def settled(stage: Stage, choice: Any, key: StepKey | None = FIRST) -> Stage:
    event = runs.CheckSettled(
        at=stage.at(), step=key, choice=choice, actor=BEN, permission=BY_GROUP, reason="I see a <deploy>"
    )
    return stage.ran(event)


def check_waits() -> Stage:
    return ran()


def check_better() -> Stage:
    stage = judged(
        ran(BEHIND_RUN),
        "better",
        "error_rate is better: 13 before, 0.4 after, within its limit of 2.5",
        0.4,
        None,
    )
    return stage.ended("succeeded")


def check_worse_asks() -> Stage:
    return judged(ran(), "worse", "error_rate is above its limit of 2.5: 13 before, 19 after", 19)


def check_worse_is_undone() -> Stage:
    sentence = "error_rate is above its limit of 2.5: 13 before, 19 after"
    stage = judged(ran(BY_ITSELF), "worse", sentence, 19)
    stage.ran(runs.UndoRequested(at=stage.now, reason=f"the check: {sentence}"))
    stage.ran(runs.UndoStarted(at=stage.now, step=FIRST, plan=SCALE_PLAN))
    stage.ran(runs.UndoFinished(at=stage.at(), step=FIRST, result=done("scaled back to 3")))
    return stage.ended("rolled_back", f"the check: {sentence}")


def check_unclear_and_kept() -> Stage:
    unclear = "error_rate could not be read: Prometheus was not reached (ClientConnectorError)"
    return settled(judged(ran(), "inconclusive", unclear, 12), "keep")


def check_worse_and_undone_by_hand() -> Stage:
    stage = settled(check_worse_asks(), "undo")
    reason = "the check: error_rate is above its limit of 2.5: 13 before, 19 after"
    return stage.ran(runs.UndoRequested(at=stage.now, reason=reason, actor=BEN, permission=BY_GROUP))


def check_cancelled() -> Stage:
    stage = check_worse_asks()
    stage.ran(runs.CancelRequested(at=stage.at(), actor=BEN, permission=BY_GROUP))
    return stage.ended("cancelled", left=("scale-out",))


STORIES = {
    story.__name__: story
    for story in (
        check_waits,
        check_better,
        check_worse_asks,
        check_worse_is_undone,
        check_unclear_and_kept,
        check_worse_and_undone_by_hand,
        check_cancelled,
    )
}


@pytest.mark.parametrize("name", STORIES)
def test_the_thread_reads_as_written(name: str) -> None:
    golden.check_transcript(name, STORIES[name]().show())


def test_the_blocks_are_as_written() -> None:
    golden.check_blocks(
        "check_worse_asks", [one for one in check_worse_asks().show() if one.key.startswith("check:")]
    )


@pytest.mark.parametrize("name", STORIES)
def test_slack_takes_every_message(name: str) -> None:
    for message in STORIES[name]().show():
        limits.check(message)


@pytest.mark.parametrize("name", STORIES)
def test_what_was_final_stays_as_it_was_while_the_story_goes_on(name: str) -> None:
    whole = STORIES[name]()
    before: dict[str, str] = {}
    for cut in range(1, len(whole.run_events) + 1):
        for message in replace(whole, run_events=whole.run_events[:cut]).show():
            if before.get(message.key, "").startswith("final:"):
                assert message.content == before[message.key], message.key
            before[message.key] = message.content


def test_hostile_words_in_a_check_stay_words() -> None:
    stage = judged(ran(), "worse", "<!channel> *x* <https://evil.example|click>", 19)
    [message] = [one for one in stage.show() if one.key.startswith("check:")]
    assert "<!channel>" not in str(message.blocks) + message.text
    assert "<https://evil" not in str(message.blocks) + message.text


def test_a_step_says_what_will_be_checked_before_it_is_approved() -> None:
    both = BEHIND_STEP.model_copy(update={"metric_check": CHECK, "rollback_on_failure": True})
    assert follows(RUNBOOK, FIRST) == ""
    assert "you are asked whether to undo it" in follows(BEHIND_STEP, FIRST)
    assert follows(BEHIND_STEP, StepKey(index=1)) == ""
    assert follows(both, FIRST).count("error_rate") == 2
    assert "undone by itself" in follows(both, StepKey(index=1))
    assert follows(both, StepKey(phase="on_reject")) == ""


class TestSparkline:
    def test_it_shows_the_way_down_and_where_the_change_was(self) -> None:
        before = [(float(at), 10.0) for at in range(10)]
        after = [(float(at), 10.0 - at) for at in range(10)]
        assert sparkline(before, after) == "██████████│██▇▆▅▅▄▃▂▁"

    def test_nothing_is_an_empty_line_and_one_side_is_enough(self) -> None:
        assert sparkline([], []) == ""
        assert sparkline([], [(0.0, 1.0)]) == "│█"
        assert sparkline([(0.0, 0.0)], []) == "▁│"

    def test_times_without_data_are_dots(self) -> None:
        points = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (9.0, 1.0)]
        assert "·" in sparkline([], points)

    def test_values_below_zero_have_their_own_floor(self) -> None:
        assert sparkline([(0.0, -10.0), (1.0, 0.0), (2.0, 10.0)], []) == "▁▅█│"
