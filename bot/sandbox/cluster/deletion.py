"""How things go: a pod stops within its grace, a namespace empties first, the rest is gone at once."""

from __future__ import annotations

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import World, changed, place_of, stamp


def grace_of(pod: Json, asked: int | None) -> int:
    """Seconds a pod may take to stop: what was asked for, or its own setting."""
    if asked is not None:
        return max(0, asked)
    return int(pod["spec"].get("terminationGracePeriodSeconds") or 0)


def begin(world: World, plural: str, body: Json, *, options: Json) -> Json:
    """Delete, as far as that goes at once; gives the object as it is then.

    `options` are DeleteOptions: `gracePeriodSeconds`, `propagationPolicy`. Deleting twice changes nothing, except
    that a shorter grace counts.
    """
    if plural == "pods":
        return _pod(world, body, asked=options.get("gracePeriodSeconds"))
    if plural == "namespaces":
        metadata = {"deletionTimestamp": stamp(world.now())}
        return world.store(plural, {**changed(body, metadata=metadata), "status": {"phase": "Terminating"}})
    if options.get("propagationPolicy") == "Orphan" or options.get("orphanDependents"):
        _orphan(world, str(body["metadata"]["uid"]))
    return world.erase(plural, place_of(body))


def _pod(world: World, pod: Json, *, asked: int | None) -> Json:
    grace = grace_of(pod, asked)
    if grace == 0 or not pod["spec"].get("nodeName"):
        return world.erase("pods", place_of(pod))
    before = pod["metadata"].get("deletionGracePeriodSeconds")
    if before is not None and before <= grace:
        return pod
    metadata = {"deletionTimestamp": stamp(world.now() + grace), "deletionGracePeriodSeconds": grace}
    return world.store("pods", changed(pod, metadata=metadata))


def _orphan(world: World, uid: str) -> None:
    for plural, place in world.dependents(uid):
        body = world.get(plural, place)
        kept = [one for one in body["metadata"]["ownerReferences"] if one["uid"] != uid]
        world.store(plural, changed(body, metadata={"ownerReferences": kept}))
