"""ControllerRevisions: the numbered templates of StatefulSets and DaemonSets, which undo goes back to."""

from __future__ import annotations

from bot.sandbox.cluster.controllers.deployments import template_hash
from bot.sandbox.cluster.controllers.pods import reference
from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import place_of

HASH = "controller-revision-hash"


def current(turn: Turn, body: Json, *, plural: str) -> Json:
    """The revision of the template asked for: made, or given the highest number when it is an old one."""
    known = turn.world.owned(body["metadata"]["uid"], "controllerrevisions")
    data = {"spec": {"template": {**body["spec"]["template"], "$patch": "replace"}}}
    highest = max((one["revision"] for one in known), default=0)
    same = next((one for one in known if one["data"] == data), None)
    if same is not None:
        if same["revision"] == highest:
            return same
        return turn.world.store("controllerrevisions", {**same, "revision": highest + 1})
    mark = template_hash(body["spec"]["template"])
    metadata = body["spec"]["template"]["metadata"]
    return turn.world.insert(
        "controllerrevisions",
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": f"{body['metadata']['name']}-{mark}",
                "namespace": body["metadata"]["namespace"],
                "labels": {**(metadata.get("labels") or {}), HASH: mark},
                "annotations": dict(body["metadata"].get("annotations") or {}),
                "ownerReferences": [reference(body, plural)],
            },
            "data": data,
            "revision": highest + 1,
        },
    )


def drop_history(turn: Turn, body: Json, in_use: set[str]) -> None:
    """Keep as many old ones as `revisionHistoryLimit` says, beside those (by mark) that pods still have."""
    known = turn.world.owned(body["metadata"]["uid"], "controllerrevisions")
    idle = sorted((one for one in known if mark_of(one) not in in_use), key=lambda one: int(one["revision"]))
    for one in idle[: max(0, len(idle) - body["spec"]["revisionHistoryLimit"])]:
        turn.world.erase("controllerrevisions", place_of(one))


def mark_of(body: Json) -> str:
    """The revision that a pod was made from, or that a ControllerRevision is."""
    return str(body["metadata"].get("labels", {}).get(HASH, ""))
