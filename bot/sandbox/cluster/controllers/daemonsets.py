"""DaemonSets: one pod on every node that fits, cordoned ones too, replaced a few at a time."""

from __future__ import annotations

from bot.sandbox.cluster.controllers import pods, revisions
from bot.sandbox.cluster.controllers.nodes import fits
from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.quantities import share
from bot.sandbox.cluster.world import place_of


def reconcile(turn: Turn, body: Json) -> None:
    """A pod where one is missing, none where there is no node, old ones replaced as far as may be."""
    newest = revisions.current(turn, body, plural="daemonsets")
    mark = revisions.mark_of(newest)
    nodes = {
        node["metadata"]["name"]
        for node in turn.world.all("nodes")
        if fits(body["spec"]["template"]["spec"], node)
    }
    there = {pod["spec"]["nodeName"]: pod for pod in turn.world.owned(body["metadata"]["uid"], "pods")}
    for name in sorted(nodes - set(there)):
        labels = {revisions.HASH: mark, "pod-template-generation": str(body["metadata"]["generation"])}
        pods.make(turn, body, plural="daemonsets", labels=labels, node=name)
    for name in sorted(set(there) - nodes):
        if not is_going(there[name]):
            pods.remove(turn, body, there[name], plural="daemonsets")
    _replace(turn, body, [there[name] for name in sorted(nodes & set(there))], mark, wanted=len(nodes))
    _tell(turn, body, mark, wanted=len(nodes))


def _replace(turn: Turn, body: Json, there: list[Json], mark: str, *, wanted: int) -> None:
    strategy = body["spec"]["updateStrategy"]
    if strategy["type"] == "OnDelete":
        return
    most = (strategy.get("rollingUpdate") or {}).get("maxUnavailable")
    room = max(1, share(most, of=wanted, default=1, rounds_up=True))
    up = sum(is_ready(pod) and not is_going(pod) for pod in there)
    room -= wanted - up
    for pod in there:
        if is_going(pod) or revisions.mark_of(pod) == mark:
            continue
        if not is_ready(pod) or room > 0:
            room -= is_ready(pod)
            pods.remove(turn, body, pod, plural="daemonsets")


def _tell(turn: Turn, body: Json, mark: str, *, wanted: int) -> None:
    there = [pod for pod in turn.world.owned(body["metadata"]["uid"], "pods") if not is_going(pod)]
    up = pods.available(turn, body, there, plural="daemonsets")
    turn.world.set_status(
        "daemonsets",
        place_of(body),
        {
            "currentNumberScheduled": len(there),
            "desiredNumberScheduled": wanted,
            "numberAvailable": up,
            "numberUnavailable": max(0, wanted - up),
            "numberMisscheduled": 0,
            "numberReady": sum(map(is_ready, there)),
            "observedGeneration": body["metadata"]["generation"],
            "updatedNumberScheduled": sum(revisions.mark_of(pod) == mark for pod in there),
        },
    )
    in_use = {revisions.mark_of(pod) for pod in there} | {mark}
    revisions.drop_history(turn, body, in_use)
