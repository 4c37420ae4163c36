"""What a request carries: the object given or patched, held against the one it is for."""

from __future__ import annotations

from typing import Any

from bot.sandbox.cluster import disruption
from bot.sandbox.cluster.kinds import SCALE, Json
from bot.sandbox.cluster.patches import json_patched, merged, strategically_merged
from bot.sandbox.cluster.paths import Call
from bot.sandbox.cluster.refusals import bad_request, conflict, unsupported_media
from bot.sandbox.cluster.selectors import as_text

KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""What a client cannot write."""


def given(call: Call) -> Json:
    """The object in the body; raises Refusal (400) for anything else, or for another kind."""
    if not isinstance(call.body, dict):
        raise bad_request("the object provided is unrecognized: a JSON object is needed")
    kind = call.body.get("kind")
    wanted = {"scale": SCALE.name, "eviction": "Eviction"}.get(call.subresource, call.kind.name)
    if kind not in (None, wanted):
        raise bad_request(f"the kind of the object is {kind}, not {wanted}")
    return call.body


def namespace_of(call: Call, metadata: Json) -> str:
    """The URL's, which the object may repeat; raises Refusal (400) when it names another."""
    if metadata.get("namespace") not in (None, "", call.namespace):
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return call.namespace


def check_identity(call: Call, metadata: Json, old: Json) -> None:
    """The object named is the one in the URL, as it is now; raises Refusal (400, 409)."""
    if call.kind.is_namespaced:
        namespace_of(call, metadata)
    if metadata.get("name") not in (None, "", call.name):
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({call.name})"
        )
    options = {"preconditions": {"uid": metadata.get("uid")}}
    disruption.check_preconditions(call.kind.plural, old, options)
    if metadata.get("resourceVersion") not in (None, "", "0", old["metadata"]["resourceVersion"]):
        raise conflict(call.kind, call.name)


def with_identity(call: Call, new: Json, old: Json) -> Json:
    """The object as it may be stored: whose it is and when it was made are the old one's. Raises Refusal (400, 409)."""
    metadata = dict(new.get("metadata") or {})
    check_identity(call, metadata, old)
    kept = {word: old["metadata"][word] for word in KEPT if word in old["metadata"]}
    named = {"name": call.name, **({"namespace": call.namespace} if call.namespace else {})}
    shape = {"apiVersion": call.kind.api_version, "kind": call.kind.name}
    return {**new, **shape, "metadata": {**metadata, **kept, **named}}


def patched(call: Call, old: Json) -> Json:
    """The old object with the patch of the body, by its media type; raises Refusal (400, 415, 422)."""
    match call.media:
        case "application/json-patch+json":
            result: Any = json_patched(old, call.body)
        case "application/merge-patch+json":
            result = merged(old, _patch_of(call))
        case "application/strategic-merge-patch+json":
            result = strategically_merged(old, _patch_of(call))
        case _:
            raise unsupported_media(call.media)
    return dict(result)


def _patch_of(call: Call) -> Json:
    if not isinstance(call.body, dict):
        raise bad_request("a merge patch is a JSON object")
    return call.body


def scale_of(body: Json) -> Json:
    """A workload as its scale subresource shows it."""
    metadata = body["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": SCALE.name,
        "apiVersion": f"{SCALE.group}/{SCALE.version}",
        "metadata": {word: metadata[word] for word in kept if word in metadata},
        "spec": {"replicas": body["spec"]["replicas"]},
        "status": {
            "replicas": body.get("status", {}).get("replicas", 0),
            "selector": as_text(body["spec"].get("selector")),
        },
    }
