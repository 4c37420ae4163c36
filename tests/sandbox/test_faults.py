"""Faults happen to the call they were set for, once, and leave the workspace as they say."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import ALICE, INCIDENTS
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, connected, error_of

KEY = {"event_type": "message_key", "event_payload": {"key": "run-1/card"}}


async def test_a_post_whose_answer_is_lost_was_posted_and_is_found_by_its_metadata(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=INCIDENTS, text="card", thread_ts=root["ts"], metadata=KEY)
    thread = await client.conversations_replies(channel=INCIDENTS, ts=root["ts"], include_all_metadata=True)
    assert [one.get("metadata") for one in thread["messages"]] == [None, KEY]


async def test_a_call_that_is_lost_on_the_way_has_no_effect(slack: Sandbox, client: AsyncWebClient) -> None:
    slack.faults.lose_call("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=INCIDENTS, text="never")
    assert slack.messages(INCIDENTS) == []
    await client.chat_postMessage(channel=INCIDENTS, text="well again")


async def test_the_sdk_s_default_retry_posts_twice_when_an_answer_is_lost(slack: Sandbox) -> None:
    slack.faults.lose_answer("chat.postMessage")
    await AsyncWebClient(token=slack.bot_token, base_url=slack.base_url).chat_postMessage(
        channel=INCIDENTS, text="x"
    )
    assert len(slack.messages(INCIDENTS)) == 2


async def test_an_http_error_has_no_effect(slack: Sandbox, client: AsyncWebClient) -> None:
    slack.faults.fail("chat.postMessage", status=503, times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError, match="503"):
            await client.chat_postMessage(channel=INCIDENTS, text="x")
    await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert [call.error for call in slack.calls.of("chat.postMessage")] == ["http_503", "http_503", ""]


async def test_slack_can_say_any_word_it_has(slack: Sandbox, client: AsyncWebClient) -> None:
    slack.faults.error("usergroups.users.list", "internal_error")
    assert await error_of(client.usergroups_users_list(usergroup="S0ONCALL")) == "internal_error"


async def test_a_held_call_takes_effect_when_it_is_released(slack: Sandbox, client: AsyncWebClient) -> None:
    hold = slack.faults.hold("chat.postMessage")
    posting = asyncio.create_task(client.chat_postMessage(channel=INCIDENTS, text="slow"))
    await hold.reached.wait()
    assert slack.messages(INCIDENTS) == []
    hold.release()
    await posting
    assert len(slack.messages(INCIDENTS)) == 1


async def test_a_held_answer_has_taken_effect(slack: Sandbox, client: AsyncWebClient) -> None:
    hold = slack.faults.hold_answer("chat.postMessage")
    posting = asyncio.create_task(client.chat_postMessage(channel=INCIDENTS, text="slow"))
    await hold.reached.wait()
    assert len(slack.messages(INCIDENTS)) == 1
    hold.release()
    await posting


async def test_slack_can_be_down_altogether(slack: Sandbox, client: AsyncWebClient) -> None:
    slack.faults.is_down = True
    with pytest.raises(SlackApiError, match="503"):
        await client.auth_test()
    slack.faults.clear()
    await client.auth_test()


async def test_an_acknowledgement_can_get_lost_so_that_the_app_is_asked_twice() -> None:
    async with Sandbox(ack_timeout_s=0.05) as slack:
        app = AsyncApp(client=client_of(slack))
        heard: list[str] = []

        @app.event("message")
        async def listen(body: dict[str, Any]) -> None:
            heard.append(body["event_id"])

        slack.faults.ignore_acks = True
        async with connected(slack, app):
            await slack.user(ALICE).post(INCIDENTS, "once")
            await slack.until(lambda: slack.deliveries)
            slack.faults.ignore_acks = False
            await slack.quiet()
    assert [one.answer.is_acked for one in slack.deliveries] == [False, True]
    assert (len(heard), len(set(heard))) == (2, 1)


async def test_calls_are_written_down_without_the_token(slack: Sandbox, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=INCIDENTS, text="x", blocks="[]")
    await error_of(client.chat_update(channel=INCIDENTS, ts="1.000001", text="y"))
    post, update = slack.calls
    assert (post.method, post.args["blocks"], post.is_ok) == ("chat.postMessage", [], True)
    assert (update.method, update.error) == ("chat.update", "message_not_found")
    assert slack.bot_token not in repr(list(slack.calls))


async def test_waiting_ends_with_the_change_that_makes_it_true_or_says_what_did_not_come(
    slack: Sandbox,
) -> None:
    waiting = asyncio.create_task(slack.until(lambda: len(slack.messages(INCIDENTS)) == 2))
    await slack.user(ALICE).post(INCIDENTS, "one")
    await slack.user(ALICE).post(INCIDENTS, "two")
    assert await waiting is True
    with pytest.raises(TimeoutError, match="for a third message"):
        await slack.until(lambda: slack.messages(INCIDENTS)[2:], timeout_s=0.01, what="a third message")


async def test_a_stopped_sandbox_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    slack = Sandbox()
    await slack.start()
    await slack.user(ALICE).post(INCIDENTS, "nobody listens")
    await client_of(slack).auth_test()
    await slack.stop()
    await slack.stop()
    assert asyncio.all_tasks() == before
