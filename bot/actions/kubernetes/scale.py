"""scale: another number of replicas, bound to the number that was approved, and back to it."""

from __future__ import annotations

import asyncio

from bot.actions.base import Outcome, Plan, PlanScope, Seen, Undo
from bot.actions.kubernetes.autoscaler import autoscaling
from bot.actions.kubernetes.order import Order, version
from bot.actions.kubernetes.quota import room_for
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.workload import Workload, path, read, watch_workload, why_not
from bot.clients.kubernetes import Answer, ClusterReader
from bot.clients.kubernetes.writer import MERGE
from bot.errors import ActionError
from bot.runs.plan import JsonObject


class Scale:
    """Deployments and StatefulSets."""

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """Now → after, what that starts or stops, whether the quota has room, and what an autoscaler makes of it."""
        workload = await read(site, reader)
        now, wanted = workload.wanted, int(site.given.replicas or 0)
        back = site.of(replicas=now)
        consequence, (autoscaler, would_be_moved) = await asyncio.gather(
            _consequence(site, reader, workload), autoscaling(site, reader)
        )
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=f"scale {site.thing} from {now} to {wanted}",
            will_run=(site.line(),),
            shown={
                "replicas": f"{now} → {wanted}, {consequence}",
                **({"autoscaler": autoscaler} if autoscaler else {}),
                "ready": f"{workload.ready} of {now}",
            },
            guarded=workload.guarded,
            undo=Undo(
                kind="step",
                text=f"scale {site.thing} back to {now}",
                type="kubernetes",
                input=back.given.model_dump(mode="json", exclude_none=True),
                targets=(site.target,),
                will_run=(back.line(),),
                guarded={"uid": workload.uid, "replicas": wanted},
                timeout_s=scope.timeout_s,
            )
            if now != wanted
            else Undo(text=f"nothing to undo: it is asked for {now} replicas already"),
            risk=scope.risk or ("high" if wanted == 0 or would_be_moved else "medium"),
            timeout_s=scope.timeout_s,
        )

    async def execute(self, order: Order) -> Outcome:
        """Write the number, then wait until as many are ready."""
        site, wanted = order.site, int(order.site.given.replicas or 0)
        if order.plan.guarded.get("replicas") == wanted:
            return Outcome(
                verdict="succeeded", effect="none", summary=f"{site.thing} is asked for {wanted} already"
            )
        await self._write(order)
        waited = await watch_workload(
            site, order.reader, lambda one: one.scaled(wanted), order.patience, order.note
        )
        if waited.ending != "deadline":
            return waited.outcome()
        return waited.outcome(why=await _why(site, order.reader))

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server whether it would take the number."""
        await self._write(order)
        return Outcome(verdict="succeeded", effect="none", summary=f"the cluster would {order.plan.text}")

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """How many are asked for and ready."""
        workload = await read(site, reader)
        return Seen(
            text=f"{site.thing} is asked for {workload.wanted} replicas; {workload.state_text}",
            state={"replicas": workload.wanted, "ready": workload.ready},
        )

    async def _write(self, order: Order) -> None:
        site = order.site

        async def write(found: JsonObject, limit_s: float) -> Answer:
            body = {
                "metadata": {"resourceVersion": version(found)},
                "spec": {"replicas": site.given.replicas},
            }
            return await order.writer.patch(
                f"{path(site)}/scale", body, content_type=MERGE, dry_run=order.dry_run, timeout_s=limit_s
            )

        await order.change(
            path(site), lambda found: Workload(kind=site.given.workload, raw=found).guarded, write
        )


async def _consequence(site: Site, reader: ClusterReader, workload: Workload) -> str:
    """`2 pods will start; quota leaves room for 4`."""
    more = int(site.given.replicas or 0) - workload.wanted
    if more == 0:
        return "nothing changes"
    pods = f"{abs(more)} pod{'' if abs(more) == 1 else 's'}"
    if more < 0:
        return f"{pods} will stop"
    try:
        quotas = await reader.collection(f"/api/v1/namespaces/{site.given.namespace}/resourcequotas")
        room = room_for(workload.template, quotas)
    except (ActionError, ValueError):
        return f"{pods} will start; quota could not be read"
    if room is None:
        return f"{pods} will start; no quota limits them"
    return f"{pods} will start; quota leaves room for {room}"


async def _why(site: Site, reader: ClusterReader) -> str:
    try:
        workload = await read(site, reader)
    except ActionError:
        return ""
    return await why_not(site, reader, workload.selector)
