"""Looks into what a diagnosis was asked for, once, beside everything else that the incident needs.

    DiagnosisAsked ──(a task of its own reads, within a budget)──▶ DiagnosisMade

Reading is safe to do again. So there is no record that it began: whoever finds a diagnosis asked for and not made
makes it, after a crash as well, and the append on the incident's version keeps a second report out. Words to the
thread never wait for it, and a storm of pages does not become a storm of reads: only a few look at a time.

Where a model is set, it is asked for its opinion after that, in nobody's way: the findings stand in the thread already.
An opinion that a crash took is gone, for the next request may cost as much as the first.

By itself it asks where the catalog says `diagnose: auto`, and for a deployment that its pipeline reports unless the
catalog says `off`; only while the news is fresh, so that neither a restart nor a changed catalog looks into every old
incident there is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.catalog.schema import Catalog, RunbookName
from bot.clients.kubernetes import Clusters
from bot.diagnosis import sources
from bot.diagnosis.diagnosis import Diagnosis, diagnose
from bot.diagnosis.evidence import Item
from bot.diagnosis.findings import HEALTHY
from bot.diagnosis.findings.classes import symptoms_of
from bot.diagnosis.place import Place
from bot.diagnosis.sources import Numbers, Source
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.opining import Opining, given
from bot.engine.recording import ref_of
from bot.engine.starting import again
from bot.errors import BotError
from bot.intake.deployed import DeploymentReported, as_evidence, streams_before
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisMade, FittingStep
from bot.intake.incident import Facts, Incident, IncidentChanged, IncidentOpened
from bot.intake.matching import next_steps
from bot.intake.signal import DEPLOYMENT, MANUAL, SCHEDULE
from bot.runs.events import IncidentId
from bot.runs.plan import Artifact
from bot.telemetry import Redactor

log = structlog.get_logger()

BUDGET_S = 4.0
"""Of the five seconds in which the report shall stand in the thread, what reading may take."""
AT_ONCE = 4
"""How many look at the same time."""
ASKING_AT_ONCE = 2
"""How many ask a model at the same time; those take much longer, and are waited for by nobody."""
FRESH = timedelta(minutes=10)
"""How long after the news of an incident it is still looked into by itself."""
MOST_STEPS = 3
_DETAILS = (
    *("service", "service_text", "symptom", "environment", "urgency", "priority", "status"),
    *("metric_name", "value", "anomaly_score", "number", "url"),
)
"""What the alert's own details are, of what is known of an incident."""


