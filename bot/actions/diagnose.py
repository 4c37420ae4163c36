"""The `diagnose` step: looks into a workload and says what is wrong, most likely cause first. It only ever reads.

It is given a reader and never a writer, so it is the one type that needs nobody's approval. Its summary is the first
finding, its output the first few with the words that show them, and the whole report is a file in the thread. What
could not be read is part of the report: a fix that comes after it is not held up by a right the bot does not have.
Where a model is set, its opinion follows the findings, within the step's own time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from bot.actions.base import ActionInput, InputModel, Outcome, Plan, PlanScope, Progress, Seen, Undo
from bot.actions.kubernetes.input import WORKLOADS
from bot.actions.kubernetes.permissions import Permission
from bot.actions.tools import Tools
from bot.catalog.clusters import Label, Subdomain
from bot.catalog.schema import Catalog
from bot.diagnosis.place import Place
from bot.errors import ActionFailed, BadInput, Refused

if TYPE_CHECKING:
    from bot.diagnosis.diagnosis import Diagnosis

_READ = (
    ("", ("pods", "events", "services", "endpoints", "persistentvolumeclaims", "resourcequotas"), ("list",)),
    ("", ("pods/log", "configmaps", "serviceaccounts"), ("get",)),
    ("", ("nodes",), ("get", "list")),
    ("apps", ("deployments", "statefulsets", "daemonsets"), ("get", "list")),
    ("apps", ("replicasets", "controllerrevisions"), ("list",)),
    ("autoscaling", ("horizontalpodautoscalers",), ("list",)),
    ("batch", ("jobs", "cronjobs"), ("get",)),
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

TELLING_S = 2.0
"""Of a step's time, what is left for telling when a model has given its opinion."""


class DiagnoseInput(ActionInput):
    """What to look into: the workload of the run's own service, of another one, or one by its name."""

    service: str = Field(default="", description="A service of catalog.yaml; the run's own when left out")
    cluster: str = Field(default="", description="A cluster of catalog.yaml; the only one when left out")
    namespace: Label | None = Field(default=None, description="Where the workload is")
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        named = [kind for kind in WORKLOADS if getattr(self, kind) is not None]
        if (named or self.namespace or self.cluster) and (len(named) != 1 or self.namespace is None):
            raise ValueError(
                f"a workload is named by its namespace and exactly one of {', '.join(WORKLOADS)}"
            )
        if named and self.service:
            raise ValueError("it is either a service or a workload by its name")
        return self

    @property
    def kind(self) -> str:
        """Which kind of workload it names; "" where a service does."""
        return next((kind for kind in WORKLOADS if getattr(self, kind) is not None), "")


class DiagnoseAction:
    """Reads clusters of the catalog."""

    type: ClassVar[str] = "diagnose"
    Input: ClassVar[InputModel] = DiagnoseInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """Says what would be read; nothing is read for that."""
        place = _place(given, scope)
        words = place.subject.words
        return Plan(
            type=self.type,
            input={
                "cluster": place.cluster.name,
                "namespace": place.subject.namespace,
                place.subject.kind.lower(): place.subject.name,
            },
            targets=(place.target,),
            text=f"look into {words}",
            will_run=(f"{place.cluster.name}: read {words} and what is around it",),
            observable=False,
            changes=False,
            undo=Undo(text="nothing to undo: it only reads"),
            risk=scope.risk or "low",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """The report; failed only where nothing at all could be read."""
        place = self._site(plan)
        reading = asyncio.create_task(self._read(place, plan), name="read a workload")
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

    async def _read(self, place: Place, plan: Plan) -> Diagnosis:
        # What reads loads the logging library, and lint only wants to know the type.
        from bot.diagnosis.collecting import BUDGET_S  # noqa: PLC0415
        from bot.diagnosis.diagnosis import diagnose  # noqa: PLC0415

        ends_at = time.monotonic() + plan.timeout_s
        found = await diagnose(
            self._tools.kubernetes().reader(place.cluster),
            place.subject,
            redactor=self._tools.redactor(),
            now=lambda: datetime.now(UTC),
            budget_s=min(BUDGET_S, plan.timeout_s),
        )
        left_s = ends_at - time.monotonic() - TELLING_S
        if self._tools.opinion is None or left_s < TELLING_S:
            return found
        return await self._tools.opinion(found, place, left_s)

    def _site(self, plan: Plan) -> Place:
        """By the catalog of today."""
        try:
            place = _named(DiagnoseInput.model_validate(plan.input), self._tools.catalog())
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing was read", hint=error.hint) from error
        if place.target != plan.targets[0]:
            raise ActionFailed(f"{place.target.name} belongs to another environment by now; nothing was read")
        return place


def _place(given: DiagnoseInput, scope: PlanScope) -> Place:
    if given.kind:
        return _named(given, scope.catalog)
    service = scope.catalog.service_named(given.service) if given.service else scope.service
    if service is not None:
        return Place.of_service(service, scope.catalog)
    if given.service:
        raise BadInput(f"{given.service!r} is no service of the catalog")
    raise BadInput(
        "it is not said what to look into, and this run is for no service of the catalog",
        hint="name a service, or a namespace and a workload",
    )


def _named(given: DiagnoseInput, catalog: Catalog) -> Place:
    return Place.named(
        catalog,
        cluster=given.cluster,
        namespace=given.namespace or "",
        kind=given.kind,
        name=getattr(given, given.kind),
    )


def _told(diagnosis: Diagnosis) -> Outcome:
    """The engine redacts all of it once more, with every secret that it knows."""
    return Outcome(
        verdict="failed" if diagnosis.has_read_nothing else "succeeded",
        effect="none",
        summary=diagnosis.sentence,
        output=diagnosis.brief,
        artifacts=diagnosis.artifacts(),
    )
