"""A demo to test: everything of it, fast, in a folder of the test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.sandbox.demo.acme import INCIDENTS
from bot.sandbox.demo.folder import Folder
from bot.sandbox.demo.payment_api import PaymentApi
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.world import World
from bot.sandbox.protocol import Json
from tests.fakes.patience import PATIENCE_S


@asynccontextmanager
async def open_world(
    folder: Path, *, pace_s: float = 0.01, ready_after_s: float = 0.02, relapses: bool = False
) -> AsyncIterator[World]:
    """A started demo."""
    world = World(
        Folder.make(folder),
        payments=Payments(pace_s=pace_s),
        payment_api=PaymentApi(ready_after_s=ready_after_s, relapses=relapses),
        watch_every_s=0.1,
    )
    await world.start()
    try:
        yield world
    finally:
        await world.stop()


def button(world: World, action_id: str, *, block: str = "") -> tuple[str, str] | None:
    """Message and block of the newest element with this action id in #incidents, None where there is none."""
    for message in reversed(world.slack.messages(INCIDENTS)):
        for one in message.get("blocks", ()):
            elements = [*one.get("elements", ()), *filter(None, [one.get("accessory")])]
            if any(element.get("action_id") == action_id for element in elements):
                return message["ts"], one["block_id"]
    return None


async def press(world: World, user: str, action_id: str, *, choice: str | None = None) -> None:
    """Use the newest such element, once there is one."""
    found = await world.slack.until(lambda: button(world, action_id), what=f"something to {action_id}")
    assert found is not None
    await world.slack.user(user).click(INCIDENTS, found[0], action_id, found[1], choice=choice)
    await world.slack.quiet()


async def text_says(world: World, words: str, *, timeout_s: float = PATIENCE_S) -> Json:
    """The first message of #incidents with these words, once there is one."""

    def find() -> Json | None:
        return next(
            (one for one in world.slack.messages(INCIDENTS) if words in json.dumps(one, ensure_ascii=False)),
            None,
        )

    found = await world.slack.until(find, timeout_s=timeout_s, what=f"a message with {words!r}")
    assert found is not None
    return found
