"""What a controller works with when its turn comes: the world, the agenda, how fast pods are, and a pen for events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.sandbox.cluster.controllers.agenda import Agenda
from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.world import Place, World, changed, place_of, stamp

MOST_EVENTS = 2_000


@dataclass(kw_only=True)
class Pace:
    """How fast pods start and stop, and which never get ready. Workloads are (namespace, name of their owner)."""

    ready_after_s: float = 0.0
    stop_after_s: float = 0.0
    apart_s: float = 0.0
    """Pods of one workload begin to start no closer to each other than this, as where images are pulled in turn."""
    ready_after_of: dict[Place, float] = field(default_factory=dict)
    never_ready: dict[Place, str | None] = field(default_factory=dict)
    """Of which image; None is any."""
    _began: dict[Place, float] = field(default_factory=dict)

    def begins(self, workload: Place, now: float) -> float:
        """When a pod that is on its node now begins to start."""
        began = max(now, self._began.get(workload, 0.0) + self.apart_s) if self.apart_s else now
        self._began[workload] = began
        return began

    def ready_after(self, workload: Place, images: set[str]) -> float | None:
        """Seconds from being placed on a node to being ready; None is never."""
        if workload in self.never_ready and self.never_ready[workload] in (None, *images):
            return None
        return self.ready_after_of.get(workload, self.ready_after_s)


class EventLog:
    """The Event objects that the cluster writes; one that repeats is counted, the oldest are dropped."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_words: dict[tuple[str, str, str], Place] = {}
        self._order: deque[tuple[str, str, str]] = deque()

    def tell(self, about: Json, reason: str, message: str, *, kind: str, is_warning: bool = False) -> None:
        """Write that something happened to an object."""
        metadata = about["metadata"]
        words = (metadata["uid"], reason, message)
        place, now = self._by_words.get(words), stamp(self._world.now())
        known = self._world.find("events", place) if place else None
        if known is not None:
            self._world.store("events", {**known, "count": known["count"] + 1, "lastTimestamp": now})
            return
        namespace = metadata.get("namespace", "default")
        name = f"{metadata['name']}.{self._world.suffix()}{self._world.suffix()}"
        subject = {"kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
        if "namespace" in metadata:
            subject["namespace"] = namespace
        written = self._world.insert(
            "events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": subject,
                "reason": reason,
                "message": message,
                "type": "Warning" if is_warning else "Normal",
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": "standin"},
                "reportingComponent": "standin",
                "reportingInstance": "",
            },
        )
        self._by_words[words] = place_of(written)
        self._order.append(words)
        self._drop_the_oldest()

    def _drop_the_oldest(self) -> None:
        while len(self._order) > MOST_EVENTS:
            place = self._by_words.pop(self._order.popleft())
            if self._world.find("events", place) is not None:
                self._world.erase("events", place)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Handed to every controller."""

    world: World
    agenda: Agenda
    pace: Pace
    events: EventLog
    moments: dict[tuple[str, str], float]
    """When a pod (by uid) was placed, got ready, began to stop: finer than the whole seconds that the API writes."""

    @property
    def now(self) -> float:
        return self.world.now()


Reconcile = Callable[[Turn, Json], None]
Reconcilers = Mapping[str, Reconcile]


def annotated(body: Json, notes: Mapping[str, str]) -> Json:
    """A copy with these annotations beside the others."""
    before = body["metadata"].get("annotations") or {}
    return changed(body, metadata={"annotations": {**before, **notes}})
