"""restart: all pods of a workload deleted and recreated, or (`strategy: rollout`) replaced by a new revision.

Deleting takes all of them away at once: it is what helps when every pod is stuck, and for some seconds nothing
serves. The rollout replaces them as gently as the workload's own strategy says. Neither can be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.actions.base import Outcome, Plan, PlanScope, Seen, Undo
from bot.actions.kubernetes import objects
from bot.actions.kubernetes.order import Order, version
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.waiting import Judged, watch
from bot.actions.kubernetes.workload import (
    Owners,
    Workload,
    owners,
    path,
    pods_path,
    read,
    watch_workload,
    why_not,
)
from bot.clients.kubernetes import Answer, ClusterReader, Listed, State
from bot.clients.kubernetes.writer import STRATEGIC
from bot.errors import ActionError, ActionFailed, ActionRetry, ActionUnknown
from bot.runs.plan import JsonObject

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
AT_ONCE = 20
"""Requests under way at one time; the request rate is kept besides."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of one pod's deletion."""

    pod: JsonObject
    fate: Literal["done", "refused", "lost"]
    words: str = ""


class Restart:
    """Deployments, StatefulSets and DaemonSets. `now` is the time that goes into the annotation."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """Which pods there are to go, and in which way."""
        site = site.of(strategy=site.given.strategy or "delete")
        workload = await read(site, reader)
        rolls = site.given.strategy == "rollout"
        if rolls:
            workload.check_rolls()
        if not workload.wanted:
            raise ActionFailed(f"{site.thing} is asked for no pods, so there is nothing to restart")
        way = (
            "replaced step by step, as its update strategy says"
            if rolls
            else "deleted all at once, then recreated; nothing serves until they are ready"
        )
        return Plan(
            type="kubernetes",
            input=site.given.model_dump(mode="json", exclude_none=True),
            targets=(site.target,),
            text=f"restart {site.thing}",
            will_run=(site.line(selector=workload.selector),),
            shown={"pods": f"{workload.wanted}, {way}", "ready": f"{workload.ready} of {workload.wanted}"},
            guarded=workload.guarded,
            undo=Undo(
                kind="manual",
                text="a restart cannot be taken back; if the new pods are worse, roll the workload back or scale it",
            ),
            risk=scope.risk or "medium",
            timeout_s=scope.timeout_s,
        )

    async def execute(self, order: Order) -> Outcome:
        """Restart, then wait until as many new pods are ready as there shall be."""
        if order.site.given.strategy == "rollout":
            return await self._roll_out(order)
        return await self._delete(order)

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server whether it would take the new revision, or let each pod go."""
        if order.site.given.strategy == "rollout":
            await self._annotate(order)
            return Outcome(verdict="succeeded", effect="none", summary=f"the cluster would {order.plan.text}")
        _, _, pods = await self._pods(order)
        sent = await _each(order, pods)
        kept = [one for one in sent if one.fate != "done"]
        if kept:
            raise ActionFailed(f"the cluster would not delete {_named(kept)}")
        return Outcome(
            verdict="succeeded", effect="none", summary=f"the cluster would delete {len(sent)} pods"
        )

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """How many are ready, and since when the youngest and oldest pod are there."""
        workload = await read(site, reader)
        pods = await reader.collection(pods_path(site), (("labelSelector", workload.selector),))
        made = sorted(str(objects.meta(one).get("creationTimestamp", "")) for one in pods)
        ages = f"; its {len(made)} pods were made between {made[0]} and {made[-1]}" if made else ""
        return Seen(
            text=f"{site.thing}: {workload.state_text}{ages}",
            state={"wanted": workload.wanted, "ready": workload.ready},
        )

    # ------------------------------------------------------------ by a new revision

    async def _roll_out(self, order: Order) -> Outcome:
        answer = await self._annotate(order)
        workload = Workload(kind=order.site.given.workload, raw=answer)
        digest = objects.template_digest(workload.template)
        waited = await watch_workload(
            order.site, order.reader, lambda one: one.rolled(digest), order.patience, order.note
        )
        if waited.ending in ("done", "stopped"):
            return waited.outcome()
        return waited.outcome(why=await why_not(order.site, order.reader, workload.selector))

    async def _annotate(self, order: Order) -> JsonObject:
        site = order.site
        restarted_at = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")

        async def write(found: JsonObject, limit_s: float) -> Answer:
            body = {
                "metadata": {"resourceVersion": version(found)},
                "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}},
            }
            return await order.writer.patch(
                path(site), body, content_type=STRATEGIC, dry_run=order.dry_run, timeout_s=limit_s
            )

        return await order.change(
            path(site), lambda found: Workload(kind=site.given.workload, raw=found).guarded, write
        )

    # ------------------------------------------------------------ by deleting

    async def _pods(self, order: Order) -> tuple[Owners, Listed, list[JsonObject]]:
        """The workload, still as approved, and its pods that are not on their way out already."""
        order.patience.begin()
        workload = await read(order.site, order.reader)
        order.compare(workload.guarded)
        found = await order.reader.listed(pods_path(order.site), (("labelSelector", workload.selector),))
        own = await owners(order.site, order.reader, workload, found.items)
        ours = [one for one in found.items if own.has(one)]
        going = [one for one in ours if not objects.is_ending(one) and not objects.is_finished(one)]
        return own, found, going

    async def _delete(self, order: Order) -> Outcome:
        own, found, pods = await self._pods(order)
        workload = own.workload
        old = {objects.uid(one) for one in pods}
        sent = await _each(order, pods)
        gone = [one for one in sent if one.fate == "done"]
        if any(one.fate == "lost" for one in sent):
            return Outcome(verdict="unknown", effect="unknown", summary=_account(sent), output=_listing(sent))
        if len(gone) < len(sent):
            effect: Literal["partial", "none"] = "partial" if gone else "none"
            return Outcome(verdict="failed", effect=effect, summary=_account(sent), output=_listing(sent))

        def judge(state: State) -> Judged:
            new = [
                pod for key, pod in state.items() if key not in old and objects.is_ready(pod) and own.has(pod)
            ]
            text = f"{len(new)} of {workload.wanted} ready"
            return Judged(text=text, is_done=len(new) >= workload.wanted)

        query = (("labelSelector", workload.selector),)
        waited = await watch(
            order.reader, pods_path(order.site), query, judge, order.patience, order.note, since=found
        )
        why = ""
        if waited.ending == "deadline":
            why = await why_not(order.site, order.reader, workload.selector)
        return waited.outcome(why=why, output=_listing(sent))


