"""Given events and the time, this is the one thing to do now, and this is the word for the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.runs.events import (
    ApprovalEscalated,
    ApprovalReminded,
    ApprovalVoided,
    Choice,
    Escalation,
    Event,
    ParamsEdited,
    ProposalExpired,
    ProposalId,
    QuestionReminded,
    RunFinished,
    RunQueued,
    StepKey,
    StepNotPlanned,
    StepRejected,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.next import (
    AskApproval,
    AskHuman,
    Done,
    Escalate,
    NextEffect,
    ReadState,
    Record,
    Recover,
    RecoverUndo,
    RunAction,
    RunUndo,
    Sleep,
    what_next,
)
from bot.runs.state import RunStatus
from tests.core.given import (
    ALICE,
    BOB,
    EVE,
    EXPIRES,
    NOW,
    REMIND,
    approved,
    asked,
    ended,
    opened,
    plan,
    probed,
    proposed,
    ran,
    result,
    runbook,
    started,
    step,
)
from tests.core.test_decide import BROKEN, CANCELLED, EDITED, EXPIRED, REJECTED, SKIPPED, VIA, VOIDED

P1 = ProposalId("p1")
FIRST = StepKey()
SECOND = StepKey(index=1)
AFTER = StepKey(phase="on_reject", index=0)

TWO_STEPS = opened(runbook("a", "b"))
BACK = opened(runbook("a", "b", rollback_on_failure=True))
TELLS = opened(runbook("a", on_reject=(step("tell"),)))
TWICE = opened(runbook(step("a", idempotent=True)))
DRY = opened(runbook("a"), dry_run=True)
REMINDED = ApprovalReminded(at=NOW, proposal_id=P1)
RUNNING = (proposed(), approved(), started())
UNKNOWN = (*RUNNING, ended("unknown", "unknown"))
FAILED = (*RUNNING, ended("failed", "none"))
WALK = UndoRequested(at=NOW, reason="wrong")
BOTH = (*ran("p1", 0, "a"), *ran("p2", 1, "b"))
OVER = RunFinished(at=NOW, status="succeeded")
FELL = ApprovalVoided(at=NOW, proposal_id=P1, person=ALICE.actor.person, reason="left the team")
HALF_OF_TWO = (proposed(asked=asked(min_approvals=2)), approved(ALICE))


IN_LINE = RunQueued(at=NOW, waiting_for="web-1", position=1)
AGAIN = proposed("p2")


NUDGE = QuestionReminded(at=REMIND, question="unknown", step=FIRST)
MINUTES = {count: timedelta(minutes=count) for count in (5, 10)}
ASKING = proposed(asked=asked(escalate_to=("leads", "pagerduty:oncall")))
ESCALATE = Escalate(step=FIRST, proposal_id=P1, entry="leads")
LEADS = ApprovalEscalated(
    at=EXPIRES,
    proposal_id=P1,
    to=Escalation(
        entry="leads",
        approvers=("U0EVE",),
        expires_at=EXPIRES + MINUTES[10],
        remind_at=EXPIRES + MINUTES[5],
    ),
)
NOBODY_ON_CALL = ApprovalEscalated(
    at=EXPIRES + MINUTES[10],
    proposal_id=P1,
    to=Escalation(
        entry="pagerduty:oncall",
        approvers=(),
        expires_at=EXPIRES + MINUTES[10],
        trouble="nobody is on call now",
    ),
)
STOPPED = (
    *BOTH,
    OVER,
    WALK,
    UndoBlocked(at=NOW, step=SECOND, reason="drift"),
    RunFinished(at=NOW, status="rollback_incomplete", left=("b", "a")),
)
ALONE = UndoRequested(at=NOW, reason="only a", actor=BOB.actor, step=FIRST)


def settled(choice: Choice) -> UnknownSettled:
    return UnknownSettled(at=NOW, proposal_id=P1, step=FIRST, choice=choice, actor=BOB.actor, permission=VIA)


def undone(index: int, verdict: str = "succeeded") -> tuple[Event, ...]:
    key = StepKey(index=index)
    return (
        UndoStarted(at=NOW, step=key, plan=plan()),
        UndoFinished(at=NOW, step=key, result=result(verdict)),  # type: ignore[arg-type]
    )


def undo_settled(choice: str, index: int = 1) -> UndoSettled:
    return UndoSettled(at=NOW, step=StepKey(index=index), choice=choice, actor=BOB.actor, permission=VIA)  # type: ignore[arg-type]


def finish(status: RunStatus, *left: str, reason: str = "") -> Record:
    return Record(events=(RunFinished(at=NOW, status=status, reason=reason, left=left),))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    name: str
    given: tuple[Event, ...]
    then: NextEffect
    status: RunStatus = "running"
    later: timedelta = timedelta()


HALF, END = REMIND - NOW, EXPIRES - NOW

CASES = [
    # --- towards a decision
    Case("a new run", (TWO_STEPS,), AskApproval(step=FIRST)),
    Case("a proposal", (TWO_STEPS, proposed()), Sleep(until=REMIND), "waiting"),
    Case(
        "half of the time",
        (TWO_STEPS, proposed()),
        Record(events=(ApprovalReminded(at=REMIND, proposal_id=P1),)),
        "waiting",
        HALF,
    ),
    Case("after the reminder", (TWO_STEPS, proposed(), REMINDED), Sleep(until=EXPIRES), "waiting", HALF),
    Case(
        "all of the time",
        (TWO_STEPS, proposed(), REMINDED),
        Record(events=(ProposalExpired(at=EXPIRES, proposal_id=P1),)),
        "waiting",
        END,
    ),
    Case(
        "long after the time, without a reminder",
        (TWO_STEPS, proposed()),
        Record(events=(ProposalExpired(at=EXPIRES, proposal_id=P1),)),
        "waiting",
        END,
    ),
    Case("approved", (TWO_STEPS, proposed(), approved()), RunAction(step=FIRST, proposal_id=P1)),
    Case(
        "approved and kept waiting past its time",
        (TWO_STEPS, proposed(), approved()),
        RunAction(step=FIRST, proposal_id=P1),
        "running",
        END,
    ),
    Case("one of two", (TWO_STEPS, *HALF_OF_TWO), Sleep(until=REMIND), "waiting"),
    Case(
        "one of two, too late",
        (TWO_STEPS, *HALF_OF_TWO),
        Record(events=(ProposalExpired(at=EXPIRES, proposal_id=P1),)),
        "waiting",
        END,
    ),
    Case(
        "unattended",
        (TWO_STEPS, proposed(asked=asked(unattended=True))),
        RunAction(step=FIRST, proposal_id=P1),
    ),
    Case(
        "in the line",
        (TWO_STEPS, proposed(), approved(), IN_LINE),
        RunAction(step=FIRST, proposal_id=P1),
        "queued",
    ),
    Case(
        "an approval that fell while it waited",
        (TWO_STEPS, proposed(), approved(), IN_LINE, FELL),
        Sleep(until=REMIND),
        "waiting",
    ),
    Case(
        "called off while it waited, and approved anew",
        (TWO_STEPS, proposed(), approved(), IN_LINE, VOIDED, AGAIN, approved(of=AGAIN)),
        RunAction(step=FIRST, proposal_id=ProposalId("p2")),
    ),
    Case("drift", (TWO_STEPS, proposed(), VOIDED), AskApproval(step=FIRST, reason="the state changed")),
    Case(
        "an edit",
        (TWO_STEPS, proposed(), EDITED),
        AskApproval(step=FIRST, reason="bob edited the parameters"),
    ),
    Case(
        "no plan",
        (TWO_STEPS, StepNotPlanned(at=NOW, step=FIRST, message="no such dial")),
        finish("failed", reason="step a could not be proposed: no such dial"),
    ),
    # --- after a decision
    Case("rejected", (TWO_STEPS, proposed(), REJECTED), finish("rejected", reason="wrong dial")),
    Case(
        "expired", (TWO_STEPS, proposed(), EXPIRED), finish("expired", reason="nobody decided step a in time")
    ),
    Case("rejected where something follows", (TELLS, proposed(), REJECTED), AskApproval(step=AFTER)),
    Case(
        "rejected, and what follows is done",
        (TELLS, proposed(), REJECTED, *ran("p2", 0, "tell", phase="on_reject")),
        finish("rejected", "tell", reason="wrong dial"),
    ),
    Case("skipped", (TWO_STEPS, proposed(), SKIPPED), AskApproval(step=SECOND)),
    Case("cancelled", (TWO_STEPS, proposed(), CANCELLED), finish("cancelled"), "waiting"),
    Case("cancelled after a step", (TWO_STEPS, *ran("p1", 0, "a"), CANCELLED), finish("cancelled", "a")),
    # --- running and its ends
    Case("started before a crash", (TWO_STEPS, *RUNNING), Recover(step=FIRST, proposal_id=P1)),
    Case("an idempotent one", (TWICE, *RUNNING), RunAction(step=FIRST, proposal_id=P1)),
    Case(
        "an idempotent one of a cancelled run",
        (TWICE, *RUNNING, CANCELLED),
        Recover(step=FIRST, proposal_id=P1),
    ),
    Case("one that only pretends", (DRY, *RUNNING), RunAction(step=FIRST, proposal_id=P1)),
    Case("unknown", (TWO_STEPS, *UNKNOWN), ReadState(step=FIRST, proposal_id=P1), "waiting"),
    Case("unknown and looked at", (TWO_STEPS, *UNKNOWN, probed()), AskHuman(until=REMIND), "waiting"),
    Case(
        "unknown, and the run is cancelled",
        (TWO_STEPS, *UNKNOWN, probed(), CANCELLED),
        AskHuman(until=REMIND),
        "waiting",
    ),
    Case("it was done", (TWO_STEPS, *UNKNOWN, probed(), settled("done")), AskApproval(step=SECOND)),
    Case(
        "try it again",
        (TWO_STEPS, *UNKNOWN, probed(), settled("again")),
        AskApproval(step=FIRST, reason="bob chose to try again after an unknown outcome"),
    ),
    Case(
        "stop there",
        (BACK, *UNKNOWN, probed(), settled("stop")),
        finish("failed", "a", reason="step a ended unknown, and was stopped there"),
    ),
    Case("undo it", (TWO_STEPS, *UNKNOWN, probed(), settled("undo"), WALK), RunUndo(step=FIRST)),
    Case("failed", (TWO_STEPS, *FAILED), finish("failed", reason="step a failed: failed")),
    Case(
        "failed with nothing to walk back", (BACK, *FAILED), finish("failed", reason="step a failed: failed")
    ),
    Case(
        "applied and failed",
        (BACK, *RUNNING, ended("failed", "applied")),
        Record(events=(UndoRequested(at=NOW, reason="step a failed: failed"),)),
    ),
    Case("all done", (TWO_STEPS, *BOTH), finish("succeeded")),
    Case("over", (TWO_STEPS, *BOTH, OVER), Done(), "succeeded"),
    # --- walking back
    Case("the last is first", (TWO_STEPS, *BOTH, OVER, WALK), RunUndo(step=SECOND)),
    Case(
        "an undo started before a crash",
        (TWO_STEPS, *BOTH, OVER, WALK, undone(1)[0]),
        RecoverUndo(step=SECOND),
    ),
    Case("then the one before", (TWO_STEPS, *BOTH, OVER, WALK, *undone(1)), RunUndo(step=FIRST)),
    Case(
        "all undone",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1), *undone(0)),
        finish("rolled_back", reason="wrong"),
    ),
    Case(
        "an undo that failed",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1, "failed")),
        finish("rollback_incomplete", "b", "a", reason="the undo of step b did not succeed"),
    ),
    Case(
        "an undo that was blocked",
        (TWO_STEPS, *BOTH, OVER, WALK, UndoBlocked(at=NOW, step=SECOND, reason="drift")),
        finish("rollback_incomplete", "b", "a", reason="step b was not undone"),
    ),
    Case(
        "an undo whose outcome is unknown",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1, "unknown")),
        AskHuman(until=REMIND),
        "waiting",
    ),
    Case(
        "it was undone",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1, "unknown"), undo_settled("done")),
        RunUndo(step=FIRST),
    ),
    Case(
        "undo it again",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1, "unknown"), undo_settled("again")),
        RunUndo(step=SECOND),
    ),
    Case(
        "stop undoing",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1, "unknown"), undo_settled("stop")),
        finish("rollback_incomplete", "b", "a", reason="the undo of step b did not succeed"),
        "waiting",
    ),
    Case(
        "what was left on purpose is gone past",
        (TWO_STEPS, *BOTH, OVER, undo_settled("leave"), WALK),
        RunUndo(step=FIRST),
    ),
    Case(
        "and stays in the end",
        (TWO_STEPS, *BOTH, OVER, undo_settled("leave"), WALK, *undone(0)),
        finish("rollback_incomplete", "b", reason="what was chosen to be left stays as it is"),
    ),
    Case(
        "the earlier step alone",
        (TWO_STEPS, *STOPPED, ALONE),
        RunUndo(step=FIRST),
    ),
    Case(
        "the earlier step alone is undone",
        (TWO_STEPS, *STOPPED, ALONE, *undone(0)),
        finish("rollback_incomplete", "b", reason="step a alone was asked to be undone"),
    ),
    Case(
        "the earlier step alone failed to be undone",
        (TWO_STEPS, *STOPPED, ALONE, *undone(0, "failed")),
        finish("rollback_incomplete", "b", "a", reason="the undo of step a did not succeed"),
    ),
    Case(
        "an undo of one alone, started before a crash",
        (TWO_STEPS, *STOPPED, ALONE, undone(0)[0]),
        RecoverUndo(step=FIRST),
    ),
    Case(
        "and its outcome is unknown",
        (TWO_STEPS, *STOPPED, ALONE, *undone(0, "unknown")),
        AskHuman(until=REMIND),
        "waiting",
    ),
    Case(
        "the last of them alone is undone",
        (TWO_STEPS, *STOPPED, undo_settled("done"), ALONE, *undone(0)),
        finish("rolled_back", reason="only a"),
    ),
    # --- nobody answers
    Case(
        "a question is reminded of",
        (TWO_STEPS, *UNKNOWN, probed()),
        Record(events=(NUDGE,)),
        status="waiting",
        later=HALF,
    ),
    Case(
        "and again after twice as long",
        (TWO_STEPS, *UNKNOWN, probed(), NUDGE),
        AskHuman(until=NOW + timedelta(minutes=10)),
        status="waiting",
        later=HALF,
    ),
    Case(
        "what came due while the bot was away is one",
        (TWO_STEPS, *UNKNOWN, probed(), replace(NUDGE, at=NOW + timedelta(hours=3))),
        AskHuman(until=NOW + timedelta(hours=3, minutes=5)),
        status="waiting",
        later=timedelta(hours=3),
    ),
    Case(
        "four times is enough",
        (TWO_STEPS, *UNKNOWN, probed(), *[NUDGE] * 4),
        AskHuman(),
        status="waiting",
        later=timedelta(days=1),
    ),
    # --- the next are asked
    Case("the time has passed", (TWO_STEPS, ASKING), ESCALATE, status="waiting", later=END),
    Case(
        "those asked next have as much time",
        (TWO_STEPS, ASKING, LEADS),
        Sleep(until=EXPIRES + MINUTES[5]),
        status="waiting",
        later=END,
    ),
    Case(
        "and are reminded",
        (TWO_STEPS, ASKING, LEADS),
        Record(events=(ApprovalReminded(at=EXPIRES + MINUTES[5], proposal_id=P1),)),
        status="waiting",
        later=END + MINUTES[5],
    ),
    Case(
        "then the next after them",
        (TWO_STEPS, ASKING, LEADS),
        replace(ESCALATE, entry="pagerduty:oncall"),
        status="waiting",
        later=END + MINUTES[10],
    ),
    Case(
        "nobody was left to ask",
        (TWO_STEPS, ASKING, LEADS, NOBODY_ON_CALL),
        Record(events=(ProposalExpired(at=EXPIRES + MINUTES[10], proposal_id=P1),)),
        status="waiting",
        later=END + MINUTES[10],
    ),
    Case(
        "an approval from before counts",
        (TWO_STEPS, ASKING, LEADS, approved(ALICE)),
        RunAction(step=FIRST, proposal_id=P1),
        later=END,
    ),
    # --- broken glass
    Case(
        "one who breaks glass is enough",
        (TWO_STEPS, proposed(asked=asked(min_approvals=2)), BROKEN),
        RunAction(step=FIRST, proposal_id=P1),
    ),
    Case(
        "whose right to it has gone",
        (
            TWO_STEPS,
            proposed(),
            BROKEN,
            ApprovalVoided(at=NOW, proposal_id=P1, person=EVE.actor.person, reason="left"),
        ),
        Sleep(until=REMIND),
        "waiting",
    ),
    Case(
        "cancelled while walking",
        (TWO_STEPS, *BOTH, OVER, WALK, *undone(1), CANCELLED),
        finish("rollback_incomplete", "a", reason="bob cancelled the walk back"),
    ),
    Case(
        "a cancelled run is walked back all the same",
        (TWO_STEPS, *ran("p1", 0, "a"), CANCELLED, OVER, WALK),
        RunUndo(step=FIRST),
    ),
    Case(
        "a dry run has nothing to walk back",
        (DRY, *UNKNOWN, probed(), settled("undo"), WALK),
        finish("rolled_back", reason="wrong"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_next_and_what_the_run_is_called(case: Case) -> None:
    run = fold(case.given)
    assert what_next(run, NOW + case.later) == case.then
    assert run.status == case.status


def test_a_fold_goes_on_from_an_earlier_one() -> None:
    given = (TWO_STEPS, *BOTH, OVER, WALK, *undone(1))
    whole = fold(given)
    for cut in range(1, len(given)):
        assert fold(given[cut:], fold(given[:cut])) == whole
    assert whole.version == len(given)


def test_a_stream_that_is_no_run_is_refused() -> None:
    with pytest.raises(ValueError, match="run-opened"):
        fold((OVER,))
    with pytest.raises(ValueError, match="opened twice"):
        fold((TWO_STEPS, TWO_STEPS))
    with pytest.raises(ValueError, match="no proposal 'p1'"):
        fold((TWO_STEPS, REJECTED))


def test_the_undo_of_a_step_tried_twice_leads_back_to_before_the_first_try() -> None:
    again = proposed("p2", plan=plan(undo=plan().undo.__class__(kind="step", text="turn a back to 1")))
    given = (*UNKNOWN, probed(), settled("again"), again, approved(of=again), started(again), ended(of=again))
    run = fold((opened(runbook("a")), *given))
    undo = run.steps[FIRST].undo
    assert undo is not None
    assert undo.text == "turn a back to 0"
    assert [state.key for state in run.with_effect] == [FIRST]


def test_edits_change_what_later_proposals_are_made_of() -> None:
    edited = ParamsEdited(
        at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, before={}, after={"level": 2}
    )
    assert fold((TWO_STEPS, proposed(), edited)).params == {"level": 2}


def test_a_rejection_says_who_and_why_in_the_end() -> None:
    rejected = StepRejected(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, reason="not tonight")
    assert what_next(fold((TWO_STEPS, proposed(), rejected)), NOW) == finish("rejected", reason="not tonight")
