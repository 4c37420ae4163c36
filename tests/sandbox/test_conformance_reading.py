"""What Slack tells an app that asks: history, threads, people, groups, scopes, pages of long lists."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import acme
from bot.sandbox.acme import ALICE, BOB, GUEST, INCIDENTS, NO_EMAIL, ONCALL, STRANGER
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, error_of, refusal


async def test_history_is_newest_first_and_leaves_replies_out(slack: Sandbox, client: AsyncWebClient) -> None:
    alice = slack.user(ALICE)
    first = await alice.post(INCIDENTS, "one")
    await alice.post(INCIDENTS, "two")
    await alice.post(INCIDENTS, "reply", first)
    history = await client.conversations_history(channel=INCIDENTS)
    assert [one["text"] for one in history["messages"]] == ["two", "one"]


async def test_history_reads_between_two_times(slack: Sandbox, client: AsyncWebClient) -> None:
    times = [await slack.user(ALICE).post(INCIDENTS, str(one)) for one in range(4)]
    window = await client.conversations_history(channel=INCIDENTS, oldest=times[0], latest=times[3])
    assert [one["text"] for one in window["messages"]] == ["2", "1"]
    whole = await client.conversations_history(
        channel=INCIDENTS, oldest=times[0], latest=times[3], inclusive=True
    )
    assert len(whole["messages"]) == 4
    assert (
        await error_of(client.conversations_history(channel=INCIDENTS, oldest="noon")) == "invalid_ts_oldest"
    )


async def test_a_cursor_goes_on_where_the_page_ended_whatever_came_since(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    for one in range(5):
        await slack.user(ALICE).post(INCIDENTS, str(one))
    first = await client.conversations_history(channel=INCIDENTS, limit=2)
    assert [one["text"] for one in first["messages"]] == ["4", "3"]
    assert first["has_more"] is True
    await slack.user(ALICE).post(INCIDENTS, "new")
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=INCIDENTS, limit=9, cursor=cursor)
    assert [one["text"] for one in rest["messages"]] == ["2", "1", "0"]
    assert (rest["has_more"], rest["response_metadata"]["next_cursor"]) == (False, "")
    assert (
        await error_of(client.conversations_history(channel=INCIDENTS, cursor="bm9uc2Vuc2U="))
        == "invalid_cursor"
    )


async def test_replies_are_the_root_and_then_oldest_first(slack: Sandbox, client: AsyncWebClient) -> None:
    root = await slack.user(ALICE).post(INCIDENTS, "root")
    replies = [await slack.user(BOB).post(INCIDENTS, str(one), root) for one in range(3)]
    thread = await client.conversations_replies(channel=INCIDENTS, ts=root)
    assert [one["text"] for one in thread["messages"]] == ["root", "0", "1", "2"]
    late = await client.conversations_replies(channel=INCIDENTS, ts=root, oldest=replies[1])
    assert [one["text"] for one in late["messages"]] == ["root", "2"]
    only = await client.conversations_replies(channel=INCIDENTS, ts=replies[1])
    assert [one["text"] for one in only["messages"]] == ["1"]
    assert (
        await error_of(client.conversations_replies(channel=INCIDENTS, ts="1.000001")) == "thread_not_found"
    )


async def test_history_needs_membership(client: AsyncWebClient) -> None:
    assert await error_of(client.conversations_history(channel="C0GENERAL")) == "not_in_channel"
    assert await error_of(client.conversations_history(channel="G0SECRET")) == "channel_not_found"


async def test_direct_messages_are_read_only_with_the_im_history_scope(client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=BOB, text="psst")
    body = await refusal(client.conversations_replies(channel=sent["channel"], ts=sent["ts"]))
    assert (body["error"], body["needed"]) == ("missing_scope", "im:history")
    assert "chat:write" in body["provided"]


async def test_joining_needs_a_scope_the_manifest_leaves_out(client: AsyncWebClient) -> None:
    body = await refusal(client.conversations_join(channel="C0GENERAL"))
    assert (body["error"], body["needed"]) == ("missing_scope", "channels:join")
    app = replace(acme.RUNBOOK_APP, scopes=(*acme.RUNBOOK_APP.scopes, "channels:join"))
    async with Sandbox(acme.workspace(app=app)) as slack:
        await client_of(slack).conversations_join(channel="C0GENERAL")
        await client_of(slack).chat_postMessage(channel="C0GENERAL", text="hi")


async def test_channels_are_listed_by_type_and_only_those_the_app_can_see(client: AsyncWebClient) -> None:
    public = await client.conversations_list()
    assert {one["name"] for one in public["channels"]} == {"incidents", "general"}
    both = await client.conversations_list(types="public_channel,private_channel")
    assert {one["name"] for one in both["channels"]} == {"incidents", "general", "war-room"}
    mine = await client.users_conversations(types="public_channel,private_channel")
    assert {one["name"] for one in mine["channels"]} == {"incidents", "war-room"}
    assert await error_of(client.conversations_list(types="rooms")) == "invalid_types"


async def test_a_channel_says_who_is_in_it_page_by_page(slack: Sandbox, client: AsyncWebClient) -> None:
    seen: list[str] = []
    async for page in await client.conversations_members(channel=INCIDENTS, limit=3):
        assert len(page["members"]) <= 3
        seen += page["members"]
    assert seen == slack.workspace.channels[INCIDENTS].members
    info = await client.conversations_info(channel=INCIDENTS)
    assert (info["channel"]["name"], info["channel"]["is_member"]) == ("incidents", True)


async def test_guests_strangers_bots_and_the_departed_are_marked(client: AsyncWebClient) -> None:
    guest = (await client.users_info(user=GUEST))["user"]
    assert (guest["is_restricted"], guest["is_ultra_restricted"]) == (True, False)
    stranger = (await client.users_info(user=STRANGER))["user"]
    assert (stranger["is_stranger"], stranger["team_id"]) == (True, "T0OTHER")
    assert (await client.users_info(user="U0RUNBOT"))["user"]["is_bot"] is True
    assert (await client.users_info(user="U06GONE"))["user"]["deleted"] is True
    assert "email" not in (await client.users_info(user=NO_EMAIL))["user"]["profile"]
    assert await error_of(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_members_of_other_workspaces_are_in_no_list(client: AsyncWebClient) -> None:
    listed = {one["id"] for one in (await client.users_list())["members"]}
    assert ALICE in listed
    assert STRANGER not in listed


async def test_people_are_found_by_email_in_any_case(client: AsyncWebClient) -> None:
    assert (await client.users_lookupByEmail(email="Alice@Acme.example"))["user"]["id"] == ALICE
    assert await error_of(client.users_lookupByEmail(email="gus@acme.example")) == "users_not_found"


async def test_emails_show_only_with_their_scope() -> None:
    app = replace(acme.RUNBOOK_APP, scopes=("users:read",))
    async with Sandbox(acme.workspace(app=app)) as slack:
        client = client_of(slack)
        assert "email" not in (await client.users_info(user=ALICE))["user"]["profile"]
        assert await error_of(client.users_lookupByEmail(email="alice@acme.example")) == "missing_scope"


async def test_a_user_group_tells_its_members(slack: Sandbox, client: AsyncWebClient) -> None:
    assert (await client.usergroups_users_list(usergroup=ONCALL))["users"] == [ALICE, BOB]
    (group,) = (await client.usergroups_list(include_users=True))["usergroups"]
    assert (group["handle"], group["users"]) == ("oncall", [ALICE, BOB])
    assert "users" not in (await client.usergroups_list())["usergroups"][0]
    assert await error_of(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"


async def test_the_app_knows_itself(slack: Sandbox, client: AsyncWebClient) -> None:
    me = await client.auth_test()
    assert (me["user_id"], me["bot_id"], me["team_id"]) == ("U0RUNBOT", "B0RUNBOT", "T0ACME")
    assert "chat:write" in me.headers["x-oauth-scopes"]
    bot = await client.bots_info(bot="B0PAGERDUT")
    assert bot["bot"]["app_id"] == "A1FKYAUUX"


async def test_calls_without_a_good_token_are_refused(slack: Sandbox, client: AsyncWebClient) -> None:
    async with aiohttp.ClientSession(slack.base_url) as session, session.post("auth.test") as response:
        assert (await response.json())["error"] == "not_authed"
    assert await error_of(client.auth_test(token="xoxb-sandbox-other")) == "invalid_auth"


async def test_app_and_bot_tokens_open_different_doors(slack: Sandbox, client: AsyncWebClient) -> None:
    assert await error_of(client.users_list(token=slack.app_token)) == "not_allowed_token_type"
    assert await error_of(client.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"


@pytest.mark.parametrize("method", ["chat.shout", "files.upload", "rtm.start"])
async def test_methods_slack_does_not_have_are_unknown(client: AsyncWebClient, method: str) -> None:
    assert await error_of(client.api_call(method)) == "unknown_method"
