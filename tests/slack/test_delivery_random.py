"""Whatever goes wrong on the way, in any order and with restarts between: once Slack is well, all is said, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from bot.runs.plan import Artifact
from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox
from bot.slack.message import Message
from bot.slack.reconciling import Reconciler
from tests.slack.desk import CHANNEL, Desk, HandClock, root, says


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[Sandbox]:
    """A Slack whose time is ours."""
    theirs = ManualClock(start=clock.now().timestamp())
    async with Sandbox(clock=theirs, share_delay_s=3) as sandbox:
        yield sandbox


def _pass(desk: Desk, seconds: float) -> None:
    desk.clock.pass_(seconds)
    theirs = desk.slack.workspace.clock
    assert isinstance(theirs, ManualClock)
    theirs.advance(seconds)


METHODS = ("chat.postMessage", "chat.update", "files.completeUploadExternal", "conversations.replies", "*")


def _script(chance: random.Random, length: int) -> list[Message]:
    lines = [root("line 0.")]
    for n in range(1, length):
        if chance.random() < 0.15:
            file = Artifact(name=f"{n}.txt", media_type="text/plain", body=b"x")
            lines.append(says(f"k{n}", f"line {n}.", files=(file,)))
        else:
            lines.append(says(f"k{n}", f"line {n}.", live=chance.random() < 0.3))
    return lines


def _break_something(chance: random.Random, desk: Desk) -> None:
    method, faults = chance.choice(METHODS), desk.slack.faults
    match chance.randrange(6):
        case 0:
            faults.lose_answer(method)
        case 1:
            faults.lose_call(method)
        case 2:
            faults.fail(method, status=chance.choice((500, 503)))
        case 3:
            faults.rate_limit(method, retry_after_s=chance.randrange(1, 20))
        case 4:
            faults.error(method, chance.choice(("internal_error", "not_in_channel")))
        case _:
            return


async def _killed_in_the_middle(desk: Desk, here: Reconciler) -> None:
    """The process ends while Slack has done what it was asked and has not answered yet."""
    hold = desk.slack.faults.hold_answer("chat.postMessage")
    going = asyncio.create_task(here.reconcile())
    reached = asyncio.create_task(hold.reached.wait())
    await asyncio.wait({going, reached}, return_when=asyncio.FIRST_COMPLETED)
    going.cancel()
    reached.cancel()
    await asyncio.gather(going, reached, return_exceptions=True)
    hold.release()
    desk.slack.faults.clear()


@pytest.mark.parametrize("seed", range(25))
async def test_everything_is_said_exactly_once_and_in_order(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    whole = _script(chance, 12)
    await desk.open()
    here = desk.reconciler()
    shown = 1
    for _ in range(30):
        shown = min(len(whole), shown + chance.randrange(3))
        desk.script = whole[:shown]
        if chance.random() < 0.6:
            _break_something(chance, desk)
        if chance.random() < 0.15:
            await _killed_in_the_middle(desk, here)
            here = desk.reconciler()
        else:
            await here.reconcile()
        if chance.random() < 0.2:
            here = desk.reconciler()
        _pass(desk, chance.choice((0.2, 1, 3, 20, 61)))
    desk.slack.faults.clear()
    desk.script = whole
    for _ in range(20):
        if await here.reconcile() is None:
            break
        _pass(desk, 61)
    _pass(desk, 5)
    files = {message.text for message in whole if message.is_file}
    said = desk.texts()
    assert sorted(said) == sorted(message.text for message in whole)
    assert [one for one in said if one not in files] == [one.text for one in whole if not one.is_file]
    assert desk.slack.messages(CHANNEL)[0]["text"] == "line 0."
