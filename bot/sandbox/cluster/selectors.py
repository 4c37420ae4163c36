"""What a query asks for: label and field selectors, which an object may hold as well, and plain numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.sandbox.cluster.kinds import Json, Kind
from bot.sandbox.cluster.refusals import bad_request

Test = Callable[[Json], bool]

_LIST = re.compile(r"^(?P<key>\S+)\s+(?P<word>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s=!,()]+)\s*(?P<word>==|=|!=)\s*(?P<value>[^\s=!,()]*)$")
_KEY = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s=!,()]+)$")


def labels_of(body: Json) -> Mapping[str, str]:
    """An object's labels; none is an empty mapping."""
    return body.get("metadata", {}).get("labels") or {}


def _parts(text: str) -> Iterable[str]:
    depth, start = 0, 0
    for place, mark in enumerate(text):
        depth += (mark == "(") - (mark == ")")
        if mark == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()


def _requirement(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _LIST.match(part):
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["word"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(part):
        key, value = found["key"], found["value"]
        if found["word"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _KEY.match(part):
        key, is_absent = found["key"], bool(found["not"])
        return lambda labels: (key in labels) != is_absent
    raise bad_request(f"unable to parse requirement: found {part!r}")


def by_labels(text: str) -> Test:
    """The objects that `labelSelector=TEXT` names; raises Refusal (400) for what is no selector."""
    if not text.strip():
        return lambda _: True
    requirements = [_requirement(part) for part in _parts(text)]
    return lambda body: all(holds(labels_of(body)) for holds in requirements)


def _expression(one: Json) -> Callable[[Mapping[str, str]], bool]:
    key, values = one["key"], set(one.get("values") or ())
    match one["operator"]:
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case _:
            return lambda labels: key not in labels


def by_object(selector: Json | None) -> Test:
    """The objects that a LabelSelector in a spec names; None names none, an empty one all."""
    if selector is None:
        return lambda _: False
    wanted = dict(selector.get("matchLabels") or {})
    expressions = [_expression(one) for one in selector.get("matchExpressions") or ()]
    return lambda body: (
        wanted.items() <= labels_of(body).items() and all(holds(labels_of(body)) for holds in expressions)
    )


def as_text(selector: Json | None) -> str:
    """A LabelSelector as a query, the way `status.selector` of a scale shows it."""
    if selector is None:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = ",".join(one.get("values") or ())
        match one["operator"]:
            case "In" | "NotIn":
                parts.append(f"{one['key']} {one['operator'].lower()} ({values})")
            case "Exists":
                parts.append(one["key"])
            case _:
                parts.append(f"!{one['key']}")
    return ",".join(parts)


def value_at(body: Json, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    found: Any = body
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def number(query: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a number; None when it is left out. Raises Refusal (400)."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f"{name}: {text!r} is no number") from error


def _as_field(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def by_fields(kind: Kind, text: str) -> Test:
    """The objects that `fieldSelector=TEXT` names; raises Refusal (400) for a field this kind cannot be asked by."""
    if not text.strip():
        return lambda _: True
    known = {"metadata.name", *(["metadata.namespace"] if kind.is_namespaced else []), *kind.fields}
    wanted: list[tuple[str, str, bool]] = []
    for part in text.split(","):
        found = re.match(r"^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$", part)
        if found is None:
            raise bad_request(f"invalid field selector: {part!r}; can't understand it")
        if found[1] not in known:
            raise bad_request(f'field label not supported: "{found[1]}"')
        wanted.append((found[1], found[3], found[2] != "!="))
    defaults = {"spec.unschedulable": "false", "spec.hostNetwork": "false"}

    def holds(body: Json) -> bool:
        return all(
            ((_as_field(value_at(body, path)) or defaults.get(path, "")) == value) == is_equal
            for path, value, is_equal in wanted
        )

    return holds
