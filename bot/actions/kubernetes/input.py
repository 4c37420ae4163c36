"""What a kubernetes step may say, and how a person would type it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bot.actions.base import ActionInput
from bot.catalog.clusters import Label, Subdomain

Verb = Literal["scale", "restart", "rollout-undo", "cordon", "uncordon", "drain"]

WORKLOADS = ("deployment", "statefulset", "daemonset")
WORKLOADS_OF: dict[str, tuple[str, ...]] = {
    "scale": ("deployment", "statefulset"),
    "restart": WORKLOADS,
    "rollout-undo": WORKLOADS,
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

    @property
    def workload(self) -> str:
        """Which kind of workload it names; "" for a node's verbs."""
        return next((kind for kind in WORKLOADS if getattr(self, kind) is not None), "")

    @model_validator(mode="after")
    def _fields_fit_the_verb(self) -> Self:
        if self.action in WORKLOADS_OF:
            self._check_workload(WORKLOADS_OF[self.action])
        else:
            self._check_node()
        if self.action == "scale" and self.replicas is None:
            raise ValueError("scale needs replicas")
        for name, verbs in _ONLY_FOR.items():
            if getattr(self, name) is not None and self.action not in verbs:
                raise ValueError(
                    f"{name} means nothing for {self.action}; it belongs to {' and '.join(verbs)}"
                )
        if self.strategy == "rollout" and self.grace_period_seconds is not None:
            raise ValueError("grace_period_seconds means nothing for a rollout: the cluster ends the pods")
        return self

    def _check_workload(self, kinds: tuple[str, ...]) -> None:
        named = [kind for kind in WORKLOADS if getattr(self, kind) is not None]
        if len(named) != 1 or named[0] not in kinds:
            raise ValueError(f"{self.action} needs exactly one of {', '.join(kinds)}")
        if self.namespace is None:
            raise ValueError(f"{self.action} needs a namespace")
        if self.node is not None:
            raise ValueError(f"{self.action} works on a {named[0]}, not on a node")

    def _check_node(self) -> None:
        if self.node is None:
            raise ValueError(f"{self.action} needs a node")
        if any(getattr(self, kind) is not None for kind in (*WORKLOADS, "namespace")):
            raise ValueError(f"{self.action} works on a node; leave namespace and workload out")


def kubectl(given: KubernetesInput, *, context: str = "", selector: str = "") -> str:
    """The kubectl line that does the same; the same input and selector always give the same line."""
    start = f"kubectl --context {context}" if context else "kubectl"
    grace = "" if given.grace_period_seconds is None else f" --grace-period={given.grace_period_seconds}"
    if not given.workload:
        flags = ""
        if given.action == "drain":
            flags = " --ignore-daemonsets"
            flags += " --delete-emptydir-data" if given.delete_emptydir_data else ""
            flags += " --force" if given.force else ""
        return f"{start} {given.action} {given.node}{flags}{grace}"
    start = f"{start} -n {given.namespace}"
    what = f"{given.workload}/{getattr(given, given.workload)}"
    match given.action:
        case "scale":
            return f"{start} scale {what} --replicas={given.replicas}"
        case "rollout-undo":
            revision = f" --to-revision={given.to_revision}" if given.to_revision else ""
            return f"{start} rollout undo {what}{revision}"
        case _ if given.strategy == "rollout" or not selector:
            return f"{start} rollout restart {what}"
        case _:
            return f"{start} delete pods --selector={selector}{grace}"
