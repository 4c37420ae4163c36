"""What a pod template needs by name: ConfigMaps, Secrets, a service account. Names alone; nothing is looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bot.runs.plan import JsonObject

MOST = 20
Kind = Literal["configmap", "secret", "serviceaccount"]


@dataclass(frozen=True, kw_only=True, order=True)
class Reference:
    """One object that a template names."""

    kind: Kind
    name: str
    is_optional: bool = False


def references(template: JsonObject) -> list[Reference]:
    """Each once; one that is needed somewhere is not optional."""
    found: dict[tuple[str, str], Reference] = {}
    for one in _all(template.get("spec") or {}):
        known = found.get((one.kind, one.name))
        if known is None or known.is_optional:
            found[one.kind, one.name] = one
    return sorted(found.values())


def _all(spec: JsonObject) -> Iterator[Reference]:
    account = spec.get("serviceAccountName")
    if account and account != "default":
        yield Reference(kind="serviceaccount", name=account)
    for volume in spec.get("volumes") or ():
        yield from _named(volume, "configMap", "configmap")
        yield from _named(volume, "secret", "secret", key="secretName")
        for part in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(part, "configMap", "configmap")
            yield from _named(part, "secret", "secret")
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for source in container.get("envFrom") or ():
            yield from _named(source, "configMapRef", "configmap")
            yield from _named(source, "secretRef", "secret")
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield from _named(source, "configMapKeyRef", "configmap")
            yield from _named(source, "secretKeyRef", "secret")


def _named(holder: JsonObject, place: str, kind: Kind, *, key: str = "name") -> Iterator[Reference]:
    told: Any = holder.get(place) or {}
    if told.get(key):
        yield Reference(kind=kind, name=str(told[key]), is_optional=bool(told.get("optional")))
