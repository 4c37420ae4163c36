"""A diagnosis: what was read of a workload and what follows from it, made once and told in several forms.

The step, the thread of an incident, the command line and the API all tell this one object, so that they never say
different things of one look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.clients.kubernetes import ClusterReader
from bot.diagnosis.agent.opinion import Opinion
from bot.diagnosis.agent.telling import brief as opinion_in_short
from bot.diagnosis.agent.telling import heading
from bot.diagnosis.agent.telling import markdown as opinion_in_full
from bot.diagnosis.collecting import BUDGET_S, collect
from bot.diagnosis.evidence import Evidence, Subject
from bot.diagnosis.findings import HEALTHY, Finding, analyze
from bot.diagnosis.report import as_json, brief, gaps_in_short, markdown, summary
from bot.diagnosis.sources import BESIDE, Source
from bot.runs.plan import Artifact, JsonObject
from bot.telemetry import Redactor


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The evidence and its findings, most likely cause first."""

    evidence: Evidence
    findings: tuple[Finding, ...]
    opinion: Opinion | None = None
    """What a model says of it, where one was asked; told after the findings, and by nothing mixed up with them."""

    @property
    def top(self) -> Finding | None:
        """The most likely cause, or that it is healthy; None where it cannot be told."""
        return self.findings[0] if self.findings else None

    @property
    def is_healthy(self) -> bool:
        """Whether what could be read is well."""
        return self.top is not None and self.top.kind == HEALTHY

    @property
    def has_read_nothing(self) -> bool:
        """Whether nothing of the cluster is known, so that only the bot's own way there is in question."""
        return not self.findings and all(one.kind in BESIDE for one in self.evidence.items)

    @property
    def sentence(self) -> str:
        """`container app is refused a connection (and 2 more)`."""
        if self.has_read_nothing:
            gaps, what = self.evidence.gaps, self.evidence.subject.words
            why = next((gap.why for gap in gaps if gap.what == what), gaps[0].why if gaps else "")
            return f"nothing could be read{': ' if why else ''}{why}"
        return summary(self.evidence, self.findings)

    @property
    def brief(self) -> str:
        """The first findings with their words and what could not be read, as plain text for a chat."""
        gaps = self.not_read
        told = "" if self.opinion is None else f"{heading(self.opinion)}:\n{opinion_in_short(self.opinion)}"
        return "\n".join(filter(None, (brief(self.findings), f"not read: {gaps}" if gaps else "", told)))

    @property
    def not_read(self) -> str:
        """What could not be read, shortly, with the first reason; "" where everything was."""
        return gaps_in_short(self.evidence)

    def artifacts(self) -> tuple[Artifact, Artifact]:
        """The report for people, and the evidence for the record."""
        name = f"diagnosis-{self.evidence.subject.name}"
        told = json.dumps(self.as_json(), ensure_ascii=False, indent=1, default=str)
        return (
            Artifact(
                name=f"{name}.md",
                media_type="text/markdown",
                body=self.markdown().encode("utf-8", "replace"),
            ),
            Artifact(
                name=f"{name}-evidence.json",
                media_type="application/json",
                body=told.encode("utf-8", "replace"),
                is_shown=False,
            ),
        )

    def markdown(self) -> str:
        """The whole report."""
        told = "" if self.opinion is None else opinion_in_full(self.opinion)
        return markdown(self.evidence, self.findings) + told

    def as_json(self) -> JsonObject:
        """The same for programs, with all the evidence."""
        told = {} if self.opinion is None else {"opinion": self.opinion.as_json()}
        return {**as_json(self.evidence, self.findings), **told}


async def diagnose(
    reader: ClusterReader,
    subject: Subject,
    *,
    redactor: Redactor,
    now: Callable[[], datetime],
    budget_s: float = BUDGET_S,
    sources: Sequence[Source] = (),
) -> Diagnosis:
    """Read and judge; ends within the budget whatever the cluster does, and raises nothing for it."""
    evidence = await collect(reader, subject, redactor=redactor, now=now, budget_s=budget_s, sources=sources)
    return Diagnosis(evidence=evidence, findings=analyze(evidence))
