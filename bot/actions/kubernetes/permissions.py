"""What each verb asks of a cluster's API: the table that `runbookctl rbac` prints as a role.

Kept by hand beside the verbs and held to them by a test that compares it with the requests really sent. A verb's
natural undo is in it: an approved step may be taken back without anybody changing a role first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.actions.kubernetes.input import WORKLOADS_OF


@dataclass(frozen=True, kw_only=True, order=True)
class Permission:
    """One verb on one resource."""

    group: str
    resource: str
    verb: str


def needed(action: str, *, workload: str = "", strategy: str = "") -> frozenset[Permission]:
    """What a verb needs on that kind of workload; every kind, or either strategy, where it is not known yet."""
    if action in ("cordon", "uncordon"):
        return _some("", "nodes", "get", "patch")
    if action == "drain":
        pods = _some("", "pods", "list", "watch") | _some("", "pods/eviction", "create")
        return needed("cordon") | pods
    kinds = (workload,) if workload else WORKLOADS_OF[action]
    return frozenset().union(*(_of_workload(action, kind, strategy) for kind in kinds))


def _of_workload(action: str, kind: str, strategy: str) -> frozenset[Permission]:
    resource = f"{kind}s"
    seen = _some("apps", resource, "get")
    watched = _some("apps", resource, "list", "watch") | _some("", "pods", "list")
    if action == "scale":
        quota = _some("", "resourcequotas", "list")
        scalers = _some("autoscaling", "horizontalpodautoscalers", "list")
        return seen | watched | quota | scalers | _some("apps", f"{resource}/scale", "patch")
    rolls = seen | watched | _some("apps", resource, "patch")
    if action == "rollout-undo":
        kept = "replicasets" if kind == "deployment" else "controllerrevisions"
        return rolls | _some("apps", kept, "list")
    deletes = seen | _some("", "pods", "get", "list", "watch", "delete")
    if kind == "deployment":
        deletes |= _some("apps", "replicasets", "list")
    return {"rollout": rolls, "delete": deletes}.get(strategy, rolls | deletes)


def _some(group: str, resource: str, *verbs: str) -> frozenset[Permission]:
    return frozenset(Permission(group=group, resource=resource, verb=verb) for verb in verbs)


def rules(permissions: Iterable[Permission]) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """As rules of a role: (group, resources, verbs), resources with the same verbs together, in a settled order."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for one in permissions:
        verbs.setdefault((one.group, one.resource), set()).add(one.verb)
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), may in verbs.items():
        merged.setdefault((group, tuple(sorted(may))), []).append(resource)
    return sorted((group, tuple(sorted(names)), may) for (group, may), names in merged.items())
