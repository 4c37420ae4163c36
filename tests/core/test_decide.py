"""Given events, when somebody wants something, then these events or this refusal: what a person may do to a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import AlreadyDecided, BadInput, Expired, NotFound, NotPermitted, Refused, Stale
from bot.runs.decide import (
    Approve,
    Cancel,
    Edit,
    Ground,
    Intent,
    Reject,
    RequestUndo,
    Settle,
    SettleUndo,
    Skip,
    decide,
)
from bot.runs.events import (
    CancelRequested,
    Event,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    RunFinished,
    StepApproved,
    StepKey,
    StepRejected,
    StepSkipped,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.fold import fold
from tests.core.given import (
    ALICE,
    ALICE_BY_API,
    BOB,
    EVE,
    NOW,
    approved,
    asked,
    ended,
    ground,
    opened,
    person,
    plan,
    policy,
    probed,
    proposed,
    ran,
    result,
    runbook,
    started,
)

P1 = ProposalId("p1")
OPEN = (opened(runbook("a", "b")), proposed())
TWO = (opened(runbook("a", "b")), proposed(asked=asked(min_approvals=2)))
MINE = (opened(runbook("a", "b"), requester=ALICE.actor), proposed())
UNKNOWN = (*OPEN, approved(), started(), ended("unknown", "unknown"), probed())
OVER = RunFinished(at=NOW, status="succeeded")
DONE = (opened(runbook("a")), *ran("p1", 0, "a"), OVER)
VIA = Permission(via="U0BOB")
CANCELLED = CancelRequested(at=NOW, actor=BOB.actor, permission=VIA)
REJECTED = StepRejected(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, reason="wrong dial")
SKIPPED = StepSkipped(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA)
VOIDED = ProposalVoided(at=NOW, proposal_id=P1, reason="the state changed")
EDITED = ParamsEdited(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, before={}, after={"level": 2})
EXPIRED = ProposalExpired(at=NOW, proposal_id=P1)
WALKING = (*DONE, UndoRequested(at=NOW, reason="wrong", actor=BOB.actor))
UNDO = UndoStarted(at=NOW, step=StepKey(), plan=plan())
UNDO_UNKNOWN = (*WALKING, UNDO, UndoFinished(at=NOW, step=StepKey(), result=result("unknown", "unknown")))
UNDO_BLOCKED = (*WALKING, UndoBlocked(at=NOW, step=StepKey(), reason="drift"))
INCOMPLETE = (*UNDO_BLOCKED, RunFinished(at=NOW, status="rollback_incomplete", left=("a",)))

APPROVE = Approve(proposal_id=P1, digest=plan().digest)
REJECT = Reject(proposal_id=P1, reason="wrong dial")
SKIP = Skip(proposal_id=P1)
EDIT = Edit(proposal_id=P1, params={"level": 2})
UNDO_ALL = RequestUndo()


def settle(choice: Any) -> Settle:
    return Settle(proposal_id=P1, choice=choice)


def settle_undo(choice: Any, index: int = 0) -> SettleUndo:
    return SettleUndo(step=StepKey(index=index), choice=choice)


@dataclass(frozen=True)
class Case:
    name: str
    given: tuple[Event, ...]
    when: Intent
    then: tuple[type[Event], ...] | type[Refused]
    ground: Ground = field(default_factory=lambda: ground(BOB))
    says: str = ""


LATE = ground(BOB, later=timedelta(minutes=10))
STRICTER = ground(BOB, policy=policy(approvers=("U0ALICE",)))
NOBODY = ground(BOB, policy=policy(approvers=()))
SELF = policy(allow_self_approval=True)
MINE_ALLOWED = (MINE[0], proposed(asked=asked(allow_self_approval=True)))

CASES = [
    # --- approve
    Case("an approver approves", OPEN, APPROVE, (StepApproved,)),
    Case(
        "another plan than was shown", OPEN, replace(APPROVE, digest="0" * 64), Stale, says="not what would"
    ),
    Case("a stranger approves", OPEN, APPROVE, NotPermitted, ground(EVE), says="not one of its approvers"),
    Case(
        "a guest approves",
        OPEN,
        APPROVE,
        NotPermitted,
        ground(person("bob", barred="guests may not")),
        "guests",
    ),
    Case("the rules of today leave them out", OPEN, APPROVE, NotPermitted, STRICTER),
    Case("the rules of today name nobody", OPEN, APPROVE, NotPermitted, NOBODY, "names no approvers"),
    Case("the requester approves", MINE, APPROVE, NotPermitted, ground(ALICE), "you started or last edited"),
    Case(
        "the requester by another account", MINE, APPROVE, NotPermitted, ground(ALICE_BY_API), "you started"
    ),
    Case(
        "self approval where both allow it",
        MINE_ALLOWED,
        APPROVE,
        (StepApproved,),
        ground(ALICE, policy=SELF),
    ),
    Case("self approval that only today allows", MINE, APPROVE, NotPermitted, ground(ALICE, policy=SELF)),
    Case("self approval that only then was allowed", MINE_ALLOWED, APPROVE, NotPermitted, ground(ALICE)),
    Case("the second of two", (*TWO, approved(ALICE)), APPROVE, (StepApproved,)),
    Case("one person twice", (*TWO, approved(ALICE)), APPROVE, AlreadyDecided, ground(ALICE), "counts once"),
    Case(
        "one person by two accounts", (*TWO, approved(ALICE)), APPROVE, AlreadyDecided, ground(ALICE_BY_API)
    ),
    Case("after the quorum", (*OPEN, approved()), APPROVE, AlreadyDecided, says="approved already by alice"),
    Case("after the start", (*OPEN, approved(), started()), APPROVE, AlreadyDecided, says="started"),
    Case("after a rejection", (*OPEN, REJECTED), APPROVE, AlreadyDecided, says="rejected already by bob"),
    Case("after a skip", (*OPEN, SKIPPED), APPROVE, AlreadyDecided, says="skipped already by bob"),
    Case("after an edit", (*OPEN, EDITED), APPROVE, Stale, says="bob edited"),
    Case("after drift", (*OPEN, VOIDED), APPROVE, Stale, says="the state changed"),
    Case("after the expiry", (*OPEN, EXPIRED), APPROVE, Expired),
    Case("at the very end of the time", OPEN, APPROVE, Expired, LATE),
    Case("after a cancel", (*OPEN, CANCELLED), APPROVE, AlreadyDecided, says="cancelled"),
    Case(
        "while it is being undone", (*OPEN, OVER, UndoRequested(at=NOW, reason="")), APPROVE, AlreadyDecided
    ),
    Case("an unattended step", (OPEN[0], proposed(asked=asked(unattended=True))), APPROVE, AlreadyDecided),
    Case("of nothing", OPEN, replace(APPROVE, proposal_id=ProposalId("p9")), NotFound),
    # --- reject and skip
    Case("a rejection", OPEN, REJECT, (StepRejected,)),
    Case("a rejection by one of two", (*TWO, approved(ALICE)), REJECT, (StepRejected,)),
    Case(
        "a rejection without a reason", OPEN, replace(REJECT, reason=" \n"), BadInput, says="needs a reason"
    ),
    Case("a rejection by a stranger", OPEN, REJECT, NotPermitted, ground(EVE)),
    Case("the requester rejects", MINE, REJECT, (StepRejected,), ground(ALICE)),
    Case("a rejection too late", OPEN, REJECT, Expired, LATE),
    Case("a rejection after the quorum", (*OPEN, approved()), REJECT, AlreadyDecided),
    Case("a skip", OPEN, SKIP, (StepSkipped,)),
    Case("a skip by a stranger", OPEN, SKIP, NotPermitted, ground(EVE)),
    Case("the requester skips", MINE, SKIP, NotPermitted, ground(ALICE)),
    Case(
        "the requester skips, which only today allows", MINE, SKIP, NotPermitted, ground(ALICE, policy=SELF)
    ),
    Case("a skip by the same person twice", (*TWO, SKIPPED), SKIP, AlreadyDecided, says="counts once"),
    Case("the second skip of two", (*TWO, SKIPPED), SKIP, (StepSkipped,), ground(ALICE)),
    Case(
        "a skip that today needs two",
        OPEN,
        SKIP,
        (ProposalVoided,),
        ground(BOB, policy=policy(min_approvals=2)),
    ),
    # --- edit
    Case("an edit", OPEN, EDIT, (ParamsEdited,)),
    Case("an edit by a starter", OPEN, EDIT, (ParamsEdited,), ground(EVE, starters=("U0EVE",))),
    Case("an edit by a stranger", OPEN, EDIT, NotPermitted, ground(EVE)),
    Case("an edit of nothing", OPEN, replace(EDIT, params={}), BadInput, says="nothing was changed"),
    Case("an edit after the quorum", (*OPEN, approved()), EDIT, AlreadyDecided),
    # --- unknown outcomes
    Case("an unknown outcome is done", UNKNOWN, settle("done"), (UnknownSettled,)),
    Case("an unknown outcome is undone", UNKNOWN, settle("undo"), (UnknownSettled, UndoRequested)),
    Case("an unknown outcome by a stranger", UNKNOWN, settle("done"), NotPermitted, ground(EVE)),
    Case("an outcome that is known", (*OPEN, approved(), started(), ended()), settle("done"), Refused),
    Case("a step that still runs", (*OPEN, approved(), started()), settle("done"), Refused),
    # --- undo
    Case("a finished run is undone", DONE, UNDO_ALL, (UndoRequested,)),
    Case("by a stranger", DONE, UNDO_ALL, NotPermitted, ground(EVE)),
    Case("a run that goes on", OPEN, UNDO_ALL, Refused, says="still going on"),
    Case("a run that is undone already", WALKING, UNDO_ALL, AlreadyDecided),
    Case("a run without effect", (*OPEN, CANCELLED, OVER), UNDO_ALL, Refused, says="nothing to undo"),
    Case("an unknown undo is done", UNDO_UNKNOWN, settle_undo("done"), (UndoSettled,)),
    Case("an unknown undo by a stranger", UNDO_UNKNOWN, settle_undo("done"), NotPermitted, ground(EVE)),
    Case("an undo that runs", (*WALKING, UNDO), settle_undo("done"), AlreadyDecided),
    Case("an undo that was not tried", DONE, settle_undo("done"), NotFound),
    Case("an undo of a step there is not", WALKING, settle_undo("done", 7), NotFound),
    Case("going on after a blocked undo", INCOMPLETE, settle_undo("again"), (UndoSettled, UndoRequested)),
    Case("stopping after the end", INCOMPLETE, settle_undo("stop"), Refused),
    # --- cancel
    Case("a cancel", OPEN, Cancel(), (CancelRequested,)),
    Case(
        "a cancel by whoever started it",
        (*MINE,),
        Cancel(),
        (CancelRequested,),
        ground(ALICE, policy=policy(approvers=())),
    ),
    Case("a cancel by a stranger", OPEN, Cancel(), NotPermitted, ground(EVE)),
    Case("a second cancel", (*OPEN, CANCELLED), Cancel(), AlreadyDecided, says="bob cancelled"),
    Case("a cancel after the end", DONE, Cancel(), AlreadyDecided),
    Case("a cancel while it walks back", WALKING, Cancel(), (CancelRequested,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_given_these_events_when_this_is_wanted_then(case: Case) -> None:
    run = fold(case.given)
    if isinstance(case.then, tuple):
        events = decide(run, case.when, case.ground)
        assert tuple(type(event) for event in events) == case.then
        assert {event.at for event in events} == {case.ground.now}
        fold(events, run)
    else:
        with pytest.raises(case.then, match=case.says or None):
            decide(run, case.when, case.ground)


def test_a_settled_outcome_is_not_settled_again() -> None:
    run = fold(UNKNOWN)
    run = fold(decide(run, settle("stop"), ground(BOB)), run)
    with pytest.raises(AlreadyDecided, match="bob chose 'stop'"):
        decide(run, settle("done"), ground(ALICE))


def test_the_editor_is_the_requester_from_then_on() -> None:
    run = fold((*MINE, EDITED, proposed("p2")))
    assert run.requester == BOB.actor
    with pytest.raises(NotPermitted):
        decide(run, replace(APPROVE, proposal_id=ProposalId("p2")), ground(BOB))
    assert decide(run, replace(APPROVE, proposal_id=ProposalId("p2")), ground(ALICE))


def test_reasons_are_trimmed_and_cut() -> None:
    (event,) = decide(fold(OPEN), replace(REJECT, reason="  " + "x" * 5000), ground(BOB))
    assert isinstance(event, StepRejected)
    assert event.reason == "x" * 1000
