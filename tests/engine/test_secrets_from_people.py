"""What people and sources write may hold a secret by mistake: it is neither kept nor shown."""

from __future__ import annotations

import pytest

from bot.catalog.schema import Param
from bot.engine.starting import Start
from bot.errors import BadInput
from bot.runs.events import StepRejected
from tests.engine.house import BOB, catalog, dial_step, runbook
from tests.engine.keeping import Opened

TOKEN = "ghp_" + "a1B2" * 9


async def test_a_secret_in_a_page_is_hidden_before_it_is_kept(restarted: Opened) -> None:
    house = await restarted(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page(title=f"deploy with {TOKEN} did not start")
    assert incident.facts.title == "deploy with [redacted] did not start"
    assert TOKEN not in str(incident.events)


async def test_a_secret_in_a_reason_is_hidden_before_it_is_kept(restarted: Opened) -> None:
    house = await restarted(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn"))
    await house.operations.reject(house.ref_of(run), BOB, reason=f"use {TOKEN} instead")
    run = await house.finished(run.id)
    said = [event.reason for event in run.events if isinstance(event, StepRejected)]
    assert said == ["use [redacted] instead"]


async def test_a_secret_as_a_parameter_is_refused(restarted: Opened) -> None:
    house = await restarted(
        catalog(runbook("turn", dial_step("a"), params=(Param(name="note", type="string"),)))
    )
    with pytest.raises(BadInput, match="parameter 'note' looks like a secret"):
        await house.operations.start("turn", BOB, Start(channel="C1", given={"note": TOKEN}))
    assert await house.journal.streams() == {}
