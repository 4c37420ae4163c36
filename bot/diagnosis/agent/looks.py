"""What a model may look at besides the evidence: reads of one namespace, of named metrics and of past runs.

Every look goes through a reader that has no verb to write, to a path that is put together here from a fixed table and
a name of Kubernetes; nothing a model says becomes part of a query language. Secrets and ConfigMaps are not in the
table. What comes back is cleaned and redacted like the evidence, cut, and kept as an item with an id of its own, so
that it can be quoted and the quote be held against it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from bot.clients.kubernetes import ClusterReader
from bot.diagnosis.agent.prompt import CUT_MARK
from bot.diagnosis.agent.wording import shown, visible_lines
from bot.diagnosis.collecting import WORKLOADS
from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.keeping import cleaned
from bot.errors import BotError
from bot.runs.plan import JsonObject
from bot.telemetry import Redactor

MOST_LOOKS = 12
LOOK_S = 5.0
ANSWER_CHARS = 8_000
LOG_LINES, LOG_BYTES = 200, 32 * 1024
MOST_EVENTS = 40
LONGEST_MINUTES = 360
WORDS_LIMIT = 100

_BY_NAME: Mapping[str, str] = MappingProxyType(
    {**WORKLOADS, "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs", "Node": "/api/v1/nodes"}
)
_FROM_LIST: Mapping[str, str] = MappingProxyType(
    {
        "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
        "Pod": "/api/v1/namespaces/{}/pods",
        "Service": "/api/v1/namespaces/{}/services",
        "Endpoints": "/api/v1/namespaces/{}/endpoints",
        "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
        "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
        "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
        "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
        "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    }
)
"""What may be described, by the right that reading evidence needs anyway: these may be listed, those above be got."""
KINDS: Mapping[str, str] = MappingProxyType({**_BY_NAME, **_FROM_LIST})
"""Nodes only where a pod of the evidence is on them."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

Measure = Callable[[str, int], Awaitable[str]]
"""A named metric of the catalog over the last minutes, as text; raises BotError where it cannot be asked."""
Recall = Callable[[str], Awaitable[Sequence[str]]]
"""What the bot did here before, one line a run, newest first; "" gives all of it."""


