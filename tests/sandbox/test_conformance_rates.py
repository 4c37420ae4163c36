"""Slack's rate limits: so many calls in a window, per method, for posts per channel; 429 and when to come back."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import INCIDENTS, ONCALL
from bot.sandbox.clock import ManualClock
from bot.sandbox.rates import RateLimits
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of


async def _refused(client: AsyncWebClient, **args: Any) -> tuple[int, str]:
    try:
        await client.chat_postMessage(text="x", **args)
    except SlackApiError as error:
        response: Any = error.response
        assert response["error"] == "ratelimited"
        return response.status_code, response.headers["Retry-After"]
    raise AssertionError("the post was taken")


async def test_posts_are_limited_to_about_one_a_second_in_each_channel(clock: ManualClock) -> None:
    async with Sandbox(clock=clock, rate_limits="slack") as slack:
        client = client_of(slack)
        for _ in range(5):
            await client.chat_postMessage(channel=INCIDENTS, text="x")
        assert await _refused(client, channel=INCIDENTS) == (429, "5")
        await client.chat_postMessage(channel="G0PRIVATE", text="another channel")
        clock.advance(5)
        await client.chat_postMessage(channel=INCIDENTS, text="x")
        assert len(slack.messages(INCIDENTS)) == 6


def _taken(method: str, *, count: int) -> int:
    limits = RateLimits("slack")
    return sum(limits.refusal(method, {}, now=1000.0) is None for _ in range(count))


def test_updates_views_and_user_groups_have_their_tiers() -> None:
    assert _taken("chat.update", count=200) == 50
    assert _taken("views.open", count=200) == 100
    assert _taken("usergroups.users.list", count=200) == 20


def test_a_minute_later_all_is_well_again() -> None:
    limits = RateLimits("slack")
    waits = [limits.refusal("chat.update", {}, now=float(second)) for second in range(100)]
    assert waits[:50] == [None] * 50
    assert waits[50] == 10
    assert waits[60] is None


async def test_a_generous_sandbox_limits_nothing(slack: Sandbox, client: AsyncWebClient) -> None:
    for _ in range(60):
        await client.usergroups_users_list(usergroup=ONCALL)


async def test_the_sdk_waits_only_when_its_rate_limit_handler_is_added(slack: Sandbox) -> None:
    slack.faults.rate_limit("chat.postMessage", retry_after_s=1)
    patient = client_of(slack, retry_handlers=[AsyncRateLimitErrorRetryHandler()])
    await patient.chat_postMessage(channel=INCIDENTS, text="x")
    assert [call.error for call in slack.calls.of("chat.postMessage")] == ["ratelimited", ""]
    slack.faults.rate_limit("chat.postMessage", retry_after_s=7)
    assert await _refused(
        AsyncWebClient(token=slack.bot_token, base_url=slack.base_url), channel=INCIDENTS
    ) == (429, "7")
