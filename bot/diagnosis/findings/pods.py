"""Pods and containers as findings read them: which are in trouble, and in which state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.diagnosis.evidence import Evidence, Item, moment
from bot.runs.plan import JsonObject

STARTING = ("ContainerCreating", "PodInitializing")
RECENTLY = timedelta(hours=1)
"""A restart longer ago than this is history."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container of one pod."""

    pod: Item
    name: str
    status: JsonObject
    spec: JsonObject
    is_init: bool
    taken_at: datetime

    @property
    def where(self) -> str:
        """`container app of pod api-1`."""
        kind = "init container" if self.is_init else "container"
        return f"{kind} {self.name} of pod {self.pod.name}"

    @property
    def waiting(self) -> JsonObject:
        """Why it does not run; {} while it does."""
        found: JsonObject = (self.status.get("state") or {}).get("waiting") or {}
        return found

    @property
    def ended(self) -> JsonObject:
        """How it ended: now, or before its last restart; {} where it never did."""
        now: JsonObject = (self.status.get("state") or {}).get("terminated") or {}
        before: JsonObject = (self.status.get("lastState") or {}).get("terminated") or {}
        return now or before

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return int(self.status.get("restartCount") or 0)

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return "running" in (self.status.get("state") or {})

    @property
    def has_just_ended(self) -> bool:
        """Whether it ended within the last hour, and not by finishing its work."""
        if not self.ended or (self.is_init and self.ended.get("exitCode") == 0):
            return False
        finished = moment(self.ended.get("finishedAt"))
        return finished is None or self.taken_at - finished <= RECENTLY

    @property
    def is_suspicious(self) -> bool:
        """Whether something is wrong with it or has just been."""
        if self.waiting:
            return self.waiting.get("reason") not in STARTING
        if self.is_init:
            return self.has_just_ended
        if self.ended.get("exitCode") == 0 and not self.restarts:
            return False
        return not self.status.get("ready") or (self.restarts > 0 and self.has_just_ended)


def containers(evidence: Evidence) -> Iterator[Container]:
    """Every container of every pod that has not finished or is on its way out; init containers first."""
    for pod in evidence.of("Pod"):
        if not is_over(pod):
            yield from containers_of(evidence, pod)


def containers_of(evidence: Evidence, pod: Item) -> Iterator[Container]:
    """Those of one pod."""
    for field, specs, is_init in (
        ("initContainerStatuses", "initContainers", True),
        ("containerStatuses", "containers", False),
    ):
        known = {one.get("name"): one for one in pod.spec.get(specs) or ()}
        for status in pod.status.get(field) or ():
            name = str(status.get("name"))
            yield Container(
                pod=pod,
                name=name,
                status=status,
                spec=known.get(name, {}),
                is_init=is_init,
                taken_at=evidence.taken_at,
            )


def is_about(event: Item, container: str) -> bool:
    """Events name their container as a path: `spec.containers{app}`."""
    field = str((event.body.get("involvedObject") or {}).get("fieldPath") or "")
    return not field or f"{{{container}}}" in field


def is_over(pod: Item) -> bool:
    """Whether it is deleted or has done its work."""
    is_going = (pod.body.get("metadata") or {}).get("deletionTimestamp") is not None
    return is_going or pod.status.get("phase") == "Succeeded"


def is_ready(pod: Item) -> bool:
    """Whether it serves."""
    return pod.condition("Ready").get("status") == "True"


def unready_words(pod: Item) -> str:
    """What the cluster says of why it does not serve; that it does not, where it says no more."""
    said = pod.condition("Ready")
    return str(said.get("message") or said.get("reason") or said.get("status") or "")


def has_left(pod: Item) -> bool:
    """Whether it is history: over, or thrown out and replaced by another."""
    return is_over(pod) or pod.status.get("phase") == "Failed"


def hosts(evidence: Evidence) -> set[str]:
    """The nodes that its pods are on."""
    return {str(pod.spec["nodeName"]) for pod in evidence.of("Pod") if pod.spec.get("nodeName")}


def counted(workload: Item) -> tuple[int, int]:
    """How many of its pods are ready, and how many shall be, as its controller counts."""
    match workload.kind:
        case "DaemonSet":
            names = ("numberReady", "desiredNumberScheduled")
            return int(workload.status.get(names[0]) or 0), int(workload.status.get(names[1]) or 0)
        case "Job":
            return 0, 0
        case _:
            wanted = workload.spec.get("replicas")
            return int(workload.status.get("readyReplicas") or 0), 1 if wanted is None else int(wanted)
