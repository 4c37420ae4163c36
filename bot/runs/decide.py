"""What a person may do to a run: `decide` answers an intent with the events that make it so, or raises `Refused`.

It is pure, and called again with a fresh fold whenever another writer was first, so it must hold for any order of
clicks: the first decision wins, the same person counts once, a spent or stale proposal refuses with who decided and
what. What the run does next is `next.what_next`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, assert_never

from bot.errors import AlreadyDecided, BadInput, Expired, NotFound, Refused, Stale
from bot.runs.events import (
    CancelRequested,
    CheckChoice,
    CheckSettled,
    Choice,
    Event,
    ParamsEdited,
    Permission,
    ProposalId,
    ProposalVoided,
    StepApproved,
    StepKey,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.plan import JsonObject
from bot.runs.policy import OPERATOR, Caller, Memberships, Policy, forbid_self_approval, permit
from bot.runs.state import Proposal, Run, StepState

REASON_LIMIT = 1000
"""Characters of a reason that are kept; more than anybody reads at night."""


@dataclass(frozen=True, kw_only=True)
class Approve:
    """Run exactly what this digest names."""

    proposal_id: ProposalId
    digest: str


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Do not run it; the run halts there."""

    proposal_id: ProposalId
    reason: str


@dataclass(frozen=True, kw_only=True)
class Skip:
    """Go on without this step."""

    proposal_id: ProposalId
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Change parameters (already checked and complete); a fresh proposal follows."""

    proposal_id: ProposalId
    params: JsonObject


@dataclass(frozen=True, kw_only=True)
class Settle:
    """Say how to go on from an unknown outcome."""

    proposal_id: ProposalId
    choice: Choice
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestUndo:
    """Walk back everything whose effect still stands."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SettleUndo:
    """Say how to go on from an undo that was blocked, failed, or is unknown."""

    step: StepKey
    choice: Literal["done", "again", "stop"]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SettleCheck:
    """Say how to go on from a check that came out worse or inconclusive; without a step, the run's own."""

    step: StepKey | None
    choice: CheckChoice
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Stop where it can be stopped."""

    reason: str = ""


Intent = Approve | Reject | Skip | Edit | Settle | RequestUndo | SettleUndo | SettleCheck | Cancel


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a decision stands on besides the run: who asks, today's rules for the step at hand, the time."""

    caller: Caller
    policy: Policy
    now: datetime
    memberships: Memberships = field(default_factory=dict)
    starters: tuple[str, ...] = ()


def decide(run: Run, intent: Intent, ground: Ground) -> tuple[Event, ...]:
    """The events that carry the intent out; raises `Refused` with the reason. Never an event twice."""
    match intent:
        case Approve():
            return _approve(run, intent, ground)
        case Reject():
            return _reject(run, intent, ground)
        case Skip():
            return _skip(run, intent, ground)
        case Edit():
            return _edit(run, intent, ground)
        case Settle():
            return _settle(run, intent, ground)
        case RequestUndo():
            return _request_undo(run, intent, ground)
        case SettleUndo():
            return _settle_undo(run, intent, ground)
        case SettleCheck():
            return _settle_check(run, intent, ground)
        case Cancel():
            return _cancel(run, intent, ground)
        case _:
            assert_never(intent)


def _approve(run: Run, intent: Approve, ground: Ground) -> tuple[Event, ...]:
    proposal = _decidable(run, intent.proposal_id, ground.now)
    if intent.digest != proposal.made.digest:
        raise Stale(
            "what you approved is not what would run now, so nothing was approved",
            hint="look at the current proposal in the thread",
        )
    permission = _permit(ground, "approve this step")
    forbid_self_approval(ground.policy, ground.caller, run.requester)
    forbid_self_approval(proposal.made.asked, ground.caller, run.requester)
    if any(one.actor.is_same_human(ground.caller.actor) for one in proposal.approvals):
        raise AlreadyDecided(
            "you have approved this already, and one person counts once",
            hint=f"{_missing(proposal)} more must agree",
        )
    return (
        StepApproved(
            at=ground.now,
            proposal_id=intent.proposal_id,
            digest=intent.digest,
            actor=ground.caller.actor,
            permission=permission,
        ),
    )


def _missing(proposal: Proposal) -> int:
    people = {one.actor.person for one in proposal.approvals}
    return max(0, proposal.made.asked.min_approvals - len(people))


