"""Who may decide, looked at by somebody who would like to decide more than is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Environment, Param, Rollback, Rules, Service, Trigger
from bot.errors import AlreadyDecided, BadInput, NotPermitted
from bot.runs.events import StepKey, StepNotPlanned
from bot.runs.plan import Plan
from tests.engine.house import ALICE, BOB, EVE, UNATTENDED, House, caller, catalog, dial_step, runbook
from tests.fakes.dials import DialAction, World

Opened = Callable[..., Awaitable[House]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    houses: list[House] = []

    async def open_house(files: Catalog, **more: Any) -> House:
        house = await House.open(tmp_path / "journal.db", files, **more)
        houses.append(house)
        return house

    yield open_house
    for house in houses:
        await house.close()


def with_service(files: Catalog, **change: Any) -> Catalog:
    """The catalog with its service changed, or with another one (`name=`)."""
    name = change.pop("name", "payments")
    before = files.services.get(name) or Service(name=name, environment="staging")
    return files.model_copy(update={"services": {**files.services, name: before.model_copy(update=change)}})


# ---------------------------------------------------------------- one human, one vote


async def test_a_person_whose_email_changes_between_two_clicks_still_counts_once(opened: Opened) -> None:
    two = Rules(approvers=("U0ALICE", "U0BOB"), min_approvals=2)
    house = await opened(catalog(runbook("turn", dial_step("a", rules=two))))
    incident = await house.page()
    await house.operations.approve(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id)
    renamed = replace(
        ALICE, actor=replace(ALICE.actor, person="alice.b@acme.example"), email="alice.b@acme.example"
    )
    with pytest.raises(AlreadyDecided):
        await house.operations.approve(house.ref_of(run), renamed)
    assert house.world.turns == []


async def test_the_requester_is_known_by_their_account_too(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    run = await house.asked(await house.start("turn", ALICE))
    nameless = replace(ALICE, actor=replace(ALICE.actor, person="slack:U0ALICE"), email="")
    with pytest.raises(NotPermitted, match="you started or last edited it"):
        await house.operations.approve(house.ref_of(run), nameless)
    assert house.world.turns == []


async def test_skipping_twice_under_two_names_skips_nothing(opened: Opened) -> None:
    two = Rules(approvers=("U0ALICE", "U0BOB"), min_approvals=2)
    house = await opened(catalog(runbook("turn", dial_step("a", rules=two))))
    incident = await house.page()
    await house.operations.skip(house.ref(incident), ALICE)
    run = await house.asked((await house.the_run()).id)
    renamed = replace(ALICE, actor=replace(ALICE.actor, person="slack:U0ALICE"), email="")
    with pytest.raises(AlreadyDecided):
        await house.operations.skip(house.ref_of(run), renamed)


# ---------------------------------------------------------------- once asked, always asked


async def test_an_edit_of_a_suggested_step_asks_again_also_where_a_tag_would_let_it_run(
    opened: Opened,
) -> None:
    first = dial_step("a", value="{{ params.level }}", rules=UNATTENDED)
    level = Param(name="level", type="int", default=1)
    house = await opened(catalog(runbook("turn", first, params=(level,))))
    incident = await house.page()
    await house.operations.edit(house.ref(incident), ALICE, given={"level": 7})
    run = await house.asked((await house.the_run()).id)
    assert house.world.turns == []
    assert run.open_proposal is not None
    assert set(run.open_proposal.made.asked.approvers) == {"U0ALICE", "bob@acme.example"}
    with pytest.raises(NotPermitted, match="you started or last edited it"):
        await house.operations.approve(house.ref_of(run), ALICE)
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"
    assert house.world.turns == [("a", 7)]


async def test_somebody_can_approve_an_unattended_step_that_had_to_be_put_to_people(opened: Opened) -> None:
    """Its state drifted between click and execution, and no level names approvers: the starters decide."""
    bare = with_service(
        catalog(runbook("turn", dial_step("a", rules=UNATTENDED))), approvers=(), starters=("U0BOB",)
    )
    bare = bare.model_copy(update={"environments": {"staging": Environment(name="staging")}})
    house = await opened(bare)
    incident = await house.page()
    house.world.dials["a"] = 3
    await house.operations.approve(house.ref(incident), BOB)
    run = await house.until_run(
        (await house.the_run()).id, lambda one: len(one.steps[StepKey()].proposals) == 2
    )
    assert run.open_proposal is not None
    assert run.open_proposal.made.asked.approvers == ("U0BOB",)
    await house.operations.approve(house.ref_of(run), BOB)
    assert (await house.finished(run.id)).status == "succeeded"
    assert house.world.turns == [("a", 1)]


async def test_who_was_taken_off_the_starters_since_cannot_give_the_first_click(opened: Opened) -> None:
    bare = with_service(
        catalog(runbook("turn", dial_step("a", rules=UNATTENDED))),
        approvers=(),
        starters=("U0ALICE", "U0BOB"),
    )
    bare = bare.model_copy(update={"environments": {"staging": Environment(name="staging")}})
    house = await opened(bare)
    incident = await house.page()
    house.put_in_force(with_service(bare, starters=("U0ALICE",)))
    with pytest.raises(NotPermitted):
        await house.operations.approve(house.ref(incident), BOB)
    await house.operations.approve(house.ref(incident), ALICE)
    assert (await house.finished((await house.the_run()).id)).status == "succeeded"


class HastyAction(DialAction):
    """A type that gives people two minutes by its own word, as `@require_confirmation(timeout=120)` does."""

    async def plan(self, given: Any, scope: Any) -> Plan:
        return replace(await super().plan(given, scope), decide_within_s=120.0)


async def test_of_two_times_to_decide_the_shorter_holds(opened: Opened) -> None:
    world = World()
    files = catalog(runbook("turn", dial_step("a")), runbook("quick", dial_step("b", approval_timeout_s=60)))
    house = await opened(files, world=world, action=HastyAction(world))
    for name, seconds in (("turn", 120), ("quick", 60)):
        proposal = (await house.asked(await house.start(name))).open_proposal
        assert proposal is not None
        assert proposal.made.expires_at - proposal.made.at == timedelta(seconds=seconds)


# ---------------------------------------------------------------- places


async def test_the_promotion_of_an_action_does_not_widen_what_its_runbook_allows(opened: Opened) -> None:
    action = dial_step("a", environment="prod", action="turn-it", action_rules=Rules(scopes=("staging",)))
    book = runbook("turn", action, rules=Rules(scopes=("staging",)), trigger=Trigger())
    files = catalog(book, actions={"turn-it": action}, promotions={"digest-a": ("prod",)})
    house = await opened(files)
    run = await house.finished(await house.start("turn", ALICE, environment="prod"))
    assert run.status == "failed"
    assert isinstance(run.events[-2], StepNotPlanned)
    assert "runbook turn may run in staging, not in prod" in run.events[-2].message


async def test_an_undo_in_another_environment_is_never_proposed(opened: Opened) -> None:
    way_back = Rollback(step=dial_step("b", environment="prod"))
    house = await opened(catalog(runbook("turn", dial_step("a", rollback=way_back))))
    run = await house.finished(await house.start("turn"))
    assert run.status == "failed"
    assert isinstance(run.events[-2], StepNotPlanned)
    assert "several environments" in run.events[-2].message


async def test_what_is_chosen_after_the_incident_ended_is_not_taken_back_for_that(opened: Opened) -> None:
    house = await opened(catalog(runbook("turn", dial_step("a"))))
    incident = await house.page()
    house.clock.pass_time(timedelta(minutes=1))
    await house.reception.take(house.signal("pagerduty:Q1", "dial stuck", kind="resolved", status="resolved"))
    await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is None)
    house.clock.pass_time(timedelta(minutes=1))
    await house.operations.choose(incident.incident_id, "turn", ALICE)
    house.clock.pass_time(timedelta(minutes=5))
    late = await house.until_incident(
        incident.incident_id,
        lambda one: bool(one.suggestions[-1].reminded or one.suggestions[-1].withdrawn),
    )
    assert late.open_suggestion is not None
    await house.operations.approve(house.ref(late), BOB)
    assert (await house.finished((await house.the_run()).id)).status == "succeeded"


# ---------------------------------------------------------------- other teams' runbooks


CAROL = caller("carol")


def _two_teams(*steps: Any) -> Catalog:
    files = catalog(runbook("turn", *steps))
    return with_service(files, name="search", approvers=("U0CAROL", "U0EVE"), starters=("U0CAROL", "U0EVE"))


async def test_a_starter_of_one_service_starts_no_runbook_of_another(opened: Opened) -> None:
    house = await opened(_two_teams(dial_step("a", rules=UNATTENDED)))
    with pytest.raises((BadInput, NotPermitted)):
        await house.start("turn", CAROL, service="search")
    assert house.world.turns == []


async def test_a_runbook_of_no_service_is_started_by_those_of_the_place_it_touches(opened: Opened) -> None:
    book = runbook("turn", dial_step("a", rules=UNATTENDED), trigger=Trigger())
    house = await opened(with_service(catalog(book), name="search", starters=("U0CAROL",)))
    with pytest.raises(NotPermitted):
        await house.start("turn", CAROL)
    assert house.world.turns == []
    run = await house.finished(await house.start("turn", ALICE))
    assert run.status == "succeeded"
    assert run.environment == "staging"


async def test_approvers_of_one_service_approve_no_runbook_of_another(opened: Opened) -> None:
    """Somebody entitled for both brings payments' runbook into search's thread; payments still decides."""
    files = with_service(_two_teams(dial_step("a", rules=Rules())), starters=("U0CAROL",))
    house = await opened(files)
    await house.reception.take(replace_service(house.signal("pagerduty:Q9", "search is slow"), "search"))
    row = await house.journal.incident_by_origin("pagerduty:Q9")
    assert row is not None
    await house.until_incident(row.incident_id, lambda one: one.nothing is not None)
    await house.operations.choose(row.incident_id, "turn", CAROL)
    incident = await house.until_incident(row.incident_id, lambda one: one.open_suggestion is not None)
    with pytest.raises(NotPermitted):
        await house.operations.approve(house.ref(incident), EVE)
    await house.operations.approve(house.ref(incident), BOB)
    assert (await house.finished((await house.the_run()).id)).status == "succeeded"


def replace_service(signal: Any, name: str) -> Any:
    return replace(signal, service_names=(name,), facts=replace(signal.facts, service_text=name))
