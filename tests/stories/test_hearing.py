"""What comes from outside: pages twice, from two sides, moving on, unknown services, anomalies, history."""

from __future__ import annotations

from pathlib import Path

from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, BOB, Stage
from tests.stories.test_deciding import ASKED

OTHER = FLUSH.replace("Empty the cache.", "Clean the disk.").replace("latency", "disk full")


async def test_what_is_said_twice_counts_once(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        body = await stage.page("triggered")
        await stage.rest()
        assert await stage.deliver(body) == "duplicate"
        ts = stage.forward("triggered")
        await stage.slack.quiet()
        await stage.tell("a page arrives twice, and once more in Slack")
        event_id = next(
            one.payload["event_id"]
            for one in stage.slack.deliveries
            if one.payload.get("event", {}).get("ts") == ts
        )
        stage.slack.deliver_again(event_id)
        await stage.slack.quiet()
        await stage.rest()
        (suggested,) = stage.shown("Approve")
        seen = stage.slack.message("C0INC", suggested[0])
        await stage.slack.user(ALICE).click("C0INC", suggested[0], "approve_step", seen=seen)
        await stage.rest()
        await stage.slack.user(ALICE).click("C0INC", suggested[0], "approve_step", seen=seen)
        await stage.told(ALICE)
        await stage.tell("Slack sends its event again, and Alice clicks twice")
        stage.check("duplicates")
        assert stage.host.ran == ["redis-cli FLUSHDB"]
        assert len(await stage.app.journal.incidents()) == 1


async def test_pagerduty_in_slack_first_owns_the_thread_and_the_webhook_links(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        ts = stage.forward("triggered")
        await stage.until(lambda: stage.shown("Approve"), what="the suggestion")
        await stage.tell("PagerDuty's app posts in #incidents")
        await stage.page("triggered")
        await stage.tell("the webhook arrives a moment later")
        stage.check("slack_first")
        assert {one.get("thread_ts", one["ts"]) for one in stage.slack.messages("C0INC")} == {ts}


async def test_the_webhook_first_owns_the_thread_and_the_slack_message_links(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.tell("the webhook arrives")
        stage.forward("triggered")
        await stage.slack.quiet()
        await stage.tell("PagerDuty's app posts in #incidents a moment later")
        stage.check("webhook_first")
        assert len(await stage.app.journal.incidents()) == 1


async def test_the_card_and_the_thread_follow_what_happens_at_pagerduty(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        await stage.page("triggered")
        await stage.rest()
        stage.reading.write_down("a page arrives")
        for kind in ("acknowledged", "escalated", "reassigned", "priority_updated", "annotated"):
            note = {"content": "Looking at the database first."} if kind == "annotated" else {}
            await stage.page(kind, **note)
            await stage.rest()
        await stage.tell(
            "it is acknowledged, escalated, reassigned, given a priority, and somebody writes a note"
        )
        await stage.page("resolved")
        await stage.tell("it is resolved elsewhere before anybody decided")
        await stage.page("reopened")
        await stage.tell("it comes back")
        await stage.page("resolved_merge")
        await stage.tell("it is merged into another")
        stage.check("moves_on")


async def test_a_run_that_nobody_has_decided_ends_with_its_incident(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": ASKED}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        stage.reading.write_down("one step is done, the second waits for a decision")
        await stage.page("resolved")
        await stage.tell("the incident is resolved elsewhere")
        stage.check("resolved_elsewhere")


async def test_no_runbook_fits_and_all_are_offered(tmp_path: Path) -> None:
    async with Stage.open(
        tmp_path, runbooks={"clean": OTHER, "flush": FLUSH.replace("latency", "evictions")}
    ) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.tell("a page arrives that no runbook fits")
        await stage.click(ALICE, "Choose a runbook", choice="clean")
        await stage.tell("Alice chooses one")
        await stage.click(ALICE, "Approve")
        await stage.told(ALICE)
        await stage.tell("and may not approve it herself")
        await stage.click(BOB, "Approve")
        await stage.tell("Bob approves")
        stage.check("nothing_fits")


async def test_a_service_nobody_knows_is_said_too(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        service = {"id": "PNOBODY", "summary": "billing-batch", "type": "service_reference"}
        await stage.page("triggered", service=service, title="billing-batch is late")
        await stage.tell("a page for a service that is in no catalog")
        stage.check("unknown_service")


async def test_another_runbook_replaces_the_suggestion(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH, "clean": OTHER}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.click(BOB, "Another runbook", choice="clean")
        await stage.tell("Bob prefers another runbook")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves it")
        stage.check("another_runbook")


async def test_an_anomaly_opens_an_incident(tmp_path: Path) -> None:
    runbook = """
        description: Empty the cache when checkout is slow.
        trigger: { service_id: checkout, metric_name: p99_latency, condition: anomaly_score > 0.7 }
        steps:
          - { name: flush-cache, command: redis-cli FLUSHDB, rollback: redis-cli RESTORE }
        safety: { scopes: [prod] }
    """
    anomaly = {"service_id": "checkout", "metric_name": "p99_latency", "value": 2.4, "anomaly_score": 0.93}
    async with Stage.open(tmp_path, runbooks={"flush": runbook}) as stage:
        assert await stage.event(anomaly_id="a-17", **anomaly) == (202, {"status": "accepted"})
        assert await stage.event(anomaly_id="a-17", **anomaly) == (202, {"status": "duplicate"})
        await stage.tell("an anomaly is reported")
        stage.check("anomaly")


async def test_the_second_time_tells_of_the_first(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        await stage.page("triggered")
        await stage.rest()
        await stage.click(ALICE, "Approve")
        await stage.rest()
        await stage.page("resolved")
        await stage.rest()
        stage.reading.write_down("last night: healed by Alice")
        await stage.page("triggered", incident="Q2SECONDTIME00", number=4133)
        await stage.tell("tonight it is back")
        stage.check("last_time")
