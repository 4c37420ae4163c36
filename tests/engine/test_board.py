"""What waits for a person: exactly what a click of theirs would be taken for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.catalog.schema import Environment, Rules
from bot.engine.board import Ask, Board
from bot.engine.ports import ClickRef
from bot.errors import Refused
from bot.runs.decide import decide
from bot.runs.intents import Approve
from bot.runs.policy import Caller
from tests.engine.house import ALICE, BOB, EVE, House, caller, catalog, dial_step, runbook

TWO = Rules(approvers=("U0ALICE", "bob@acme.example"), min_approvals=2)
GUEST = replace(ALICE, barred="guests may not decide")
CROWD = (ALICE, BOB, EVE, GUEST, caller("zoe"))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    files = catalog(runbook("turn", dial_step("a", rules=TWO), dial_step("b")))
    opened = await House.open(tmp_path / "journal.db", files)
    yield opened
    await opened.close()


async def board_of(house: House) -> Board:
    board = Board(operations=house.operations)
    await board.open()
    return board


def ref_of(ask: Ask) -> ClickRef:
    assert ask.proposal is not None
    return ClickRef(
        incident_id=ask.incident.incident_id,
        proposal_id=ask.proposal.id,
        digest=ask.proposal.made.digest,
        run_id=None if ask.is_suggestion else ask.run.id,
    )


async def takers(house: House, ref: ClickRef) -> set[str]:
    """Whose approval would be taken, by the very decision of a click; it is only made, not written."""
    found = set()
    for one in CROWD:
        run = await house.operations._run_behind(ref)
        ground = await house.operations._ground_for(run, ref, one)
        try:
            decide(run, Approve(proposal_id=ref.proposal_id, digest=ref.digest), ground)
        except Refused:
            continue
        found.add(one.actor.id + one.barred)
    return found


async def waiting(board: Board) -> set[str]:
    """For whom something waits."""
    await board.freshen()
    return {one.actor.id + one.barred for one in CROWD if await board.waiting_for(one)}


async def the_ask(board: Board, who: Caller) -> Ask:
    await board.freshen()
    (ask,) = await board.waiting_for(who)
    return ask


async def test_what_waits_is_what_a_click_would_be_taken_for_from_suggestion_to_end(house: House) -> None:
    incident = await house.page()
    board = await board_of(house)
    changes = house.journal.changes()
    assert await waiting(board) == await takers(house, house.ref(incident)) == {"U0ALICE", "U0BOB"}
    assert board.going_on() == ()
    await house.operations.approve(ref_of(await the_ask(board, ALICE)), ALICE)
    board.stir(await anext(changes))
    run = await house.asked((await house.the_run()).id)
    assert await waiting(board) == await takers(house, house.ref_of(run)) == {"U0BOB"}
    assert [one.run.id for one in board.going_on()] == [run.id]
    await house.operations.approve(ref_of(await the_ask(board, BOB)), BOB)
    await house.asked(run.id, step=1)
    board.stir([f"run-{run.id}", f"incident-{incident.incident_id}"])
    assert await waiting(board) == {"U0ALICE", "U0BOB"}
    await house.operations.cancel(run.id, ALICE)
    await house.finished(run.id)
    board.stir([f"run-{run.id}"])
    assert await waiting(board) == set()
    assert board.going_on() == ()
    assert [one.deed for one in board.decisions_of(ALICE, most=5)] == ["cancelled", "approved"]
    assert [one.step for one in board.decisions_of(BOB, most=5)] == ["a"]
    assert board.decisions_of(EVE, most=5) == ()


async def test_whoever_started_it_waits_for_others(house: House) -> None:
    run = await house.asked(await house.start("turn", ALICE))
    board = await board_of(house)
    assert await waiting(board) == await takers(house, house.ref_of(run)) == {"U0BOB"}


async def test_other_rules_hold_as_soon_as_they_are_in_force(house: House) -> None:
    incident = await house.page()
    board = await board_of(house)
    assert await waiting(board) == {"U0ALICE", "U0BOB"}
    only_zoe = Rules(approvers=("U0ZOE",))
    files = catalog(runbook("turn", dial_step("a", rules=only_zoe), dial_step("b")))
    house.put_in_force(files.model_copy(update={"digest": "another"}))
    assert await waiting(board) == await takers(house, house.ref(incident)) == {"U0ZOE"}


async def test_what_is_too_late_to_decide_waits_for_nobody(house: House) -> None:
    await house.page()
    board = await board_of(house)
    ask = await the_ask(board, ALICE)
    assert ask.until is not None
    assert ask.is_left_to(ALICE, now=ask.until - timedelta(seconds=1))
    assert not ask.is_left_to(ALICE, now=ask.until + timedelta(seconds=1))


async def test_a_runbook_that_left_the_catalog_asks_nobody(house: House) -> None:
    await house.page()
    board = await board_of(house)
    empty = house.catalog.model_copy(
        update={"runbooks": {}, "digest": "empty", "environments": {"staging": Environment(name="staging")}}
    )
    house.put_in_force(empty)
    assert await waiting(board) == set()
