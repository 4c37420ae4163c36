"""The App Home: what waits for whoever looks, and a click there that counts like one in the thread."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, BOB, CAROL, GUEST, Stage

TWICE = """
    description: Give the API more workers.
    trigger: { service_id: checkout, symptoms: [queue is long] }
    steps:
      - name: scale
        command: scale-workers 9
        rollback: scale-workers 2
        safety: { message: Finance wants to know. }
    safety: { scopes: [prod], min_approvals: 2 }
"""
LONG = f"""
    description: Write a long file.
    steps:
      - name: write
        command: printf %s {"x" * 6000}
        irreversible: true
    safety: {{ scopes: [prod] }}
"""


async def test_a_home_shows_what_waits_and_decides_like_the_thread(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH, "workers": TWICE}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("scale-workers 9", "OK\n")
        alice = stage.slack.user(ALICE)
        stage.reading.write_down("Alice opens the Home of the bot: nothing is going on")
        await alice.open_home()
        await stage.home(ALICE, "Nothing waits for you")
        stage.reading.note("======== a page arrives, and her Home follows\n")
        await stage.page("triggered")
        await stage.home(ALICE, "1 thing waits")
        await stage.rest()
        await stage.click_home(ALICE, "Approve")
        await stage.until(lambda: stage.host.ran == ["redis-cli FLUSHDB"], what="the step to run")
        await stage.tell("she approves there")
        await stage.home(ALICE, "Approved `flush-cache`", "Nothing is running")
        stage.reading.note("======== Bob starts another, which two people must approve\n")
        await stage.slack.user(BOB).command("/runbook start workers", "C0INC")
        await stage.home(ALICE, "1 thing waits", "its thread (http")
        stage.reading.note("======== she approves it, and it waits for somebody else\n")
        await stage.click_home(ALICE, "Approve")
        await stage.home(ALICE, "1 run goes on", "Approved `scale`")
        stage.reading.note("======== Bob started it, Carol is in no group, Gil is a guest\n")
        for who in (BOB, CAROL, GUEST):
            await stage.slack.user(who).open_home()
        await stage.home(BOB, "1 run goes on")
        await stage.home(CAROL, "1 run goes on")
        await stage.home(GUEST, "Nothing is shown here")
        stage.check("home")


async def test_what_does_not_fit_is_decided_where_it_can_be_read(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"write": LONG}) as stage:
        await stage.slack.user(BOB).command("/runbook start write --service checkout", "C0INC")
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.slack.user(ALICE).open_home()
        await stage.home(ALICE, "1 thing waits")
        assert "Approve" not in stage.reading.home(ALICE)
        assert "Read and decide it in its thread" in stage.reading.home(ALICE)


async def test_a_click_on_a_home_that_is_old_is_refused_in_front_of_whoever_clicked(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.slack.user(ALICE).open_home()
        await stage.page("triggered")
        await stage.rest()
        await stage.home(ALICE, "1 thing waits")
        # No event tells of it, so only a reading of the group can.
        stage.slack.workspace.groups["S0ONCALL"].users.remove(ALICE)
        stage.clock.push(timedelta(minutes=6))
        await stage.click_home(ALICE, "Approve")
        modal = await stage.until(lambda: stage.slack.modal(ALICE), what="the refusal")
        assert "you are not one of its approvers" in str(modal["blocks"])
        assert stage.host.ran == []
        stage.slack.workspace.set_group_members("S0ONCALL", [BOB])
        await stage.home(ALICE, "Nothing waits for you")