def _reject(run: Run, intent: Reject, ground: Ground) -> tuple[Event, ...]:
    _decidable(run, intent.proposal_id, ground.now)
    permission = _permit(ground, "reject this step")
    reason = intent.reason.strip()[:REASON_LIMIT]
    if not reason:
        raise BadInput("a rejection needs a reason, for whoever reads the thread next")
    return (
        StepRejected(
            at=ground.now,
            proposal_id=intent.proposal_id,
            actor=ground.caller.actor,
            permission=permission,
            reason=reason,
        ),
    )


def _skip(run: Run, intent: Skip, ground: Ground) -> tuple[Event, ...]:
    proposal = _decidable(run, intent.proposal_id, ground.now)
    permission = _permit(ground, "skip this step")
    forbid_self_approval(ground.policy, ground.caller, run.requester)
    forbid_self_approval(proposal.made.asked, ground.caller, run.requester)
    asked_today = ground.policy.min_approvals
    if asked_today > proposal.made.asked.min_approvals:
        reason = f"the rules of today ask for {asked_today} people"
        return (ProposalVoided(at=ground.now, proposal_id=intent.proposal_id, reason=reason),)
    if any(one.actor.is_same_human(ground.caller.actor) for one in proposal.skips):
        raise AlreadyDecided("you have asked to skip this already, and one person counts once")
    return (
        StepSkipped(
            at=ground.now,
            proposal_id=intent.proposal_id,
            actor=ground.caller.actor,
            permission=permission,
            reason=intent.reason.strip()[:REASON_LIMIT],
        ),
    )


def _edit(run: Run, intent: Edit, ground: Ground) -> tuple[Event, ...]:
    _decidable(run, intent.proposal_id, ground.now)
    if _find(run, intent.proposal_id)[0].after:
        raise Refused(
            "a part of this step ran with these parameters, so the rest runs with the same or not at all",
            hint="reject it, and start the runbook again with others",
        )
    permission = permit(
        (*ground.policy.approvers, *ground.starters),
        ground.caller,
        ground.memberships,
        now=ground.now,
        to="edit this step",
    )
    if intent.params == run.params:
        raise BadInput("nothing was changed", hint="change a parameter, or close the form")
    return (
        ParamsEdited(
            at=ground.now,
            proposal_id=intent.proposal_id,
            actor=ground.caller.actor,
            permission=permission,
            before=run.params,
            after=intent.params,
        ),
    )


def _settle(run: Run, intent: Settle, ground: Ground) -> tuple[Event, ...]:
    state, proposal = _find(run, intent.proposal_id)
    if proposal.settled is not None:
        raise AlreadyDecided(f"{proposal.settled.actor.called} chose {proposal.settled.choice!r} already")
    if not proposal.is_unknown:
        raise Refused("the outcome of this step is not in question")
    settled = UnknownSettled(
        at=ground.now,
        proposal_id=intent.proposal_id,
        step=state.key,
        choice=intent.choice,
        actor=ground.caller.actor,
        permission=_permit(ground, "settle this step"),
        reason=intent.reason.strip()[:REASON_LIMIT],
    )
    if intent.choice != "undo":
        return (settled,)
    reason = f"step {state.step.name} ended unknown"
    return (settled, _undo_requested(ground, reason, permission=settled.permission))


def _undo_requested(ground: Ground, reason: str, *, permission: Permission) -> UndoRequested:
    return UndoRequested(at=ground.now, reason=reason, actor=ground.caller.actor, permission=permission)


def _request_undo(run: Run, intent: RequestUndo, ground: Ground) -> tuple[Event, ...]:
    if run.is_undoing:
        raise AlreadyDecided("this run is being undone already")
    if not run.is_finished:
        raise Refused("this run is still going on", hint="cancel it first, then undo what it did")
    if not run.with_effect:
        raise Refused("there is nothing to undo: no effect of this run still stands")
    permission = _permit(ground, "undo this run")
    reason = intent.reason.strip()[:REASON_LIMIT]
    return (_undo_requested(ground, reason, permission=permission),)


def _settle_undo(run: Run, intent: SettleUndo, ground: Ground) -> tuple[Event, ...]:
    state = run.steps.get(intent.step)
    if state is None or state.undoing is None:
        raise NotFound("that step was not being undone")
    if state.status not in ("undo_unknown", "undo_failed", "undo_blocked"):
        raise AlreadyDecided(f"the undo of step {state.step.name} is settled: {state.status}")
    if state.undoing.settled is not None and not run.is_finished:
        raise AlreadyDecided(
            f"{state.undoing.settled.actor.called} chose {state.undoing.settled.choice!r} already"
        )
    permission = _permit(ground, "settle this undo")
    settled = UndoSettled(
        at=ground.now,
        step=intent.step,
        choice=intent.choice,
        actor=ground.caller.actor,
        permission=permission,
        reason=intent.reason.strip()[:REASON_LIMIT],
    )
    if not run.is_finished:
        return (settled,)
    if intent.choice == "stop":
        raise Refused("this run has stopped already")
    reason = f"the undo of step {state.step.name} was taken up again"
    return (settled, _undo_requested(ground, reason, permission=permission))


