"""Pods as their controllers see them: made from a template, counted, chosen to go."""

from __future__ import annotations

from bot.sandbox.cluster import defaults, deletion, quota
from bot.sandbox.cluster.controllers.turn import Turn
from bot.sandbox.cluster.disruption import is_going, is_ready
from bot.sandbox.cluster.kinds import KINDS, Json
from bot.sandbox.cluster.refusals import Refusal
from bot.sandbox.cluster.world import place_of


def reference(owner: Json, plural: str) -> Json:
    """An owner reference to what controls."""
    kind, metadata = KINDS[plural], owner["metadata"]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def make(
    turn: Turn,
    owner: Json,
    *,
    plural: str,
    name: str = "",
    labels: Json | None = None,
    node: str = "",
) -> Refusal | None:
    """One more pod from the owner's template; gives the refusal when a quota leaves no room."""
    template, metadata = owner["spec"]["template"], owner["metadata"]
    named = name or f"{metadata['name']}-{turn.world.suffix()}"
    about = {
        "name": named,
        "generateName": f"{metadata['name']}-",
        "namespace": metadata["namespace"],
        "labels": {**(template["metadata"].get("labels") or {}), **(labels or {})},
        "ownerReferences": [reference(owner, plural)],
    }
    if template["metadata"].get("annotations"):
        about["annotations"] = dict(template["metadata"]["annotations"])
    spec = {**template["spec"], "nodeName": node} if node else template["spec"]
    pod = defaults.filled_in("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})
    try:
        quota.admit(turn.world, KINDS["pods"], pod)
    except Refusal as refusal:
        turn.events.tell(
            owner,
            "FailedCreate",
            f"Error creating: {refusal.message}",
            kind=KINDS[plural].name,
            is_warning=True,
        )
        return refusal
    turn.world.insert("pods", pod)
    turn.events.tell(owner, "SuccessfulCreate", f"Created pod: {named}", kind=KINDS[plural].name)
    return None


def remove(turn: Turn, owner: Json, pod: Json, *, plural: str) -> None:
    """Let a pod go within its own grace."""
    deletion.begin(turn.world, "pods", pod, options={})
    turn.events.tell(
        owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", kind=KINDS[plural].name
    )


def active(turn: Turn, owner: Json) -> list[Json]:
    """The owner's pods that count: neither stopping nor done."""
    return [
        pod
        for pod in turn.world.owned(owner["metadata"]["uid"], "pods")
        if not is_going(pod) and pod["status"].get("phase") not in ("Succeeded", "Failed")
    ]


def worth(pod: Json) -> tuple[bool, bool, bool, str]:
    """Sorts those that go first to the front: unplaced, then not running, then not ready, then the youngest last.

    The age in it is the creation time, which ties within a second, as on a real server.
    """
    return (
        bool(pod["spec"].get("nodeName")),
        pod["status"].get("phase") == "Running",
        is_ready(pod),
        pod["metadata"]["creationTimestamp"],
    )


def available(turn: Turn, owner: Json, pods: list[Json], *, plural: str) -> int:
    """How many have been ready for `minReadySeconds`; looks again when the next one will have been."""
    least = owner["spec"].get("minReadySeconds") or 0
    ready = [pod for pod in pods if is_ready(pod)]
    if not least:
        return len(ready)
    count = 0
    for pod in ready:
        since = turn.moments.get((pod["metadata"]["uid"], "ready"), 0.0)
        if since + least <= turn.now:
            count += 1
        else:
            turn.agenda.add_at(since + least, plural, place_of(owner))
    return count
