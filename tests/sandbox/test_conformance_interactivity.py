"""What happens between a person's click and the app: payload shapes, three seconds, modals, response URLs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import ALICE, BOB, CAROL, INCIDENTS
from bot.sandbox.clock import ManualClock
from bot.sandbox.dispatch import Answer
from bot.sandbox.protocol import NotThere
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import client_of, connected, error_of, refusal, toasts_of
from tests.sandbox.blocks import Json, actions, button, home, menu, modal, plain, question, section

SAMPLES = Path(__file__).parent.parent / "samples" / "slack"


def sample(name: str) -> Json:
    """A payload as Slack sends it."""
    found: Json = json.loads((SAMPLES / f"{name}.json").read_text())
    return {key: value for key, value in found.items() if key != "_note"}


class Obedient:
    """A way in to an app that acknowledges everything with what it was told to answer; keeps what people did."""

    def __init__(self, **answer: Any) -> None:
        self.answer = Answer(is_acked=True, body=answer)
        self.heard: list[Json] = []

    async def send(self, kind: str, payload: Json, *, attempt: int, reason: str) -> Answer:
        if kind != "events_api":
            self.heard.append(payload)
        return self.answer


@pytest.fixture
def app(slack: Sandbox) -> Obedient:
    obedient = Obedient()
    slack.use_transport(obedient)
    return obedient


@pytest.fixture
def timed_app(timed: Sandbox) -> Obedient:
    obedient = Obedient()
    timed.use_transport(obedient)
    return obedient


async def _asked(slack: Sandbox, *elements: Json, thread_ts: str | None = None) -> str:
    blocks = [section(), actions(*(elements or (button(value="v1", style="primary"),)), block_id="answer")]
    sent = await client_of(slack).chat_postMessage(
        channel=INCIDENTS, text="x", blocks=blocks, thread_ts=thread_ts
    )
    return str(sent["ts"])


async def test_a_click_carries_what_slack_s_does(slack: Sandbox, app: Obedient) -> None:
    root = await slack.user(ALICE).post(INCIDENTS, "root")
    ts = await _asked(slack, thread_ts=root)
    await slack.user(BOB).click(INCIDENTS, ts, "go")
    payload, expected = app.heard[-1], sample("block_actions_approve")
    assert set(payload) == set(expected)
    assert set(payload["container"]) == set(expected["container"])
    assert set(payload["user"]) == set(expected["user"])
    assert payload["container"]["thread_ts"] == payload["message"]["thread_ts"] == root
    assert payload["message"] == slack.message(INCIDENTS, ts)
    (action,) = payload["actions"]
    assert set(action) == set(expected["actions"][0])
    assert (action["value"], action["block_id"]) == ("v1", "answer")


async def test_a_click_in_app_home_has_no_channel_no_message_and_no_response_url(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    published = await client.views_publish(user_id=BOB, view=home(actions(button())))
    await slack.user(BOB).view_click(published["view"]["id"], "go")
    payload = app.heard[-1]
    assert payload["container"] == {"type": "view", "view_id": published["view"]["id"]}
    assert set(payload) == set(sample("block_actions_home"))
    assert not {"channel", "message", "response_url"} & set(payload)


async def test_a_click_on_an_ephemeral_message_says_where_but_not_what(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    blocks = [actions(button())]
    sent = await client.chat_postEphemeral(channel=INCIDENTS, user=CAROL, text="x", blocks=blocks)
    await slack.user(CAROL).click(INCIDENTS, sent["message_ts"], "go")
    assert app.heard[-1]["container"]["is_ephemeral"] is True
    assert "message" not in app.heard[-1]


async def test_menus_say_what_was_chosen_and_remember_it(slack: Sandbox, app: Obedient) -> None:
    ts = await _asked(slack, menu(3), button())
    await slack.user(ALICE).click(INCIDENTS, ts, "menu", choice="2")
    chosen = app.heard[-1]["actions"][0]["selected_option"]
    assert (chosen["value"], chosen["text"]["text"]) == ("2", "Option 2")
    await slack.user(ALICE).click(INCIDENTS, ts, "go")
    state = app.heard[-1]["state"]["values"]["answer"]["menu"]
    assert state == {"type": "static_select", "selected_option": chosen}
    await slack.user(BOB).click(INCIDENTS, ts, "go")
    assert app.heard[-1]["state"]["values"]["answer"]["menu"]["selected_option"] is None


async def test_a_person_can_use_only_what_their_screen_shows(slack: Sandbox, app: Obedient) -> None:
    ts = await _asked(slack, menu(2), button())
    alice = slack.user(ALICE)
    with pytest.raises(NotThere, match="no element 'stop'; there is: go, menu"):
        await alice.click(INCIDENTS, ts, "stop")
    with pytest.raises(NotThere, match="no option '7'"):
        await alice.click(INCIDENTS, ts, "menu", choice="7")
    pagerduty = slack.post_as_app("A1FKYAUUX", INCIDENTS, {"text": "x", "blocks": [actions(button())]})
    with pytest.raises(NotThere, match="belongs to another app"):
        await alice.click(INCIDENTS, pagerduty, "go")
    assert app.heard == []


async def test_a_late_click_on_an_older_version_still_reaches_the_app(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    ts = await _asked(slack)
    seen = slack.message(INCIDENTS, ts)
    await client.chat_update(channel=INCIDENTS, ts=ts, text="decided")
    await slack.user(BOB).click(INCIDENTS, ts, "go", seen=seen)
    assert app.heard[-1]["actions"][0]["value"] == "v1"
    assert app.heard[-1]["message"]["text"] == "decided"


async def test_a_slash_command_carries_no_thread_and_strings_only(slack: Sandbox, app: Obedient) -> None:
    await slack.user(ALICE).command("/runbook start checkout-latency", INCIDENTS)
    payload = app.heard[-1]
    assert set(payload) == set(sample("slash_command"))
    assert (payload["command"], payload["text"]) == ("/runbook", "start checkout-latency")
    with pytest.raises(NotThere, match="/deploy is not a valid command"):
        await slack.user(ALICE).command("/deploy", INCIDENTS)


async def test_a_command_s_acknowledgement_is_shown_to_whoever_typed_it(
    slack: Sandbox, app: Obedient
) -> None:
    app.answer = Answer(is_acked=True, body={"text": "three runbooks"})
    await slack.user(ALICE).command("/runbook list", INCIDENTS)
    assert [one["text"] for one in slack.ephemerals(ALICE)] == ["three runbooks"]
    app.answer = Answer(is_acked=True, body={"text": "for all", "response_type": "in_channel"})
    await slack.user(ALICE).command("/runbook list", INCIDENTS)
    assert slack.messages(INCIDENTS)[-1]["text"] == "for all"


async def test_a_command_nobody_answers_fails_in_slack_s_words(slack: Sandbox) -> None:
    toasts = toasts_of(slack)
    await slack.user(ALICE).command("/runbook list", INCIDENTS)
    assert toasts == ["/runbook failed with the error “dispatch_failed”"]


async def test_a_message_shortcut_carries_the_message(slack: Sandbox, app: Obedient) -> None:
    ts = slack.post_as_app("A1FKYAUUX", INCIDENTS, {"text": "Triggered"})
    await slack.user(ALICE).shortcut("start_runbook", INCIDENTS, ts)
    payload = app.heard[-1]
    assert set(payload) == set(sample("message_shortcut"))
    assert payload["message"]["app_id"] == "A1FKYAUUX"
    with pytest.raises(NotThere, match="no global shortcut"):
        await slack.user(ALICE).shortcut("start_runbook")


async def _opened(slack: Sandbox, app: Obedient, view: Json) -> Json:
    await slack.user(ALICE).command("/runbook start", INCIDENTS)
    opened = await client_of(slack).views_open(trigger_id=app.heard[-1]["trigger_id"], view=view)
    return dict(opened["view"])


async def test_a_submitted_modal_carries_its_values(slack: Sandbox, app: Obedient) -> None:
    view = await _opened(slack, app, modal(question(), private_metadata="m"))
    await slack.user(ALICE).submit(view["id"], {"why": {"text": "because"}})
    payload, expected = app.heard[-1], sample("view_submission")
    assert set(expected) <= set(payload)
    assert set(expected["view"]) <= set(payload["view"])
    assert payload["view"]["state"]["values"] == {
        "why": {"text": {"type": "plain_text_input", "value": "because"}}
    }
    assert payload["view"]["private_metadata"] == "m"
    assert slack.modal(ALICE) is None


async def test_slack_itself_asks_for_what_is_required_and_bounded(slack: Sandbox, app: Obedient) -> None:
    shown: list[Json] = []
    slack.workspace.changes.listen(
        lambda change: shown.append(change.body) if change.kind == "view_errors" else None
    )
    view = await _opened(slack, app, modal(question(max_length=5, min_length=2)))
    heard = len(app.heard)
    for text in ("", "x", "too long"):
        await slack.user(ALICE).submit(view["id"], {"why": text})
    assert len(app.heard) == heard
    assert [one["why"] for one in shown] == [
        "Please complete this required field.",
        "Please enter at least 2 characters.",
        "Please enter fewer than 6 characters.",
    ]
    await slack.user(ALICE).submit(view["id"], {"why": "short"})
    assert len(app.heard) == heard + 1


async def test_an_acknowledgement_can_name_errors_update_push_or_clear(slack: Sandbox, app: Obedient) -> None:
    alice = slack.user(ALICE)
    view = await _opened(slack, app, modal())
    app.answer = Answer(is_acked=True, body={"response_action": "errors", "errors": {"why": "say more"}})
    await alice.submit(view["id"], {"why": "x"})
    assert alice.modal == view
    app.answer = Answer(
        is_acked=True, body={"response_action": "update", "view": modal(title=plain("Second"))}
    )
    await alice.submit(view["id"], {"why": "x"})
    assert alice.modal is not None
    assert (alice.modal["id"], alice.modal["title"]["text"]) == (view["id"], "Second")
    app.answer = Answer(is_acked=True, body={"response_action": "push", "view": modal(title=plain("Third"))})
    await alice.submit(view["id"], {"why": "x"})
    assert alice.modal["previous_view_id"] == alice.modal["root_view_id"] == view["id"]
    app.answer = Answer(is_acked=True, body={"response_action": "clear"})
    await alice.submit(alice.modal["id"], {"why": "x"})
    assert alice.modal is None


async def test_an_acknowledgement_slack_cannot_use_is_trouble_connecting(
    slack: Sandbox, app: Obedient
) -> None:
    toasts = toasts_of(slack)
    view = await _opened(slack, app, modal())
    for body in (
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "update", "view": modal(title=plain("x" * 25))},
    ):
        app.answer = Answer(is_acked=True, body=body)
        await slack.user(ALICE).submit(view["id"], {"why": "x"})
    assert toasts == ["We had some trouble connecting. Try again?"] * 2
    assert slack.modal(ALICE) == view


async def test_only_a_view_that_asks_for_it_tells_that_it_was_closed(slack: Sandbox, app: Obedient) -> None:
    alice = slack.user(ALICE)
    quiet = await _opened(slack, app, modal())
    heard = len(app.heard)
    await alice.close(quiet["id"])
    assert len(app.heard) == heard
    loud = await _opened(slack, app, modal(notify_on_close=True))
    await alice.close(loud["id"], is_cleared=True)
    assert (app.heard[-1]["type"], app.heard[-1]["is_cleared"]) == ("view_closed", True)
    assert "trigger_id" not in app.heard[-1]


async def test_a_trigger_id_opens_one_modal_within_three_seconds(
    timed: Sandbox, timed_app: Obedient, clock: ManualClock
) -> None:
    client, alice = client_of(timed), timed.user(ALICE)
    await alice.command("/runbook", INCIDENTS)
    clock.advance(2.9)
    trigger_id = timed_app.heard[-1]["trigger_id"]
    await client.views_open(trigger_id=trigger_id, view=modal())
    assert await error_of(client.views_open(trigger_id=trigger_id, view=modal())) == "exchanged_trigger_id"
    await alice.command("/runbook", INCIDENTS)
    clock.advance(3.1)
    late = client.views_open(trigger_id=timed_app.heard[-1]["trigger_id"], view=modal())
    assert await error_of(late) == "expired_trigger_id"
    assert await error_of(client.views_open(trigger_id="1.2.three", view=modal())) == "invalid_trigger_id"


async def test_views_are_pushed_from_modals_only_and_three_deep(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    alice = slack.user(ALICE)
    await alice.command("/runbook", INCIDENTS)
    outside = client.views_push(trigger_id=app.heard[-1]["trigger_id"], view=modal())
    assert await error_of(outside) == "invalid_trigger_id"
    view = await _opened(slack, app, modal(question(), actions(button())))
    for _ in range(2):
        await alice.view_click(view["id"], "go")
        await client.views_push(
            trigger_id=app.heard[-1]["trigger_id"], view=modal(question(), actions(button()))
        )
    await alice.view_click(view["id"], "go")
    fourth = client.views_push(trigger_id=app.heard[-1]["trigger_id"], view=modal())
    assert await error_of(fourth) == "push_limit_reached"


async def test_a_view_is_updated_by_id_or_name_and_guarded_by_its_hash(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    view = await _opened(slack, app, modal(external_id="mine"))
    newer = (await client.views_update(external_id="mine", view=modal(external_id="mine")))["view"]
    assert newer["id"] == view["id"]
    assert newer["hash"] != view["hash"]
    stale = client.views_update(view_id=view["id"], hash=view["hash"], view=modal())
    assert await error_of(stale) == "hash_conflict"
    assert await error_of(client.views_update(view_id="V0NONE", view=modal())) == "not_found"
    await slack.user(ALICE).command("/runbook", INCIDENTS)
    twin = client.views_open(trigger_id=app.heard[-1]["trigger_id"], view=modal(external_id="mine"))
    assert await error_of(twin) == "duplicate_external_id"


async def test_entries_stay_when_a_view_updates_under_the_same_ids(slack: Sandbox, app: Obedient) -> None:
    fields = [question(), {**actions(menu(2)), "block_id": "pick"}]
    view = await _opened(slack, app, modal(*fields))
    await slack.user(ALICE).view_click(view["id"], "menu", choice="1", values={"why": "typed"})
    values = app.heard[-1]["view"]["state"]["values"]
    assert values["why"]["text"]["value"] == "typed"
    assert values["pick"]["menu"]["selected_option"]["value"] == "1"
    await slack.user(ALICE).submit(view["id"], {})
    assert app.heard[-1]["view"]["state"]["values"] == values


async def _respond(url: str, **body: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, await response.text()


async def test_a_response_url_answers_five_times(slack: Sandbox, app: Obedient) -> None:
    await slack.user(ALICE).click(INCIDENTS, await _asked(slack), "go")
    url = app.heard[-1]["response_url"]
    for number in range(5):
        assert await _respond(url, text=str(number)) == (200, "ok")
    status, body = await _respond(url, text="sixth")
    assert (status, json.loads(body)["error"]) == (404, "used_url")
    assert len(slack.ephemerals(ALICE)) == 5


async def test_a_response_url_lives_thirty_minutes(
    timed: Sandbox, timed_app: Obedient, clock: ManualClock
) -> None:
    await timed.user(ALICE).command("/runbook", INCIDENTS)
    url = timed_app.heard[-1]["response_url"]
    clock.advance(1799)
    assert await _respond(url, text="in time") == (200, "ok")
    clock.advance(2)
    status, body = await _respond(url, text="late")
    assert (status, json.loads(body)["error"]) == (404, "expired_url")


async def test_a_response_url_replaces_deletes_whispers_and_speaks(slack: Sandbox, app: Obedient) -> None:
    ts = await _asked(slack)
    await slack.user(ALICE).click(INCIDENTS, ts, "go")
    url = app.heard[-1]["response_url"]
    await _respond(url, text="approved", replace_original=True)
    message = slack.message(INCIDENTS, ts)
    assert (message["text"], "blocks" in message) == ("approved", False)
    await _respond(url, text="only you")
    assert [one["text"] for one in slack.ephemerals(ALICE)] == ["only you"]
    await _respond(url, text="everyone", response_type="in_channel", thread_ts=ts)
    assert slack.thread(INCIDENTS, ts)[-1]["text"] == "everyone"
    await _respond(url, delete_original=True)
    assert slack.messages(INCIDENTS)[0]["subtype"] == "tombstone"


async def test_a_response_url_changes_ephemeral_messages_too(
    slack: Sandbox, app: Obedient, client: AsyncWebClient
) -> None:
    blocks = [actions(button())]
    sent = await client.chat_postEphemeral(channel=INCIDENTS, user=CAROL, text="x", blocks=blocks)
    await slack.user(CAROL).click(INCIDENTS, sent["message_ts"], "go")
    url = app.heard[-1]["response_url"]
    await _respond(url, text="replaced", replace_original=True)
    assert [(one["text"], "blocks" in one) for one in slack.ephemerals(CAROL)] == [("replaced", False)]
    await _respond(url, delete_original=True)
    assert slack.ephemerals(CAROL) == []


async def test_a_response_url_works_where_the_app_is_no_member_and_keeps_the_limits(
    slack: Sandbox, app: Obedient
) -> None:
    await slack.user(ALICE).command("/runbook", "C0GENERAL")
    url = app.heard[-1]["response_url"]
    assert await _respond(url, text="hi", response_type="in_channel") == (200, "ok")
    assert slack.messages("C0GENERAL")[0]["text"] == "hi"
    status, body = await _respond(url, text="x", blocks=[section("x" * 3001)])
    assert (status, json.loads(body)["error"]) == (400, "invalid_blocks")


async def test_a_late_acknowledgement_shows_an_error_while_the_handler_goes_on() -> None:
    async with Sandbox(ack_timeout_s=0.1) as slack:
        bolt = AsyncApp(client=client_of(slack))
        done: list[str] = []

        @bolt.action("go")
        async def go(ack: Any, client: AsyncWebClient) -> None:
            await slack.until(lambda: toasts)
            await ack()
            await client.chat_postMessage(channel=INCIDENTS, text="decided all the same")
            done.append("yes")

        toasts = toasts_of(slack)
        ts = await _asked(slack)
        async with connected(slack, bolt):
            answer = await slack.user(ALICE).click(INCIDENTS, ts, "go")
            await slack.until(lambda: slack.messages(INCIDENTS)[1:])
            await slack.until(lambda: slack.calls.of("chat.postMessage")[1:])
    assert not answer.is_acked
    assert toasts == ["This app took too long to respond."]


async def test_home_is_published_per_person_and_keeps_its_id(slack: Sandbox, client: AsyncWebClient) -> None:
    first = (await client.views_publish(user_id=ALICE, view=home(section("one"))))["view"]
    second = (await client.views_publish(user_id=ALICE, view=home(section("two"))))["view"]
    assert first["id"] == second["id"] == first["root_view_id"]
    assert slack.home(BOB) is None
    stale = await refusal(client.views_publish(user_id=ALICE, view=home(), hash=first["hash"]))
    assert stale["error"] == "hash_conflict"
