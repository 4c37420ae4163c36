"""Talking on the page: posting, commands, threads, members, links, files, and what happens when the line drops."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute, expect

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


async def test_what_you_post_appears_and_is_what_you_typed(desk: Desk) -> None:
    await desk.composer.fill("is *anyone* here? 1 < 2 && @Bob Ito")
    await desk.composer.press("Enter")
    row = desk.message("is anyone here?")
    await expect(row).to_contain_text("is anyone here? 1 < 2 && @Bob Ito")
    await expect(row.locator("strong", has_text="anyone")).to_be_visible()
    assert desk.slack.messages("C0INC")[-1]["text"] == "is *anyone* here? 1 &lt; 2 &amp;&amp; <@U02BOB>"
    await expect(desk.composer).to_have_value("")


async def test_a_slash_command_is_offered_sent_and_answered_to_you_alone(desk: Desk) -> None:
    await desk.composer.press_sequentially("/ru")
    await desk.page.get_by_role("option", name="/runbook").wait_for()
    await desk.composer.press("Tab")
    await expect(desk.composer).to_have_value("/runbook ")
    await desk.composer.press_sequentially("list")
    await desk.composer.press("Enter")
    row = desk.message("known: list")
    await expect(row).to_contain_text("Only visible to you")
    assert desk.heard == [("command", "list")]
    await desk.act_as("Bob Ito")
    await expect(row).to_have_count(0)


async def test_an_unknown_command_is_refused_and_the_text_kept(desk: Desk) -> None:
    await desk.composer.fill("/nothing here")
    await desk.composer.press("Enter")
    await expect(desk.page.get_by_role("alert").filter(has_text="/nothing")).to_be_visible()
    await expect(desk.composer).to_have_value("/nothing here")


async def test_commands_are_refused_in_threads(desk: Desk) -> None:
    root = await desk.say("a page")
    await desk.say("a reply", thread_ts=root)
    await desk.page.get_by_role("button", name="1 reply").click()
    reply = desk.thread.get_by_role("textbox", name="Reply to thread")
    await reply.press_sequentially("/runbook list")
    await expect(desk.page.get_by_role("listbox", name="Suggestions")).to_have_count(0)
    await reply.press("Enter")
    await expect(desk.thread.get_by_role("alert")).to_have_text(
        "/runbook is not supported in threads. Sorry!"
    )


async def test_an_open_thread_grows_as_others_write(desk: Desk) -> None:
    root = await desk.say("a page")
    await desk.message("a page").hover()
    await desk.message("a page").get_by_role("button", name="Reply in thread").click()
    reply = desk.thread.get_by_role("textbox", name="Reply to thread")
    await expect(reply).to_be_focused()
    await reply.fill("mine")
    await reply.press("Enter")
    await expect(desk.thread.locator(".message", has_text="mine")).to_be_visible()
    second = await desk.say("from the app", thread_ts=root)
    await expect(desk.thread.locator(".message", has_text="from the app")).to_be_visible()
    await expect(desk.page.get_by_role("button", name="2 replies")).to_be_visible()
    await desk.client.chat_update(channel="C0INC", ts=second, text="reworded")
    await expect(desk.thread.locator(".message", has_text="reworded")).to_contain_text("(edited)")
    await desk.client.chat_delete(channel="C0INC", ts=second)
    await expect(desk.thread.locator(".message", has_text="reworded")).to_have_count(0)
    await desk.page.keyboard.press("Escape")
    await expect(desk.thread).to_be_hidden()


async def test_a_root_that_is_deleted_leaves_its_replies(desk: Desk) -> None:
    root = await desk.say("a page")
    await desk.say("a reply", thread_ts=root)
    await desk.client.chat_delete(channel="C0INC", ts=root)
    await expect(desk.message("This message was deleted.")).to_contain_text("1 reply")


async def test_what_you_type_survives_a_message_that_updates_itself(desk: Desk) -> None:
    root = await desk.say("card", blocks=CARD)
    await desk.composer.fill("half a sen")
    await desk.page.get_by_role("button", name="Reject").focus()
    await desk.client.chat_update(channel="C0INC", ts=root, text="card", blocks=[*CARD, {"type": "divider"}])
    await expect(desk.message("Restart").locator("hr")).to_be_attached()
    await expect(desk.page.get_by_role("button", name="Reject")).to_be_focused()
    await expect(desk.composer).to_have_value("half a sen")


async def test_acting_as_another_shows_their_channels_and_posts_as_them(desk: Desk) -> None:
    places = desk.page.get_by_role("navigation", name="Workspace")
    await expect(places.get_by_role("button", name="secret")).to_be_visible()
    await desk.act_as("Bob Ito")
    await expect(desk.page.get_by_role("radio", name="Bob Ito")).to_be_checked()
    await expect(places.get_by_role("button", name="secret")).to_have_count(0)
    await expect(places).to_contain_text("Bob Ito")
    await desk.composer.fill("it is me")
    await desk.composer.press("Enter")
    await expect(desk.message("it is me").locator(".author")).to_have_text("Bob Ito")
    assert desk.slack.messages("C0INC")[-1]["user"] == "U02BOB"
    await desk.page.reload()
    await expect(desk.page.get_by_role("radio", name="Bob Ito")).to_be_checked()


async def test_unread_channels_and_direct_messages_are_marked_for_each_member(desk: Desk) -> None:
    places = desk.page.get_by_role("navigation", name="Workspace")
    await places.get_by_role("button", name="general").click()
    await desk.say("hello <!subteam^S0ONCALL>")
    await expect(places.get_by_role("button", name="incidents 1 unread")).to_be_visible()
    opened = await desk.client.conversations_open(users="U02BOB")
    await desk.client.chat_postMessage(channel=opened["channel"]["id"], text="you are asked")
    await expect(places.get_by_role("button", name="Runbook", exact=True)).to_be_visible()
    await places.get_by_role("button", name="incidents").click()
    await expect(places.get_by_role("button", name="incidents", exact=True)).to_be_visible()
    await desk.act_as("Bob Ito")
    await places.get_by_role("button", name="Runbook 1 unread").click()
    await expect(desk.page.get_by_role("tab", name="Messages")).to_have_attribute("aria-selected", "true")
    await expect(desk.message("you are asked")).to_be_visible()


async def test_a_permalink_finds_its_message_and_opens_the_thread_of_a_reply(desk: Desk) -> None:
    root = await desk.say("the very first")
    for number in range(40):
        await desk.say(f"line {number}")
    reply = await desk.say("deep inside", thread_ts=root)
    await desk.page.evaluate("address => { location.hash = address; }", f"#C0INC/{root}")
    await expect(desk.message("the very first")).to_be_in_viewport()
    await expect(desk.message("the very first")).to_have_class("message highlighted")
    await expect(desk.thread).to_be_hidden()
    link = await desk.client.chat_getPermalink(channel="C0INC", message_ts=reply)
    await desk.say(f"<{link['permalink']}|the place>")
    await desk.page.get_by_role("link", name="the place").click()
    row = desk.thread.locator(".message", has_text="deep inside")
    await expect(row).to_be_in_viewport()
    assert len(desk.page.context.pages) == 1, "a link into the workspace stays in the workspace"


async def test_text_that_looks_like_markup_is_inert_wherever_it_comes_from(desk: Desk) -> None:
    nasty = "<img src=x onerror=document.title='hit'>"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": nasty}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"{nasty} <javascript:document.title='hit'|click>"}},
        {"type": "markdown", "text": f"{nasty} [x](javascript:document.title='hit')"},
    ]  # fmt: skip
    await desk.say(nasty, blocks=blocks)
    odd = {"title": nasty, "title_link": "javascript:alert(1)", "text": nasty, "color": "red;}"}
    desk.pagerduty_says(
        "odd", username=nasty, attachments=[{**odd, "fields": [{"title": nasty, "value": nasty}]}]
    )
    await desk.composer.fill(nasty)
    await desk.composer.press("Enter")
    await expect(desk.page.locator(".message .rich", has_text=nasty).last).to_be_visible()
    await expect(desk.page.locator(".attachment-title")).to_have_text(nasty)
    assert await desk.page.locator("img, script:not([src]), a[href^='javascript']").count() == 0
    assert "hit" not in await desk.page.title()


async def test_a_file_shows_its_text_and_can_be_opened_and_downloaded(desk: Desk) -> None:
    text = "\n".join(f"line {number} <b>" for number in range(60))
    root = await desk.say("a page")
    await desk.client.files_upload_v2(channel="C0INC", thread_ts=root, filename="step-1.txt", content=text)
    await desk.page.get_by_role("button", name="1 reply").click()
    file = desk.thread.locator(".file")
    await expect(file).to_contain_text("step-1.txt")
    await expect(file.locator("pre")).to_contain_text("line 3 <b>")
    await expect(file.locator("pre")).not_to_contain_text("line 59")
    await file.get_by_role("button", name="Show all").click()
    await expect(file.locator("pre")).to_contain_text("line 59 <b>")
    async with desk.page.expect_download() as download:
        await file.get_by_role("link", name="Download step-1.txt").click()
    saved = await (await download.value).path()
    assert saved.read_text(encoding="utf-8") == text


async def test_the_page_comes_back_by_itself_and_reads_what_it_missed(desk: Desk) -> None:
    lines: list[WebSocketRoute] = []
    is_cut = False

    async def pass_on(line: WebSocketRoute) -> None:
        if is_cut:
            await line.close()
            return
        lines.append(line)
        line.connect_to_server()

    await desk.page.route_web_socket("**/page/live*", pass_on)
    await desk.page.reload()
    await desk.say("before")
    await expect(desk.message("before")).to_be_visible()
    is_cut = True
    await lines[-1].close()
    await expect(desk.page.get_by_role("alert").filter(has_text="not answering")).to_be_visible()
    await desk.say("meanwhile")
    is_cut = False
    await expect(desk.message("meanwhile")).to_be_visible()
    await expect(desk.page.get_by_role("alert").filter(has_text="not answering")).to_be_hidden()
    await desk.say("after")
    await expect(desk.message("after")).to_be_visible()


async def test_the_strip_shows_the_service_and_makes_things_happen(desk: Desk) -> None:
    async def broken() -> None:
        desk.slack.status("Payments: broken", state="bad")

    desk.slack.add_scenario(
        Scenario(id="break", label="Break payments", run=broken, hint="It breaks", style="danger")
    )
    await desk.page.reload()
    await desk.page.get_by_role("button", name="Break payments").click()
    await expect(desk.page.get_by_text("Payments: broken")).to_be_visible()
