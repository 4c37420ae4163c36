"""The `diagnose` step: looks into a workload and says what is wrong, most likely cause first. It only ever reads.

It is given a reader and never a writer, so it is the one type that needs nobody's approval. Its summary is the first
finding, its output the first few with the words that show them, and the whole report is a file in the thread.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from bot.actions.base import ActionInput, Artifact, InputModel, Outcome, Plan, PlanScope, Progress, Seen, Undo
from bot.actions.kubernetes.input import WORKLOADS, Label, Subdomain
from bot.actions.kubernetes.permissions import Permission
from bot.actions.kubernetes.site import in_namespace
from bot.actions.tools import Tools
from bot.catalog.schema import Cluster
from bot.diagnosis.evidence import Evidence, Subject
from bot.diagnosis.findings import analyze
from bot.diagnosis.report import brief, markdown, summary
from bot.errors import ActionFailed, Refused

_KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
_READ = (
    ("", ("pods", "events", "services", "endpoints", "persistentvolumeclaims", "resourcequotas"), ("list",)),
    ("", ("pods/log", "nodes"), ("get",)),
    ("apps", ("deployments", "statefulsets", "daemonsets"), ("get",)),
    ("apps", ("replicasets",), ("list",)),
    ("autoscaling", ("horizontalpodautoscalers",), ("list",)),
    ("networking.k8s.io", ("ingresses", "ingressclasses"), ("list",)),
    ("policy", ("poddisruptionbudgets",), ("list",)),
    ("storage.k8s.io", ("storageclasses",), ("list",)),
)
NEEDED = frozenset(
    Permission(group=group, resource=resource, verb=verb)
    for group, resources, verbs in _READ
    for resource in resources
    for verb in verbs
)
"""What reading needs of a cluster's API; whatever of it is not allowed stands in the report as not read."""


class DiagnoseInput(ActionInput):
    """Which workload to look into."""

    cluster: str = Field(default="", description="A cluster of catalog.yaml; the only one when left out")
    namespace: Label = Field(description="Where the workload is")
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None

    @model_validator(mode="after")
    def _one_workload(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in WORKLOADS) != 1:
            raise ValueError(f"diagnose needs exactly one of {', '.join(WORKLOADS)}")
        return self

    @property
    def subject(self) -> Subject:
        """As the evidence names it."""
        kind = next(kind for kind in WORKLOADS if getattr(self, kind) is not None)
        return Subject(kind=_KINDS[kind], namespace=self.namespace, name=getattr(self, kind))


class DiagnoseAction:
    """Reads clusters of the catalog."""

    type: ClassVar[str] = "diagnose"
    Input: ClassVar[InputModel] = DiagnoseInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Says what would be read; nothing is read for that."""
        cluster, target = in_namespace(given.cluster, given.namespace, scope.catalog)
        words = given.subject.words
        return Plan(
            type=self.type,
            input={**given.model_dump(mode="json", exclude_none=True), "cluster": cluster.name},
            targets=(target,),
            text=f"look into {words}",
            will_run=(f"{cluster.name}: read {words} and what is around it",),
            observable=False,
            changes=False,
            undo=Undo(text="nothing to undo: it only reads"),
            risk=scope.risk or "low",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """The report; failed only where nothing at all could be read."""
        # What reads loads the logging library, and lint only wants to know the type.
        from bot.diagnosis.collecting import BUDGET_S, collect  # noqa: PLC0415
        from bot.telemetry import Redactor  # noqa: PLC0415

        cluster, given = self._site(plan)
        reading = asyncio.create_task(
            collect(
                self._tools.kubernetes().reader(cluster),
                given.subject,
                redactor=Redactor(),
                now=lambda: datetime.now(UTC),
                budget_s=min(BUDGET_S, plan.timeout_s),
            ),
            name="read a workload",
        )
        stopped = asyncio.create_task(progress.stop.wait(), name="stop asked")
        try:
            await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return Outcome(
                    verdict="failed", effect="none", summary="ended by request; nothing was changed"
                )
            return _told(reading.result())
        finally:
            reading.cancel()
            stopped.cancel()

    async def dry_run(self, plan: Plan) -> Outcome:
        """Says what it would look into, and reads nothing."""
        return Outcome(verdict="succeeded", effect="none", summary=f"would {plan.text}; it only reads")

    async def probe(self, plan: Plan) -> Seen:
        """There is nothing that it could have done."""
        return Seen(text=f"it only reads, so {plan.text} can be tried again", observable=False)

    def _site(self, plan: Plan) -> tuple[Cluster, DiagnoseInput]:
        """By the catalog of today."""
        given = DiagnoseInput.model_validate(plan.input)
        try:
            cluster, target = in_namespace(given.cluster, given.namespace, self._tools.catalog())
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing was read", hint=error.hint) from error
        if target != plan.targets[0]:
            raise ActionFailed(f"{target.name} belongs to another environment by now; nothing was read")
        return cluster, given


def _told(evidence: Evidence) -> Outcome:
    """The engine redacts output and report once more, with every secret that it knows."""
    findings = analyze(evidence)
    report = Artifact(
        name=f"diagnosis-{evidence.subject.name}.md",
        media_type="text/markdown",
        body=markdown(evidence, findings).encode(),
    )
    if not evidence.items and not findings:
        why = f": {evidence.gaps[0].why}" if evidence.gaps else ""
        return Outcome(
            verdict="failed", effect="none", summary=f"nothing could be read{why}", artifacts=(report,)
        )
    return Outcome(
        verdict="succeeded",
        effect="none",
        summary=summary(evidence, findings),
        output=brief(findings),
        artifacts=(report,),
    )
