"""Waiting for something to change in the workspace: woken, timed out, cancelled."""

from __future__ import annotations

import asyncio

import pytest

from bot.sandbox.changes import Changes


async def waiting(changes: Changes) -> asyncio.Task[bool]:
    """Somebody who waits for what never comes."""
    waiter = asyncio.create_task(changes.until(lambda: False, timeout_s=2, what="what never comes"))
    await asyncio.sleep(0)
    return waiter


async def test_a_cancellation_that_comes_with_a_change_is_not_forgotten() -> None:
    changes = Changes()
    waiter = await waiting(changes)
    changes.wake()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_a_change_wakes_whoever_waits_for_it() -> None:
    changes = Changes()
    seen: list[int] = []
    waiter = asyncio.create_task(changes.until(lambda: seen, timeout_s=2))
    await asyncio.sleep(0)
    seen.append(1)
    changes.wake()
    assert await waiter == [1]


async def test_what_does_not_come_is_named() -> None:
    with pytest.raises(TimeoutError, match="for the bot, and it did not come"):
        await Changes().until(lambda: False, timeout_s=0.01, what="the bot")