def _settle_check(run: Run, intent: SettleCheck, ground: Ground) -> tuple[Event, ...]:
    checked = run.checks.get(intent.step)
    if checked is None:
        raise NotFound("there is no such check in this run", hint="look at the newest message")
    if checked.settled is not None:
        raise AlreadyDecided(f"{checked.settled.actor.called} chose to {checked.settled.choice} already")
    if run.is_finished or run.cancel is not None:
        raise AlreadyDecided(f"this run is over: {run.status if run.is_finished else 'cancelled'}")
    if run.is_undoing:
        raise AlreadyDecided("this run is being undone already")
    if not run.is_asked_about(checked):
        raise Refused("nobody has to decide about this check")
    settled = CheckSettled(
        at=ground.now,
        step=intent.step,
        choice=intent.choice,
        actor=ground.caller.actor,
        permission=_permit(ground, "decide about this check"),
        reason=intent.reason.strip()[:REASON_LIMIT],
    )
    if intent.choice == "keep":
        return (settled,)
    reason = f"the check: {checked.judged.sentence}"
    return (settled, _undo_requested(ground, reason, permission=settled.permission))


def _cancel(run: Run, intent: Cancel, ground: Ground) -> tuple[Event, ...]:
    if run.is_finished:
        raise AlreadyDecided(f"this run is over: {run.status}")
    if run.cancel is not None:
        raise AlreadyDecided(f"{run.cancel.actor.called} cancelled this run already")
    entries = (*ground.policy.approvers, *ground.starters)
    if run.requester is not None and run.requester.is_same_human(ground.caller.actor):
        entries = (*entries, ground.caller.actor.id)
    if OPERATOR in ground.caller.grants:
        entries = (*entries, OPERATOR)
    return (
        CancelRequested(
            at=ground.now,
            actor=ground.caller.actor,
            permission=permit(
                entries, ground.caller, ground.memberships, now=ground.now, to="cancel this run"
            ),
            reason=intent.reason.strip()[:REASON_LIMIT],
        ),
    )


def _permit(ground: Ground, to: str) -> Permission:
    return permit(ground.policy.approvers, ground.caller, ground.memberships, now=ground.now, to=to)


def _find(run: Run, proposal_id: ProposalId) -> tuple[StepState, Proposal]:
    found = run.proposal(proposal_id)
    if found is None:
        raise NotFound("this button belongs to no step of this run", hint="look at the newest message")
    return found


def _decidable(run: Run, proposal_id: ProposalId, now: datetime) -> Proposal:
    """The proposal, if it still waits for a decision; else a refusal that says what became of it."""
    _, proposal = _find(run, proposal_id)
    _refuse_spent(proposal)
    if run.is_finished or run.cancel is not None:
        raise AlreadyDecided(f"this run is over: {run.status if run.is_finished else 'cancelled'}")
    if run.is_undoing:
        raise AlreadyDecided("this run is being undone, so nothing more of it is decided")
    if proposal.made.asked.unattended:
        raise AlreadyDecided("this step needs no decision: a reviewed tag lets it run unattended")
    if proposal.has_quorum:
        people = ", ".join(one.actor.called for one in proposal.approvals)
        raise AlreadyDecided(f"approved already by {people}")
    if now >= proposal.made.expires_at:
        raise Expired("the time to decide has passed, so nothing was done", hint="start the runbook again")
    return proposal


def _refuse_spent(proposal: Proposal) -> None:
    if proposal.rejected is not None:
        raise AlreadyDecided(
            f"rejected already by {proposal.rejected.actor.called}: {proposal.rejected.reason}"
        )
    if proposal.skipped is not None:
        raise AlreadyDecided(f"skipped already by {proposal.skipped.actor.called}")
    if proposal.edited is not None:
        raise Stale(
            f"{proposal.edited.actor.called} edited the parameters since",
            hint="look at the new proposal below",
        )
    if proposal.voided is not None:
        raise Stale(
            f"this proposal is off: {proposal.voided.reason}", hint="look at the newest message in the thread"
        )
    if proposal.expired is not None:
        raise Expired("the time to decide has passed, so nothing was done", hint="start the runbook again")
    if proposal.started is not None:
        people = ", ".join(one.actor.called for one in proposal.approvals) or "a reviewed tag"
        raise AlreadyDecided(f"approved already by {people}, and started")
