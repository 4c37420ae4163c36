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
from bot.slack import ids
from bot.slack.commands import VERBS, Command, parse
from bot.slack.views import answers
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
        ("start x note=isn’t", Command(verb="start", runbook="x", given={"note": "isn't"})),
        ("start\u00a0x", Command(verb="start", runbook="x")),
        ("show scale-out", Command(verb="show", runbook="scale-out")),
        ("history", Command(verb="history")),
        ("history --service payments", Command(verb="history", service="payments")),
        ("history —service=payments", Command(verb="history", service="payments")),
        ("who payments", Command(verb="who", service="payments")),
        ("stats", Command(verb="stats")),
        (
            "simulate payments “elevated 5xx” --env prod --fail-at scale",
            Command(
                verb="simulate",
                service="payments",
                symptom="elevated 5xx",
                environment="prod",
                fail_at="scale",
            ),
        ),
        (
            "simulate —service payments —symptom=isn’t up",
            Command(verb="simulate", service="payments", symptom="isn't"),
        ),
        ("simulate payments it is slow", Command(verb="simulate", service="payments", symptom="it is slow")),
        ("cancel", Command(verb="cancel")),
        ("cancel 5e6f", Command(verb="cancel", run="5e6f")),
        ("help me please", Command(verb="help")),
    ],
)
def test_a_command_is_read_like_a_shell_would_whatever_slack_made_of_its_quotes(
    typed: str, command: Command
) -> None:
    assert parse(typed) == command


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("strat x", "did you mean `/runbook start` or `/runbook stats`?"),
        ("stauts", "did you mean `/runbook stats` or `/runbook status`?"),
        ("approve", "buttons of its message, in its thread or in my Home"),
        ("Rollback", "undone with the button at its end"),
        ("stop", "did you mean `/runbook cancel`?"),
        ("frobnicate", "`/runbook help` shows what there is"),
        ("list everything", "takes nothing after it"),
        ("start x 'half", "a quote in this command is never closed"),
        ("start x y", "it is not clear what 'y' is"),
        ("start x a=1 a=2", "'a' is given twice"),
        ("start x --force", "there is no option '--force'"),
        ("start x --env", "--env needs a name after it"),
        ("start x --env --dry-run", "--env needs a name after it"),
        ("show", "it is not said which runbook to show"),
        ("show a b", "it is not clear what 'b' is"),
        ("history a b", "takes the name of one service"),
        ("cancel a b", "takes the id of one run"),
        ("simulate", "needs a service and what is wrong with it"),
        ("simulate payments", '/runbook simulate payments "elevated 5xx"'),
        ("simulate payments slow --dry-run", "there is no option '--dry-run'"),
        ("scale-out", "`/runbook start scale-out` starts that runbook"),
    ],
)
def test_what_cannot_be_read_says_what_would_have_fitted(typed: str, part: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse(typed, runbooks=["scale-out"])
    assert part in f"{refusal.value} {refusal.value.hint}"


TYPED = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.one_of(
            st.sampled_from(
                [*VERBS, "--env", "—env=", "--dry-run", "--service", "a=b", "“", "’", "=", "&lt;"]
            ),
            st.text(max_size=12),
        ),
        max_size=8,
    ).map(" ".join),
)


@given(TYPED)
def test_nothing_anybody_types_breaks_the_reading(typed: str) -> None:
    try:
        found = parse(typed, runbooks=["scale-out"])
    except BadInput as refusal:
        said = refusal.message
    else:
        said = found.verb
        assert said in VERBS
    assert 0 < len(said) < 300, "a refusal does not repeat all that was typed"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_a_value_in_quotes_arrives_as_it_was_typed(value: str) -> None:
    quoted = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    typed = "start x 'note=" + quoted.replace("'", "'\\''") + "'"
    turned = set("“”„«»‘’\u00a0\u202f\ue000")
    if not turned & set(value):
        assert parse(typed).given == {"note": value}


def test_a_long_list_is_cut_with_its_count() -> None:
    answer = answers.list_answer([runbook(f"book-{n}", description="words " * 40) for n in range(300)])
    assert len(answer) < 4000
    assert "more. `/runbook start` has all" in answer.splitlines()[-1]


def test_a_description_cannot_ring_a_channel() -> None:
    assert "<!channel>" not in answers.list_answer([runbook("x", description="<!channel> *now*")])


def test_status_says_where_and_how_long() -> None:
    answer = answers.status_answer([ROW], {ROW.incident_id: "https://acme.slack.com/archives/C0INC/p1"})
    assert "<https://acme.slack.com/archives/C0INC/p1|scale-out>" in answer
    assert "payments in staging" in answer
    assert "waiting" in answer
    assert answer.endswith(f"run {ROW.run_id[:8]}"), "what `/runbook cancel` wants to know"


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
