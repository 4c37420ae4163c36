"""What PagerDuty did while the bot was down is caught up with at the next start, once, and only what concerns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.clients.pagerduty import PagerDutyReader
from bot.intake.incident import Incident, IncidentChanged
from bot.sandbox.pagerduty import Fault, PagerDutyApi
from tests.engine.house import House, catalog, dial_step, runbook
from tests.engine.keeping import houses_on
from tests.fakes.clock import START, VirtualClock
from tests.fakes.patience import PATIENCE_S

TOKEN = "a-token-that-reads"
PAGE = "QPAGE00001"
FILES = catalog(runbook("turn", dial_step("a")))


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


@dataclass
class Ground:
    """A PagerDuty, and bots that are started beside it one after the other."""

    api: PagerDutyApi
    clock: VirtualClock
    start: Callable[[], Awaitable[House]]

    def triggers(self, pagerduty_id: str = PAGE, *, service: str = "PF9KMXH", **more: Any) -> None:
        """An incident opens there, and nobody is told."""
        self.api.open(
            {
                "id": pagerduty_id,
                "type": "incident",
                "title": "dial stuck",
                "service": {"id": service, "summary": service},
                "html_url": f"https://acme.pagerduty.com/incidents/{pagerduty_id}",
                "urgency": "high",
                "created_at": self.clock.now().isoformat(),
                "last_status_change_at": self.clock.now().isoformat(),
                **more,
            }
        )

    async def incidents(self, house: House, count: int) -> list[Incident]:
        """Once there are so many and nothing is left to be answered."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await house.journal.incidents()
                if len(rows) >= count and not await house.journal.unanswered():
                    break
                await asyncio.sleep(0.005)
        return [await house.ledger.incident(row.incident_id) for row in rows]

    async def changed(self, house: House, incident: Incident, kind: str) -> Incident:
        return await house.until_incident(
            incident.incident_id,
            lambda one: any(
                isinstance(event, IncidentChanged) and event.kind == kind for event in one.events
            ),
        )


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    clock, readers = VirtualClock(), list[PagerDutyReader]()
    async with PagerDutyApi((), token=TOKEN, now=clock.now) as api:
        async with houses_on(tmp_path / "journal.db") as opened:

            async def start() -> House:
                readers.append(PagerDutyReader(TOKEN, base_url=api.url, sleep=_at_once))
                return await opened(FILES, clock=clock, reader=readers[-1])

            yield Ground(api=api, clock=clock, start=start)
        for reader in readers:  # after the houses, which may still be asking
            await reader.close()


async def test_what_opened_meanwhile_is_heard_of_with_its_symptom(ground: Ground) -> None:
    ground.triggers()
    ground.api.alerts[PAGE] = [{"summary": "dial", "body": {"details": {"symptom": "dial stuck at 0"}}}]
    house = await ground.start()
    [incident] = await ground.incidents(house, 1)
    assert incident.opened.origin.key == f"pagerduty:{PAGE}"
    assert incident.facts.service == "payments"
    incident = await house.until_incident(
        incident.incident_id, lambda one: one.facts.symptom == "dial stuck at 0"
    )
    await house.until_incident(incident.incident_id, lambda one: bool(one.suggestions))


async def test_what_was_acknowledged_or_resolved_meanwhile_is_known_after_the_start(ground: Ground) -> None:
    ground.triggers()
    house = await ground.start()
    [incident] = await ground.incidents(house, 1)
    incident = await house.until_incident(incident.incident_id, lambda one: bool(one.suggestions))
    await house.worker.stop()
    ground.clock.pass_time(timedelta(minutes=1))
    ground.api.change(PAGE, "acknowledged", assignees=[{"id": "PALICE1", "summary": "Alice Arendt"}])
    house = await ground.start()
    incident = await ground.changed(house, incident, "acknowledged")
    assert incident.facts.assignees == ("Alice Arendt",)
    await house.worker.stop()
    ground.clock.pass_time(timedelta(minutes=1))
    ground.api.change(PAGE, "resolved", assignees=[])
    house = await ground.start()
    incident = await ground.changed(house, incident, "resolved")
    assert incident.is_resolved
    await house.until_incident(incident.incident_id, lambda one: one.open_suggestion is None)


async def test_a_merge_meanwhile_is_told_as_one(ground: Ground) -> None:
    ground.triggers()
    house = await ground.start()
    [incident] = await ground.incidents(house, 1)
    await house.worker.stop()
    ground.clock.pass_time(timedelta(minutes=1))
    parent = {"id": "QPAGE00002", "summary": "the other one"}
    ground.api.change(PAGE, "resolved", resolve_reason={"type": "merge_resolve_reason", "incident": parent})
    house = await ground.start()
    incident = await ground.changed(house, incident, "merged")
    merged = [one for one in incident.events if isinstance(one, IncidentChanged) and one.kind == "merged"]
    assert [one.text for one in merged] == ["the other one (QPAGE00002)"]
    assert incident.is_resolved


async def test_a_start_that_finds_nothing_new_adds_nothing(ground: Ground) -> None:
    ground.triggers()
    house = await ground.start()
    [incident] = await ground.incidents(house, 1)
    incident = await house.until_incident(incident.incident_id, lambda one: bool(one.suggestions))
    for _ in range(2):
        house = await ground.start()
        [incident_again] = await ground.incidents(house, 1)
        assert incident_again.version == incident.version


async def test_what_belongs_to_others_or_lies_there_for_long_opens_nothing(ground: Ground) -> None:
    ground.triggers("QOTHERS001", service="PNOTOURS")
    ground.triggers("QFORLONG01", created_at=(START - timedelta(days=20)).isoformat())
    ground.api.open({"id": "junk"})
    ground.triggers()
    house = await ground.start()
    found = await ground.incidents(house, 1)
    assert [one.opened.origin.key for one in found] == [f"pagerduty:{PAGE}"]


async def test_one_that_is_gone_there_stands_in_nobodys_way(ground: Ground) -> None:
    ground.triggers()
    house = await ground.start()
    await ground.incidents(house, 1)
    await house.worker.stop()
    del ground.api.incidents[PAGE]
    ground.triggers("QPAGE00002")
    house = await ground.start()
    assert len(await ground.incidents(house, 2)) == 2


async def test_pagerduty_being_away_at_the_start_keeps_nobody_from_working_and_is_asked_again(
    ground: Ground,
) -> None:
    ground.api.faults += [Fault(status=503)] * 6
    ground.triggers()
    house = await ground.start()
    await house.asked(await house.start("turn"))
    async with asyncio.timeout(PATIENCE_S):
        while not await house.journal.incident_by_origin(f"pagerduty:{PAGE}"):
            ground.clock.pass_time(timedelta(seconds=5))
            await asyncio.sleep(0.005)
