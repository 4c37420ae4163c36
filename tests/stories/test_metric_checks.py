"""A metric is read before a fix and judged after it, with a picture in the thread: worse is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.stories.catalogs import INVENTORY
from tests.stories.metrics import StoryPrometheus
from tests.stories.reading import INCIDENTS
from tests.stories.stage import ALICE, BOB, Stage

WITH_METRIC = (
    INVENTORY
    + """\
metrics:
  slow_answers:
    query: "sum(rate(slow_answers_total{service={{ service }}}[1m]))"
    description: Answers slower than a second, per minute
    better: lower
"""
)
CHECKED = """
    description: Send traffic to the second pool.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: shift
        command: traffic shift
        rollback: traffic restore
    rollback_metric_check: { metric_name: slow_answers, check_after_minutes: 5, rollback_if_value_exceeds: 250 }
    rollback_on_failure: ROLLBACK
    safety: { scopes: [prod] }
"""
WAIT = timedelta(minutes=5, seconds=1)


@asynccontextmanager
async def checked(folder: Path, *, by_itself: bool = True) -> AsyncIterator[tuple[Stage, StoryPrometheus]]:
    """A story in which 120 slow answers a minute page somebody."""
    runbooks = {"shift": CHECKED.replace("ROLLBACK", "true" if by_itself else "false")}
    async with (
        StoryPrometheus(level=120) as prometheus,
        Stage.open(
            folder, runbooks=runbooks, inventory=WITH_METRIC, settings={"BOT_PROMETHEUS_URL": prometheus.url}
        ) as stage,
    ):
        stage.host.prints("traffic shift", "shifted\n")
        stage.host.prints("traffic restore", "restored\n")
        await stage.page("triggered")
        await stage.tell("a page arrives")
        yield stage, prometheus


def pictures(stage: Stage) -> list[bytes]:
    """What was uploaded into the channel, as it arrived there."""
    files = (one for message in stage.slack.messages(INCIDENTS) for one in message.get("files") or ())
    return [stage.slack.workspace.files.get(one["id"]).content or b"" for one in files]


async def test_a_metric_that_gets_better_ends_the_run_with_a_picture(tmp_path: Path) -> None:
    async with checked(tmp_path) as (stage, prometheus):
        await stage.click(ALICE, "Approve")
        await stage.host.started("traffic shift")
        prometheus.moves_to(12, stage.clock)
        await stage.tell("Alice approves, and the step succeeds")
        stage.clock.push(WAIT)
        await stage.tell("five minutes later")
        assert [one[:4] for one in pictures(stage)] == [b"\x89PNG"]
        assert prometheus.asked[0] == 'sum(rate(slow_answers_total{service="checkout"}[1m]))'
        assert [run.status for run in await stage.runs()] == ["succeeded"]
        stage.check("metric_better")


async def test_a_metric_that_gets_worse_takes_the_fix_back(tmp_path: Path) -> None:
    async with checked(tmp_path) as (stage, prometheus):
        await stage.click(ALICE, "Approve")
        await stage.host.started("traffic shift")
        prometheus.moves_to(220, stage.clock)
        await stage.tell("Alice approves, and the step succeeds")
        stage.clock.push(WAIT)
        await stage.tell("five minutes later")
        assert stage.host.ran == ["traffic shift", "traffic restore"]
        assert [run.status for run in await stage.runs()] == ["rolled_back"]
        stage.check("metric_worse")


async def test_a_metric_that_gets_worse_is_put_to_people_where_the_runbook_does_not_say_otherwise(
    tmp_path: Path,
) -> None:
    async with checked(tmp_path, by_itself=False) as (stage, prometheus):
        await stage.click(ALICE, "Approve")
        await stage.host.started("traffic shift")
        prometheus.moves_to(400, stage.clock)
        await stage.rest()
        stage.clock.push(WAIT)
        await stage.tell("five minutes after it was approved")
        assert stage.host.ran == ["traffic shift"]
        await stage.click(BOB, "Undo")
        await stage.tell("Bob takes it back")
        assert stage.host.ran == ["traffic shift", "traffic restore"]
        stage.check("metric_worse_asked")
