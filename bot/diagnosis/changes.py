"""What differs between a workload's last two revisions, line by line; values of variables are named, never shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bot.runs.plan import JsonObject

REVISION = "deployment.kubernetes.io/revision"
_OWN = ("pod-template-hash", "controller-revision-hash")
LINES_LIMIT = 60


def revisions(replica_sets: Iterable[JsonObject]) -> list[tuple[int, JsonObject]]:
    """Number and pod template of each revision, newest first."""
    found = []
    for one in replica_sets:
        number = str(((one.get("metadata") or {}).get("annotations") or {}).get(REVISION, ""))
        if number.isdigit():
            found.append((int(number), (one.get("spec") or {}).get("template") or {}))
    return sorted(found, key=lambda revision: revision[0], reverse=True)


def difference(before: JsonObject, after: JsonObject) -> list[str]:
    """`spec.containers.app.image: shop:1 → shop:2`, one line for each place that differs."""
    was, now = dict(_flat(before)), dict(_flat(after))
    lines = [
        f"{place}: {_shown(place, was.get(place))} → {_shown(place, now.get(place))}"
        for place in sorted({*was, *now})
        if was.get(place) != now.get(place)
    ]
    return lines[:LINES_LIMIT]


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with where it stands; members of a list that have a name stand under it."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in _OWN and key != "creationTimestamp":
                yield from _flat(one, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            name = one.get("name", number) if isinstance(one, dict) else number
            yield from _flat(one, f"{place}.{name}")
    else:
        yield place, value


def _shown(place: str, value: Any) -> str:
    if value is None:
        return "not there"
    return "(a value)" if ".env." in place and place.endswith(".value") else str(value)
