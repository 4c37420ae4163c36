"""A run made of its events: one small function per event, each giving a new frozen value.

The fold has no clock and refuses nothing that was stored: deciding is done before an event is written, never when it
is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import assert_never

from bot.catalog.schema import Runbook
from bot.runs.events import (
    ApprovalEscalated,
    ApprovalReminded,
    ApprovalVoided,
    BaselineTaken,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Event,
    ParamsEdited,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    QuestionReminded,
    ReportRequested,
    RunAdmitted,
    RunEvent,
    RunFinished,
    RunOpened,
    RunQueued,
    StepApproved,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepProbed,
    StepProposed,
    StepRejected,
    StepSkipped,
    StepStarted,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.state import Checked, Proposal, Run, StepState, Undoing


def fold(events: Sequence[Event], run: Run | None = None) -> Run:
    """The run these events make, from nothing or on top of an earlier fold."""
    if run is None:
        first, *events = events
        if not isinstance(first, RunOpened):
            raise ValueError(f"a run starts with run-opened, not {type(first).__name__}")
        run = _opened(first)
    return reduce(_apply, events, run)


def _opened(event: RunOpened) -> Run:
    runbook = Runbook.model_validate(event.runbook)
    keyed = [(StepKey(index=index), step) for index, step in enumerate(runbook.steps)]
    keyed += [(StepKey(phase="on_reject", index=index), step) for index, step in enumerate(runbook.on_reject)]
    return Run(
        opened=event,
        runbook=runbook,
        params=event.params,
        requester=event.requester,
        environment=event.environment,
        steps={key: StepState(key=key, step=step) for key, step in keyed},
        events=(event,),
        version=1,
    )


def _apply(run: Run, event: Event) -> Run:
    changed = _changed(run, event)  # type: ignore[arg-type]  # a run's stream holds only run events
    return replace(changed, events=(*run.events, event), version=run.version + 1)


def _changed(run: Run, event: RunEvent) -> Run:  # noqa: C901 - one arm per event, nothing else
    match event:
        case RunOpened():
            raise ValueError(f"run {run.id!r} was opened twice")
        case StepProposed():
            return _proposed(run, event)
        case StepNotPlanned():
            return _step(run, event.step, not_planned=event)
        case ApprovalReminded():
            return _on_proposal(run, event.proposal_id, reminded=True)
        case ApprovalEscalated():
            escalations = (*_proposal(run, event.proposal_id).escalations, event.to)
            return _on_proposal(run, event.proposal_id, escalations=escalations, reminded=False)
        case StepApproved():
            approvals = (*_proposal(run, event.proposal_id).approvals, event)
            return _on_proposal(run, event.proposal_id, approvals=approvals)
        case StepOverridden():
            return _on_proposal(run, event.proposal_id, overridden=event)
        case ApprovalVoided():
            return _fallen(_out_of_line(run), event)
        case StepRejected():
            return _on_proposal(run, event.proposal_id, rejected=event)
        case StepSkipped():
            skips = (*_proposal(run, event.proposal_id).skips, event)
            return _on_proposal(run, event.proposal_id, skips=skips)
        case ParamsEdited():
            edited = replace(run, params=event.after, requester=event.actor)
            return _on_proposal(edited, event.proposal_id, edited=event)
        case ProposalVoided():
            return _on_proposal(_out_of_line(run), event.proposal_id, voided=event)
        case ProposalExpired():
            return _on_proposal(run, event.proposal_id, expired=event)
        case RunQueued():
            return replace(run, queued=event, queued_since=run.queued_since or event.at)
        case RunAdmitted():
            return replace(_out_of_line(run), admitted=event)
        case StepStarted():
            return _started(run, event)
        case StepFinished():
            return _on_proposal(run, event.proposal_id, result=event.result, finished_at=event.at)
        case StepProbed():
            return _on_proposal(run, event.proposal_id, probed=event)
        case UnknownSettled():
            return _on_proposal(run, event.proposal_id, settled=event)
        case BaselineTaken():
            return replace(run, baseline=event)
        case CheckJudged():
            return replace(run, checks={**run.checks, event.step: Checked(judged=event)})
        case CheckSettled():
            checked = replace(run.checks[event.step], settled=event)
            return replace(run, checks={**run.checks, event.step: checked})
        case QuestionReminded():
            return run
        case CancelRequested():
            return replace(run, cancel=event, is_walk_cancelled=run.is_undoing)
        case ReportRequested():
            return run
        case RunFinished():
            return replace(_out_of_line(run), finished=event, undo_request=None, admitted=None)
        case UndoRequested():
            return _walking(run, event)
        case UndoStarted():
            return _step(run, event.step, undoing=Undoing(started=event, is_alone=_is_alone(run, event)))
        case UndoFinished() | UndoBlocked() | UndoSettled():
            return _undo(run, event)
        case _:
            assert_never(event)


def _out_of_line(run: Run) -> Run:
    """It waits for people again, or for nothing: only what may go ahead stands in the line."""
    return replace(run, queued=None, queued_since=None)


def _proposed(run: Run, event: StepProposed) -> Run:
    state = run.steps[event.step]
    environments = {target.environment for target in event.plan.targets if target.environment}
    environment = run.environment or (environments.pop() if len(environments) == 1 else "")
    proposals = (*state.proposals, Proposal(made=event))
    return _step(replace(run, environment=environment), event.step, proposals=proposals, not_planned=None)


def _started(run: Run, event: StepStarted) -> Run:
    order = run.start_order if event.step in run.start_order else (*run.start_order, event.step)
    return _on_proposal(replace(run, start_order=order), event.proposal_id, started=event)


def _fallen(run: Run, event: ApprovalVoided) -> Run:
    proposal = _proposal(run, event.proposal_id)
    kept = tuple(one for one in proposal.approvals if one.actor.person != event.person)
    by = proposal.overridden.actor.person if proposal.overridden is not None else ""
    overridden = None if by == event.person else proposal.overridden
    return _on_proposal(run, event.proposal_id, approvals=kept, overridden=overridden)


def _walking(run: Run, event: UndoRequested) -> Run:
    """On the way back; a step that was chosen is tried anew, whatever came of its undo before."""
    walking = replace(run, undo_request=event, finished=None, is_walk_cancelled=False)
    return walking if event.step is None else _step(walking, event.step, undoing=None)


def _is_alone(run: Run, event: UndoStarted | UndoBlocked) -> bool:
    return run.undo_request is not None and run.undo_request.step == event.step


def _undo(run: Run, event: UndoFinished | UndoBlocked | UndoSettled) -> Run:
    undoing = run.steps[event.step].undoing or Undoing()
    match event:
        case UndoFinished():
            return _step(run, event.step, undoing=replace(undoing, result=event.result))
        case UndoBlocked():
            blocked = replace(undoing, blocked=event, is_alone=_is_alone(run, event))
            return _step(run, event.step, undoing=blocked)
        case UndoSettled(choice="again"):
            return _step(run, event.step, undoing=None)
        case UndoSettled():
            return _step(run, event.step, undoing=replace(undoing, settled=event))
        case _:
            assert_never(event)


def _step(run: Run, key: StepKey, **change: object) -> Run:
    changed = replace(run.steps[key], **change)  # type: ignore[arg-type]  # fields of StepState
    return replace(run, steps={**run.steps, key: changed})


def _proposal(run: Run, proposal_id: ProposalId) -> Proposal:
    found = run.proposal(proposal_id)
    if found is None:
        raise ValueError(f"run {run.id!r} has no proposal {proposal_id!r}")
    return found[1]


def _on_proposal(run: Run, proposal_id: ProposalId, **change: object) -> Run:
    found = run.proposal(proposal_id)
    if found is None:
        raise ValueError(f"run {run.id!r} has no proposal {proposal_id!r}")
    state, proposal = found
    changed = replace(proposal, **change)  # type: ignore[arg-type]  # fields of Proposal
    proposals = tuple(changed if one.id == proposal_id else one for one in state.proposals)
    return _step(run, state.key, proposals=proposals)
