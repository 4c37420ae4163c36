"""Metric checks in the engine: when they are made, what they lead to, and that nothing waits for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Metric, MetricCheck
from bot.errors import AlreadyDecided, BotError, NotPermitted
from bot.runs.events import BaselineTaken, CheckJudged, RunId, StepKey, StepStarted
from bot.runs.state import Run
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, EVE, House, catalog, dial_step, runbook
from tests.engine.keeping import Opened, houses_on
from tests.fakes.metrics import AWAY, Gauge

WAIT = timedelta(minutes=5)
CHECK = MetricCheck(metric_name="errors", check_after_s=WAIT.total_seconds())
ERRORS = Metric(name="errors", query="sum(errors{service={{ service }}})", description="Answers with a 5xx")
FIRST = StepKey()


def files(*, check: MetricCheck | None = CHECK, whole: MetricCheck | None = None, **more: Any) -> Catalog:
    steps = (dial_step("a", value=1, check=check), dial_step("b", value=2))
    return catalog(runbook("heal", *steps, metric_check=whole, **more), metrics={"errors": ERRORS})


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    async with houses_on(tmp_path / "journal.db") as open_house:
        yield open_house


async def ran_a(house: House) -> Run:
    """The first step is done, and its check is due later."""
    run = await house.asked(await house.start("heal"))
    await house.operations.approve(house.ref_of(run), BOB)
    return await house.until_run(run.id, lambda one: one.steps[FIRST].status == "succeeded")


async def judged(house: House, run_id: RunId, key: StepKey | None = FIRST) -> CheckJudged:
    house.clock.pass_time(WAIT)
    run = await house.until_run(run_id, lambda one: key in one.checks)
    return run.checks[key].judged


async def test_better_goes_on_and_the_picture_is_kept(opened: Opened) -> None:
    gauge = Gauge.at(12)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    assert run.status == "running"
    assert run.current is not None
    assert run.current.proposal is None
    gauge.show(0.5, since=house.clock.now() + timedelta(seconds=30))
    found = await judged(house, run.id)
    assert (found.verdict, found.before, found.after) == ("better", 12, 0.5)
    assert found.sentence == "errors is better: 12 before, 0.5 after"
    assert set(gauge.asked) == {'sum(errors{service="payments"})'}
    [ref] = found.artifacts
    assert ref.media_type == "image/png"
    assert "Answers with a 5xx" in ref.alt
    assert "Steps marked: a at 0 s" in ref.alt
    picture = await house.journal.artifact(ref.digest)
    assert picture is not None
    assert picture.body.startswith(b"\x89PNG")
    run = await house.asked(run.id, step=1)
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert run.status == "succeeded"
    assert_lawful(run.events)


async def test_the_baseline_is_committed_with_the_first_start_and_only_once(opened: Opened) -> None:
    house = await opened(files(), metrics=Gauge.at(12))
    run = await ran_a(house)
    kinds = [type(event) for event in run.events]
    place = kinds.index(BaselineTaken)
    assert kinds[place + 1] is StepStarted
    assert kinds.count(BaselineTaken) == 1
    recorded = await house.journal.read(f"run-{run.id}")
    assert run.baseline is not None
    [series] = run.baseline.series
    assert len(series.points) == 121
    assert {value for _, value in series.points} == {12}
    assert len(recorded) == run.version


async def test_worse_asks_people_and_undo_walks_back(opened: Opened) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    gauge.show(4, since=house.clock.now())
    assert (await judged(house, run.id)).verdict == "worse"
    assert (await house.ledger.run(run.id)).status == "waiting"
    with pytest.raises(NotPermitted):
        await house.operations.settle_check(run.id, FIRST, EVE, choice="undo")
    await house.operations.settle_check(run.id, FIRST, ALICE, choice="undo")
    run = await house.finished(run.id)
    assert run.status == "rolled_back"
    assert house.world.turns == [("a", 1), ("a", 0)]
    with pytest.raises(AlreadyDecided):
        await house.operations.settle_check(run.id, FIRST, BOB, choice="keep")
    assert_lawful(run.events)


async def test_worse_asks_people_and_keep_goes_on(opened: Opened) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    gauge.show(4, since=house.clock.now())
    await judged(house, run.id)
    await house.operations.settle_check(run.id, FIRST, BOB, choice="keep")
    run = await house.asked(run.id, step=1)
    assert house.world.turns == [("a", 1)]


async def test_above_the_limit_undoes_itself_where_the_runbook_says_so(opened: Opened) -> None:
    gauge = Gauge.at(9)
    limited = CHECK.model_copy(update={"rollback_if_value_exceeds": 2.5})
    house = await opened(files(check=None, whole=limited, rollback_on_failure=True), metrics=gauge)
    run = await ran_a(house)
    run = await house.asked(run.id, step=1)
    await house.operations.approve(house.ref_of(run), BOB)
    await house.until_run(run.id, lambda one: one.current is None)
    gauge.show(3, since=house.clock.now())
    found = await judged(house, run.id, None)
    assert found.sentence == "errors is above its limit of 2.5: 9 before, 3 after"
    run = await house.finished(run.id)
    assert run.status == "rolled_back"
    assert run.finished is not None
    assert run.finished.reason == f"the check: {found.sentence}"
    assert house.world.turns == [("a", 1), ("b", 2), ("b", 0), ("a", 0)]
    assert_lawful(run.events)


TROUBLES = [
    (Gauge.at(1), Gauge(trouble=AWAY), "errors could not be read: Prometheus was not reached"),
    (Gauge.at(1), Gauge(trouble=TimeoutError()), "Prometheus did not answer in time"),
    (Gauge.at(1), Gauge(), "there is no data of errors after it"),
    (Gauge.at(1), Gauge(dropped=3), "its query answered no number (NaN)"),
    (
        Gauge.at(1),
        Gauge(levels=Gauge.at(1).levels, count=3),
        "its query answers with 3 series instead of one",
    ),
    (Gauge(trouble=AWAY), Gauge.at(1), "(when the run began, Prometheus was not reached"),
    (Gauge(), Gauge.at(1), "there is no data of errors from before to compare with, 1 after it"),
    (Gauge.at(1), Gauge.at(1), "errors did not move: 1 before, 1 after"),
]


@pytest.mark.parametrize(("before", "after", "words"), TROUBLES, ids=[one[2] for one in TROUBLES])
async def test_what_cannot_be_told_is_put_to_people_with_the_reason(
    opened: Opened, before: Gauge, after: Gauge, words: str
) -> None:
    gauge = Gauge(**vars(before) | {"asked": []})
    house = await opened(files(rollback_on_failure=True), metrics=gauge)
    run = await ran_a(house)
    vars(gauge).update(vars(after))
    found = await judged(house, run.id)
    assert found.verdict == "inconclusive"
    assert words in found.sentence
    assert (await house.ledger.run(run.id)).status == "waiting"
    assert house.world.turns == [("a", 1)]


async def test_without_a_prometheus_people_are_asked(opened: Opened) -> None:
    house = await opened(files())
    run = await ran_a(house)
    found = await judged(house, run.id)
    assert found.verdict == "inconclusive"
    assert "BOT_PROMETHEUS_URL" in found.sentence
    assert found.artifacts == ()


async def test_a_run_without_checks_asks_prometheus_nothing(opened: Opened) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(check=None), metrics=gauge)
    run = await ran_a(house)
    await house.asked(run.id, step=1)
    assert run.baseline is None
    assert gauge.asked == []


async def test_a_dry_run_is_not_checked(opened: Opened) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(whole=CHECK), metrics=gauge)
    run = await house.finished(await house.start("heal", dry_run=True))
    assert (run.status, run.checks, gauge.asked) == ("succeeded", {}, [])


async def test_cancelled_while_it_waits_there_is_no_check(opened: Opened) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    await house.operations.cancel(run.id, ALICE)
    run = await house.finished(run.id)
    assert run.status == "cancelled"
    assert run.finished is not None
    assert run.finished.left == ("a",)
    house.clock.pass_time(WAIT * 2)
    assert len(gauge.asked) == 1


async def test_an_incident_that_ends_while_it_waits_does_not_keep_the_check_from_being_made(
    opened: Opened,
) -> None:
    gauge = Gauge.at(1)
    house = await opened(files(rollback_on_failure=True), metrics=gauge)
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.until_run(
        (await house.the_run()).id, lambda one: one.steps[FIRST].status == "succeeded"
    )
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", kind="resolved", status="resolved"))
    await house.until_incident(incident.incident_id, lambda one: one.is_resolved)
    gauge.show(4, since=house.clock.now())
    assert (await judged(house, run.id)).verdict == "worse"
    assert (await house.finished(run.id)).status == "rolled_back"


async def test_the_moment_of_a_check_survives_a_restart(opened: Opened) -> None:
    gauge = Gauge.at(12)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    gauge.show(0, since=house.clock.now())
    house.clock.pass_time(WAIT - timedelta(seconds=1))
    house = await opened(files(), metrics=gauge, world=house.world, clock=house.clock)
    assert (await house.ledger.run(run.id)).checks == {}
    house.clock.pass_time(timedelta(seconds=1))
    run = await house.asked(run.id, step=1)
    assert run.checks[FIRST].judged.verdict == "better"
    assert house.world.turns == [("a", 1)]


async def test_the_same_question_is_asked_though_the_catalog_changed(opened: Opened) -> None:
    gauge = Gauge.at(12)
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    house.put_in_force(files().model_copy(update={"metrics": {}}))
    gauge.show(0, since=house.clock.now())
    assert (await judged(house, run.id)).verdict == "better"
    assert set(gauge.asked) == {'sum(errors{service="payments"})'}


async def test_a_metric_that_cannot_be_asked_for_stops_no_step(opened: Opened) -> None:
    gauge = Gauge.at(12)
    without = files().model_copy(update={"metrics": {}})
    house = await opened(without, metrics=gauge)
    run = await ran_a(house)
    found = await judged(house, run.id)
    assert "the catalog no longer has this metric" in found.sentence
    assert gauge.asked == []


async def test_a_secret_in_prometheus_own_words_is_not_stored(opened: Opened) -> None:
    gauge = Gauge(trouble=BotError("cannot answer: Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123"))
    house = await opened(files(), metrics=gauge)
    run = await ran_a(house)
    found = await judged(house, run.id)
    assert "abcdefghijklmnopqrstuvwxyz0123" not in found.sentence
