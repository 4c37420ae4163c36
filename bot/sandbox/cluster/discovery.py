"""What the server says of itself: version, groups, resources, and an OpenAPI document with nothing in it.

kubectl asks for these before it does anything. Its older versions read OpenAPI as protobuf only, where the five bytes
of `OPENAPI_V2` say `swagger: "2.0"`; an empty document makes them skip validation on their side.
"""

from __future__ import annotations

from bot.sandbox.cluster.kinds import ACCESS_REVIEW, EVICTION, GROUPS, SCALE, Json, Kind, in_group

VERSION: Json = {
    "major": "1",
    "minor": "33",
    "gitVersion": "v1.33.0",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "go1.24",
    "compiler": "gc",
    "platform": "linux/amd64",
}
OPENAPI_V2 = b"\x0a\x032.0"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_OF_SUBRESOURCE: dict[str, tuple[Kind | None, list[str]]] = {
    "eviction": (EVICTION, ["create"]),
    "log": (None, ["get"]),
    "scale": (SCALE, ["get", "patch", "update"]),
    "status": (None, ["get", "patch", "update"]),
}


def document(path: str) -> Json | None:
    """The document at a path, or None when there is none."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [_group(group) for group in GROUPS]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in GROUPS:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["api", "v1"]:
            return _resources("", "v1")
        case ["apis", group, version] if GROUPS.get(group) == version:
            return _resources(group, version)
        case ["openapi", "v3"]:
            return {"paths": {}}
        case ["openapi", "v2"]:
            return {"swagger": "2.0", "info": {"title": "stand-in", "version": "0"}, "paths": {}}
        case _:
            return None


def _group(group: str) -> Json:
    version = {"groupVersion": f"{group}/{GROUPS[group]}", "version": GROUPS[group]}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resources(group: str, version: str) -> Json:
    listed: list[Json] = []
    for kind in in_group(group, version):
        listed.append(_entry(kind))
        listed += [_subresource(kind, name) for name in kind.subresources]
    if group == ACCESS_REVIEW.group:
        listed.append({**_entry(ACCESS_REVIEW), "verbs": ["create"]})
    group_version = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": listed,
    }


def _entry(kind: Kind) -> Json:
    return {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": _VERBS,
        "shortNames": list(kind.short),
        **({"categories": ["all"]} if kind.is_workload or kind.plural in ("pods", "services") else {}),
    }


def _subresource(kind: Kind, name: str) -> Json:
    shape, verbs = _OF_SUBRESOURCE[name]
    entry: Json = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.is_namespaced,
        "kind": (shape or kind).name,
        "verbs": verbs,
    }
    return entry if shape is None else {**entry, "group": shape.group, "version": shape.version}
