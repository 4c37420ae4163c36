"""Diagnosis for programs: what is wrong with a workload, read now and answered in one go.

It only reads, and yet it is the operator's: it makes the bot spend its rights and its pace in a cluster, and shows
words of logs that no viewer sees otherwise. The pace is shared with the runs, so only a few look at the same time;
whoever comes then is asked to come again. Nothing of it is recorded and no thread hears of it.
"""

from __future__ import annotations

from bot.api.auth import OPERATOR
from bot.api.doors import Doors
from bot.api.routing import Answer, Ask, Nothing, Returns, route
from bot.api.shapes_diagnosis import (
    Diagnose,
    DiagnosisShown,
    FindingShown,
    GapShown,
    ItemShown,
    QuoteShown,
    WorkloadShown,
)
from bot.api.sight import place_for, sees_all_of, service_called
from bot.diagnosis.diagnosis import Diagnosis
from bot.diagnosis.evidence import Item
from bot.diagnosis.findings import Finding
from bot.diagnosis.place import Place
from bot.errors import NotPermitted, Refused


@route(
    "POST",
    "/api/v1/diagnose",
    summary="Say what is wrong with a workload",
    section="Diagnosis",
    role=OPERATOR,
    body=Diagnose,
    answers=(Returns(200, DiagnosisShown, "the report, as far as could be read in time"),),
    refuses=(422,),
)
async def diagnose(doors: Doors, ask: Ask[Diagnose, Nothing]) -> Answer:
    """Reads the workload and what is around it within `within_s` seconds, and names what is wrong, most likely cause
    first, with the words that show it. Nothing is changed, recorded or posted.

    What cannot be read (no right, no answer in time, a workload that is not there) stands in the report. Secrets are
    not read. Few diagnoses are made at the same time; 429 asks you to come again.
    """
    wanted = ask.body
    if doors.consulting is None:
        raise Refused("this process reads no cluster, so nothing was looked into")
    service = service_called(doors, ask.caller, wanted.service) if wanted.service is not None else None
    kind, name = wanted.workload
    place = place_for(
        doors,
        ask.caller,
        service,
        cluster=wanted.cluster,
        namespace=wanted.namespace or "",
        kind=kind,
        name=name,
    )
    if wanted.with_evidence and not sees_all_of(ask.caller, doors.engine.catalog(), place):
        raise NotPermitted(
            f"evidence of {place.subject.words} is of everything in its namespace, which is also other teams'",
            hint="ask without `with_evidence`, or mint a token with every team of that namespace",
        )
    with doors.looks.taken():
        made = await doors.consulting.into(place, budget_s=wanted.within_s)
    shown = _shown(made, place, service.name if service else "", with_evidence=wanted.with_evidence)
    return Answer(content=shown)


def _shown(made: Diagnosis, place: Place, service: str, *, with_evidence: bool) -> DiagnosisShown:
    evidence = made.evidence
    return DiagnosisShown(
        workload=WorkloadShown(
            cluster=place.cluster.name,
            environment=place.environment,
            namespace=place.subject.namespace,
            kind=place.subject.kind.lower(),
            name=place.subject.name,
        ),
        service=service,
        taken_at=evidence.taken_at,
        summary=made.sentence,
        is_healthy=made.is_healthy,
        findings=[_finding(one) for one in made.findings],
        gaps=[GapShown(what=one.what, why=one.why) for one in evidence.gaps],
        evidence=[_item(one) for one in evidence.items] if with_evidence else None,
    )


def _finding(one: Finding) -> FindingShown:
    return FindingShown(
        kind=one.kind,
        title=one.title,
        confidence=one.confidence,
        reason=one.reason,
        quotes=[QuoteShown(item=quote.item, text=quote.text) for quote in one.quotes],
        look_at=one.look_at,
        about=one.about,
    )


def _item(one: Item) -> ItemShown:
    return ItemShown(
        id=one.id, kind=one.kind, source=one.source, at=one.at, body=dict(one.body), text=one.text
    )
