"""Objects as someone would write them in a manifest, with only what a test cares about spelt out."""

from __future__ import annotations

from collections.abc import Mapping

from bot.sandbox.cluster.kinds import KINDS, Json

Resources = Mapping[str, Mapping[str, str]]
MIRROR = "kubernetes.io/config.mirror"

_NODE_INFO = {
    "architecture": "amd64",
    "bootID": "00000000-0000-4000-8000-000000000000",
    "containerRuntimeVersion": "standin://1",
    "kernelVersion": "6.1.0",
    "kubeProxyVersion": "",
    "kubeletVersion": "v1.33.0",
    "machineID": "00000000000000000000000000000000",
    "operatingSystem": "linux",
    "osImage": "stand-in",
    "systemUUID": "00000000-0000-4000-8000-000000000000",
}
"""All of it: the official client's models refuse a node that leaves a required word out."""


def _object(plural: str, name: str, namespace: str = "") -> Json:
    kind = KINDS[plural]
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def pod_template(
    name: str, *, image: str, resources: Resources | None = None, has_emptydir: bool = False
) -> Json:
    """A template with one container, labelled `app: NAME`."""
    container: Json = {"name": name, "image": image, "resources": dict(resources or {})}
    spec: Json = {"containers": [container]}
    if has_emptydir:
        container["volumeMounts"] = [{"name": "scratch", "mountPath": "/scratch"}]
        spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def workload(
    plural: str, namespace: str, name: str, *, template: Json, replicas: int | None, spec: Json | None = None
) -> Json:
    """A Deployment, StatefulSet or DaemonSet (whose `replicas` is None); `spec` adds to its spec or overrides it."""
    labels = dict(template["metadata"]["labels"])
    wanted: Json = {"selector": {"matchLabels": labels}, "template": template}
    if replicas is not None:
        wanted["replicas"] = replicas
    body = _object(plural, name, namespace)
    body["metadata"]["labels"] = {"app": name}
    return {**body, "spec": {**wanted, **(spec or {})}, "status": {}}


def pod(
    namespace: str,
    name: str,
    *,
    image: str,
    node: str = "",
    is_mirror: bool = False,
    has_emptydir: bool = False,
) -> Json:
    """A bare pod that nothing recreates, or the mirror of one that its node runs from a file."""
    body = _object("pods", name, namespace)
    template = pod_template(name, image=image, has_emptydir=has_emptydir)
    body["metadata"]["labels"] = template["metadata"]["labels"]
    if is_mirror:
        body["metadata"]["annotations"] = {MIRROR: "0123456789abcdef", "kubernetes.io/config.source": "file"}
    return {**body, "spec": {**template["spec"], **({"nodeName": node} if node else {})}}


def node(name: str, *, most_pods: int) -> Json:
    """A node that is ready."""
    body = _object("nodes", name)
    body["metadata"]["labels"] = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    sizes = {"cpu": "8", "memory": "32Gi", "pods": str(most_pods)}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }
    return {
        **body,
        "spec": {},
        "status": {
            "capacity": sizes,
            "allocatable": sizes,
            "conditions": [ready],
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": _NODE_INFO,
        },
    }


def budget(namespace: str, name: str, *, app: str, spec: Json) -> Json:
    """A PodDisruptionBudget for the pods labelled `app: APP`; `spec` has minAvailable or maxUnavailable."""
    selector = {"selector": {"matchLabels": {"app": app}}}
    return {**_object("poddisruptionbudgets", name, namespace), "spec": {**selector, **spec}, "status": {}}


def quota(namespace: str, name: str, *, hard: Mapping[str, str]) -> Json:
    """A ResourceQuota, such as `{"pods": "4"}`."""
    return {**_object("resourcequotas", name, namespace), "spec": {"hard": dict(hard)}, "status": {}}


def autoscaler(namespace: str, name: str, *, target: Json, least: int, most: int) -> Json:
    """A HorizontalPodAutoscaler on CPU for the workload that `target` names by kind and name."""
    metric = {"type": "Utilization", "averageUtilization": 80}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", **target},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": metric}}],
    }
    return {**_object("horizontalpodautoscalers", name, namespace), "spec": spec, "status": {}}


def namespace(name: str) -> Json:
    """A namespace."""
    return _object("namespaces", name)
