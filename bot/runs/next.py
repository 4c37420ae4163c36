"""What a run does next: one pure look at the fold and the time names the one thing the driver has to do now.

It never looks back at how the run got there; a restart therefore continues exactly where the journal ends:

    started, no outcome   → Recover (unknown, probed, put to the approvers), or run again where declared idempotent
                            (or where the whole run is dry: nothing was sent)
    outcome unknown       → AskHuman: done, again, undo, stop
    walking back          → RunUndo, in strict reverse order of first starts, stopping at the first that fails and
                            going past what a human chose to leave; or the one undo that was chosen
    open proposal         → Sleep until the reminder or the expiry; RunAction once the quorum is there; at the expiry
                            Escalate where the catalog names somebody to ask next
    step not proposed     → AskApproval (the driver plans it; unattended steps then run without a decision)
    a part of it is done  → AskApproval for what it left, always put to people
    a check not passed    → Sleep until it is due, then RunCheck; worse walks back or asks, as the runbook says
    nothing left          → Finish

Whatever AskHuman waits for is reminded of: it carries the moment, and at that moment the nudge is what is next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.runs.due import Due, next_check
from bot.runs.events import (
    ApprovalReminded,
    Event,
    FinalStatus,
    ProposalExpired,
    ProposalId,
    RunFinished,
    StepKey,
    UndoRequested,
)
from bot.runs.questions import next_nudge, nudge_of
from bot.runs.state import Proposal, Run, StepState, next_level


@dataclass(frozen=True, kw_only=True)
class Record:
    """Append these facts; time or the fold alone made them true."""

    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class AskApproval:
    """Plan this step and propose it."""

    step: StepKey
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Escalate:
    """Nobody decided in time: ask the next, as the catalog has it."""

    step: StepKey
    proposal_id: ProposalId
    entry: str


@dataclass(frozen=True, kw_only=True)
class RunAction:
    """Take slot and locks, read state again, and run it if it is still what was approved."""

    step: StepKey
    proposal_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class Recover:
    """Started before a crash: record that the outcome is unknown."""

    step: StepKey
    proposal_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class ReadState:
    """Look at what an unknown step left behind, for those who must settle it."""

    step: StepKey
    proposal_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class RunUndo:
    """Undo this step: plan its frozen inverse, compare, run."""

    step: StepKey


@dataclass(frozen=True, kw_only=True)
class RecoverUndo:
    """An undo was started before a crash: record that its outcome is unknown."""

    step: StepKey


@dataclass(frozen=True, kw_only=True)
class RunCheck:
    """Its time has come: read the metric again and judge it."""

    due: Due


@dataclass(frozen=True, kw_only=True)
class AskHuman:
    """Nothing happens until a person settles it, but that they are reminded."""

    until: datetime | None = None
    """When they are reminded next; None: they were, often enough."""


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """Nothing happens before this moment unless a person acts."""

    until: datetime


@dataclass(frozen=True, kw_only=True)
class Done:
    """The run is over."""


NextEffect = (
    Record
    | AskApproval
    | Escalate
    | RunAction
    | Recover
    | ReadState
    | RunUndo
    | RecoverUndo
    | RunCheck
    | AskHuman
    | Sleep
    | Done
)


def what_next(run: Run, now: datetime) -> NextEffect:
    """The one thing to do now. Pure: time is an argument, and nothing is remembered between calls."""
    if run.is_finished:
        return Done()
    undoing = next((state for state in run.steps.values() if state.status == "undoing"), None)
    if undoing is not None:
        return RecoverUndo(step=undoing.key)
    interrupted = _interrupted(run)
    if interrupted is not None:
        return interrupted
    if run.is_undoing:
        return _next_undo(run, now)
    state = run.current
    if state is not None and state.proposal is not None and state.proposal.is_unknown:
        return _unknown(run, state, state.proposal, now)
    if run.cancel is not None:
        return _finish(run, now, "cancelled", run.cancel.reason)
    due = next_check(run)
    if due is not None:
        return _at_check(run, due, now)
    if state is None:
        return _at_end(run, now)
    return _at_step(run, state, now)


def _interrupted(run: Run) -> NextEffect | None:
    for state in run.steps.values():
        proposal = state.proposal
        if proposal is not None and proposal.is_interrupted:
            if (state.step.idempotent or run.opened.dry_run) and run.cancel is None:
                return RunAction(step=state.key, proposal_id=proposal.id)
            return Recover(step=state.key, proposal_id=proposal.id)
    return None


def _unknown(run: Run, state: StepState, proposal: Proposal, now: datetime) -> NextEffect:
    if proposal.probed is None:
        return ReadState(step=state.key, proposal_id=proposal.id)
    return _ask(run, now)


def _ask(run: Run, now: datetime) -> NextEffect:
    question = next_nudge(run)
    if question is None or question.nudge_at is None:
        return AskHuman()
    if now >= question.nudge_at:
        return Record(events=(nudge_of(question, now),))
    return AskHuman(until=question.nudge_at)


def _next_undo(run: Run, now: datetime) -> NextEffect:
    chosen = run.undo_request.step if run.undo_request else None
    for state in run.with_effect:
        if (chosen is not None and state.key != chosen) or state.status == "undo_left":
            continue
        if state.undoing is None and run.is_walk_cancelled and run.cancel is not None:
            return _finish(
                run, now, "rollback_incomplete", f"{run.cancel.actor.called} cancelled the walk back"
            )
        if state.undoing is None:
            return RunUndo(step=state.key)
        if state.status == "undo_unknown" and state.undoing.settled is None:
            return _ask(run, now)
        told = f"the undo of step {state.step.name} did not succeed"
        if state.status == "undo_blocked":  # nothing was tried
            told = f"step {state.step.name} was not undone"
        return _finish(run, now, "rollback_incomplete", told)
    return _walked(run, now)


def _walked(run: Run, now: datetime) -> NextEffect:
    """Everything that was to be undone is."""
    request = run.undo_request
    if not run.with_effect:
        return _finish(run, now, "rolled_back", request.reason if request else "")
    if request is not None and request.step is not None:
        name = run.steps[request.step].step.name
        return _finish(run, now, "rollback_incomplete", f"step {name} alone was asked to be undone")
    return _finish(run, now, "rollback_incomplete", "what was chosen to be left stays as it is")


def _at_check(run: Run, due: Due, now: datetime) -> NextEffect:
    if due.checked is None:
        return Sleep(until=due.at) if now < due.at else RunCheck(due=due)
    if run.is_asked_about(due.checked):
        return _ask(run, now)
    return Record(events=(UndoRequested(at=now, reason=f"the check: {due.checked.judged.sentence}"),))


def _at_end(run: Run, now: datetime) -> NextEffect:
    halted = run.halted_by
    if halted is not None:
        return _finish_halted(run, halted, now)
    return _finish(run, now, "succeeded", "")


def _at_step(run: Run, state: StepState, now: datetime) -> NextEffect:
    proposal = state.proposal
    if state.not_planned is not None:
        return _failed(run, now, f"step {state.step.name} could not be proposed: {state.not_planned.message}")
    if proposal is None or proposal.status == "voided" or proposal.leaves_more:
        return AskApproval(step=state.key, reason=_reason_again(proposal))
    match proposal.status:
        case "proposed":
            return _waiting(state, proposal, now)
        case "approved":
            return RunAction(step=state.key, proposal_id=proposal.id)
        case "rejected" | "expired":
            return _finish_halted(run, run.halted_by or state, now)
        case "failed" | "stopped":
            return _failed(run, now, f"step {state.step.name} {_failure(proposal)}")
        case _:
            raise AssertionError(f"run {run.id!r} stands at a step that is {proposal.status}")


def _failure(proposal: Proposal) -> str:
    if proposal.settled is not None:
        return "ended unknown, and was stopped there"
    return f"failed: {proposal.result.summary}" if proposal.result else "failed"


def _reason_again(proposal: Proposal | None) -> str:
    if proposal is None:
        return ""
    if proposal.edited is not None:
        return f"{proposal.edited.actor.called} edited the parameters"
    if proposal.settled is not None:
        if proposal.leaves_more:
            return f"{proposal.settled.actor.called} settled the part before as done"
        return f"{proposal.settled.actor.called} chose to try again after an unknown outcome"
    if proposal.leaves_more and proposal.result is not None:
        return f"the part before succeeded: {proposal.result.summary}"
    return proposal.voided.reason if proposal.voided else ""


def _waiting(state: StepState, proposal: Proposal, now: datetime) -> NextEffect:
    if now >= proposal.expires_at:
        entry = next_level(proposal.made.asked, state.escalated)
        if entry:
            return Escalate(step=state.key, proposal_id=proposal.id, entry=entry)
        return Record(events=(ProposalExpired(at=now, proposal_id=proposal.id),))
    if proposal.remind_at is not None and not proposal.reminded:
        if now >= proposal.remind_at:
            return Record(events=(ApprovalReminded(at=now, proposal_id=proposal.id),))
        return Sleep(until=proposal.remind_at)
    return Sleep(until=proposal.expires_at)


def _failed(run: Run, now: datetime, reason: str) -> NextEffect:
    halted = run.halted_by
    if halted is not None:
        return _finish_halted(run, halted, now)
    walks_back = run.runbook.rollback_on_failure and not _was_stopped(run) and not _only_spoke(run)
    if walks_back and run.with_effect:
        return Record(events=(UndoRequested(at=now, reason=reason),))
    return _finish(run, now, "failed", reason)


def _was_stopped(run: Run) -> bool:
    """A human chose to stop at an unknown outcome: they did not choose to undo."""
    state = run.current
    return state is not None and state.status == "stopped"


def _only_spoke(run: Run) -> bool:
    """The step that failed was a message: losing Slack must not undo a fix that worked."""
    return run.current is not None and run.current.step.type == "slack"


def _finish_halted(run: Run, halted: StepState, now: datetime) -> NextEffect:
    if halted.status == "expired":
        return _finish(run, now, "expired", f"nobody decided step {halted.step.name} in time")
    proposal = halted.proposal
    reason = proposal.rejected.reason if proposal and proposal.rejected else ""
    return _finish(run, now, "rejected", reason)


def _finish(run: Run, now: datetime, status: FinalStatus, reason: str) -> Record:
    left = tuple(state.step.name for state in run.with_effect)
    if status in ("succeeded", "rolled_back"):
        left = ()
    return Record(events=(RunFinished(at=now, status=status, reason=reason, left=left),))
