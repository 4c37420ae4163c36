"""What Slack does with messages an app sends: who may say what where, how it is stored, what is too much."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import ALICE, BOB, CAROL, INCIDENTS
from bot.sandbox.limits import check_view
from bot.sandbox.protocol import SlackError
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import error_of, refusal
from tests.sandbox.blocks import (
    Json,
    actions,
    button,
    confirm,
    home,
    menu,
    modal,
    mrkdwn,
    plain,
    question,
    section,
)


async def test_a_post_is_answered_with_its_channel_and_ts(slack: Sandbox, client: AsyncWebClient) -> None:
    answer = await client.chat_postMessage(channel=INCIDENTS, text="hello")
    assert answer["channel"] == INCIDENTS
    (message,) = slack.messages(INCIDENTS)
    assert (message["ts"], message["text"], message["bot_id"]) == (answer["ts"], "hello", "B0RUNBOT")


@pytest.mark.parametrize("how", ["json", "form", "query"])
async def test_the_web_api_takes_json_forms_and_queries_alike(slack: Sandbox, how: str) -> None:
    blocks = '[{"type":"section","text":{"type":"mrkdwn","text":"hello"}}]'
    args = {"channel": INCIDENTS, "text": "hello", "blocks": blocks}
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession(slack.base_url, headers=headers) as session:
        if how == "query":
            response = await session.get("chat.postMessage", params=args)
        elif how == "form":
            response = await session.post("chat.postMessage", data={**args, "token": slack.bot_token})
        else:
            response = await session.post("chat.postMessage", json=args)
        assert (await response.json())["ok"] is True
    assert slack.messages(INCIDENTS)[0]["blocks"][0]["text"]["text"] == "hello"


async def test_a_message_without_anything_to_say_is_refused(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.postMessage", json={"channel": INCIDENTS})) == "no_text"


async def test_text_over_40000_characters_is_refused(client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=INCIDENTS, text="x" * 40_000)
    assert await error_of(client.chat_postMessage(channel=INCIDENTS, text="x" * 40_001)) == "msg_too_long"


async def test_an_app_posts_only_where_it_is_a_member(client: AsyncWebClient) -> None:
    assert await error_of(client.chat_postMessage(channel="C0GENERAL", text="hi")) == "not_in_channel"


async def test_a_private_channel_the_app_is_not_in_does_not_exist(client: AsyncWebClient) -> None:
    assert await error_of(client.chat_postMessage(channel="G0SECRET", text="hi")) == "channel_not_found"
    assert await error_of(client.chat_postMessage(channel="C0NOWHERE", text="hi")) == "channel_not_found"


async def test_a_channel_may_be_named_instead_of_its_id(slack: Sandbox, client: AsyncWebClient) -> None:
    assert (await client.chat_postMessage(channel="#incidents", text="hi"))["channel"] == INCIDENTS


async def test_posting_to_a_user_id_opens_their_direct_message(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    answer = await client.chat_postMessage(channel=BOB, text="you are asked")
    assert answer["channel"].startswith("D")
    assert [one["text"] for one in slack.direct_messages(BOB)] == ["you are asked"]
    assert (await client.conversations_open(users=BOB))["channel"]["id"] == answer["channel"]


async def test_a_reply_to_a_reply_lands_in_the_root_s_thread(slack: Sandbox, client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    reply = await client.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=root["ts"])
    nested = await client.chat_postMessage(channel=INCIDENTS, text="two", thread_ts=reply["ts"])
    assert nested["message"]["thread_ts"] == root["ts"]
    thread = slack.thread(INCIDENTS, root["ts"])
    assert [one["text"] for one in thread] == ["root", "one", "two"]
    assert (thread[0]["reply_count"], thread[0]["latest_reply"]) == (2, nested["ts"])


async def test_a_thread_that_does_not_exist_is_refused(client: AsyncWebClient) -> None:
    answer = client.chat_postMessage(channel=INCIDENTS, text="x", thread_ts="1.000001")
    assert await error_of(answer) == "thread_not_found"


async def test_a_broadcast_reply_shows_in_the_channel_too(slack: Sandbox, client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    await client.chat_postMessage(channel=INCIDENTS, text="loud", thread_ts=root["ts"], reply_broadcast=True)
    history = await client.conversations_history(channel=INCIDENTS)
    assert [one["text"] for one in history["messages"]] == ["loud", "root"]


async def test_metadata_is_kept_and_shown_only_to_those_who_ask(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    metadata = {"event_type": "run_step", "event_payload": {"key": "k1"}}
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x", metadata=metadata)
    told = await client.conversations_replies(channel=INCIDENTS, ts=sent["ts"], include_all_metadata=True)
    assert told["messages"][0]["metadata"] == metadata
    quiet = await client.conversations_replies(channel=INCIDENTS, ts=sent["ts"])
    assert "metadata" not in quiet["messages"][0]


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_payload": {}}, "invalid_metadata_format"),
        ({"event_type": "x"}, "invalid_metadata_format"),
        ({"event_type": "x", "event_payload": []}, "invalid_metadata_format"),
        ({"event_type": "x", "event_payload": {"a": "b" * 17_000}}, "metadata_too_large"),
    ],
)
async def test_metadata_slack_cannot_keep_is_refused(
    client: AsyncWebClient, metadata: Json, error: str
) -> None:
    assert await error_of(client.chat_postMessage(channel=INCIDENTS, text="x", metadata=metadata)) == error


async def test_an_update_with_text_only_removes_the_blocks(slack: Sandbox, client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section(), actions(button())])
    await client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="done")
    message = slack.message(INCIDENTS, sent["ts"])
    assert "blocks" not in message
    assert (message["text"], message["edited"]["user"]) == ("done", "U0RUNBOT")


async def test_an_update_keeps_metadata_unless_it_brings_its_own(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    first: Json = {"event_type": "first", "event_payload": {}}
    second: Json = {"event_type": "second", "event_payload": {}}
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x", metadata=first)
    await client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="y")
    assert slack.message(INCIDENTS, sent["ts"])["metadata"] == first
    await client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="z", metadata=second)
    assert slack.message(INCIDENTS, sent["ts"])["metadata"] == second


async def test_an_update_stays_in_its_thread(slack: Sandbox, client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    reply = await client.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=root["ts"])
    await client.chat_update(channel=INCIDENTS, ts=reply["ts"], text="uno")
    await client.chat_update(channel=INCIDENTS, ts=root["ts"], text="card")
    assert [one["text"] for one in slack.thread(INCIDENTS, root["ts"])] == ["card", "uno"]


async def test_an_app_changes_only_its_own_messages(slack: Sandbox, client: AsyncWebClient) -> None:
    ts = await slack.user(ALICE).post(INCIDENTS, "mine")
    assert await error_of(client.chat_update(channel=INCIDENTS, ts=ts, text="x")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel=INCIDENTS, ts=ts)) == "cant_delete_message"
    assert (
        await error_of(client.chat_update(channel=INCIDENTS, ts="1.000002", text="x")) == "message_not_found"
    )


async def test_an_update_takes_4000_characters_of_text(client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x")
    await client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="x" * 4000)
    assert (
        await error_of(client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="x" * 4001))
        == "msg_too_long"
    )


async def test_a_deleted_root_with_replies_leaves_a_tombstone(slack: Sandbox, client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    await client.chat_postMessage(channel=INCIDENTS, text="one", thread_ts=root["ts"])
    await client.chat_delete(channel=INCIDENTS, ts=root["ts"])
    assert [one.get("subtype") for one in slack.messages(INCIDENTS)] == ["tombstone", None]
    again = client.chat_update(channel=INCIDENTS, ts=root["ts"], text="x")
    assert await error_of(again) == "message_not_found"


async def test_an_ephemeral_message_is_seen_by_one_and_in_no_history(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    await client.chat_postEphemeral(channel=INCIDENTS, user=CAROL, text="you may not")
    assert [one["text"] for one in slack.ephemerals(CAROL)] == ["you may not"]
    assert slack.ephemerals(ALICE) == slack.messages(INCIDENTS) == []
    assert (await client.conversations_history(channel=INCIDENTS))["messages"] == []
    stranger = client.chat_postEphemeral(channel="G0PRIVATE", user=CAROL, text="x")
    assert await error_of(stranger) == "user_not_in_channel"


async def test_a_permalink_opens_the_message_on_the_page(slack: Sandbox, client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x")
    link = await client.chat_getPermalink(channel=INCIDENTS, message_ts=sent["ts"])
    assert link["permalink"] == f"{slack.page_url}#{INCIDENTS}/{sent['ts']}"
    missing = client.chat_getPermalink(channel=INCIDENTS, message_ts="1.000003")
    assert await error_of(missing) == "message_not_found"


async def test_blocks_get_the_ids_their_app_left_out(slack: Sandbox, client: AsyncWebClient) -> None:
    nameless = {"type": "button", "text": plain("Go")}
    answer = await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section(), actions(nameless)])
    first, second = answer["message"]["blocks"]
    assert first["block_id"] != second["block_id"]
    assert second["elements"][0]["action_id"]
    assert first["text"] == {"type": "mrkdwn", "text": "hello", "verbatim": False}


def _fields(count: int, length: int) -> Json:
    return {"type": "section", "fields": [mrkdwn("x" * length) for _ in range(count)]}


def _context(count: int) -> Json:
    return {"type": "context", "elements": [mrkdwn("x") for _ in range(count)]}


def _table(rows: int, cells: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells for _ in range(rows)]}


def _button(**more: Any) -> Json:
    return actions(button(**more))


LIMITS = {
    "blocks 50": ([section("x")] * 50, [section("x")] * 51, "no more than 50 items allowed"),
    "section text 3000": ([section("x" * 3000)], [section("x" * 3001)], "must be less than 3001 characters"),
    "10 fields": ([_fields(10, 9)], [_fields(11, 9)], "no more than 10 items allowed"),
    "field 2000": ([_fields(1, 2000)], [_fields(1, 2001)], "must be less than 2001 characters"),
    "header 150": (
        [{"type": "header", "text": plain("x" * 150)}],
        [{"type": "header", "text": plain("x" * 151)}],
        "must be less than 151 characters",
    ),
    "context 10": ([_context(10)], [_context(11)], "no more than 10 items allowed"),
    "actions 25": (
        [actions(*(button(f"a{one}") for one in range(25)))],
        [actions(*(button(f"a{one}") for one in range(26)))],
        "no more than 25 items allowed",
    ),
    "button text 75": (
        [_button(text=plain("x" * 75))],
        [_button(text=plain("x" * 76))],
        "less than 76 characters",
    ),
    "button value 2000": (
        [_button(value="x" * 2000)],
        [_button(value="x" * 2001)],
        "less than 2001 characters",
    ),
    "action_id 255": (
        [_button(action_id="x" * 255)],
        [_button(action_id="x" * 256)],
        "less than 256 characters",
    ),
    "block_id 255": (
        [section(block_id="x" * 255)],
        [section(block_id="x" * 256)],
        "less than 256 characters",
    ),
    "100 options": ([actions(menu(100))], [actions(menu(101))], "no more than 100 items allowed"),
    "option text 75": (
        [actions(menu(1) | {"options": [{"text": plain("x" * 75), "value": "1"}]})],
        [actions(menu(1) | {"options": [{"text": plain("x" * 76), "value": "1"}]})],
        "must be less than 76 characters",
    ),
    "confirm title 100": (
        [_button(confirm=confirm(title=plain("x" * 100)))],
        [_button(confirm=confirm(title=plain("x" * 101)))],
        "must be less than 101 characters",
    ),
    "confirm text 300": (
        [_button(confirm=confirm(text=plain("x" * 300)))],
        [_button(confirm=confirm(text=plain("x" * 301)))],
        "must be less than 301 characters",
    ),
    "markdown 12000": (
        [{"type": "markdown", "text": "x" * 11_900}],
        [{"type": "markdown", "text": "x" * 12_001}],
        "must be less than 12001 characters",
    ),
    "table 100 rows": ([_table(100, 2)], [_table(101, 2)], "no more than 100 items allowed"),
    "table 20 cells": ([_table(2, 20)], [_table(2, 21)], "no more than 20 items allowed"),
    "action ids once in a block": (
        [actions(button("a"), button("b")), actions(button("a"))],
        [actions(button("a"), button("a"))],
        "`action_id` a already exists",
    ),
    "block ids once": (
        [section(block_id="a"), section(block_id="b")],
        [section(block_id="a"), section(block_id="a")],
        "`block_id` a already exists",
    ),
    "button styles": (
        [_button(style="danger")],
        [_button(style="default")],
        "must be one of: primary, danger",
    ),
    "known fields only": ([section()], [section(colour="red")], "invalid additional property: colour"),
    "known types only": ([{"type": "divider"}], [{"type": "carousel"}], "unsupported type: carousel"),
    "text not empty": ([section("x")], [section("")], "must be more than 0 characters"),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_block_kit_s_limits_hold_exactly(client: AsyncWebClient, limit: str) -> None:
    fits, exceeds, words = LIMITS[limit]
    await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=fits)
    body = await refusal(client.chat_postMessage(channel=INCIDENTS, text="x", blocks=exceeds))
    assert body["error"] == "invalid_blocks"
    assert any(words in line for line in body["response_metadata"]["messages"]), body


async def test_a_refused_block_is_named_by_its_json_pointer(client: AsyncWebClient) -> None:
    body = await refusal(
        client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section(), section("x" * 3001)])
    )
    assert body["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    ]


async def test_all_blocks_together_hold_about_12000_characters(client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section("x" * 2500)] * 4)
    answer = client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[section("x" * 2500)] * 5)
    assert await error_of(answer) == "msg_blocks_too_long"


async def test_updates_and_ephemerals_keep_the_same_limits(client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x")
    too_long = [section("x" * 3001)]
    update = client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="x", blocks=too_long)
    whisper = client.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="x", blocks=too_long)
    assert await error_of(update) == await error_of(whisper) == "invalid_blocks"


VIEW_LIMITS = {
    "100 blocks": (modal(*[section("x")] * 100), modal(*[section("x")] * 101)),
    "title 24": (modal(title=plain("x" * 24)), modal(title=plain("x" * 25))),
    "submit 24": (modal(submit=plain("x" * 24)), modal(submit=plain("x" * 25))),
    "private_metadata 3000": (modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001)),
    "callback_id 255": (modal(callback_id="x" * 255), modal(callback_id="x" * 256)),
    "an input needs a submit button": (modal(question()), {**modal(question()), "submit": None}),
}


@pytest.mark.parametrize("limit", VIEW_LIMITS)
async def test_a_modal_s_limits_hold_exactly(slack: Sandbox, client: AsyncWebClient, limit: str) -> None:
    fits, exceeds = VIEW_LIMITS[limit]
    check_view(fits, kind="modal")
    with pytest.raises(SlackError, match="invalid_arguments"):
        check_view(exceeds, kind="modal")
    assert await error_of(client.views_open(trigger_id="1.1.x", view=exceeds)) == "invalid_arguments"


async def test_a_home_takes_100_blocks(slack: Sandbox, client: AsyncWebClient) -> None:
    await client.views_publish(user_id=ALICE, view=home(*[section("x")] * 100))
    answer = client.views_publish(user_id=ALICE, view=home(*[section("x")] * 101))
    assert await error_of(answer) == "invalid_arguments"
    assert len((slack.home(ALICE) or {})["blocks"]) == 100


async def test_an_emoji_is_put_on_once_and_needs_its_scope(slack: Sandbox, client: AsyncWebClient) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="x")
    body = await refusal(client.reactions_add(channel=INCIDENTS, timestamp=sent["ts"], name="eyes"))
    assert (body["error"], body["needed"]) == ("missing_scope", "reactions:write")
    place = slack.workspace.channels[INCIDENTS]
    slack.workspace.react(place, ts=sent["ts"], name="eyes", user=ALICE)
    slack.workspace.react(place, ts=sent["ts"], name="eyes", user=BOB)
    assert slack.message(INCIDENTS, sent["ts"])["reactions"] == [
        {"name": "eyes", "users": [ALICE, BOB], "count": 2}
    ]
