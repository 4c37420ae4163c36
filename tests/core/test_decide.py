"""Given events, when somebody wants something, then these events or this refusal: what a person may do to a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import AlreadyDecided, BadInput, Expired, NotFound, NotPermitted, Refused, Stale
from bot.runs.decide import decide
from bot.runs.events import (
    ApprovalEscalated,
    CancelRequested,
    Escalation,
    Event,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    RunFinished,
    StepApproved,
    StepKey,
    StepOverridden,
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
from bot.runs.intents import (
    Approve,
    Cancel,
    Edit,
    Ground,
    Intent,
    Override,
    Reject,
    RequestUndo,
    Settle,
    SettleUndo,
    Skip,
    UndoOne,
)
from bot.runs.plan import Undo
from tests.core.given import (
    ALICE,
    ALICE_BY_API,
    BOB,
    EVE,
    EXPIRES,
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

STOPPED = (
    opened(runbook("a", "b")),
    *ran("p1", 0, "a"),
    *ran("p2", 1, "b"),
    OVER,
    UndoRequested(at=NOW, reason="wrong", actor=BOB.actor),
    UndoBlocked(at=NOW, step=StepKey(index=1), reason="drift"),
    RunFinished(at=NOW, status="rollback_incomplete", left=("b", "a")),
)
"""Two steps were done; the walk back stopped at the second."""
BY_HAND = UndoSettled(at=NOW, step=StepKey(index=1), choice="done", actor=BOB.actor, permission=VIA)
LEFT = (*INCOMPLETE, UndoSettled(at=NOW, step=StepKey(), choice="leave", actor=BOB.actor, permission=VIA))
_NO_WAY_BACK = proposed(plan=plan(undo=Undo(kind="manual", text="call the bank")))
IRREVERSIBLE = (
    opened(runbook("a")),
    _NO_WAY_BACK,
    approved(of=_NO_WAY_BACK),
    started(_NO_WAY_BACK),
    ended(of=_NO_WAY_BACK),
    OVER,
)
BROKEN = StepOverridden(
    at=NOW, proposal_id=P1, digest=plan().digest, actor=EVE.actor, permission=VIA, reason="nobody wakes up"
)
ESCALATED = (
    *OPEN,
    ApprovalEscalated(
        at=EXPIRES,
        proposal_id=P1,
        to=Escalation(entry="leads", approvers=("U0BOB",), expires_at=EXPIRES + timedelta(minutes=10)),
    ),
)
GLASS = policy(override=("U0EVE",))
GLASS_FOR_ALICE = policy(override=("U0ALICE",))

OVERRIDE = Override(proposal_id=P1, digest=plan().digest, reason="nobody wakes up")
APPROVE = Approve(proposal_id=P1, digest=plan().digest)
REJECT = Reject(proposal_id=P1, reason="wrong dial")
SKIP = Skip(proposal_id=P1)
EDIT = Edit(proposal_id=P1, params={"level": 2})
UNDO_ALL = RequestUndo()


def settle(choice: Any) -> Settle:
    return Settle(proposal_id=P1, choice=choice)


def undo_one(index: int) -> UndoOne:
    return UndoOne(step=StepKey(index=index))


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
    Case("an undo done by hand before it was tried", DONE, settle_undo("done"), (UndoSettled, UndoRequested)),
    Case("an undo that was not tried", DONE, settle_undo("again"), Refused, says="nothing to try again"),
    Case("an undo that was not tried, while it walks", WALKING, settle_undo("done"), NotFound),
    Case("an undo of a step there is not", WALKING, settle_undo("done", 7), NotFound),
    Case("going on after a blocked undo", INCOMPLETE, settle_undo("again"), (UndoSettled, UndoRequested)),
    Case("stopping after the end", INCOMPLETE, settle_undo("stop"), Refused),
    Case("walking back once more where it stopped", INCOMPLETE, UNDO_ALL, Refused, says="stopped at step a"),
    Case("leaving it", INCOMPLETE, settle_undo("leave"), (UndoSettled,)),
    Case("leaving it twice", LEFT, settle_undo("leave"), AlreadyDecided),
    Case("trying what is left again", LEFT, settle_undo("again"), Refused),
    Case("walking back only what is left", LEFT, UNDO_ALL, Refused, says="left on purpose"),
    # --- one step of those that are left
    Case("the earlier one alone", STOPPED, undo_one(0), (UndoRequested,)),
    Case("the one that stopped the walk alone", STOPPED, undo_one(1), (UndoRequested,)),
    Case("what was left on purpose", LEFT, undo_one(0), (UndoRequested,)),
    Case("one alone by a stranger", STOPPED, undo_one(0), NotPermitted, ground(EVE)),
    Case("one alone while it walks back", WALKING, undo_one(0), AlreadyDecided),
    Case("one alone while it goes on", OPEN, undo_one(0), Refused, says="still going on"),
    Case("one that never ran", (*OPEN, CANCELLED, OVER), undo_one(1), Refused, says="changed nothing"),
    Case("one there is not", STOPPED, undo_one(7), NotFound),
    Case("one that is undone", (*STOPPED, BY_HAND), undo_one(1), AlreadyDecided),
    Case("one with no way back", IRREVERSIBLE, undo_one(0), Refused, says="by hand: call the bank"),
    Case(
        "one with no way back, put right by hand",
        IRREVERSIBLE,
        settle_undo("done"),
        (UndoSettled, UndoRequested),
    ),
    Case("an earlier one done by hand", STOPPED, settle_undo("done", 0), (UndoSettled,)),
    Case("the stopped one done by hand", STOPPED, settle_undo("done", 1), (UndoSettled, UndoRequested)),
    Case(
        "the stopped one done by hand, and no more than that",
        STOPPED,
        SettleUndo(step=StepKey(index=1), choice="done", goes_on=False),
        (UndoSettled,),
    ),
    # --- break glass
    Case("glass is broken", OPEN, OVERRIDE, (StepOverridden,), ground(EVE, policy=GLASS)),
    Case(
        "by whoever started it", (*MINE,), OVERRIDE, (StepOverridden,), ground(ALICE, policy=GLASS_FOR_ALICE)
    ),
    Case(
        "by somebody of whom one is not enough", TWO, OVERRIDE, (StepOverridden,), ground(EVE, policy=GLASS)
    ),
    Case("by an approver", OPEN, OVERRIDE, NotPermitted, ground(BOB, policy=GLASS)),
    Case("where nobody may", OPEN, OVERRIDE, NotPermitted, ground(EVE), says="names nobody"),
    Case(
        "without a reason",
        OPEN,
        replace(OVERRIDE, reason="  "),
        BadInput,
        ground(EVE, policy=GLASS),
        says="needs a reason",
    ),
    Case("for another digest", OPEN, replace(OVERRIDE, digest="0" * 64), Stale, ground(EVE, policy=GLASS)),
    Case("too late", OPEN, OVERRIDE, Expired, ground(EVE, later=timedelta(minutes=10), policy=GLASS)),
    Case("after the quorum", (*OPEN, approved()), OVERRIDE, AlreadyDecided, ground(EVE, policy=GLASS)),
    Case("an approval after it", (*OPEN, BROKEN), APPROVE, AlreadyDecided, says="approved already by eve"),
    # --- escalation
    Case("one of those asked next approves", ESCALATED, APPROVE, (StepApproved,), LATE),
    Case(
        "those asked next come too late",
        ESCALATED,
        APPROVE,
        Expired,
        ground(BOB, later=timedelta(minutes=20)),
    ),
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
