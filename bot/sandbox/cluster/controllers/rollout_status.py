"""What a Deployment says of itself: counts, and the conditions that `rollout status` waits on."""

from __future__ import annotations

from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_going
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.quantities import share
from bot.sandbox.cluster.world import condition, place_of, stamp


def status_of(turn: Turn, body: Json, sets: list[Json], newest: Json | None) -> Json:
    """`status`, from the ReplicaSets as they are now."""

    def total(field: str) -> int:
        return sum(one.get("status", {}).get(field, 0) for one in sets)

    wanted, before = body["spec"]["replicas"], body.get("status", {})
    place = place_of(newest) if newest else None
    updated = next((one["status"]["replicas"] for one in sets if place_of(one) == place), 0)
    status: Json = {
        "observedGeneration": body["metadata"]["generation"],
        "replicas": total("replicas"),
        "updatedReplicas": updated,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": total("availableReplicas"),
        "unavailableReplicas": max(0, wanted - total("availableReplicas")),
    }
    stopping = sum(is_going(pod) for one in sets for pod in turn.world.owned(one["metadata"]["uid"], "pods"))
    status["terminatingReplicas"] = stopping
    conditions = [_available(turn, body, status), _progressing(turn, body, status, newest)]
    failed = [
        one
        for replica_set in sets
        for one in replica_set.get("status", {}).get("conditions") or ()
        if one["type"] == "ReplicaFailure"
    ]
    known = before.get("conditions") or []
    stamped = [_with_update(turn, one, known) for one in [*conditions, *failed[:1]]]
    # Zero counts are left out, as Go's `omitempty` does.
    kept = {key: value for key, value in status.items() if value or key == "observedGeneration"}
    return {**kept, "conditions": stamped}


def _available(turn: Turn, body: Json, status: Json) -> Json:
    rolling = body["spec"]["strategy"].get("rollingUpdate") or {}
    wanted = body["spec"]["replicas"]
    missing = share(rolling.get("maxUnavailable"), of=wanted, default=0, rounds_up=False)
    is_enough = status["availableReplicas"] >= wanted - missing
    return condition(
        "Available",
        is_true=is_enough,
        reason="MinimumReplicasAvailable" if is_enough else "MinimumReplicasUnavailable",
        message=f"Deployment {'has' if is_enough else 'does not have'} minimum availability.",
        at=turn.now,
        before=body.get("status", {}).get("conditions") or (),
    )


def is_complete(body: Json, status: Json) -> bool:
    """Every pod is of the new template and available, and none of the old is left."""
    wanted = body["spec"]["replicas"]
    counts = [status.get(word, 0) for word in ("updatedReplicas", "replicas", "availableReplicas")]
    return counts == [wanted] * 3


def _progressing(turn: Turn, body: Json, status: Json, newest: Json | None) -> Json:
    """How the last change of template goes. Scaling what has arrived is no roll and has no deadline."""
    before = body.get("status", {})
    conditions = before.get("conditions") or []
    known = next((one for one in conditions if one["type"] == "Progressing"), None)
    name = newest["metadata"]["name"] if newest else ""
    done = f'ReplicaSet "{name}" has successfully progressed.'
    since = _last_move(turn, body, status)
    due = since + body["spec"]["progressDeadlineSeconds"]
    has_arrived = known is not None and known["message"] == done
    if is_complete(body, status) or (has_arrived and status["replicas"] == status["updatedReplicas"]):
        is_true, reason, words = True, "NewReplicaSetAvailable", done
    elif body["spec"].get("paused"):
        is_true, reason, words = True, "DeploymentPaused", "Deployment is paused"
    elif due <= turn.now:
        is_true, reason = False, "ProgressDeadlineExceeded"
        words = f'ReplicaSet "{name}" has timed out progressing.'
    else:
        turn.agenda.add_at(due, "deployments", place_of(body))
        is_true, reason, words = True, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
    return condition(
        "Progressing", is_true=is_true, reason=reason, message=words, at=turn.now, before=conditions
    )


def _last_move(turn: Turn, body: Json, status: Json) -> float:
    """When the counts last changed, or the wish did."""
    moved = (body["metadata"]["uid"], "moved")
    counts = ("observedGeneration", "updatedReplicas", "replicas", "readyReplicas", "availableReplicas")
    before = body.get("status", {})
    if any(status[word] != before.get(word, 0) for word in counts):
        turn.moments[moved] = turn.now
    return turn.moments.setdefault(moved, turn.now)


def _with_update(turn: Turn, one: Json, before: list[Json]) -> Json:
    """`lastUpdateTime` moves only when something else in the condition does."""
    same = next((old for old in before if old["type"] == one["type"]), None)
    is_same = same is not None and {**same, **one} == same
    return {**one, "lastUpdateTime": same["lastUpdateTime"] if same and is_same else stamp(turn.now)}
