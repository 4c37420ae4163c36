"""The `kubernetes` step: its whole input, checked; running one comes with the cluster client.

The input is complete so that catalogs can be written, linted and reviewed now. The verbs of the protocol
refuse until they can be honest about a cluster; only this file changes then.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from bot.actions.base import ActionInput, InputModel, Outcome, Plan, PlanScope, Progress, Seen
from bot.actions.tools import Tools
from bot.errors import ActionFailed, BadInput

Verb = Literal["scale", "restart", "rollout-undo", "cordon", "uncordon", "drain"]

# RFC 1123, as the API server checks them: a namespace is one label, most names are a dotted subdomain.
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
Subdomain = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253
    ),
]

_WORKLOADS = ("deployment", "statefulset", "daemonset")
_WORKLOADS_OF: dict[str, tuple[str, ...]] = {
    "scale": ("deployment", "statefulset"),
    "restart": _WORKLOADS,
    "rollout-undo": _WORKLOADS,
}
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "replicas": ("scale",),
    "strategy": ("restart",),
    "to_revision": ("rollout-undo",),
    "delete_emptydir_data": ("drain",),
    "force": ("drain",),
    "grace_period_seconds": ("drain", "restart"),
}


class KubernetesInput(ActionInput):
    """What to do to one workload of one namespace, or to one node."""

    action: Verb = Field(description="What to do")
    cluster: str = Field(default="", description="A cluster of catalog.yaml; the only one when left out")
    namespace: Label | None = Field(default=None, description="Where the workload is")
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None
    node: Subdomain | None = Field(default=None, description="For cordon, uncordon and drain")
    replicas: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="How many there shall be (scale)"
    )
    strategy: Literal["delete", "rollout"] | None = Field(
        default=None, description="restart: delete the pods (default), or roll out a new revision"
    )
    to_revision: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="rollout-undo: which revision; the one before when left out"
    )
    delete_emptydir_data: bool | None = Field(
        default=None, description="drain: consent to losing emptyDir volumes"
    )
    force: bool | None = Field(default=None, description="drain: consent to losing pods nothing recreates")
    grace_period_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long a pod may take to stop; its own setting when left out"
    )

    @model_validator(mode="after")
    def _fields_fit_the_verb(self) -> Self:
        if self.action in _WORKLOADS_OF:
            self._check_workload(_WORKLOADS_OF[self.action])
        else:
            self._check_node()
        if self.action == "scale" and self.replicas is None:
            raise ValueError("scale needs replicas")
        for name, verbs in _ONLY_FOR.items():
            if getattr(self, name) is not None and self.action not in verbs:
                raise ValueError(
                    f"{name} means nothing for {self.action}; it belongs to {' and '.join(verbs)}"
                )
        return self

    def _check_workload(self, kinds: tuple[str, ...]) -> None:
        named = [kind for kind in _WORKLOADS if getattr(self, kind) is not None]
        if len(named) != 1 or named[0] not in kinds:
            raise ValueError(f"{self.action} needs exactly one of {', '.join(kinds)}")
        if self.namespace is None:
            raise ValueError(f"{self.action} needs a namespace")
        if self.node is not None:
            raise ValueError(f"{self.action} works on a {named[0]}, not on a node")

    def _check_node(self) -> None:
        if self.node is None:
            raise ValueError(f"{self.action} needs a node")
        if any(getattr(self, kind) is not None for kind in (*_WORKLOADS, "namespace")):
            raise ValueError(f"{self.action} works on a node; leave namespace and workload out")


class KubernetesAction:
    """Known to lint and review; every attempt to run one is refused before anything is proposed."""

    type: ClassVar[str] = "kubernetes"
    Input: ClassVar[InputModel] = KubernetesInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def plan(self, given: Any, scope: PlanScope) -> Plan:  # noqa: ARG002 - the protocol's signature
        """Refuses with the reason: nothing is proposed that could not be done."""
        raise BadInput(
            "kubernetes steps can be written and linted, but this version cannot run them yet",
            hint=f"do it by hand and skip this step: {by_hand(given)}",
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:  # noqa: ARG002
        """Fails without having sent anything (a plan can only come from a newer version's journal)."""
        raise ActionFailed(_NOT_YET, effect="none")

    async def dry_run(self, plan: Plan) -> Outcome:  # noqa: ARG002
        """Fails without having asked anything."""
        raise ActionFailed(_NOT_YET, effect="none")

    async def probe(self, plan: Plan) -> Seen:  # noqa: ARG002
        """Sees nothing."""
        return Seen(text="this version cannot look into a cluster; use kubectl", observable=False)


_NOT_YET = "this version cannot run kubernetes steps yet; nothing was sent"


def by_hand(given: KubernetesInput) -> str:
    """The kubectl line that a person would type for this input."""
    kind = next((kind for kind in _WORKLOADS if getattr(given, kind) is not None), "")
    context = f" --context {given.cluster}" if given.cluster else ""
    if not kind:
        flags = " --ignore-daemonsets" if given.action == "drain" else ""
        return f"kubectl{context} {given.action} {given.node}{flags}"
    what = f"-n {given.namespace} {{}} {kind}/{getattr(given, kind)}"
    match given.action:
        case "scale":
            return f"kubectl{context} {what.format('scale')} --replicas={given.replicas}"
        case "rollout-undo":
            revision = f" --to-revision={given.to_revision}" if given.to_revision else ""
            return f"kubectl{context} {what.format('rollout undo')}{revision}"
        case _:
            return f"kubectl{context} {what.format('rollout restart')}"
