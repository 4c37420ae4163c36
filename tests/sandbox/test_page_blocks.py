"""What people do with blocks on the page: click, confirm, choose, fill in modals; by mouse and by keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from bot.sandbox import acme
from bot.sandbox.page_routes import Scenario
from tests.sandbox.page_desk import CARD, CHROMIUM, Desk, chromium, open_desk

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def desk(browser: Browser) -> AsyncIterator[Desk]:
    async with open_desk(browser) as desk:
        yield desk


async def form_of(desk: Desk) -> Locator:
    """The modal that Reject opens."""
    await desk.say("card", blocks=CARD)
    await desk.page.get_by_role("button", name="Reject").click()
    form = desk.page.get_by_role("dialog", name="Reject this step")
    await expect(form).to_be_visible()
    return form


async def choose(form: Locator, label: str, value: str) -> None:
    await form.get_by_role("combobox", name=label).click()
    await form.get_by_role("option", name=value).click()


async def answers(desk: Desk) -> dict[str, Any]:
    """What the app got from the form."""
    sent = await desk.slack.until(lambda: [value for kind, value in desk.heard if kind == "form"])
    return {block: next(iter(by_action.values())) for block, by_action in sent[-1].items()}


async def test_a_click_asks_first_and_does_nothing_when_the_answer_is_no(desk: Desk) -> None:
    root = await desk.say("card", blocks=CARD)
    approve = desk.page.get_by_role("button", name="Approve")
    question = desk.page.get_by_role("alertdialog", name="Run it?")
    await approve.click()
    await expect(question.locator("strong")).to_have_text("staging")
    await expect(question.get_by_role("button", name="Not now")).to_be_focused()
    await desk.page.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await expect(approve).to_be_focused()
    assert desk.heard == []
    await approve.click()
    await question.get_by_role("button", name="Run").click()
    await expect(approve).to_have_count(0)
    await expect(desk.page.get_by_role("button", name="1 reply")).to_be_visible()
    assert desk.heard == [("approve", "U01ALICE")]
    assert len(desk.slack.thread("C0INC", root)) == 2


async def test_a_menu_in_a_message_acts_as_it_is_chosen(desk: Desk) -> None:
    await desk.say("card", blocks=CARD)
    await desk.page.get_by_role("combobox", name="Another runbook").click()
    await desk.page.get_by_role("option", name="Scale").click()
    await expect(desk.message("you picked scale")).to_contain_text("Only visible to you")
    await desk.page.get_by_role("button", name="More options").click()
    await desk.page.get_by_role("menuitem", name="History").click()
    await expect(desk.message("you picked history")).to_be_visible()


async def test_another_apps_button_says_that_nobody_would_answer(desk: Desk) -> None:
    button = {"type": "button", "action_id": "ack", "text": {"type": "plain_text", "text": "Acknowledge"}}
    desk.pagerduty_says("Triggered", blocks=[{"type": "actions", "elements": [button]}])
    await desk.page.get_by_role("button", name="Acknowledge").click()
    await expect(desk.page.get_by_role("status").filter(has_text="belongs to another app")).to_be_visible()


async def test_required_fields_are_asked_for_before_anything_is_sent(desk: Desk) -> None:
    form = await form_of(desk)
    await form.get_by_role("textbox", name="Replicas").fill("12")
    await form.get_by_role("button", name="Send").click()
    await expect(
        form.get_by_role("alert").filter(has_text="Please complete this required field.")
    ).to_be_visible()
    await expect(form.get_by_role("alert").filter(has_text="no greater than 9")).to_be_visible()
    reason = form.get_by_role("textbox", name="Reason")
    await expect(reason).to_be_focused()
    await expect(reason).to_have_attribute("aria-invalid", "true")
    await reason.fill("no")
    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_role("alert").filter(has_text="at least 3 characters")).to_be_visible()
    assert desk.heard == []


async def test_errors_the_app_finds_stand_under_the_field_and_keep_what_was_typed(desk: Desk) -> None:
    form = await form_of(desk)
    reason = form.get_by_role("textbox", name="Reason")
    await reason.fill("wrong")
    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_role("alert")).to_have_text("Say what you saw.")
    await expect(reason).to_have_value("wrong")
    await reason.fill("better")
    await form.get_by_role("button", name="Send").click()
    await expect(form).to_have_count(0)
    await expect(desk.page.get_by_role("button", name="Reject")).to_be_focused()


async def test_every_kind_of_input_reaches_the_app_in_slacks_shape(desk: Desk) -> None:
    form = await form_of(desk)
    await form.get_by_role("textbox", name="Reason").fill("it is *fine*")
    await choose(form, "Environment", "Prod")
    await form.get_by_role("combobox", name="Tell").click()
    await form.get_by_role("option", name="Bob Ito").click()
    await form.get_by_role("option", name="Carol Okafor").click()
    await desk.page.keyboard.press("Escape")
    await expect(form).to_be_visible()
    await form.get_by_role("radio", name="Undo").check()
    await form.get_by_role("checkbox", name="Fast").check()
    await choose(form, "Owner", "Alice")
    await form.get_by_label("Day").fill("2026-11-21")
    await form.get_by_role("button", name="Send").click()
    got = await answers(desk)
    assert got["reason"] == {"type": "plain_text_input", "value": "it is *fine*"}
    assert got["count"] == {"type": "number_input", "value": "3"}
    assert got["env"]["selected_option"]["value"] == "prod"
    assert got["tell"]["selected_users"] == ["U02BOB", "U03CAROL"]
    assert got["then"]["selected_option"]["value"] == "undo"
    assert [one["value"] for one in got["flags"]["selected_options"]] == ["fast"]
    assert got["owner"]["selected_user"] == "U01ALICE"
    assert got["day"]["selected_date"] == "2026-11-21"


async def test_a_pushed_view_gives_back_the_one_below_with_what_was_typed(desk: Desk) -> None:
    form = await form_of(desk)
    await form.get_by_role("textbox", name="Reason").fill("again")
    await form.get_by_role("button", name="Send").click()
    second = desk.page.get_by_role("dialog", name="Really?")
    await expect(second).to_contain_text("One more look")
    await second.get_by_role("button", name="Back").first.click()
    await expect(form.get_by_role("textbox", name="Reason")).to_have_value("again")
    await desk.page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    assert desk.slack.modal("U01ALICE") is None


async def test_the_cross_closes_the_whole_stack(desk: Desk) -> None:
    form = await form_of(desk)
    await form.get_by_role("textbox", name="Reason").fill("again")
    await form.get_by_role("button", name="Send").click()
    second = desk.page.get_by_role("dialog", name="Really?")
    await second.get_by_role("button", name="Close").click()
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)
    await desk.slack.until(lambda: desk.slack.modal("U01ALICE") is None)


async def test_an_app_can_clear_the_whole_stack(desk: Desk) -> None:
    form = await form_of(desk)
    await form.get_by_role("textbox", name="Reason").fill("again")
    await form.get_by_role("button", name="Send").click()
    await desk.page.get_by_role("dialog", name="Really?").get_by_role("button", name="Yes").click()
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)
    await desk.say("after")
    await expect(desk.message("after")).to_be_visible()
    await expect(desk.page.get_by_role("dialog")).to_have_count(0)


async def test_an_open_modal_is_still_there_after_a_reload(desk: Desk) -> None:
    await form_of(desk)
    await desk.page.reload()
    await expect(desk.page.get_by_role("dialog", name="Reject this step")).to_be_visible()


async def test_a_message_shortcut_is_in_the_messages_menu(desk: Desk) -> None:
    ts = await desk.say("a page")
    await desk.message("a page").hover()
    await desk.message("a page").get_by_role("button", name="More actions").click()
    await desk.page.get_by_role("menuitem", name="Start a runbook").click()
    await expect(desk.page.get_by_role("dialog")).to_be_visible()
    assert desk.heard == [("shortcut", ts)]


async def test_app_home_is_published_and_updates_as_it_is_used(desk: Desk) -> None:
    await desk.page.get_by_role("navigation").get_by_role("button", name="Runbook").click()
    home = desk.page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("waiting for @Alice Arendt")
    await home.get_by_role("button", name="Look").click()
    await expect(home).to_contain_text("seen for @Alice Arendt")
    assert desk.heard == [("ping", "view")]


async def test_an_app_that_does_not_answer_is_told_as_slack_tells_it(desk: Desk) -> None:
    button = {"type": "button", "action_id": "unheard", "text": {"type": "plain_text", "text": "Unheard"}}
    await desk.say("card", blocks=[{"type": "actions", "elements": [button]}])
    await desk.page.get_by_role("button", name="Unheard").click()
    await expect(desk.page.get_by_role("status").filter(has_text="This app")).to_be_visible()


async def test_everything_can_be_done_without_a_mouse(desk: Desk) -> None:
    await desk.say("first")
    await desk.say("card", blocks=CARD)
    keys = desk.page.keyboard
    await desk.message("Restart").wait_for()
    await desk.message("Restart").focus()
    await keys.press("ArrowUp")
    await expect(desk.message("first")).to_be_focused()
    await keys.press("ArrowDown")
    await keys.press("Tab")
    await expect(desk.page.get_by_role("button", name="Approve")).to_be_focused()
    await keys.press("Tab")
    await keys.press("Tab")
    await keys.press("ArrowDown")
    await keys.press("ArrowDown")
    await keys.press("Enter")
    await desk.slack.until(lambda: ("picked", "scale") in desk.heard)
    await desk.page.get_by_role("button", name="Reject").focus()
    await keys.press("Enter")
    form = desk.page.get_by_role("dialog")
    await expect(form.get_by_role("textbox", name="Reason")).to_be_focused()
    for _ in range(16):
        await keys.press("Tab")
        assert await form.evaluate("form => form.contains(document.activeElement)"), (
            "the focus left the modal"
        )


CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (value) => (value /= 255, value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = numbers(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const isSeen = walker.currentNode.data.trim() && node.checkVisibility({ visibilityProperty: true });
    if (!isSeen || node.closest(":disabled, .unseen, script")) continue;
    const style = getComputedStyle(node);
    const [one, other] = [luminance(numbers(style.color)), luminance(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= (style.fontWeight >= 700 ? 18.6 : 24);
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(`${walker.currentNode.data.trim()} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_stands_out_from_its_ground(desk: Desk, scheme: Any) -> None:
    await desk.page.emulate_media(color_scheme=scheme)
    root = await desk.say("<@U01ALICE> <#C0INC> `code` <https://a.example|link> <!here> *card*")
    await desk.say("reply", thread_ts=root)
    old = {"title": "t", "text": "x", "footer": "f", "color": "danger"}
    desk.pagerduty_says("Triggered", attachments=[old])
    desk.slack.status("Payments: broken", state="bad")
    await desk.client.chat_postEphemeral(channel="C0INC", user="U01ALICE", text="for you")
    await desk.page.get_by_role("button", name="1 reply").click()
    assert await desk.page.evaluate(CONTRAST) == []
    form = await form_of(desk)
    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_role("alert").first).to_be_visible()
    assert await desk.page.evaluate(CONTRAST) == []


async def nothing() -> None:
    return None


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (900, 700), (390, 844)])
async def test_nothing_is_cut_off_sideways(desk: Desk, size: tuple[int, int]) -> None:
    await desk.page.set_viewport_size({"width": size[0], "height": size[1]})
    for user in (acme.GUEST, acme.STRANGER, acme.NO_EMAIL):
        del desk.slack.workspace.users[user]  # the three of the demo stand side by side
    for label in ("Break payments", "Break the cache", "Resolve the incident"):
        desk.slack.add_scenario(Scenario(id=label, label=label, run=nothing))
    desk.slack.status("Payments: healthy", state="ok")
    await desk.page.reload()
    root = await desk.say("card", blocks=CARD)
    await desk.say("a" * 400, thread_ts=root)
    await desk.page.get_by_role("button", name="1 reply").click()
    await expect(desk.thread).to_be_visible()
    wide = """() => ["html", ".pane", ".thread", ".sidebar", ".messages", ".strip", "body"].flatMap((name) =>
      [...document.querySelectorAll(name)].filter((node) => node.scrollWidth > node.clientWidth).map((node) => name))"""
    assert await desk.page.evaluate(wide) == []
