"""A step that ran when the bot died: idempotent ones run again by themselves, all others are put to people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.catalog.schema import Catalog
from bot.errors import JournalUnavailable
from bot.journal.base import Batch, Recorded
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import ProposalVoided, StepFinished, StepKey, StepStarted, UndoFinished
from bot.runs.state import Run
from tests.core.lawful import assert_lawful
from tests.engine.house import BOB, UNATTENDED, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.dials import DialAction, World


def hanging(**more: Any) -> Catalog:
    return catalog(runbook("turn", dial_step("a", value=5, mode="hang", **more), dial_step("b")))


async def killed_while_it_runs(restarted: Opened, files: Catalog, world: World) -> Run:
    """A run whose first step was turned and never answered, because the process ended."""
    house = await restarted(files, world=world)
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    await world.hanging.wait()
    await house.close()
    assert world.turns == [("a", 5)]
    return run


async def test_a_step_that_is_not_idempotent_is_never_sent_again_by_itself(restarted: Opened) -> None:
    world = World()
    run = await killed_while_it_runs(restarted, hanging(), world)
    house = await restarted(hanging(), world=world)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    assert run.status == "waiting"
    assert world.turns == [("a", 5)]


async def test_of_a_step_that_only_looks_it_is_not_said_that_nobody_knows_what_it_changed(
    restarted: Opened,
) -> None:
    class Slow(DialAction):
        """A look that is not over before the process ends."""

        async def execute(self, plan: Any, progress: Any) -> Any:
            self.world.hanging.set()
            await self.world.release.wait()
            return await super().execute(plan, progress)

    world, files = World(), catalog(runbook("turn", dial_step("a", mode="look"), dial_step("b")))
    house = await restarted(files, world=world, action=Slow(world))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    await world.hanging.wait()
    house = await restarted(files, world=world)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    result = next(event.result for event in run.events if isinstance(event, StepFinished))
    assert (result.verdict, result.effect) == ("unknown", "none")
    assert run.with_effect == ()


async def test_an_idempotent_step_runs_again_by_itself_as_it_was_approved(restarted: Opened) -> None:
    world, files = World(), hanging(idempotent=True)
    run = await killed_while_it_runs(restarted, files, world)
    world.release.set()
    house = await restarted(files, world=world)
    run = await house.asked(run.id, step=1)
    assert world.turns == [("a", 5), ("a", 5)]
    starts = [event for event in run.events if isinstance(event, StepStarted)]
    assert len(starts) == 2
    assert starts[0].plan == starts[1].plan
    assert not [event for event in run.events if isinstance(event, ProposalVoided)]
    assert_lawful(run.events)


async def test_what_an_idempotent_step_undoes_is_the_state_before_its_first_try(restarted: Opened) -> None:
    world, files = World(), hanging(idempotent=True)
    run = await killed_while_it_runs(restarted, files, world)
    world.release.set()
    house = await restarted(files, world=world)
    run = await house.asked(run.id, step=1)
    await house.operations.reject(house.ref_of(run), BOB, reason="enough")
    await house.finished(run.id)
    await house.operations.undo(run.id, BOB)
    run = await house.until_run(run.id, lambda one: one.status == "rolled_back")
    assert world.dials == {"a": 0}
    assert_lawful(run.events)


async def test_an_idempotent_step_that_would_now_do_something_else_is_put_to_people(
    restarted: Opened,
) -> None:
    world, files = World(), hanging(idempotent=True)
    run = await killed_while_it_runs(restarted, files, world)

    class Elsewhere(DialAction):
        """The same step means another command since: the host it names was given another port, say."""

        async def plan(self, given: Any, scope: Any) -> Any:
            return replace(await super().plan(given, scope), will_run=("turn a on another port",))

    house = await restarted(files, world=world, action=Elsewhere(world))
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    assert run.status == "waiting"
    assert world.turns == [("a", 5)]
    assert_lawful(run.events)


async def test_an_idempotent_step_that_cannot_be_planned_any_more_is_put_to_people(restarted: Opened) -> None:
    world = World()
    run = await killed_while_it_runs(restarted, hanging(idempotent=True), world)
    house = await restarted(catalog(), world=world)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    assert world.turns == [("a", 5)]
    assert_lawful(run.events)


async def test_a_dry_run_that_was_killed_goes_on_and_never_undoes_what_it_did_not_do(
    restarted: Opened,
) -> None:
    class Slow(DialAction):
        async def dry_run(self, plan: Any) -> Any:
            if not self.world.hanging.is_set():
                self.world.hanging.set()
                await self.world.release.wait()
            return await super().dry_run(plan)

    world, files = World(), catalog(runbook("turn", dial_step("a"), dial_step("b"), rollback_on_failure=True))
    house = await restarted(files, world=world, action=Slow(world))
    run_id = await house.start("turn", dry_run=True)
    await world.hanging.wait()
    await house.close()
    house = await restarted(files, world=world, action=Slow(world))
    run = await house.finished(run_id)
    assert run.status == "succeeded"
    assert world.turns == []
    assert not run.with_effect
    assert_lawful(run.events)


class Flaky:
    """A journal that is away for some appends of one kind of event; `landed` ones took effect all the same."""

    def __init__(self, journal: SqliteJournal, *, kind: type, times: int, landed: bool) -> None:
        self._journal, self._kind, self._times, self._landed = journal, kind, times, landed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, batch: Batch) -> tuple[Recorded, ...]:
        is_it = any(isinstance(event, self._kind) for write in batch.writes for event in write.events)
        if not is_it or self._times == 0:
            return await self._journal.append(batch)
        self._times -= 1
        if self._landed:
            await self._journal.append(batch)
        raise JournalUnavailable("the disk is full")


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("kind", [StepFinished, UndoFinished])
async def test_an_outcome_that_cannot_be_recorded_is_kept_and_recorded_once_when_the_journal_is_back(
    restarted: Opened, kind: type, landed: bool
) -> None:
    files = catalog(
        runbook(
            "turn",
            dial_step("a", rules=UNATTENDED),
            dial_step("b", mode="fail", rules=UNATTENDED),
            rollback_on_failure=True,
        )
    )
    house = await restarted(files, wrap=lambda journal: Flaky(journal, kind=kind, times=2, landed=landed))
    run = await house.finished(await house.start("turn"))
    assert run.status == "rolled_back"
    assert house.world.turns == [("a", 1), ("a", 0)]
    ends = [event for event in run.events if isinstance(event, StepFinished | UndoFinished)]
    assert [type(event) for event in ends] == [StepFinished, StepFinished, UndoFinished]
    assert run.steps[StepKey()].status == "undone"
    assert_lawful(run.events)


async def test_an_intent_that_may_have_landed_is_never_sent_and_put_to_people(restarted: Opened) -> None:
    files = catalog(runbook("turn", dial_step("a", rules=UNATTENDED)))
    house = await restarted(
        files, wrap=lambda journal: Flaky(journal, kind=StepStarted, times=1, landed=True)
    )
    run = await house.until_run(
        await house.start("turn"),
        lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed),
    )
    assert run.status == "waiting"
    assert house.world.turns == []
