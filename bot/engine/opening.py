"""How a run begins: the first event of its stream, from a suggestion that was clicked or a start by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.catalog.schema import Catalog, Runbook
from bot.intake.incident import Incident, Suggestion
from bot.runs.events import Actor, ApprovalEscalated, Event, RunId, RunOpened, StepKey, StepProposed
from bot.runs.plan import JsonObject


def opened(
    incident: Incident,
    runbook: Runbook,
    *,
    run_id: RunId,
    params: Mapping[str, Any],
    catalog: Catalog,
    now: datetime,
    requester: Actor | None,
    dry_run: bool = False,
    request: str = "",
) -> RunOpened:
    """A run of this runbook for this incident, with a snapshot of both."""
    facts = incident.facts
    service = catalog.services.get(facts.service)
    return RunOpened(
        at=now,
        run_id=run_id,
        incident_id=incident.incident_id,
        runbook=runbook.model_dump(mode="json"),
        params=dict(params),
        values=values_of(incident, catalog),
        service=facts.service,
        tenant=service.team if service else "",
        environment=facts.environment,
        requester=requester,
        dry_run=dry_run or runbook.dry_run,
        catalog_digest=catalog.digest,
        catalog_commit=catalog.commit,
        request=request,
    )


def values_of(incident: Incident, catalog: Catalog) -> JsonObject:
    """What templates may know of the incident and its service, as plain data."""
    facts = incident.facts
    service = catalog.services.get(facts.service)
    return {
        "incident": {
            "id": incident.incident_id,
            "title": facts.title,
            "symptom": facts.symptom,
            "environment": facts.environment,
            "urgency": facts.urgency,
            "priority": facts.priority,
            "status": facts.status,
            "url": facts.url,
            "number": facts.number,
            "metric_name": facts.metric_name,
            "value": facts.value,
            "anomaly_score": facts.anomaly_score,
        },
        "service": {
            "name": facts.service or facts.service_text,
            "team": service.team if service else "",
            "channel": service.channel if service else "",
            "host": service.host if service else "",
            "environment": (service.environment or "") if service else "",
        },
        "place": {"channel": incident.opened.place.channel},
    }


def opened_from(incident: Incident, suggestion: Suggestion, *, catalog: Catalog, now: datetime) -> RunOpened:
    """The run a suggestion becomes, with what was known when it was made."""
    made = suggestion.made
    run_opened = opened(
        incident,
        Runbook.model_validate(made.runbook),
        run_id=made.run_id,
        params=made.params,
        catalog=catalog,
        now=now,
        requester=made.requester,
    )
    return replace(
        run_opened,
        catalog_digest=made.catalog_digest,
        catalog_commit=made.catalog_commit,
        environment=made.environment,
    )


def from_suggestion(suggestion: Suggestion, run_opened: RunOpened) -> tuple[Event, ...]:
    """The first events of the run a suggestion becomes: its proposal is the run's first, digest and all.

    Whom it was escalated to comes with it, and a reminder that was given is not given again.
    """
    made = suggestion.made
    proposal = StepProposed(
        at=made.at,
        proposal_id=made.suggestion_id,
        step=StepKey(),
        plan=made.plan,
        digest=made.digest,
        asked=made.asked,
        expires_at=made.expires_at,
        remind_at=None if suggestion.reminded else made.remind_at,
        reason=made.reason,
    )
    escalated = [
        ApprovalEscalated(at=one.at, proposal_id=made.suggestion_id, to=one.to)
        for one in suggestion.escalations
    ]
    if escalated and suggestion.reminded:
        last = escalated[-1]
        escalated[-1] = replace(last, to=replace(last.to, remind_at=None))
    return run_opened, proposal, *escalated
