"""Deployments, StatefulSets and DaemonSets: what the API says of one, and how far its pods are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bot.actions.kubernetes import objects
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.waiting import Judged, Patience, Waited, watch
from bot.clients.kubernetes import ClusterReader, State
from bot.errors import ActionError, ActionFailed
from bot.runs.plan import JsonObject

APPS = "/apis/apps/v1"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One workload as it was read."""

    kind: str
    """deployment, statefulset or daemonset."""
    raw: JsonObject

    @property
    def uid(self) -> str:
        """Not the same for one of the same name that replaced it."""
        return objects.uid(self.raw)

    @property
    def spec(self) -> JsonObject:
        """What is wanted."""
        found: JsonObject = self.raw.get("spec") or {}
        return found

    @property
    def status(self) -> JsonObject:
        """What is."""
        found: JsonObject = self.raw.get("status") or {}
        return found

    @property
    def template(self) -> JsonObject:
        """What its pods are made from."""
        found: JsonObject = self.spec.get("template") or {}
        return found

    @property
    def wanted(self) -> int:
        """How many pods there shall be; the API server's default where nothing is said."""
        if self.kind == "daemonset":
            return int(self.status.get("desiredNumberScheduled", 0))
        return int(self.spec.get("replicas", 1))

    @property
    def ready(self) -> int:
        """How many of its pods serve."""
        return int(self.status.get("numberReady" if self.kind == "daemonset" else "readyReplicas") or 0)

    @property
    def selector(self) -> str:
        """Its pods, as a query."""
        return objects.selector_text(self.spec.get("selector") or {})

    @property
    def is_seen(self) -> bool:
        """Whether its controller has seen what is wanted now."""
        generation = int(objects.meta(self.raw).get("generation") or 0)
        return int(self.status.get("observedGeneration") or 0) >= generation

    @property
    def guarded(self) -> JsonObject:
        """What a step on it depends on."""
        facts: JsonObject = {"uid": self.uid, "template": objects.template_digest(self.template)}
        return facts if self.kind == "daemonset" else {**facts, "replicas": self.wanted}

    @property
    def state_text(self) -> str:
        """`3 of 5 ready`."""
        return f"{self.ready} of {self.wanted} ready"

    def _count(self, name: str) -> int:
        return int(self.status.get(name) or 0)

    def scaled(self, replicas: int) -> Judged:
        """Whether there are as many as a scale asked for."""
        if self.wanted != replicas:
            broken = f"somebody else asked for {self.wanted} replicas meanwhile"
            return Judged(text=self.state_text, broken=broken)
        is_done = self.is_seen and self._count("replicas") == replicas and self.ready == replicas
        failure = objects.condition(self.raw, "ReplicaFailure")
        why = f": {failure.get('message')}" if failure.get("status") == "True" else ""
        return Judged(text=f"{self.state_text}{why if not is_done else ''}", is_done=is_done)

    def rolled(self, digest: str) -> Judged:
        """Whether all its pods are made from the template of that digest, and serve (as `rollout status` judges)."""
        if objects.template_digest(self.template) != digest:
            return Judged(text=self.state_text, broken="somebody else changed the template meanwhile")
        progressing = objects.condition(self.raw, "Progressing")
        if self.is_seen and progressing.get("reason") == "ProgressDeadlineExceeded":
            return Judged(
                text=self._rolling(), broken=str(progressing.get("message") or "it made no progress")
            )
        return Judged(text=self._rolling(), is_done=self.is_seen and self._is_rolled())

    def _rolling(self) -> str:
        updated = self._count("updatedNumberScheduled" if self.kind == "daemonset" else "updatedReplicas")
        new = min(updated, self.wanted) if self.is_seen else 0
        return f"{new} of {self.wanted} new, {self.state_text}"

    def _is_rolled(self) -> bool:
        match self.kind:
            case "daemonset":
                return (
                    min(self._count("updatedNumberScheduled"), self._count("numberAvailable")) >= self.wanted
                )
            case "statefulset":
                return self.ready >= self.wanted and self._is_stateful_rolled()
            case _:
                updated = self._count("updatedReplicas")
                return (
                    updated >= self.wanted
                    and self._count("replicas") <= updated
                    and self._count("availableReplicas") >= updated
                )

    def _is_stateful_rolled(self) -> bool:
        rolling = (self.spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        partition = int(rolling.get("partition") or 0)
        if partition:
            return self._count("updatedReplicas") >= self.wanted - partition
        return self.status.get("updateRevision") == self.status.get("currentRevision")

    def check_rolls(self) -> None:
        """Raises ActionFailed where a changed template would not reach its pods by itself."""
        if (self.spec.get("updateStrategy") or {}).get("type") == "OnDelete":
            raise ActionFailed(
                f"this {self.kind} has the update strategy OnDelete: a new template reaches no running pod",
                hint="restart it with strategy: delete",
            )
        if self.spec.get("paused"):
            raise ActionFailed("this deployment is paused, so nothing rolls out", hint="resume it first")


def collection(site: Site) -> str:
    """Where the API lists workloads of this kind in the namespace."""
    return f"{APPS}/namespaces/{site.given.namespace}/{site.given.workload}s"


def path(site: Site) -> str:
    """Where the API has the workload."""
    return f"{collection(site)}/{site.name}"


def pods_path(site: Site) -> str:
    """Where the API lists the namespace's pods."""
    return f"/api/v1/namespaces/{site.given.namespace}/pods"


async def read(site: Site, reader: ClusterReader) -> Workload:
    """The workload now; ActionFailed where there is none."""
    raw = await reader.get(path(site))
    if raw is None:
        raise ActionFailed(f"there is no {site.thing} in cluster {site.cluster.name}")
    return Workload(kind=site.given.workload, raw=raw)


async def watch_workload(
    site: Site, reader: ClusterReader, judge: Any, patience: Patience, note: Any
) -> Waited:
    """Watch the one workload until `judge(Workload)` is satisfied."""

    def judged(state: State) -> Judged:
        found = next(iter(state.values()), None)
        if found is None:
            return Judged(text="it is gone", broken="somebody else deleted it meanwhile")
        seen: Judged = judge(Workload(kind=site.given.workload, raw=found))
        return seen

    query = (("fieldSelector", f"metadata.name={site.name}"),)
    return await watch(reader, collection(site), query, judged, patience, note)


async def why_not(site: Site, reader: ClusterReader, selector: str) -> str:
    """Why its pods are not ready, in the cluster's words; "" where that cannot be said."""
    try:
        pods = await reader.collection(pods_path(site), (("labelSelector", selector),), timeout_s=3)
    except ActionError:
        return ""
    return objects.why_not_ready(pods)


async def owners(site: Site, reader: ClusterReader, workload: Workload, pods: Iterable[JsonObject]) -> Owners:
    """Who may own pods of this workload, as far as it takes to tell which of `pods` are its own.

    Another deployment's pods can match the same selector (a canary's often do), so the owner decides: the workload
    itself, or for a deployment the ReplicaSet named after it and its template's hash. Only where a pod's ReplicaSet
    has another name (an adopted one) the ReplicaSets are read.
    """
    known = Owners(workload=workload, name=site.name)
    if workload.kind != "deployment" or all(known.is_clear(pod) for pod in pods):
        return known
    found = await reader.collection(
        f"{APPS}/namespaces/{site.given.namespace}/replicasets", (("labelSelector", workload.selector),)
    )
    adopted = (objects.uid(one) for one in found if objects.controller(one).get("uid") == workload.uid)
    return replace(known, adopted=frozenset(adopted))


@dataclass(frozen=True, kw_only=True)
class Owners:
    """Tells which pods are a workload's own."""

    workload: Workload
    name: str
    adopted: frozenset[str] = frozenset()

    def has(self, pod: JsonObject) -> bool:
        """Whether the pod is its own."""
        owner = objects.controller(pod)
        if self.workload.kind != "deployment":
            return owner.get("uid") == self.workload.uid
        return owner.get("uid") in self.adopted or self._is_named_after(pod)

    def is_clear(self, pod: JsonObject) -> bool:
        """Whether its ReplicaSet's name alone tells whose it is."""
        owner = objects.controller(pod)
        label = (objects.meta(pod).get("labels") or {}).get(objects.POD_TEMPLATE_HASH, "")
        return owner.get("kind") != "ReplicaSet" or bool(label and str(owner["name"]).endswith(f"-{label}"))

    def _is_named_after(self, pod: JsonObject) -> bool:
        label = (objects.meta(pod).get("labels") or {}).get(objects.POD_TEMPLATE_HASH, "")
        return bool(label) and objects.controller(pod).get("name") == f"{self.name}-{label}"
