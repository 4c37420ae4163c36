"""Objects as the rows that `kubectl get` prints, or as their metadata alone: the server chooses the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from bot.sandbox.cluster.kinds import Json, Kind

Row = Callable[[Json], list[str | int]]


def is_wanted(accept: str) -> bool:
    """The client asked for a table before anything else."""
    return "as=Table" in accept.partition(",")[0]


def age(body: Json, now: float) -> str:
    """How old an object is, in the one unit that says most."""
    made = datetime.fromisoformat(body["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    seconds = max(0, int(now - made.timestamp()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _pod(body: Json) -> list[str | int]:
    statuses = body["status"].get("containerStatuses") or []
    waiting = [one["state"]["waiting"]["reason"] for one in statuses if "waiting" in one["state"]]
    word = waiting[0] if waiting else str(body["status"].get("phase", "Unknown"))
    if "deletionTimestamp" in body["metadata"]:
        word = "Terminating"
    ready = f"{sum(one['ready'] for one in statuses)}/{len(body['spec']['containers'])}"
    return [ready, word, sum(one["restartCount"] for one in statuses)]


def _deployment(body: Json) -> list[str | int]:
    status, wanted = body.get("status", {}), body["spec"]["replicas"]
    counts = [status.get(word, 0) for word in ("updatedReplicas", "availableReplicas")]
    return [f"{status.get('readyReplicas', 0)}/{wanted}", *counts]


def _replica_set(body: Json) -> list[str | int]:
    status = body.get("status", {})
    return [body["spec"]["replicas"], status.get("replicas", 0), status.get("readyReplicas", 0)]


def _stateful_set(body: Json) -> list[str | int]:
    return [f"{body.get('status', {}).get('readyReplicas', 0)}/{body['spec']['replicas']}"]


def _daemon_set(body: Json) -> list[str | int]:
    words = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable")
    return [body.get("status", {}).get(word, 0) for word in words]


def _node(body: Json) -> list[str | int]:
    cordoned = ",SchedulingDisabled" if body["spec"].get("unschedulable") else ""
    version = body.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return [f"Ready{cordoned}", version]


def _event(body: Json) -> list[str | int]:
    about = body["involvedObject"]
    return [body["type"], body["reason"], f"{about['kind'].lower()}/{about['name']}", body["message"]]


_COLUMNS: dict[str, tuple[tuple[str, ...], Row]] = {
    "pods": (("Ready", "Status", "Restarts"), _pod),
    "deployments": (("Ready", "Up-to-date", "Available"), _deployment),
    "replicasets": (("Desired", "Current", "Ready"), _replica_set),
    "statefulsets": (("Ready",), _stateful_set),
    "daemonsets": (("Desired", "Current", "Ready", "Available"), _daemon_set),
    "nodes": (("Status", "Version"), _node),
    "events": (("Type", "Reason", "Object", "Message"), _event),
}


def table(kind: Kind, bodies: Iterable[Json], *, now: float, metadata: Json | None = None) -> Json:
    """A Table of these objects; a row carries the metadata of its object."""
    names, row = _COLUMNS.get(kind.plural, ((), lambda _: []))
    titles: Sequence[str] = ("Name", *names, "Age")
    columns = [
        {
            "name": title,
            "type": "string",
            "format": "name" if title == "Name" else "",
            "description": "",
            "priority": 0,
        }
        for title in titles
    ]
    rows = [
        {
            "cells": [body["metadata"]["name"], *row(body), age(body, now)],
            "object": metadata_alone(body),
        }
        for body in bodies
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata or {},
        "columnDefinitions": columns,
        "rows": rows,
    }


def metadata_alone(body: Json) -> Json:
    """What a client gets that asks for nothing else of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}