@dataclass(kw_only=True)
class Looks:
    """The looks of one opinion: how many are left, and what they showed."""

    evidence: Evidence
    reader: ClusterReader
    redactor: Redactor
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    metrics: Mapping[str, str] = field(default_factory=dict)
    """The catalog's metrics by name, with what they say."""
    measure: Measure | None = None
    recall: Recall | None = None
    looked: list[Item] = field(default_factory=list)
    count: int = 0

    async def item(self, name: str, start: int = 0) -> str:
        """Give more of one item of the evidence, by its id.

        Args:
            name: the item's id
            start: from which character on
        """
        self.count += 1
        if self.count > MOST_LOOKS:
            return _NO_MORE
        found = next((one for one in (*self.evidence.items, *self.looked) if one.id == name), None)
        return _cut(shown(found)[max(0, start) :]) if found is not None else f"there is no item {_told(name)}"

    async def describe(self, kind: str, name: str) -> str:
        """Read one object of this namespace as it is now. Secrets and ConfigMaps cannot be read.

        Args:
            kind: such as Pod, Deployment, Service, Ingress, PersistentVolumeClaim, Node
            name: the object's name
        """
        known = next((one for one in KINDS if one.lower() == kind.strip().lower()), None)
        if known is None:
            return f"objects of kind {_told(kind)} are not read; these are: {', '.join(KINDS)}"
        if not _is_name(name):
            return f"{_told(name)} is no name of Kubernetes"
        if known == "Node" and name not in self._nodes():
            return f"node {name} is none that a pod of the evidence is on"
        path = KINDS[known].format(self._namespace)
        found, why = await self._look(lambda: self._object(known, path, name))
        if why:
            return why
        if found is None:
            return f"there is no {known} {name} in this namespace"
        return self._kept(known, f"{known.lower()}/{name}", f"{path}/{name}", body=found)

    async def logs(self, pod: str, container: str, before_restart: bool = False, lines: int = 100) -> str:
        """Read the last lines of a log of one of the workload's pods.

        Args:
            pod: the name of a pod of the evidence
            container: the container's name
            before_restart: true for the log of the container as it was before its last restart
            lines: how many lines, at most 200
        """
        if not (_is_name(pod) and _is_name(container)):
            return f"{_told(pod)} and {_told(container)} are no names of a pod and a container"
        if pod not in self._pods():
            return f"pod {pod} is none of this workload's"
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(max(1, min(lines, LOG_LINES))))]
        if before_restart:
            query.append(("previous", "true"))
        found, why = await self._look(lambda: self.reader.log(path, query, limit_bytes=LOG_BYTES))
        if why:
            return why
        if len(found.encode()) >= LOG_BYTES:  # half a secret would not be known for one
            found = found[: max(found.rfind(" "), found.rfind("\n")) + 1]
        name = f"log/{pod}/{container}" + ("/previous" if before_restart else "")
        return self._kept("Log", name, path, text=found) if found else "the log is empty"

    async def events(self, kind: str, name: str) -> str:
        """Read what the cluster said lately about one object of this namespace.

        Args:
            kind: such as Pod, ReplicaSet, Deployment
            name: the object's name
        """
        if not (kind.isalpha() and len(kind) <= 63 and _is_name(name)):
            return f"{_told(kind)} {_told(name)} is no object of Kubernetes"
        path = f"/api/v1/namespaces/{self._namespace}/events"
        query = (("fieldSelector", f"involvedObject.kind={kind},involvedObject.name={name}"),)
        found, why = await self._look(lambda: self.reader.collection(path, query))
        if why:
            return why
        about = [one for one in found if _is_about(one, kind, name)]
        lines = [_line(self.redactor.tree(cleaned(one))) for one in sorted(about, key=_when)[-MOST_EVENTS:]]
        if not lines:
            return f"nothing was said about {kind} {name}"
        return self._kept("Event", f"events/{kind.lower()}/{name}", path, text="\n".join(lines))

    async def metric(self, name: str, minutes: int = 60) -> str:
        """Read one of the catalog's metrics for this service over the last minutes.

        Args:
            name: the metric's name
            minutes: how far back, at most 360
        """
        measure = self.measure
        if measure is None or name not in self.metrics:
            return f"there is no metric {_told(name)}; there are: {', '.join(self.metrics) or 'none'}"
        back = max(1, min(minutes, LONGEST_MINUTES))
        found, why = await self._look(lambda: measure(name, back))
        return why or self._kept("Metric", f"metric/{name}", f"the last {back} minutes of {name}", text=found)

    async def past_runs(self, words: str = "") -> str:
        """Search what was run for this service before, newest first.

        Args:
            words: words to search for; all runs where left out
        """
        recall = self.recall
        if recall is None:
            return "nothing is known of past runs"
        found, why = await self._look(lambda: recall(words[:WORDS_LIMIT]))
        if why:
            return why
        return (
            self._kept("Past", "past-runs", "the journal", text="\n".join(found))
            if found
            else "none was found"
        )

    def tools(self) -> tuple[Callable[..., Awaitable[str]], ...]:
        """What a model may call."""
        always = (self.item, self.describe, self.logs, self.events)
        measured = (self.metric,) if self.measure is not None and self.metrics else ()
        return (*always, *measured, *((self.past_runs,) if self.recall is not None else ()))

    # ------------------------------------------------------------ one look

    async def _object(self, kind: str, path: str, name: str) -> JsonObject | None:
        if kind in _BY_NAME:
            return await self.reader.get(f"{path}/{name}")
        found = await self.reader.collection(path, (("fieldSelector", f"metadata.name={name}"),))
        return next((one for one in found if (one.get("metadata") or {}).get("name") == name), None)

    @property
    def _namespace(self) -> str:
        return self.evidence.subject.namespace

    def _pods(self) -> set[str]:
        """The workload's own: what others log in its namespace is not shown where people talk about this one."""
        return {pod.name for pod in self.evidence.of("Pod")}

    def _nodes(self) -> set[str]:
        return {str(pod.spec.get("nodeName") or "") for pod in self.evidence.of("Pod")} - {""}

    async def _look(self, read: Callable[[], Awaitable[Any]]) -> tuple[Any, str]:
        """What was read, or why it was not."""
        self.count += 1
        if self.count > MOST_LOOKS:
            return None, _NO_MORE
        try:
            async with asyncio.timeout(LOOK_S):
                return await read(), ""
        except TimeoutError:
            return None, f"it could not be read within {LOOK_S:g} s"
        except BotError as problem:
            return None, f"it could not be read: {visible_lines(self.redactor.redact(problem.message)[0])}"

    def _kept(
        self, kind: str, name: str, path: str, *, body: JsonObject | None = None, text: str = ""
    ) -> str:
        """Keep what was read as an item, and say under which id."""
        source = f"GET {path}" if path.startswith("/") else path
        item = Item(
            id=f"look-{len(self.looked) + 1}/{name}",
            kind=kind,
            source=source,
            at=self.now().isoformat(),
            body=self.redactor.tree(cleaned(body)) if body else {},
            text=self.redactor.redact(text)[0],
        )
        self.looked.append(item)
        return f"item {item.id}:\n{_cut(shown(item))}"


_NO_MORE = f"{MOST_LOOKS} looks are used up; hand over your report"


def _is_name(text: str) -> bool:
    """A Kubernetes name, and nothing that would lead to another place of the API."""
    return _NAME.fullmatch(text) is not None and ".." not in text


def _told(text: str) -> str:
    return repr(text[:80])


def _cut(text: str) -> str:
    return text if len(text) <= ANSWER_CHARS else f"{text[:ANSWER_CHARS]}{CUT_MARK}"


def _is_about(event: JsonObject, kind: str, name: str) -> bool:
    """As asked; a server that selects nothing gives the events of everything."""
    about = event.get("involvedObject") or {}
    return (about.get("kind"), about.get("name")) == (kind, name)


def _when(event: JsonObject) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _line(event: JsonObject) -> str:
    return f"{_when(event)} {event.get('type', '')} {event.get('reason', '')}: {event.get('message', '')}"
