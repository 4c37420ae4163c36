"""A step done in parts: each is decided by people, and one undo covers whatever any of them touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.errors import Refused
from bot.runs.decide import decide
from bot.runs.events import (
    Event,
    ProposalVoided,
    RunFinished,
    StepFinished,
    StepKey,
    StepProposed,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.intents import Edit
from bot.runs.next import AskApproval, Record, RunAction, RunUndo, Sleep, what_next
from bot.runs.plan import Plan, Target, Undo
from bot.runs.state import Run
from tests.core.given import (
    ALICE,
    BOB,
    NOW,
    approved,
    asked,
    ended,
    ground,
    opened,
    plan,
    probed,
    proposed,
    result,
    runbook,
    started,
)

HOSTS = tuple(Target(kind="host", name=f"web-{number}", environment="staging") for number in range(1, 5))
UNDO = Undo(
    kind="step",
    text="put it back",
    type="dial",
    input={"hosts": [one.name for one in HOSTS]},
    targets=HOSTS,
    will_run=tuple(f"{one.name}: back" for one in HOSTS),
    per_target="hosts",
)


def part(number: int, **more: Any) -> Plan:
    """Part 1: web-1 and web-2; part 2: web-3 and web-4."""
    targets = HOSTS[:2] if number == 1 else HOSTS[2:]
    left = {"done": ["web-1", "web-2"]} if number == 1 else {}
    made = plan("fleet", targets=targets, undo=UNDO, more=left, part=f"part {number} of 2: some hosts")
    return replace(made, **more)


FIRST = proposed("p1", plan=part(1))
SECOND = proposed("p2", plan=part(2))
FIRST_DONE: tuple[Event, ...] = (FIRST, approved(of=FIRST), started(FIRST), ended(of=FIRST))


def run_of(*events: Event, **more: Any) -> Run:
    return fold([opened(runbook("a", "b", **more)), *events])


def finished(of: StepProposed, verdict: Any, effect: Any, **more: Any) -> StepFinished:
    return StepFinished(
        at=NOW, proposal_id=of.proposal_id, step=of.step, result=result(verdict, effect, **more)
    )


def test_a_part_that_succeeded_is_not_the_end_of_its_step() -> None:
    run = run_of(*FIRST_DONE)
    assert run.current is not None
    assert run.current.key == StepKey(index=0)
    assert run.current.after == {"done": ["web-1", "web-2"]}
    effect = what_next(run, NOW)
    assert isinstance(effect, AskApproval)
    assert effect.step == StepKey(index=0)
    assert effect.reason == "the part before succeeded: succeeded"


def test_the_second_part_waits_for_people_of_its_own_and_then_the_step_is_over() -> None:
    run = run_of(*FIRST_DONE, SECOND)
    assert isinstance(what_next(run, NOW), Sleep)
    run = run_of(*FIRST_DONE, SECOND, approved(BOB, of=SECOND))
    assert isinstance(what_next(run, NOW), RunAction)
    run = run_of(*FIRST_DONE, SECOND, approved(BOB, of=SECOND), started(SECOND), ended(of=SECOND))
    effect = what_next(run, NOW)
    assert isinstance(effect, AskApproval)
    assert effect.step == StepKey(index=1)


def test_drift_between_the_parts_asks_anew_for_the_same_part() -> None:
    void = ProposalVoided(at=NOW, proposal_id=SECOND.proposal_id, reason="the state changed")
    run = run_of(*FIRST_DONE, SECOND, approved(of=SECOND), void)
    assert run.current is not None
    assert run.current.after == {"done": ["web-1", "web-2"]}
    effect = what_next(run, NOW)
    assert isinstance(effect, AskApproval)
    assert effect.reason == "the state changed"


def test_a_first_part_that_failed_leaves_nothing_to_ask_for() -> None:
    run = run_of(FIRST, approved(of=FIRST), started(FIRST), ended("failed", "partial", of=FIRST))
    assert run.current is not None
    assert run.current.after == {}
    effect = what_next(run, NOW)
    assert isinstance(effect, Record)
    assert isinstance(effect.events[0], RunFinished)
    assert effect.events[0].status == "failed"


def test_a_first_part_whose_outcome_was_lost_goes_on_only_when_a_human_says_it_is_done() -> None:
    before = (FIRST, approved(of=FIRST), started(FIRST), ended("unknown", "unknown", of=FIRST), probed(FIRST))

    def settled(choice: Any) -> UnknownSettled:
        return UnknownSettled(
            at=NOW,
            proposal_id=FIRST.proposal_id,
            step=FIRST.step,
            choice=choice,
            actor=ALICE.actor,
            permission=approved().permission,
        )

    done = run_of(*before, settled("done"))
    again = run_of(*before, settled("again"))
    assert done.current is not None
    assert again.current is not None
    assert (done.current.after, again.current.after) == ({"done": ["web-1", "web-2"]}, {})
    assert isinstance(what_next(done, NOW), AskApproval)


def test_a_second_part_may_be_skipped_and_the_run_goes_on() -> None:
    skip = StepSkipped(
        at=NOW,
        proposal_id=SECOND.proposal_id,
        actor=BOB.actor,
        permission=approved().permission,
    )
    run = run_of(*FIRST_DONE, SECOND, skip)
    assert run.current is not None
    assert run.current.key == StepKey(index=1)


def test_parameters_stay_as_they_are_once_a_part_ran_with_them() -> None:
    run = run_of(*FIRST_DONE, SECOND)
    with pytest.raises(Refused, match="a part of this step ran with these"):
        decide(run, Edit(proposal_id=SECOND.proposal_id, params={"x": 1}), ground())


def undo_of(*events: Event) -> Undo:
    undo = run_of(*events).steps[StepKey()].undo
    assert undo is not None
    return undo


def test_a_rejected_second_part_leaves_an_undo_on_the_first_parts_hosts_alone() -> None:
    no = StepRejected(
        at=NOW,
        proposal_id=SECOND.proposal_id,
        actor=BOB.actor,
        permission=approved().permission,
        reason="the canary is slow",
    )
    undo = undo_of(*FIRST_DONE, SECOND, no)
    assert undo.input == {"hosts": ["web-1", "web-2"]}
    assert undo.will_run == ("web-1: back", "web-2: back")
    run = run_of(*FIRST_DONE, SECOND, no)
    assert [state.step.name for state in run.with_effect] == ["a"]


def test_one_undo_covers_all_parts_and_leaves_out_what_was_never_touched() -> None:
    failed = finished(SECOND, "failed", "partial", undo_fill={"touched": ["host:web-3"]})
    events = (*FIRST_DONE, SECOND, approved(of=SECOND), started(SECOND), failed)
    assert undo_of(*events).input == {"hosts": ["web-1", "web-2", "web-3"]}
    run = run_of(*events, UndoRequested(at=NOW, reason="failed"))
    assert what_next(run, NOW) == RunUndo(step=StepKey())


def test_a_part_whose_answer_was_lost_counts_as_touched_whole() -> None:
    events = (*FIRST_DONE, SECOND, approved(of=SECOND), started(SECOND))
    assert undo_of(*events, ended("unknown", "unknown", of=SECOND)) == UNDO


def test_an_undo_that_cannot_be_done_for_some_targets_stays_whole() -> None:
    whole = replace(UNDO, per_target="")
    assert whole.only_on({"host:web-1"}) == whole
    assert UNDO.only_on(()) == UNDO


def test_an_unattended_part_does_not_take_its_successor_with_it() -> None:
    first = proposed("p1", plan=part(1), asked=asked(unattended=True))
    run = run_of(first, started(first), ended(of=first))
    assert run.current is not None
    assert run.current.proposal is not None
    assert run.current.proposal.leaves_more
