"""Deployments: a ReplicaSet for each template, numbered revisions, and the rolling from one to the next.

Revisions are what undo works on: the newest has the highest number in `deployment.kubernetes.io/revision`; going
back to an old template gives its ReplicaSet the next number, so that an old number disappears. ReplicaSets without
pods are kept up to `revisionHistoryLimit`.

Rolling follows the real controller: never more than `replicas + maxSurge` pods, never fewer available ones than
`replicas - maxUnavailable`, unhealthy old pods first.
"""

from __future__ import annotations

import hashlib
import json

from bot.sandbox.cluster.controllers.pods import reference
from bot.sandbox.cluster.controllers.rollout_status import status_of
from bot.sandbox.cluster.controllers.turn import Turn, annotated
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.quantities import share
from bot.sandbox.cluster.world import changed, place_of

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = {REVISION, HISTORY, DESIRED, _MOST, "kubectl.kubernetes.io/last-applied-configuration"}
_HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Json) -> str:
    """The same for the same template, and only then."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_HASH_LETTERS[byte % len(_HASH_LETTERS)] for byte in digest[:10])


def template_of(replica_set: Json) -> Json:
    """The Deployment's template that a ReplicaSet was made from."""
    template = replica_set["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def revision_of(body: Json) -> int:
    """Its number; 0 before it has one."""
    return int((body["metadata"].get("annotations") or {}).get(REVISION, 0))


def limits(deployment: Json) -> tuple[int, int]:
    """How many pods there may be, and how many must be available, while it rolls."""
    spec = deployment["spec"]
    rolling, replicas = spec["strategy"].get("rollingUpdate") or {}, spec["replicas"]
    if not rolling:
        return replicas, 0
    surge = share(rolling.get("maxSurge"), of=replicas, default="25%", rounds_up=True)
    missing = share(rolling.get("maxUnavailable"), of=replicas, default="25%", rounds_up=False)
    if surge == 0 and missing == 0:
        missing = 1
    return replicas + surge, replicas - min(missing, replicas)


def reconcile(turn: Turn, body: Json) -> None:
    """One move towards what is asked; ReplicaSets and pods call it back when they have moved."""
    sets = turn.world.owned(body["metadata"]["uid"], "replicasets")
    newest = next((one for one in sets if template_of(one) == body["spec"]["template"]), None)
    old = [one for one in sets if one is not newest]
    is_paused = bool(body["spec"].get("paused"))
    if not is_paused:
        newest = _current(turn, body, newest, old)
        body = turn.world.store("deployments", annotated(body, {REVISION: str(revision_of(newest))}))
    if _was_rescaled(body, [*old, *([newest] if newest else [])]):
        _rescale(turn, body, newest, old)
    elif newest is not None and not is_paused:
        if body["spec"]["strategy"]["type"] == "Recreate":
            _recreate(turn, body, newest, old)
        else:
            _roll(turn, body, newest, old)
        _drop_history(turn, body, newest)
    sets = turn.world.owned(body["metadata"]["uid"], "replicasets")
    turn.world.set_status("deployments", place_of(body), status_of(turn, body, sets, newest))


def _current(turn: Turn, body: Json, newest: Json | None, old: list[Json]) -> Json:
    """The ReplicaSet of the template asked for, made if need be, with the highest revision."""
    highest = max((revision_of(one) for one in old), default=0)
    copied = {
        key: value
        for key, value in (body["metadata"].get("annotations") or {}).items()
        if key not in _NOT_COPIED
    }
    if newest is None:
        return _make(turn, body, copied | {REVISION: str(highest + 1)}, old)
    notes = newest["metadata"].get("annotations") or {}
    own = revision_of(newest)
    if own <= highest:
        before = [part for part in notes.get(HISTORY, "").split(",") if part]
        copied |= {REVISION: str(highest + 1), HISTORY: ",".join([*before, str(own)])}
    return turn.world.store("replicasets", annotated(newest, copied))


def _make(turn: Turn, body: Json, notes: dict[str, str], old: list[Json]) -> Json:
    spec = body["spec"]
    mark = template_hash(spec["template"])
    metadata = spec["template"]["metadata"]
    labels = {**(metadata.get("labels") or {}), HASH: mark}
    most, _ = limits(body)
    there = sum(one["spec"]["replicas"] for one in old)
    is_recreated = spec["strategy"]["type"] == "Recreate"
    replicas = 0 if is_recreated and there else max(0, min(spec["replicas"], most - there))
    name = f"{body['metadata']['name']}-{mark}"
    made = turn.world.insert(
        "replicasets",
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": body["metadata"]["namespace"],
                "labels": labels,
                "annotations": {**notes, **_counts(body)},
                "ownerReferences": [reference(body, "deployments")],
            },
            "spec": {
                "replicas": replicas,
                "minReadySeconds": spec.get("minReadySeconds", 0),
                "selector": _with_hash(spec["selector"], mark),
                "template": {**spec["template"], "metadata": {**metadata, "labels": labels}},
            },
            "status": {"replicas": 0},
        },
    )
    if replicas:
        _say_scaled(turn, body, name, before=0, after=replicas)
    return made


