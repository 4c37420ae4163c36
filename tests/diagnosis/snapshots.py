"""Snapshots of a workload in trouble, built from the words that real kubelets, schedulers and controllers use.

    snap("api").pod(waiting="CrashLoopBackOff", ended=("Error", 1), restarts=6).log("panic: …").made()

A snapshot starts out healthy: a Deployment `shop/api` with two pods, a Service with endpoints and a node. `pod`
replaces what was there by the pods that are in trouble.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bot.diagnosis.evidence import Evidence, Gap, Item, Subject

NOW = datetime(2026, 3, 14, 2, 10, tzinfo=UTC)
JUST_NOW = (NOW - timedelta(minutes=2)).isoformat()
YESTERDAY = (NOW - timedelta(days=1)).isoformat()
LABELS = {"app": "api"}
Json = dict[str, Any]

ALL_READ = (
    *("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "Event", "Service", "Endpoints", "Ingress"),
    *("IngressClass", "PersistentVolumeClaim", "StorageClass", "ResourceQuota", "HorizontalPodAutoscaler"),
    *("PodDisruptionBudget", "Neighbour"),
)


class Snap:
    """One snapshot in the making."""

    def __init__(self, kind: str = "Deployment", name: str = "api", *, replicas: int = 2) -> None:
        self.subject = Subject(kind=kind, namespace="shop", name=name)
        self.read = set(ALL_READ)
        self.gaps: list[Gap] = []
        self.hidden: set[str] = set()
        """Kinds that nobody lets the bot read."""
        self.items: dict[str, Item] = {}
        self.is_broken = False
        spec: Json = {"replicas": replicas, "selector": {"matchLabels": LABELS}}
        spec["template"] = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "app"}]}}
        self.put(kind, name, spec=spec, status={"replicas": replicas, "readyReplicas": replicas})
        self.node("n1")
        for number in range(1, replicas + 1):
            self._pod(f"{name}-{number}", {"containerStatuses": [running()]}, {})
        self.service(name)

    def put(self, kind: str, name: str, **body: Any) -> Self:
        """An object as the API gives it."""
        metadata = {"name": name, "namespace": "shop", **body.pop("metadata", {})}
        item_id = f"{kind.lower()}/{name}"
        self.items[item_id] = Item(
            id=item_id, kind=kind, source="GET /…", at=NOW.isoformat(), body={"metadata": metadata, **body}
        )
        return self

    def without(self, *ids: str) -> Self:
        """As if these were not there."""
        for one in ids:
            del self.items[one]
        return self

    def unread(self, kind: str, why: str = "forbidden") -> Self:
        """As if this kind could not be read."""
        self.read.discard(kind)
        self.hidden.add(kind)
        self.gaps.append(Gap(what=f"{kind}s", why=why))
        self.items = {key: one for key, one in self.items.items() if one.kind != kind}
        return self

    def node(self, name: str, *, unschedulable: bool = False, **conditions: str) -> Self:
        """A node; `Ready="False: kubelet stopped posting node status."` and the like change its conditions."""
        told = {"Ready": "True: kubelet is posting ready status", **conditions}
        listed = [
            {"type": kind, "status": words.partition(": ")[0], "message": words.partition(": ")[2]}
            for kind, words in told.items()
        ]
        spec = {"unschedulable": True} if unschedulable else {}
        return self.put("Node", name, spec=spec, status={"conditions": listed})

    def pod(self, name: str = "api-1", *, spec: Json | None = None, **status: Any) -> Self:
        """A pod in trouble beside those that still serve; the first takes the place of all that were healthy."""
        if not self.is_broken:
            self.is_broken = True
            self.items = {key: one for key, one in self.items.items() if one.kind != "Pod"}
            self.endpoints(self.subject.name, addresses=0)
            own = self.items[f"{self.subject.kind.lower()}/{self.subject.name}"]
            counts = {key: value for key, value in own.status.items() if key != "readyReplicas"}
            self.put(self.subject.kind, self.subject.name, spec=own.spec, status=counts)
        return self._pod(name, status, spec or {})

    def nothing_made(self, **conditions: str) -> Self:
        """No pod is there, for what the workload's conditions say."""
        self.pod()
        return self.without("pod/api-1").says(**conditions)

    def app(
        self, name: str = "api-1", *, spec: Json | None = None, container: Json | None = None, **state: Any
    ) -> Self:
        """A pod whose only container is in this state (see `status_of`)."""
        specs = {"containers": [{"name": "app", "image": "registry.acme.example/api:2", **(container or {})}]}
        return self.pod(name, spec={**specs, **(spec or {})}, containerStatuses=[status_of("app", **state)])

    def init(self, name: str = "api-1", **state: Any) -> Self:
        """A pod whose init container is in this state."""
        waits = status_of("app", waiting="PodInitializing")
        return self.pod(
            name, initContainerStatuses=[status_of("migrate", **state)], containerStatuses=[waits]
        )

    def pending(self, said: str, *, spec: Json | None = None, name: str = "api-1") -> Self:
        """A pod that finds no node."""
        scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
        return self.pod(name, spec=spec, phase="Pending", conditions=[scheduled])

    def _pod(self, name: str, status: Json, spec: Json) -> Self:
        states = status.get("containerStatuses") or ()
        is_ready = bool(states) and all(one["ready"] for one in states)
        ready = {"type": "Ready", "status": "True" if is_ready else "False"}
        status = {"phase": "Running", **status, "conditions": [ready, *status.get("conditions", ())]}
        is_placed = not any(one["type"] == "PodScheduled" for one in status["conditions"])
        spec = {**({"nodeName": "n1"} if is_placed else {}), "containers": [{"name": "app"}], **spec}
        return self.put("Pod", name, metadata={"labels": LABELS}, spec=spec, status=status)

    def event(self, reason: str, message: str, *, of: str = "Pod/api-1", container: str = "") -> Self:
        """What the cluster said about an object."""
        kind, _, name = of.partition("/")
        about = {
            "kind": kind,
            "name": name,
            "fieldPath": f"spec.containers{{{container}}}" if container else "",
        }
        number = sum(one.kind == "Event" for one in self.items.values())
        facts = {"involvedObject": about, "reason": reason, "message": message, "lastTimestamp": JUST_NOW}
        return self.put("Event", f"{name}.{number}", **facts)

    def log(self, *lines: str, pod: str = "api-1", container: str = "app", previous: bool = True) -> Self:
        """What a container wrote."""
        item_id = f"log/{pod}/{container}" + ("/previous" if previous else "")
        self.items[item_id] = Item(
            id=item_id, kind="Log", source="GET /…/log", at=NOW.isoformat(), text="\n".join(lines)
        )
        return self

    def service(self, name: str, *, selector: Json | None = None, addresses: int = 2) -> Self:
        """A service with this many addresses behind it."""
        self.put("Service", name, spec={"selector": LABELS if selector is None else selector})
        return self.endpoints(name, addresses=addresses)

    def endpoints(self, name: str, *, addresses: int) -> Self:
        """What stands behind a service."""
        subsets = [{"addresses": [{"ip": f"10.1.0.{n}"} for n in range(addresses)]}] if addresses else []
        return self.put("Endpoints", name, subsets=subsets)

    def ingress(
        self, *, to: str = "api", ingress_class: str = "nginx", known: tuple[str, ...] = ("nginx",)
    ) -> Self:
        """An ingress to a service, and the classes there are."""
        path = {"path": "/", "backend": {"service": {"name": to, "port": {"number": 80}}}}
        spec: Json = {"rules": [{"host": "shop.acme.example", "http": {"paths": [path]}}]}
        if ingress_class:
            spec["ingressClassName"] = ingress_class
        for one in known:
            self.put("IngressClass", one, spec={"controller": "k8s.io/ingress-nginx"})
        return self.put("Ingress", "shop", spec=spec)

    def says(self, **conditions: str) -> Self:
        """Conditions of the workload: `Progressing="False ProgressDeadlineExceeded: …"`."""
        own = self.items[f"{self.subject.kind.lower()}/{self.subject.name}"]
        return self.put(
            self.subject.kind,
            self.subject.name,
            spec=own.spec,
            status={**own.status, "conditions": listed(conditions)},
        )

    def made(self) -> Evidence:
        """The snapshot."""
        return Evidence(
            subject=self.subject,
            taken_at=NOW,
            items=tuple(self.items.values()),
            gaps=tuple(self.gaps),
            read=frozenset(self.read),
        )


