"""cordon and uncordon: whether new pods may come to a node, and back only where this step changed it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.actions.base import Outcome, Plan, PlanScope, Seen, Undo
from bot.actions.kubernetes import objects
from bot.actions.kubernetes.order import Order, version
from bot.actions.kubernetes.site import Site
from bot.clients.kubernetes import Answer, ClusterReader
from bot.clients.kubernetes.writer import STRATEGIC
from bot.errors import ActionFailed
from bot.runs.plan import JsonObject


@dataclass(frozen=True, kw_only=True)
class Cordon:
    """Both verbs: `closes` says which."""

    closes: bool

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """Open or closed now, and after."""
        node = await read_node(site, reader)
        is_closed = is_cordoned(node)
        inverse = site.of(action="uncordon" if self.closes else "cordon")
        undo = Undo(
            kind="step",
            text=inverse.line(),
            type="kubernetes",
            input=inverse.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            will_run=(inverse.line(),),
            guarded={"uid": objects.uid(node), "unschedulable": self.closes},
            timeout_s=scope.timeout_s,
        )
        state = "cordoned" if is_closed else "open to new pods"
        left = Undo(text=f"nothing to undo: the node is {state} already and stays so")
        after = "cordoned" if self.closes else "open to new pods"
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=f"{site.given.action} {site.thing}",
            will_run=(site.line(),),
            shown={
                "node": f"{state} → {after}",
                "ready": str(objects.condition(node, "Ready").get("status")),
            },
            guarded=node_guard(node),
            undo=left if is_closed is self.closes else undo,
            risk=scope.risk or "low",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, order: Order) -> Outcome:
        """Change it, unless it is so already."""
        if order.plan.guarded.get("unschedulable") is self.closes:
            return Outcome(verdict="succeeded", effect="none", summary=f"{order.site.thing} is so already")
        await mark(order, closes=self.closes)
        return Outcome(
            verdict="succeeded",
            effect="applied",
            summary=f"{order.site.thing}: {order.site.given.action} done",
        )

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server."""
        await mark(order, closes=self.closes)
        return Outcome(verdict="succeeded", effect="none", summary=f"the cluster would {order.plan.text}")

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """Open or closed."""
        is_closed = is_cordoned(await read_node(site, reader))
        return Seen(
            text=f"{site.thing} is {'cordoned' if is_closed else 'open to new pods'}",
            state={"unschedulable": is_closed},
        )


def node_path(site: Site) -> str:
    """Where the API has the node."""
    return f"/api/v1/nodes/{site.given.node}"


async def read_node(site: Site, reader: ClusterReader) -> JsonObject:
    """The node now; ActionFailed where there is none."""
    node = await reader.get(node_path(site))
    if node is None:
        raise ActionFailed(f"there is no {site.thing} in cluster {site.cluster.name}")
    return node


def is_cordoned(node: JsonObject) -> bool:
    """Whether new pods stay away."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def node_guard(node: JsonObject) -> JsonObject:
    """What a step on a node depends on."""
    return {"uid": objects.uid(node), "unschedulable": is_cordoned(node)}


async def mark(order: Order, *, closes: bool) -> None:
    """Write whether new pods may come; opening removes the mark, as kubectl does."""

    async def write(found: JsonObject, limit_s: float) -> Answer:
        body = {
            "metadata": {"resourceVersion": version(found)},
            "spec": {"unschedulable": True if closes else None},
        }
        return await order.writer.patch(
            node_path(order.site), body, content_type=STRATEGIC, dry_run=order.dry_run, timeout_s=limit_s
        )

    await order.change(node_path(order.site), node_guard, write)
