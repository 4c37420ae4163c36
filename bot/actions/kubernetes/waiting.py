"""Waiting for an effect: until it is seen, until the step's time is up, until somebody wants it ended.

A write that was confirmed stays done however the waiting ends, so nothing in here raises for a cluster that cannot
be read for a while: it is asked again, and if the time ends first, the outcome says how far it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from bot.actions.base import Effect, Outcome
from bot.clients.kubernetes import ClusterReader, Listed, State
from bot.errors import ActionError, ActionFailed

Ending = Literal["done", "broken", "deadline", "stopped"]
LAST_LOOK_S = 3.0
SHORTEST_REQUEST_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the cluster shows: how far it is, in words; `broken` where it will not get any further."""

    text: str
    is_done: bool = False
    broken: str = ""


@dataclass(frozen=True, kw_only=True)
class Waited:
    """How the waiting ended, and the last that was seen."""

    ending: Ending
    seen: Judged

    def outcome(self, *, effect: Effect = "applied", why: str = "", output: str = "") -> Outcome:
        """What it means for a step whose write was confirmed. `why` is the cluster's own reason, where it told one."""
        because = f" ({why})" if why else ""
        match self.ending:
            case "done":
                return Outcome(
                    verdict="succeeded",
                    effect=effect,
                    summary=self.seen.text,
                    output=output or self.seen.text,  # what a later step may quote
                )
            case "broken":
                summary = f"{self.seen.broken}; {self.seen.text}"
            case "deadline":
                summary = f"{self.seen.text} when the time was up{because}"
            case "stopped":
                summary = f"no longer waited for: {self.seen.text}; what was changed stays changed"
        return Outcome(verdict="failed", effect=effect, summary=summary, output=output)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a step may go on: its deadline on the event loop's clock, and the wish to end it."""

    ends_at: float
    stop: asyncio.Event

    @classmethod
    def of(cls, timeout_s: float, stop: asyncio.Event) -> Patience:
        """From now on."""
        return cls(ends_at=asyncio.get_running_loop().time() + timeout_s, stop=stop)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, never below zero."""
        return max(0.0, self.ends_at - asyncio.get_running_loop().time())

    @property
    def request_s(self) -> float:
        """How long a request may take that is begun now: cut shorter, it would only make its outcome unknown."""
        return max(self.left_s, SHORTEST_REQUEST_S)

    @property
    def is_over(self) -> bool:
        """Whether nothing new should be begun."""
        return self.stop.is_set() or self.left_s == 0

    def begin(self) -> None:
        """Raises ActionFailed (effect none) where the step was over before its first request."""
        if self.is_over:
            by = "stopped by request" if self.stop.is_set() else "the step's time was up"
            raise ActionFailed(f"{by} before anything was sent", effect="none")

    async def give(self, work: Coroutine[Any, Any, None]) -> Literal["done", "deadline", "stopped"]:
        """Let `work` go on until it ends, or cancel it when there is no patience left; raises what it raises."""
        working = asyncio.create_task(work, name="kubernetes-wait")
        stopping = asyncio.create_task(self.stop.wait(), name="kubernetes-stop")
        try:
            await asyncio.wait((working, stopping), timeout=self.left_s, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return "done"
            return "stopped" if self.stop.is_set() else "deadline"
        finally:
            for one in (working, stopping):
                one.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def pause(self, seconds: float) -> None:
        """Sleep, but no longer than there is patience."""
        await self.give(asyncio.sleep(seconds))


async def watch(
    reader: ClusterReader,
    path: str,
    query: tuple[tuple[str, str], ...],
    judge: Callable[[State], Judged],
    patience: Patience,
    note: Callable[[str], None],
    *,
    since: Listed | None = None,
) -> Waited:
    """Watch a collection until `judge` is satisfied or says it is broken; notes how far it is as it goes.

    After the deadline it looks once more: what got ready while nobody was told still counts.
    """
    seen = Judged(text="nothing was seen yet")

    async def look() -> None:
        nonlocal seen
        async with aclosing(reader.follow(path, query, since=since)) as states:
            async for state in states:
                seen = judge(state)
                note(seen.text)
                if seen.is_done or seen.broken:
                    return

    try:
        ending = await patience.give(look())
        if ending == "deadline":
            found = await reader.collection(path, query, timeout_s=LAST_LOOK_S)
            seen = judge({one["metadata"]["uid"]: one for one in found})
    except ActionError as error:
        return Waited(
            ending="broken",
            seen=Judged(text=seen.text, broken=f"cannot be watched any more: {error.message}"),
        )
    if seen.is_done:
        return Waited(ending="done", seen=seen)
    return Waited(ending="broken" if seen.broken else ending, seen=seen)
