"""The kinds of object that the stand-in serves, and what each can do: one table, from which discovery is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "type",
    "source",
    "reportingComponent",
)
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind: `plural` is its name in URLs and here, `fields` are the field selectors it takes beside its name."""

    plural: str
    name: str
    group: str = ""
    version: str = "v1"
    is_namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    counts_generations: bool = False
    is_workload: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As the server names it in messages: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """As the server names it when an object is invalid: `Deployment.apps`."""
        return f"{self.name}.{self.group}" if self.group else self.name


def _workload(plural: str, name: str, *, short: str, subresources: tuple[str, ...]) -> Kind:
    return Kind(
        plural=plural,
        name=name,
        group="apps",
        short=(short,),
        subresources=subresources,
        fields=("status.replicas",) if plural == "replicasets" else (),
        counts_generations=True,
        is_workload=True,
    )


_RBAC = "rbac.authorization.k8s.io"
_ALL = (
    Kind(plural="namespaces", name="Namespace", is_namespaced=False, short=("ns",), fields=("status.phase",)),
    Kind(
        plural="nodes",
        name="Node",
        is_namespaced=False,
        short=("no",),
        subresources=("status",),
        fields=("spec.unschedulable",),
    ),
    Kind(
        plural="pods",
        name="Pod",
        short=("po",),
        subresources=("eviction", "log", "status"),
        fields=_POD_FIELDS,
    ),
    Kind(plural="events", name="Event", short=("ev",), fields=_EVENT_FIELDS),
    Kind(plural="services", name="Service", short=("svc",)),
    Kind(plural="endpoints", name="Endpoints", short=("ep",)),
    Kind(plural="configmaps", name="ConfigMap", short=("cm",)),
    Kind(plural="secrets", name="Secret", fields=("type",)),
    Kind(plural="serviceaccounts", name="ServiceAccount", short=("sa",)),
    Kind(plural="limitranges", name="LimitRange", short=("limits",)),
    Kind(plural="persistentvolumeclaims", name="PersistentVolumeClaim", short=("pvc",)),
    Kind(plural="replicationcontrollers", name="ReplicationController", short=("rc",)),
    Kind(plural="resourcequotas", name="ResourceQuota", short=("quota",), subresources=("status",)),
    _workload("deployments", "Deployment", short="deploy", subresources=("scale", "status")),
    _workload("replicasets", "ReplicaSet", short="rs", subresources=("scale", "status")),
    _workload("statefulsets", "StatefulSet", short="sts", subresources=("scale", "status")),
    _workload("daemonsets", "DaemonSet", short="ds", subresources=("status",)),
    Kind(plural="controllerrevisions", name="ControllerRevision", group="apps"),
    Kind(
        plural="poddisruptionbudgets",
        name="PodDisruptionBudget",
        group="policy",
        short=("pdb",),
        subresources=("status",),
        counts_generations=True,
    ),
    Kind(
        plural="horizontalpodautoscalers",
        name="HorizontalPodAutoscaler",
        group="autoscaling",
        version="v2",
        short=("hpa",),
    ),
    Kind(
        plural="jobs",
        name="Job",
        group="batch",
        subresources=("status",),
        fields=("status.successful",),
        counts_generations=True,
    ),
    Kind(plural="ingresses", name="Ingress", group="networking.k8s.io", short=("ing",)),
    Kind(plural="ingressclasses", name="IngressClass", group="networking.k8s.io", is_namespaced=False),
    Kind(
        plural="storageclasses",
        name="StorageClass",
        group="storage.k8s.io",
        is_namespaced=False,
        short=("sc",),
    ),
    Kind(plural="leases", name="Lease", group="coordination.k8s.io"),
    Kind(plural="roles", name="Role", group=_RBAC),
    Kind(plural="rolebindings", name="RoleBinding", group=_RBAC),
    Kind(plural="clusterroles", name="ClusterRole", group=_RBAC, is_namespaced=False),
    Kind(plural="clusterrolebindings", name="ClusterRoleBinding", group=_RBAC, is_namespaced=False),
)

KINDS: dict[str, Kind] = {kind.plural: kind for kind in _ALL}
"""By plural name, which is unique here."""

SCALE = Kind(plural="scale", name="Scale", group="autoscaling")
EVICTION = Kind(plural="eviction", name="Eviction", group="policy")
ACCESS_REVIEW = Kind(
    plural="selfsubjectaccessreviews",
    name="SelfSubjectAccessReview",
    group="authorization.k8s.io",
    is_namespaced=False,
)

GROUPS: dict[str, str] = {kind.group: kind.version for kind in (*_ALL, ACCESS_REVIEW) if kind.group}
"""Each group's one version."""


def in_group(group: str, version: str) -> list[Kind]:
    """What one `/apis/GROUP/VERSION` serves; nothing for an unknown one."""
    return [kind for kind in _ALL if (kind.group, kind.version) == (group, version)]
