"""Break glass: one named person runs one digest without its approvers, and nothing else gives way."""

from __future__ import annotations

import pytest

from bot.catalog.schema import Catalog, Rules
from bot.errors import NotPermitted, Refused, Stale
from bot.runs.events import ApprovalVoided, ProposalVoided, StepOverridden
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, EVE, catalog, dial_step, runbook
from tests.engine.keeping import Opened

WHY = "nobody wakes up"
TWO = Rules(approvers=("U0ALICE", "bob@acme.example"), min_approvals=2)


def files(*override: str, environment: tuple[str, ...] = ()) -> Catalog:
    made = catalog(runbook("turn", dial_step("a", rules=TWO)))
    service = made.services["payments"].model_copy(update={"override": override})
    staging = made.environments["staging"].model_copy(update={"override": environment})
    return made.model_copy(
        update={
            "services": {"payments": service},
            "environments": {**made.environments, "staging": staging},
        }
    )


async def test_one_person_is_enough_also_for_what_they_started_themselves(restarted: Opened) -> None:
    house = await restarted(files("eve@acme.example", "U0ALICE"))
    run = await house.asked(await house.start("turn", by=ALICE))
    form = await house.operations.override_form(house.ref_of(run), ALICE)
    assert form.plan.will_run
    await house.operations.override(house.ref_of(run), ALICE, reason=WHY)
    run = await house.finished(run.id)
    assert house.world.turns == [("a", 1)]
    (broken,) = [one for one in run.events if isinstance(one, StepOverridden)]
    assert (broken.reason, broken.permission.via) == (WHY, "U0ALICE")
    assert_lawful(run.events)


async def test_a_suggestion_is_overridden_by_the_click_that_opens_its_run(restarted: Opened) -> None:
    house = await restarted(files("eve@acme.example"))
    incident = await house.page()
    await house.operations.override(house.ref(incident), EVE, reason=WHY)
    assert (await house.finished((await house.the_run()).id)).status == "succeeded"


@pytest.mark.parametrize("who", [BOB, ALICE])
async def test_an_approver_may_not_where_others_are_named(restarted: Opened, who: object) -> None:
    house = await restarted(files("eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    for ask in (
        house.operations.override(house.ref_of(run), who, reason=WHY),  # type: ignore[arg-type]
        house.operations.override_form(house.ref_of(run), who),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotPermitted):
            await ask
    assert house.world.turns == []


async def test_nobody_may_unless_the_catalog_names_somebody(restarted: Opened) -> None:
    house = await restarted(files())
    run = await house.asked(await house.start("turn"))
    with pytest.raises(NotPermitted, match="names nobody"):
        await house.operations.override(house.ref_of(run), EVE, reason=WHY)


async def test_the_environment_s_people_may_where_the_service_names_none(restarted: Opened) -> None:
    house = await restarted(files(environment=("eve@acme.example",)))
    run = await house.asked(await house.start("turn"))
    await house.operations.override(house.ref_of(run), EVE, reason=WHY)
    assert (await house.finished(run.id)).status == "succeeded"


async def test_whose_right_to_it_is_taken_before_it_starts_has_broken_nothing(restarted: Opened) -> None:
    house = await restarted(files("eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    await house.worker.stop()
    await house.operations.override(house.ref_of(run), EVE, reason=WHY)
    world = house.world
    house = await restarted(files(), world=world)
    run = await house.until_run(run.id, lambda one: isinstance(one.events[-1], ApprovalVoided))
    assert world.turns == []
    assert run.open_proposal is not None
    assert not run.open_proposal.has_quorum
    assert_lawful(run.events)


async def test_drift_still_makes_a_new_proposal_and_nothing_runs(restarted: Opened) -> None:
    house = await restarted(files("eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    ref = house.ref_of(run)
    house.world.dials["a"] = 7
    await house.operations.override(ref, EVE, reason=WHY)
    run = await house.until_run(run.id, lambda one: any(isinstance(e, ProposalVoided) for e in one.events))
    assert house.world.turns == []
    run = await house.asked(run.id)
    with pytest.raises(Stale):
        await house.operations.override(ref, EVE, reason=WHY)


async def test_where_it_may_run_does_not_give_way(restarted: Opened) -> None:
    house = await restarted(files("eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    now = files("eve@acme.example")
    elsewhere = now.runbooks["turn"].model_copy(update={"rules": Rules(scopes=("prod",))})  # type: ignore[arg-type]
    house.put_in_force(now.model_copy(update={"runbooks": {"turn": elsewhere}}))
    await house.operations.override(house.ref_of(run), EVE, reason=WHY)
    await house.until_run(run.id, lambda one: any(isinstance(e, ProposalVoided) for e in one.events))
    assert house.world.turns == []


async def test_a_digest_of_something_else_is_refused(restarted: Opened) -> None:
    from dataclasses import replace

    house = await restarted(files("eve@acme.example"))
    run = await house.asked(await house.start("turn"))
    with pytest.raises(Refused):
        await house.operations.override(replace(house.ref_of(run), digest="0" * 64), EVE, reason=WHY)
