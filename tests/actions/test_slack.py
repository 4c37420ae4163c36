"""Slack steps: where a message goes, and that it goes once."""

from __future__ import annotations

import pytest

from bot.actions.base import Plan
from bot.actions.slack import SlackAction
from bot.errors import ActionRetry, ActionUnknown, BadInput, DeliveryError
from tests.fakes.actions import Bench, Told, short


async def planned(bench: Bench, message: str = "done", channel: str = "", **scope: object) -> Plan:
    action = SlackAction(bench.tools)
    return await action.plan(
        action.Input.model_validate({"message": message, "channel": channel}), bench.scope(**scope)
    )


async def test_a_message_without_a_channel_goes_into_the_incidents_thread() -> None:
    bench = Bench()
    plan = await planned(bench)
    await SlackAction(bench.tools).execute(plan, Told())
    assert list(bench.posts.by_key.values()) == [("C0INCIDENT", "1700000000.000100", "done")]
    assert plan.text == "post a message in this thread"


async def test_a_named_channel_gets_it_outside_the_thread() -> None:
    bench = Bench()
    await SlackAction(bench.tools).execute(await planned(bench, channel="#ops"), Told())
    assert list(bench.posts.by_key.values()) == [("#ops", "", "done")]


async def test_a_message_with_no_place_to_go_is_refused() -> None:
    bench = Bench()
    action = SlackAction(bench.tools)
    given = action.Input.model_validate({"message": "x"})
    with pytest.raises(BadInput, match="no channel"):
        await action.plan(given, bench.scope(channel="", thread_ts=""))


async def test_the_same_step_of_a_run_posts_once_however_often_it_is_tried() -> None:
    bench = Bench()
    for _ in range(2):
        await SlackAction(bench.tools).execute(await planned(bench), Told())
    assert len(bench.posts.by_key) == 1


async def test_two_steps_that_say_the_same_are_two_messages() -> None:
    bench = Bench()
    for key in ("run-1/steps/0", "run-1/steps/1", "run-2/steps/0"):
        await SlackAction(bench.tools).execute(await planned(bench, key=key), Told())
    assert len(bench.posts.by_key) == 3


async def test_slack_down_is_not_done_and_silence_is_unknown() -> None:
    bench = Bench()
    bench.posts.error = DeliveryError("slack is down")
    with pytest.raises(ActionRetry, match="was not posted"):
        await SlackAction(bench.tools).execute(await planned(bench), Told())
    bench.posts.error = TimeoutError()
    with pytest.raises(ActionUnknown, match="whether the message was posted"):
        await SlackAction(bench.tools).execute(short(await planned(bench), 0.1), Told())


async def test_in_the_incidents_own_thread_it_is_said_by_being_done() -> None:
    bench = Bench()
    bench.posts.error = DeliveryError("slack is down")
    plan = await planned(bench, thread_ts="incident:0a1b2c3d")
    outcome = await SlackAction(bench.tools).execute(plan, Told())
    assert (outcome.verdict, outcome.summary) == ("succeeded", "said in this thread")
    assert bench.posts.by_key == {}
