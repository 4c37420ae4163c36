"""What goes wrong on the host: failures taken back in reverse, undos that fail, answers that are lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.catalogs import FLUSH, INVENTORY
from tests.stories.stage import ALICE, BOB, Stage

THREE = """
    description: Move traffic away, drain, restart.
    trigger: { service_id: checkout, symptoms: [latency] }
    rollback_on_failure: true
    steps:
      - name: shift
        command: traffic shift
        rollback: traffic restore
      - name: drain
        command: queue drain
        rollback: queue fill
      - name: restart
        command: systemctl restart checkout
        rollback: systemctl start checkout
    safety: { scopes: [prod] }
"""

TWO_STEPS = """
    description: Move traffic away, then restart.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: shift
        command: traffic shift
        rollback: traffic restore
      - name: restart
        command: systemctl restart checkout
        rollback: systemctl start checkout
    safety: { scopes: [prod] }
"""


async def _approve_all(stage: Stage, *, times: int) -> None:
    await stage.page("triggered")
    await stage.rest()
    for _ in range(times):
        await stage.click(ALICE, "Approve")
        await stage.rest()


async def test_a_failed_step_is_taken_back_with_all_before_it_last_done_first(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"three": THREE}) as stage:
        for command in (
            "traffic shift",
            "queue drain",
            "queue fill",
            "traffic restore",
            "systemctl start checkout",
        ):
            stage.host.prints(command, "ok\n")
        stage.host.prints("systemctl restart checkout", "unit checkout failed\n", status=1)
        await _approve_all(stage, times=2)
        stage.reading.write_down("two steps are done, the third is proposed")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves the third, and it fails")
        stage.check("failed_and_rolled_back")
        assert stage.host.ran[3:] == ["systemctl start checkout", "queue fill", "traffic restore"]


async def test_an_undo_that_fails_stops_there_and_lists_what_is_left(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"three": THREE}) as stage:
        for command in ("traffic shift", "queue drain", "traffic restore", "systemctl start checkout"):
            stage.host.prints(command, "ok\n")
        stage.host.prints("systemctl restart checkout", "unit checkout failed\n", status=1)
        stage.host.prints("queue fill", "broker is down\n", status=2)
        await _approve_all(stage, times=2)
        stage.reading.write_down("two steps are done, the third is proposed")
        await stage.click(BOB, "Approve")
        await stage.tell("the third fails, and so does the undo of the second")
        stage.host.prints("queue fill", "filled\n")
        await stage.click(ALICE, "Try again")
        await stage.tell("the broker is back, and Alice tries again")
        stage.check("undo_fails")
        assert stage.host.ran[-2:] == ["queue fill", "traffic restore"]


async def test_where_the_walk_back_stopped_each_step_that_is_left_has_its_own_buttons(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"three": THREE}) as stage:
        for command in ("traffic shift", "queue drain", "traffic restore", "systemctl start checkout"):
            stage.host.prints(command, "ok\n")
        stage.host.prints("systemctl restart checkout", "unit checkout failed\n", status=1)
        stage.host.prints("queue fill", "broker is down\n", status=2)
        await _approve_all(stage, times=3)
        stage.reading.write_down("the third step failed, and so did the undo of the second")
        _, shift, _ = stage.shown("Undo this one")[-1]
        assert "OUT OF ORDER: drain came after it and still stands." in shift["confirm"]["text"]["text"]
        await stage.click(BOB, "Undo this one")
        await stage.tell("Bob undoes the first step all the same")
        assert stage.host.ran[-2:] == ["queue fill", "traffic restore"]
        await stage.click(ALICE, "Leave it")
        await stage.tell("Alice leaves the second as it is")
        await stage.click(BOB, "Done by hand")
        await stage.tell("Bob has filled the queue by hand")
        stage.check("rollback_stopped")
        (run,) = await stage.runs()
        assert run.status == "rolled_back"


@pytest.mark.parametrize("choice", ["It is done", "Try again", "Undo", "Stop here"])
async def test_a_lost_answer_is_put_to_people(tmp_path: Path, choice: str) -> None:
    async with Stage.open(tmp_path, runbooks={"restart": TWO_STEPS}) as stage:
        stage.host.prints("traffic shift", "shifted\n")
        stage.host.prints("traffic restore", "restored\n")
        stage.host.prints("systemctl start checkout", "started\n")
        stage.host.is_cut_off_by("systemctl restart checkout")
        await _approve_all(stage, times=1)
        stage.reading.write_down("one step is done")
        await stage.click(ALICE, "Approve")
        await stage.tell("the connection is cut while the second runs")
        stage.host.prints("systemctl restart checkout", "restarted\n")
        await stage.click(BOB, choice)
        await stage.tell(f"Bob says: {choice}")
        if choice == "Try again":
            await stage.click(ALICE, "Approve")
            await stage.tell("Alice approves the new proposal")
        stage.check(f"unknown_{choice.split()[-1].lower()}")


async def test_a_host_with_another_key_is_not_logged_into(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.has_another_key()
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves, and the host shows a key nobody vouched for")
        stage.check("host_key_changed")
        assert stage.host.ran == []


async def test_a_host_that_is_away_has_done_nothing(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.rest()
        await stage.host.goes_away()
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves, and nobody answers")
        stage.check("host_away")


async def test_a_running_step_is_stopped_by_a_cancel(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        flush = stage.host.streams("redis-cli FLUSHDB", "flushing\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.host.started("redis-cli FLUSHDB")
        flush.go_on()
        await stage.shows("flushing")
        stage.reading.write_down("it runs")
        await stage.click(BOB, "Cancel the run")
        await stage.tell("Bob cancels it")
        stage.check("cancel")


async def test_what_was_approved_is_not_what_would_run_so_it_is_proposed_again(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        stage.reading.write_down("a page arrives")
        stage.reload(inventory=INVENTORY.replace("user: runbook", "user: deploy", 1), flush=FLUSH)
        await stage.click(ALICE, "Approve")
        await stage.tell("web-1 was moved in the catalog, and Alice approves what she saw before")
        assert stage.host.ran == []
        await stage.click(ALICE, "Approve")
        await stage.tell("she approves what it is now")
        stage.check("drift")
        assert stage.host.ran == ["redis-cli FLUSHDB"]
