"""`/runbook …` as people type it, alone and over real Socket Mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadInput, NotPermitted
from bot.journal.base import RunRow
from bot.runs.events import IncidentId, RunId
from bot.sandbox.acme import ALICE
from bot.slack import commands, ids
from bot.slack.commands import Command, parse
from tests.slack.desk import CHANNEL
from tests.slack.entrance import Door
from tests.slack.recording import runbook

ROW = RunRow(
    run_id=RunId("r-1"),
    incident_id=IncidentId("i-1"),
    runbook="scale-out",
    version="v",
    service="payments",
    tenant="",
    environment="staging",
    status="waiting",
    is_open=True,
    opened_at=datetime(2026, 11, 21, 8, 4, tzinfo=UTC),
    updated_at=datetime(2026, 11, 21, 8, 4, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("", Command(verb="help")),
        ("  help ", Command(verb="help")),
        ("LIST", Command(verb="list")),
        ("status", Command(verb="status")),
        ("start", Command(verb="start")),
        ("start scale-out", Command(verb="start", runbook="scale-out")),
        (
            "start scale-out replicas=5 note='two words' --env staging --dry-run",
            Command(
                verb="start",
                runbook="scale-out",
                given={"replicas": "5", "note": "two words"},
                environment="staging",
                dry_run=True,
            ),
        ),
        (
            "start scale-out “note=two words” —env=staging –dry-run",
            Command(
                verb="start",
                runbook="scale-out",
                given={"note": "two words"},
                environment="staging",
                dry_run=True,
            ),
        ),
        (
            "start x a=1=2 --service pay",
            Command(verb="start", runbook="x", given={"a": "1=2"}, service="pay"),
        ),
        ("start x q=a&amp;b&lt;c", Command(verb="start", runbook="x", given={"q": "a&b<c"})),
        ("start x empty=", Command(verb="start", runbook="x", given={"empty": ""})),
    ],
)
def test_a_command_is_read_like_a_shell_would_whatever_slack_made_of_its_quotes(
    typed: str, command: Command
) -> None:
    assert parse(typed) == command


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("strat x", "did you mean /runbook start?"),
        ("frobnicate", "/runbook help shows what there is"),
        ("list everything", "takes nothing after it"),
        ("start x 'half", "a quote in this command is never closed"),
        ("start x y", "it is not clear what 'y' is"),
        ("start x a=1 a=2", "'a' is given twice"),
        ("start x --force", "there is no option '--force'"),
        ("start x --env", "--env needs a name after it"),
    ],
)
def test_what_cannot_be_read_says_what_would_have_fitted(typed: str, part: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(typed)
    assert part in str(refusal.value)


@given(st.text(max_size=200))
def test_nothing_anybody_types_breaks_the_reading(typed: str) -> None:
    try:
        parse(typed)
    except BadInput:
        return


def test_a_long_list_is_cut_with_its_count() -> None:
    answer = commands.list_answer([runbook(f"book-{n}", description="words " * 40) for n in range(300)])
    assert len(answer) < 4000
    assert "more" in answer.splitlines()[-1]


def test_a_description_cannot_ring_a_channel() -> None:
    assert "<!channel>" not in commands.list_answer([runbook("x", description="<!channel> *now*")])


def test_status_says_where_and_how_long() -> None:
    answer = commands.status_answer([(ROW, "https://acme.slack.com/archives/C0INC/p1")])
    assert "<https://acme.slack.com/archives/C0INC/p1|scale-out>" in answer
    assert "payments in staging" in answer
    assert "waiting" in answer


async def _typed(door: Door, line: str) -> str:
    await door.slack.user(ALICE).command(line, CHANNEL)
    return str((await door.told(ALICE))["text"])


async def test_help_list_and_status_are_answered_to_whoever_asked_alone(door: Door) -> None:
    assert "What I can do" in await _typed(door, "/runbook")
    await door.slack.user(ALICE).command("/runbook list", CHANNEL)
    await door.slack.until(lambda: any("2 runbooks" in one["text"] for one in door.slack.ephemerals(ALICE)))
    door.operations.rows = (ROW, replace(ROW, dry_run=True))
    await door.slack.user(ALICE).command("/runbook status", CHANNEL)
    await door.slack.until(
        lambda: any("2 runs not over" in one["text"] for one in door.slack.ephemerals(ALICE))
    )
    assert door.slack.messages(CHANNEL) == []


async def test_start_asks_the_engine_with_what_was_typed(door: Door) -> None:
    await door.slack.user(ALICE).command("/runbook start scale-out replicas=5 --dry-run", CHANNEL)
    _, caller, (name, start) = await door.asked("start")
    assert (name, start.channel, start.given, start.dry_run) == (
        "scale-out",
        CHANNEL,
        {"replicas": "5"},
        True,
    )
    assert caller.email == "alice@acme.example"


async def test_start_without_what_the_runbook_must_know_opens_the_form(door: Door) -> None:
    await door.slack.user(ALICE).command("/runbook start scale-out", CHANNEL)
    view = await door.slack.until(lambda: door.slack.modal(ALICE))
    assert view is not None
    assert view["callback_id"] == ids.START_FORM
    assert f"{ids.PARAM_BLOCK}replicas" in str(view["blocks"])


async def test_a_refused_start_and_a_mistyped_name_are_told(door: Door) -> None:
    assert "Did you mean scale-out?" in await _typed(door, "/runbook start scaleout")
    door.operations.refusal = NotPermitted("you may not start a runbook here")
    await door.slack.user(ALICE).command("/runbook start restart-payments", CHANNEL)
    await door.slack.until(
        lambda: any("You may not start" in one["text"] for one in door.slack.ephemerals(ALICE))
    )


async def test_a_command_in_a_channel_without_the_bot_is_answered_too(door: Door) -> None:
    await door.slack.user(ALICE).command("/runbook help", "C0GENERAL")
    assert "What I can do" in (await door.told(ALICE))["text"]
