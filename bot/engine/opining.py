"""A model's opinion on a diagnosis that this process makes: for a place of the catalog, logged, and as an event."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.catalog.schema import Catalog
from bot.clients.kubernetes import Clusters
from bot.diagnosis.agent import Opinion
from bot.diagnosis.agent.opinion import Hypothesis
from bot.diagnosis.agent.opinions import Opinions
from bot.diagnosis.agent.telling import markdown
from bot.diagnosis.diagnosis import Diagnosis
from bot.diagnosis.place import Place, service_of
from bot.engine.recording import ref_of
from bot.intake.diagnosed import DiagnosisId, FittingStep, OpinedCause, OpinionGiven
from bot.runs.markdown import prose
from bot.runs.plan import Artifact

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Opining:
    """Asks for opinions. Made only where a key is set; holds no state."""

    opinions: Opinions
    clusters: Callable[[], Clusters]
    catalog: Callable[[], Catalog]

    async def on(self, found: Diagnosis, place: Place, within_s: float | None = None) -> Diagnosis:
        """The diagnosis with a model's opinion; ends within the limits and raises nothing for what a model does."""
        service, _ = service_of(self.catalog(), place.subject, context=place.cluster.context)
        began = time.monotonic()
        told = await self.opinions.on(
            found,
            reader=self.clusters().reader(place.cluster),
            service=service,
            environment=place.environment,
            within_s=within_s,
        )
        opinion = told.opinion
        if opinion is not None:
            log.info(
                "model-asked",
                model=opinion.model,
                workload=place.subject.words,
                requests=opinion.requests,
                tokens=opinion.tokens,
                looks=len(opinion.looked),
                struck=len(opinion.struck),
                nothing=opinion.nothing,
                seconds=round(time.monotonic() - began, 1),
            )
        return told


def given(
    opinion: Opinion, diagnosis_id: DiagnosisId, found: Diagnosis
) -> tuple[OpinionGiven, tuple[Artifact, ...]]:
    """What the journal keeps of an opinion, and its files; none for one that says nothing and struck nothing."""
    event = OpinionGiven(
        at=found.evidence.taken_at,
        diagnosis_id=diagnosis_id,
        model=opinion.model,
        nothing=opinion.nothing,
        summary=opinion.summary,
        causes=tuple(map(_cause, opinion.hypotheses)),
        steps=tuple(
            FittingStep(runbook=one.runbook, step=one.step, why=(one.why,) if one.why else ())
            for one in opinion.next_steps
        ),
        struck=tuple(f"{one.what}: {one.why}" for one in opinion.struck),
        requests=opinion.requests,
        tokens=opinion.tokens,
    )
    if opinion.nothing and not opinion.struck:
        return event, ()
    name = f"opinion-{found.evidence.subject.name}"
    text = f"# {prose(found.evidence.subject.words)}\n{markdown(opinion)}"
    record = json.dumps(opinion.as_json(), ensure_ascii=False, indent=1)
    report = Artifact(name=f"{name}.md", media_type="text/markdown", body=text.encode("utf-8", "replace"))
    kept = Artifact(
        name=f"{name}.json",
        media_type="application/json",
        body=record.encode("utf-8", "replace"),
        is_shown=False,
    )
    return replace(event, report=ref_of(report), record=ref_of(kept)), (report, kept)


def _cause(one: Hypothesis) -> OpinedCause:
    no = one.against[0].quote if one.against else None
    return OpinedCause(
        cause=one.cause,
        belief=one.belief,
        quote=one.quotes[0].text,
        evidence_id=one.quotes[0].item,
        against=no.text if no else "",
        against_id=no.item if no else "",
    )
