"""The App Home: drawn within Slack's limits whatever there is, published once for each change, patient with Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.board import Ask, Board, Decided, Matter
from bot.errors import JournalUnavailable
from bot.intake.incident import Incident
from bot.runs.events import ProposalId, RunId, StepKey
from bot.runs.policy import Caller, Policy
from bot.runs.state import Run
from bot.sandbox import limits
from bot.sandbox.acme import ALICE, GUEST
from bot.slack import ids
from bot.slack.directory import SlackDirectory
from bot.slack.home import EVERY, Home
from bot.slack.views import home as drawn
from tests.fakes.patience import PATIENCE_S
from tests.slack.desk import Desk
from tests.slack.stage import ANN, BY_GROUP, INCIDENT, START, Stage, shell_plan
from tests.slack.test_views_limits import BOUNDED

NOBODY = Policy(
    asks=True, approvers=(), source="", min_approvals=1, allow_self_approval=False, risk="", message=""
)


def staged(command: str = "true", *, title: str = "") -> tuple[Incident, Run]:
    stage = Stage(plan=shell_plan(command)).opened().suggested().thread_opened().taken()
    incident = stage.incident
    return replace(incident, facts=replace(incident.facts, title=title or incident.facts.title)), stage.run


def ask(command: str = "true", *, title: str = "", kind: Any = "decide") -> Ask:
    incident, run = staged(command, title=title)
    return Ask(
        kind=kind,
        incident=incident,
        run=run,
        step=StepKey(),
        policy=NOBODY,
        proposal=run.steps[StepKey()].proposal,
    )


def decided(name: str = "scale-out") -> Decided:
    return Decided(
        at=START,
        deed="approved",
        actor=ANN,
        runbook=name,
        step="scale",
        service="payments",
        environment="prod",
        incident_id=INCIDENT,
    )


def values_of(view: Any) -> list[str]:
    return [
        one["value"] for block in view["blocks"] if block["type"] == "actions" for one in block["elements"]
    ]


def test_a_card_carries_what_the_message_in_the_thread_carries() -> None:
    stage = Stage().opened().suggested().thread_opened().taken()
    one = Ask(
        kind="decide",
        incident=stage.incident,
        run=stage.run,
        step=StepKey(),
        policy=NOBODY,
        proposal=stage.run.steps[StepKey()].proposal,
    )
    in_thread = next(block for block in stage.message("suggestion:p-1").blocks if block["type"] == "actions")
    at_home = next(
        block for block in drawn.home(drawn.Seen(waiting=[one]))["blocks"] if block["type"] == "actions"
    )
    assert at_home["elements"] == in_thread["elements"]
    assert ids.parse_click(at_home["elements"][0]["value"]).digest == stage.plan.digest


def test_a_question_is_told_and_answered_in_its_thread() -> None:
    view = drawn.home(drawn.Seen(waiting=[ask(kind="unknown"), ask(kind="check")]))
    assert "outcome unknown" in str(view)
    assert "p1793697162118259|Answer in its thread>" in str(view)
    assert values_of(view) == []


@BOUNDED
@given(
    command=st.text(max_size=6000),
    title=st.text(max_size=400),
    many=st.integers(0, 40),
    names=st.lists(st.text(min_size=1, max_size=300), max_size=30),
)
def test_any_home_is_one_that_slack_takes(command: str, title: str, many: int, names: list[str]) -> None:
    one = ask(command or "true", title=title)
    seen = drawn.Seen(
        waiting=[one] * many,
        going_on=[
            Matter(
                incident=one.incident,
                run=replace(one.run, opened=replace(one.run.opened, run_id=RunId(str(n)))),
            )
            for n in range(many)
        ],
        decided=[decided(name) for name in names],
        numbers=names,
    )
    limits.check_view(drawn.home(seen), kind="home")


def test_what_is_left_out_is_counted() -> None:
    view = str(drawn.home(drawn.Seen(waiting=[ask()] * 100)))
    assert "100 things wait for you" in view
    assert "And 94 more" in view
    assert "… and 82 more" in view


# ------------------------------------------------------------ publishing


@dataclass
class StillBoard:
    """A board as a test sets it."""

    desk: Desk
    asks: Sequence[Ask] = ()
    freshened: int = 0
    trouble: Exception | None = None
    matters: Sequence[Matter] = field(default_factory=tuple)

    @property
    def operations(self) -> Any:
        return self

    @property
    def ledger(self) -> Any:
        return self.desk.ledger

    async def open(self) -> None:
        return None

    def stir(self, streams: Sequence[str]) -> None:
        return None

    async def freshen(self) -> None:
        self.freshened += 1
        if self.trouble is not None:
            raise self.trouble

    async def waiting_for(self, caller: Caller) -> Sequence[Ask]:
        return self.asks

    def going_on(self) -> Sequence[Matter]:
        return self.matters

    def decisions_of(self, caller: Caller, *, most: int) -> Sequence[Decided]:
        return ()


async def no_numbers() -> Sequence[str]:
    return ()


@asynccontextmanager
async def homes(desk: Desk) -> AsyncIterator[tuple[Home, StillBoard]]:
    board = StillBoard(desk)
    home = Home(
        board=cast(Board, board),
        gateway=desk.gateway,
        directory=SlackDirectory(desk.gateway, clock=desk.clock),
        clock=desk.clock,
        numbers=no_numbers,
    )
    running = asyncio.create_task(home.run())
    try:
        yield home, board
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def shown(desk: Desk, user: str = ALICE) -> str:
    return str(desk.slack.workspace.views.home(user))


def published(desk: Desk) -> int:
    return sum(call.method == "views.publish" for call in desk.slack.calls)


async def until_published(desk: Desk, words: str, user: str = ALICE) -> None:
    """Let time pass by hand until this Home says so."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in shown(desk, user):
            desk.clock.pass_(0.5)
            await asyncio.sleep(0.01)


