"""What was accepted is handled once, and what an incident's end must do is done, whenever the bot was killed."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from bot.errors import NotPermitted
from bot.intake.inbox import from_anomaly
from bot.journal.base import InboxItem
from tests.engine.house import ALICE, BOB, EVE, House, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World

FILES = catalog(runbook("turn", dial_step("a"), dial_step("b", mode="hang"), dial_step("c")))


def anomaly(house: House, anomaly_id: str = "a-1") -> InboxItem:
    body = {
        "anomaly_id": anomaly_id,
        "service_id": "payments",
        "metric_name": "cpu",
        "value": 1.5,
        "anomaly_score": 0.9,
        "title": "dial stuck",
    }
    return from_anomaly(json.dumps(body).encode(), received_at=house.clock.now(), actor=ALICE.actor)


async def test_what_was_accepted_before_the_end_is_handled_once_after_it(restarted: Opened) -> None:
    house = await restarted(FILES)
    await house.worker.stop()
    assert await house.journal.accept(anomaly(house))
    house = await restarted(FILES)
    changes = house.journal.changes()
    while not await house.journal.incidents():
        await anext(changes)
    house = await restarted(FILES)
    assert not await house.journal.unanswered()
    assert len(await house.journal.incidents()) == 1


async def test_a_delivery_that_comes_again_after_a_restart_is_known(restarted: Opened) -> None:
    house = await restarted(FILES)
    item = anomaly(house)
    assert await house.journal.accept(item)
    house.reception.wake()
    changes = house.journal.changes()
    while not await house.journal.incidents():
        await anext(changes)
    house = await restarted(FILES)
    assert not await house.journal.accept(item)
    await house.reception.handle_all()
    assert len(await house.journal.incidents()) == 1


async def test_an_item_handled_twice_at_once_opens_one_incident(restarted: Opened) -> None:
    house = await restarted(FILES)
    item = anomaly(house)
    await house.journal.accept(item)
    await asyncio.gather(*(house.reception.handle(item) for _ in range(3)))
    assert len(await house.journal.incidents()) == 1


async def test_an_incident_resolved_just_before_the_end_still_cancels_what_nobody_decided(
    restarted: Opened,
) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(FILES, clock=clock, world=world)
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id, step=1)
    await house.worker.stop()
    clock.pass_time(timedelta(seconds=5))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", "resolved", status="resolved"))
    house = await restarted(FILES, clock=clock, world=world)
    run = await house.finished(run.id)
    assert run.status == "cancelled"
    assert world.turns == [("a", 1)]


async def test_what_is_proposed_after_the_incident_ended_is_wanted_and_stays_also_over_a_restart(
    restarted: Opened,
) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(FILES, clock=clock, world=world)
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id, step=1)
    await house.operations.approve(house.ref_of(run), ALICE)
    await world.hanging.wait()
    clock.pass_time(timedelta(seconds=5))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", "resolved", status="resolved"))
    clock.pass_time(timedelta(seconds=5))
    world.release.set()
    run = await house.asked(run.id, step=2)
    house = await restarted(FILES, clock=clock, world=world)
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"


async def test_a_run_whose_runbook_left_the_catalog_can_be_cancelled(restarted: Opened) -> None:
    house = await restarted(FILES)
    run = await house.asked(await house.start("turn"))
    house.put_in_force(catalog())
    with pytest.raises(NotPermitted, match="cancel the run"):
        await house.operations.approve(house.ref_of(run), BOB)
    with pytest.raises(NotPermitted):
        await house.operations.cancel(run.id, EVE)
    await house.operations.cancel(run.id, BOB)
    assert (await house.finished(run.id)).status == "cancelled"


async def test_a_cancelled_walk_back_ends_after_the_undo_that_runs(restarted: Opened) -> None:
    from tests.fakes.dials import DialAction

    class Slow(DialAction):
        """Turning `b` back takes until it is let go."""

        async def execute(self, plan, progress):  # type: ignore[no-untyped-def]
            if plan.input["dial"] == "b" and plan.input["value"] == 0:
                self.world.hanging.set()
                await self.world.release.wait()
            return await super().execute(plan, progress)

    files = catalog(runbook("turn", dial_step("a"), dial_step("b"), dial_step("c", mode="fail")))
    world = World()
    house = await restarted(files, world=world, action=Slow(world))
    run_id = await house.start("turn")
    for index in range(3):
        await house.operations.approve(house.ref_of(await house.asked(run_id, step=index)), BOB)
    await house.finished(run_id)
    await house.operations.undo(run_id, BOB)
    await world.hanging.wait()
    await house.operations.cancel(run_id, BOB)
    world.release.set()
    run = await house.until_run(run_id, lambda one: one.is_finished and one.is_walk_cancelled)
    assert run.status == "rollback_incomplete"
    assert run.finished is not None
    assert run.finished.left == ("a",)
    assert world.dials == {"a": 1, "b": 0}
