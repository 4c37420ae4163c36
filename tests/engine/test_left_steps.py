"""Where the walk back stopped: each step that is left is a person's to decide, and no undo is ever done twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.catalog.schema import Catalog
from bot.errors import AlreadyDecided, NotPermitted, Refused
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import QuestionReminded, StepKey, UndoBlocked, UndoFinished, UndoStarted
from bot.runs.state import Run
from tests.core.lawful import assert_lawful
from tests.engine.house import BOB, EVE, House, catalog, dial_step, runbook
from tests.engine.keeping import Opened, houses_on
from tests.engine.killing import Cut, When
from tests.engine.reference import assert_nothing_held
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World

FIRST, SECOND, THIRD = (StepKey(index=index) for index in range(3))
MINUTE = timedelta(minutes=1)


def files() -> Catalog:
    return catalog(runbook("turn", *[dial_step(name, value=5) for name in "abc"]))


async def stopped(house: House) -> Run:
    """Three dials were turned; the walk back undid the last and stopped at the second, which somebody else turned."""
    run = await house.asked(await house.start("turn"))
    for step in range(3):
        run = await house.asked(run.id, step=step)
        await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    house.world.dials["b"] = 9
    await house.operations.undo(run.id, BOB)
    run = await house.until_run(run.id, lambda one: one.status == "rollback_incomplete")
    assert house.world.turns[3:] == [("c", 0)]
    return run


async def test_the_first_step_is_undone_alone_although_the_second_still_stands(restarted: Opened) -> None:
    house = await restarted(files())
    run = await stopped(house)
    await house.operations.undo_one(run.id, FIRST, BOB)
    run = await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].status == "undone")
    assert house.world.turns[4:] == [("a", 0)]
    assert run.status == "rollback_incomplete"
    assert run.finished is not None
    assert run.finished.left == ("b",)
    assert_lawful(run.events)
    await assert_nothing_held(house)


async def test_an_undo_alone_looks_at_the_state_again_and_is_refused_when_it_drifted(
    restarted: Opened,
) -> None:
    house = await restarted(files())
    run = await stopped(house)
    house.world.dials["a"] = 7
    await house.operations.undo_one(run.id, FIRST, BOB)
    run = await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].undoing is not None)
    assert isinstance(run.events[-2], UndoBlocked)
    assert "a is 7, expected 5" in run.events[-2].reason
    assert house.world.turns[4:] == []


async def test_an_undo_alone_that_failed_is_tried_again_alone(restarted: Opened) -> None:
    house = await restarted(files())
    run = await stopped(house)
    house.world.dials["a"] = 7
    await house.operations.undo_one(run.id, FIRST, BOB)
    run = await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].undoing is not None)
    house.world.dials |= {"a": 5, "b": 5}  # both could be undone now; asked for was the first
    await house.operations.settle_undo(run.id, FIRST, BOB, choice="again")
    run = await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].status == "undone")
    assert house.world.turns[4:] == [("a", 0)]
    assert_lawful(run.events)


async def test_what_was_left_on_purpose_is_gone_past(restarted: Opened) -> None:
    house = await restarted(files())
    run = await stopped(house)
    await house.operations.settle_undo(run.id, SECOND, BOB, choice="leave")
    await house.operations.undo(run.id, BOB)
    run = await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].status == "undone")
    assert house.world.turns[4:] == [("a", 0)]
    assert run.status == "rollback_incomplete"
    assert run.steps[SECOND].status == "undo_left"
    assert_lawful(run.events)


async def test_the_last_step_done_by_hand_ends_it(restarted: Opened) -> None:
    house = await restarted(files())
    run = await stopped(house)
    await house.operations.settle_undo(run.id, FIRST, BOB, choice="done", goes_on=False)
    run = await house.ledger.run(run.id)
    assert run.status == "rollback_incomplete"
    await house.operations.settle_undo(run.id, SECOND, BOB, choice="done", goes_on=False)
    run = await house.until_run(run.id, lambda one: one.status == "rolled_back")
    assert house.world.turns[4:] == []
    assert_lawful(run.events)


async def test_strangers_and_late_comers_are_refused(restarted: Opened) -> None:
    house = await restarted(files())
    run = await stopped(house)
    with pytest.raises(NotPermitted):
        await house.operations.undo_one(run.id, FIRST, EVE)
    with pytest.raises(AlreadyDecided):
        await house.operations.undo_one(run.id, THIRD, BOB)
    with pytest.raises(Refused, match="stopped at step b"):
        await house.operations.undo(run.id, BOB)
    assert house.world.turns[4:] == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 5))
async def test_killed_at_any_write_an_undo_alone_is_done_once_and_no_other(
    tmp_path: Path, at: int, when: When
) -> None:
    world = World()
    async with houses_on(tmp_path / "journal.db") as opened:
        house = await opened(files(), world=world)
        run = await stopped(house)
        cuts: list[Cut] = []

        def cut(journal: SqliteJournal) -> Cut:
            cuts.append(
                Cut(journal, at=at, when=when, counts=lambda words: "Undo" in words or "Finished" in words)
            )
            return cuts[0]

        house = await opened(files(), world=world, wrap=cut)
        asked = asyncio.create_task(house.operations.undo_one(run.id, FIRST, BOB))
        over = asyncio.create_task(_undone(house, run))
        dead = asyncio.create_task(cuts[0].dead.wait())
        await asyncio.wait([over, dead], return_when=asyncio.FIRST_COMPLETED)
        for task in (asked, over, dead):
            task.cancel()
        await asyncio.gather(asked, over, dead, return_exceptions=True)
        house = await opened(files(), world=world)
        run = await _end(house, run)
        assert [turn for turn in world.turns[4:] if turn[0] != "a"] == []
        assert world.turns.count(("a", 0)) <= 1
        assert world.dials["a"] == 0
        started = [one for one in run.events if isinstance(one, UndoStarted) and one.step == FIRST]
        ended = [one for one in run.events if isinstance(one, UndoFinished) and one.step == FIRST]
        assert len(started) == len(ended)
        assert_lawful(run.events)
        await assert_nothing_held(house)


async def _undone(house: House, run: Run) -> None:
    await house.until_run(run.id, lambda one: one.is_finished and one.steps[FIRST].status == "undone")


async def _end(house: House, run: Run) -> Run:
    """What careful people do with whatever they find: look at the dial, and say what they see."""
    while True:
        run = await house.until_run(run.id, lambda one: one.status != "running")
        if run.is_finished and run.steps[FIRST].status == "undone":
            return run
        if run.steps[FIRST].status == "undo_unknown":
            choice = "done" if house.world.dials["a"] == 0 else "again"
            await house.operations.settle_undo(run.id, FIRST, BOB, choice=choice)  # type: ignore[arg-type]
        elif run.is_finished:
            await house.operations.undo_one(run.id, FIRST, BOB)
        run = await house.until_run(run.id, lambda one, before=run.version: one.version > before)  # type: ignore[misc]


async def test_people_are_reminded_of_what_stopped_the_walk_and_a_restart_repeats_no_reminder(
    restarted: Opened,
) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(files(), clock=clock, world=world)
    await house.page()  # an incident that is open until its source says otherwise
    run = await stopped(house)
    clock.pass_time(5 * MINUTE)
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], QuestionReminded))
    house = await restarted(files(), clock=clock, world=world)
    clock.pass_time(5 * MINUTE)
    run = await house.until_run(run.id, lambda one: len(_reminders(one)) == 2)
    assert [(one.question, one.step) for one in _reminders(run)] == [("undo", SECOND)] * 2
    await house.operations.settle_undo(run.id, SECOND, BOB, choice="leave")
    clock.pass_time(60 * MINUTE)
    house = await restarted(files(), clock=clock, world=world)
    clock.pass_time(60 * MINUTE)
    assert len(_reminders(await house.ledger.run(run.id))) == 2
    assert_lawful(run.events)


def _reminders(run: Run) -> list[QuestionReminded]:
    return [one for one in run.events if isinstance(one, QuestionReminded)]
