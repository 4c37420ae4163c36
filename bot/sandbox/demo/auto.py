"""The demo played by itself: break, page, approve as the members would, and believe only the service itself.

Members act through the sandbox's own person interface, which is what the page calls: every click travels to the bot
over a real WebSocket and is checked like anybody's. What is printed is what the thread shows in the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bot.journal.base import HistoryQuery
from bot.sandbox.demo import acme
from bot.sandbox.demo.world import World
from bot.sandbox.protocol import Json
from bot.slack import ids
from bot.slack.transcript import transcript

WITHIN_S = 45.0
LOOK_EVERY_S = 0.02
APPROVERS = (acme.ALICE, acme.BOB)
"""Who approves, in this order, until the step goes ahead."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """How it ended. `trouble` is "" when the service is healed."""

    transcript: str
    trouble: str
    took_s: float

    @property
    def is_healed(self) -> bool:
        """Whether the service answers again."""
        return not self.trouble


@dataclass(frozen=True, kw_only=True)
class _Click:
    """One Approve button, as it stands."""

    ts: str
    value: str


async def play(world: World, *, within_s: float = WITHIN_S) -> Played:
    """Break the service of a started world and heal it through the thread."""
    began = time.monotonic()
    trouble = ""
    try:
        async with asyncio.timeout(within_s):
            await world.break_payments()
            broken = await world.watch.look("/health")
            if broken.is_good:
                trouble = "the service did not break, so there was nothing to heal"
            else:
                await _approve_to_the_end(world)
                trouble = await _judge(world)
    except TimeoutError:
        trouble = f"it was not over after {within_s:g} s; the thread stands as it is above"
    return Played(transcript=told(world), trouble=trouble, took_s=time.monotonic() - began)


async def _approve_to_the_end(world: World) -> None:
    """Click every Approve as Alice, then as Bob where one is not enough, until the run has ended and all is said."""
    clicked: dict[str, int] = {}
    while True:
        for click in _open_approvals(world):
            place = clicked.get(click.value, 0)
            if place < len(APPROVERS):
                clicked[click.value] = place + 1
                await world.slack.user(APPROVERS[place]).click(acme.INCIDENTS, click.ts, ids.APPROVE)
                await world.slack.quiet()
        journal = world.app.journal
        is_over = await journal.runs(HistoryQuery()) and not await journal.runs(HistoryQuery(open_only=True))
        if is_over and world.app.courier.is_idle:
            return
        await asyncio.sleep(LOOK_EVERY_S)


def _open_approvals(world: World) -> Iterator[_Click]:
    for message in world.slack.messages(acme.INCIDENTS):
        for element in _elements(message):
            if element.get("action_id") == ids.APPROVE:
                yield _Click(ts=message["ts"], value=element["value"])


def _elements(message: Json) -> Iterator[Json]:
    for block in message.get("blocks", ()):
        yield from block.get("elements", ())


async def _judge(world: World) -> str:
    """What is still wrong, by asking the service and not the thread; waits for PagerDuty's end when it is healed."""
    health, payment = await world.watch.look("/health"), await world.watch.look("/pay")
    if not (health.is_good and payment.is_good):
        wrong = health if not health.is_good else payment
        runs = await world.app.journal.runs(HistoryQuery())
        ended = ", ".join(f"{run.runbook} {run.status}" for run in runs)
        return f"the service is still broken: {wrong.status} {wrong.words} (runs: {ended})"
    world.watch.now()
    while True:
        if world.pagerduty.open is None and await _is_told(world):
            return ""
        await asyncio.sleep(LOOK_EVERY_S)


async def _is_told(world: World) -> bool:
    """Whether every incident has ended and the thread says so."""
    incidents = await world.app.journal.incidents()
    unheard = await world.app.journal.unanswered()
    return not unheard and all(one.status == "resolved" for one in incidents) and world.app.courier.is_idle


def told(world: World) -> str:
    """What the channels show as text, thread by thread."""
    return "\n".join(part for channel in (acme.INCIDENTS, acme.PAYMENTS) for part in _channel(world, channel))


def _channel(world: World, channel: str) -> Iterator[str]:
    names = acme.names()
    for root in world.slack.messages(channel):
        if root.get("thread_ts") not in (None, root["ts"]):
            continue
        thread = world.slack.thread(channel, root["ts"])
        yield f"──── #{names[channel]} ────\n\n{transcript(thread, names=names)}"
