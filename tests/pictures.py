"""Takes the README's pictures of what people see in Slack: `python -m tests.pictures [NAME …]`.

Each is the real bot in the local workspace, seen through Chromium, so a picture shows what is there and nothing else.
Look at them before they are committed: they are for people, and no test can tell whether one is clear.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Locator, Page, expect

from bot.slack import ids
from tests.sandbox.page_desk import chromium
from tests.stories.catalogs import FLUSH, INVENTORY
from tests.stories.demo_world import open_world, press, text_says
from tests.stories.stage import ALICE, BOB, CAROL, Stage
from tests.stories.test_commands import SEVERAL, TYPED
from tests.stories.test_failing import THREE
from tests.stories.test_incident_diagnosis import break_checkout, shop
from tests.stories.test_metric_checks import WAIT, checked
from tests.stories.test_schedules import clearing

FOLDER = Path(__file__).parent.parent / "bot" / "sandbox" / "page" / "pictures"
GLASS = INVENTORY.replace(
    "prod: { approvers: [oncall] }",
    "prod: { approvers: [oncall], escalate_to: [leads], override: [carol@acme.example] }",
)


@asynccontextmanager
async def opened(url: str, *, width: int = 1280, height: int = 900) -> AsyncIterator[Page]:
    """The page as Alice opens it."""
    async with chromium() as browser:
        context = await browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="UTC", locale="en-GB"
        )
        page = await context.new_page()
        await page.goto(url)
        await page.get_by_role("heading", name="#incidents").wait_for()
        yield page
        await context.close()


def thread_of(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Thread")


async def open_thread(page: Page) -> None:
    await page.get_by_role("main").get_by_role("button", name="repl").last.click()
    await expect(thread_of(page)).to_be_visible()


async def keep(shown: Page | Locator, name: str) -> None:
    """The picture, once everything in it is drawn."""
    await _still(shown.page if isinstance(shown, Locator) else shown)
    await shown.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


async def keep_from(page: Page, words: str, name: str) -> None:
    """The end of the thread, from the message with these words on."""
    await _still(page)
    shown = await thread_of(page).locator(".scroller").bounding_box()
    first = await thread_of(page).locator(".message", has_text=words).first.bounding_box()
    assert shown is not None
    assert first is not None
    assert first["y"] >= shown["y"], "make the window higher"
    clip = {**shown, "y": first["y"], "height": shown["y"] + shown["height"] - first["y"]}
    await page.screenshot(path=FOLDER / f"{name}.png", clip=clip, animations="disabled")  # type: ignore[arg-type]


async def _still(page: Page) -> None:
    """Nothing is hovered over or focused, and what comes late has come."""
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement?.blur()")
    await asyncio.sleep(0.7)


async def demo(folder: Path) -> None:
    """A page, the next safe step and its approval."""
    async with open_world(folder / "demo", pace_s=0.1) as world, opened(world.slack.page_url) as page:
        await page.get_by_role("button", name="Break payments").click()
        await press(world, ALICE, ids.APPROVE)
        await page.get_by_role("main").get_by_role("button", name="replies").first.click()
        await expect(thread_of(page).get_by_text("redis-cli FLUSHDB")).to_be_visible()
        await keep(page, "demo")


async def pagerduty(folder: Path) -> None:
    """The notes of three approvals and of the end."""
    async with open_world(folder / "demo", pace_s=0.1) as world, opened(world.slack.page_url) as page:
        await world.break_payments()
        for words in ("payments-ctl status", "FLUSHDB", "restart --graceful"):
            await text_says(world, words)
            await press(world, ALICE, ids.APPROVE)
        message = page.get_by_role("main").locator(
            ".message", has_text="Runbook restore-payments in prod succeeded"
        )
        await expect(message).to_contain_text("Resolved")
        await keep(message, "pagerduty")


async def home(folder: Path) -> None:
    """What waits for Alice, what she decided, the numbers."""
    inventory = SEVERAL.replace("team: payments,", "team: payments, aliases: [PF9KMXH, checkout-api],")
    books = {"flush": FLUSH, "workers": TYPED}
    async with Stage.open(folder, runbooks=books, inventory=inventory) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.slack.user(BOB).command("/runbook start flush", "C0INC")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        await stage.slack.user(BOB).command("/runbook start workers workers=5 drain=no", "C0INC")
        await stage.rest()
        async with opened(stage.slack.page_url, height=800) as page:
            await page.get_by_role("button", name="Runbook", exact=True).click()
            await page.get_by_role("tab", name="Home").click()
            await expect(page.get_by_text("1 thing waits for you")).to_be_visible()
            await keep(page, "home")


async def start_form(folder: Path) -> None:
    """An input of each type, and what does not fit told at its field."""
    async with (
        Stage.open(folder, runbooks={"workers": TYPED}, inventory=SEVERAL) as stage,
        opened(stage.slack.page_url) as page,
    ):
        await page.get_by_role("textbox", name="Message #incidents").fill("/runbook start workers kind=huge")
        await page.keyboard.press("Enter")
        form = page.get_by_role("dialog")
        await form.get_by_role("textbox", name="workers").fill("5")
        await form.get_by_role("textbox", name="ticket").fill("the one of today")
        await form.get_by_role("button", name="Start", exact=True).click()
        await expect(form.get_by_text("give text that matches INC-[0-9]+")).to_be_visible()
        await keep(form, "start-form")


async def break_glass(folder: Path) -> None:
    """Nobody answers, the leads are asked, and somebody who may runs it alone."""
    async with Stage.open(folder, runbooks={"flush": FLUSH}, inventory=GLASS) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        for minutes in (5, 5):
            stage.clock.push(timedelta(minutes=minutes, seconds=1))
            await stage.rest()
        await stage.click(CAROL, "Break glass")
        form = await stage.form(CAROL)
        await stage.slack.user(CAROL).submit(form["id"], {"reason": "Checkout is down, and nobody answers."})
        await stage.rest()
        async with opened(stage.slack.page_url, height=1160) as page:
            await open_thread(page)
            await keep_from(page, "still waiting for a decision", "break-glass")


async def end(folder: Path) -> None:
    """The metric before and after with its picture, the summary, and the run as a document."""
    async with checked(folder) as (stage, prometheus):
        await stage.click(ALICE, "Approve")
        await stage.host.started("traffic shift")
        prometheus.moves_to(12, stage.clock)
        await stage.rest()
        stage.clock.push(WAIT)
        await stage.rest()
        await stage.click(BOB, "Export")
        await stage.rest()
        async with opened(stage.slack.page_url, height=1300) as page:
            await open_thread(page)
            await expect(page.locator("img.file-picture")).to_be_visible()
            await keep_from(page, "Checked after the run", "end")


async def schedule(folder: Path) -> None:
    """A time that came round, and the step that waits for a click."""
    async with Stage.open(folder, runbooks={"clear-sessions": clearing(minutes=3)}) as stage:
        stage.clock.push(timedelta(minutes=3))
        await stage.shows("Next safe step")
        await stage.rest()
        async with opened(stage.slack.page_url, height=860) as page:
            await open_thread(page)
            await keep(page, "schedule")


async def diagnosis(folder: Path) -> None:
    """What is wrong with a release, in whose words, and what fits."""
    async with shop(folder, "diagnose: auto") as (stage, cluster):
        await break_checkout(cluster, says="dial tcp 10.0.0.9:5432: connect: connection refused")
        await stage.page("triggered")
        await stage.rest()
        async with opened(stage.slack.page_url, height=1300) as page:
            await open_thread(page)
            await keep_from(page, "a connection is refused", "diagnosis")


async def left_steps(folder: Path) -> None:
    """The walk back stopped at the second step."""
    async with Stage.open(folder, runbooks={"three": THREE}) as stage:
        for command in ("traffic shift", "queue drain", "traffic restore", "systemctl start checkout"):
            stage.host.prints(command, "ok\n")
        stage.host.prints("systemctl restart checkout", "unit checkout failed\n", status=1)
        stage.host.prints("queue fill", "broker is down\n", status=2)
        await stage.page("triggered")
        for _ in range(3):
            await stage.rest()
            await stage.click(ALICE, "Approve")
        await stage.rest()
        async with opened(stage.slack.page_url, height=1220) as page:
            await open_thread(page)
            await keep_from(page, "Undoing by itself", "left-steps")


PICTURES: dict[str, Callable[[Path], Awaitable[None]]] = {
    "demo": demo,
    "pagerduty": pagerduty,
    "home": home,
    "start-form": start_form,
    "break-glass": break_glass,
    "end": end,
    "schedule": schedule,
    "diagnosis": diagnosis,
    "left-steps": left_steps,
}


async def main(names: list[str]) -> None:
    for name in names or list(PICTURES):
        with TemporaryDirectory() as folder:
            await PICTURES[name](Path(folder))
        print(f"took {name}.png")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
