"""rollout-undo: back to an earlier revision's template, bound to both templates, and forward again.

The undo of an undo names the revision that was current: a rollback gives the revision it goes to a new number, the
one it comes from keeps its own. Templates are compared and sent as raw JSON, whatever fields they have.
"""

from __future__ import annotations

from bot.actions.base import Outcome, Plan, PlanScope, Seen, Undo
from bot.actions.kubernetes import objects
from bot.actions.kubernetes.history import (
    Revision,
    current_of,
    goal_of,
    restored_annotations,
    revisions,
)
from bot.actions.kubernetes.order import Order, version
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.workload import Workload, path, read, watch_workload, why_not
from bot.clients.kubernetes import Answer, ClusterReader
from bot.clients.kubernetes.writer import JSON_PATCH, STRATEGIC
from bot.errors import ActionFailed
from bot.runs.plan import JsonObject


class RolloutUndo:
    """Deployments, StatefulSets and DaemonSets."""

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """From which revision to which, and what images that changes."""
        workload = await read(site, reader)
        workload.check_rolls()
        known = await revisions(site, reader, workload)
        goal = goal_of(workload, known, number=site.given.to_revision)
        current = current_of(workload, known)
        site = site.of(to_revision=goal.number)
        from_words = f"revision {current.number}" if current else "a template no revision is kept of"
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=f"roll {site.thing} back from {from_words} to revision {goal.number}",
            will_run=(site.line(),),
            shown={
                "revision": f"{current.number if current else '?'} → {goal.number}",
                **_changes(workload.template, goal.template),
                "ready": f"{workload.ready} of {workload.wanted}",
            },
            guarded={
                "uid": workload.uid,
                "template": objects.template_digest(workload.template),
                "goes to": goal.digest,
            },
            undo=_way_back(site, workload, current, goal, timeout_s=scope.timeout_s),
            risk=scope.risk or "medium",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, order: Order) -> Outcome:
        """Write the earlier template, then wait until all pods are made from it and serve."""
        answer = await self._write(order)
        workload = Workload(kind=order.site.given.workload, raw=answer)
        digest = objects.template_digest(workload.template)
        waited = await watch_workload(
            order.site, order.reader, lambda one: one.rolled(digest), order.patience, order.note
        )
        if waited.ending in ("done", "stopped"):
            return waited.outcome()
        return waited.outcome(why=await why_not(order.site, order.reader, workload.selector))

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server whether it would take the template."""
        await self._write(order)
        return Outcome(verdict="succeeded", effect="none", summary=f"the cluster would {order.plan.text}")

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """Which revision it is at, and how many are ready."""
        workload = await read(site, reader)
        current = current_of(workload, await revisions(site, reader, workload))
        at = f"at revision {current.number}" if current else "at a template no revision is kept of"
        return Seen(
            text=f"{site.thing} is {at}; {workload.state_text}",
            state={"revision": current.number if current else None, "ready": workload.ready},
        )

    async def _write(self, order: Order) -> JsonObject:
        site = order.site
        order.patience.begin()
        workload = await read(site, order.reader)
        known = await revisions(site, order.reader, workload)
        goal = next((one for one in known if one.number == site.given.to_revision), None)
        if goal is None or goal.digest != order.plan.guarded["goes to"]:
            raise ActionFailed(
                f"revision {site.given.to_revision} of {site.thing} is not the one approved any more; nothing was sent"
            )

        async def write(found: JsonObject, limit_s: float) -> Answer:
            content_type, body = _patch(Workload(kind=workload.kind, raw=found), goal)
            return await order.writer.patch(
                path(site), body, content_type=content_type, dry_run=order.dry_run, timeout_s=limit_s
            )

        return await order.change(
            path(site), lambda found: Workload(kind=workload.kind, raw=found).guarded, write
        )


def _patch(now: Workload, goal: Revision) -> tuple[str, JsonObject | list[JsonObject]]:
    """The change and how it is encoded; either way the server refuses it where the object is not the one read."""
    if now.kind != "deployment":
        return STRATEGIC, {**goal.data, "metadata": {"resourceVersion": version(now.raw)}}
    return JSON_PATCH, [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version(now.raw)},
        {"op": "replace", "path": "/spec/template", "value": goal.template},
        {"op": "add", "path": "/metadata/annotations", "value": restored_annotations(now, goal)},
    ]


def _way_back(
    site: Site, workload: Workload, current: Revision | None, goal: Revision, *, timeout_s: float
) -> Undo:
    if current is None:
        return Undo(
            kind="manual",
            text="the cluster keeps no revision of the template it has now: apply it again from where it came",
        )
    back = site.of(to_revision=current.number)
    return Undo(
        kind="step",
        text=f"roll {site.thing} forward to revision {current.number} again",
        type="kubernetes",
        input=back.given.model_dump(mode="json", exclude_none=True),
        targets=(site.target,),
        will_run=(back.line(),),
        guarded={"uid": workload.uid, "template": goal.digest},
        timeout_s=timeout_s,
    )


def _changes(now: JsonObject, then: JsonObject) -> JsonObject:
    before, after = objects.images(now), objects.images(then)
    return {
        f"image of {name}": f"{before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
