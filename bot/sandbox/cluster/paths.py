"""URLs of the API: which kind, where, which object, and the verb that rights are given for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.cluster.kinds import ACCESS_REVIEW, KINDS, Json, Kind
from bot.sandbox.cluster.refusals import method_not_allowed, no_such_path

_ON_ONE = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_MANY = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, understood: `body` is decoded JSON, `media` the content type it came as."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str]
    body: Any = None
    media: str = ""

    @property
    def resource(self) -> str:
        """As rights name it: `deployments`, `pods/eviction`."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    @property
    def is_dry_run(self) -> bool:
        """The server is to decide and do nothing."""
        options: Json = self.body if isinstance(self.body, dict) else {}
        nested = options.get("deleteOptions") or options
        wanted = self.query.get("dryRun") or nested.get("dryRun")
        return bool(wanted) and (self.verb != "get")


def _kind_at(parts: list[str]) -> tuple[Kind, list[str]]:
    """The kind whose plural comes next, in the group that the path names, and what follows."""
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 2:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    plural_at = 2 if rest[:1] == ["namespaces"] and len(rest) > 2 else 0
    known = {**KINDS, ACCESS_REVIEW.plural: ACCESS_REVIEW}
    kind = known.get(rest[plural_at]) if len(rest) > plural_at else None
    if kind is None or (kind.group, kind.version) != (group, version):
        raise no_such_path()
    return kind, rest


def understood(method: str, path: str, query: Mapping[str, str]) -> Call:
    """The call that a request line makes; raises Refusal (404, 405)."""
    kind, rest = _kind_at([part for part in path.split("/") if part])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 or bool(namespace) > kind.is_namespaced:
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.subresources:
        raise no_such_path()
    is_watch = query.get("watch") in ("true", "1")
    if subresource == "eviction":
        verb = "create" if method == "POST" else ""
    elif name:
        verb = _ON_ONE.get(method, "")
    else:
        verb = "watch" if is_watch and method == "GET" else _ON_MANY.get(method, "")
    needs_namespace = kind.is_namespaced and not namespace and verb not in ("list", "watch")
    if not verb or needs_namespace:
        raise method_not_allowed()
    return Call(verb=verb, kind=kind, namespace=namespace, name=name, subresource=subresource, query=query)
