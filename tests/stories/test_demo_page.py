"""The demo as a newcomer meets it in a browser: break, read, approve, healed. Pictures of it are kept with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.sandbox.demo.payment_api import BAD_RELEASE, NAME, NAMESPACE, PaymentApi
from bot.sandbox.demo.world import World
from tests.sandbox.page_desk import CHROMIUM, chromium, open_page
from tests.stories.demo_world import open_world

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium"),
]

CHANGING_STEPS = ["payments-ctl status", "FLUSHDB", "payments-ctl restart --graceful"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "demo", pace_s=0.1, ready_after_s=2.4) as world:
        yield world


@pytest.fixture
async def page(world: World) -> AsyncIterator[Page]:
    """The page as one opens it."""
    async with chromium() as browser, open_page(browser, world.slack.page_url) as page:
        yield page


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


async def test_a_cluster_is_scaled_and_a_bad_release_rolled_back(
    world: World, page: Page, tmp_path: Path
) -> None:
    status = page.get_by_role("status").filter(has_text="payment-api:")
    thread = page.get_by_role("complementary", name="Thread")
    await expect(status).to_have_text("payment-api: healthy")

    await page.get_by_role("button", name="Overload payment-api").click()
    await expect(status).to_have_text("payment-api: slow")
    await open_thread(page, "checkouts are slow")
    await approve(page, "Proposing to run 5 pods", tmp_path / "1-notify.png")
    with last_pod_waiting(world.payment_api, ready=4):
        await approve(page, "--replicas=5", tmp_path / "2-scale.png", what="from 3 to 5")
        await expect(thread).to_contain_text("4 of 5 ready")
        await page.screenshot(path=tmp_path / "3-progress.png")
    await expect(status).to_have_text("payment-api: healthy")
    await expect(thread).to_contain_text("Run of scale-payment-api succeeded")
    await page.screenshot(path=tmp_path / "4-scaled.png")
    assert world.payment_api.wanted == 5

    await page.get_by_role("button", name="Bad deploy").click()
    await expect(status).to_have_text("payment-api: broken")
    await open_thread(page, "checkouts answer 503")
    await approve(
        page, "rollout undo", tmp_path / "5-roll-back.png", what="payment-api:2.5.0 → payment-api:2.4.0"
    )
    await expect(thread).to_contain_text("Resolved by monitoring")
    await expect(status).to_have_text("payment-api: healthy")
    await page.screenshot(path=tmp_path / "6-rolled-back.png")
    assert world.payment_api.release == "2.4.0"


@contextmanager
def last_pod_waiting(api: PaymentApi, *, ready: int) -> Iterator[None]:
    """No more pods than these get ready until the block ends, so that what is shown of it can be read."""
    cluster = api.cluster

    def look(_: object) -> None:
        if cluster.ready(NAMESPACE, NAME) >= ready:
            cluster.never_ready(NAMESPACE, NAME)

    forget = cluster.world.listen(look)
    yield
    forget()
    cluster.gets_ready(NAMESPACE, NAME)
    cluster.never_ready(NAMESPACE, NAME, image=f"{NAME}:{BAD_RELEASE}")


async def open_thread(page: Page, title: str) -> None:
    """The thread of the bot's message about this."""
    replies = page.get_by_role("button", name="repl")
    messages = page.get_by_role("main").locator(".message", has_text=title).filter(has=replies)
    await messages.first.get_by_role("button", name="repl").click()
    await expect(page.get_by_role("complementary", name="Thread")).to_contain_text(title)


async def approve(page: Page, command: str, picture: Path, *, what: str = "") -> None:
    """Read the proposal that shows this command, click Approve, and say yes to the question."""
    thread = page.get_by_role("complementary", name="Thread")
    proposal = thread.locator(".message", has_text=command)
    button = proposal.get_by_role("button", name="Approve", exact=True)
    await expect(button).to_be_in_viewport()
    await expect(proposal.first).to_contain_text(what or command)
    await page.screenshot(path=picture)
    await button.click()
    question = page.get_by_role("alertdialog")
    await question.get_by_role("button", name="Run it").click()


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
