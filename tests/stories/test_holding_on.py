"""What the thread goes through: lines, a Slack that is away or asks for patience, a broken catalog, long output."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.stories.catalogs import FLUSH, HEAL, INVENTORY
from tests.stories.stage import ALICE, BOB, Stage

HALF_A_MINUTE = timedelta(seconds=31)
SLOW = """
    description: Rebuild the search index.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - { name: rebuild, command: rebuild-index, rollback: { manual: Restore the index from the snapshot. } }
    safety: { scopes: [prod] }
"""


async def test_the_second_run_on_a_target_waits_and_says_for_whom(tmp_path: Path) -> None:
    async with Stage.open(
        tmp_path, runbooks={"rebuild": SLOW, "flush": FLUSH.replace("latency", "disk")}
    ) as stage:
        index = stage.host.streams("rebuild-index", "indexing\n")
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.host.started("rebuild-index")
        await stage.rest(while_running=True)
        stage.reading.write_down("one run holds web-1")
        await stage.page(
            "triggered", incident="Q2SECOND0000AA", number=4200, title="checkout disk almost full"
        )
        await stage.rest(while_running=True)
        await stage.click(BOB, "Approve")
        await stage.until(
            lambda: any("in the line" in str(one) for one in stage.slack.messages("C0INC")), what="it to wait"
        )
        await stage.rest(while_running=True)
        stage.reading.write_down("a second wants the same host")
        index.go_on()
        index.go_on()
        await stage.until(
            lambda: any("flush succeeded" in one for one in stage.texts()), what="the second to finish"
        )
        await stage.tell("the first ends, and the second goes on by itself")
        stage.check("queue")
        assert stage.host.ran == ["rebuild-index", "redis-cli FLUSHDB"]


async def test_the_run_goes_on_without_slack_and_the_thread_catches_up(tmp_path: Path) -> None:
    long = HEAL.replace(
        "        safety: { message: Tell support before you restart., risk: high }\n", ""
    ).replace("        rollback: systemctl start checkout\n", "        require_approval: false\n")
    long = long.split("      - name: report")[0] + "    safety: { scopes: [prod] }\n"
    async with Stage.open(tmp_path, runbooks={"heal": long}) as stage:
        flush = stage.host.streams("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("curl -s localhost/health", "healthy\n")
        stage.host.prints("systemctl restart checkout", "")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.host.started("redis-cli FLUSHDB")
        await stage.rest(while_running=True)
        stage.reading.write_down("the first step runs")
        stage.slack.faults.is_down = True
        flush.go_on()
        flush.go_on()
        await stage.host.started("systemctl restart checkout")
        while not all(run.is_finished for run in await stage.runs()):
            await stage.pause()
        stage.reading.write_down("Slack is down, and the run goes on to its end")
        stage.slack.faults.is_down = False
        await stage.tell("Slack is back")
        stage.check("slack_down")
        shown = [str(one.get("metadata", {}).get("event_payload", {}).get("key", one["ts"]))
                 for one in stage.slack.messages("C0INC")]  # fmt: skip
        assert len(shown) == len(set(shown))


async def test_a_rate_limit_delays_words_and_says_nothing_twice(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.slack.faults.rate_limit("chat.postMessage", retry_after_s=30)
        await stage.page("triggered")
        await stage.rest(patient_for=HALF_A_MINUTE)
        stage.slack.faults.rate_limit("chat.postMessage", retry_after_s=30)
        stage.slack.faults.rate_limit("chat.update", retry_after_s=30)
        stage.slack.faults.lose_answer("chat.postMessage")
        await stage.click(ALICE, "Approve")
        await stage.tell(
            "Slack asks for patience, loses an answer, and everything is said once", patient_for=HALF_A_MINUTE
        )
        stage.check("rate_limited")


async def test_who_is_in_a_group_cannot_be_read_so_nobody_may_decide(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.rest()
        stage.reading.write_down("a page arrives")
        stage.slack.faults.fail("usergroups.users.list", times=50)
        await stage.click(ALICE, "Approve")
        await stage.told(ALICE)
        await stage.tell("Slack cannot say who is on call, and Alice approves")
        stage.slack.faults.clear()
        await stage.click(ALICE, "Approve")
        await stage.tell("Slack can again, and she clicks once more")
        stage.check("group_unreadable")


async def test_a_broken_catalog_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        stage.reload(flush=FLUSH.replace("command: redis", "comand: redis"))
        async with stage.web.get(f"http://127.0.0.1:{stage.app.port}/readyz") as answer:
            assert answer.status == 503
            assert "older catalog is in force" in (await answer.json())["missing"]["catalog"]
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        assert stage.host.ran == ["redis-cli FLUSHDB"]
        stage.reload(flush=FLUSH)
        async with stage.web.get(f"http://127.0.0.1:{stage.app.port}/readyz") as answer:
            assert answer.status == 200


async def test_long_output_streams_into_the_card_and_ends_as_a_file(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"rebuild": SLOW}) as stage:
        lines = [f"shard {number} of 90 rebuilt, all documents checked\n" for number in range(1, 91)]
        pieces = ["".join(lines[first : first + 30]) for first in (0, 30, 60)]
        index = stage.host.streams("rebuild-index", *pieces)
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.host.started("rebuild-index")
        index.go_on()
        await stage.shows("shard 30 of 90")
        stage.reading.write_down("a third of it is done")
        index.go_on()
        await stage.shows("shard 60 of 90")
        stage.reading.write_down("two thirds")
        for _ in range(2):
            index.go_on()
        await stage.tell("it ends")
        stage.check("long_output")


async def test_people_who_ask_for_it_are_told_directly(tmp_path: Path) -> None:
    runbook = FLUSH.replace(
        "    safety: { scopes: [prod] }", "    safety: { scopes: [prod], approvers: [leads] }"
    )
    async with Stage.open(tmp_path, runbooks={"flush": runbook}, inventory=INVENTORY) as stage:
        await stage.page("triggered")
        await stage.tell("a page arrives for people who want to be told")
        stage.clock.push(timedelta(minutes=5))
        await stage.tell("half of the time has passed")
        stage.check("told_directly")
