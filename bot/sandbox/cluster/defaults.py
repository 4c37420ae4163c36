"""What the server fills in when an object leaves it out; each function gives a new object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.cluster.kinds import Json

_POD: Json = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER: Json = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def _filled(given: Mapping[str, Any] | None, defaults: Json) -> Json:
    return {**defaults, **{key: value for key, value in (given or {}).items() if value is not None}}


def _container(given: Json) -> Json:
    image = str(given.get("image", ""))
    is_moving = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    filled = _filled(given, {"imagePullPolicy": "Always" if is_moving else "IfNotPresent", **_CONTAINER})
    if "ports" in filled:
        filled["ports"] = [_filled(port, {"protocol": "TCP"}) for port in filled["ports"]]
    return filled


def pod_spec(given: Json | None) -> Json:
    """The spec of a pod, or of the pods of a template."""
    spec = _filled(given, _POD)
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec[field] = [_container(one) for one in spec[field]]
    return spec


def template(given: Json | None) -> Json:
    """The template of a workload's pods."""
    given = given or {}
    metadata = {"creationTimestamp": None, **given.get("metadata", {})}
    return {**given, "metadata": metadata, "spec": pod_spec(given.get("spec"))}


def _deployment(spec: Json) -> Json:
    filled = _filled(
        spec,
        {
            "replicas": 1,
            "strategy": {"type": "RollingUpdate"},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
    )
    if filled["strategy"].get("type", "RollingUpdate") == "RollingUpdate":
        rolling = _filled(
            filled["strategy"].get("rollingUpdate"), {"maxSurge": "25%", "maxUnavailable": "25%"}
        )
        filled["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return {**filled, "template": template(spec.get("template"))}


def _replica_set(spec: Json) -> Json:
    return {**_filled(spec, {"replicas": 1}), "template": template(spec.get("template"))}


def _stateful_set(spec: Json) -> Json:
    filled = _filled(
        spec,
        {
            "replicas": 1,
            "serviceName": "",
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        },
    )
    return {**filled, "template": template(spec.get("template"))}


def _daemon_set(spec: Json) -> Json:
    filled = _filled(
        spec,
        {
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "revisionHistoryLimit": 10,
        },
    )
    return {**filled, "template": template(spec.get("template"))}


_SPECS: dict[str, Callable[[Json], Json]] = {
    "pods": pod_spec,
    "deployments": _deployment,
    "replicasets": _replica_set,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
}


def filled_in(plural: str, body: Json) -> Json:
    """An object as the server would keep it."""
    fill = _SPECS.get(plural)
    if fill is not None:
        body = {**body, "spec": fill(body.get("spec") or {})}
    if plural == "pods":
        body = {"status": {"phase": "Pending", "qosClass": "BestEffort"}, **body}
    if plural == "namespaces":
        body = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}, **body}
    return body