@dataclass(kw_only=True)
class Looker:
    """Asks for diagnoses by the catalog's word, and makes what was asked for."""

    ledger: Ledger
    catalog: Callable[[], Catalog]
    clusters: Callable[[], Clusters]
    redactor: Redactor
    clock: Clock
    numbers: Numbers | None = None
    """Metrics around the start; None where there is no Prometheus."""
    budget_s: float = BUDGET_S
    opining: Opining | None = None
    """Where a model's opinion comes from; None where no model is set."""
    _asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ASKING_AT_ONCE))
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def wants(self, incident: Incident) -> bool:
        """Whether the catalog has this incident looked into by itself, now."""
        return is_wanted(incident, self.catalog(), self.clock.now())

    async def ask(self, incident: Incident) -> None:
        """Note down that it shall be looked into; raises `VersionConflict` when somebody else was first."""
        is_reported = incident.opened.origin.source == DEPLOYMENT
        event = DiagnosisAsked(
            at=self.clock.now(),
            diagnosis_id=DiagnosisId(uuid4().hex),
            cause="deployment" if is_reported else "policy",
        )
        await self.ledger.append(Change(incident=incident, incident_events=(event,)))

    async def look(self, incident_id: IncidentId, diagnosis_id: DiagnosisId) -> None:
        """Make one diagnosis that was asked for; does nothing where it is made already."""
        async with self._places:
            incident = await self.ledger.incident(incident_id)
            if not _is_open(incident, diagnosis_id):
                return
            began = time.monotonic()
            made, files, looked = await self._made(incident, diagnosis_id)
            made = replace(made, duration_s=round(time.monotonic() - began, 3))

            async def once() -> None:
                now = await self.ledger.incident(incident_id)
                if _is_open(now, diagnosis_id):
                    event = replace(made, at=self.clock.now())
                    await self.ledger.append(Change(incident=now, incident_events=(event,), artifacts=files))

            await again(once)
        # The findings are told; a model's opinion comes when it comes, and is not asked for again after a crash.
        if looked is not None and self.opining is not None:
            await self._opine(incident_id, diagnosis_id, *looked, self.opining)

    async def _opine(
        self,
        incident_id: IncidentId,
        diagnosis_id: DiagnosisId,
        found: Diagnosis,
        place: Place,
        opining: Opining,
    ) -> None:
        async with self._asking:
            began = time.monotonic()
            told = await opining.on(found, place)
        if told.opinion is None:
            return
        made, files = given(told.opinion, diagnosis_id, found)
        made = replace(made, duration_s=round(time.monotonic() - began, 3))

        async def once() -> None:
            now = await self.ledger.incident(incident_id)
            one = now.diagnosis(diagnosis_id)
            if one is not None and one.opinion is None:
                event = replace(made, at=self.clock.now())
                await self.ledger.append(Change(incident=now, incident_events=(event,), artifacts=files))

        await again(once)

    async def _made(
        self, incident: Incident, diagnosis_id: DiagnosisId
    ) -> tuple[DiagnosisMade, tuple[Artifact, ...], tuple[Diagnosis, Place] | None]:
        catalog, now = self.catalog(), self.clock.now()
        try:
            place = place_of(incident.facts, catalog)
            found = await diagnose(
                self.clusters().reader(place.cluster),
                place.subject,
                redactor=self.redactor,
                now=self.clock.now,
                budget_s=self.budget_s,
                sources=self._beside(incident, catalog),
            )
        except BotError as problem:
            return _nothing_read(diagnosis_id, now, problem.message), (), None
        except Exception:  # whatever a cluster says, the thread gets an answer; said with a reference
            reference = uuid4().hex[:8]
            log.exception("look-broke", incident=incident.incident_id, reference=reference)
            return (
                _nothing_read(diagnosis_id, now, f"something unexpected happened (reference {reference})"),
                (),
                None,
            )
        report, evidence = found.artifacts()  # of evidence that the redactor has gone over
        steps = fitting(found, incident, catalog)
        told = _told(found, diagnosis_id, now, report, evidence, steps)
        return told, (report, evidence), None if found.has_read_nothing else (found, place)

    def _beside(self, incident: Incident, catalog: Catalog) -> tuple[Source, ...]:
        """What is known beside the cluster: the alert itself, what was done before, the service's metrics."""
        facts, now = incident.facts, self.clock.now()
        start = incident.opened.occurred_at or incident.opened.at
        known = [
            sources.alert(
                facts.title,
                source=incident.opened.origin.source,
                at=start,
                details={name: getattr(facts, name) for name in _DETAILS},
            ),
            sources.past(self.ledger.journal, service=facts.service, now=now),
            Source(what=f"what was deployed of {facts.service}", read=self._deployed(facts.service)),
        ]
        if self.numbers is not None:
            named = (facts.metric_name,) if facts.metric_name else ()
            known += sources.numbers(
                self.numbers, catalog, service=facts.service, start=start, now=now, also=named
            )
        return tuple(known)

    def _deployed(self, service: str) -> Callable[[], Awaitable[Sequence[Item]]]:
        async def read() -> Sequence[Item]:
            now = self.clock.now()
            found = [
                one.event
                for stream in streams_before(service, now)
                for one in await self.ledger.journal.read(stream)
                if isinstance(one.event, DeploymentReported)
            ]
            return as_evidence(found, now=now)

        return read


