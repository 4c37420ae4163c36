"""Objects as an API server gives them: what people write down of one, with all that the server and the kubelet add.

Written after objects of Kubernetes 1.31: whatever a finding might stumble over in a real cluster (owner references,
projected token volumes, tolerations, conditions that are fine, fields nobody looks at) stands here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]

NAMESPACE = "shop"
NEW_HASH, OLD_HASH = "7d9f8b6c5d", "5c6d7b8f4c"
NEW_IMAGE, OLD_IMAGE = "registry.acme.example/api:2", "registry.acme.example/api:1"
SINCE = "2026-03-14T01:58:00Z"
TOKEN = "kube-api-access-x7k2p"


def merged(under: Any, over: Any) -> Any:
    """Mappings key by key; of everything else, what was written down."""
    if isinstance(under, dict) and isinstance(over, dict):
        keys = {**under, **over}
        return {key: merged(under.get(key), over[key]) if key in over else under[key] for key in keys}
    return under if over is None else over


def full(kind: str, body: Json) -> Json:
    """The same object with everything that a server would have added."""
    group = _VERSIONS.get(kind, "v1")
    shaped = {"apiVersion": group, "kind": kind, **body}
    return _OF[kind](shaped) if kind in _OF else shaped


def containers(spec: list[Json], names: list[str]) -> list[Json]:
    """The containers of a pod, each of which has a status."""
    known = {one["name"]: one for one in spec}
    return [merged(_container(name), known.get(name, {})) for name in dict.fromkeys([*known, *names])]


def _container(name: str) -> Json:
    return {
        "name": name,
        "image": NEW_IMAGE,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _pod_spec(spec: Json, names: list[str], inits: list[str]) -> Json:
    made: Json = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **{key: value for key, value in spec.items() if key not in ("containers", "initContainers")},
        "containers": containers(spec.get("containers") or [], names),
    }
    if inits or spec.get("initContainers"):
        made["initContainers"] = containers(spec.get("initContainers") or [], inits)
    return made


def _pod(body: Json) -> Json:
    status = body.get("status") or {}
    names = [one["name"] for one in status.get("containerStatuses") or ()]
    inits = [one["name"] for one in status.get("initContainerStatuses") or ()]
    spec = _pod_spec(body.get("spec") or {}, names, inits)
    token = {
        "name": TOKEN,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
            ],
        },
    }
    spec["volumes"] = [*(spec.get("volumes") or ()), token]
    for one in spec["containers"]:
        mounted = {
            "name": TOKEN,
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
        one["volumeMounts"] = [mounted]
    spec["enableServiceLinks"] = True
    spec["preemptionPolicy"] = "PreemptLowerPriority"
    spec["tolerations"] = [
        {
            "key": f"node.kubernetes.io/{word}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for word in ("not-ready", "unreachable")
    ]
    return {**body, "spec": spec, "status": _pod_status(status, is_placed="nodeName" in spec)}


def _pod_status(status: Json, *, is_placed: bool) -> Json:
    told = {one["type"]: one for one in status.get("conditions") or ()}
    waiting = " ".join(one["name"] for one in status.get("containerStatuses") or () if not one["ready"])
    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{waiting}]"}
    since = min(
        [one["lastTransitionTime"] for one in told.values() if "lastTransitionTime" in one], default=SINCE
    )
    is_ready = (told.get("Ready") or {}).get("status") == "True"
    is_started = all("running" in one["state"] for one in status.get("initContainerStatuses") or ())
    usual = {
        "PodReadyToStartContainers": is_placed,
        "Initialized": is_placed and is_started,
        "Ready": is_ready,
        "ContainersReady": is_ready,
        "PodScheduled": is_placed,
    }
    conditions = [
        {
            "type": kind,
            "status": "True" if is_so else "False",
            "lastProbeTime": None,
            "lastTransitionTime": since,
            **(unready if kind in ("Ready", "ContainersReady") and is_placed and not is_so else {}),
            **told.pop(kind, {}),
        }
        for kind, is_so in usual.items()
    ]
    made: Json = {"qosClass": "Burstable", **status, "conditions": [*conditions, *told.values()]}
    if is_placed:
        made |= {
            "hostIP": "10.0.0.11",
            "podIP": "10.1.0.5",
            "podIPs": [{"ip": "10.1.0.5"}],
            "startTime": SINCE,
        }
    for field in ("containerStatuses", "initContainerStatuses"):
        if status.get(field):
            made[field] = [_container_status(one) for one in status[field]]
    return made


def _container_status(one: Json) -> Json:
    has_run = "running" in one["state"] or bool(one.get("lastState")) or "terminated" in one["state"]
    return {
        **one,
        "started": "running" in one["state"],
        "imageID": "registry.acme.example/api@sha256:0f3c9b" if has_run else "",
        **({"containerID": "containerd://8d1f2c"} if has_run else {}),
    }


def _workload(body: Json) -> Json:
    spec, status = dict(body.get("spec") or {}), dict(body.get("status") or {})
    template = spec.get("template") or {}
    spec["template"] = {
        "metadata": {"creationTimestamp": None, **(template.get("metadata") or {})},
        "spec": _pod_spec(template.get("spec") or {}, ["app"], []),
    }
    metadata = {**body["metadata"], "labels": {"app": body["metadata"]["name"], "team": "checkout"}}
    if body["kind"] == "Deployment":
        rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
        spec = {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            **spec,
        }
        metadata["annotations"] = {
            "deployment.kubernetes.io/revision": "8",
            **(metadata.get("annotations") or {}),
        }
        status = _deployment_status(spec, status)
    elif body["kind"] == "StatefulSet":
        spec = {"serviceName": body["metadata"]["name"], "podManagementPolicy": "OrderedReady", **spec}
    elif body["kind"] == "Job":
        spec = {"parallelism": 1, "completions": 1, "backoffLimit": 6, **spec}
        spec.pop("replicas", None)
        spec["template"]["spec"]["restartPolicy"] = "Never"
    return {**body, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1, **status}}


def _deployment_status(spec: Json, status: Json) -> Json:
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    told = {one["type"]: one for one in status.get("conditions") or ()}
    enough = ready * 4 >= wanted * 3
    usual = {
        "Available": (
            "True" if enough else "False",
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        ),
        "Progressing": (
            "True",
            "NewReplicaSetAvailable" if ready >= wanted else "ReplicaSetUpdated",
            f'ReplicaSet "api-{NEW_HASH}" {"has successfully progressed." if ready >= wanted else "is progressing."}',
        ),
    }
    times = {"lastUpdateTime": SINCE, "lastTransitionTime": SINCE}
    conditions = [
        {"type": kind, "status": state, "reason": reason, "message": message, **times, **told.pop(kind, {})}
        for kind, (state, reason, message) in usual.items()
    ]
    made: Json = {"updatedReplicas": status.get("replicas", 0), **status}
    if ready:
        made["availableReplicas"] = ready
    else:
        made.pop("readyReplicas", None)
    if ready < wanted:
        made["unavailableReplicas"] = wanted - ready
    return {**made, "conditions": [*conditions, *({**one, **times} for one in told.values())]}


def _node(body: Json) -> Json:
    told = {one["type"]: one for one in (body.get("status") or {}).get("conditions") or ()}
    usual = {
        "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        "Ready": ("KubeletReady", "kubelet is posting ready status"),
    }
    conditions = [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": SINCE,
            "lastTransitionTime": SINCE,
            **told.get(kind, {}),
        }
        for kind, (reason, message) in usual.items()
    ]
    sizes = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "80Gi"}
    labels = {"kubernetes.io/hostname": body["metadata"]["name"], "kubernetes.io/os": "linux"}
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    return {
        **body,
        "metadata": {**metadata, "labels": labels},
        "spec": {"podCIDR": "10.1.0.0/24", **(body.get("spec") or {})},
        "status": {
            "conditions": conditions,
            "capacity": sizes,
            "allocatable": sizes,
            "nodeInfo": {"kubeletVersion": "v1.31.4", "containerRuntimeVersion": "containerd://1.7.24"},
        },
    }


def _event(body: Json) -> Json:
    about = {"namespace": NAMESPACE, "apiVersion": "v1", **body["involvedObject"]}
    is_fine = body["reason"] in (
        "Scheduled",
        "Pulled",
        "Created",
        "Started",
        "SuccessfulCreate",
        "WaitForFirstConsumer",
    )
    return {
        **body,
        "involvedObject": {key: value for key, value in about.items() if value},
        "type": "Normal" if is_fine else "Warning",
        "count": 7,
        "firstTimestamp": SINCE,
        "eventTime": None,
        "source": {"component": "kubelet", "host": "n1"},
        "reportingComponent": "kubelet",
        "reportingInstance": "n1",
    }


def _service(body: Json) -> Json:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    spec = {"type": "ClusterIP", "clusterIP": "10.96.4.2", "ports": ports, "sessionAffinity": "None"}
    return {**body, "spec": {**spec, **body["spec"]}, "status": {"loadBalancer": {}}}


def _global(body: Json) -> Json:
    """What belongs to no namespace."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    return {**body, "metadata": metadata}


_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps/v1"),
        "Job": "batch/v1",
        **dict.fromkeys(("Ingress", "IngressClass"), "networking.k8s.io/v1"),
        "StorageClass": "storage.k8s.io/v1",
        "HorizontalPodAutoscaler": "autoscaling/v2",
        "PodDisruptionBudget": "policy/v1",
    }
)
_OF: Mapping[str, Callable[[Json], Json]] = MappingProxyType(
    {
        "Pod": _pod,
        **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "Job"), _workload),
        "Node": _node,
        "Event": _event,
        "Service": _service,
        **dict.fromkeys(("IngressClass", "StorageClass"), _global),
    }
)
