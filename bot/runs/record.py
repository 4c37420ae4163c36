"""The one read model of a run: `record_of` turns its fold into the plain data that every reader of runs is given.

The API, the command line, the export and the report all start here, so they can never tell two stories. Decisions are
taken from the events and not from the fold: an approval that was voided later is part of what happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from bot.runs.automation import AutomationStatus, accounts, action_of
from bot.runs.events import (
    Actor,
    ApprovalEscalated,
    ApprovalVoided,
    CancelRequested,
    CheckSettled,
    Event,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalVoided,
    Result,
    StepApproved,
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
from bot.runs.plan import JsonObject
from bot.runs.record_shape import (
    CheckRecord,
    DecisionKind,
    DecisionRecord,
    ExpectationRecord,
    FileRecord,
    OutcomeRecord,
    PersonRecord,
    ProposalRecord,
    RollbackRecord,
    RollbackStatus,
    RunRecord,
    StepRecord,
    TriggerRecord,
    UndoRecord,
)
from bot.runs.state import Checked, Proposal, Run, StepState

__all__ = ["RunRecord", "TriggerRecord", "record_of"]

_KINDS: Mapping[type[Event], DecisionKind] = {
    StepApproved: "approved",
    StepOverridden: "overridden",
    ApprovalEscalated: "escalated",
    ApprovalVoided: "approval_voided",
    StepRejected: "rejected",
    StepSkipped: "skipped",
    ParamsEdited: "edited",
    ProposalVoided: "proposal_voided",
    ProposalExpired: "expired",
    UnknownSettled: "outcome_settled",
    UndoRequested: "undo_requested",
    UndoSettled: "undo_settled",
    CheckSettled: "check_settled",
    CancelRequested: "cancelled",
}
"""Which events are decisions, and what they are called; what is in no table is no decision."""


def record_of(run: Run, *, trigger: TriggerRecord | None = None, head: str = "") -> RunRecord:
    """The record of a run; `trigger` is what its incident knows, `head` the hash of its last event."""
    opened, finished = run.opened, run.finished
    decisions = _by_proposal(run)
    automation = {account.step: account.status for account in accounts(run)}
    last_at = finished.at if finished is not None else run.events[-1].at
    return RunRecord(
        run_id=run.id,
        incident_id=run.incident_id,
        runbook=run.runbook.name,
        version=run.runbook.digest,
        catalog_digest=opened.catalog_digest,
        catalog_commit=opened.catalog_commit,
        trigger=trigger or _trigger(opened.values),
        service=opened.service,
        team=opened.tenant,
        environment=run.environment,
        status=run.status,
        reason=finished.reason if finished is not None else "",
        dry_run=opened.dry_run,
        requester=_person(run.requester),
        params=run.params,
        opened_at=opened.at,
        finished_at=finished.at if finished is not None else None,
        duration_s=round((last_at - opened.at).total_seconds(), 3),
        waiting_for=run.queued.waiting_for if run.queued is not None else "",
        steps=tuple(
            _step(run, state, automation=automation.get(key), decisions=decisions)
            for key, state in run.steps.items()
        ),
        checks=tuple(_check(run, checked) for checked in run.checks.values()),
        rollback=_rollback(run),
        cancelled=_decision(run.cancel) if run.cancel is not None else None,
        events=run.version,
        head=head,
    )


def _trigger(values: JsonObject) -> TriggerRecord:
    """What the run itself knows of its incident."""
    incident = values.get("incident", {})
    return TriggerRecord(
        url=str(incident.get("url") or ""),
        title=str(incident.get("title") or ""),
        symptom=str(incident.get("symptom") or ""),
    )


# ------------------------------------------------------------ steps


def _by_proposal(run: Run) -> dict[str, list[DecisionRecord]]:
    """The decisions on each proposal, in order."""
    decisions: dict[str, list[DecisionRecord]] = defaultdict(list)
    for event in run.events:
        if type(event) in _KINDS and hasattr(event, "proposal_id"):
            decisions[event.proposal_id].append(_decision(event))
    return decisions


def _step(
    run: Run,
    state: StepState,
    *,
    automation: AutomationStatus | None,
    decisions: Mapping[str, list[DecisionRecord]],
) -> StepRecord:
    return StepRecord(
        phase=state.key.phase,
        index=state.key.index,
        name=state.step.name,
        action=action_of(run.runbook.name, state.step),
        type=state.step.type,
        status=state.status,
        automation=automation,
        not_planned=state.not_planned.message if state.not_planned is not None else "",
        proposals=tuple(_proposal(one, tuple(decisions.get(one.id, ()))) for one in state.proposals),
        stands=state.has_effect and not run.opened.dry_run,
        undo=_undo(run, state),
    )


def _proposal(proposal: Proposal, decisions: tuple[DecisionRecord, ...]) -> ProposalRecord:
    made = proposal.made
    plan = proposal.started.plan if proposal.started is not None else made.plan
    return ProposalRecord(
        proposal_id=made.proposal_id,
        at=made.at,
        text=plan.text,
        will_run=plan.will_run,
        targets=tuple(target.key for target in plan.targets),
        state={str(label): str(text) for label, text in plan.shown.items()},
        observable=plan.observable,
        changes=plan.changes,
        risk=plan.risk,
        part=plan.part,
        undo=plan.undo.text,
        digest=made.digest,
        approvers=proposal.asked.approvers,
        approvers_from=made.asked.source,
        min_approvals=made.asked.min_approvals,
        unattended=made.asked.unattended,
        expires_at=proposal.expires_at,
        reason=made.reason,
        status=proposal.status,
        decisions=decisions,
        started_at=proposal.started.at if proposal.started is not None else None,
        finished_at=proposal.finished_at,
        outcome=_outcome(proposal.result),
        seen=proposal.probed.text if proposal.probed is not None else "",
    )


def _outcome(result: Result | None) -> OutcomeRecord | None:
    if result is None:
        return None
    return OutcomeRecord(
        verdict=result.verdict,
        effect=result.effect,
        summary=result.summary,
        output=result.output,
        output_cut=result.output_cut,
        output_redacted=result.output_redacted,
        expectations=tuple(
            ExpectationRecord(pattern=one.pattern, found=one.found, allow_failure=one.allow_failure)
            for one in result.expectations
        ),
        files=tuple(
            FileRecord(name=one.name, media_type=one.media_type, digest=one.digest, size=one.size)
            for one in result.artifacts
        ),
        duration_s=result.duration_s,
    )


def _undo(run: Run, state: StepState) -> UndoRecord | None:
    """What undoing means for a step that was started; None where there is nothing to undo."""
    undo, undoing = state.undo, state.undoing
    if undo is None or not (state.has_effect or undoing):
        return None
    mine = [event for event in run.events if getattr(event, "step", None) == state.key]
    finished = [event.at for event in mine if isinstance(event, UndoFinished | UndoBlocked)]
    return UndoRecord(
        kind=undo.kind,
        text=undo.text,
        status=undoing.status if undoing is not None else None,
        reason=undoing.blocked.reason if undoing is not None and undoing.blocked is not None else "",
        started_at=next((event.at for event in reversed(mine) if isinstance(event, UndoStarted)), None),
        finished_at=finished[-1] if finished and undoing is not None else None,
        outcome=_outcome(undoing.result) if undoing is not None else None,
        decisions=tuple(_decision(event) for event in mine if isinstance(event, UndoSettled)),
    )


# ------------------------------------------------------------ the run as a whole


def _check(run: Run, checked: Checked) -> CheckRecord:
    judged = checked.judged
    return CheckRecord(
        at=judged.at,
        step=run.steps[judged.step].step.name if judged.step is not None else "",
        metric=judged.series.metric,
        query=judged.series.query,
        verdict=judged.verdict,
        sentence=judged.sentence,
        before=judged.before,
        after=judged.after,
        limit=judged.limit,
        decision=_decision(checked.settled) if checked.settled is not None else None,
    )


def _rollback(run: Run) -> RollbackRecord:
    asked = [event for event in run.events if isinstance(event, UndoRequested)]
    return RollbackRecord(
        status=_rollback_status(run, has_begun=bool(asked)),
        reason=asked[-1].reason if asked else "",
        decisions=tuple(_decision(event) for event in asked),
        left=tuple(state.step.name for state in run.with_effect) if _is_left(run) else (),
    )


def _rollback_status(run: Run, *, has_begun: bool) -> RollbackStatus:
    if not has_begun:
        return "none"
    if not run.is_finished:
        return "waiting" if run.status == "waiting" else "running"
    return "complete" if run.status == "rolled_back" else "incomplete"


def _is_left(run: Run) -> bool:
    """What a run that succeeded changed is what it was for, and not left behind."""
    return run.is_finished and run.status not in ("succeeded", "rolled_back")


# ------------------------------------------------------------ decisions


def _decision(event: Event) -> DecisionRecord:
    permission = getattr(event, "permission", None)
    given = permission if isinstance(permission, Permission) else Permission(via="")
    return DecisionRecord(
        at=event.at,
        kind=_KINDS[type(event)],
        by=_person(getattr(event, "actor", None)),
        via=given.via,
        members_read_at=given.members_read_at,
        choice=getattr(event, "choice", ""),
        reason=_reason(event),
        digest=getattr(event, "digest", ""),
        changes=_changes(event),
    )


def _reason(event: Event) -> str:
    if isinstance(event, ApprovalEscalated):
        trouble = f", who could not be asked: {event.to.trouble}" if event.to.trouble else ""
        return f"nobody decided in time; asked next: {event.to.entry}{trouble}"
    reason = str(getattr(event, "reason", ""))
    return f"{event.person}: {reason}" if isinstance(event, ApprovalVoided) else reason


def _changes(event: Event) -> tuple[str, ...]:
    if isinstance(event, ParamsEdited):
        names = [name for name in event.after if event.after[name] != event.before.get(name)]
        return tuple(f"{name}: {event.before.get(name)!r} → {event.after[name]!r}" for name in names)
    return event.changes if isinstance(event, ProposalVoided) else ()


def _person(actor: Actor | None) -> PersonRecord | None:
    if actor is None:
        return None
    return PersonRecord(kind=actor.kind, id=actor.id, person=actor.person, name=actor.name)
