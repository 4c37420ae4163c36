"""An incident: what signals opened and update, the one thread it owns, and what was suggested in it.

An incident is its events, like a run. It never runs anything: a suggestion ("this runbook, this first step")
holds no slot and no lock, and becomes a run by the first authorised click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Literal, assert_never

from bot.intake.diagnosed import (
    DiagnosisAsked,
    DiagnosisEvent,
    DiagnosisId,
    DiagnosisJudged,
    DiagnosisMade,
    IncidentDiagnosis,
    OpinionGiven,
)
from bot.runs.events import Actor, Asked, Escalation, Event, IncidentId, ProposalId, RunId
from bot.runs.plan import JsonObject, Plan

Status = Literal["triggered", "acknowledged", "resolved", "closed"]
"""`closed`: nobody says when it is over, and nothing happened in its thread for a day."""
ChangeKind = Literal[
    "acknowledged",
    "unacknowledged",
    "resolved",
    "reopened",
    "escalated",
    "delegated",
    "reassigned",
    "priority_updated",
    "service_updated",
    "annotated",
    "status_update",
    "merged",
    "updated",
    "closed",
]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One outside name of an incident: `pagerduty:Q1ZK4T8W2R6B3N`, `anomaly:a-17`, `slack:C0INC/1793697162.118259`."""

    key: str
    source: str
    """pagerduty, slack, anomaly, deployment, manual, schedule, alertmanager."""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """What a source says is affected in a cluster; "" means what the catalog gives for the service."""

    namespace: str
    cluster: str = ""
    kind: str = ""
    """As people write it: deployment, statefulset, daemonset."""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an incident from outside; "" and None mean not known."""

    title: str
    service: str = ""
    """Catalog name; "" where the service is in no catalog."""
    service_text: str = ""
    """What the source called it."""
    symptom: str = ""
    environment: str = ""
    urgency: str = ""
    priority: str = ""
    status: Status = "triggered"
    assignees: tuple[str, ...] = ()
    url: str = ""
    metric_name: str = ""
    value: float | None = None
    anomaly_score: float | None = None
    number: int | None = None
    runbook: str = ""
    """The one runbook that its source asks for by name, as a schedule does; no other is suggested by itself."""
    from_text: bool = False
    """Read from a message's text, not from the source itself; the card marks it as such."""
    as_of: datetime | None = None
    """When the source itself last said so; what it said before that comes too late to change anything."""
    status_at: datetime | None = None
    """When the status became this, by the source's or a message's account; None for "since it opened"."""
    whereabouts: Whereabouts | None = None
    """Where in a cluster to look, where the source says so itself, as a delivery pipeline does."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the thread is: the message we answer under (`thread_ts`), or "" where we post the root ourselves."""

    channel: str
    thread_ts: str = ""


@dataclass(frozen=True, kw_only=True)
class LastTime:
    """One earlier run for the same service and symptom, as the thread will tell it."""

    run_id: RunId
    runbook: str
    status: str
    at: datetime
    permalink: str = ""
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A runbook that fits, with why, best first."""

    runbook: str
    why: tuple[str, ...]
    evaluable: bool = True


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(Event):
    """A signal that fits no open incident."""

    incident_id: IncidentId
    origin: Origin
    facts: Facts
    place: Place
    last_times: tuple[LastTime, ...] = ()
    by: Actor | None = None
    occurred_at: datetime | None = None
    """When it happened by the source's clock."""


@dataclass(frozen=True, kw_only=True)
class OriginLinked(Event):
    """A second source speaks of the same incident; a Slack message of it is linked, not answered twice."""

    origin: Origin
    place: Place | None = None
    """Where a linked Slack message stands. The incident's thread goes there as long as it has no other:
    neither a message it was opened by nor a root of our own."""


@dataclass(frozen=True, kw_only=True)
class IncidentChanged(Event):
    """The source says something changed. `facts` is the whole picture after it."""

    kind: ChangeKind
    facts: Facts
    by: str = ""
    text: str = ""
    """A note's or update's words, a merge's parent; data, encoded where it is shown."""
    occurred_at: datetime | None = None
    """When it happened by the source's clock; `at` is when it was heard."""


@dataclass(frozen=True, kw_only=True)
class ThreadOpened(Event):
    """Slack took the root (or we found the message to answer under): later incidents link here."""

    channel: str
    ts: str
    permalink: str


@dataclass(frozen=True, kw_only=True)
class RunbookSuggested(Event):
    """This runbook, this first step; not a run."""

    suggestion_id: ProposalId
    runbook: JsonObject
    params: JsonObject
    plan: Plan
    digest: str
    asked: Asked
    expires_at: datetime
    remind_at: datetime | None = None
    why: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()
    requester: Actor | None = None
    reason: str = ""
    """Why there is a new one: what drifted, asked for again."""
    catalog_digest: str = ""
    catalog_commit: str = ""
    environment: str = ""
    run_id: RunId = RunId("")  # noqa: RUF009 - a NewType gives back its argument
    """The id of the run it becomes when it is taken: what the step will do may carry it."""


