"""The world as plain data to compare before and after: what people asked for and what came of it, without what moves.

Left out: uids, versions, times, generations, revision numbers, names and nodes of pods that a controller made, events.
ReplicaSets without pods are history and left out; pods are counted by workload, image and readiness.
"""

from __future__ import annotations

from collections import Counter

from bot.sandbox.cluster.controllers.deployments import HASH
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import World, owner_of, place_of

_AS_WRITTEN = ("deployments", "statefulsets", "daemonsets", "poddisruptionbudgets", "resourcequotas", "nodes")
_VOLATILE_NOTES = ("deployment.kubernetes.io/", "kubectl.kubernetes.io/last-applied", "deprecated.daemonset")
_STATUS_WORDS = (
    "replicas",
    "readyReplicas",
    "availableReplicas",
    "updatedReplicas",
    "unavailableReplicas",
    "desiredNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "disruptionsAllowed",
    "currentHealthy",
    "used",
)


def snapshot(world: World) -> Json:
    """By kind and `namespace/name`."""
    seen: Json = {
        plural: {"/".join(place_of(body)).lstrip("/"): _written(body) for body in world.all(plural)}
        for plural in _AS_WRITTEN
    }
    for node in seen["nodes"].values():
        for taint in node["spec"].get("taints") or ():
            taint.pop("timeAdded", None)
    seen["replicasets"] = {
        "/".join(place_of(body)): {"replicas": body["spec"]["replicas"], "template": _template(body)}
        for body in world.all("replicasets")
        if body["spec"]["replicas"]
    }
    seen["pods"] = _pods(world)
    return seen


def _written(body: Json) -> Json:
    metadata = body["metadata"]
    notes = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(_VOLATILE_NOTES)
    }
    status = {
        word: value for word, value in body.get("status", {}).items() if word in _STATUS_WORDS and value
    }
    spec = {
        **body["spec"],
        **({"taints": [dict(one) for one in body["spec"]["taints"]]} if "taints" in body["spec"] else {}),
    }
    return {"labels": metadata.get("labels") or {}, "annotations": notes, "spec": spec, "status": status}


def _template(body: Json) -> Json:
    template: Json = body["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _pods(world: World) -> Json:
    counted: Counter[str] = Counter()
    for pod in world.all("pods"):
        owner = owner_of(pod)
        namespace, name = place_of(pod)
        whose = (
            f"{owner['kind']} {owner['name']}" if owner else f"bare {name} on {pod['spec'].get('nodeName')}"
        )
        images = ",".join(container["image"] for container in pod["spec"]["containers"])
        word = "stopping" if is_going(pod) else "ready" if is_ready(pod) else "not ready"
        counted[f"{namespace}: {whose}, {images}, {word}"] += 1
    return dict(counted)
