"""StatefulSets: pods with a number, made from the lowest and replaced from the highest, one after the other."""

from __future__ import annotations

from bot.sandbox.cluster.controllers import pods, revisions
from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import place_of


def number_of(pod: Json) -> int:
    """The number at the end of its name."""
    return int(pod["metadata"]["name"].rpartition("-")[2])


def reconcile(turn: Turn, body: Json) -> None:
    """One move: fill a gap, or take the highest away, or replace the highest that is old."""
    newest = revisions.current(turn, body, plural="statefulsets")
    _move(turn, body, revisions.mark_of(newest))
    there = sorted(turn.world.owned(body["metadata"]["uid"], "pods"), key=number_of)
    turn.world.set_status("statefulsets", place_of(body), _status(turn, body, newest, there))
    in_use = {revisions.mark_of(pod) for pod in there} | {revisions.mark_of(newest)}
    revisions.drop_history(turn, body, in_use)


def _move(turn: Turn, body: Json, mark: str) -> None:
    spec = body["spec"]
    is_ordered = spec["podManagementPolicy"] == "OrderedReady"
    by_number = {number_of(pod): pod for pod in turn.world.owned(body["metadata"]["uid"], "pods")}
    for number in range(spec["replicas"]):
        pod = by_number.get(number)
        if pod is None:
            refusal = _make(turn, body, number, _mark_for(body, number, mark))
            if is_ordered or refusal is not None:
                return
        elif is_ordered and _holds_up(pod, _mark_for(body, number, mark)):
            return
    for number in sorted((one for one in by_number if one >= spec["replicas"]), reverse=True):
        if not is_going(by_number[number]):
            pods.remove(turn, body, by_number[number], plural="statefulsets")
        if is_ordered:
            return
    _replace_one(turn, body, by_number, mark)


def _holds_up(pod: Json, mark: str) -> bool:
    """The others wait for it. One of an old template that will never be ready is replaced instead."""
    return is_going(pod) or (not is_ready(pod) and revisions.mark_of(pod) == mark)


def _replace_one(turn: Turn, body: Json, by_number: dict[int, Json], mark: str) -> None:
    strategy = body["spec"]["updateStrategy"]
    if strategy["type"] == "OnDelete":
        return
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    for number in sorted(by_number, reverse=True):
        pod = by_number[number]
        if number < partition:
            return
        if is_going(pod):
            return
        if revisions.mark_of(pod) != mark:
            pods.remove(turn, body, pod, plural="statefulsets")
            return
        if not is_ready(pod):
            return


def _mark_for(body: Json, number: int, mark: str) -> str:
    """Below the partition a pod comes back as it was."""
    partition = (body["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0)
    before = str(body.get("status", {}).get("currentRevision", "")).rpartition("-")[2]
    return before if number < partition and before else mark


def _make(turn: Turn, body: Json, number: int, mark: str) -> object:
    name = f"{body['metadata']['name']}-{number}"
    labels = {
        revisions.HASH: mark,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(number),
    }
    of_mark = next(
        (
            one["data"]["spec"]["template"]
            for one in turn.world.owned(body["metadata"]["uid"], "controllerrevisions")
            if revisions.mark_of(one) == mark
        ),
        body["spec"]["template"],
    )
    template = {key: value for key, value in of_mark.items() if key != "$patch"}
    owner = {**body, "spec": {**body["spec"], "template": template}}
    return pods.make(turn, owner, plural="statefulsets", name=name, labels=labels)


def _status(turn: Turn, body: Json, newest: Json, there: list[Json]) -> Json:
    mark, name = revisions.mark_of(newest), newest["metadata"]["name"]
    up_to_date = sum(revisions.mark_of(pod) == mark for pod in there)
    is_rolled_out = up_to_date == len(there) == body["spec"]["replicas"] and all(map(is_ready, there))
    before = body.get("status", {}).get("currentRevision", name)
    current = name if is_rolled_out or not there else before
    at_current = sum(f"{body['metadata']['name']}-{revisions.mark_of(pod)}" == current for pod in there)
    return {
        "observedGeneration": body["metadata"]["generation"],
        "replicas": len(there),
        "readyReplicas": sum(map(is_ready, there)),
        "availableReplicas": pods.available(turn, body, there, plural="statefulsets"),
        "currentReplicas": at_current,
        "updatedReplicas": up_to_date,
        "currentRevision": current,
        "updateRevision": name,
        "collisionCount": 0,
    }
