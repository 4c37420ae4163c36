"""What was read about a workload at one moment: items with an id, a source and a time, and what could not be read.

Pure data that goes to JSON and back, so that a finding can be checked against it later and a corpus of recorded
snapshots can be kept. Values of environment variables and everything in Secrets stay outside from the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from bot.runs.plan import JsonObject


def moment(told: object) -> datetime | None:
    """A time as the API writes it; None for anything else."""
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The workload that is looked into."""

    kind: str
    """Deployment, StatefulSet, DaemonSet or Job."""
    namespace: str
    name: str

    @property
    def words(self) -> str:
        """`deployment payments/api`."""
        return f"{self.kind.lower()} {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that was read. `body` is an object of the API; `text` is what a log says."""

    id: str
    """`pod/api-1`, `event/api-1.17f`, `log/api-1/app/previous`: what a finding names."""
    kind: str
    source: str
    """The request that gave it."""
    at: str
    """When it was said or, where it says no time, when it was read (ISO 8601)."""
    body: JsonObject = field(default_factory=dict)
    text: str = ""

    @property
    def name(self) -> str:
        """The object's own name."""
        return str((self.body.get("metadata") or {}).get("name", ""))

    @property
    def spec(self) -> JsonObject:
        """What is wanted of it."""
        found: JsonObject = self.body.get("spec") or {}
        return found

    @property
    def status(self) -> JsonObject:
        """How it is."""
        found: JsonObject = self.body.get("status") or {}
        return found

    @property
    def conditions(self) -> list[JsonObject]:
        """Its status in parts."""
        return list(self.status.get("conditions") or ())

    def condition(self, kind: str) -> JsonObject:
        """One condition; {} where it has none of that type."""
        return next((one for one in self.conditions if one.get("type") == kind), {})


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that could not be read, and why."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything there is to judge from."""

    subject: Subject
    taken_at: datetime
    items: tuple[Item, ...] = ()
    gaps: tuple[Gap, ...] = ()
    read: frozenset[str] = frozenset()
    """Kinds of which all was read: only there can something be said to be missing."""

    def of(self, *kinds: str) -> Iterator[Item]:
        """The items of these kinds, in the order they were read."""
        return (item for item in self.items if item.kind in kinds)

    @property
    def workload(self) -> Item | None:
        """The subject itself."""
        return next((one for one in self.of(self.subject.kind) if one.name == self.subject.name), None)

    @property
    def labels(self) -> dict[str, str]:
        """What its pods are labelled with."""
        template = (self.workload.spec.get("template") or {}) if self.workload else {}
        return dict((template.get("metadata") or {}).get("labels") or {})

    def events_of(self, kind: str, name: str) -> Iterator[Item]:
        """What the cluster said about one object."""
        for event in self.of("Event"):
            about = event.body.get("involvedObject") or {}
            if (about.get("kind"), about.get("name")) == (kind, name):
                yield event

    def as_json(self) -> JsonObject:
        """The same as plain data."""
        return {
            "subject": vars(self.subject),
            "taken_at": self.taken_at.isoformat(),
            "items": [{key: value for key, value in vars(one).items() if value} for one in self.items],
            "gaps": [vars(one) for one in self.gaps],
            "read": sorted(self.read),
        }

    @classmethod
    def from_json(cls, told: JsonObject) -> Self:
        """What `as_json` gave."""
        return cls(
            subject=Subject(**told["subject"]),
            taken_at=datetime.fromisoformat(told["taken_at"]),
            items=tuple(Item(**one) for one in told["items"]),
            gaps=tuple(Gap(**one) for one in told["gaps"]),
            read=frozenset(told["read"]),
        )
