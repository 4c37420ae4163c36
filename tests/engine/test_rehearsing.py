"""Trying one step dry: who may, what it says, and that nothing of it is left anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.catalog.schema import Catalog
from bot.errors import AlreadyDecided, NotPermitted
from tests.engine.house import ALICE, BOB, EVE, House, catalog, dial_step, runbook

Opened = Callable[[Catalog], Awaitable[House]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    houses: list[House] = []

    async def open_house(files: Catalog) -> House:
        house = await House.open(tmp_path / "journal.db", files)
        houses.append(house)
        return house

    yield open_house
    for house in houses:
        await house.close()


async def test_a_suggested_step_is_tried_dry_and_no_run_is_opened(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    found = await house.operations.rehearse(house.ref(incident), BOB)
    assert (found.step, found.result.verdict, found.result.effect) == ("a", "succeeded", "none")
    assert found.changes == ()
    assert house.world.turns == []
    after = await house.ledger.incident(incident.incident_id)
    assert (after.version, after.run_ids) == (incident.version, incident.run_ids)


async def test_a_proposed_step_is_tried_dry_and_its_run_stays_as_it_was(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.rehearse(house.ref_of(run), ALICE)
    after = await house.ledger.run(run.id)
    assert after.version == run.version
    assert house.world.turns == []
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"


async def test_a_state_that_moved_since_the_proposal_is_told(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    house.world.dials["a"] = 7
    found = await house.operations.rehearse(house.ref_of(run), BOB)
    assert found.changes
    assert "0 → 7" in found.changes[0]


async def test_a_stranger_tries_nothing(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    with pytest.raises(NotPermitted, match="try this step dry"):
        await house.operations.rehearse(house.ref_of(run), EVE)


async def test_a_decided_step_is_not_tried_any_more(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    ref = house.ref_of(run)
    await house.operations.reject(ref, BOB, reason="not now")
    with pytest.raises(AlreadyDecided, match="nothing left to try"):
        await house.operations.rehearse(ref, BOB)
