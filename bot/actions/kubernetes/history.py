"""Earlier revisions of a workload: ReplicaSets of a deployment, ControllerRevisions of the others."""

from __future__ import annotations

from dataclasses import dataclass

from bot.actions.kubernetes import objects
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.workload import APPS, Workload
from bot.clients.kubernetes import ClusterReader
from bot.errors import ActionFailed
from bot.runs.plan import JsonObject

REVISION = "deployment.kubernetes.io/revision"
_LEFT_ALONE = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations that a rollback neither restores nor removes (as kubectl does it)."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One of them: its number, its template, and what a patch that goes back to it says."""

    number: int
    template: JsonObject
    annotations: JsonObject
    data: JsonObject

    @property
    def digest(self) -> str:
        """The template's."""
        return objects.template_digest(self.template)


async def revisions(site: Site, reader: ClusterReader, workload: Workload) -> list[Revision]:
    """All that the cluster keeps, oldest first."""
    kind = "replicasets" if workload.kind == "deployment" else "controllerrevisions"
    found = await reader.collection(
        f"{APPS}/namespaces/{site.given.namespace}/{kind}", (("labelSelector", workload.selector),)
    )
    ours = [one for one in found if objects.controller(one).get("uid") == workload.uid]
    read = _of_replica_set if workload.kind == "deployment" else _of_controller_revision
    made = [read(one) for one in ours]
    return sorted((one for one in made if one.number > 0), key=lambda one: one.number)


def _of_replica_set(raw: JsonObject) -> Revision:
    annotations = objects.meta(raw).get("annotations") or {}
    number = str(annotations.get(REVISION, ""))
    template = (raw.get("spec") or {}).get("template") or {}
    return Revision(
        number=int(number) if number.isascii() and number.isdigit() else 0,
        template=objects.plain_template(template),
        annotations=annotations,
        data={},
    )


def _of_controller_revision(raw: JsonObject) -> Revision:
    data = raw.get("data") or {}
    template = (data.get("spec") or {}).get("template") or {}
    return Revision(
        number=int(raw.get("revision") or 0),
        template=objects.plain_template(template),
        annotations={},
        data=data,
    )


def current_of(workload: Workload, known: list[Revision]) -> Revision | None:
    """The revision that its template is; None where the cluster keeps none of it."""
    digest = objects.template_digest(workload.template)
    return next((one for one in reversed(known) if one.digest == digest), None)


def goal_of(workload: Workload, known: list[Revision], *, number: int | None) -> Revision:
    """The revision to go back to: the one asked for, or the latest that is not the current one.

    Raises ActionFailed (effect none) where there is none such.
    """
    kept = f"kept are {', '.join(str(one.number) for one in known) or 'none'}"
    now = objects.template_digest(workload.template)
    if number is not None:
        found = next((one for one in known if one.number == number), None)
        if found is None:
            raise ActionFailed(f"there is no revision {number} to go back to; {kept}")
        if found.digest == now:
            raise ActionFailed(f"nothing to undo: its template is that of revision {number} already")
        return found
    earlier = [one for one in known if one.digest != now]
    if not earlier:
        raise ActionFailed(f"nothing to undo: the cluster keeps no other revision; {kept}")
    return earlier[-1]


def restored_annotations(workload: Workload, goal: Revision) -> JsonObject:
    """The deployment's annotations after going back: those of that revision, bookkeeping left alone."""
    now: JsonObject = objects.meta(workload.raw).get("annotations") or {}
    kept = {key: text for key, text in now.items() if key in _LEFT_ALONE}
    return kept | {key: text for key, text in goal.annotations.items() if key not in _LEFT_ALONE}
