"""drain: a node cordoned, then every pod on it evicted as far as the disruption budgets allow, until the deadline.

Each pod goes its own way, several at a time: evicted (by uid), told to wait by a budget (429) and asked again,
refused with the server's reason, or gone already; then its uid is waited for until nothing of it is left. Pods that
come to the node meanwhile (their workload had tolerated the cordon) are not part of it. What a drain loses for good
was approved by name; a pod nobody recreates that was not there then is never evicted.

Undone is only the cordon: evicted pods were recreated elsewhere and are not brought back.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from bot.actions.base import Outcome, Plan, PlanScope, Seen, Undo
from bot.actions.kubernetes import objects
from bot.actions.kubernetes.evicting import Evicting, on_node
from bot.actions.kubernetes.node import is_cordoned, mark, node_guard, read_node
from bot.actions.kubernetes.order import Order
from bot.actions.kubernetes.residents import Residents, sort_out
from bot.actions.kubernetes.site import Site
from bot.clients.kubernetes import ClusterReader
from bot.errors import ActionError, ActionFailed
from bot.runs.plan import JsonObject


class Drain:
    """Nodes."""

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """Who leaves, who stays, and what is lost for good; ActionFailed where the step does not consent to that."""
        node = await read_node(site, reader)
        residents = await _residents(site, reader)
        if reasons := residents.unconsented(site.given):
            raise ActionFailed(f"{site.thing} is not drained: {'; '.join(reasons)}")
        unlisted = sorted(
            {str(objects.meta(pod).get("namespace")) for pod in residents.leaves}
            - set(site.cluster.namespaces)
        )
        also = {"outside the catalog": f"evicts pods of {', '.join(unlisted)}, too"} if unlisted else {}
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=f"drain {site.thing}",
            will_run=(site.line(),),
            shown={
                "node": f"{'cordoned' if is_cordoned(node) else 'open to new pods'} → cordoned",
                "evicted": _counted(residents.leaves),
                "stay": _counted(residents.stays),
                **({"lost for good": ", ".join(residents.bare)} if residents.bare else {}),
                **({"emptyDir data lost": ", ".join(residents.data)} if residents.data else {}),
                **also,
            },
            guarded={**node_guard(node), **residents.guarded},
            undo=_way_back(site, node, timeout_s=scope.timeout_s),
            risk=scope.risk or "high",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, order: Order) -> Outcome:
        """Cordon, evict, wait until they are gone; says who was evicted and who was not, however it ends."""
        order.patience.begin()
        order.compare((await _residents(order.site, order.reader)).guarded)
        has_cordoned = order.plan.guarded["unschedulable"] is False
        if has_cordoned:
            await mark(order, closes=True)
        else:
            order.compare(node_guard(await read_node(order.site, order.reader)))
        try:
            residents = await _residents(order.site, order.reader)
        except ActionError as error:
            if not has_cordoned:
                raise
            summary = f"the node was cordoned, then its pods could not be read: {error.message}"
            return Outcome(verdict="failed", effect="partial", summary=summary)
        evicting = Evicting.of(order, residents)
        trouble = await evicting.finish()
        return evicting.outcome(trouble, has_cordoned=has_cordoned)

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server about the cordon and about each eviction; a budget that forbids one now is said."""
        evicting = Evicting.of(order, await _residents(order.site, order.reader))
        await mark(order, closes=True)
        answers = await asyncio.gather(*(evicting.ask(uid) for uid in evicting.pods))
        waiting = sum(answer.status == 429 for answer in answers)
        refused = [
            answer.said for answer in answers if not answer.is_done and answer.status not in (404, 409, 429)
        ]
        if refused:
            raise ActionFailed(f"the cluster would not evict {len(refused)} pods: {refused[0]}")
        budgets = f"; a disruption budget holds {waiting} of them back now" if waiting else ""
        return Outcome(
            verdict="succeeded",
            effect="none",
            summary=f"the cluster would cordon the node and evict {len(answers)} pods{budgets}",
        )

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """Open or closed, and how many pods are still to leave."""
        node = await read_node(site, reader)
        residents = await _residents(site, reader)
        closed = "cordoned" if is_cordoned(node) else "open to new pods"
        return Seen(
            text=f"{site.thing} is {closed}; {len(residents.leaves)} pods on it would have to leave",
            state={"unschedulable": is_cordoned(node), "pods": len(residents.leaves)},
        )


async def _residents(site: Site, reader: ClusterReader) -> Residents:
    return sort_out(await reader.collection("/api/v1/pods", on_node(site)))


def _counted(pods: tuple[JsonObject, ...]) -> str:
    """`5 pods (payments 3, search 2)`."""
    per = Counter(str(objects.meta(pod).get("namespace")) for pod in pods)
    where = ", ".join(f"{name} {count}" for name, count in sorted(per.items()))
    return f"{len(pods)} pod{'' if len(pods) == 1 else 's'}" + (f" ({where})" if where else "")


def _way_back(site: Site, node: JsonObject, *, timeout_s: float) -> Undo:
    gone = "evicted pods stay where they were recreated; the outcome lists them"
    if is_cordoned(node):
        return Undo(text=f"nothing to undo: the node was cordoned before and stays so; {gone}")
    back = site.of(action="uncordon", force=None, delete_emptydir_data=None, grace_period_seconds=None)
    return Undo(
        kind="step",
        text=f"{back.line()}; {gone}",
        type="kubernetes",
        input=back.given.model_dump(mode="json", exclude_none=True),
        targets=(site.target,),
        will_run=(back.line(),),
        guarded={"uid": objects.uid(node), "unschedulable": True},
        timeout_s=timeout_s,
    )
