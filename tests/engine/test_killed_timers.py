"""Timers live in the journal: a restart neither repeats a reminder nor forgets an expiry, and never approves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.catalog.schema import Catalog
from bot.errors import Expired, Refused
from bot.intake.incident import SuggestionReminded, SuggestionWithdrawn
from bot.runs.events import ApprovalReminded, ProposalExpired
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World

FILES = catalog(runbook("turn", dial_step("a")))
MINUTE = timedelta(minutes=1)


async def test_a_reminder_that_was_given_is_not_given_again(restarted: Opened) -> None:
    clock = VirtualClock()
    house = await restarted(FILES, clock=clock)
    run = await house.asked(await house.start("turn"))
    clock.pass_time(5 * MINUTE)
    run = await house.until_run(run.id, lambda one: bool(one.open_proposal and one.open_proposal.reminded))
    house = await restarted(FILES, clock=clock)
    clock.pass_time(3 * MINUTE)
    house = await restarted(FILES, clock=clock)
    clock.pass_time(2 * MINUTE)
    run = await house.finished(run.id)
    assert [type(event) for event in run.events[2:4]] == [ApprovalReminded, ProposalExpired]
    assert_lawful(run.events)


async def test_a_reminder_that_came_due_while_the_bot_was_down_is_given_once_at_the_start(
    restarted: Opened,
) -> None:
    clock = VirtualClock()
    house = await restarted(FILES, clock=clock)
    run = await house.asked(await house.start("turn"))
    await house.close()
    clock.pass_time(6 * MINUTE)
    house = await restarted(FILES, clock=clock)
    run = await house.until_run(run.id, lambda one: bool(one.open_proposal and one.open_proposal.reminded))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert len([event for event in run.events if isinstance(event, ApprovalReminded)]) == 1


async def test_a_proposal_whose_time_passed_while_the_bot_was_down_expires_at_the_start(
    restarted: Opened,
) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(FILES, clock=clock, world=world)
    run = await house.asked(await house.start("turn"))
    await house.close()
    clock.pass_time(60 * MINUTE)
    house = await restarted(FILES, clock=clock, world=world)
    run = await house.finished(run.id)
    assert run.status == "expired"
    assert not [event for event in run.events if isinstance(event, ApprovalReminded)]
    with pytest.raises(Refused):
        await house.operations.approve(house.ref_of(run), BOB)
    assert world.turns == []


async def test_a_click_after_the_time_is_refused_even_before_the_expiry_is_written(restarted: Opened) -> None:
    house = await restarted(FILES)
    run = await house.asked(await house.start("turn"))
    await house.worker.stop()
    house.clock.pass_time(10 * MINUTE)
    with pytest.raises(Expired):
        await house.operations.approve(house.ref_of(run), BOB)


async def test_an_approval_that_was_given_in_time_runs_however_late_the_bot_comes_back(
    restarted: Opened,
) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(FILES, clock=clock, world=world)
    run = await house.asked(await house.start("turn"))
    await house.worker.stop()
    await house.operations.approve(house.ref_of(run), BOB)
    clock.pass_time(60 * MINUTE)
    house = await restarted(FILES, clock=clock, world=world)
    run = await house.finished(run.id)
    assert run.status == "succeeded"
    assert world.turns == [("a", 1)]


async def test_one_of_two_approvals_is_kept_over_a_restart_and_the_time_goes_on(restarted: Opened) -> None:
    from bot.catalog.schema import Rules

    two = Rules(approvers=("U0ALICE", "bob@acme.example"), min_approvals=2)
    files: Catalog = catalog(runbook("turn", dial_step("a", rules=two)))
    clock, world = VirtualClock(), World()
    house = await restarted(files, clock=clock, world=world)
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    house = await restarted(files, clock=clock, world=world)
    run = await house.the_run()
    assert run.open_proposal is not None
    assert [one.actor.person for one in run.open_proposal.approvals] == [ALICE.actor.person]
    clock.pass_time(10 * MINUTE)
    run = await house.finished(run.id)
    assert run.status == "expired"
    assert world.turns == []


async def test_the_timers_of_a_suggestion_go_on_over_restarts(restarted: Opened) -> None:
    clock = VirtualClock()
    house = await restarted(FILES, clock=clock)
    incident = await house.page()
    clock.pass_time(5 * MINUTE)
    await house.until_incident(incident.incident_id, lambda one: one.suggestions[0].reminded)
    house = await restarted(FILES, clock=clock)
    clock.pass_time(5 * MINUTE)
    incident = await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is None)
    kinds = [type(event) for event in incident.events[2:]]
    assert kinds == [SuggestionReminded, SuggestionWithdrawn]
    house = await restarted(FILES, clock=clock)
    clock.pass_time(60 * MINUTE)
    later = await house.ledger.incident(incident.incident_id)
    assert later.version == incident.version
