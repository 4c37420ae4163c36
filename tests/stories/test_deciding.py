"""Who decides, and what else can be decided than yes: two people, the requester, strangers, no, later, otherwise."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, BOB, CAROL, GUEST, STRANGER, Mode, Stage

TWO = """
    description: Fail over to the replica.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: fail-over
        command: pg-failover checkout
        rollback: pg-failback checkout
        safety: { min_approvals: 2, approvers: [leads], risk: high }
    safety: { scopes: [prod] }
"""

PARAMS = """
    description: Give the API more workers.
    trigger: { service_id: checkout, symptoms: [latency] }
    params:
      workers: { type: int, minimum: 2, maximum: 16, default: 8, description: How many workers to run }
    steps:
      - name: scale
        command: workers set {{ params.workers }}
        rollback: workers reset
    safety: { scopes: [prod] }
"""

ASKED = """
    description: Empty the cache.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: flush-cache
        command: redis-cli FLUSHDB
        rollback: redis-cli RESTORE
      - name: restart
        command: systemctl restart checkout
    on_reject:
      - name: hand-over
        type: slack
        message: "The cache was left alone. Somebody from payments should look at {{ incident.title }} by hand."
        require_approval: false
      - name: collect
        command: collect-evidence
        rollback: rm evidence
    safety: { scopes: [prod] }
"""


async def test_two_people_must_agree_and_one_person_counts_once(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"fail-over": TWO}) as stage:
        stage.host.prints("pg-failover checkout", "done\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves")
        await stage.click(ALICE, "Approve")
        await stage.told(ALICE)
        await stage.tell("Alice approves again")
        assert stage.host.ran == []
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves")
        stage.check("two_people_must_agree")
        assert stage.host.ran == ["pg-failover checkout"]


async def test_two_who_click_at_the_same_moment_give_one_decision_and_one_execution(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await asyncio.gather(stage.click(ALICE, "Approve"), stage.click(BOB, "Approve"))
        await stage.rest()
        assert stage.host.ran == ["redis-cli FLUSHDB"]
        (run,) = await stage.runs()
        assert len(run.steps[run.start_order[0]].proposals[0].approvals) == 1
        late = await stage.until(
            lambda: stage.slack.ephemerals(ALICE) or stage.slack.ephemerals(BOB),
            what="the later one to be told",
        )
        assert "approved already by" in late[0]["text"].lower()


async def test_a_double_click_counts_once(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await asyncio.gather(stage.click(ALICE, "Approve"), stage.click(ALICE, "Approve"))
        assert "pproved already by alice" in await stage.told(ALICE)
        await stage.rest()
        assert stage.host.ran == ["redis-cli FLUSHDB"]


async def test_whoever_started_it_may_not_approve_it(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.slack.user(ALICE).command("/runbook start flush", "C0INC")
        await stage.until(lambda: stage.shown("Approve"), what="the proposal")
        await stage.tell("Alice types /runbook start flush")
        await stage.click(ALICE, "Approve")
        await stage.told(ALICE)
        await stage.tell("Alice approves her own start")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves")
        stage.check("requester_refused")


async def test_whoever_may_not_decide_is_told_why_and_nobody_else_is(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.rest()
        stage.reading.write_down("a page arrives")
        for who in (CAROL, GUEST, STRANGER):
            await stage.click(who, "Approve")
            await stage.told(who)
        await stage.tell("Carol, a guest and a member of another workspace click Approve")
        await stage.click(CAROL, "Reject")
        await stage.refused_form(CAROL)
        await stage.tell("Carol clicks Reject, and is told before she writes why")
        stage.check("strangers_refused")
        assert await stage.runs() == []


async def test_a_rejection_needs_a_reason_and_leads_to_the_other_way_out(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": ASKED}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("collect-evidence", "42 files\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.tell("the first step ran, the second is proposed")
        await stage.click(BOB, "Reject")
        form = await stage.form(BOB)
        stage.reading.write_down("Bob clicks Reject")
        await stage.slack.user(BOB).submit(form["id"], {"reason": "  "})
        await stage.slack.user(BOB).submit(form["id"], {"reason": "Black Friday: no restarts today"})
        await stage.tell("Bob says why")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves the follow-up")
        await stage.click(BOB, "Undo what it did")
        await stage.tell("Bob takes back what was done")
        stage.check("reject")


async def test_when_nobody_decides_it_does_not_run(tmp_path: Path) -> None:
    async with Stage.open(
        tmp_path, runbooks={"flush": FLUSH, "restart": FLUSH.replace("latency", "disk")}
    ) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        stage.clock.push(timedelta(minutes=5))
        await stage.tell("five minutes pass")
        stage.clock.push(timedelta(minutes=5))
        await stage.tell("ten minutes have passed")
        await stage.click(ALICE, "Suggest a runbook again", choice="flush")
        await stage.tell("Alice asks for it again")
        stage.check("expire")
        assert stage.host.ran == []


async def test_a_step_inside_a_run_expires_and_halts_it(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": ASKED.split("    on_reject")[0]}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        stage.reading.write_down("the second step is proposed")
        stage.clock.push(timedelta(minutes=5))
        await stage.rest()
        stage.clock.push(timedelta(minutes=5))
        await stage.tell("nobody decides for ten minutes")
        stage.check("expire_inside_a_run")


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_parameters_are_edited_checked_at_the_field_and_approved_by_another(
    tmp_path: Path, mode: Mode
) -> None:
    async with Stage.open(tmp_path, runbooks={"scale": PARAMS}, mode=mode) as stage:
        stage.host.prints("workers set '12'", "12 workers\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(ALICE, "Edit")
        form = await stage.form(ALICE)
        stage.reading.write_down("Alice clicks Edit")
        wrong = await stage.slack.user(ALICE).submit(form["id"], {"param:workers": "99"})
        assert wrong.body["response_action"] == "errors"
        assert wrong.body["errors"]["param:workers"]
        stage.reading.note(f"99 workers, says the form: {wrong.body['errors']['param:workers']}")
        await stage.slack.user(ALICE).submit(form["id"], {"param:workers": "12"})
        await stage.tell("Alice asks for 12 workers")
        await stage.click(ALICE, "Approve")
        await stage.told(ALICE)
        await stage.tell("Alice approves what she edited")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves")
        stage.check("edit")
        assert stage.host.ran == ["workers set '12'"]


async def test_a_skipped_step_is_left_out(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": ASKED}) as stage:
        stage.host.prints("systemctl restart checkout", "")
        await stage.page("triggered")
        await stage.rest()
        stage.reading.write_down("a page arrives")
        await stage.click(ALICE, "Skip")
        await stage.tell("Alice skips the first step")
        await stage.click(ALICE, "Approve")
        await stage.tell("and approves the second")
        stage.check("skip")
        assert stage.host.ran == ["systemctl restart checkout"]
