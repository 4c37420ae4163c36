"""What raw objects of the API say: templates, pods, owners, selectors. Pure; fields not needed are not touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.runs.plan import JsonObject, digest_of

POD_TEMPLATE_HASH = "pod-template-hash"
MIRROR = "kubernetes.io/config.mirror"
WHY_LIMIT = 200


def meta(item: JsonObject) -> JsonObject:
    """Its metadata."""
    found: JsonObject = item.get("metadata") or {}
    return found


def uid(item: JsonObject) -> str:
    """What it is, however often its name is used again."""
    return str(meta(item).get("uid", ""))


def place(pod: JsonObject) -> str:
    """`payments/api-1`."""
    return f"{meta(pod).get('namespace')}/{meta(pod).get('name')}"


def pod_path(pod: JsonObject) -> str:
    """Where the API has it."""
    return f"/api/v1/namespaces/{meta(pod).get('namespace')}/pods/{meta(pod).get('name')}"


def plain_template(template: JsonObject) -> JsonObject:
    """A pod template without what controllers add to it: the hash label, and a revision's patch directive."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: text for key, text in (metadata.get("labels") or {}).items() if key != POD_TEMPLATE_HASH}
    metadata["labels"] = labels
    return {key: part for key, part in {**template, "metadata": metadata}.items() if key != "$patch"}


def template_digest(template: JsonObject) -> str:
    """Twelve letters that are the same exactly while the template is; what a step is bound to."""
    plain = plain_template(template)
    facts = {key: value for key, value in plain["metadata"].items() if value not in (None, {})}
    return digest_of({**plain, "metadata": facts})[:12]


def images(template: JsonObject) -> dict[str, str]:
    """Image by container."""
    return {one["name"]: one.get("image", "") for one in (template.get("spec") or {}).get("containers", ())}


def selector_text(selector: JsonObject) -> str:
    """A label selector as the API takes it in a query."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(sorted(one.get("values") or ()))
        match one["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)


def controller(item: JsonObject) -> JsonObject:
    """The owner that recreates it; {} where nothing does."""
    owners: list[JsonObject] = meta(item).get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), {})


def is_ending(pod: JsonObject) -> bool:
    """Whether it is on its way out."""
    return meta(pod).get("deletionTimestamp") is not None


def is_finished(pod: JsonObject) -> bool:
    """Whether it ran to its end: nothing is lost with it."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_ready(pod: JsonObject) -> bool:
    """Whether it serves."""
    return not is_ending(pod) and condition(pod, "Ready").get("status") == "True"


def condition(item: JsonObject, kind: str) -> JsonObject:
    """One condition of its status; {} where it has none of that type."""
    found: list[JsonObject] = (item.get("status") or {}).get("conditions") or []
    return next((one for one in found if one.get("type") == kind), {})


def why_not_ready(pods: Iterable[JsonObject]) -> str:
    """The commonest reason, in the cluster's own words, why pods are not ready; "" where none is told."""
    reasons = [_reason(pod) for pod in pods if not is_ready(pod) and not is_ending(pod)]
    told = [reason for reason in reasons if reason]
    return max(told, key=told.count)[:WHY_LIMIT] if told else ""


def _reason(pod: JsonObject) -> str:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _words(scheduled)
    statuses: list[Mapping[str, Any]] = (pod.get("status") or {}).get("containerStatuses") or []
    for one in statuses:
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return _words(waiting)
    return _words(condition(pod, "Ready")) if condition(pod, "Ready").get("message") else ""


def _words(said: Mapping[str, Any]) -> str:
    return ": ".join(str(part) for part in (said.get("reason"), said.get("message")) if part)
