"""Slots, locks and the line over a restart: order kept, strays released, nobody behind one who waits for people."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from bot.catalog.schema import Catalog, Limits, Rules
from bot.errors import JournalUnavailable
from bot.journal.base import Batch, Hold, Recorded
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import RunAdmitted, RunId, RunQueued, StepKey, UndoBlocked
from bot.runs.state import Run
from tests.core.lawful import assert_lawful
from tests.engine.house import BOB, UNATTENDED, House, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.engine.reference import assert_nothing_held
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World

SECOND = timedelta(seconds=1)
ANY = Rules(approvers=("U0ALICE", "bob@acme.example"), allow_self_approval=True)


def one_slot() -> Catalog:
    """A run that keeps the only slot, and three that want it; they touch dials of their own."""
    return catalog(
        runbook("keep", dial_step("k"), dial_step("l")),
        *[runbook(f"r{number}", dial_step(f"d{number}")) for number in range(3)],
        limits=Limits(max_concurrent_runbooks=1),
    )


async def approved(house: House, name: str) -> Run:
    run = await house.asked(await house.start(name))
    await house.operations.approve(house.ref_of(run), BOB)
    return run


async def queued(house: House, name: str) -> Run:
    run = await approved(house, name)
    return await house.until_run(run.id, lambda one: one.queued is not None)


async def admissions(house: House, runs: list[Run]) -> list[RunId]:
    """The runs in the order in which they were let in."""
    found: list[tuple[int, RunId]] = []
    for run in runs:
        for recorded in await house.journal.read(f"run-{run.id}"):
            if isinstance(recorded.event, RunAdmitted):
                found.append((recorded.position, run.id))
    return [run_id for _, run_id in sorted(found)]


async def test_the_line_keeps_its_order_over_a_restart(restarted: Opened) -> None:
    world, clock = World(), VirtualClock()
    house = await restarted(one_slot(), world=world, clock=clock)
    keep = await approved(house, "keep")
    keep = await house.asked(keep.id, step=1)
    runs = []
    for number in range(3):
        runs.append(await queued(house, f"r{number}"))
        clock.pass_time(SECOND)
    house = await restarted(one_slot(), world=world, clock=clock)
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    for run in runs:
        assert (await house.finished(run.id)).status == "succeeded"
    assert await admissions(house, runs) == [run.id for run in runs]
    await assert_nothing_held(house)


async def test_a_slot_that_was_freed_just_before_the_end_goes_to_the_first_in_the_line(
    restarted: Opened,
) -> None:
    world, clock = World(), VirtualClock()
    house = await restarted(one_slot(), world=world, clock=clock)
    keep = await approved(house, "keep")
    keep = await house.asked(keep.id, step=1)
    runs = []
    for number in range(3):
        runs.append(await queued(house, f"r{number}"))
        clock.pass_time(SECOND)
    await house.worker.stop()
    await house.journal.release_holds(keep.id)  # the end of `keep` and its release, as they stand in the file
    house = await restarted(one_slot(), world=world, clock=clock)
    for run in runs:
        assert (await house.finished(run.id)).status == "succeeded"
    assert await admissions(house, runs) == [run.id for run in runs]


async def test_a_better_place_in_the_line_does_not_put_a_run_behind_those_who_came_later(
    restarted: Opened,
) -> None:
    world, clock = World(), VirtualClock()
    house = await restarted(one_slot(), world=world, clock=clock)
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    first = await queued(house, "r0")
    clock.pass_time(SECOND)
    second = await queued(house, "r1")
    clock.pass_time(SECOND)
    third = await queued(house, "r2")
    clock.pass_time(SECOND)
    await house.operations.cancel(first.id, BOB)
    await house.finished(first.id)
    second = await house.until_run(second.id, lambda one: bool(one.queued and one.queued.position == 1))
    assert len([event for event in second.events if isinstance(event, RunQueued)]) == 2
    await house.until_run(third.id, lambda one: bool(one.queued and one.queued.position == 2))
    house = await restarted(one_slot(), world=world, clock=clock)
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    for run in (second, third):
        await house.finished(run.id)
    assert await admissions(house, [second, third]) == [second.id, third.id]


async def test_a_run_whose_approvals_fell_while_it_waited_holds_up_nobody(restarted: Opened) -> None:
    world = World()
    house = await restarted(one_slot(), world=world)
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    first, second = await queued(house, "r0"), await queued(house, "r1")
    stricter = Rules(approvers=("U0ALICE",))
    house.put_in_force(
        catalog(
            runbook("keep", dial_step("k"), dial_step("l")),
            runbook("r0", dial_step("d0", rules=stricter)),
            runbook("r1", dial_step("d1")),
            limits=Limits(max_concurrent_runbooks=1),
        )
    )
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    assert (await house.finished(second.id)).status == "succeeded"
    first = await house.ledger.run(first.id)
    assert first.status == "waiting"
    assert first.queued is None


async def test_what_a_finished_run_still_held_is_released_at_the_start(restarted: Opened) -> None:
    house = await restarted(one_slot())
    await house.worker.stop()
    await house.journal.take_holds(RunId("long-gone"), ["slot:payments-team/1", "host:d0"])
    house = await restarted(one_slot())
    run = await approved(house, "r0")
    assert (await house.finished(run.id)).status == "succeeded"


async def test_holds_are_given_back_although_the_journal_was_away_when_the_run_ended(
    restarted: Opened,
) -> None:
    class Away:
        """The first release finds the journal gone."""

        def __init__(self, journal: SqliteJournal) -> None:
            self._journal, self._times = journal, 1

        def __getattr__(self, name: str) -> object:
            return getattr(self._journal, name)

        async def release_holds(self, run_id: RunId) -> None:
            if self._times:
                self._times -= 1
                raise JournalUnavailable("the disk is full")
            await self._journal.release_holds(run_id)

    house = await restarted(one_slot(), wrap=Away)
    first = await approved(house, "r0")
    await house.finished(first.id)
    await assert_nothing_held(house)


async def test_an_undo_does_not_touch_what_another_run_holds(restarted: Opened) -> None:
    """The undo of a step may reach a target that the step did not; it is learnt late, so it is not waited for."""
    from bot.catalog.schema import Rollback

    elsewhere = Rollback(step=dial_step("b-back", dial="held", value=9))
    files = catalog(
        runbook("hold", dial_step("held", rules=ANY), dial_step("wait")),
        runbook(
            "turn",
            dial_step("a", rollback=elsewhere, rules=UNATTENDED),
            dial_step("c", mode="fail", rules=UNATTENDED),
            rollback_on_failure=True,
        ),
    )
    house = await restarted(files)
    hold = await house.asked((await approved(house, "hold")).id, step=1)
    run = await house.finished(await house.start("turn"))
    assert run.status == "rollback_incomplete"
    blocked = [event for event in run.events if isinstance(event, UndoBlocked)]
    assert f"held is held by the run of hold ({hold.id[:8]})" in blocked[0].reason
    assert house.world.turns == [("held", 1), ("a", 1)]
    assert Hold(name="host:held", run_id=hold.id) in await house.journal.holds()
    assert_lawful(run.events)


async def test_a_run_that_was_let_in_but_could_not_write_it_down_does_not_wait_behind_who_waits_for_it(
    restarted: Opened,
) -> None:
    class Away:
        """The journal is gone when the first admission is to be written; until then another run has lined up."""

        def __init__(self, journal: SqliteJournal) -> None:
            self._journal, self.refused = journal, asyncio.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journal, name)

        async def append(self, batch: Batch) -> tuple[Recorded, ...]:
            events = [event for write in batch.writes for event in write.events]
            if any(isinstance(event, RunAdmitted) for event in events) and not self.refused.is_set():
                self.refused.set()
                raise JournalUnavailable("the disk is full")
            return await self._journal.append(batch)

    house = await restarted(one_slot(), wrap=Away)
    second = await house.asked(await house.start("r1"))
    first = await approved(house, "r0")
    await house.journal.refused.wait()  # type: ignore[attr-defined]  # the wrapper above
    await house.operations.approve(house.ref_of(second), BOB)
    for run in (first, second):
        assert (await house.finished(run.id)).status == "succeeded"


def looking_first() -> Catalog:
    """A run that keeps a dial, two that look at it before they turn it, and one that turns it at once."""
    look = dial_step("look", "x", mode="look", rules=UNATTENDED)
    return catalog(
        runbook("keep", dial_step("turn", "x", value=1), dial_step("later")),
        *[runbook(f"r{number}", look, dial_step("turn", "x", value=2 + number)) for number in range(2)],
        runbook("at-once", dial_step("turn", "x", value=9)),
        limits=Limits(max_concurrent_runbooks=3),
    )


async def looked(house: House, name: str) -> Run:
    """Its look is done, its change is approved, and it waits."""
    run = await house.asked(await house.start(name), step=1)
    await house.operations.approve(house.ref_of(run), BOB)
    return await house.until_run(run.id, lambda one: one.queued is not None)


async def seen_through(house: House, run: Run) -> Run:
    """It ends; where others were first and the state is another one now, somebody approves what it would do then."""
    while not run.is_finished:
        run = await house.until_run(
            run.id,
            lambda one: one.is_finished or not (one.open_proposal is None or one.open_proposal.has_quorum),
        )
        if run.open_proposal is not None:
            assert run.open_proposal.made.reason.startswith("the state changed since this was proposed: x:")
            await house.operations.approve(house.ref_of(run), BOB)
            run = await house.ledger.run(run.id)
    return run


async def test_who_looked_first_waits_for_the_target_of_the_change_in_the_same_line(
    restarted: Opened,
) -> None:
    world, clock = World(), VirtualClock()
    house = await restarted(looking_first(), world=world, clock=clock)
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    first = await looked(house, "r0")
    assert first.status == "queued"
    assert first.queued is not None
    assert first.queued.waiting_for == f"x, held by the run of keep ({keep.id[:8]})"
    clock.pass_time(SECOND)
    second = await looked(house, "r1")
    assert second.queued is not None
    assert second.queued.position == 2
    house = await restarted(looking_first(), world=world, clock=clock)
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    for run in (await seen_through(house, first), await seen_through(house, second)):
        assert run.status == "succeeded"
        assert_lawful(run.events)
    assert world.turns == [("x", 1), ("x", 2), ("x", 3)]
    await assert_nothing_held(house)


async def test_who_has_a_slot_stands_behind_nobody_who_has_yet_to_get_one(restarted: Opened) -> None:
    house = await restarted(looking_first())
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    slotless = await queued(house, "at-once")
    holders = [await looked(house, "r0"), await looked(house, "r1")]
    places = [run.queued.position for run in holders if run.queued is not None]
    assert places == [1, 2]
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    for run in (*holders, slotless):
        assert (await seen_through(house, run)).status == "succeeded"
    await assert_nothing_held(house)


async def test_who_looked_first_and_is_cancelled_in_the_line_gives_everything_back(restarted: Opened) -> None:
    house = await restarted(looking_first())
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    first, second = await looked(house, "r0"), await looked(house, "r1")
    await house.operations.cancel(first.id, BOB)
    assert (await house.finished(first.id)).status == "cancelled"
    await house.until_run(second.id, lambda one: bool(one.queued and one.queued.position == 1))
    await house.operations.reject(house.ref_of(keep), BOB, reason="enough")
    assert (await seen_through(house, second)).status == "succeeded"
    await assert_nothing_held(house)


async def test_who_holds_a_target_never_waits_for_another(restarted: Opened) -> None:
    files = catalog(
        runbook("keep", dial_step("turn", "x"), dial_step("later", "z")),
        runbook("both", dial_step("own", "y"), dial_step("turn", "x", value=5)),
    )
    house = await restarted(files)
    keep = await house.asked((await approved(house, "keep")).id, step=1)
    both = await house.asked((await approved(house, "both")).id, step=1)
    await house.operations.approve(house.ref_of(both), BOB)
    both = await house.until_run(both.id, lambda one: len(one.steps[StepKey(index=1)].proposals) == 2)
    assert both.queued is None
    assert both.open_proposal is not None
    assert both.open_proposal.made.reason == f"host x is held by the run of keep ({keep.id[:8]}) now"
