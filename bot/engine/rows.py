"""The rebuildable rows of the journal, as pure functions of the folds they are derived from."""

from __future__ import annotations

from collections.abc import Collection

from bot.errors import VersionConflict
from bot.intake import incident as incidents
from bot.intake.deployed import DeploymentReported
from bot.intake.incident import Incident
from bot.journal.base import IncidentRow, Journal, Rows, RunRow, StepRow
from bot.journal.reads import rebuild
from bot.runs.automation import accounts, touched
from bot.runs.events import Event, RunOpened, StepKey
from bot.runs.fold import fold as fold_run
from bot.runs.state import Run

EDITION = 2
"""By which rules rows are made; raised whenever they change, and at the next start all rows are made anew."""

TRIES = 3


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
        is_open=_is_open(incident),
        opened_at=incident.opened.at,
        updated_at=incident.updated_at,
        channel=incident.place.channel,
        thread_ts=incident.place.thread_ts,
        permalink=incident.permalink,
        origins=tuple(origin.key for origin in incident.origins),
    )


def _is_open(incident: Incident) -> bool:
    """Whether anything of it is still to be done, so that it is taken up at a start."""
    is_asked = any(one.is_open for one in incident.diagnoses)
    return not incident.is_resolved or incident.open_suggestion is not None or is_asked


def run_row(run: Run) -> RunRow:
    """One line per run."""
    opened = run.opened
    proposals = [proposal for state in run.steps.values() for proposal in state.proposals]
    names = dict.fromkeys(one.called for proposal in proposals for one in proposal.agreed)
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


def step_rows(run: Run, *, only: Collection[StepKey] | None = None) -> tuple[StepRow, ...]:
    """One line per step that was reached; a dry run has none. `only` leaves all other steps out."""
    return tuple(
        StepRow(
            run_id=run.id,
            step=str(account.step),
            name=account.name,
            action=account.action,
            type=account.type,
            service=run.opened.service,
            tenant=run.opened.tenant,
            environment=run.environment,
            runbook=run.runbook.name,
            version=run.runbook.digest,
            status=account.status,
            at=account.at,
            actor=account.actor,
            reason=account.reason,
            proposals=account.proposals,
            edits=account.edits,
            is_unattended=account.is_unattended,
            is_unchanged=account.is_unchanged,
            is_rejected=account.is_rejected,
            is_skipped=account.is_skipped,
            is_overridden=account.is_overridden,
            is_expired=account.is_expired,
            is_cancelled=account.is_cancelled,
            has_failed=account.has_failed,
            was_unknown=account.was_unknown,
            is_rolled_back=account.is_rolled_back,
            decide_s=account.decide_s,
        )
        for account in accounts(run, only=only)
    )


def changed_step_rows(before: Run | None, after: Run) -> tuple[StepRow, ...]:
    """The lines that an append may have changed: what is written with every event is kept small."""
    if before is None or before.environment != after.environment:
        return step_rows(after)
    return step_rows(after, only=touched(after, after.events[before.version :]))


def rows_of(stream: str, events: tuple[Event, ...]) -> Rows:  # noqa: ARG001 - the shape of a rebuild
    """All rows that follow from one stream; what was deployed has none."""
    if isinstance(events[0], DeploymentReported):
        return Rows()
    if isinstance(events[0], RunOpened):
        run = fold_run(events)
        return Rows(runs=(run_row(run),), steps=step_rows(run))
    return Rows(incidents=(incident_row(incidents.fold(events)),))


async def bring_up(journal: Journal) -> bool:
    """Make all rows anew where the journal's were made by other rules than today's; whether that was so."""
    if await journal.row_edition() == EDITION:
        return False
    for tries_left in reversed(range(TRIES)):
        try:
            await rebuild(journal, rows_of, edition=EDITION)
            break
        except VersionConflict:
            if not tries_left:
                raise
    return True
