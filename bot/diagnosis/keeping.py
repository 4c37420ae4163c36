"""What is kept of what was read: those in trouble and the newest first, without noise, without values, cut to size."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from bot.diagnosis.evidence import Evidence, Item, moment
from bot.diagnosis.findings.pods import Container, containers, is_over, is_ready
from bot.runs.plan import JsonObject

MOST_PODS, MOST_EVENTS, MOST_NODES, MOST_LOGS = 40, 200, 10, 8
MOST_LOGS_OF_ONE = 3
"""Pods of one workload say the same; what another container says is worth more than a fourth of the same."""
WORDS_LIMIT = 4000
"""Of one text in an object; a person's annotation may be a quarter of a megabyte."""
LOG_LIMIT = 64 * 1024
_NOISE = ("managedFields", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CUT = "… (cut)"


def selector_of(workload: JsonObject) -> str:
    """Its pods, as a query."""
    selector = (workload.get("spec") or {}).get("selector") or {}
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        key, values = one.get("key"), ",".join(one.get("values") or ())
        match one.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(f"{key}")
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)


def pods_first_in_trouble(found: Iterable[JsonObject]) -> list[JsonObject]:
    """As many as are kept."""
    items = [Item(id="", kind="Pod", source="", at="", body=one) for one in found]
    items.sort(key=lambda pod: is_over(pod) or is_ready(pod))
    return [one.body for one in items[:MOST_PODS]]


def events_that_concern(found: Iterable[Item], names: Collection[str]) -> list[Item]:
    """The newest, in the order they were said; those about one of these objects before all others."""

    def rank(event: Item) -> tuple[bool, str]:
        about = str((event.body.get("involvedObject") or {}).get("name") or "")
        return about in names, said_at(event.body)

    chosen = sorted(found, key=rank)[-MOST_EVENTS:]
    return sorted(chosen, key=lambda event: said_at(event.body))


def said_at(event: JsonObject) -> str:
    """When an event was last seen; "" where it says no time."""
    series = event.get("series")
    last = series.get("lastObservedTime") if isinstance(series, dict) else ""
    for text in (last, event.get("lastTimestamp"), event.get("eventTime")):
        if moment(text) is not None:
            return str(text)
    return ""


def with_logs(evidence: Evidence) -> list[Container]:
    """The containers whose logs are worth reading: they are in trouble, and have run."""
    wanted = [
        one
        for one in containers(evidence)
        if (one.is_suspicious and (one.ended or one.is_running))
        or (one.is_running and not one.is_init and not one.status.get("ready"))
    ]
    counts: dict[str, int] = {}
    chosen = []
    for one in wanted:
        counts[one.name] = counts.get(one.name, 0) + 1
        if counts[one.name] <= MOST_LOGS_OF_ONE:
            chosen.append(one)
    return chosen[:MOST_LOGS]


def last_of(text: str) -> str:
    """The end of a log, where it says how it ended, from the beginning of a line."""
    if len(text) <= LOG_LIMIT:
        return text
    end = text[-LOG_LIMIT:]
    line = end.find("\n") + 1
    return end[line:] if 0 < line < len(end) else end


def cleaned(value: Any, *, is_variable: bool = False) -> Any:
    """Without what is long and says nothing, and without the values of variables."""
    if isinstance(value, str):
        return value if len(value) <= WORDS_LIMIT else value[:WORDS_LIMIT] + _CUT
    if isinstance(value, list):
        return [cleaned(one, is_variable=is_variable) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, one in value.items():
        if key in _NOISE or key == _LAST_APPLIED or (is_variable and key == "value"):
            continue
        kept[key] = cleaned(one, is_variable=key == "env")
    return kept


def names_of(items: Sequence[Item]) -> set[str]:
    """What the objects are called that were read about the workload."""
    return {item.name for item in items if item.kind not in ("Event", "Node") and item.name}


def labels_alone(kind: str, workload: JsonObject) -> JsonObject:
    """Of a workload next door, what its pods are labelled with."""
    template = (workload.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {
        "metadata": {"name": f"{kind.lower()}-{workload['metadata']['name']}"},
        "spec": {"template": {"metadata": {"labels": labels}}},
    }