async def test_nothing_is_read_or_published_before_somebody_looks(desk: Desk) -> None:
    async with homes(desk) as (home, board):
        home.stir()
        await asyncio.sleep(0.1)
        assert (board.freshened, published(desk)) == (0, 0)
        home.opened(ALICE)
        await until_published(desk, "Nothing waits for you")


async def test_a_change_that_looks_the_same_is_not_published(desk: Desk) -> None:
    async with homes(desk) as (home, board):
        home.opened(ALICE)
        await until_published(desk, "Nothing waits for you")
        seen = board.freshened
        home.stir()
        async with asyncio.timeout(PATIENCE_S):
            while board.freshened < seen + 2:
                desk.clock.pass_(EVERY.total_seconds())
                home.stir()
                await asyncio.sleep(0.01)
        assert published(desk) == 1
        board.asks = [ask()]
        home.stir()
        await until_published(desk, "1 thing waits for you")
        assert published(desk) == 2


async def test_another_process_that_was_faster_is_written_over(desk: Desk) -> None:
    async with homes(desk) as (home, board):
        home.opened(ALICE)
        await until_published(desk, "Nothing waits for you")
        await desk.gateway.publish_view(ALICE, drawn.closed("an older process said so"))
        board.asks = [ask()]
        home.stir()
        await until_published(desk, "1 thing waits for you")


@pytest.mark.parametrize("kind", ["rate_limit", "lose_answer", "fail"])
async def test_a_slack_that_is_busy_or_away_is_tried_again_with_the_newest_state(
    desk: Desk, kind: str
) -> None:
    getattr(desk.slack.faults, kind)("views.publish")
    async with homes(desk) as (home, board):
        home.opened(ALICE)
        await asyncio.sleep(0.2)
        board.asks = [ask()]
        home.stir()
        await until_published(desk, "1 thing waits for you")


@pytest.mark.parametrize("trouble", [JournalUnavailable("the disk is full"), RuntimeError("a bug")])
async def test_a_journal_that_cannot_be_read_for_a_while_stops_nothing(
    desk: Desk, trouble: Exception
) -> None:
    async with homes(desk) as (home, board):
        board.trouble = trouble
        home.opened(ALICE)
        await asyncio.sleep(0.2)
        assert published(desk) == 0
        board.trouble = None
        await until_published(desk, "Nothing waits for you")


async def test_a_guest_is_told_nothing_of_what_runs(desk: Desk) -> None:
    async with homes(desk) as (home, board):
        board.asks = [ask()]
        home.opened(GUEST)
        await until_published(desk, "guests may not decide", GUEST)
        assert "waits for you" not in shown(desk, GUEST)


def test_a_decision_that_is_made_waits_for_others_only() -> None:
    stage = Stage().opened().suggested().thread_opened().taken()
    caller = Caller(actor=ANN, email=ANN.person)
    run = stage.run

    def one(run: Run) -> Ask:
        proposal = run.proposal(ProposalId("p-1"))
        assert proposal is not None
        return Ask(
            kind="decide",
            incident=stage.incident,
            run=run,
            step=StepKey(),
            policy=NOBODY,
            proposal=proposal[1],
        )

    assert one(run).is_left_to(caller, now=stage.now)
    assert not one(stage.approved(ANN, permission=BY_GROUP).run).is_left_to(caller, now=stage.now)
    assert not one(replace(run, requester=ANN)).is_left_to(caller, now=stage.now)
    assert not one(run).is_left_to(caller, now=stage.at(60))
