"""What a person may do to a run: `decide` answers an intent with the events that make it so, or raises `Refused`.

It is pure, and called again with a fresh fold whenever another writer was first, so it must hold for any order of
clicks: the first decision wins, the same person counts once, a spent or stale proposal refuses with who decided and
what. What the run does next is `next.what_next`.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from bot.errors import AlreadyDecided, BadInput, Expired, NotFound, NotPermitted, Refused, Stale
from bot.runs.events import (
    CancelRequested,
    CheckSettled,
    Event,
    ParamsEdited,
    Permission,
    ProposalId,
    ProposalVoided,
    StepApproved,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UnknownSettled,
)
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
    SettleCheck,
    SettleUndo,
    Skip,
    UndoOne,
)
from bot.runs.policy import OPERATOR, forbid_self_approval, permit
from bot.runs.state import Proposal, Run, StepState
from bot.runs.undo import REASON_LIMIT, request_undo, settle_undo, undo_one, undo_requested


def decide(run: Run, intent: Intent, ground: Ground) -> tuple[Event, ...]:  # noqa: C901 - one arm per intent
    """The events that carry the intent out; raises `Refused` with the reason. Never an event twice."""
    match intent:
        case Approve():
            return _approve(run, intent, ground)
        case Override():
            return _override(run, intent, ground)
        case Reject():
            return _reject(run, intent, ground)
        case Skip():
            return _skip(run, intent, ground)
        case Edit():
            return _edit(run, intent, ground)
        case Settle():
            return _settle(run, intent, ground)
        case RequestUndo():
            return request_undo(run, intent, ground)
        case UndoOne():
            return undo_one(run, intent, ground)
        case SettleUndo():
            return settle_undo(run, intent, ground)
        case SettleCheck():
            return _settle_check(run, intent, ground)
        case Cancel():
            return _cancel(run, intent, ground)
        case _:
            assert_never(intent)


def _approve(run: Run, intent: Approve, ground: Ground) -> tuple[Event, ...]:
    proposal = _decidable(run, intent.proposal_id, ground.now)
    _refuse_other(intent.digest, proposal)
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


def _refuse_other(digest: str, proposal: Proposal) -> None:
    if digest != proposal.made.digest:
        raise Stale(
            "what you approved is not what would run now, so nothing was approved",
            hint="look at the current proposal in the thread",
        )


def _override(run: Run, intent: Override, ground: Ground) -> tuple[Event, ...]:
    """Break glass: who must agree gives way, for this digest alone. What runs, where it may, and drift do not."""
    proposal = _decidable(run, intent.proposal_id, ground.now)
    _refuse_other(intent.digest, proposal)
    permission = permit_override(ground)
    reason = intent.reason.strip()[:REASON_LIMIT]
    if not reason:
        raise BadInput("breaking glass needs a reason, for whoever reads the record")
    return (
        StepOverridden(
            at=ground.now,
            proposal_id=intent.proposal_id,
            digest=intent.digest,
            actor=ground.caller.actor,
            permission=permission,
            reason=reason,
        ),
    )


def permit_override(ground: Ground) -> Permission:
    """Why this caller may break glass here; refused for everybody where the catalog names nobody."""
    if not ground.policy.override:
        raise NotPermitted(
            "nobody may break glass here: the catalog names nobody for it",
            hint="ask its approvers; `override` of a service or environment names who may",
        )
    return permit(
        ground.policy.override,
        ground.caller,
        ground.memberships,
        now=ground.now,
        to="break glass here",
        named="those who may",
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
    return (settled, undo_requested(ground, reason, permission=settled.permission))


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
    return (settled, undo_requested(ground, reason, permission=settled.permission))


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
        raise AlreadyDecided(f"approved already by {_approvers(proposal)}")
    if now >= proposal.expires_at:
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
        people = _approvers(proposal) or "a reviewed tag"
        raise AlreadyDecided(f"approved already by {people}, and started")


def _approvers(proposal: Proposal) -> str:
    return ", ".join(actor.called for actor in proposal.agreed)
