"""Nobody decided in time: the next are asked, once each, and a timeout still approves nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.catalog.schema import ApproverGroup, Catalog, Rules
from bot.errors import Expired, NotPermitted
from bot.intake.incident import SuggestionEscalated
from bot.runs.events import ApprovalEscalated, ProposalExpired, StepApproved, StepKey
from bot.runs.policy import ON_CALL, Membership
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, EVE, FixedDirectory, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World

MINUTES = {count: timedelta(minutes=count) for count in (5, 10)}
CALLED = f"{ON_CALL}/payments"


def files(*escalate_to: str, **more: object) -> Catalog:
    rules = Rules(approvers=("bob@acme.example",), escalate_to=escalate_to, **more)  # type: ignore[arg-type]
    made = catalog(runbook("turn", dial_step("a", rules=rules)))
    leads = ApproverGroup(name="leads", members=("U0EVE",), direct_message=True)
    return made.model_copy(update={"groups": {"leads": leads}})


def on_call(clock: VirtualClock, *emails: str) -> FixedDirectory:
    called = Membership(group=CALLED, emails=frozenset(emails), read_at=clock.now())
    return FixedDirectory(groups={CALLED: called}, emails={"eve@acme.example": "U0EVE"})


async def test_those_asked_next_may_decide_and_only_from_then_on(restarted: Opened) -> None:
    house = await restarted(files("leads"))
    run = await house.asked(await house.start("turn"))
    with pytest.raises(NotPermitted):
        await house.operations.approve(house.ref_of(run), EVE)
    house.clock.pass_time(MINUTES[10])
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    proposal = run.open_proposal
    assert proposal is not None
    assert proposal.asked.approvers == ("bob@acme.example", "U0EVE")
    assert proposal.asked.direct_message == ("U0EVE",)
    assert proposal.expires_at == house.clock.now() + MINUTES[10]
    await house.operations.approve(house.ref_of(run), EVE)
    run = await house.finished(run.id)
    assert house.world.turns == [("a", 1)]
    assert_lawful(run.events)


async def test_an_approval_from_before_counts_with_one_from_after(restarted: Opened) -> None:
    house = await restarted(files("leads", min_approvals=2))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    house.clock.pass_time(MINUTES[10])
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    assert house.world.turns == []
    await house.operations.approve(house.ref_of(run), EVE)
    run = await house.finished(run.id)
    assert run.status == "succeeded"
    assert_lawful(run.events)


async def test_each_is_asked_once_and_then_it_expires(restarted: Opened) -> None:
    house = await restarted(files("leads"))
    run = await house.asked(await house.start("turn"))
    ref = house.ref_of(run)
    house.clock.pass_time(MINUTES[10])
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    house.clock.pass_time(MINUTES[5])
    run = await house.until_run(run.id, lambda one: bool(one.open_proposal and one.open_proposal.reminded))
    house.clock.pass_time(MINUTES[5])
    run = await house.finished(run.id)
    assert run.status == "expired"
    assert [type(one) for one in run.events if isinstance(one, ApprovalEscalated | ProposalExpired)] == [
        ApprovalEscalated,
        ProposalExpired,
    ]
    with pytest.raises(Expired):
        await house.operations.approve(ref, EVE)
    assert house.world.turns == []


async def test_whoever_is_on_call_now_decides_and_when_that_was_read_is_recorded(restarted: Opened) -> None:
    clock = VirtualClock()
    house = await restarted(files(ON_CALL), clock=clock, directory=on_call(clock, "eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    clock.pass_time(MINUTES[10])
    house.directory.groups[CALLED] = Membership(
        group=CALLED, emails=frozenset({"eve@acme.example"}), read_at=clock.now()
    )
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    assert run.open_proposal is not None
    await house.operations.approve(house.ref_of(run), EVE)
    run = await house.finished(run.id)
    (approval,) = [one for one in run.events if isinstance(one, StepApproved)]
    assert approval.permission.via == CALLED
    assert approval.permission.members_read_at == clock.now()


async def test_where_nobody_can_tell_who_is_on_call_it_expires_and_says_why(restarted: Opened) -> None:
    house = await restarted(files(ON_CALL))
    run = await house.asked(await house.start("turn"))
    house.clock.pass_time(MINUTES[10])
    run = await house.finished(run.id)
    (escalated,) = [one for one in run.events if isinstance(one, ApprovalEscalated)]
    assert escalated.to.approvers == ()
    assert escalated.to.trouble == "who is on call could not be read: Slack does not answer"
    assert run.status == "expired"


async def test_on_call_among_the_approvers_refuses_whoever_is_not(restarted: Opened) -> None:
    clock = VirtualClock()
    rules = Rules(approvers=(ON_CALL,))
    house = await restarted(
        catalog(runbook("turn", dial_step("a", rules=rules))),
        clock=clock,
        directory=on_call(clock, "eve@acme.example"),
    )
    run = await house.asked(await house.start("turn"))
    with pytest.raises(NotPermitted, match="not one of its approvers"):
        await house.operations.approve(house.ref_of(run), BOB)
    house.directory.groups[CALLED] = Membership(group=CALLED, error="PagerDuty was not reached")
    with pytest.raises(NotPermitted, match="PagerDuty was not reached"):
        await house.operations.approve(house.ref_of(run), EVE)
    assert house.world.turns == []


async def test_an_escalation_that_today_s_catalog_no_longer_has_lets_nobody_in(restarted: Opened) -> None:
    house = await restarted(files("leads"))
    run = await house.asked(await house.start("turn"))
    house.clock.pass_time(MINUTES[10])
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    house.put_in_force(files())
    with pytest.raises(NotPermitted):
        await house.operations.approve(house.ref_of(run), EVE)
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"


async def test_a_suggestion_escalates_over_a_restart_and_its_run_knows_whom_to(restarted: Opened) -> None:
    clock, world = VirtualClock(), World()
    house = await restarted(files("leads"), clock=clock, world=world)
    incident = await house.page()
    await house.close()
    clock.pass_time(MINUTES[10])
    house = await restarted(files("leads"), clock=clock, world=world)
    incident = await house.until_incident(
        incident.incident_id, lambda one: isinstance(one.events[-1], SuggestionEscalated)
    )
    assert incident.open_suggestion is not None
    await house.operations.approve(house.ref(incident), EVE)
    run = await house.finished((await house.the_run()).id)
    assert world.turns == [("a", 1)]
    assert [one.to.entry for one in run.events if isinstance(one, ApprovalEscalated)] == ["leads"]
    assert_lawful(run.events)


async def test_what_drifted_after_an_escalation_is_put_to_the_same_people_again(restarted: Opened) -> None:
    house = await restarted(files("leads"))
    run = await house.asked(await house.start("turn", by=ALICE))
    house.clock.pass_time(MINUTES[10])
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalEscalated))
    house.world.dials["a"] = 3
    await house.operations.approve(house.ref_of(run), EVE)
    run = await house.until_run(run.id, lambda one: len(one.steps[StepKey()].proposals) == 2)
    assert run.open_proposal is not None
    assert run.open_proposal.asked.approvers == ("bob@acme.example", "U0EVE")
    await house.operations.approve(house.ref_of(run), EVE)
    assert (await house.finished(run.id)).status == "succeeded"
