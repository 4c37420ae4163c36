"""When nobody answers: the next are asked, glass is broken by those who may, questions are not forgotten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.sandbox.pagerduty import PagerDutyApi
from tests.stories.catalogs import FLUSH, INVENTORY
from tests.stories.stage import ALICE, BOB, CAROL, Stage

MINUTE = timedelta(minutes=1)
TOKEN = "story-token-that-may-read"
ON_CALL = {
    "escalation_policy": {"id": "PESCPAY"},
    "escalation_level": 1,
    "user": {"id": "PCAROL1", "name": "Carol Okafor", "email": "carol@acme.example"},
}
"""Carol answers first for the service of the stories."""

ESCALATING = INVENTORY.replace(
    "    host: web-1\n",
    "    host: web-1\n    pagerduty_id: PF9KMXH\n    escalate_to: [leads, pagerduty:oncall]\n",
).replace("aliases: [PF9KMXH, checkout-api]", "aliases: [checkout-api]")
GLASS = INVENTORY.replace(
    "prod: { approvers: [oncall] }", "prod: { approvers: [leads], override: [carol@acme.example] }"
)
TOLD = (
    INVENTORY.replace("prod: { approvers: [oncall] }", "prod: { approvers: [leads] }")
    + 'metrics: { errors: "sum(errors{service={{ service }}})" }\n'
)

CHECKED = """
    description: Empty the cache.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: flush-cache
        command: redis-cli FLUSHDB
        rollback: redis-cli RESTORE
        check: { metric_name: errors, check_after_seconds: 60 }
    safety: { scopes: [prod] }
"""

TWO_OF_THEM = """
    description: Empty the cache.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: flush-cache
        command: redis-cli FLUSHDB
        rollback: redis-cli RESTORE
    safety: { scopes: [prod], min_approvals: 2 }
"""


async def test_when_nobody_decides_the_next_are_asked_and_at_last_whoever_is_on_call(tmp_path: Path) -> None:
    async with PagerDutyApi([], token=TOKEN) as api:
        api.on_call = [ON_CALL]
        settings = {"PAGERDUTY_API_TOKEN": TOKEN, "PAGERDUTY_API_URL": api.url}
        async with Stage.open(
            tmp_path, runbooks={"flush": FLUSH}, inventory=ESCALATING, settings=settings
        ) as stage:
            stage.host.prints("redis-cli FLUSHDB", "OK\n")
            await stage.page("triggered")
            await stage.tell("a page arrives")
            stage.clock.push(10 * MINUTE)
            await stage.tell("ten minutes, and nobody has clicked")
            stage.clock.push(10 * MINUTE)
            await stage.tell("ten more, and neither have the leads")
            await stage.click(CAROL, "Approve")
            await stage.tell("Carol is on call and approves")
            stage.check("escalation")
            assert stage.host.ran == ["redis-cli FLUSHDB"]


async def test_when_the_last_were_asked_in_vain_it_expires_and_nothing_ran(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}, inventory=ESCALATING) as stage:
        await stage.page("triggered")
        await stage.rest()
        stage.clock.push(10 * MINUTE)
        await stage.rest()
        stage.reading.write_down("the leads are asked")
        stage.clock.push(10 * MINUTE)
        await stage.tell("they do not answer, and PagerDuty is not connected")
        stage.check("escalation_in_vain")
        assert stage.host.ran == []


async def test_glass_is_broken_by_those_who_may_and_marked_as_such(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": TWO_OF_THEM}, inventory=GLASS) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(ALICE, "Break glass")
        assert "you are not one of those who may" in await stage.refused_form(ALICE)
        await stage.click(CAROL, "Break glass")
        form = await stage.form(CAROL)
        refused = await stage.slack.user(CAROL).submit(form["id"], {"reason": "  "})
        assert refused.body["errors"] == {"reason": "say why, in a few words"}
        await stage.slack.user(CAROL).submit(
            form["id"], {"reason": "Checkout is down; Bob and Alice are on a plane"}
        )
        await stage.tell("Carol breaks glass")
        stage.check("break_glass")
        assert stage.host.ran == ["redis-cli FLUSHDB"]


async def test_people_are_reminded_of_a_check_until_they_answer_it(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": CHECKED}, inventory=TOLD) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        stage.clock.push(MINUTE)
        await stage.tell("a minute after the step, and no Prometheus to ask")
        stage.clock.push(5 * MINUTE)
        await stage.tell("five minutes, and nobody has said how to go on")
        stage.clock.push(5 * MINUTE)
        await stage.tell("ten minutes")
        await stage.click(BOB, "Keep it")
        await stage.tell("Bob has looked")
        stage.check("check_reminded")
