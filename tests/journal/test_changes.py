"""Telling subscribers that streams moved, without ever waiting for them."""

from __future__ import annotations

import asyncio
import gc

import pytest

from bot.journal.changes import Changes


async def test_names_gather_once_each_while_a_subscriber_is_busy() -> None:
    changes = Changes()
    subscription = changes.subscribe()
    for number in range(10_000):
        changes.announce([f"run-{number % 3}"])
    assert await anext(subscription) == ("run-0", "run-1", "run-2")
    changes.announce(["run-1"])
    assert await anext(subscription) == ("run-1",)


async def test_a_waiting_subscriber_wakes() -> None:
    changes = Changes()
    subscription = changes.subscribe()
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    assert not waiting.done()
    changes.announce(["run-1"])
    assert await waiting == ("run-1",)


async def test_a_subscriber_cancelled_while_waiting_misses_nothing() -> None:
    changes = Changes()
    subscription = changes.subscribe()
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    changes.announce(["run-1"])
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await anext(subscription) == ("run-1",)


async def test_a_subscriber_nobody_holds_is_forgotten() -> None:
    changes = Changes()
    subscription = changes.subscribe()
    kept = changes.subscribe()
    del subscription
    gc.collect()
    assert len(changes._subscriptions) == 1
    changes.announce(["run-1"])
    assert await anext(kept) == ("run-1",)


async def test_closing_ends_those_who_wait_and_those_who_come_later() -> None:
    changes = Changes()
    waiting = asyncio.ensure_future(anext(changes.subscribe()))
    await asyncio.sleep(0)
    changes.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [names async for names in changes.subscribe()] == []