def listed(conditions: dict[str, str]) -> list[Json]:
    """`{"Failed": "True DeadlineExceeded: it took too long"}` as a status has it."""
    found = []
    for kind, words in conditions.items():
        facts, _, message = words.partition(": ")
        status, _, reason = facts.partition(" ")
        found.append({"type": kind, "status": status, "reason": reason, "message": message})
    return found


def running(name: str = "app", *, restarts: int = 0) -> Json:
    """A container as it should be."""
    return status_of(name, ready=True, restarts=restarts)


def status_of(
    name: str,
    *,
    ready: bool = False,
    waiting: str = "",
    says: str = "",
    ended: tuple[str, int] | None = None,
    ended_at: str = JUST_NOW,
    restarts: int = 0,
    terminated: bool = False,
) -> Json:
    """A container status: it runs, or waits for a reason and says why, and this is how it ended last."""
    end = {"reason": ended[0], "exitCode": ended[1], "finishedAt": ended_at} if ended else {}
    if end and says and not waiting:
        end["message"] = says
    state: Json = (
        {"waiting": {"reason": waiting, "message": says}} if waiting else {"running": {"startedAt": JUST_NOW}}
    )
    last: Json = {"terminated": end} if end else {}
    if terminated:
        state, last = {"terminated": end}, {}
    return {
        "name": name,
        "image": "registry.acme.example/api:2",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last,
    }


def snap(*args: Any, **more: Any) -> Snap:
    """A snapshot in the making."""
    return Snap(*args, **more)


def templated(spec: Json, pods: Json) -> Json:
    """The spec of a workload whose pods are like this."""
    return {**spec, "template": {**spec["template"], "spec": pods}}