async def _each(order: Order, pods: list[JsonObject]) -> list[Sent]:
    """Delete each pod by its uid, several at a time; what came of each."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(pod: JsonObject) -> Sent:
        async def send(limit_s: float) -> Answer:
            return await order.writer.delete(
                objects.pod_path(pod),
                uid=objects.uid(pod),
                grace_period_s=order.site.given.grace_period_seconds,
                dry_run=order.dry_run,
                timeout_s=limit_s,
            )

        async with room:
            try:
                order.patience.begin()
                answer = await order.patiently(send)
            except ActionUnknown as error:
                return Sent(pod=pod, fate="lost", words=error.message)
            except (ActionFailed, ActionRetry) as error:
                return Sent(pod=pod, fate="refused", words=error.message)
        # 404: gone already. 409: the name belongs to another pod by now, so this one is gone, too.
        if answer.is_done or (answer.status in (404, 409) and await _is_gone(order, pod)):
            return Sent(pod=pod, fate="done")
        return Sent(pod=pod, fate="refused", words=answer.said)

    return list(await asyncio.gather(*(one(pod) for pod in pods)))


async def _is_gone(order: Order, pod: JsonObject) -> bool:
    """Whether it is there no more, or on its way out: what says "not found" may stand between us and the cluster."""
    try:
        found = await order.reader.get(objects.pod_path(pod), timeout_s=order.patience.request_s)
    except ActionError:
        return False
    return found is None or objects.uid(found) != objects.uid(pod) or objects.is_ending(found)


def _account(sent: list[Sent]) -> str:
    parts = [f"{sum(one.fate == 'done' for one in sent)} of {len(sent)} pods deleted"]
    if refused := [one for one in sent if one.fate == "refused"]:
        parts.append(f"not deleted: {_named(refused)}")
    if lost := [one for one in sent if one.fate == "lost"]:
        parts.append(f"not known: {_named(lost)}")
    return "; ".join(parts)


def _named(sent: list[Sent]) -> str:
    names = ", ".join(objects.place(one.pod) for one in sent[:5])
    more = f" and {len(sent) - 5} more" if len(sent) > 5 else ""
    return f"{names}{more} ({sent[0].words})"


def _listing(sent: list[Sent]) -> str:
    fates = {"done": "deleted", "refused": "not deleted", "lost": "not known"}
    return "".join(
        f"{fates[one.fate]} {objects.place(one.pod)}{': ' + one.words if one.words else ''}\n" for one in sent
    )
