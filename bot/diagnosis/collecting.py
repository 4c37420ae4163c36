"""Reads what there is to know about a workload: in parallel, within a time budget, through a reader and nothing else.

In three rounds, since each says what the next needs: the workload with everything of its namespace that could be to
blame; its pods and revisions, and whether what its template names is there; the nodes its pods are on and the logs of
the containers that are in trouble. What is known beside the cluster (`sources`) is read meanwhile. Whatever cannot be
read (no right, no answer in time, garbage) becomes a gap with its reason, never an end: half the evidence is better
than none, and the report says which half is missing.

Nothing secret comes in: Secrets are not asked for at all (a right to list them is a right to read them, and the
kubelet's own words tell which one is missing), of ConfigMaps and service accounts only whether they are there, values
of environment variables are left out, and what remains goes through the redactor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.clients.kubernetes import ClusterReader
from bot.diagnosis import keeping
from bot.diagnosis.changes import difference, revisions, told
from bot.diagnosis.evidence import Evidence, Subject
from bot.diagnosis.findings.routes import needs_neighbours
from bot.diagnosis.findings.scheduling import waits_for_a_node
from bot.diagnosis.notebook import Notebook
from bot.diagnosis.references import MOST as MOST_REFERENCES
from bot.diagnosis.references import Reference, references
from bot.diagnosis.shape import is_shaped
from bot.diagnosis.sources import Source
from bot.runs.plan import JsonObject
from bot.telemetry import Redactor

BUDGET_S = 10.0
LOG_LINES = 100
LOG_READ_BYTES = 1024 * 1024
"""Read of one log, from the first of its last lines on; its end is what is kept."""

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
_KEEPERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Deployment": ("ReplicaSet", "/apis/apps/v1/namespaces/{}/replicasets"),
        "StatefulSet": ("ControllerRevision", "/apis/apps/v1/namespaces/{}/controllerrevisions"),
        "DaemonSet": ("ControllerRevision", "/apis/apps/v1/namespaces/{}/controllerrevisions"),
    }
)
"""What keeps a workload's revisions."""
_NEEDED: Mapping[str, str] = MappingProxyType(
    {
        "configmap": "/api/v1/namespaces/{}/configmaps",
        "serviceaccount": "/api/v1/namespaces/{}/serviceaccounts",
    }
)


async def collect(
    reader: ClusterReader,
    subject: Subject,
    *,
    redactor: Redactor,
    now: Callable[[], datetime],
    budget_s: float = BUDGET_S,
    sources: Sequence[Source] = (),
) -> Evidence:
    """What can be read about the workload until the budget is used up. Raises nothing for what the cluster does."""
    notes = Notebook(subject=subject, redactor=redactor, taken_at=now())
    reading = _Reading(reader=reader, subject=subject, notes=notes)
    try:
        async with asyncio.timeout(budget_s):
            await reading.everything(sources)
    except TimeoutError:
        why = f"no answer within {budget_s:g} s, which is all the time there was"
        notes.gap(", ".join(notes.asked) or "the rest", why)
    return notes.evidence()


