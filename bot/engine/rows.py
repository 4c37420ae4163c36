"""The rebuildable rows of the journal, as pure functions of the folds they are derived from."""

from __future__ import annotations

from bot.intake.incident import Incident
from bot.journal.base import IncidentRow, RunRow
from bot.runs.state import Run


def incident_row(incident: Incident) -> IncidentRow:
    """One line per incident."""
    facts = incident.facts
    return IncidentRow(
        incident_id=incident.incident_id,
        service=facts.service or facts.service_text,
        environment=facts.environment,
        title=facts.title,
        symptom=facts.symptom,
        status=facts.status,
        is_open=not incident.is_resolved or incident.open_suggestion is not None,
        opened_at=incident.opened.at,
        updated_at=incident.updated_at,
        channel=incident.place.channel,
        thread_ts=incident.place.thread_ts,
        permalink=incident.permalink,
        origins=tuple(origin.key for origin in incident.origins),
    )


def run_row(run: Run) -> RunRow:
    """One line per run."""
    opened = run.opened
    names = dict.fromkeys(
        approval.actor.called
        for state in run.steps.values()
        for proposal in state.proposals
        for approval in proposal.approvals
    )
    return RunRow(
        run_id=run.id,
        incident_id=run.incident_id,
        runbook=run.runbook.name,
        version=run.runbook.digest,
        service=opened.service,
        tenant=opened.tenant,
        environment=run.environment,
        status=run.status,
        is_open=not run.is_finished,
        opened_at=opened.at,
        updated_at=run.events[-1].at,
        finished_at=run.finished.at if run.finished else None,
        requester=run.requester.person if run.requester else "",
        decided_by=", ".join(names),
        symptom=str(opened.values.get("incident", {}).get("symptom", "")),
        dry_run=opened.dry_run,
        step_count=len(run.runbook.steps),
    )
