"""The demo as a newcomer meets it in a browser: break, read, approve, healed. Pictures of it are kept with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.sandbox.demo.world import World
from tests.sandbox.page_desk import CHROMIUM, chromium
from tests.stories.demo_world import open_world

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium"),
]

CHANGING_STEPS = ["payments-ctl status", "FLUSHDB", "payments-ctl restart --graceful"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "demo", pace_s=0.1) as world:
        yield world


@pytest.fixture
async def page(world: World) -> AsyncIterator[Page]:
    """The page as one opens it; a fault of it fails the test."""
    async with chromium() as browser:
        context = await browser.new_context(
            viewport={"width": 1280, "height": 800}, timezone_id="UTC", locale="en-GB"
        )
        faults: list[str] = []
        page = await context.new_page()
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        await page.goto(world.slack.page_url)
        await page.get_by_role("heading", name="#incidents").wait_for()
        yield page
        await context.close()
    assert faults == []


async def test_a_newcomer_breaks_reads_approves_and_it_is_healed(
    world: World, page: Page, tmp_path: Path
) -> None:
    status = page.get_by_role("status").filter(has_text="payments:")
    await expect(status).to_have_text("payments: healthy")
    await page.screenshot(path=tmp_path / "1-healthy.png")

    await page.get_by_role("button", name="Break payments").click()
    await expect(status).to_have_text("payments: broken")
    await expect(page.get_by_role("main").locator(".message", has_text="PagerDuty")).not_to_have_count(0)
    await page.get_by_role("main").get_by_role("button", name="repl").first.click()
    thread = page.get_by_role("complementary", name="Thread")
    for number, command in enumerate(CHANGING_STEPS, start=1):
        # The one before may still be there for a moment: its buttons go with its next update.
        approve = thread.locator(".message", has_text=command).get_by_role(
            "button", name="Approve", exact=True
        )
        # Where the reader is, without scrolling: at the button of the newest proposal.
        await expect(approve).to_be_in_viewport()
        await page.screenshot(path=tmp_path / f"2-step-{number}.png")
        await approve.click()
        question = page.get_by_role("alertdialog", name="Run this in prod?")
        await expect(question).to_contain_text(command.split()[0])
        await question.get_by_role("button", name="Run it").click()

    await expect(status).to_have_text("payments: healthy")
    await expect(thread).to_contain_text("Resolved")
    await expect(thread.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    await expect(page.get_by_role("main")).to_contain_text("Resolved #4127")
    await page.screenshot(path=tmp_path / "3-healed.png")
    assert world.payments.health().is_good
    assert [command for command in world.host.commands if "FLUSHDB" in command or "restart" in command] != []


async def test_breaking_it_twice_is_told_and_not_done(world: World, page: Page) -> None:
    broken = page.get_by_role("button", name="Break payments")
    await broken.click()
    await expect(page.get_by_role("status").filter(has_text="payments:")).to_have_text("payments: broken")
    await broken.click()
    await expect(page.get_by_role("status").filter(has_text="broken already")).to_be_visible()


async def test_a_channel_with_news_can_be_read_while_it_is_open(world: World, page: Page) -> None:
    await page.get_by_role("button", name="Break payments").click()
    place = page.locator(".place.unread[aria-current]")
    await expect(place).to_be_visible()
    colours = await place.evaluate(
        "(node) => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
    )
    assert colours[0] != colours[1]
    assert colours[0] != "rgb(255, 255, 255)"
