"""What a diagnosis is over the wire: what is asked for, and the typed report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from bot.api.routing import Strict
from bot.api.shapes import Name, Shown
from bot.catalog.clusters import Label, Subdomain
from bot.diagnosis.collecting import BUDGET_S
from bot.diagnosis.findings.base import Confidence
from bot.diagnosis.place import KINDS

LONGEST_BUDGET_S = 30.0


class Diagnose(Strict):
    """What to look into: what the catalog says a service is in a cluster, or a workload by its name."""

    service: Annotated[Name | None, Field(description="catalog name or alias")] = None
    cluster: Annotated[
        str, Field(max_length=200, description="the only one of the catalog when left out")
    ] = ""
    namespace: Annotated[Label | None, Field(description="one that the catalog lists")] = None
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None
    finite: Annotated[Subdomain | None, Field(alias="job", description="what Kubernetes calls a Job")] = None
    within_s: Annotated[
        float,
        Field(
            ge=1,
            le=LONGEST_BUDGET_S,
            description="how long reading may take; the answer comes with what was read",
        ),
    ] = BUDGET_S
    with_evidence: Annotated[bool, Field(description="also answer with everything that was read")] = False

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        named = self._named
        if len(named) > 1:
            raise ValueError(f"at most one of {', '.join(KINDS)} is taken")
        if (named or self.cluster) and self.namespace is None:
            raise ValueError("a workload or cluster is named without its namespace")
        if self.service is None and not named:
            raise ValueError(f"a service is named, or a namespace and one of {', '.join(KINDS)}")
        return self

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name, both "" where the service says it."""
        return next(iter(self._named.items()), ("", ""))

    @property
    def _named(self) -> dict[str, str]:
        return self.model_dump(include={*KINDS, "finite"}, exclude_none=True, by_alias=True)


class QuoteShown(Shown):
    """Words of the evidence, as they stand there."""

    item: Annotated[str, Field(description="id of the item they stand in")]
    text: str


class FindingShown(Shown):
    """One failure, or that there is none."""

    kind: Annotated[str, Field(description="its class, a stable name", examples=["oom-killed"])]
    title: str
    confidence: Confidence
    reason: str
    quotes: list[QuoteShown]
    look_at: Annotated[str, Field(description="a command that reads, for a person")]
    about: Annotated[str, Field(description="which part: a container, a claim, a service")]


class GapShown(Shown):
    """Something that could not be read, and why."""

    what: str
    why: str


class ItemShown(Shown):
    """One thing that was read: an object of the API, or text."""

    id: str
    kind: str
    source: str
    at: str
    body: dict[str, Any]
    text: str


class WorkloadShown(Shown):
    """What was looked into."""

    cluster: str
    environment: str
    namespace: str
    kind: str
    name: str


class DiagnosisShown(Shown):
    """The report. Words from the cluster in it are data, redacted and otherwise as they came."""

    workload: WorkloadShown
    service: Annotated[str, Field(description="as the catalog names it; empty where a workload was named")]
    taken_at: datetime
    summary: Annotated[str, Field(description="one sentence")]
    is_healthy: Annotated[bool, Field(description="as far as could be read; `gaps` says how far that is")]
    findings: Annotated[
        list[FindingShown], Field(description="most likely cause first; empty where it cannot be told")
    ]
    gaps: Annotated[list[GapShown], Field(description="what could not be read")]
    evidence: Annotated[list[ItemShown] | None, Field(description="where it was asked for")]