def is_wanted(incident: Incident, catalog: Catalog, now: datetime) -> bool:
    """Whether nobody has asked since the news came, and the catalog does not wait for somebody to."""
    service = catalog.services.get(incident.facts.service)
    source = incident.opened.origin.source
    if incident.is_resolved or service is None or source in (MANUAL, SCHEDULE):
        return False
    is_reported = source == DEPLOYMENT and service.diagnose != "off"
    if not is_reported and (service.diagnose != "auto" or service.workload is None):
        return False
    for event in reversed(incident.events):
        match event:
            case DiagnosisAsked():
                return False
            case IncidentChanged(kind="reopened" | "service_updated") | IncidentOpened():
                return now - event.at < FRESH
    return False


def waits_to_be_asked(incident: Incident, catalog: Catalog) -> bool:
    """Whether somebody has to ask before this incident is looked into, and there is something to look into."""
    service = catalog.services.get(incident.facts.service)
    if service is None or service.diagnose != "ask" or incident.opened.origin.source == DEPLOYMENT:
        return False
    return service.workload is not None or incident.facts.whereabouts is not None


def place_of(facts: Facts, catalog: Catalog) -> Place:
    """Where to look for what is wrong: what the source names itself, else what the catalog gives for the service.

    Refused where neither says.
    """
    service, where = catalog.services.get(facts.service), facts.whereabouts
    if where is None:
        return Place.said(catalog, service)
    return Place.said(
        catalog,
        service,
        cluster=where.cluster,
        namespace=where.namespace,
        kind=where.kind,
        name=where.name,
    )


def fitting(found: Diagnosis, incident: Incident, catalog: Catalog) -> tuple[FittingStep, ...]:
    """The runbooks that fit what was found, best first; those for the most likely finding before those for the others.

    The words compared are those of the classes, which are ours: what a log says recommends nothing.
    """
    source = incident.opened.origin.source
    steps: dict[str, FittingStep] = {}
    for kind in dict.fromkeys(one.kind for one in found.findings if one.kind != HEALTHY):
        facts = replace(incident.facts, title="", symptom=symptoms_of(kind), runbook="")
        for one in next_steps(catalog, facts=facts, source=source):
            runbook = catalog.runbooks.get(RunbookName(one.runbook))
            if not one.evaluable or runbook is None or all(step.type == "diagnose" for step in runbook.steps):
                continue
            step = FittingStep(runbook=one.runbook, step=runbook.steps[0].name, why=one.why)
            steps.setdefault(one.runbook, step)
    return tuple(steps.values())[:MOST_STEPS]


def _is_open(incident: Incident, diagnosis_id: DiagnosisId) -> bool:
    one = incident.diagnosis(diagnosis_id)
    return one is not None and one.is_open


def _nothing_read(diagnosis_id: DiagnosisId, now: datetime, why: str) -> DiagnosisMade:
    return DiagnosisMade(
        at=now, diagnosis_id=diagnosis_id, subject="", sentence=f"nothing could be read: {why}"
    )


def _told(
    found: Diagnosis,
    diagnosis_id: DiagnosisId,
    now: datetime,
    report: Artifact,
    evidence: Artifact,
    steps: tuple[FittingStep, ...],
) -> DiagnosisMade:
    top = found.top
    quote = top.quotes[0] if top is not None and top.quotes else None
    return DiagnosisMade(
        at=now,
        diagnosis_id=diagnosis_id,
        subject=found.evidence.subject.words,
        sentence=found.sentence,
        brief=found.brief,
        finding=top.kind if top else "",
        title=top.title if top else "",
        confidence=top.confidence if top else "",
        reason=top.reason if top else "",
        quote=quote.text if quote else "",
        evidence_id=quote.item if quote else "",
        look_at=top.look_at if top else "",
        others=tuple(one.kind for one in found.findings[1:]),
        not_read="" if found.has_read_nothing else found.not_read,
        report=ref_of(report),
        evidence=ref_of(evidence),
        steps=steps,
    )
