"""What exists in the cluster: objects, the version of each, and the changes that watchers have yet to see.

Pure state: no HTTP, no event loop; time is a function it is given. A body once stored is never changed in place, so
that a change can hold the object before and after without copying, and its JSON is written once however many lists
and watches show it. One counter gives all resource versions, as etcd's revision does.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from typing import Any, Literal
from uuid import UUID

from bot.sandbox.cluster.kinds import KINDS, Json
from bot.sandbox.cluster.refusals import already_exists, expired, not_found

Place = tuple[str, str]
"""Namespace and name; the namespace is empty for what has none."""

KEPT_CHANGES = 50_000
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Record:
    """One version of one object, with its JSON made when it is first shown."""

    def __init__(self, body: Json) -> None:
        self.body = body

    @cached_property
    def text(self) -> str:
        return json.dumps(self.body, separators=(",", ":"))

    @cached_property
    def item(self) -> str:
        """As it stands in a list, where the server leaves kind and version out."""
        bare = {key: value for key, value in self.body.items() if key not in ("kind", "apiVersion")}
        return json.dumps(bare, separators=(",", ":"))

    @property
    def version(self) -> int:
        return int(self.body["metadata"]["resourceVersion"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that happened: `old` is None for what is new, `new` is the last state of what is gone."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    plural: str
    new: Record
    old: Record | None = None

    @property
    def place(self) -> Place:
        return place_of(self.new.body)


def place_of(body: Json) -> Place:
    """Where an object is kept."""
    metadata = body["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def owner_of(body: Json) -> Json | None:
    """The reference to what controls an object."""
    references = body["metadata"].get("ownerReferences") or ()
    return next((one for one in references if one.get("controller")), None)


def stamp(at: float) -> str:
    """A moment as the API writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """Every object of the cluster."""

    def __init__(self, now: Callable[[], float], *, seed: int = 1) -> None:
        """`seed` makes uids and pod names come out the same each time."""
        self.now = now
        self.version = 1000
        self._random = Random(seed)  # noqa: S311  # names, not secrets
        self._records: dict[str, dict[Place, Record]] = {plural: {} for plural in KINDS}
        self._by_node: defaultdict[str, dict[Place, None]] = defaultdict(dict)
        self._owned: defaultdict[str, dict[tuple[str, Place], None]] = defaultdict(dict)
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._oldest = self.version
        self._listeners: list[Callable[[Change], None]] = []

    # looking

    def find(self, plural: str, place: Place) -> Json | None:
        """An object, or None."""
        record = self._records[plural].get(place)
        return None if record is None else record.body

    def get(self, plural: str, place: Place) -> Json:
        """An object; raises Refusal (404)."""
        record = self._records[plural].get(place)
        if record is None:
            raise not_found(KINDS[plural], place[1])
        return record.body

    def all(self, plural: str, namespace: str = "") -> list[Json]:
        """The objects of a kind, of every namespace when none is named, in no particular order."""
        return [record.body for record in self.records(plural, namespace)]

    def records(self, plural: str, namespace: str = "") -> Iterator[Record]:
        """The same with their JSON."""
        for (where, _), record in self._records[plural].items():
            if not namespace or where == namespace:
                yield record

    def has_any(self, plural: str) -> bool:
        """There is one of this kind somewhere."""
        return bool(self._records[plural])

    def owned(self, uid: str, plural: str) -> list[Json]:
        """What an object controls or owns."""
        return [
            self._records[kind][place].body
            for kind, place in tuple(self._owned.get(uid, ()))
            if kind == plural
        ]

    def pods_on(self, node: str) -> list[Json]:
        """The pods of a node; those of no node for an empty name."""
        return [self._records["pods"][place].body for place in self._by_node.get(node, ())]

    def load_of(self, node: str) -> int:
        """How many pods a node has."""
        return len(self._by_node.get(node, ()))

    def dependents(self, uid: str) -> list[tuple[str, Place]]:
        """Everything that names this owner, of whatever kind."""
        return list(self._owned.get(uid, ()))

    def since(self, version: int) -> list[Change]:
        """The changes after a version, oldest first; raises Refusal (410) when they are no longer kept."""
        if version < self._oldest:
            raise expired(version, self._oldest)
        return [change for change in self._changes if change.version > version]

    # changing

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be called for every change from now on, until what this returns is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def insert(self, plural: str, body: Json) -> Json:
        """Add a new object, with uid, versions and time of its own; raises Refusal (409) when it is there already."""
        place = place_of(body)
        if place in self._records[plural]:
            raise already_exists(KINDS[plural], place[1])
        metadata = {**body["metadata"], "uid": self.uid(), "creationTimestamp": stamp(self.now())}
        if KINDS[plural].counts_generations:
            metadata["generation"] = 1
        return self._keep(plural, {**body, "metadata": metadata}, old=None)

    def store(self, plural: str, body: Json, *, counts: bool = False) -> Json:
        """Put a changed object in place of the old one; one that is equal is no change. Raises Refusal (404)."""
        result = self.would_be(plural, body, counts=counts)
        old = self._records[plural][place_of(body)]
        return old.body if result == old.body else self._keep(plural, result, old=old)

    def would_be(self, plural: str, body: Json, *, counts: bool = False) -> Json:
        """What `store` would keep, before it gets a version of its own.

        `counts` is for what a client asked for: another spec is then another generation. Raises Refusal (404).
        """
        place = place_of(body)
        old = self.get(plural, place)
        metadata = {**body["metadata"], "resourceVersion": old["metadata"]["resourceVersion"]}
        if counts and KINDS[plural].counts_generations and _is_another_wish(plural, body, old):
            metadata["generation"] = old["metadata"]["generation"] + 1
        return {**body, "metadata": metadata}

    def set_status(self, plural: str, place: Place, status: Json) -> None:
        """Replace the status of an object that may be gone by now."""
        body = self.find(plural, place)
        if body is not None and body.get("status") != status:
            self.store(plural, {**body, "status": status})

    def erase(self, plural: str, place: Place) -> Json:
        """Remove an object at once; raises Refusal (404)."""
        old = self._records[plural].pop(place, None)
        if old is None:
            raise not_found(KINDS[plural], place[1])
        self._disown(plural, place, old.body)
        if plural == "pods":
            self._by_node[old.body["spec"].get("nodeName", "")].pop(place, None)
        self.version += 1
        metadata = {**old.body["metadata"], "resourceVersion": str(self.version)}
        last = Record({**old.body, "metadata": metadata})
        self._tell(Change(version=self.version, type="DELETED", plural=plural, new=last, old=old))
        return last.body

    def forget_changes(self) -> None:
        """Compact: whoever watches from before now must list again."""
        self._changes.clear()
        self._oldest = self.version

    def uid(self) -> str:
        """A new one."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self) -> str:
        """Five letters that end a generated name."""
        return "".join(self._random.choices(_SUFFIX_LETTERS, k=5))

    def _keep(self, plural: str, body: Json, *, old: Record | None) -> Json:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        record, place = Record(body), place_of(body)
        self._records[plural][place] = record
        if old is not None and _owners(old.body) != _owners(body):
            self._disown(plural, place, old.body)
        for uid in _owners(body):
            self._owned[uid][plural, place] = None
        if plural == "pods":
            if old is not None:
                self._by_node[old.body["spec"].get("nodeName", "")].pop(place, None)
            self._by_node[body["spec"].get("nodeName", "")][place] = None
        kind: Literal["ADDED", "MODIFIED"] = "ADDED" if old is None else "MODIFIED"
        self._tell(Change(version=self.version, type=kind, plural=plural, new=record, old=old))
        return body

    def _disown(self, plural: str, place: Place, body: Json) -> None:
        for uid in _owners(body):
            self._owned[uid].pop((plural, place), None)
            if not self._owned[uid]:
                del self._owned[uid]

    def _tell(self, change: Change) -> None:
        if len(self._changes) == self._changes.maxlen:
            self._oldest = self._changes[0].version
        self._changes.append(change)
        for listener in tuple(self._listeners):
            listener(change)


def _owners(body: Json) -> list[str]:
    return [one["uid"] for one in body["metadata"].get("ownerReferences") or ()]


def _is_another_wish(plural: str, new: Json, old: Json) -> bool:
    if new.get("spec") != old.get("spec"):
        return True
    # Deployments alone count annotations as well: a changed one is copied to the ReplicaSets.
    return plural == "deployments" and _annotations(new) != _annotations(old)


def _annotations(body: Json) -> Any:
    return body["metadata"].get("annotations") or {}


def changed(body: Json, *, metadata: Json | None = None, spec: Json | None = None) -> Json:
    """A copy of an object with other entries in its metadata or its spec; the given object stays as it is."""
    result = dict(body)
    if metadata:
        result["metadata"] = {**body["metadata"], **metadata}
    if spec:
        result["spec"] = {**body.get("spec", {}), **spec}
    return result


def condition(
    kind: str, *, is_true: bool, reason: str, message: str, at: float, before: Iterable[Json] = ()
) -> Json:
    """One entry of `status.conditions`; its transition time stays while its truth does."""
    status = "True" if is_true else "False"
    old = next((one for one in before if one["type"] == kind), None)
    since = old["lastTransitionTime"] if old and old["status"] == status else stamp(at)
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }
