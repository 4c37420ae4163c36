"""What is done with Slack's events: stored before they are acknowledged, counted once, ours and people's left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.intake.inbox import SLACK_MESSAGE
from bot.sandbox.acme import ALICE, ONCALL
from tests.slack.desk import CHANNEL
from tests.slack.entrance import Door

PAGERDUTY = "A1FKYAUUX"
SAMPLES = Path(__file__).parents[1] / "samples" / "slack"


def _sample(name: str) -> dict[str, Any]:
    """What PagerDuty's app says in a sample, as far as an app chooses it."""
    event = json.loads((SAMPLES / name).read_text())["event"]
    return {key: event[key] for key in ("text", "blocks", "attachments") if key in event}


TRIGGERED = _sample("pd_slack_app_triggered.json")


async def _inbox(door: Door) -> list[dict[str, Any]]:
    return [json.loads(item.body) for item in await door.desk.journal.unanswered()]


async def _delivered(door: Door, kind: str, *, times: int = 1) -> None:
    def count() -> bool:
        done = [
            one
            for one in door.slack.deliveries
            if one.kind == "events_api" and one.payload["event"]["type"] == kind and one.answer.is_acked
        ]
        return len(done) >= times

    await door.slack.until(count, what=f"{times} {kind} events to be acknowledged")


async def test_what_another_app_posts_is_stored_whole_and_the_engine_is_woken(door: Door) -> None:
    ts = door.slack.post_as_app(PAGERDUTY, CHANNEL, TRIGGERED)
    await _delivered(door, "message")
    items = await door.desk.journal.unanswered()
    assert [item.kind for item in items] == [SLACK_MESSAGE]
    body = json.loads(items[0].body)
    assert (body["event"]["ts"], body["event"]["app_id"]) == (ts, PAGERDUTY)
    assert items[0].inbox_id == f"slack:{body['event_id']}"
    assert door.woken == 1


async def test_an_edit_by_another_app_is_stored_too(door: Door) -> None:
    ts = door.slack.post_as_app(PAGERDUTY, CHANNEL, TRIGGERED)
    door.slack.edit_as_app(CHANNEL, ts, _sample("pd_slack_app_resolved.json"))
    await _delivered(door, "message", times=2)
    assert {body["event"].get("subtype") for body in await _inbox(door)} == {None, "message_changed"}


async def test_an_event_sent_twice_is_stored_once_and_acknowledged_twice(door: Door) -> None:
    door.slack.post_as_app(PAGERDUTY, CHANNEL, TRIGGERED)
    await _delivered(door, "message")
    event_id = door.slack.deliveries[-1].payload["event_id"]
    door.slack.deliver_again(event_id)
    await _delivered(door, "message", times=2)
    assert len(await _inbox(door)) == 1
    assert door.woken == 1


async def test_what_another_app_chats_about_is_acknowledged_unread(door: Door) -> None:
    door.slack.post_as_app(PAGERDUTY, CHANNEL, {"text": "On-call handoff is at noon."})
    await _delivered(door, "message")
    assert await _inbox(door) == []


async def test_what_people_say_is_acknowledged_unread(door: Door) -> None:
    await door.slack.user(ALICE).post(CHANNEL, "anybody else seeing this?")
    await _delivered(door, "message")
    assert await _inbox(door) == []


async def test_our_own_posts_and_edits_are_not_heard(door: Door) -> None:
    posted = await door.desk.gateway.post(CHANNEL, text="ours")
    await door.desk.gateway.edit(posted, text="ours, edited")
    await _delivered(door, "message", times=2)
    assert await _inbox(door) == []


async def test_an_event_that_cannot_be_stored_is_not_acknowledged(door: Door) -> None:
    await door.desk.journal.close()
    door.slack.post_as_app(PAGERDUTY, CHANNEL, TRIGGERED)
    await door.slack.until(lambda: len(door.slack.deliveries) >= 1, timeout_s=8)
    assert not door.slack.deliveries[0].answer.is_acked


async def test_a_group_whose_members_changed_is_read_again_at_once(door: Door) -> None:
    before = await door.directory.membership(ONCALL)
    assert ALICE in before.user_ids
    door.slack.set_group_members(ONCALL, ["U02BOB"])
    await door.slack.until(lambda: door.slack.events("subteam_members_changed"))
    await _delivered(door, "subteam_members_changed")
    after = await door.directory.membership(ONCALL)
    assert after.user_ids == {"U02BOB"}


async def test_a_mention_without_words_is_answered_with_help_for_whoever_mentioned(door: Door) -> None:
    bot = door.slack.workspace.app.user_id
    await door.slack.user(ALICE).post(CHANNEL, f"<@{bot}>")
    assert "What I can do" in (await door.told(ALICE))["text"]


async def test_what_breaks_while_answering_a_mention_is_told_to_whoever_asked(door: Door) -> None:
    bot = door.slack.workspace.app.user_id
    door.operations.refusal = BadInput("the catalog is on fire")
    await door.slack.user(ALICE).post(CHANNEL, f"<@{bot}> hello")
    assert "The catalog is on fire" in (await door.told(ALICE))["text"]


async def test_being_invited_and_home_being_opened_are_acknowledged(door: Door) -> None:
    door.slack.invite("C0GENERAL", door.slack.workspace.app.user_id)
    await _delivered(door, "member_joined_channel")
    await door.slack.user(ALICE).open_home()
    await _delivered(door, "app_home_opened")
    assert all(one.answer.is_acked for one in door.slack.deliveries)
