"""Which events an app is sent, and that they look like Slack's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import acme
from bot.sandbox.acme import ALICE, BOB, BOT, CAROL, INCIDENTS, ONCALL
from bot.sandbox.members import PAGERDUTY_APP_ID
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of
from tests.sandbox.blocks import Json, home

SAMPLES = Path(__file__).parent.parent / "samples" / "slack"


def sample(name: str) -> Json:
    """An event as Slack sends it, in its envelope."""
    found: Json = json.loads((SAMPLES / f"{name}.json").read_text())
    return {key: value for key, value in found.items() if key != "_note"}


async def test_a_member_s_message_is_an_event(slack: Sandbox) -> None:
    root = await slack.user(ALICE).post(INCIDENTS, "it is slow")
    await slack.user(BOB).post(INCIDENTS, "yes", root)
    first, reply = slack.events("message")
    assert (first["user"], first["text"], first["channel"]) == (ALICE, "it is slow", INCIDENTS)
    assert (first["channel_type"], first["event_ts"], "subtype" in first) == ("channel", root, False)
    assert (reply["thread_ts"], reply["parent_user_id"]) == (root, ALICE)


@pytest.mark.parametrize(
    "name", ["pd_slack_app_triggered", "pd_slack_app_acknowledged_thread", "pd_slack_app_resolved"]
)
async def test_another_app_s_post_has_no_subtype_and_says_whose_it_is(slack: Sandbox, name: str) -> None:
    envelope = sample(name)
    expected = envelope["event"]
    root = (
        slack.post_as_app(PAGERDUTY_APP_ID, INCIDENTS, {"text": "root"}) if "thread_ts" in expected else None
    )
    content = {key: expected[key] for key in ("text", "blocks", "attachments")}
    slack.post_as_app(PAGERDUTY_APP_ID, INCIDENTS, content | ({"thread_ts": root} if root else {}))
    event = slack.events("message")[-1]
    assert set(expected) <= set(event)
    assert set(event) - set(expected) <= {"parent_user_id"}
    for key in ("user", "bot_id", "app_id", "text", "attachments", "channel_type"):
        assert event[key] == expected[key]
    assert set(event["bot_profile"]) == set(expected["bot_profile"])
    await slack.until(lambda: slack.deliveries)
    assert set(slack.deliveries[-1].payload) == set(envelope)


async def test_pagerduty_s_edit_is_a_hidden_message_changed(slack: Sandbox) -> None:
    ts = slack.post_as_app(PAGERDUTY_APP_ID, INCIDENTS, {"text": "*Triggered*"})
    slack.edit_as_app(INCIDENTS, ts, {"text": "*Acknowledged*"})
    event, expected = slack.events("message")[-1], sample("pd_slack_app_message_changed")["event"]
    assert set(event) == set(expected)
    assert (event["subtype"], event["hidden"]) == ("message_changed", True)
    assert (event["message"]["text"], event["previous_message"]["text"]) == ("*Acknowledged*", "*Triggered*")
    assert (event["message"]["ts"], event["ts"] > ts) == (ts, True)


async def test_the_app_hears_its_own_posts_updates_and_deletions(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    sent = await client.chat_postMessage(channel=INCIDENTS, text="mine")
    await client.chat_update(channel=INCIDENTS, ts=sent["ts"], text="changed")
    await client.chat_delete(channel=INCIDENTS, ts=sent["ts"])
    posted, changed, deleted = slack.events("message")
    assert (posted["bot_id"], posted["user"]) == ("B0RUNBOT", BOT)
    assert changed["subtype"] == "message_changed"
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", sent["ts"])


async def test_an_event_never_carries_metadata(slack: Sandbox, client: AsyncWebClient) -> None:
    metadata = {"event_type": "x", "event_payload": {}}
    await client.chat_postMessage(channel=INCIDENTS, text="mine", metadata=metadata)
    assert "metadata" not in slack.events("message")[0]


async def test_the_app_hears_only_channels_it_is_in_and_kinds_it_subscribed_to(slack: Sandbox) -> None:
    await slack.user(ALICE).post("C0GENERAL", "not a member")
    await slack.user(ALICE).post("G0SECRET", "not a member")
    await slack.user(ALICE).post("G0PRIVATE", "a private one")
    channel = slack.workspace.direct_message(BOT, ALICE)
    await slack.user(ALICE).post(channel.id, "message.im is not in the manifest")
    (event,) = slack.events("message")
    assert (event["channel"], event["channel_type"]) == ("G0PRIVATE", "group")


async def test_a_mention_is_an_event_of_its_own_beside_the_message(slack: Sandbox) -> None:
    await slack.user(ALICE).post(INCIDENTS, f"<@{BOT}> help")
    (mention,) = slack.events("app_mention")
    assert (mention["user"], mention["text"]) == (ALICE, f"<@{BOT}> help")
    assert len(slack.events("message")) == 1


async def test_joining_is_told_with_who_invited(slack: Sandbox) -> None:
    slack.workspace.leave(slack.workspace.channels[INCIDENTS], user_id=CAROL)
    slack.invite(INCIDENTS, CAROL, by=ALICE)
    slack.invite(INCIDENTS, CAROL, by=ALICE)
    slack.invite("C0GENERAL", BOT, by=ALICE)
    first, second = slack.events("member_joined_channel")
    assert (first["user"], first["channel"], first["inviter"]) == (CAROL, INCIDENTS, ALICE)
    assert (second["user"], second["channel"]) == (BOT, "C0GENERAL")


async def test_a_changed_user_group_is_told_twice_with_who_came_and_went(slack: Sandbox) -> None:
    slack.set_group_members(ONCALL, [BOB, CAROL])
    (changed,) = slack.events("subteam_members_changed")
    assert (changed["added_users"], changed["removed_users"]) == ([CAROL], [ALICE])
    (updated,) = slack.events("subteam_updated")
    assert (updated["subteam"]["id"], updated["subteam"]["users"]) == (ONCALL, [BOB, CAROL])


async def test_opening_home_carries_the_view_only_when_there_is_one(
    slack: Sandbox, client: AsyncWebClient
) -> None:
    expected = sample("app_home_opened")["event"]
    await slack.user(BOB).open_home()
    await client.views_publish(user_id=BOB, view=home())
    await slack.user(BOB).open_home()
    first, second = slack.events("app_home_opened")
    assert set(first) == set(expected)
    assert (first["tab"], first["channel"][0]) == ("home", "D")
    assert second["view"]["type"] == "home"


async def test_an_event_the_app_did_not_subscribe_to_is_not_sent() -> None:
    app = replace(acme.RUNBOOK_APP, events=("app_mention",))
    async with Sandbox(acme.workspace(app=app)) as slack:
        await slack.user(ALICE).post(INCIDENTS, "hi")
        await client_of(slack).chat_postMessage(channel=INCIDENTS, text="hi")
        assert slack.events("message") == []


async def test_any_event_can_be_sent_as_it_is(slack: Sandbox) -> None:
    event = sample("alertmanager_default")["event"]
    slack.emit(event)
    assert slack.events("message") == [event]
