"""One run from suggestion to end: what happens in which order, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import ApproverGroup, Catalog, Limits, Param, Rollback, Rules, Step
from bot.errors import AlreadyDecided, BadInput, Expired, NotPermitted, Refused, Stale
from bot.runs.events import StepFinished, StepKey, StepNotPlanned, StepProposed, StepStarted, UndoFinished
from tests.engine.house import ALICE, BOB, EVE, UNATTENDED, House, caller, catalog, dial_step, runbook

Opened = Callable[..., Awaitable[House]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    houses: list[House] = []

    async def open_house(files: Catalog, **more: Any) -> House:
        house = await House.open(tmp_path / "journal.db", files, **more)
        houses.append(house)
        return house

    yield open_house
    for house in houses:
        await house.close()


async def test_the_first_click_on_a_suggestion_opens_the_run_and_runs_the_step(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b"))))
    incident = await house.page()
    assert house.world.turns == []
    assert not incident.run_ids
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id, step=1)
    assert house.world.turns == [("a", 1)]
    assert run.requester is None
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    assert run.status == "succeeded"
    assert house.world.turns == [("a", 1), ("b", 1)]


async def test_intent_is_committed_before_anything_is_sent(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", mode="hang"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    await house.world.hanging.wait()
    run = await house.ledger.run(run.id)
    assert isinstance(run.events[-1], StepStarted)
    assert run.events[-1].plan.guarded == {"a": 0}
    house.world.release.set()
    await house.finished(run.id)


async def test_a_stranger_a_guest_and_the_requester_are_refused(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn", ALICE))
    with pytest.raises(NotPermitted, match="not one of its approvers"):
        await house.operations.approve(house.ref_of(run), EVE)
    with pytest.raises(NotPermitted, match="guests"):
        await house.operations.approve(house.ref_of(run), caller("bob", barred="guests may not decide"))
    with pytest.raises(NotPermitted, match="you started or last edited it"):
        await house.operations.approve(house.ref_of(run), ALICE)
    assert house.world.turns == []


async def test_two_clicks_at_once_give_one_decision_and_one_execution(opened: Opened) -> None:
    import asyncio

    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    ref = house.ref(incident)
    answers = await asyncio.gather(
        *(house.operations.approve(ref, who) for who in (ALICE, BOB, ALICE, BOB)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 1
    assert all(answer is None or isinstance(answer, AlreadyDecided) for answer in answers)
    run = await house.finished((await house.the_run()).id)
    assert house.world.turns == [("a", 1)]
    assert len([event for event in run.events if isinstance(event, StepStarted)]) == 1


async def test_a_digest_of_another_plan_approves_nothing(opened: Opened) -> None:
    from dataclasses import replace

    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    with pytest.raises(Stale):
        await house.operations.approve(replace(house.ref(incident), digest="0" * 64), ALICE)
    assert not (await house.ledger.incident(incident.incident_id)).run_ids


async def test_drift_before_executing_voids_the_approval_and_says_what_changed(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", value=5))))
    run = await house.asked(await house.start("turn"))
    house.world.dials["a"] = 3
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(run.id, lambda one: len(one.steps[StepKey()].proposals) == 2)
    assert house.world.turns == []
    first, second = run.steps[StepKey()].proposals
    assert first.voided is not None
    assert "a: 0 → 3" in second.made.reason
    assert not second.approvals
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"
    assert house.world.turns == [("a", 5)]


async def test_a_timeout_never_approves_and_reminds_at_half_time(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    house.clock.pass_time(timedelta(minutes=5))
    run = await house.until_run(run.id, lambda one: bool(one.open_proposal and one.open_proposal.reminded))
    house.clock.pass_time(timedelta(minutes=5))
    run = await house.finished(run.id)
    assert run.status == "expired"
    with pytest.raises(Refused):
        await house.operations.approve(house.ref_of(run), BOB)
    assert house.world.turns == []


async def test_an_expired_suggestion_cannot_be_clicked(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    ref = house.ref(incident)
    house.clock.pass_time(timedelta(minutes=10))
    await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is None)
    with pytest.raises(Expired):
        await house.operations.approve(ref, ALICE)


async def test_rejecting_needs_a_reason_halts_and_proposes_on_reject(opened: Opened) -> None:
    files = catalog(runbook("turn", dial_step("a"), on_reject=(dial_step("tell", rules=UNATTENDED),)))
    house = await opened(files)
    incident = await house.page()
    with pytest.raises(BadInput):
        await house.operations.reject(house.ref(incident), ALICE, reason="  ")
    await house.operations.reject(house.ref(incident), ALICE, reason="wrong dial")
    run = await house.finished((await house.the_run()).id)
    assert run.status == "rejected"
    assert run.finished is not None
    assert run.finished.reason == "wrong dial"
    assert house.world.turns == [("tell", 1)]


async def test_two_approvals_are_two_people(opened: Opened) -> None:
    rules = Rules(approvers=("U0ALICE", "bob@acme.example", "alice@acme.example"), min_approvals=2)
    house = await opened(catalog(runbook("turn", dial_step("a", rules=rules))))
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.the_run()
    with pytest.raises(AlreadyDecided, match="one person counts once"):
        await house.operations.approve(house.ref_of(run), ALICE)
    assert house.world.turns == []
    await house.operations.approve(house.ref_of(await house.the_run()), BOB)
    assert (await house.finished(run.id)).status == "succeeded"


async def test_an_edit_makes_the_editor_the_requester_and_a_fresh_proposal(opened: Opened) -> None:
    files = catalog(
        runbook(
            "turn",
            dial_step("a", value="{{ params.level }}"),
            params=(Param(name="level", type="int", default=3, minimum=0, maximum=9),),
        )
    )
    house = await opened(files)
    incident = await house.page()
    form = await house.operations.edit_form(house.ref(incident), ALICE)
    assert dict(form.values) == {"level": 3}
    with pytest.raises(BadInput, match="level"):
        await house.operations.edit(house.ref(incident), ALICE, given={"level": "99"})
    await house.operations.edit(house.ref(incident), ALICE, given={"level": "7"})
    run = await house.asked((await house.the_run()).id)
    assert run.params == {"level": 7}
    with pytest.raises(NotPermitted):
        await house.operations.approve(house.ref_of(run), ALICE)
    await house.operations.approve(house.ref_of(run), BOB)
    await house.finished(run.id)
    assert house.world.turns == [("a", 7)]


async def test_skipping_goes_on_without_the_step(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b", rules=UNATTENDED))))
    incident = await house.page()
    await house.operations.skip(house.ref(incident), ALICE)
    run = await house.finished((await house.the_run()).id)
    assert run.status == "succeeded"
    assert house.world.turns == [("b", 1)]


async def test_nothing_runs_from_a_match_alone_not_even_an_unattended_step(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", rules=UNATTENDED))))
    incident = await house.page()
    assert incident.open_suggestion is not None
    assert house.world.turns == []
    await house.operations.approve(house.ref(incident), BOB)
    await house.finished((await house.the_run()).id)
    assert house.world.turns == [("a", 1)]


async def test_an_unattended_step_that_changes_something_without_scopes_asks_all_the_same(
    opened: Opened,
) -> None:
    rules = Rules(requires_approval=False)
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b", rules=rules))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    await house.asked(run.id, step=1)
    assert house.world.turns == [("a", 1)]


async def test_an_environment_may_ask_every_time(opened: Opened) -> None:
    rules = Rules(requires_approval=False, scopes=("prod",), approvers=("bob@acme.example",))  # type: ignore[arg-type]
    house = await opened(catalog(runbook("turn", dial_step("a", rules=rules, environment="prod"))))
    run = await house.asked(await house.start("turn"))
    assert run.environment == "prod"


async def test_a_step_outside_its_scopes_is_refused_with_the_reason(opened: Opened) -> None:
    rules = Rules(scopes=("staging",), approvers=("U0ALICE",))  # type: ignore[arg-type]
    house = await opened(catalog(runbook("turn", dial_step("a", rules=rules, environment="prod"))))
    run = await house.finished(await house.start("turn"))
    assert run.status == "failed"
    assert run.finished is not None
    assert "not in prod" in run.finished.reason


async def test_a_failed_step_is_rolled_back_in_reverse_with_the_one_that_was_applied_and_failed(
    opened: Opened,
) -> None:
    steps = [
        dial_step("a", value=1),
        dial_step("b", value=2),
        dial_step("c", value=3, mode="applied_then_fail"),
    ]
    house = await opened(catalog(runbook("turn", *steps, rollback_on_failure=True)))
    run_id = await house.start("turn")
    for index in range(3):
        run = await house.asked(run_id, step=index)
        await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run_id)
    assert run.status == "rolled_back"
    assert house.world.turns[3:] == [("c", 0), ("b", 0), ("a", 0)]
    assert house.world.dials == {"a": 0, "b": 0, "c": 0}


async def test_an_undo_that_no_longer_fits_stops_the_walk_back_and_lists_what_is_left(opened: Opened) -> None:
    steps = [dial_step("a"), dial_step("b"), dial_step("c", mode="fail")]
    house = await opened(catalog(runbook("turn", *steps, rollback_on_failure=True)))
    run_id = await house.start("turn")
    for index in range(3):
        run = await house.asked(run_id, step=index)
        if index == 2:
            house.world.dials["b"] = 42
        await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run_id)
    assert run.status == "rollback_incomplete"
    assert run.finished is not None
    assert run.finished.left == ("b", "a")
    assert not [event for event in run.events if isinstance(event, UndoFinished)]
    assert house.world.dials["a"] == 1
    await house.operations.settle_undo(run_id, StepKey(index=1), BOB, choice="done")
    run = await house.finished(run_id)
    assert run.status == "rolled_back"
    assert house.world.dials == {"a": 0, "b": 42}


async def test_a_finished_run_can_be_undone_from_its_button(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    with pytest.raises(NotPermitted):
        await house.operations.undo(run.id, EVE)
    await house.operations.undo(run.id, ALICE)
    run = await house.until_run(run.id, lambda one: one.status == "rolled_back")
    assert house.world.dials == {"a": 0}
    with pytest.raises(Refused, match="nothing to undo"):
        await house.operations.undo(run.id, ALICE)


async def test_an_unknown_outcome_is_probed_and_put_to_the_approvers(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", mode="lost"), dial_step("b"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    assert run.status == "waiting"
    assert run.current is not None
    assert run.current.proposal is not None
    assert run.current.proposal.probed is not None
    assert run.current.proposal.probed.text == "a shows 1"
    ref = house.ref_of(run)
    with pytest.raises(NotPermitted):
        await house.operations.settle(ref, EVE, choice="done")
    await house.operations.settle(ref, BOB, choice="done")
    with pytest.raises(AlreadyDecided):
        await house.operations.settle(ref, ALICE, choice="again")
    run = await house.asked(run.id, step=1)
    assert house.world.turns == [("a", 1)]


async def test_trying_again_after_an_unknown_outcome_asks_anew_and_undoes_to_before_the_first_try(
    opened: Opened,
) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", value=5, mode="lost"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    await house.operations.settle(house.ref_of(run), BOB, choice="again")
    run = await house.asked(run.id)
    assert run.current is not None
    assert len(run.current.proposals) == 2
    assert "try again" in (run.open_proposal.made.reason if run.open_proposal else "")
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(
        run.id, lambda one: bool(one.current and one.current.proposal and one.current.proposal.probed)
    )
    await house.operations.settle(house.ref_of(run), BOB, choice="undo")
    run = await house.finished(run.id)
    assert run.status == "rolled_back"
    assert house.world.dials == {"a": 0}


async def test_a_bug_in_an_action_is_an_unknown_outcome_with_a_reference_and_no_words_of_it(
    opened: Opened,
) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a", mode="break"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(
        run.id, lambda one: any(isinstance(event, StepFinished) for event in one.events)
    )
    finished = next(event for event in run.events if isinstance(event, StepFinished))
    assert finished.result.verdict == "unknown"
    assert "hunter2" not in repr(run.events)


async def test_cancelling_stops_what_runs_and_lists_what_was_done(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b", mode="hang"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.asked(run.id, step=1)
    await house.operations.approve(house.ref_of(run), BOB)
    await house.world.hanging.wait()
    await house.operations.cancel(run.id, ALICE, reason="wrong service")
    run = await house.finished(run.id)
    assert run.status == "cancelled"
    assert run.finished is not None
    assert run.finished.left == ("b", "a")


async def test_two_runs_on_one_target_wait_for_each_other_and_the_second_names_the_first(
    opened: Opened,
) -> None:
    house = await opened(
        catalog(runbook("turn", dial_step("a", mode="hang")), runbook("too", dial_step("a")))
    )
    first = await house.asked(await house.start("turn"))
    second = await house.asked(await house.start("too"))
    await house.operations.approve(house.ref_of(first), BOB)
    await house.world.hanging.wait()
    await house.operations.approve(house.ref_of(second), BOB)
    second = await house.until_run(second.id, lambda one: one.queued is not None)
    assert second.status == "queued"
    assert second.queued is not None
    assert f"the run of turn ({first.id[:8]})" in second.queued.waiting_for
    assert second.queued.position == 1
    house.world.release.set()
    await house.finished(first.id)
    second = await house.asked(second.id)
    assert second.open_proposal is not None
    assert "a: 0 → 1" in second.open_proposal.made.reason


async def test_a_team_has_only_so_many_slots(opened: Opened) -> None:
    files = catalog(
        *[runbook(f"r{number}", dial_step(f"d{number}", mode="hang")) for number in range(3)],
        limits=Limits(max_concurrent_runbooks=2),
    )
    house = await opened(files)
    runs = [await house.asked(await house.start(f"r{number}")) for number in range(3)]
    for run in runs:
        await house.operations.approve(house.ref_of(run), BOB)
    last = await house.until_run(runs[2].id, lambda one: one.queued is not None)
    assert last.queued is not None
    assert "2 slots of payments-team" in last.queued.waiting_for
    house.world.release.set()
    for run in runs:
        assert (await house.finished(run.id)).status == "succeeded"


async def test_an_incident_resolved_elsewhere_cancels_what_nobody_decided(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b"))))
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id, step=1)
    house.clock.pass_time(timedelta(seconds=5))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", "resolved", status="resolved"))
    run = await house.finished(run.id)
    assert run.status == "cancelled"
    assert run.finished is not None
    assert "resolved elsewhere" in run.finished.reason
    assert run.finished.left == ("a",)


async def test_a_suggestion_of_a_resolved_incident_is_withdrawn_and_made_anew_when_it_reopens(
    opened: Opened,
) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    ref = house.ref(incident)
    house.clock.pass_time(timedelta(seconds=5))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", "resolved", status="resolved"))
    await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is None)
    with pytest.raises(AlreadyDecided, match="resolved"):
        await house.operations.approve(ref, ALICE)
    house.clock.pass_time(timedelta(seconds=5))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", "reopened"))
    incident = await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is not None)
    assert len(incident.suggestions) == 2


async def test_rules_of_today_are_asked_again_before_executing(opened: Opened) -> None:
    files = catalog(runbook("turn", dial_step("z", mode="hang")), runbook("a", dial_step("z", value=2)))
    house = await opened(files)
    first = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(first), BOB)
    await house.world.hanging.wait()
    second = await house.asked(await house.start("a"))
    await house.operations.approve(house.ref_of(second), BOB)
    await house.until_run(second.id, lambda one: one.queued is not None)
    stricter = Rules(approvers=("U0ALICE",))
    house.put_in_force(
        catalog(
            runbook("turn", dial_step("z", mode="hang")),
            runbook("a", dial_step("z", value=2, rules=stricter)),
        )
    )
    house.world.release.set()
    second = await house.until_run(
        second.id, lambda one: bool(one.open_proposal) and not one.open_proposal.approvals
    )
    assert house.world.turns == [("z", 1)]


async def test_a_runbook_that_left_the_catalog_cannot_be_approved(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    house.put_in_force(catalog())
    with pytest.raises(NotPermitted, match="no longer in the catalog"):
        await house.operations.approve(house.ref(incident), ALICE)


async def test_an_unreadable_user_group_refuses_and_says_so(opened: Opened) -> None:
    rules = Rules(approvers=("leads",))
    house = await opened(catalog(runbook("turn", dial_step("a", rules=rules))))
    incident = await house.page()
    with pytest.raises(NotPermitted, match="S0LEADS"):
        await house.operations.approve(house.ref(incident), ALICE)


async def test_choosing_another_runbook_replaces_the_suggestion_and_makes_the_chooser_its_requester(
    opened: Opened,
) -> None:
    files = catalog(runbook("turn", dial_step("a")), runbook("other", dial_step("b"), trigger={}))
    house = await opened(files)
    incident = await house.page()
    old = house.ref(incident)
    await house.operations.choose(incident.incident_id, "other", ALICE)
    incident = await house.ledger.incident(incident.incident_id)
    with pytest.raises(Stale):
        await house.operations.approve(old, BOB)
    with pytest.raises(NotPermitted, match="started"):
        await house.operations.approve(house.ref(incident), ALICE)
    await house.operations.approve(house.ref(incident), BOB)
    await house.finished((await house.the_run()).id)
    assert house.world.turns == [("b", 1)]


async def test_a_dry_run_changes_nothing_and_asks_nobody(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"), dial_step("b"))))
    run = await house.finished(await house.start("turn", dry_run=True))
    assert run.status == "succeeded"
    assert house.world.turns == []
    results = [event.result.summary for event in run.events if isinstance(event, StepFinished)]
    assert results == ["would turn a to 1", "would turn b to 1"]


async def test_a_dry_run_says_of_an_earlier_output_that_it_is_not_known_yet(opened: Opened) -> None:
    steps = (
        dial_step("count", dial="a", mode="look"),
        dial_step("b", say="there were {{ steps.count.output }}"),
    )
    house = await opened(catalog(runbook("turn", *steps)))
    run = await house.finished(await house.start("turn", dry_run=True))
    assert run.status == "succeeded"
    first, second = (event.plan for event in run.events if isinstance(event, StepProposed))
    assert second.input["say"] == "there were (known only after that step ran: count)"
    assert second.shown["steps.count.output"] == "known only after that step ran"
    assert "steps.count.output" not in first.shown


async def test_a_dry_run_that_needs_an_output_to_go_on_says_so(opened: Opened) -> None:
    steps = (dial_step("count", dial="a", mode="look"), dial_step("b", value="{{ steps.count.output }}"))
    house = await opened(catalog(runbook("turn", *steps)))
    run = await house.finished(await house.start("turn", dry_run=True))
    assert house.world.turns == []
    [told] = [event.message for event in run.events if isinstance(event, StepNotPlanned)]
    assert told == (
        "step b uses {{ steps.count.output }}, which a dry run does not know "
        "(what it would do is known only after that step ran)"
    )


async def test_outputs_of_earlier_steps_reach_later_ones(opened: Opened) -> None:
    steps = (
        dial_step("count", dial="a", mode="look", rules=UNATTENDED),
        dial_step("b", value="{{ steps.count.output }}", rules=UNATTENDED),
    )
    house = await opened(catalog(runbook("turn", *steps)))
    house.world.dials["a"] = 4
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    await house.finished((await house.the_run()).id)
    assert house.world.turns == [("b", 4)]


async def test_a_run_from_a_suggestion_stays_in_the_environment_it_was_suggested_for(opened: Opened) -> None:
    somewhere_else = dial_step("b", environment="prod")
    house = await opened(catalog(runbook("turn", dial_step("a", mode="look"), somewhere_else)))
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.finished((await house.the_run()).id)
    assert run.status == "failed"
    assert run.finished is not None
    assert "this run is for staging, but the step would touch prod" in run.finished.reason


async def test_a_rollback_speaks_of_the_runbooks_params_also_beside_an_action(opened: Opened) -> None:
    undo = Rollback(
        step=Step(
            name="back",
            type="dial",
            action="turn-dial",  # type: ignore[arg-type]
            arguments={"to": "{{ params.before }}"},
            params=(Param(name="to", type="int"),),
            input={"dial": "a", "value": "{{ params.to }}"},
        )
    )
    step = Step(
        name="a",
        type="dial",
        action="turn-dial",  # type: ignore[arg-type]
        arguments={"to": "{{ params.level }}"},
        params=(Param(name="to", type="int"),),
        input={"dial": "a", "value": "{{ params.to }}", "mode": "applied_then_fail"},
        rules=Rules(approvers=("U0ALICE",)),
        rollback=undo,
    )
    params = (Param(name="level", type="int", default=7), Param(name="before", type="int", default=2))
    files = catalog(
        runbook("turn", step, params=params, rollback_on_failure=True), actions={"turn-dial": step}
    )
    house = await opened(files)
    incident = await house.page()
    assert incident.open_suggestion is not None
    assert incident.open_suggestion.made.plan.undo.text == "turn a to 2"
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.finished((await house.the_run()).id)
    assert run.status == "rolled_back"
    assert house.world.turns == [("a", 7), ("a", 2)]


async def test_those_who_asked_to_be_told_directly_are_named_one_by_one(opened: Opened) -> None:
    from datetime import UTC, datetime

    from bot.runs.policy import Membership
    from tests.engine.house import FixedDirectory

    directory = FixedDirectory()
    now = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
    directory.groups["S0LEADS"] = Membership(
        group="S0LEADS", user_ids=frozenset({"U0ALICE", "U0CARL"}), read_at=now
    )
    told = ApproverGroup(name="told", members=("S0LEADS", "bob@acme.example"), direct_message=True)
    files = catalog(runbook("turn", dial_step("a", rules=Rules(approvers=("told",)))))
    house = await opened(files.model_copy(update={"groups": {"told": told}}), directory=directory)
    incident = await house.page()
    assert incident.open_suggestion is not None
    asked = incident.open_suggestion.made.asked
    assert asked.direct_message == ("U0ALICE", "U0CARL", "U0BOB")
    assert asked.mention == ("S0LEADS", "U0BOB")


async def test_a_half_approved_suggestion_is_still_reminded_of_at_half_time(opened: Opened) -> None:
    rules = Rules(approvers=("U0ALICE", "bob@acme.example"), min_approvals=2)
    house = await opened(catalog(runbook("turn", dial_step("a", rules=rules))))
    await house.operations.approve(house.ref(await house.page()), ALICE)
    run = await house.the_run()
    house.clock.pass_time(timedelta(minutes=5))
    await house.until_run(run.id, lambda one: bool(one.open_proposal and one.open_proposal.reminded))


async def test_a_message_that_cannot_be_posted_does_not_undo_a_fix_that_worked(opened: Opened) -> None:
    tell = dial_step("tell", mode="not_sent", rules=UNATTENDED).model_copy(update={"type": "slack"})
    house = await opened(catalog(runbook("turn", dial_step("a"), tell, rollback_on_failure=True)))
    await house.operations.approve(house.ref(await house.page()), ALICE)
    run = await house.finished((await house.the_run()).id)
    assert run.status == "failed"
    assert house.world.dials == {"a": 1}
