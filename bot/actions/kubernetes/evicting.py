"""One drain under way: every pod's fate, from the first request until nothing of it is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from bot.actions.base import Outcome
from bot.actions.kubernetes import objects
from bot.actions.kubernetes.order import Order
from bot.actions.kubernetes.residents import Residents, loss_of
from bot.actions.kubernetes.site import Site
from bot.clients.kubernetes import Answer
from bot.errors import ActionError, ActionUnknown
from bot.runs.plan import JsonObject

AT_ONCE = 20
BUDGET_PAUSE_S = 1.0
"""Between two questions to a budget where the server names no time; kubectl waits five seconds."""
LONGEST_BUDGET_PAUSE_S = 5.0
GONE_PAUSE_S = 0.2
OUTPUT_PODS = 500

Fate = Literal["waits", "ends", "gone", "kept", "lost"]


@dataclass(kw_only=True)
class Evicting:
    """One drain under way: the fate of every pod, by uid."""

    order: Order
    pods: dict[str, JsonObject]
    fates: dict[str, Fate] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _blind: str = ""

    @classmethod
    def of(cls, order: Order, residents: Residents) -> Evicting:
        """The pods to go, each with its first fate; a loss that was not approved keeps its pod where it is."""
        made = cls(order=order, pods={objects.uid(pod): pod for pod in residents.leaves})
        approved = {*order.plan.guarded["lost for good"], *order.plan.guarded["emptyDir data lost"], ""}
        for uid, pod in made.pods.items():
            loss = loss_of(pod)
            made.fates[uid] = "ends" if objects.is_ending(pod) else "waits"
            if not {loss.bare, loss.data} <= approved:
                made.fates[uid] = "kept"
                made.words[uid] = "it came after the approval, and something would be lost for good with it"
        return made

    async def finish(self) -> str:
        """Evict all and wait until all are gone; "" or why it ended before.

        Requests under way are never cut off by a stop or the deadline: nobody would know what came of them.
        """
        self._tell()
        watching = asyncio.create_task(self._watch(), name="drain-watch")
        try:
            await asyncio.gather(*(self._evict(uid) for uid, fate in self.fates.items() if fate == "waits"))
            await self.order.patience.give(self._until_gone())
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if not {"waits", "ends"} & set(self.fates.values()):
            return ""
        if self.order.patience.stop.is_set():
            return "stopped by request"
        return self._blind or "the time was up"

    def outcome(self, trouble: str, *, has_cordoned: bool) -> Outcome:
        """What came of it: every pod is told by name, evicted or not."""
        fates = Counter(self.fates.values())
        summary = f"{fates['gone']} of {len(self.pods)} pods gone"
        parts = [
            summary,
            f"{fates['ends']} evicted and still ending" if fates["ends"] else "",
            f"{fates['waits'] + fates['kept']} not evicted" if fates["waits"] + fates["kept"] else "",
            f"{fates['lost']} not known" if fates["lost"] else "",
            trouble,
            self._reason(),
        ]
        summary = "; ".join(part for part in parts if part)
        output = self._listing()
        if fates["lost"]:
            return Outcome(verdict="unknown", effect="unknown", summary=summary, output=output)
        if fates["gone"] == len(self.pods):
            effect: Literal["applied", "none"] = "applied" if has_cordoned or self.pods else "none"
            return Outcome(verdict="succeeded", effect=effect, summary=summary, output=output)
        has_effect = has_cordoned or fates["gone"] + fates["ends"] > 0
        return Outcome(
            verdict="failed", effect="partial" if has_effect else "none", summary=summary, output=output
        )

    async def ask(self, uid: str) -> Answer:
        """One eviction request; the answer as it is."""
        pod = self.pods[uid]
        async with self._room:
            return await self.order.writer.evict(
                objects.pod_path(pod),
                namespace=str(objects.meta(pod).get("namespace")),
                name=str(objects.meta(pod).get("name")),
                uid=uid,
                grace_period_s=self.order.site.given.grace_period_seconds,
                dry_run=self.order.dry_run,
                timeout_s=self.order.patience.request_s,
            )

    # ------------------------------------------------------------ under way

    async def _evict(self, uid: str) -> None:
        """Ask until it is let go, refused, gone by itself, or the step is over. A lost answer is not asked again."""
        while self.fates[uid] == "waits" and not self.order.patience.is_over:
            try:
                answer = await self.ask(uid)
            except ActionUnknown as error:
                self._set(uid, "lost", error.message)
                return
            except ActionError as error:
                self._set(uid, "kept", error.message)
                return
            if answer.is_done:
                self._set(uid, "ends")
            elif answer.status in (404, 409):
                # Gone, or (409) its name belongs to another pod by now. The watch has the last word on that.
                await self.order.patience.pause(GONE_PAUSE_S)
            elif answer.status == 429:
                self.words[uid] = answer.said
                self._tell()
                pause_s = min(answer.retry_after_s or BUDGET_PAUSE_S, LONGEST_BUDGET_PAUSE_S)
                await self.order.patience.pause(pause_s)
            else:
                self._set(uid, "kept", answer.said)

    async def _until_gone(self) -> None:
        while "ends" in self.fates.values() and not self._blind:
            self._moved.clear()
            await self._moved.wait()

    async def _watch(self) -> None:
        query = on_node(self.order.site)
        try:
            async with aclosing(self.order.reader.follow("/api/v1/pods", query)) as states:
                async for state in states:
                    for uid in self.pods:
                        if uid not in state:
                            self._set(uid, "gone")
        except ActionError as error:
            self._blind = f"the pods cannot be watched any more: {error.message}"
            self._moved.set()

    def _set(self, uid: str, fate: Fate, words: str = "") -> None:
        # A pod that is gone is gone, whatever a late answer about it says.
        if self.fates[uid] in ("gone", fate):
            return
        self.fates[uid] = fate
        self.words[uid] = words
        self._moved.set()
        self._tell()

    def _tell(self) -> None:
        fates = Counter(self.fates.values())
        held = sum(fate == "waits" and bool(self.words.get(uid)) for uid, fate in self.fates.items())
        waiting = f", {held} held back by a disruption budget" if held else ""
        self.order.note(f"{fates['gone']} of {len(self.pods)} pods gone{waiting}")

    def _reason(self) -> str:
        told = (self.words.get(uid) for uid, fate in self.fates.items() if fate not in ("gone", "ends"))
        return next(filter(None, told), "")

    def _listing(self) -> str:
        said = {
            "gone": "evicted",
            "ends": "evicted, still ending",
            "waits": "not evicted",
            "kept": "not evicted",
            "lost": "not known",
        }
        lines = [
            f"{said[fate]} {objects.place(self.pods[uid])}"
            + (f": {self.words[uid]}" if self.words.get(uid) and fate != "gone" else "")
            for uid, fate in self.fates.items()
        ]
        more = f"… and {len(lines) - OUTPUT_PODS} more\n" if len(lines) > OUTPUT_PODS else ""
        return "".join(f"{line}\n" for line in lines[:OUTPUT_PODS]) + more


def on_node(site: Site) -> tuple[tuple[str, str], ...]:
    """The query for the pods of a node."""
    return (("fieldSelector", f"spec.nodeName={site.given.node}"),)
