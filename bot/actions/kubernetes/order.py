"""An order: an approved plan on its way to the cluster, and the few ways in which verbs write.

Only the approved state is changed. Right before a write the object is read again and its guarded part compared with
the plan's; the write then carries the resourceVersion that was read, so that whatever changes in between makes the
server refuse (409). Such a refusal means "not done", so it is read and compared anew; only a state that is still the
approved one is written to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.actions.base import Plan
from bot.actions.kubernetes.objects import meta
from bot.actions.kubernetes.site import Site
from bot.actions.kubernetes.waiting import Patience
from bot.clients.kubernetes import Answer, ClusterReader, ClusterWriter
from bot.errors import ActionFailed, ActionRetry
from bot.runs.plan import JsonObject

CONFLICTS = 5
OVERLOAD_PAUSE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a verb gets to execute, or to try in a dry run."""

    site: Site
    plan: Plan
    reader: ClusterReader
    writer: ClusterWriter
    patience: Patience
    note: Callable[[str], None]
    dry_run: bool = False

    async def change(
        self,
        path: str,
        guarded: Callable[[JsonObject], Mapping[str, Any]],
        write: Callable[[JsonObject, float], Awaitable[Answer]],
    ) -> JsonObject:
        """Read the object at `path`, hold it against the plan, write, and return the server's answer.

        `guarded` makes the comparable part of what is read (keys the plan guards besides are not compared); `write`
        gets the object and a time limit. Raises ActionFailed or ActionRetry (effect none), or ActionUnknown.
        """
        refused: tuple[str, Answer] | None = None
        for _ in range(CONFLICTS):
            self.patience.begin()
            found = await self.reader.get(path, timeout_s=self.patience.request_s)
            self.compare(guarded(found) if found is not None else {})
            assert found is not None  # an object that is gone does not compare
            if refused is not None and refused[1].status == 422 and refused[0] == version(found):
                raise refusal(refused[1], self.site.thing)

            async def once(limit_s: float, found: JsonObject = found) -> Answer:
                return await write(found, limit_s)

            answer = await self.patiently(once)
            if answer.is_done:
                return answer.body
            # A failed test of a JSON patch is told as 422, like an object that is not valid: what it was shows
            # in whether the object is another one by now.
            if answer.status not in (409, 422):
                raise refusal(answer, self.site.thing)
            refused = (version(found), answer)
        raise ActionRetry(
            f"{self.site.thing} kept changing while it was to be written; nothing was done",
            hint="try again; something else is writing to it all the time",
        )

    async def patiently(self, send: Callable[[float], Awaitable[Answer]]) -> Answer:
        """Send again for as long as the server is too busy (429: it did nothing) and there is time."""
        while True:
            answer = await send(self.patience.request_s)
            if answer.status != 429:
                return answer
            await self.patience.pause(answer.retry_after_s or OVERLOAD_PAUSE_S)
            if self.patience.is_over:
                raise ActionRetry(f"{self.site.cluster.name} is too busy: {answer.said}; nothing was done")

    def compare(self, found: Mapping[str, Any]) -> None:
        """Raises ActionFailed (effect none) where the state found is not the one the plan guards."""
        if not found:
            raise ActionFailed(f"{self.site.thing} is gone; nothing was sent")
        changed = [
            f"{name} is {value!r}, approved was {self.plan.guarded[name]!r}"
            for name, value in found.items()
            if name in self.plan.guarded and self.plan.guarded[name] != value
        ]
        if changed:
            raise ActionFailed(
                f"{self.site.thing} changed since it was approved: {'; '.join(changed)}; nothing was sent",
                hint="propose the step again",
            )


def refusal(answer: Answer, thing: str) -> ActionFailed:
    """A 4xx as the reason it failed, in the server's own words; nothing was done."""
    hint = ""
    if answer.status == 403 and "forbidden: User" in answer.said:
        hint = "`runbookctl rbac` prints what the bot must be allowed"
    return ActionFailed(f"{thing}: the cluster refused: {answer.said}", effect="none", hint=hint)


def version(item: JsonObject) -> str:
    """The resourceVersion a write is bound to."""
    return str(meta(item)["resourceVersion"])
