"""What makes an object invalid, in the server's words: names, numbers below zero, selectors, what cannot change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.cluster.kinds import SCALE, Json, Kind
from bot.sandbox.cluster.refusals import Cause, invalid
from bot.sandbox.cluster.selectors import by_object, value_at

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{_SUBDOMAIN.pattern}')"
)
_FIXED: dict[str, tuple[str, ...]] = {
    "deployments": ("spec.selector",),
    "replicasets": ("spec.selector",),
    "statefulsets": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy"),
    "daemonsets": ("spec.selector",),
    "pods": ("spec.nodeName",),
}
_NOT_NEGATIVE = ("spec.replicas", "spec.revisionHistoryLimit", "spec.minReadySeconds")
_LETTERS_FREE = {"roles", "rolebindings", "clusterroles", "clusterrolebindings"}


def shown(value: Any) -> str:
    """A value as validation messages show it."""
    return json.dumps(value, separators=(",", ":"))


def check(kind: Kind, body: Json, *, old: Json | None) -> None:
    """Raise Refusal (422) with every cause, or be silent; `old` is what the object would replace."""
    name = body["metadata"].get("name", "")
    causes = [*_name_causes(kind, name), *_number_causes(body)]
    if kind.is_workload:
        causes += _template_causes(body)
    if old is not None:
        causes += _change_causes(kind, body, old)
    if causes:
        raise invalid(kind, name, causes)


def check_scale(name: str, replicas: Any) -> None:
    """The same for a scale."""
    causes = list(_number_causes({"spec": {"replicas": replicas}}))
    if causes:
        raise invalid(SCALE, name, causes)


def _name_causes(kind: Kind, name: str) -> Iterator[Cause]:
    if kind.plural in _LETTERS_FREE:
        return
    if _SUBDOMAIN.fullmatch(name) is None or len(name) > 253:
        yield Cause(
            reason="FieldValueInvalid",
            message=f"Invalid value: {shown(name)}: {_NAME_RULE}",
            field="metadata.name",
        )


def _number_causes(body: Json) -> Iterator[Cause]:
    for path in _NOT_NEGATIVE:
        value = value_at(body, path)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            yield Cause(
                reason="FieldValueTypeInvalid",
                message=f"Invalid value: {shown(value)}: must be an integer",
                field=path,
            )
        elif value < 0:
            yield Cause(
                reason="FieldValueInvalid",
                message=f"Invalid value: {value}: must be greater than or equal to 0",
                field=path,
            )


def _template_causes(body: Json) -> Iterator[Cause]:
    spec = body.get("spec") or {}
    template = spec.get("template") or {}
    if not spec.get("selector"):
        yield Cause(reason="FieldValueRequired", message="Required value", field="spec.selector")
    elif not by_object(spec["selector"])(template):
        labels = template.get("metadata", {}).get("labels")
        yield Cause(
            reason="FieldValueInvalid",
            message=f"Invalid value: {shown(labels)}: `selector` does not match template `labels`",
            field="spec.template.metadata.labels",
        )
    if not (template.get("spec") or {}).get("containers"):
        yield Cause(
            reason="FieldValueRequired", message="Required value", field="spec.template.spec.containers"
        )


def _change_causes(kind: Kind, body: Json, old: Json) -> Iterator[Cause]:
    for path in _FIXED.get(kind.plural, ()):
        before, after = value_at(old, path), value_at(body, path)
        if before and before != after:
            yield Cause(
                reason="FieldValueInvalid",
                message=f"Invalid value: {shown(after)}: field is immutable",
                field=path,
            )
