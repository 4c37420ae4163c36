"""A runbook's schedule posts its suggestion once per tick, late when it was missed, and starts nothing by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Environment, RunbookName, Schedule, Trigger
from bot.engine.timetable import GRACE, Timetable
from bot.intake.inbox import from_schedule, read_item
from bot.intake.incident import Incident
from bot.intake.signal import Ignored
from bot.intake.ticks import Tick
from bot.journal.base import HistoryQuery, InboxItem
from tests.engine.house import UNATTENDED, House, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.clock import VirtualClock
from tests.fakes.patience import PATIENCE_S
from tests.intake.given import US

HOURLY = Schedule(cron="30 * * * *")
BEGINS = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)


def scheduled(schedule: Schedule = HOURLY, **more: Any) -> Trigger:
    return Trigger(schedule=schedule, services=more.pop("services", ("payments",)), **more)


def files(trigger: Trigger | None = None, **more: Any) -> Catalog:
    return catalog(
        runbook("nightly", dial_step("a"), trigger=trigger or scheduled()),
        runbook("turn", dial_step("b")),
        **more,
    )


def timetable(house: House) -> Timetable:
    """What a freshly started process has."""
    return Timetable(
        journal=house.journal,
        catalog=lambda: house.catalog,
        clock=house.clock,
        wake=house.reception.wake,
    )


async def incidents(house: House) -> list[Incident]:
    """All that a schedule opened, once everything accepted is answered; oldest first."""
    await house.reception.handle_all()
    rows = [row for row in await house.journal.incidents() if row.origins[0].startswith("schedule:")]
    return sorted(
        [await house.ledger.incident(row.incident_id) for row in rows], key=lambda one: one.opened.occurred_at
    )


async def was_there_before(restarted: Opened, found: Catalog, **more: Any) -> House:
    """A house whose bot has heard of something once, which no runbook is for."""
    house = await restarted(found, **more)
    await house.reception.take(replace(house.signal("pagerduty:Q1", "elsewhere"), service_names=()))
    return house


async def suggested(house: House, incident: Incident) -> Incident:
    return await house.until_incident(
        incident.incident_id, lambda one: bool(one.suggestions or one.nothing or one.run_ids)
    )


async def test_a_tick_opens_an_incident_and_suggests_its_runbook_and_no_other(restarted: Opened) -> None:
    house = await restarted(files())
    table = timetable(house)
    await table.look()
    house.clock.pass_time(timedelta(minutes=29))
    await table.look()
    assert await incidents(house) == []
    house.clock.pass_time(timedelta(minutes=1))
    await table.look()
    [incident] = await incidents(house)
    incident = await suggested(house, incident)
    assert incident.opened.origin.key == "schedule:nightly:2026-11-03T02:30Z"
    assert incident.facts.title == "Scheduled: nightly, Tue 03 Nov 02:30 UTC"
    assert (incident.facts.service, incident.place.channel) == ("payments", "C0INC")
    suggestion = incident.open_suggestion
    assert suggestion is not None
    assert suggestion.made.runbook["name"] == "nightly"
    assert suggestion.made.why == ("its schedule came round",)
    assert suggestion.made.others == ()
    assert house.world.turns == []


async def test_each_tick_is_posted_once_whoever_looks_and_however_often(restarted: Opened) -> None:
    house = await was_there_before(restarted, files())
    house.clock.pass_time(timedelta(minutes=30))
    await asyncio.gather(*(timetable(house).look() for _ in range(4)))
    assert len(await incidents(house)) == 1
    house = await restarted(files(), clock=house.clock)
    await timetable(house).look()
    assert len(await incidents(house)) == 1


async def test_what_was_accepted_before_a_crash_is_posted_after_it(restarted: Opened) -> None:
    house = await was_there_before(restarted, files())
    await house.worker.stop()
    house.clock.pass_time(timedelta(minutes=30))
    await timetable(house).look()
    assert len(await house.journal.unanswered()) == 1
    house = await restarted(files(), clock=house.clock)
    await timetable(house).look()
    assert len(await incidents(house)) == 1


async def test_of_what_was_missed_only_the_latest_is_posted_and_says_that_it_is_late(
    restarted: Opened,
) -> None:
    quarters = files(scheduled(Schedule(cron="*/15 * * * *", timezone="Europe/Berlin")))
    clock = VirtualClock(BEGINS + timedelta(minutes=50))
    house = await was_there_before(restarted, quarters, clock=clock)
    await timetable(house).look()
    [incident] = await incidents(house)
    assert incident.facts.title == (
        "Scheduled: nightly, Tue 03 Nov 03:45 Europe/Berlin, 5 minutes late: the bot was away"
    )


async def test_what_was_missed_too_long_ago_is_not_posted(restarted: Opened) -> None:
    house = await was_there_before(restarted, files(scheduled(Schedule(cron="0 0 * * *"))))
    assert house.clock.now() - BEGINS.replace(hour=0) > GRACE
    await timetable(house).look()
    assert await incidents(house) == []


async def test_a_bot_that_was_never_there_has_missed_nothing(restarted: Opened) -> None:
    house = await restarted(files(), clock=VirtualClock(BEGINS + timedelta(minutes=40)))
    await timetable(house).look()
    assert await incidents(house) == []


async def test_a_schedule_that_is_new_or_changed_counts_from_then_on(restarted: Opened) -> None:
    house = await restarted(catalog(runbook("turn", dial_step("b"))))
    table = timetable(house)
    await table.look()
    house.clock.pass_time(timedelta(minutes=40))
    house.put_in_force(files())
    await table.look()
    assert await incidents(house) == []
    assert table.due() == house.clock.now() + timedelta(seconds=5)
    house.put_in_force(files(scheduled(Schedule(cron="45 * * * *"))))
    await table.look()
    house.clock.pass_time(timedelta(minutes=5))
    await table.look()
    assert [one.opened.occurred_at for one in await incidents(house)] == [BEGINS + timedelta(minutes=45)]
    house.put_in_force(catalog())
    await table.look()
    house.clock.pass_time(timedelta(hours=3))
    await table.look()
    assert len(await incidents(house)) == 1


async def test_it_sleeps_until_the_next_tick_and_no_longer_than_to_the_next_look(restarted: Opened) -> None:
    house = await restarted(files(), clock=VirtualClock(BEGINS + timedelta(minutes=29, seconds=57)))
    table = timetable(house)
    await table.look()
    assert table.due() == BEGINS + timedelta(minutes=30)
    running = asyncio.create_task(table.run())
    changes = house.journal.changes()
    try:
        house.clock.pass_time(timedelta(seconds=3))
        async with asyncio.timeout(PATIENCE_S):
            while not await house.journal.incidents():
                await anext(changes)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


ALLOWED = {"staging": Environment(name="staging", approvers=("U0ALICE",), auto_start=True)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trigger_says", "environment_allows", "late", "runs"),
    [(True, True, 0, 1), (True, True, 5, 0), (True, False, 0, 0), (False, True, 0, 0)],
)
async def test_nothing_runs_unless_both_say_so_and_it_is_not_late(
    restarted: Opened, trigger_says: bool, environment_allows: bool, late: int, runs: int
) -> None:
    found = catalog(
        runbook("nightly", dial_step("a", rules=UNATTENDED), trigger=scheduled(auto_start=trigger_says))
    )
    if environment_allows:
        found = found.model_copy(update={"environments": {**found.environments, **ALLOWED}})
    clock = VirtualClock(BEGINS + timedelta(minutes=30 + late))
    house = await was_there_before(restarted, found, clock=clock)
    await timetable(house).look()
    [incident] = await incidents(house)
    incident = await suggested(house, incident)
    assert len(incident.run_ids) == runs
    if runs:
        await house.finished(incident.run_ids[0])
        assert house.world.turns == [("a", 1)]
    else:
        assert not await house.journal.runs(HistoryQuery())
        assert house.world.turns == []


async def test_a_runbook_of_several_services_is_suggested_for_each(restarted: Opened) -> None:
    found = files(scheduled(services=("payments", "PF9KMXH", "search")))
    search = found.services["payments"].model_copy(update={"name": "search", "aliases": ()})
    found = found.model_copy(update={"services": {**found.services, "search": search}})
    house = await was_there_before(restarted, found)
    house.clock.pass_time(timedelta(minutes=30))
    await timetable(house).look()
    found_incidents = await incidents(house)
    assert sorted(one.facts.service for one in found_incidents) == ["payments", "search"]
    assert sorted(one.opened.origin.key for one in found_incidents) == [
        "schedule:nightly/payments:2026-11-03T02:30Z",
        "schedule:nightly/search:2026-11-03T02:30Z",
    ]


async def test_a_runbook_that_left_the_catalog_meanwhile_is_said_to_have(restarted: Opened) -> None:
    house = await restarted(catalog(runbook("turn", dial_step("b"))))
    tick = Tick(runbook="nightly", at=BEGINS, service="payments")
    await house.journal.accept(from_schedule(tick, received_at=house.clock.now()))
    [incident] = await incidents(house)
    incident = await suggested(house, incident)
    assert incident.nothing is not None
    assert incident.nothing.reason == "runbook nightly is no longer in the catalog"


def test_a_tick_that_cannot_be_read_is_ignored() -> None:
    for body in (
        "",
        "{}",
        '{"runbook": "a", "at": "yesterday"}',
        '{"runbook": "a", "at": "2026-11-03T02:00:00"}',
    ):
        item = InboxItem(inbox_id="schedule:a:b", kind="schedule-tick", body=body, received_at=BEGINS)
        assert isinstance(read_item(item, us=US), Ignored)


def test_a_zone_that_this_machine_does_not_know_is_shown_by_name() -> None:
    tick = Tick(runbook=RunbookName("nightly"), at=BEGINS, timezone="Mars/Olympus")
    signal = read_item(from_schedule(tick, received_at=BEGINS), us=US)
    assert not isinstance(signal, Ignored)
    assert signal.facts.title == "Scheduled: nightly, Tue 03 Nov 02:00 UTC"
