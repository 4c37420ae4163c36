"""All controllers together: what a change makes worth looking at, and the steps that follow until all is quiet.

Pure: `step` does what is due at the world's present time and says when it wants to be called next; `loop` is the
one that waits.
"""

from __future__ import annotations

from bot.sandbox.cluster import deletion, disruption, quota
from bot.sandbox.cluster.controllers import daemonsets, deployments, nodes, replicasets, statefulsets
from bot.sandbox.cluster.controllers.agenda import Agenda
from bot.sandbox.cluster.controllers.turn import EventLog, Pace, Reconcilers, Turn
from bot.sandbox.cluster.kinds import KINDS, Json
from bot.sandbox.cluster.world import Change, Place, World, owner_of, place_of

MOST_MOVES = 500
"""In one step, so that requests are answered between."""

_PLURALS = {kind.name: kind.plural for kind in KINDS.values()}


def _reconcile_budget(turn: Turn, body: Json) -> None:
    turn.world.set_status("poddisruptionbudgets", place_of(body), disruption.status(turn.world, body))


def _reconcile_quota(turn: Turn, body: Json) -> None:
    turn.world.set_status("resourcequotas", place_of(body), quota.status(turn.world, body))


def _reconcile_namespace(turn: Turn, body: Json) -> None:
    """A namespace that was deleted goes when it is empty."""
    if "deletionTimestamp" not in body["metadata"]:
        return
    name = body["metadata"]["name"]
    for plural, kind in KINDS.items():
        for inside in turn.world.all(plural, name) if kind.is_namespaced else ():
            turn.world.erase(plural, place_of(inside))
    turn.world.erase("namespaces", place_of(body))


RECONCILERS: Reconcilers = {
    "daemonsets": daemonsets.reconcile,
    "deployments": deployments.reconcile,
    "namespaces": _reconcile_namespace,
    "nodes": nodes.reconcile_node,
    "poddisruptionbudgets": _reconcile_budget,
    "pods": nodes.reconcile_pod,
    "replicasets": replicasets.reconcile,
    "resourcequotas": _reconcile_quota,
    "statefulsets": statefulsets.reconcile,
}
_COUNTED_BY = ("poddisruptionbudgets", "resourcequotas")


class Control:
    """Listens to the world and moves it on."""

    def __init__(self, world: World, pace: Pace) -> None:
        self._world = world
        self._agenda = Agenda()
        self._turn = Turn(world=world, agenda=self._agenda, pace=pace, events=EventLog(world), moments={})
        world.listen(self._on_change)

    def look_at(self, plural: str, place: Place) -> None:
        """Something about an object changed that no write shows, such as how fast its pods are."""
        self._agenda.add(plural, place)

    def step(self) -> float | None:
        """Do what is due, at most MOST_MOVES of it; gives the moment of the next, None when nothing waits."""
        for _ in range(MOST_MOVES):
            item = self._agenda.take(self._world.now())
            if item is None:
                return self._agenda.next_at
            plural, place = item
            body = self._world.find(plural, place)
            if body is not None:
                RECONCILERS[plural](self._turn, body)
        return self._world.now()

    def forget_started(self, uid: str) -> None:
        """A pod begins anew: its containers were started again."""
        self._turn.moments[uid, "placed"] = self._world.now()

    @property
    def is_quiet(self) -> bool:
        """Nothing is due now."""
        return self._agenda.is_empty

    @property
    def is_soon(self) -> bool:
        """A pod is on its way up or down; the deadline of a roll that hangs does not count."""
        return any(plural == "pods" for plural in self._agenda.later)

    # what a change makes worth looking at

    def _on_change(self, change: Change) -> None:
        if change.plural in RECONCILERS and change.type != "DELETED":
            self._agenda.add(change.plural, change.place)
        owner = owner_of(change.new.body)
        if owner is not None:
            plural = _PLURALS.get(owner["kind"], "")
            if plural in RECONCILERS:
                self._agenda.add(plural, (change.place[0], owner["name"]))
        if change.type == "DELETED":
            self._collect(change.new.body)
        match change.plural:
            case "pods":
                self._on_pod(change)
            case "nodes":
                self._on_node(change)
            case "resourcequotas" | "deployments" | "replicasets" | "statefulsets":
                self._recount(change.place[0])

    def _on_pod(self, change: Change) -> None:
        self._recount(change.place[0])
        if change.type != "DELETED":
            return
        uid = change.new.body["metadata"]["uid"]
        for word in ("placed", "ready", "stopping"):
            self._turn.moments.pop((uid, word), None)
        for deployment in self._owner_of_owner(change.new.body):
            self._agenda.add("deployments", deployment)
        self._retry_unplaced()

    def _owner_of_owner(self, pod: Json) -> list[Place]:
        """A Deployment that recreates waits for the pods of its ReplicaSets to be gone."""
        namespace, _ = place_of(pod)
        owner = owner_of(pod)
        above = self._world.find("replicasets", (namespace, owner["name"])) if owner else None
        top = owner_of(above) if above else None
        return [(namespace, top["name"])] if top else []

    def _on_node(self, change: Change) -> None:
        if change.old is not None and change.old.body["spec"] == change.new.body["spec"]:
            return
        for body in self._world.all("daemonsets"):
            self._agenda.add("daemonsets", place_of(body))
        self._retry_unplaced()

    def _retry_unplaced(self) -> None:
        for place in self._unplaced():
            self._agenda.add("pods", place)

    def _unplaced(self) -> list[Place]:
        return [place_of(pod) for pod in self._world.pods_on("") if pod["status"].get("conditions")]

    def _recount(self, namespace: str) -> None:
        for plural in _COUNTED_BY:
            for body in self._world.all(plural, namespace):
                self._agenda.add(plural, place_of(body))
        if not self._world.has_any("resourcequotas"):
            return
        for plural in ("replicasets", "statefulsets"):
            for body in self._world.all(plural, namespace):
                if plural == "statefulsets" or replicasets.is_short(body):
                    self._agenda.add(plural, place_of(body))

    def _collect(self, gone: Json) -> None:
        """What only a vanished object owned goes after it."""
        for plural, place in self._world.dependents(str(gone["metadata"]["uid"])):
            body = self._world.find(plural, place)
            if body is None:
                continue
            if plural == "pods":
                self._delete_pod(body)
            else:
                self._world.erase(plural, place)

    def _delete_pod(self, pod: Json) -> None:
        deletion.begin(self._world, "pods", pod, options={})
