"""A runbook whose schedule comes round is suggested in its channel, and waits for a click like any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.stories.stage import ALICE, Stage

BERLIN = "Europe/Berlin"


def clearing(*, minutes: int) -> str:
    """A runbook whose schedule comes round so many minutes from now, every day at that time in Berlin."""
    at = datetime.now(UTC).astimezone(ZoneInfo(BERLIN)) + timedelta(minutes=minutes)
    return f"""
    description: Clear yesterday's sessions while hardly anybody is there.
    trigger:
      service_id: checkout
      schedule: {{ cron: "{at.minute} {at.hour} * * *", timezone: {BERLIN} }}
    steps:
      - name: clear
        command: redis-cli -n 1 FLUSHDB
        rollback: {{ manual: Sessions are made anew when people come back. }}
    safety: {{ scopes: [prod] }}
    """


async def test_a_schedule_comes_round_and_waits_for_a_click(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"clear-sessions": clearing(minutes=3)}) as stage:
        stage.host.prints("redis-cli -n 1 FLUSHDB", "OK\n")
        await stage.tell("nothing yet")
        stage.clock.push(timedelta(minutes=3))
        await stage.shows("Next safe step")
        await stage.tell("it comes round")
        await stage.slack.user(ALICE).command("/runbook show clear-sessions", "C0INC")
        await stage.told(ALICE)
        await stage.tell("Alice asks when it comes round again")
        await stage.click(ALICE, "Approve")
        await stage.tell("Alice approves")
        await stage.restart()
        await stage.app.timetable.look()
        await stage.tell("the bot is started again in the same hour, and posts nothing twice")
        stage.check("schedule")
        assert stage.host.ran == ["redis-cli -n 1 FLUSHDB"]
