"""The shape that objects of a cluster have, as far as findings look: what answers otherwise is no such object.

A real API server never sends a pod whose `spec` is a word. What sends one is something else in its place (a proxy, a
stand-in, somebody's experiment), and nothing that such an object says should be believed, nor make a finding fall.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Shape = re.Pattern[str] | type | tuple[type, ...] | Mapping[str, "Shape"] | list["Shape"]
"""What a text is made of, a type, the keys of a mapping (absent and null are fine), or the one shape of every member
of a list."""

NAME = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)?")
"""Of an object or a container: it ends up in paths, and in commands that people copy. References may name nothing."""

_WORDS: Shape = {"*": str}
_NUMBER = (int, float)
_ENDED: Shape = {"exitCode": int, "reason": str, "message": str, "finishedAt": str}
_STATE: Shape = {"waiting": {"reason": str, "message": str}, "terminated": _ENDED, "running": dict}
_STATUS: Shape = {
    "name": NAME,
    "image": str,
    "restartCount": int,
    "ready": bool,
    "state": _STATE,
    "lastState": _STATE,
}
_NAMED: Shape = {"name": NAME}
_FROM: Shape = {"configMapRef": _NAMED, "secretRef": _NAMED}
_CONTAINER: Shape = {
    "name": NAME,
    "image": str,
    "resources": {"limits": dict, "requests": dict},
    "env": [{"name": str, "valueFrom": {"configMapKeyRef": _NAMED, "secretKeyRef": _NAMED}}],
    "envFrom": [_FROM],
    "ports": [{"name": str}],
}
_VOLUME: Shape = {
    "name": str,
    "configMap": _NAMED,
    "secret": {"secretName": NAME},
    "persistentVolumeClaim": {"claimName": NAME},
    "projected": {"sources": [{"configMap": _NAMED, "secret": _NAMED}]},
}
_POD_SPEC: Shape = {
    "nodeName": NAME,
    "serviceAccountName": NAME,
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [_VOLUME],
    "imagePullSecrets": [_NAMED],
}
_METADATA: Shape = {
    "name": NAME,
    "namespace": NAME,
    "uid": str,
    "labels": _WORDS,
    "annotations": _WORDS,
    "creationTimestamp": str,
    "deletionTimestamp": str,
    "ownerReferences": [{"kind": str, "name": NAME, "uid": str}],
}
_CONDITIONS: Shape = [{"type": str, "status": str, "reason": str, "message": str, "lastTransitionTime": str}]
_TEMPLATE: Shape = {"metadata": {"labels": _WORDS}, "spec": _POD_SPEC}
_WORKLOAD: Shape = {
    "spec": {
        "replicas": int,
        "selector": {
            "matchLabels": _WORDS,
            "matchExpressions": [{"key": str, "operator": str, "values": [str]}],
        },
        "template": _TEMPLATE,
    },
    "status": {
        "replicas": int,
        "readyReplicas": int,
        "numberReady": int,
        "desiredNumberScheduled": int,
        "conditions": _CONDITIONS,
    },
}
_BACKEND: Shape = {"service": _NAMED}

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"), _WORKLOAD),
        "Pod": {
            "spec": _POD_SPEC,
            "status": {
                "phase": str,
                "reason": str,
                "message": str,
                "conditions": _CONDITIONS,
                "containerStatuses": [_STATUS],
                "initContainerStatuses": [_STATUS],
            },
        },
        "Event": {
            "involvedObject": {"kind": str, "name": str, "fieldPath": str},
            "reason": str,
            "message": str,
            "lastTimestamp": str,
            "eventTime": str,
        },
        "Neighbour": {"spec": {"template": _TEMPLATE}},
        "References": {"named": [str], "missing": [re.compile(r"(configmap|secret|serviceaccount) .+")]},
        "Service": {"spec": {"selector": _WORDS, "ports": [{"targetPort": (int, str)}]}},
        "Endpoints": {"subsets": [{"addresses": list, "notReadyAddresses": list}]},
        "Ingress": {
            "spec": {
                "ingressClassName": str,
                "defaultBackend": _BACKEND,
                "rules": [{"http": {"paths": [{"backend": _BACKEND}]}}],
            }
        },
        "PersistentVolumeClaim": {"spec": {"storageClassName": str}, "status": {"phase": str}},
        "ResourceQuota": {"status": {"hard": dict, "used": dict}},
        "HorizontalPodAutoscaler": {
            "spec": {"scaleTargetRef": {"kind": str, "name": str}},
            "status": {"conditions": _CONDITIONS},
        },
        "PodDisruptionBudget": {
            "spec": {"selector": {"matchLabels": _WORDS}},
            "status": {"disruptionsAllowed": int, "expectedPods": int},
        },
        "Node": {
            "spec": {"unschedulable": bool, "taints": [{"key": str, "effect": str}]},
            "status": {"conditions": _CONDITIONS},
        },
        "ControllerRevision": {"revision": _NUMBER, "data": {"spec": {"template": _TEMPLATE}}},
    }
)


def is_shaped(kind: str, body: Any) -> bool:
    """Whether this can be an object of its kind; it has a name in any case."""
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        return False
    return (
        bool(body["metadata"].get("name"))
        and _fits(body["metadata"], _METADATA)
        and _fits(body, SHAPES.get(kind, {}))
    )


def _fits(value: Any, shape: Shape) -> bool:
    if value is None:
        return True
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if isinstance(shape, list):
        return isinstance(value, list) and all(one is not None and _fits(one, shape[0]) for one in value)
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return False
        if "*" in shape:
            return all(_fits(one, shape["*"]) for one in value.values())
        return all(_fits(value.get(key), inner) for key, inner in shape.items())
    return isinstance(value, shape)
