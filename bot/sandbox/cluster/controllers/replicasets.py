"""ReplicaSets: as many pods as they say, and a status that tells how many there are."""

from __future__ import annotations

from bot.sandbox.cluster.controllers import pods
from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import condition, place_of


def reconcile(turn: Turn, body: Json) -> None:
    """Make or remove the pods that differ, then say how many there are."""
    there = pods.active(turn, body)
    wanted = body["spec"]["replicas"]
    refusal = None
    for _ in range(wanted - len(there)):
        refusal = pods.make(turn, body, plural="replicasets")
        if refusal is not None:
            break
    for pod in sorted(there, key=pods.worth)[: max(0, len(there) - wanted)]:
        pods.remove(turn, body, pod, plural="replicasets")
    now_there = pods.active(turn, body)
    status: Json = {
        "replicas": len(now_there),
        "fullyLabeledReplicas": len(now_there),
        "readyReplicas": sum(map(is_ready, now_there)),
        "availableReplicas": pods.available(turn, body, now_there, plural="replicasets"),
        "observedGeneration": body["metadata"]["generation"],
    }
    if refusal is not None:
        # The words name the pod that was not made; the first ones stay, so that a try that fails again is no change.
        before = body.get("status", {}).get("conditions") or ()
        status["conditions"] = list(before) or [
            condition(
                "ReplicaFailure", is_true=True, reason="FailedCreate", message=refusal.message, at=turn.now
            )
        ]
    turn.world.set_status("replicasets", place_of(body), status)


def is_short(body: Json) -> bool:
    """A quota kept it from making a pod; worth another try when something in its namespace goes."""
    conditions = body.get("status", {}).get("conditions") or ()
    return any(one["type"] == "ReplicaFailure" for one in conditions)