@dataclass(kw_only=True)
class _Reading:
    """One collection under way."""

    reader: ClusterReader
    subject: Subject
    notes: Notebook

    async def everything(self, sources: Sequence[Source]) -> None:
        """The three rounds; what is around the workload and beside the cluster is read meanwhile."""
        namespace = self.subject.namespace
        async with asyncio.TaskGroup() as group:
            for kind, path in _AROUND.items():
                group.create_task(self._list(kind, path.format(namespace)), name=f"read {kind}")
            for source in sources:
                group.create_task(self._beside(source), name=f"read {source.what}")
            group.create_task(self._own(), name=f"read {self.subject.words}")
        if needs_neighbours(self.notes.evidence()):
            await self._neighbours()

    async def _own(self) -> None:
        path = f"{WORKLOADS[self.subject.kind].format(self.subject.namespace)}/{self.subject.name}"
        found = await self._workload(path)
        if found is None:
            return
        template = (found.get("spec") or {}).get("template") or {}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._needed(references(template)), name="read what it needs")
            group.create_task(self._owner(found), name="read its owner")
            if selector := keeping.selector_of(found):
                group.create_task(self._pods(selector), name="read its pods")
                group.create_task(self._changes(found, selector), name="read its revisions")
        await asyncio.gather(self._nodes(), self._logs())

    async def _workload(self, path: str) -> JsonObject | None:
        found: JsonObject | None = await self.notes.answer(self.subject.words, self.reader.get(path))
        if found is not None and not self.notes.keep(self.subject.kind, path, found):
            return None
        if not self.notes.has_gap(self.subject.words):
            self.notes.read.add(self.subject.kind)
        return found

    async def _list(self, kind: str, path: str, selector: str = "") -> tuple[JsonObject, ...]:
        what = path.rpartition("/")[2]
        query = (("labelSelector", selector),) if selector else ()
        found: tuple[Any, ...] | None = await self.notes.answer(what, self.reader.collection(path, query))
        if found is None:
            return ()
        shaped = [one for one in found if is_shaped(kind, one)]
        if len(shaped) < len(found):
            self.notes.gap(f"{len(found) - len(shaped)} of the {what}", "what came has no shape of such")
        else:
            self.notes.read.add(kind)
        for one in keeping.pods_first_in_trouble(shaped) if kind == "Pod" else shaped:
            self.notes.keep(kind, path, one)
        return tuple(shaped)

    async def _pods(self, selector: str) -> None:
        await self._list("Pod", f"/api/v1/namespaces/{self.subject.namespace}/pods", selector)

    async def _beside(self, source: Source) -> None:
        for item in await self.notes.answer(source.what, source.read()) or ():
            self.notes.add(item)

    async def _owner(self, workload: JsonObject) -> None:
        """What makes it anew by a timetable; an owner of another kind is named in the workload itself."""
        for owner in workload["metadata"].get("ownerReferences") or ():
            if owner.get("kind") == "CronJob":
                path = f"/apis/batch/v1/namespaces/{self.subject.namespace}/cronjobs/{owner['name']}"
                found = await self.notes.answer(f"cronjob {owner['name']}", self.reader.get(path))
                if found is not None:
                    self.notes.keep("CronJob", path, found)

    async def _changes(self, workload: JsonObject, selector: str) -> None:
        """The revisions, and what changed between the last two."""
        if self.subject.kind not in _KEEPERS:
            return
        kind, path = _KEEPERS[self.subject.kind]
        path = path.format(self.subject.namespace)
        query = (("labelSelector", selector),)
        found = await self.notes.answer(path.rpartition("/")[2], self.reader.collection(path, query))
        own = [one for one in found or () if is_shaped(kind, one) and _is_owned(one, workload)]
        history = revisions(own)
        if not history:
            return
        for revision in history[:2]:
            self.notes.keep(kind, path, next(one for one in own if one["metadata"]["name"] == revision.name))
        self.notes.write("History", f"history/{self.subject.name}", path, told(history))
        if len(history) > 1:
            now, before = history[:2]
            lines = difference(before.template, now.template) or ["nothing that matters"]
            text = f"revision {before.number} → {now.number}:\n" + "\n".join(lines)
            self.notes.write("Change", f"change/{self.subject.name}/{now.number}", path, text)

    async def _needed(self, named: Sequence[Reference]) -> None:
        """Whether what the template names is there, as one item; Secrets are named and not asked for."""
        asked = [one for one in named if one.kind in _NEEDED][:MOST_REFERENCES]
        answers = await asyncio.gather(*(self._is_there(one) for one in asked))
        if not named:
            return
        missing = [one for one, is_there in zip(asked, answers, strict=True) if is_there is False]
        body: JsonObject = {
            "metadata": {"name": self.subject.name},
            "named": [f"{one.kind} {one.name}" for one in named],
            "missing": [f"{one.kind} {one.name}" for one in missing if not one.is_optional],
        }
        self.notes.keep(
            "References", f"{WORKLOADS[self.subject.kind].format(self.subject.namespace)}/…", body
        )

    async def _is_there(self, one: Reference) -> bool | None:
        path = f"{_NEEDED[one.kind].format(self.subject.namespace)}/{one.name}"
        answer: bool | None = await self.notes.answer(f"{one.kind}s", self.reader.is_there(path))
        return answer

    async def _nodes(self) -> None:
        """The nodes its pods are on; all of them where a pod finds none."""
        if any(waits_for_a_node(pod) for pod in self.notes.of("Pod")):
            await self._list("Node", "/api/v1/nodes")
            return
        names = (str(pod.spec.get("nodeName") or "") for pod in self.notes.of("Pod"))
        known = list(dict.fromkeys(filter(None, names)))[: keeping.MOST_NODES]
        await asyncio.gather(*(self._node(name) for name in known))

    async def _node(self, name: str) -> None:
        path = f"/api/v1/nodes/{name}"
        found = await self.notes.answer(f"node {name}", self.reader.get(path))
        if found is not None:
            self.notes.keep("Node", path, found)

    async def _neighbours(self) -> None:
        """What else is in the namespace, by its labels alone: somebody else's service is none of ours."""
        kinds = [kind for kind in WORKLOADS if kind != "Job"]
        paths = [WORKLOADS[kind].format(self.subject.namespace) for kind in kinds]
        words = [path.rpartition("/")[2] for path in paths]
        found = await asyncio.gather(
            *(
                self.notes.answer(what, self.reader.collection(path))
                for what, path in zip(words, paths, strict=True)
            )
        )
        own = (self.subject.kind, self.subject.name)
        for kind, path, bodies in zip(kinds, paths, found, strict=True):
            for body in bodies or ():
                if is_shaped(kind, body) and (kind, body["metadata"]["name"]) != own:
                    self.notes.keep("Neighbour", path, keeping.labels_alone(kind, body))
        if all(one is not None for one in found):
            self.notes.read.add("Neighbour")

    async def _logs(self) -> None:
        """Of the containers in trouble, now and before their last restart."""
        reads: list[Awaitable[None]] = []
        for one in keeping.with_logs(self.notes.evidence()):
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
        text = await self.notes.answer(what, self.reader.log(path, query, limit_bytes=LOG_READ_BYTES))
        if text:
            item_id = f"log/{pod}/{container}" + ("/previous" if is_before else "")
            self.notes.write("Log", item_id, path, keeping.last_of(text))


def _is_owned(item: JsonObject, workload: JsonObject) -> bool:
    owners = (item.get("metadata") or {}).get("ownerReferences") or ()
    return any(one.get("uid") == (workload.get("metadata") or {}).get("uid") for one in owners)
