"""Reads what there is to know about a workload: in parallel, within a time budget, through a reader and nothing else.

In three rounds, since each says what the next needs: the workload with everything of its namespace that could be to
blame; its pods, with the nodes they are on; the logs of the containers that are in trouble. Whatever cannot be read
(no right, no answer in time, garbage) becomes a gap with its reason, never an end: half the evidence is better than
none, and the report says which half is missing.

Nothing secret comes in: Secrets are not asked for at all (the kubelet's own words tell which one is missing), values
of environment variables are left out, and what remains goes through the redactor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.clients.kubernetes import ClusterReader
from bot.diagnosis.changes import difference, revisions
from bot.diagnosis.evidence import Evidence, Gap, Item, Subject
from bot.diagnosis.findings.pods import containers, is_over, is_ready
from bot.errors import ActionError
from bot.runs.plan import JsonObject
from bot.telemetry import Redactor

BUDGET_S = 10.0
LOG_LINES = 100
LOG_BYTES = 64 * 1024
MOST_PODS, MOST_EVENTS, MOST_NODES, MOST_LOGS = 40, 200, 10, 8
"""What is kept of each; those in trouble and the newest come first."""

WORKLOADS: Mapping[str, str] = MappingProxyType(
    {
        "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
        "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
        "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
        "Job": "/apis/batch/v1/namespaces/{}/jobs",
    }
)
_AROUND: Mapping[str, str] = MappingProxyType(
    {
        "Event": "/api/v1/namespaces/{}/events",
        "Service": "/api/v1/namespaces/{}/services",
        "Endpoints": "/api/v1/namespaces/{}/endpoints",
        "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
        "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
        "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
        "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
        "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
        "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
        "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    }
)
_NOISE = ("managedFields", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def collect(
    reader: ClusterReader,
    subject: Subject,
    *,
    redactor: Redactor,
    now: Callable[[], datetime],
    budget_s: float = BUDGET_S,
) -> Evidence:
    """What can be read about the workload until the budget is used up. Raises nothing for what the cluster does."""
    reading = _Reading(reader=reader, subject=subject, redactor=redactor, taken_at=now())
    try:
        async with asyncio.timeout(budget_s):
            await reading.everything()
    except TimeoutError:
        reading.gaps.append(Gap(what="the rest", why=f"{budget_s:g} s were used up"))
    return reading.evidence()


@dataclass(kw_only=True)
class _Reading:
    """One collection under way."""

    reader: ClusterReader
    subject: Subject
    redactor: Redactor
    taken_at: datetime
    items: list[Item] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def evidence(self) -> Evidence:
        """As far as it came."""
        return Evidence(
            subject=self.subject,
            taken_at=self.taken_at,
            items=tuple(self.items),
            gaps=tuple(self.gaps),
            read=frozenset(self.read),
        )

    async def everything(self) -> None:
        """The three rounds; what is around the workload is read meanwhile."""
        namespace = self.subject.namespace
        own = WORKLOADS[self.subject.kind].format(namespace)
        lists = [self._list(kind, path.format(namespace)) for kind, path in _AROUND.items()]
        around = asyncio.ensure_future(asyncio.gather(*lists))
        try:
            found = await self._workload(f"{own}/{self.subject.name}")
            selector = selector_of(found) if found is not None else ""
            if found is not None and selector:
                await asyncio.gather(self._pods(selector), self._changes(found, selector))
                await asyncio.gather(self._nodes(), self._logs())
            await around
        finally:
            around.cancel()

    async def _workload(self, path: str) -> JsonObject | None:
        found: JsonObject | None = await self._try(self.subject.words, self.reader.get(path))
        if found is not None:
            self._keep(self.subject.kind, path, found)
        if not any(gap.what == self.subject.words for gap in self.gaps):
            self.read.add(self.subject.kind)
        return found

    async def _list(self, kind: str, path: str, selector: str = "") -> tuple[JsonObject, ...]:
        query = (("labelSelector", selector),) if selector else ()
        found = await self._try(path.rpartition("/")[2], self.reader.collection(path, query))
        if found is None:
            return ()
        self.read.add(kind)
        for one in _chosen(kind, found, self.taken_at):
            self._keep(kind, path, one)
        return tuple(found)

    async def _pods(self, selector: str) -> None:
        await self._list("Pod", f"/api/v1/namespaces/{self.subject.namespace}/pods", selector)

    async def _changes(self, workload: JsonObject, selector: str) -> None:
        """The last two revisions of a deployment, and what changed between them."""
        if self.subject.kind != "Deployment":
            return
        path = f"/apis/apps/v1/namespaces/{self.subject.namespace}/replicasets"
        found = await self._try("replicasets", self.reader.collection(path, (("labelSelector", selector),)))
        own = [one for one in found or () if _is_owned(one, workload)]
        newest = revisions(own)[:2]
        for number, _ in newest:
            revision = next(one for one in own if revisions([one])[0][0] == number)
            self._keep("ReplicaSet", path, revision)
        if len(newest) == 2:
            (now, after), (before_number, before) = newest
            lines = difference(before, after) or ["nothing that matters"]
            text = f"revision {before_number} → {now}:\n" + "\n".join(lines)
            self._note("Change", f"change/{self.subject.name}/{now}", path, text)

    async def _nodes(self) -> None:
        names = (str(pod.spec.get("nodeName") or "") for pod in self._of("Pod"))
        known = list(dict.fromkeys(filter(None, names)))[:MOST_NODES]
        await asyncio.gather(*(self._node(name) for name in known))

    async def _node(self, name: str) -> None:
        path = f"/api/v1/nodes/{name}"
        found = await self._try(f"node {name}", self.reader.get(path))
        if found is not None:
            self._keep("Node", path, found)

    async def _logs(self) -> None:
        """Of the containers in trouble, now and before their last restart."""
        wanted = [
            one for one in containers(self.evidence()) if (one.is_suspicious and one.ended) or one.is_running
        ]
        wanted = [one for one in wanted if one.is_suspicious or not one.status.get("ready")][:MOST_LOGS]
        reads: list[Awaitable[None]] = []
        for one in wanted:
            if one.restarts:
                reads.append(self._log(one.pod.name, one.name, is_before=True))
            reads.append(self._log(one.pod.name, one.name, is_before=False))
        await asyncio.gather(*reads)

    async def _log(self, pod: str, container: str, *, is_before: bool) -> None:
        path = f"/api/v1/namespaces/{self.subject.namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(LOG_LINES))]
        if is_before:
            query.append(("previous", "true"))
        what = f"the log of {container} in pod {pod}" + (" before its restart" if is_before else "")
        text = await self._try(what, self.reader.log(path, query, limit_bytes=LOG_BYTES))
        if text:
            self._note("Log", f"log/{pod}/{container}" + ("/previous" if is_before else ""), path, text)

    # ------------------------------------------------------------ keeping

    async def _try(self, what: str, reading: Awaitable[Any]) -> Any:
        try:
            return await reading
        except ActionError as problem:
            self.gaps.append(Gap(what=what, why=self.redactor.redact(problem.message)[0]))
            return None

    def _keep(self, kind: str, path: str, body: JsonObject) -> None:
        body = self.redactor.tree(_clean(body))
        name = (body.get("metadata") or {}).get("name", "")
        at = str(body.get("lastTimestamp") or body.get("eventTime") or self.taken_at.isoformat())
        self.items.append(
            Item(id=f"{kind.lower()}/{name}", kind=kind, source=f"GET {path}", at=at, body=body)
        )

    def _note(self, kind: str, item_id: str, path: str, text: str) -> None:
        self.items.append(
            Item(
                id=item_id,
                kind=kind,
                source=f"GET {path}",
                at=self.taken_at.isoformat(),
                text=self.redactor.redact(text)[0],
            )
        )

    def _of(self, kind: str) -> Iterable[Item]:
        return (one for one in self.items if one.kind == kind)


def selector_of(workload: JsonObject) -> str:
    """Its pods, as a query; expressions are left to labels alone where there are any."""
    labels = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _is_owned(item: JsonObject, workload: JsonObject) -> bool:
    owners = (item.get("metadata") or {}).get("ownerReferences") or ()
    return any(one.get("uid") == (workload.get("metadata") or {}).get("uid") for one in owners)


def _chosen(kind: str, found: Iterable[JsonObject], taken_at: datetime) -> list[JsonObject]:
    """The pods in trouble first, the newest events; of everything else all."""
    if kind == "Pod":
        items = [Item(id="", kind=kind, source="", at="", body=one) for one in found]
        items.sort(key=lambda pod: is_over(pod) or is_ready(pod))
        return [one.body for one in items[:MOST_PODS]]
    if kind == "Event":
        oldest = taken_at.isoformat()[:4]
        newest = sorted(
            found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or oldest)
        )
        return newest[-MOST_EVENTS:]
    return list(found)


def _clean(value: Any, *, is_variable: bool = False) -> Any:
    """Without what is long and says nothing, and without the values of variables."""
    if isinstance(value, list):
        return [_clean(one, is_variable=is_variable) for one in value]
    if not isinstance(value, dict):
        return value
    cleaned = {}
    for key, one in value.items():
        if key in _NOISE or key == _LAST_APPLIED or (is_variable and key == "value"):
            continue
        cleaned[key] = _clean(one, is_variable=key == "env")
    return cleaned
