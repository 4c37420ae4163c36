"""The Home, the forms and the answers in a browser: what waits is approved there. Pictures are kept with the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bot.sandbox import acme
from tests.fakes.patience import PATIENCE_S
from tests.sandbox.page_desk import CHROMIUM, chromium, open_page
from tests.stories.catalogs import FLUSH
from tests.stories.stage import BOB, Stage
from tests.stories.test_commands import SEVERAL, TYPED

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium"),
]
INVENTORY = SEVERAL.replace("team: payments,", "team: payments, aliases: [PF9KMXH, checkout-api],")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    books = {"flush": FLUSH, "workers": TYPED}
    async with Stage.open(tmp_path, runbooks=books, inventory=INVENTORY) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        yield stage


@pytest.fixture
async def page(stage: Stage) -> AsyncIterator[Page]:
    """The page as Alice opens it."""
    async with chromium() as browser, open_page(browser, stage.slack.page_url) as page:
        yield page


async def ask(page: Page, button: Locator) -> None:
    """Click until the question stands there: a Home that is drawn anew under the pointer loses a click, as Slack's."""
    question = page.get_by_role("alertdialog")
    async with asyncio.timeout(PATIENCE_S):
        while not await question.is_visible():
            with suppress(PlaywrightTimeout):
                await button.click(timeout=5_000)
                await question.wait_for(timeout=5_000)


async def test_what_waits_at_home_is_approved_there_and_done(
    stage: Stage, page: Page, tmp_path: Path
) -> None:
    for line in ("/runbook start flush", "/runbook start workers workers=5 drain=no"):
        await stage.slack.user(BOB).command(line, "C0INC")
    await stage.until(lambda: len(stage.shown("Approve")) == 2, what="both proposals")
    await stage.rest()
    await page.get_by_role("button", name="Runbook", exact=True).click()
    await page.get_by_role("tab", name="Home").click()
    home = page.get_by_role("tabpanel", name="Home")
    await expect(home.get_by_text("2 things wait for you")).to_be_visible()
    await stage.rest()
    await page.screenshot(path=tmp_path / "home.png")
    await ask(page, home.get_by_role("button", name="Approve").first)
    await page.get_by_role("button", name="Run it").click()
    await stage.until(lambda: stage.host.ran == ["redis-cli FLUSHDB"], what="the step to run")
    await stage.home(acme.ALICE, "1 thing waits", "Approved `flush-cache`")
    await expect(home.get_by_text("1 thing waits for you")).to_be_visible()
    await page.screenshot(path=tmp_path / "home-after.png")


async def test_a_start_asks_for_what_is_missing_in_a_form_and_says_what_is_wrong_at_its_field(
    stage: Stage, page: Page, tmp_path: Path
) -> None:
    box = page.get_by_role("textbox", name="Message #incidents")
    await box.fill("/run")
    await expect(page.get_by_text("simulate SERVICE")).to_be_visible()
    await box.fill("/runbook start workers kind=huge")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog")
    await expect(form.get_by_text("you typed 'huge', which does not fit")).to_be_visible()
    await page.screenshot(path=tmp_path / "start.png")
    await form.get_by_role("textbox", name="workers").fill("5")
    await form.get_by_role("textbox", name="ticket").fill("the one of today")
    await form.get_by_role("button", name="Start", exact=True).click()
    await expect(form.get_by_text("give text that matches INC-[0-9]+")).to_be_visible()
    await form.get_by_role("textbox", name="ticket").fill("INC-17")
    await form.get_by_role("button", name="Start", exact=True).click()
    await stage.until(lambda: stage.shown("Approve"), what="the proposal")
    (run,) = await stage.runs()
    assert run.params == {"workers": 5, "kind": "small", "drain": True, "ticket": "INC-17"}


async def test_answers_to_a_command_are_read_by_whoever_asked(
    stage: Stage, page: Page, tmp_path: Path
) -> None:
    box = page.get_by_role("textbox", name="Message #incidents")
    for line, words in (
        ("/runbook show workers", "It never ran"),
        ("/runbook who", "may start"),
        ('/runbook simulate checkout "latency is up"', "It would end as"),
    ):
        await box.fill(line)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main").get_by_text(words).last).to_be_visible()
    await page.screenshot(path=tmp_path / "answers.png")
    assert stage.host.ran == []
