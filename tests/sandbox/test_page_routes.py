"""The endpoints behind the page: what it is shown, what it hears live, and what it can do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import ALICE, BOB, BOT, CAROL, INCIDENTS
from bot.sandbox.composer import encoded
from bot.sandbox.dispatch import Answer
from bot.sandbox.page_routes import Scenario
from bot.sandbox.server import Sandbox
from tests.sandbox.blocks import Json, actions, button, home, menu, modal, question


class Recorder:
    """An app that acknowledges everything."""

    def __init__(self) -> None:
        self.heard: list[Json] = []

    async def send(self, kind: str, payload: Json, *, attempt: int, reason: str) -> Answer:
        self.heard.append(payload)
        return Answer(is_acked=True)


@pytest.fixture
def app(slack: Sandbox) -> Recorder:
    recorder = Recorder()
    slack.use_transport(recorder)
    return recorder


@pytest.fixture
async def browser(slack: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(slack.page_url, headers={"X-Sandbox": "1"}) as session:
        yield session


async def _get(browser: aiohttp.ClientSession, path: str) -> Any:
    async with browser.get(path) as response:
        return await response.json()


async def _act(browser: aiohttp.ClientSession, do: str, **asked: Any) -> Any:
    async with browser.post("page/act", json={"as": ALICE, "do": do, **asked}) as response:
        return await response.json()


async def test_the_workspace_is_shown_with_all_the_page_draws(browser: aiohttp.ClientSession) -> None:
    shown = await _get(browser, "page/workspace")
    assert set(shown) == {
        "team", "you", "users", "channels", "user_groups", "app", "commands", "shortcuts", "scenario"
    }  # fmt: skip
    assert shown["you"] == ALICE
    assert shown["app"] == {"user_id": BOT, "name": "Runbook"}
    assert shown["commands"][0]["command"] == "/runbook"
    assert shown["shortcuts"] == [
        {"type": "message", "callback_id": "start_runbook", "name": "Start a runbook"}
    ]


async def test_messages_are_in_order_with_replies_and_what_only_you_see(
    slack: Sandbox, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    root = await slack.user(ALICE).post(INCIDENTS, "one")
    await client.chat_postEphemeral(channel=INCIDENTS, user=ALICE, text="two")
    await slack.user(BOB).post(INCIDENTS, "three", root)
    seen = {
        user: [
            one["text"]
            for one in (await _get(browser, f"page/messages?channel={INCIDENTS}&as={user}"))["messages"]
        ]
        for user in (ALICE, BOB)
    }
    assert seen == {ALICE: ["one", "two", "three"], BOB: ["one", "three"]}
    hidden = await _get(browser, f"page/messages?channel=G0SECRET&as={BOB}")
    assert hidden["error"] == "channel_not_found"


async def test_a_file_is_downloaded_as_plain_text(
    slack: Sandbox, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    await client.files_upload_v2(channel=INCIDENTS, filename="evil.html", content="<script>1</script>")
    await slack.until(lambda: slack.messages(INCIDENTS))
    shown = await _get(browser, f"page/messages?channel={INCIDENTS}&as={ALICE}")
    async with browser.get(shown["messages"][0]["files"][0]["url"]) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"] == 'attachment; filename="evil.html"'
        assert await response.text() == "<script>1</script>"


async def test_a_picture_is_one_by_its_bytes_and_not_by_its_name(
    slack: Sandbox, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    png = b"\x89PNG\r\n\x1a\n and more"
    for name, content in (("chart.png", png), ("evil.png", b"<script>1</script>")):
        await client.files_upload_v2(channel=INCIDENTS, filename=name, content=content)
    await slack.until(lambda: len(slack.messages(INCIDENTS)) == 2)
    shown = await _get(browser, f"page/messages?channel={INCIDENTS}&as={ALICE}")
    kinds = {}
    for message in shown["messages"]:
        (file,) = message["files"]
        async with browser.get(file["url"]) as response:
            kinds[file["name"]] = response.content_type
    assert kinds == {"chart.png": "image/png", "evil.png": "text/plain"}


async def test_home_is_shown_and_the_app_told(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder
) -> None:
    assert (await _get(browser, f"page/home?as={BOB}"))["view"] is None
    await slack.until(lambda: app.heard)
    assert app.heard[0]["event"]["type"] == "app_home_opened"


async def test_what_is_typed_is_posted_as_slack_would(slack: Sandbox, browser: aiohttp.ClientSession) -> None:
    assert await _act(
        browser, "post", channel=INCIDENTS, text="@runbook is p99 > 2 & #incidents http://a.example/?x=1&y=2"
    )
    (message,) = slack.messages(INCIDENTS)
    assert message["text"] == (
        f"<@{BOT}> is p99 &gt; 2 &amp; <#{INCIDENTS}|incidents> <http://a.example/?x=1&amp;y=2>"
    )
    assert encoded("<!channel> <@U01ALICE>", slack.workspace) == "&lt;!channel&gt; <@U01ALICE>"


async def test_a_slash_command_is_sent_from_the_composer_and_refused_in_a_thread(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder
) -> None:
    assert await _act(browser, "post", channel=INCIDENTS, text="/runbook list") == {"ok": True}
    assert app.heard[-1]["text"] == "list"
    ts = await slack.user(ALICE).post(INCIDENTS, "root")
    refused = await _act(browser, "post", channel=INCIDENTS, text="/runbook list", thread_ts=ts)
    assert refused["text"] == "/runbook is not supported in threads. Sorry!"
    unknown = await _act(browser, "post", channel=INCIDENTS, text="/deploy")
    assert unknown["text"].startswith("/deploy is not a valid command.")


async def test_the_page_clicks_chooses_fills_in_and_closes(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder, client: AsyncWebClient
) -> None:
    blocks = [actions(button(), menu(2), block_id="b")]
    ts = (await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=blocks))["ts"]
    where = {"channel": INCIDENTS, "ts": ts, "block_id": "b"}
    assert (await _act(browser, "click", **where, action_id="go", values={"gone": {}}))["ok"]
    option = {"text": {"type": "plain_text", "text": "Option 1"}, "value": "1"}
    assert (await _act(browser, "click", **where, action_id="menu", selected_option=option))["ok"]
    assert app.heard[-1]["actions"][0]["selected_option"]["value"] == "1"
    opened = await client.views_open(
        trigger_id=app.heard[-1]["trigger_id"], view=modal(question(), actions(button()))
    )
    view_id = opened["view"]["id"]
    click = {"view_id": view_id, "block_id": opened["view"]["blocks"][1]["block_id"], "action_id": "go"}
    assert (await _act(browser, "view_click", **click))["ok"]
    values = {"why": {"text": {"type": "plain_text_input", "value": "because"}}}
    assert (await _act(browser, "submit_view", view_id=view_id, values=values))["ok"]
    assert app.heard[-1]["view"]["state"]["values"] == values
    assert slack.modal(ALICE) is None
    assert (await _act(browser, "close_view", view_id=view_id))["error"] == "not_there"


async def test_the_page_uses_home_and_shortcuts(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder, client: AsyncWebClient
) -> None:
    view = (await client.views_publish(user_id=ALICE, view=home(actions(button(), block_id="b"))))["view"]
    assert (await _act(browser, "click", view_id=view["id"], block_id="b", action_id="go"))["ok"]
    assert app.heard[-1]["container"]["type"] == "view"
    ts = await slack.user(BOB).post(INCIDENTS, "look")
    assert (await _act(browser, "shortcut", callback_id="start_runbook", channel=INCIDENTS, ts=ts))["ok"]
    assert app.heard[-1]["type"] == "message_action"


async def test_a_scenario_button_makes_it_happen(slack: Sandbox, browser: aiohttp.ClientSession) -> None:
    done: list[str] = []

    async def break_it() -> None:
        done.append("broken")

    slack.add_scenario(Scenario(id="break", label="Break payments", run=break_it, style="danger"))
    assert (await _get(browser, "page/workspace"))["scenario"] == [
        {"id": "break", "label": "Break payments", "hint": "", "style": "danger"}
    ]
    assert (await _act(browser, "scenario", id="break"))["ok"]
    assert done == ["broken"]


@pytest.mark.parametrize(
    "asked",
    [
        {"do": "dance"},
        {"do": "click"},
        {"as": "U0NOBODY"},
        {"channel": "C0NOWHERE"},
        {"text": " "},
        {"thread_ts": "1.1"},
    ],
)
async def test_an_act_that_cannot_be_done_is_refused_with_a_sentence(
    browser: aiohttp.ClientSession, asked: Json
) -> None:
    answer = await _act(browser, **({"do": "post", "channel": INCIDENTS, "text": "hi"} | asked))
    assert answer["ok"] is False
    assert answer["text"]


async def test_an_open_page_hears_only_what_its_member_may_see(
    slack: Sandbox, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    slack.status("payments is up", state="ok")
    async with browser.ws_connect(f"page/live?as={CAROL}") as carol:
        assert await carol.receive_json() == {
            "type": "status",
            "of": "",
            "text": "payments is up",
            "state": "ok",
        }
        await slack.user(ALICE).post("G0SECRET", "not for Carol")
        await client.chat_postEphemeral(channel=INCIDENTS, user=BOB, text="not for Carol")
        ts = (await client.chat_postMessage(channel=INCIDENTS, text="hello"))["ts"]
        await client.chat_update(channel=INCIDENTS, ts=ts, text="changed")
        await client.chat_postEphemeral(channel=INCIDENTS, user=CAROL, text="for Carol")
        await client.chat_delete(channel=INCIDENTS, ts=ts)
        await client.views_publish(user_id=CAROL, view=home())
        frames = [await carol.receive_json() for _ in range(5)]
    assert [frame["type"] for frame in frames] == [
        "message", "message_changed", "ephemeral", "message_deleted", "home"
    ]  # fmt: skip
    assert [frame["message"]["text"] for frame in frames[:3]] == ["hello", "changed", "for Carol"]


async def test_an_open_page_follows_modals_errors_and_toasts(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder, client: AsyncWebClient
) -> None:
    alice = slack.user(ALICE)
    async with browser.ws_connect(f"page/live?as={ALICE}") as page:
        await alice.command("/runbook", INCIDENTS)
        view = (await client.views_open(trigger_id=app.heard[-1]["trigger_id"], view=modal()))["view"]
        await alice.submit(view["id"], {})
        await client.views_update(view_id=view["id"], view=modal())
        await alice.submit(view["id"], {"why": "x"})
        slack.use_transport(slack.sockets)
        await alice.command("/runbook", INCIDENTS)
        frames = [await page.receive_json() for _ in range(5)]
    assert [frame["type"] for frame in frames] == [
        "view_opened", "view_errors", "view_updated", "view_closed", "toast"
    ]  # fmt: skip
    assert frames[1]["errors"] == {"why": "Please complete this required field."}


async def test_a_page_that_comes_back_finds_its_modals_open(
    slack: Sandbox, browser: aiohttp.ClientSession, app: Recorder, client: AsyncWebClient
) -> None:
    await slack.user(ALICE).command("/runbook", INCIDENTS)
    await client.views_open(trigger_id=app.heard[-1]["trigger_id"], view=modal())
    async with browser.ws_connect(f"page/live?as={ALICE}") as page:
        assert (await page.receive_json())["type"] == "view_opened"
