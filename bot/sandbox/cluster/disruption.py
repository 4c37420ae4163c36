"""PodDisruptionBudgets: how many pods may go, and the refusal of an eviction that would take one too many."""

from __future__ import annotations

from bot.sandbox.cluster.kinds import KINDS, Json
from bot.sandbox.cluster.quantities import share
from bot.sandbox.cluster.refusals import Cause, Refusal, conflict, too_many
from bot.sandbox.cluster.selectors import by_object
from bot.sandbox.cluster.world import World, condition, owner_of

_SETS = {"ReplicaSet": "replicasets", "StatefulSet": "statefulsets"}


def is_ready(pod: Json) -> bool:
    """Its Ready condition says so."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_going(pod: Json) -> bool:
    """It was deleted and is still stopping."""
    return "deletionTimestamp" in pod["metadata"]


def _expected(world: World, pods: list[Json]) -> int:
    """How many pods there should be: what their controllers want, not what happens to be there."""
    wanted: dict[str, int] = {}
    alone = 0
    for pod in pods:
        owner = owner_of(pod)
        plural = _SETS.get(owner["kind"]) if owner else None
        if owner is None or plural is None:
            alone += 1
            continue
        body = world.find(plural, (pod["metadata"]["namespace"], owner["name"]))
        wanted[owner["uid"]] = body["spec"]["replicas"] if body else 0
    return alone + sum(wanted.values())


def status(world: World, budget: Json) -> Json:
    """`status` of a budget as it is now."""
    spec, namespace = budget["spec"], budget["metadata"]["namespace"]
    chosen = by_object(spec.get("selector"))
    pods = [pod for pod in world.all("pods", namespace) if chosen(pod)]
    expected = _expected(world, pods)
    healthy = sum(is_ready(pod) and not is_going(pod) for pod in pods)
    if spec.get("maxUnavailable") is not None:
        most = share(spec["maxUnavailable"], of=expected, default=0, rounds_up=True)
        desired = max(0, expected - most)
    else:
        desired = share(spec.get("minAvailable"), of=expected, default=1, rounds_up=True)
    allowed = max(0, healthy - desired) if expected else 0
    is_enough = allowed > 0
    return {
        "conditions": [
            condition(
                "DisruptionAllowed",
                is_true=is_enough,
                reason="SufficientPods" if is_enough else "InsufficientPods",
                message="",
                at=world.now(),
                before=budget.get("status", {}).get("conditions") or (),
            )
        ],
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"]["generation"],
    }


def check_preconditions(plural: str, body: Json, options: Json) -> None:
    """Raise Refusal (409) when `options.preconditions` names another object than this one."""
    wanted = options.get("preconditions") or {}
    metadata = body["metadata"]
    for word, key in (("UID", "uid"), ("ResourceVersion", "resourceVersion")):
        if wanted.get(key) and wanted[key] != metadata[key]:
            why = (
                f"Precondition failed: {word} in precondition: {wanted[key]}, "
                f"{word} in object meta: {metadata[key]}"
            )
            raise conflict(KINDS[plural], metadata["name"], why)


def check_eviction(world: World, pod: Json, *, retry_after_s: int) -> None:
    """Raise Refusal (429, or 500 for two budgets) when this pod must not go now.

    The counts are taken at this moment, as the server's own are kept: two evictions in one instant see each other.
    A real server sends no Retry-After with this refusal, so `retry_after_s` is zero unless a test wants one.
    """
    if is_going(pod) or pod.get("status", {}).get("phase") in ("Pending", "Succeeded", "Failed"):
        return
    budgets = [
        budget
        for budget in world.all("poddisruptionbudgets", pod["metadata"]["namespace"])
        if by_object(budget["spec"].get("selector"))(pod)
    ]
    if len(budgets) > 1:
        raise Refusal(
            500,
            "InternalError",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )
    for budget in budgets:
        now = status(world, budget)
        policy = budget["spec"].get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        is_enough = now["currentHealthy"] >= now["desiredHealthy"] > 0
        if not is_ready(pod) and (policy == "AlwaysAllow" or is_enough):
            continue
        if now["disruptionsAllowed"] == 0:
            why = (
                f"The disruption budget {budget['metadata']['name']} needs {now['desiredHealthy']} healthy pods "
                f"and has {now['currentHealthy']} currently"
            )
            raise too_many(
                "Cannot evict pod as it would violate the pod's disruption budget.",
                causes=[Cause(reason="DisruptionBudget", message=why)],
                retry_after_s=retry_after_s,
            )