@dataclass(frozen=True, kw_only=True)
class NothingSuggested(Event):
    """No runbook fits, or the one that does cannot be proposed; said out loud with why."""

    reason: str
    others: tuple[Candidate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SuggestionReminded(Event):
    """Half of the time to decide has passed."""

    suggestion_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class SuggestionEscalated(Event):
    """The time to decide has passed, and the next were asked, with as much time again."""

    suggestion_id: ProposalId
    to: Escalation


@dataclass(frozen=True, kw_only=True)
class SuggestionWithdrawn(Event):
    """It may not be clicked any more: expired, replaced, drifted, or the incident ended."""

    suggestion_id: ProposalId
    reason: Literal["expired", "replaced", "drifted", "resolved"]
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class SuggestionTaken(Event):
    """The first authorised click opened a run."""

    suggestion_id: ProposalId
    run_id: RunId


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run was opened for this incident without a suggestion: by hand or over the API."""

    run_id: RunId


@dataclass(frozen=True, kw_only=True)
class PagerNotTold(Event):
    """Something that was to be told the pager was refused there; said once per incident, with what would help."""

    reason: str


EVENTS: Mapping[tuple[str, int], type[Event]] = {
    ("incident-opened", 1): IncidentOpened,
    ("origin-linked", 1): OriginLinked,
    ("incident-changed", 1): IncidentChanged,
    ("thread-opened", 1): ThreadOpened,
    ("runbook-suggested", 1): RunbookSuggested,
    ("nothing-suggested", 1): NothingSuggested,
    ("suggestion-reminded", 1): SuggestionReminded,
    ("suggestion-escalated", 1): SuggestionEscalated,
    ("suggestion-withdrawn", 1): SuggestionWithdrawn,
    ("suggestion-taken", 1): SuggestionTaken,
    ("run-started", 1): RunStarted,
    ("pager-not-told", 1): PagerNotTold,
    ("diagnosis-asked", 1): DiagnosisAsked,
    ("diagnosis-made", 1): DiagnosisMade,
    ("diagnosis-judged", 1): DiagnosisJudged,
    ("opinion-given", 1): OpinionGiven,
}

IncidentEvent = (
    IncidentOpened
    | OriginLinked
    | IncidentChanged
    | ThreadOpened
    | RunbookSuggested
    | NothingSuggested
    | SuggestionReminded
    | SuggestionEscalated
    | SuggestionWithdrawn
    | SuggestionTaken
    | RunStarted
    | PagerNotTold
    | DiagnosisEvent
)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A suggestion and what became of it."""

    made: RunbookSuggested
    escalations: tuple[SuggestionEscalated, ...] = ()
    reminded: bool = False
    """Since it was made, or since the last escalation."""
    withdrawn: SuggestionWithdrawn | None = None
    run_id: RunId | None = None

    @property
    def expires_at(self) -> datetime:
        """When the time to decide is over, for those who were asked last."""
        return self.escalations[-1].to.expires_at if self.escalations else self.made.expires_at

    @property
    def remind_at(self) -> datetime | None:
        """When those who were asked last are reminded."""
        return self.escalations[-1].to.remind_at if self.escalations else self.made.remind_at

    @property
    def is_open(self) -> bool:
        """Whether a click on it still counts."""
        return self.withdrawn is None and self.run_id is None


@dataclass(frozen=True, kw_only=True)
class Incident:
    """The fold. `version` is the number of events in it, what the next append expects."""

    incident_id: IncidentId
    opened: IncidentOpened
    facts: Facts
    origins: tuple[Origin, ...]
    place: Place
    permalink: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    run_ids: tuple[RunId, ...] = ()
    nothing: NothingSuggested | None = None
    diagnoses: tuple[IncidentDiagnosis, ...] = ()
    events: tuple[Event, ...] = ()
    version: int = 0
    updated_at: datetime = field(default_factory=lambda: datetime.min)  # noqa: DTZ901 - replaced by the fold

    @property
    def origin_keys(self) -> frozenset[str]:
        """Every outside key it is known by."""
        return frozenset(origin.key for origin in self.origins)

    @property
    def is_resolved(self) -> bool:
        """Whether it is over: the source says so, or it has none that could and was quiet for long."""
        return self.facts.status in ("resolved", "closed")

    @property
    def open_suggestion(self) -> Suggestion | None:
        """The one suggestion that can still be decided."""
        return next((one for one in reversed(self.suggestions) if one.is_open), None)

    def suggestion(self, suggestion_id: ProposalId) -> Suggestion | None:
        """The suggestion with this id."""
        return next((one for one in self.suggestions if one.made.suggestion_id == suggestion_id), None)

    def diagnosis(self, diagnosis_id: DiagnosisId) -> IncidentDiagnosis | None:
        """The diagnosis with this id."""
        return next((one for one in self.diagnoses if one.id == diagnosis_id), None)

    def was_proposed(self, runbook: str, *, since: DiagnosisMade) -> bool:
        """Whether the runbook that a diagnosis recommends stands to be decided, or was put before people after it."""
        is_later = False
        for event in self.events:
            is_later = is_later or event == since
            if is_later and isinstance(event, RunbookSuggested) and event.runbook.get("name") == runbook:
                return True
        now = self.open_suggestion
        return now is not None and now.made.runbook.get("name") == runbook


def stream_of(incident_id: IncidentId) -> str:
    """The journal stream of an incident."""
    return f"incident-{incident_id}"


def id_of(stream: str) -> IncidentId:
    """The incident whose stream this is."""
    return IncidentId(stream.partition("-")[2])


def fold(events: Sequence[Event], incident: Incident | None = None) -> Incident:
    """The incident these events make, from nothing or on top of an earlier fold."""
    if incident is None:
        first, *events = events
        if not isinstance(first, IncidentOpened):
            raise ValueError(f"an incident starts with incident-opened, not {type(first).__name__}")
        incident = _opened(first)
    return reduce(_apply, events, incident)


def _opened(event: IncidentOpened) -> Incident:
    return Incident(
        incident_id=event.incident_id,
        opened=event,
        facts=event.facts,
        origins=(event.origin,),
        place=event.place,
        events=(event,),
        version=1,
        updated_at=event.at,
    )


def _apply(incident: Incident, event: Event) -> Incident:
    changed = _changed(incident, event)  # type: ignore[arg-type]  # a stream holds only its own events
    return replace(
        changed, events=(*incident.events, event), version=incident.version + 1, updated_at=event.at
    )


def _changed(incident: Incident, event: IncidentEvent) -> Incident:  # noqa: C901 - one arm per event, nothing else
    match event:
        case IncidentOpened():
            raise ValueError(f"incident {incident.incident_id!r} was opened twice")
        case OriginLinked():
            place = incident.place if event.place is None or incident.place.thread_ts else event.place
            return replace(incident, origins=(*incident.origins, event.origin), place=place)
        case IncidentChanged():
            return replace(incident, facts=event.facts)
        case ThreadOpened():
            place = Place(channel=event.channel, thread_ts=event.ts)
            return replace(incident, place=place, permalink=event.permalink)
        case RunbookSuggested():
            return replace(
                incident, suggestions=(*incident.suggestions, Suggestion(made=event)), nothing=None
            )
        case NothingSuggested():
            return replace(incident, nothing=event)
        case SuggestionReminded():
            return _suggestion(incident, event.suggestion_id, reminded=True)
        case SuggestionEscalated():
            return _escalated(incident, event)
        case SuggestionWithdrawn():
            return _suggestion(incident, event.suggestion_id, withdrawn=event)
        case SuggestionTaken():
            taken = _suggestion(incident, event.suggestion_id, run_id=event.run_id)
            return replace(taken, run_ids=(*incident.run_ids, event.run_id))
        case PagerNotTold():
            return incident
        case RunStarted():
            return replace(incident, run_ids=(*incident.run_ids, event.run_id))
        case DiagnosisAsked():
            return replace(incident, diagnoses=(*incident.diagnoses, IncidentDiagnosis(asked=event)))
        case DiagnosisMade():
            return _diagnosis(incident, event.diagnosis_id, made=event)
        case DiagnosisJudged():
            return _diagnosis(incident, event.diagnosis_id, judged=event)
        case OpinionGiven():
            return _diagnosis(incident, event.diagnosis_id, opinion=event)
        case _:
            assert_never(event)


def _escalated(incident: Incident, event: SuggestionEscalated) -> Incident:
    before = incident.suggestion(event.suggestion_id)
    escalations = (*(before.escalations if before else ()), event)
    return _suggestion(incident, event.suggestion_id, escalations=escalations, reminded=False)


def _suggestion(incident: Incident, suggestion_id: ProposalId, **change: object) -> Incident:
    return replace(
        incident,
        suggestions=tuple(
            replace(one, **change) if one.made.suggestion_id == suggestion_id else one  # type: ignore[arg-type]  # fields of Suggestion
            for one in incident.suggestions
        ),
    )


def _diagnosis(incident: Incident, diagnosis_id: DiagnosisId, **change: object) -> Incident:
    return replace(
        incident,
        diagnoses=tuple(
            replace(one, **change) if one.id == diagnosis_id else one  # type: ignore[arg-type]  # its fields
            for one in incident.diagnoses
        ),
    )
