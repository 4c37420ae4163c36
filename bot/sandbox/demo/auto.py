"""The demo played by itself: break, page, approve as the members would, and believe only the services themselves.

Three acts, each healed before the next begins: payments on its host, then payment-api in its cluster, overloaded and
deployed badly. Members act through the sandbox's own person interface, which is what the page calls: every click
travels to the bot over a real WebSocket and is checked like anybody's. What is printed is what the threads show in the
end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bot.intake.signal import ANOMALY, SCHEDULE
from bot.journal.base import HistoryQuery
from bot.sandbox.demo import acme
from bot.sandbox.demo.watch import SLOW_S, Look, Watch
from bot.sandbox.demo.world import World
from bot.sandbox.protocol import Json
from bot.slack import ids
from bot.slack.transcript import transcript

WITHIN_S = 45.0
"""All of it."""
LOOK_EVERY_S = 0.02
LOOKS_AT_MOST = 5
APPROVERS = (acme.ALICE, acme.BOB)
"""Who approves, in this order, until the step goes ahead."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One thing that breaks: how, and who sees it."""

    name: str
    breaks: Callable[[], Awaitable[None]]
    watch: Watch


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How one act ended. `trouble` is "" when its service is healed."""

    name: str
    trouble: str
    took_s: float

    @property
    def told(self) -> str:
        """As one line for whoever started it."""
        if self.trouble:
            return f"{self.name}: not healed: {self.trouble}"
        return f"{self.name}: healed, the service answers 200 again {self.took_s:.1f} s after it broke"


@dataclass(frozen=True, kw_only=True)
class Played:
    """All acts that were played; the first that does not heal is the last."""

    transcript: str
    acts: tuple[Ended, ...]

    @property
    def is_healed(self) -> bool:
        """Whether every service answers again."""
        return not any(act.trouble for act in self.acts)


def acts(world: World) -> tuple[Act, ...]:
    """What happens, in this order."""
    return (
        Act(name="payments, broken", breaks=world.break_payments, watch=world.watch),
        Act(name="payment-api, overloaded", breaks=world.overload_payment_api, watch=world.api_watch),
        Act(name="payment-api, deployed badly", breaks=world.deploy_badly, watch=world.api_watch),
    )


@dataclass(frozen=True, kw_only=True)
class _Click:
    """One Approve button, as it stands."""

    ts: str
    value: str


async def play(world: World, *, within_s: float = WITHIN_S) -> Played:
    """Break the services of a started world one after the other and heal each through its thread."""
    ends_at = time.monotonic() + within_s
    ended: list[Ended] = []
    for act in acts(world):
        began = time.monotonic()
        try:
            async with asyncio.timeout(ends_at - began):
                trouble = await _play(world, act)
        except TimeoutError:
            trouble = f"it was not over after {within_s:g} s; the thread stands as it is above"
        ended.append(Ended(name=act.name, trouble=trouble, took_s=time.monotonic() - began))
        if trouble:
            break
    return Played(transcript=told(world), acts=tuple(ended))


async def _play(world: World, act: Act) -> str:
    """One act; what is still wrong at its end."""
    runs_before = len(await world.app.journal.runs(HistoryQuery()))
    await act.breaks()
    await _until_broken(act.watch)
    await _approve_to_the_end(world, runs_before=runs_before)
    return await _judge(world, act.watch)


async def _until_broken(watch: Watch) -> None:
    """A rollout takes its time to do harm."""
    while True:
        if not (await watch.look("/health")).is_good:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _approve_to_the_end(world: World, *, runs_before: int) -> None:
    """Click every Approve as Alice, then as Bob where one is not enough, until a run has ended and all is said."""
    clicked: dict[str, int] = {}
    while True:
        for click in _open_approvals(world):
            place = clicked.get(click.value, 0)
            if place < len(APPROVERS):
                clicked[click.value] = place + 1
                await world.slack.user(APPROVERS[place]).click(acme.INCIDENTS, click.ts, ids.APPROVE)
                await world.slack.quiet()
        journal = world.app.journal
        has_run = len(await journal.runs(HistoryQuery())) > runs_before
        if has_run and not await journal.runs(HistoryQuery(open_only=True)) and world.app.courier.is_idle:
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


async def _judge(world: World, watch: Watch) -> str:
    """What is still wrong, by asking the service and not the thread; waits for PagerDuty's end when it is healed."""
    wrong = await _complaint(watch)
    if wrong is not None:
        runs = await world.app.journal.runs(HistoryQuery())
        ended = ", ".join(f"{run.runbook} {run.status}" for run in runs)
        return f"the service is still broken: {wrong.status} {wrong.words} (runs: {ended})"
    watch.now()
    while True:
        is_paged = world.pagerduty.open or world.api_pagerduty.open
        if not is_paged and await _is_told(world):
            return ""
        await asyncio.sleep(LOOK_EVERY_S)


async def _complaint(watch: Watch) -> Look | None:
    """What customers are not content with; None where the service answers well and, at least once, at once.

    A busy machine makes some answers late, a service that has too much to do all of them.
    """
    health = await watch.look("/health")
    if not health.is_good:
        return health
    for _ in range(LOOKS_AT_MOST):
        customer = await watch.look()
        if not customer.is_good:
            return customer
        if customer.took_s < SLOW_S:
            return None
    return customer


async def _is_told(world: World) -> bool:
    """Whether every page has ended and the threads say so; nobody resolves an anomaly, or what a schedule opened."""
    incidents = await world.app.journal.incidents()
    paged = [one for one in incidents if not one.origins[0].startswith((f"{ANOMALY}:", f"{SCHEDULE}:"))]
    unheard = await world.app.journal.unanswered()
    is_idle = world.app.courier.is_idle and (world.app.pager is None or world.app.pager.is_idle)
    return not unheard and all(one.status == "resolved" for one in paged) and is_idle


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