def _with_hash(selector: Json, mark: str) -> Json:
    return {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH: mark}}


def _counts(body: Json) -> dict[str, str]:
    return {DESIRED: str(body["spec"]["replicas"]), _MOST: str(limits(body)[0])}


def _say_scaled(turn: Turn, body: Json, name: str, *, before: int, after: int) -> None:
    word = "up" if after > before else "down"
    message = f"Scaled {word} replica set {name} from {before} to {after}"
    turn.events.tell(body, "ScalingReplicaSet", message, kind="Deployment")


def _scale(turn: Turn, body: Json, one: Json, replicas: int) -> None:
    before = one["spec"]["replicas"]
    wanted = annotated(changed(one, spec={"replicas": replicas}), _counts(body))
    turn.world.store("replicasets", wanted, counts=True)
    if before != replicas:
        _say_scaled(turn, body, one["metadata"]["name"], before=before, after=replicas)


def _was_rescaled(body: Json, sets: list[Json]) -> bool:
    """Someone changed the number itself since the ReplicaSets were last written."""
    desired = str(body["spec"]["replicas"])
    return any(
        (one["metadata"].get("annotations") or {}).get(DESIRED, desired) != desired
        for one in sets
        if one["spec"]["replicas"] > 0
    )


def _rescale(turn: Turn, body: Json, newest: Json | None, old: list[Json]) -> None:
    """Spread the difference: the newest takes what it can, the others the rest; a roll goes on from there."""
    sets = sorted([*old, *([newest] if newest else [])], key=revision_of, reverse=True)
    busy = [one for one in sets if one["spec"]["replicas"] > 0]
    most, _ = limits(body)
    total = sum(one["spec"]["replicas"] for one in busy)
    difference = (most if len(busy) > 1 else body["spec"]["replicas"]) - total
    for one in busy:
        replicas = max(0, one["spec"]["replicas"] + difference)
        difference -= replicas - one["spec"]["replicas"]
        _scale(turn, body, one, replicas)


def _roll(turn: Turn, body: Json, newest: Json, old: list[Json]) -> None:
    most, least = limits(body)
    wanted, total = body["spec"]["replicas"], sum(one["spec"]["replicas"] for one in [newest, *old])
    here = newest["spec"]["replicas"]
    if here > wanted:
        _scale(turn, body, newest, wanted)
    elif here < wanted and total < most:
        _scale(turn, body, newest, min(wanted, here + most - total))
    else:
        _scale(turn, body, newest, here)
    busy = [one for one in sorted(old, key=revision_of) if one["spec"]["replicas"] > 0]
    if busy:
        _shrink(turn, body, newest, busy, least=least)


def _shrink(turn: Turn, body: Json, newest: Json, busy: list[Json], *, least: int) -> None:
    """Take pods from old ReplicaSets while enough stay available; those that are not available do not count."""
    newest = turn.world.get("replicasets", place_of(newest))
    total = sum(one["spec"]["replicas"] for one in [newest, *busy])
    not_up = newest["spec"]["replicas"] - newest["status"].get("availableReplicas", 0)
    room = total - least - not_up
    for one in busy:
        replicas, up = one["spec"]["replicas"], one["status"].get("availableReplicas", 0)
        unhealthy = min(room, max(0, replicas - up))
        if unhealthy > 0:
            room -= unhealthy
            _scale(turn, body, one, replicas - unhealthy)
    busy = [turn.world.get("replicasets", place_of(one)) for one in busy]
    up = sum(one["status"].get("availableReplicas", 0) for one in [newest, *busy])
    room = min(room, up - least)
    for one in busy:
        take = min(one["spec"]["replicas"], room)
        if take > 0:
            room -= take
            _scale(turn, body, one, one["spec"]["replicas"] - take)


def _recreate(turn: Turn, body: Json, newest: Json, old: list[Json]) -> None:
    for one in old:
        if one["spec"]["replicas"]:
            _scale(turn, body, one, 0)
    if not any(turn.world.owned(one["metadata"]["uid"], "pods") for one in old):
        _scale(turn, body, newest, body["spec"]["replicas"])


def _drop_history(turn: Turn, body: Json, newest: Json) -> None:
    idle = [
        one
        for one in turn.world.owned(body["metadata"]["uid"], "replicasets")
        if place_of(one) != place_of(newest) and not one["spec"]["replicas"] and not one["status"]["replicas"]
    ]
    for one in sorted(idle, key=revision_of)[: max(0, len(idle) - body["spec"]["revisionHistoryLimit"])]:
        turn.world.erase("replicasets", place_of(one))
