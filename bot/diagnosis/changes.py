"""A workload's revisions, and what differs between the last two, line by line; values of variables stay unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.runs.plan import JsonObject

REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"
_OWN = ("pod-template-hash", "controller-revision-hash")
LINES_LIMIT = 60
REVISIONS_LIMIT = 10


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One revision, as a ReplicaSet or a ControllerRevision keeps it."""

    number: int
    template: JsonObject
    made_at: str
    name: str
    cause: str = ""
    """What whoever made it left as `kubernetes.io/change-cause`."""
    pods: int | None = None
    """How many pods it has now, where that is known."""

    @property
    def images(self) -> str:
        """What its containers run."""
        spec = self.template.get("spec") or {}
        return ", ".join(str(one.get("image", "")) for one in spec.get("containers") or ())


def revisions(kept: Iterable[JsonObject]) -> list[Revision]:
    """Newest first."""
    found = [one for one in map(_revision, kept) if one is not None]
    return sorted(found, key=lambda one: one.number, reverse=True)


def _revision(body: JsonObject) -> Revision | None:
    metadata = body.get("metadata") or {}
    notes = metadata.get("annotations") or {}
    number = str(body.get("revision", notes.get(REVISION, "")))
    if not number.isdigit():
        return None
    holder = body if "revision" not in body else body.get("data") or {}
    status = body.get("status")
    return Revision(
        number=int(number),
        template=(holder.get("spec") or {}).get("template") or {},
        made_at=str(metadata.get("creationTimestamp") or ""),
        name=str(metadata.get("name", "")),
        cause=" ".join(str(notes.get(_CAUSE, "")).split()),
        pods=int(status.get("replicas") or 0) if isinstance(status, dict) else None,
    )


def told(history: Sequence[Revision]) -> str:
    """`revision 7, made 2026-03-14T02:00:00Z, 3 pods: shop:2 (roll out 2)`, a line each."""
    lines = []
    for one in history[:REVISIONS_LIMIT]:
        pods = "" if one.pods is None else f", {one.pods} pod{'' if one.pods == 1 else 's'}"
        cause = f" ({one.cause})" if one.cause else ""
        lines.append(
            f"revision {one.number}, made {one.made_at or 'at no known time'}{pods}: {one.images}{cause}"
        )
    return "\n".join(lines)


def difference(before: JsonObject, after: JsonObject) -> list[str]:
    """`spec.containers.app.image: shop:1 → shop:2`, one line for each place that differs."""
    was, now = dict(flat(before)), dict(flat(after))
    lines = [
        f"{place}: {_shown(place, was.get(place))} → {_shown(place, now.get(place))}"
        for place in sorted({*was, *now})
        if was.get(place) != now.get(place)
    ]
    more = len(lines) - LINES_LIMIT
    return [*lines[:LINES_LIMIT], f"and {more} more"] if more > 0 else lines


def flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with where it stands; members of a list that have a name stand under it."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in _OWN and key not in ("creationTimestamp", "$patch"):
                yield from flat(one, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            name = one.get("name", number) if isinstance(one, dict) else number
            yield from flat(one, f"{place}.{name}")
    else:
        yield place, value


def _shown(place: str, value: Any) -> str:
    if value is None:
        return "not there"
    return "(a value)" if ".env." in place and place.endswith(".value") else str(value)
