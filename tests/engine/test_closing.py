"""What nobody will ever call over is closed after a quiet day; what has a source of its own waits for that."""

from __future__ import annotations

from datetime import timedelta

from bot.intake.incident import IncidentChanged
from bot.slack.thread import messages
from tests.engine.house import BOB, catalog, dial_step, runbook
from tests.engine.keeping import Opened
from tests.fakes.clock import VirtualClock

FILES = catalog(runbook("turn", dial_step("a")))
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def test_a_start_by_hand_is_closed_a_quiet_day_after_its_run(restarted: Opened) -> None:
    house = await restarted(FILES)
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    house.clock.pass_time(DAY - MINUTE)
    assert [row.status for row in await house.journal.incidents(open_only=True)] == ["triggered"]
    house.clock.pass_time(2 * MINUTE)
    incident = await house.until_incident(run.incident_id, lambda one: one.is_resolved)
    assert incident.facts.status == "closed"
    assert await house.journal.incidents(open_only=True) == ()
    said = messages(incident, [run], {}, ())
    assert not [one for one in said if one.key.startswith("change:")]
    assert "*Status*\nclosed" in str(said[0].blocks).replace("\\n", "\n")


async def test_a_closed_incident_still_lets_its_run_be_undone(restarted: Opened) -> None:
    house = await restarted(FILES)
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.finished(run.id)
    house.clock.pass_time(DAY + MINUTE)
    await house.until_incident(run.incident_id, lambda one: one.is_resolved)
    await house.operations.undo(run.id, BOB)
    run = await house.until_run(run.id, lambda one: one.status == "rolled_back")
    assert house.world.turns == [("a", 1), ("a", 0)]


async def test_an_incident_with_a_source_of_its_own_waits_for_it(restarted: Opened) -> None:
    clock = VirtualClock()
    house = await restarted(FILES, clock=clock)
    paged = await house.page()
    run = await house.asked(await house.start("turn"))
    by_hand = run.incident_id
    clock.pass_time(30 * MINUTE)
    await house.finished(run.id)
    await house.until_incident(paged.incident_id, lambda one: one.open_suggestion is None)
    clock.pass_time(3 * DAY)
    house = await restarted(FILES, clock=clock)
    await house.until_incident(by_hand, lambda one: one.is_resolved)
    incident = await house.ledger.incident(paged.incident_id)
    assert not incident.is_resolved
    closed = (await house.ledger.incident(by_hand)).events[-1]
    assert isinstance(closed, IncidentChanged)
    assert closed.kind == "closed"
