"""A desk to test the page at: the real sandbox, a small Bolt app behind it, and a page in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, async_playwright, expect
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.server import Sandbox
from tests.fakes.patience import PATIENCE_S

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def words(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": words(value.capitalize()), "value": value, "description": words(f"about {value}")}


CONFIRM = {
    "title": words("Run it?"),
    "text": {"type": "mrkdwn", "text": "on *staging*"},
    "confirm": words("Run"),
    "deny": words("Not now"),
    "style": "danger",
}


def button(action_id: str, label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": words(label), **more}


def select(kind: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "options": [option(value) for value in values], **more}


CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "*Restart* `payment-api`"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            button("approve", "Approve", style="primary", value="d1", confirm=CONFIRM),
            button("reject", "Reject", style="danger", value="d1"),
            select(
                "static_select", "clear", "scale", action_id="other", placeholder=words("Another runbook")
            ),
            select("overflow", "history", action_id="more"),
        ],
    },
]


def asked(block_id: str, label: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    element = {**element, "action_id": "value"}
    return {"type": "input", "block_id": block_id, "label": words(label), "element": element, **more}


TEXT = {"type": "plain_text_input", "multiline": True, "min_length": 3}
NUMBER = {
    "type": "number_input",
    "is_decimal_allowed": False,
    "min_value": "1",
    "max_value": "9",
    "initial_value": "3",
}
GROUPS = [
    {"label": words("Safe"), "options": [option("dev")]},
    {"label": words("Careful"), "options": [option("prod")]},
]
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "form",
    "title": words("Reject this step"),
    "submit": words("Send"),
    "close": words("Cancel"),
    "blocks": [
        asked("reason", "Reason", TEXT, hint=words("It is kept")),
        asked("count", "Replicas", NUMBER),
        asked("env", "Environment", {"type": "static_select", "option_groups": GROUPS}, optional=True),
        asked("tell", "Tell", {"type": "multi_users_select"}, optional=True),
        asked("then", "Then", select("radio_buttons", "stop", "undo"), optional=True),
        asked("flags", "Flags", select("checkboxes", "quiet", "fast"), optional=True),
        asked("owner", "Owner", {"type": "users_select"}, optional=True),
        asked("day", "Day", {"type": "datepicker"}, optional=True),
    ],
}
SECOND: dict[str, Any] = {
    "type": "modal",
    "callback_id": "second",
    "title": words("Really?"),
    "submit": words("Yes"),
    "close": words("Back"),
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "One more look"}}],
}


@dataclass
class Desk:
    """What a test drives: `heard` is what reached the app."""

    slack: Sandbox
    page: Page
    client: AsyncWebClient
    heard: list[tuple[str, Any]] = field(default_factory=list)

    async def say(self, text: str, **more: Any) -> str:
        """The app posts into #incidents; gives the ts."""
        posted = await self.client.chat_postMessage(channel="C0INC", text=text, **more)
        return str(posted["ts"])

    def pagerduty_says(self, text: str, **more: Any) -> None:
        """Another app, which is not running here, posts into #incidents."""
        self.slack.post_as_app("A1FKYAUUX", "C0INC", {"text": text, **more})

    def message(self, text: str) -> Locator:
        """The message row in the channel that shows this."""
        return self.page.get_by_role("main").locator(".message", has_text=text)

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("complementary", name="Thread")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message #incidents")

    async def act_as(self, name: str) -> None:
        """Pick another member at the top."""
        await self.page.get_by_role("button", name="Somebody else").click()
        await self.page.get_by_role("menuitem", name=name).click()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser that touches nothing outside, and is waited for as long as anything else."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """The workspace's page as one opens it; a fault of it, or a refused load, fails the test."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, timezone_id="UTC", locale="en-GB"
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    faults: list[str] = []
    page = await context.new_page()
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    try:
        await page.goto(url)
        await page.get_by_role("heading", name="#incidents").wait_for()
        yield page
    finally:
        await context.close()
    assert faults == []


@asynccontextmanager
async def open_desk(browser: Browser) -> AsyncIterator[Desk]:
    """Everything running and connected."""
    async with Sandbox() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
        app = AsyncApp(client=client)
        socket_client = AsyncWebClient(token=slack.app_token, base_url=slack.base_url)
        sockets = AsyncSocketModeHandler(app, slack.app_token, web_client=socket_client)
        try:
            async with open_page(browser, slack.page_url) as page:
                desk = Desk(slack=slack, page=page, client=client)
                listen(app, desk)
                await sockets.connect_async()  # type: ignore[no-untyped-call]  # Bolt has no types here
                yield desk
        finally:
            await sockets.close_async()  # type: ignore[no-untyped-call]  # Bolt has no types here


def listen(app: AsyncApp, desk: Desk) -> None:
    """The app: it answers every kind of click once, in the simplest way."""
    listen_to_messages(app, desk)
    listen_to_forms(app, desk)
    listen_to_home(app, desk)


def listen_to_messages(app: AsyncApp, desk: Desk) -> None:
    @app.event("message")
    async def message() -> None:
        return None

    @app.command("/runbook")
    async def command(ack: Any, command: Any, respond: Any) -> None:
        await ack()
        desk.heard.append(("command", command["text"]))
        await respond(f"known: {command['text']}")

    @app.action("approve")
    async def approve(ack: Any, body: Any) -> None:
        await ack()
        user, where = body["user"]["id"], body["container"]
        desk.heard.append(("approve", user))
        channel, ts = where["channel_id"], where["message_ts"]
        await desk.client.chat_update(channel=channel, ts=ts, text="approved", blocks=CARD[:1])
        await desk.client.chat_postMessage(channel=channel, thread_ts=ts, text=f"<@{user}> approved")

    @app.action("other")
    @app.action("more")
    async def other(ack: Any, body: Any) -> None:
        await ack()
        picked = body["actions"][0]["selected_option"]["value"]
        desk.heard.append(("picked", picked))
        user = body["user"]["id"]
        await desk.client.chat_postEphemeral(channel="C0INC", user=user, text=f"you picked {picked}")


def listen_to_forms(app: AsyncApp, desk: Desk) -> None:
    @app.action("reject")
    async def reject(ack: Any, body: Any) -> None:
        await ack()
        await desk.client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.shortcut("start_runbook")
    async def shortcut(ack: Any, body: Any) -> None:
        await ack()
        desk.heard.append(("shortcut", body["message_ts"]))
        await desk.client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.view("form")
    async def form(ack: Any, view: Any) -> None:
        values = view["state"]["values"]
        desk.heard.append(("form", values))
        reason = values["reason"]["value"]["value"]
        if reason == "wrong":
            await ack(response_action="errors", errors={"reason": "Say what you saw."})
        elif reason == "again":
            await ack(response_action="push", view=SECOND)
        else:
            await ack()

    @app.view("second")
    async def second(ack: Any) -> None:
        await ack(response_action="clear")


def listen_to_home(app: AsyncApp, desk: Desk) -> None:
    async def publish(user: str, state: str) -> None:
        text = {"type": "mrkdwn", "text": f"*{state}* for <@{user}>"}
        block = {"type": "section", "block_id": "s", "text": text, "accessory": button("ping", "Look")}
        await desk.client.views_publish(user_id=user, view={"type": "home", "blocks": [block]})

    @app.event("app_home_opened")
    async def home(event: Any) -> None:
        await publish(event["user"], "waiting")

    @app.action("ping")
    async def ping(ack: Any, body: Any) -> None:
        await ack()
        desk.heard.append(("ping", body["container"]["type"]))
        await publish(body["user"]["id"], "seen")
