"""Turns what the journal has committed into numbers; the only place that does.

The ledger tells it each change once, after its commit, so a restart, a replay or a conflict never counts a thing
twice, and what was not committed was never counted. Where an append's answer was lost, the ledger tells it when the
events turn out to be there. Several replicas each count what they committed themselves: their sum is the truth.

Gauges follow the folds this process last saw of what is open; they are the same in every replica, give or take the
moment, so of them the maximum is the truth.

Names become labels only where the catalog of now knows them: what an alert calls a service never becomes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bot.catalog.schema import Catalog
from bot.diagnosis.findings import DEPTH
from bot.intake.diagnosed import DiagnosisJudged, DiagnosisMade
from bot.intake.incident import (
    Incident,
    IncidentOpened,
    NothingSuggested,
    RunbookSuggested,
    SuggestionWithdrawn,
)
from bot.runs.automation import action_of
from bot.runs.events import (
    CheckJudged,
    Event,
    IncidentId,
    ParamsEdited,
    ProposalExpired,
    RunFinished,
    RunId,
    RunOpened,
    StepApproved,
    StepFinished,
    StepKey,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
)
from bot.runs.state import Run
from bot.telemetry.metrics import OTHER, Metrics, Sample

_VERDICTS: dict[type[Event], str] = {
    StepApproved: "approved",
    StepRejected: "rejected",
    StepSkipped: "skipped",
    ParamsEdited: "edited",
    StepOverridden: "overridden",
    ProposalExpired: "expired",
}
_Decision = StepApproved | StepRejected | StepSkipped | ParamsEdited | StepOverridden | ProposalExpired


NO_FINDING = "none"


def _class_of(made: DiagnosisMade | None) -> str:
    """The class of its most likely finding, as a label: one of those there are."""
    if made is None or not made.finding:
        return NO_FINDING
    return made.finding if made.finding in DEPTH else OTHER


@dataclass(frozen=True, kw_only=True)
class _OpenRun:
    service: str
    status: str
    waits_for_people: bool
    unknown: int


@dataclass(kw_only=True)
class Counting:
    """Watches a ledger. One per process."""

    metrics: Metrics
    catalog: Callable[[], Catalog]
    _runs: dict[RunId, _OpenRun] = field(default_factory=dict)
    _incidents: dict[IncidentId, tuple[str, bool]] = field(default_factory=dict)

    _prepared: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.metrics.follow(self.open_now)

    # ------------------------------------------------------------ what was committed

    def committed_incident(self, incident: Incident, events: tuple[Event, ...]) -> None:
        """Count what was appended to an incident."""
        service = self._service(incident.facts.service)
        for event in events:
            match event:
                case IncidentOpened():
                    self.metrics.count(
                        "runbook_incidents_opened_total", service=service, source=event.origin.source
                    )
                case RunbookSuggested():
                    self.metrics.count("runbook_suggestions_total", service=service, result="suggested")
                case NothingSuggested():
                    self.metrics.count("runbook_suggestions_total", service=service, result="nothing")
                case SuggestionWithdrawn(reason="expired"):
                    suggestion = incident.suggestion(event.suggestion_id)
                    if suggestion is not None:
                        self._decided(service, "expired", suggestion.made.at, event.at)
                case DiagnosisMade():
                    self._diagnosed(incident, service, event)
                case DiagnosisJudged():
                    found = incident.diagnosis(event.diagnosis_id)
                    finding = _class_of(found.made if found is not None else None)
                    self.metrics.count(
                        "runbook_diagnosis_judgements_total", finding=finding, verdict=event.verdict
                    )
                case _:
                    continue

    def _diagnosed(self, incident: Incident, service: str, made: DiagnosisMade) -> None:
        self.metrics.count("runbook_diagnoses_total", service=service, finding=_class_of(made))
        found = incident.diagnosis(made.diagnosis_id)
        if found is not None:
            self.metrics.took("runbook_diagnosis_seconds", (made.at - found.asked.at).total_seconds())

    def committed_run(self, run: Run, events: tuple[Event, ...]) -> None:  # noqa: C901 - one arm per event
        """Count what was appended to a run."""
        service = self._service(run.opened.service)
        for event in events:
            match event:
                case RunOpened():
                    self._opened(run, service)
                case RunFinished():
                    self._finished(run, service, event)
                case StepApproved() | StepRejected() | StepSkipped() | ParamsEdited() | ProposalExpired():
                    self._decided_on(run, service, event)
                case StepOverridden():
                    self._decided_on(run, service, event)
                    self.metrics.count("runbook_overrides_total", service=service)
                case StepFinished():
                    self._executed(run, service, event)
                case UndoRequested():
                    by = "bot" if event.actor is None else "people"
                    self.metrics.count("runbook_rollbacks_total", service=service, by=by)
                case UndoFinished():
                    self._undone(run, service, event.step, event.result.verdict)
                case UndoBlocked():
                    self._undone(run, service, event.step, "blocked")
                case CheckJudged():
                    self.metrics.count("runbook_checks_total", service=service, verdict=event.verdict)
                case _:
                    continue

    def _opened(self, run: Run, service: str) -> None:
        runbook = self._runbook(run)
        self.metrics.count("runbook_runs_opened_total", service=service, runbook=runbook)
        self.metrics.prepare(service=service, runbook=runbook)
        for key in run.steps:
            self.metrics.prepare(service=service, action=self._action(run, key))

    def _finished(self, run: Run, service: str, event: RunFinished) -> None:
        self.metrics.count(
            "runbook_runs_finished_total", service=service, runbook=self._runbook(run), status=event.status
        )
        took_s = (event.at - run.opened.at).total_seconds()
        self.metrics.took("runbook_run_seconds", took_s, status=event.status)

    def _executed(self, run: Run, service: str, event: StepFinished) -> None:
        if run.opened.dry_run:
            return
        result, step = event.result.verdict, run.steps[event.step].step
        self.metrics.count(
            "runbook_steps_executed_total",
            service=service,
            action=self._action(run, event.step),
            result=result,
        )
        self.metrics.took("runbook_step_seconds", event.result.duration_s, type=step.type, result=result)

    def _undone(self, run: Run, service: str, key: StepKey, result: str) -> None:
        action = self._action(run, key)
        self.metrics.count("runbook_undos_total", service=service, action=action, result=result)

    def _decided_on(self, run: Run, service: str, event: _Decision) -> None:
        found = run.proposal(event.proposal_id)
        if found is not None:
            self._decided(service, _VERDICTS[type(event)], found[1].made.at, event.at)

    def _decided(self, service: str, verdict: str, since: datetime, at: datetime) -> None:
        self.metrics.count("runbook_decisions_total", service=service, verdict=verdict)
        self.metrics.took("runbook_decision_seconds", (at - since).total_seconds(), verdict=verdict)

    # ------------------------------------------------------------ what is open

    def saw_run(self, run: Run) -> None:
        """Remember how a run stands, until it is over."""
        if run.is_finished:
            self._runs.pop(run.id, None)
            return
        proposal = run.open_proposal
        self._runs[run.id] = _OpenRun(
            service=run.opened.service,
            status=run.status,
            waits_for_people=proposal is not None
            and not proposal.made.asked.unattended
            and not proposal.has_quorum,
            unknown=sum(_is_unknown(run, key) for key in run.steps),
        )

    def saw_incident(self, incident: Incident) -> None:
        """Remember whether an incident waits for a click, until it is over and nothing in it does."""
        is_asked = incident.open_suggestion is not None
        if incident.is_resolved and not is_asked:
            self._incidents.pop(incident.incident_id, None)
        else:
            self._incidents[incident.incident_id] = (incident.facts.service, is_asked)

    def open_now(self) -> Iterator[Sample]:
        """Every gauge as it stands; counters of services that the catalog has by now begin at 0."""
        for service in {OTHER, *self.catalog().services} - self._prepared:
            self._prepared.add(service)
            self.metrics.prepare(service=service)
        # Taken in one go: a scrape is written in a thread of its own while the ledger goes on.
        runs_now, incidents_now = tuple(self._runs.values()), tuple(self._incidents.values())
        pending: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        incidents: Counter[str] = Counter()
        for name, is_asked in incidents_now:
            incidents[self._service(name)] += 1
            pending[self._service(name)] += is_asked
        for run in runs_now:
            pending[self._service(run.service)] += run.waits_for_people
            unknown[self._service(run.service)] += run.unknown
        statuses = Counter({"queued": 0, "running": 0, "waiting": 0})
        statuses.update(run.status for run in runs_now)
        for family, found in (
            ("runbook_incidents_open", incidents),
            ("runbook_approvals_pending", pending),
            ("runbook_unknown_outcomes_open", unknown),
            ("runbook_runs_open", statuses),
        ):
            for name, number in found.items():
                yield family, (name,), float(number)
        yield "runbook_queue_depth", (), float(statuses["queued"])

    # ------------------------------------------------------------ names

    def _service(self, name: str) -> str:
        return name if name in self.catalog().services else OTHER

    def _runbook(self, run: Run) -> str:
        return run.runbook.name if run.runbook.name in self.catalog().runbooks else OTHER

    def _action(self, run: Run, key: StepKey) -> str:
        """The action's id, or `RUNBOOK/STEP`, where the files of today still have it."""
        catalog, step = self.catalog(), run.steps[key].step
        if step.action:
            return action_of(run.runbook.name, step) if step.action in catalog.actions else OTHER
        today = catalog.runbooks.get(run.runbook.name)
        named = (*today.steps, *today.on_reject) if today is not None else ()
        return action_of(run.runbook.name, step) if any(one.name == step.name for one in named) else OTHER


def _is_unknown(run: Run, key: StepKey) -> bool:
    state = run.steps[key]
    if state.status == "undo_unknown":
        return state.undoing is not None and state.undoing.settled is None
    return state.proposal is not None and state.proposal.is_unknown
