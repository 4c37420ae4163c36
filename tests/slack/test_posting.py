"""How a running step speaks: once per key, and honest when the answer was lost."""

from __future__ import annotations

import pytest

from bot.errors import ActionUnknown
from bot.sandbox.server import Sandbox
from bot.slack.calls import SlackTrouble
from bot.slack.gateway import Gateway
from bot.slack.posting import StepPosts
from tests.slack.desk import CHANNEL, HandClock


async def test_the_same_key_is_said_once_also_by_a_fresh_process(
    slack: Sandbox, gateway: Gateway, clock: HandClock
) -> None:
    first = await StepPosts(gateway, clock=clock)(CHANNEL, "", "scaled to 5", "p-1")
    again = await StepPosts(gateway, clock=clock)(CHANNEL, "", "scaled to 5", "p-1")
    assert first == again
    assert first.startswith(slack.page_url)
    assert [one["text"] for one in slack.messages(CHANNEL)] == ["scaled to 5"]


async def test_another_key_is_another_message(slack: Sandbox, gateway: Gateway, clock: HandClock) -> None:
    posts = StepPosts(gateway, clock=clock)
    await posts("#incidents", "", "one", "p-1")
    await posts("#incidents", "", "two", "p-2")
    assert len(slack.messages(CHANNEL)) == 2


async def test_an_answer_that_was_lost_is_found_in_the_thread(
    slack: Sandbox, gateway: Gateway, clock: HandClock
) -> None:
    root = await gateway.post(CHANNEL, text="root")
    slack.faults.lose_answer("chat.postMessage")
    assert await StepPosts(gateway, clock=clock)(CHANNEL, root.ts, "scaled to 5", "p-1")
    assert len(slack.thread(CHANNEL, root.ts)) == 2


async def test_an_answer_that_was_lost_and_not_found_is_unknown(
    slack: Sandbox, gateway: Gateway, clock: HandClock
) -> None:
    slack.faults.lose_call("chat.postMessage")
    with pytest.raises(ActionUnknown):
        await StepPosts(gateway, clock=clock)(CHANNEL, "", "scaled to 5", "p-1")


async def test_slacks_no_means_nothing_was_posted(slack: Sandbox, gateway: Gateway, clock: HandClock) -> None:
    slack.faults.error("chat.postMessage", "is_archived")
    with pytest.raises(SlackTrouble, match="is_archived"):
        await StepPosts(gateway, clock=clock)(CHANNEL, "", "scaled to 5", "p-1")
    with pytest.raises(SlackTrouble, match="no channel '#nowhere'"):
        await StepPosts(gateway, clock=clock)("#nowhere", "", "scaled to 5", "p-1")
