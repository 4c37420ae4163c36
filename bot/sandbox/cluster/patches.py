"""The three kinds of patch that a client may send: each makes a new object from the old one and never changes it.

The strategic merge is Kubernetes' own: lists of things with a name are merged by that name, and a patch may carry
directives (`$patch: delete`, `$setElementOrder/…`). The merge keys are those of the built-in types.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bot.sandbox.cluster.kinds import Json
from bot.sandbox.cluster.refusals import bad_request, unprocessable

_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "addresses": ("type",),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey",),
    "secrets": ("name",),
}
_SETS = {"finalizers"}
_ORDER, _DROP = "$setElementOrder/", "$deleteFromPrimitiveList/"


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, an object goes deeper, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def strategically_merged(target: Any, patch: Any) -> Any:
    """The strategic merge of an object; raises Refusal (400) for a directive that makes no sense."""
    if not isinstance(patch, dict):
        return patch
    base = dict(target) if isinstance(target, dict) else {}
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive not in (None, "merge"):
        raise bad_request(f"unknown patch type found: {directive!r}")
    for key, value in patch.items():
        if key.startswith("$"):
            _obey(base, key, value)
            continue
        if value is None:
            base.pop(key, None)
        elif isinstance(value, list):
            base[key] = _merged_list(key, base.get(key) or [], value)
        else:
            base[key] = strategically_merged(base.get(key), value)
    _put_in_order(base, patch)
    return base


def _obey(base: Json, key: str, value: Any) -> None:
    if key == "$retainKeys":
        for name in set(base) - set(value):
            del base[name]
    elif key.startswith(_DROP):
        field = key.removeprefix(_DROP)
        base[field] = [one for one in base.get(field) or [] if one not in value]


def _merge_key(field: str, things: list[Any]) -> str | None:
    for key in _MERGE_KEYS.get(field, ()):
        if things and all(isinstance(one, dict) and (key in one or "$patch" in one) for one in things):
            return key
    return None


def _merged_list(field: str, old: list[Any], patch: list[Any]) -> list[Any]:
    if field in _SETS:
        return [*old, *(one for one in patch if one not in old)]
    if {"$patch": "replace"} in patch:
        return [one for one in patch if one != {"$patch": "replace"}]
    key = _merge_key(field, patch)
    if key is None:
        return patch
    result = list(old)
    for change in patch:
        place = next((at for at, one in enumerate(result) if one.get(key) == change.get(key)), None)
        if change.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategically_merged({}, change))
        else:
            result[place] = strategically_merged(result[place], change)
    return result


def _put_in_order(base: Json, patch: Json) -> None:
    for directive, wanted in patch.items():
        field = directive.removeprefix(_ORDER)
        if field == directive or not isinstance(base.get(field), list):
            continue
        key = _merge_key(field, wanted)
        names = [one[key] for one in wanted] if key else wanted

        def place(one: Any, key: str | None = key, names: list[Any] = names) -> int:
            name = one.get(key) if key else one
            return names.index(name) if name in names else len(names)

        base[field] = sorted(base[field], key=place)


def json_patched(target: Json, operations: Any) -> Json:
    """RFC 6902, all or nothing; raises Refusal, 422 when an operation does not apply (a failed test too)."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    result: Any = deepcopy(target)
    for one in operations:
        act = _OPERATIONS.get(one.get("op")) if isinstance(one, dict) else None
        if act is None or not isinstance(one.get("path"), str):
            raise bad_request(f"error decoding patch: unexpected operation: {one!r}")
        try:
            act(result, one)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise unprocessable(f"{one['op']} operation does not apply at {one['path']}: {error}") from error
    return dict(result)


def _steps(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError("the path does not start with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _down(found: Any, step: str) -> Any:
    if isinstance(found, list):
        return found[int(step)]
    return found[step]


def _parent(target: Any, path: str) -> tuple[Any, str]:
    *above, last = _steps(path)
    for step in above:
        target = _down(target, step)
    return target, last


def _value(target: Any, path: str) -> Any:
    parent, last = _parent(target, path)
    return _down(parent, last)


def _put(target: Any, path: str, value: Any) -> None:
    parent, last = _parent(target, path)
    if isinstance(parent, list):
        place = len(parent) if last == "-" else int(last)
        if not 0 <= place <= len(parent):
            raise IndexError(f"there is no place {place} in a list of {len(parent)}")
        parent.insert(place, value)
    else:
        parent[last] = value


def _take(target: Any, path: str) -> Any:
    parent, last = _parent(target, path)
    return parent.pop(int(last)) if isinstance(parent, list) else parent.pop(last)


def _replace(target: Any, one: Json) -> None:
    parent, last = _parent(target, one["path"])
    _down(parent, last)
    if isinstance(parent, list):
        parent[int(last)] = one["value"]
    else:
        parent[last] = one["value"]


def _test(target: Any, one: Json) -> None:
    if _value(target, one["path"]) != one.get("value"):
        raise ValueError(f"testing value {one['path']} failed: test failed")


def _move(target: Any, one: Json) -> None:
    _put(target, one["path"], _take(target, one["from"]))


def _copy(target: Any, one: Json) -> None:
    _put(target, one["path"], deepcopy(_value(target, one["from"])))


_OPERATIONS: dict[Any, Callable[[Any, Json], None]] = {
    "add": lambda target, one: _put(target, one["path"], one["value"]),
    "remove": lambda target, one: (_take(target, one["path"]), None)[1],
    "replace": _replace,
    "test": _test,
    "move": _move,
    "copy": _copy,
}
