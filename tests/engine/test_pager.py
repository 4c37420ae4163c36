"""PagerDuty is told of decisions once, in order and in somebody's name, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Metric, MetricCheck
from bot.clients.pagerduty import PagerDutyReader, PagerDutyWriter
from bot.engine.ledger import Change
from bot.engine.pager import REFUSED_PAUSE, TOO_LATE, Pager
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisMade
from bot.intake.incident import Incident, PagerNotTold
from bot.intake.pagerduty import NOTE_MARK, read_webhook
from bot.intake.signal import Ignored
from bot.sandbox.pagerduty import Fault, PagerDutyApi, PagerUser
from tests.engine.house import ALICE, BOB, House, catalog, dial_step, runbook
from tests.engine.keeping import houses_on
from tests.engine.killing import Cut
from tests.fakes.metrics import Gauge
from tests.fakes.patience import PATIENCE_S
from tests.intake.given import NOW

PAGE = "QPAGE00001"
TOKEN = "a-token-that-may-write"
USERS = (
    PagerUser(id="PALICE1", name="Alice Arendt", email="alice@acme.example"),
    PagerUser(id="PBOB123", name="Bob Ito", email="bob@acme.example"),
    PagerUser(id="PBOTBOT", name="Runbook bot", email="bot@acme.example"),
)


def files(*, write: bool = True, **more: Any) -> Catalog:
    found = catalog(runbook("turn", dial_step("a"), dial_step("b"), **more))
    payments = found.services["payments"].model_copy(update={"pagerduty_write": write})
    return found.model_copy(update={"services": {"payments": payments}})


@dataclass
class Ground:
    """A house, a PagerDuty that knows its page, and pagers between them."""

    house: House
    api: PagerDutyApi
    pagers: list[tuple[Pager, asyncio.Task[None], PagerDutyReader, PagerDutyWriter]]
    counted: list[str] = field(default_factory=list)

    async def pager(self, *, journal: Any = None, fallback: str = "") -> Pager:
        """A freshly started one, in place of the one before."""
        await self.stop()
        clock = self.house.clock
        reader = PagerDutyReader(TOKEN, base_url=self.api.url, sleep=_at_once)
        writer = PagerDutyWriter(TOKEN, base_url=self.api.url, sleep=_at_once)
        one = Pager(
            journal=journal or self.house.journal,
            ledger=self.house.ledger,
            catalog=lambda: self.house.catalog,
            clock=clock,
            reader=reader,
            writer=writer,
            fallback=fallback,
            told=self.counted.append,
        )
        self.pagers.append((one, asyncio.create_task(one.run()), reader, writer))
        return one

    async def stop(self) -> None:
        for one, running, reader, writer in self.pagers:
            await one.stop(timeout_s=0.05)
            await asyncio.gather(running, return_exceptions=True)
            await reader.close()
            await writer.close()
        self.pagers.clear()

    async def page(self) -> Incident:
        self.api.open({"id": PAGE, "type": "incident", "title": "dial stuck"})
        return await self.house.page(f"pagerduty:{PAGE}")

    async def run_to_the_end(self, *people: Any) -> None:
        incident = await self.page()
        first, *others = people or (ALICE, BOB)
        await self.house.operations.approve(self.house.ref(incident), first)
        run = await self.house.the_run()
        for index, person in enumerate(others, start=1):
            run = await self.house.asked(run.id, step=index)
            await self.house.operations.approve(self.house.ref_of(run), person)
        await self.house.finished(run.id)

    @property
    def notes(self) -> list[str]:
        return [one["content"] for one in self.api.notes[PAGE]]

    @property
    def status(self) -> str:
        return str(self.api.incidents[PAGE]["status"])

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [body for verb, _, body in self.api.asked if verb == method]

    async def until(self, is_true: Callable[[], object], *, push: timedelta | None = None) -> None:
        """Wait for it, letting the clock go on meanwhile where `push` says so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_true():
                await asyncio.sleep(0.005)
                if push is not None:
                    self.house.clock.pass_time(push)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with standing(tmp_path, files()) as one:
        yield one


@asynccontextmanager
async def standing(folder: Path, found: Catalog, **more: Any) -> AsyncIterator[Ground]:
    async with houses_on(folder / "journal.db") as opened, PagerDutyApi(USERS, token=TOKEN) as api:
        one = Ground(house=await opened(found, **more), api=api, pagers=[])
        try:
            yield one
        finally:
            await one.stop()


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def without_refs(notes: list[str]) -> list[str]:
    return [one.rpartition(" (")[0] for one in notes]


async def test_a_page_is_acknowledged_by_whoever_approved_first_and_every_decision_is_noted(
    ground: Ground,
) -> None:
    await ground.pager()
    await ground.run_to_the_end()
    await ground.until(lambda: len(ground.notes) == 3)
    assert without_refs(ground.notes) == [
        "[runbook-bot] 02:00 UTC: alice approved step 1 of 2 (a) of runbook turn in staging.",
        "[runbook-bot] 02:00 UTC: bob approved step 2 of 2 (b) of runbook turn in staging.",
        "[runbook-bot] 02:00 UTC: Runbook turn in staging succeeded.",
    ]
    assert ground.status == "acknowledged"
    assert [one["from"] for one in ground.asked("PUT")] == ["alice@acme.example"]
    assert [one["from"] for one in ground.asked("POST")] == [
        "alice@acme.example",
        "bob@acme.example",
        "bob@acme.example",
    ]


async def test_nothing_is_written_unless_the_service_says_so(tmp_path: Path) -> None:
    async with standing(tmp_path, files(write=False)) as ground:
        await ground.run_to_the_end()
        pager = await ground.pager()
        await ground.until(lambda: pager.is_idle)
        assert ground.api.asked == []


async def test_what_is_wrong_is_noted_before_anybody_decided_where_there_is_a_name_to_tell_it_in(
    ground: Ground,
) -> None:
    page = await ground.page()
    events = (
        DiagnosisAsked(at=ground.house.clock.now(), diagnosis_id=DiagnosisId("d1"), cause="policy"),
        DiagnosisMade(
            at=ground.house.clock.now(),
            diagnosis_id=DiagnosisId("d1"),
            subject="deployment shop/dial",
            sentence="it is stuck",
            finding="crash-loop",
            title="it is stuck",
            confidence="likely",
        ),
    )
    for event in events:
        incident = await ground.house.ledger.incident(page.incident_id)
        await ground.house.ledger.append(Change(incident=incident, incident_events=(event,)))
    nameless = await ground.pager()
    await ground.house.operations.approve(ground.house.ref(page), ALICE)
    await ground.until(lambda: ground.notes)
    assert "Diagnosis" not in ground.notes[0]
    await nameless.stop(timeout_s=0.05)
    await ground.pager(fallback="alice@acme.example")
    await ground.until(
        lambda: any("Diagnosis of deployment shop/dial, likely: it is stuck." in one for one in ground.notes)
    )
    incident = await ground.house.ledger.incident(page.incident_id)
    assert not any(isinstance(event, PagerNotTold) for event in incident.events)


async def test_a_dry_run_is_not_spoken_of(tmp_path: Path) -> None:
    async with standing(tmp_path, files(dry_run=True)) as ground:
        incident = await ground.page()
        await ground.house.operations.approve(ground.house.ref(incident), ALICE)
        await ground.house.finished((await ground.house.the_run()).id)
        pager = await ground.pager()
        await ground.until(lambda: pager.is_idle)
        assert ground.api.asked == []


@pytest.mark.parametrize("status", ["acknowledged", "resolved"])
async def test_what_people_did_there_is_not_done_over(ground: Ground, status: str) -> None:
    """Acknowledging what is resolved would open it again."""
    incident = await ground.page()
    ground.api.change(PAGE, status)
    await ground.pager()
    await ground.house.operations.approve(ground.house.ref(incident), ALICE)
    await ground.until(lambda: ground.notes)
    assert ground.asked("PUT") == []
    assert ground.status == status


async def test_a_restart_writes_nothing_twice(ground: Ground) -> None:
    await ground.pager()
    await ground.run_to_the_end()
    await ground.until(lambda: len(ground.notes) == 3)
    before = list(ground.api.asked)
    pager = await ground.pager()
    await ground.until(lambda: pager.is_idle)
    assert ground.api.asked == before


@pytest.mark.parametrize("cut_at", range(1, 9))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_around_any_record_writes_nothing_twice(ground: Ground, cut_at: int, when: Any) -> None:
    """`sending` and `sent` of the acknowledgment and of three notes: eight records."""
    await ground.run_to_the_end()
    cut = Cut(
        ground.house.journal, at=cut_at, when=when, counts=lambda words: words.startswith("record_delivery")
    )
    await ground.pager(journal=cut)
    await ground.until(cut.dead.is_set)
    await ground.pager()
    await ground.until(lambda: len(ground.notes) >= 3, push=timedelta(seconds=1))
    pager = await ground.pager()
    await ground.until(lambda: pager.is_idle, push=timedelta(seconds=1))
    assert len(set(ground.notes)) == len(ground.notes) == 3
    assert [word.split(": ")[1].split()[0] for word in ground.notes] == ["alice", "bob", "Runbook"]
    assert ground.status == "acknowledged"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, after=True, only="POST"),
        Fault(status=502, only="POST"),
        Fault(is_cut=True, after=True, only="POST"),
        Fault(is_cut=True, only="POST"),
        Fault(status=429, headers={"ratelimit-reset": "0.1"}, only="POST"),
        Fault(status=500, after=True, only="PUT"),
        Fault(is_cut=True, only="PUT"),
        Fault(status=503, only="GET"),
    ],
)
async def test_a_lost_answer_is_looked_for_before_it_is_asked_again(ground: Ground, fault: Fault) -> None:
    ground.api.faults.append(fault)
    await ground.pager()
    await ground.run_to_the_end()
    await ground.until(lambda: len(ground.notes) >= 3, push=timedelta(seconds=1))
    pager = await ground.pager()
    await ground.until(lambda: pager.is_idle, push=timedelta(seconds=1))
    assert len(set(ground.notes)) == len(ground.notes) == 3
    assert ground.status == "acknowledged"
    assert ground.api.faults == []
    assert ground.counted.count("told") == 4


async def test_pagerduty_being_away_delays_words_and_never_a_run(ground: Ground) -> None:
    ground.api.faults += [Fault(status=503)] * 40
    pager = await ground.pager()
    await ground.run_to_the_end()
    assert ground.notes == []
    await ground.until(lambda: not ground.api.faults, push=timedelta(minutes=1))
    await ground.until(lambda: pager.is_idle, push=timedelta(seconds=10))
    assert [word.split(": ")[1].split()[0] for word in ground.notes] == ["alice", "bob", "Runbook"]


async def test_an_acknowledgment_too_late_is_dropped(ground: Ground) -> None:
    await ground.run_to_the_end()
    ground.house.clock.pass_time(TOO_LATE + timedelta(seconds=1))
    await ground.pager()
    await ground.until(lambda: len(ground.notes) == 3)
    assert ground.status == "triggered"


def unknown_to_pagerduty(api: PagerDutyApi) -> None:
    for email in ("alice@acme.example", "bob@acme.example"):
        del api._users[email]


async def test_the_fallback_writes_for_those_pagerduty_does_not_know(ground: Ground) -> None:
    unknown_to_pagerduty(ground.api)
    await ground.pager(fallback="bot@acme.example")
    await ground.run_to_the_end()
    await ground.until(lambda: len(ground.notes) == 3)
    assert {note["user"]["summary"] for note in ground.api.notes[PAGE]} == {"Runbook bot"}
    assert "alice approved" in ground.notes[0], "the words still say who decided"
    assert ground.status == "acknowledged"


async def test_without_a_name_to_write_in_it_is_said_once_and_the_run_goes_on(ground: Ground) -> None:
    unknown_to_pagerduty(ground.api)
    await ground.run_to_the_end()
    pager = await ground.pager()
    await ground.until(lambda: pager.is_idle)
    incident = await ground.house.ledger.incident((await ground.house.the_run()).incident_id)
    said = [event for event in incident.events if isinstance(event, PagerNotTold)]
    assert [event.reason for event in said] == [
        "PagerDuty knows no user with this email; set PAGERDUTY_FROM to one that it knows"
    ]
    assert ground.notes == []
    assert ground.counted == ["given_up"] * 4
    before = len(ground.api.asked)
    pager = await ground.pager()
    await ground.until(lambda: pager.is_idle)
    assert len(ground.api.asked) == before, "what PagerDuty will never take is given up"


async def test_a_refused_token_is_said_once_and_tried_again_later(ground: Ground) -> None:
    ground.api._token = "another"
    await ground.pager()
    await ground.run_to_the_end()
    incident_id = (await ground.house.the_run()).incident_id
    await ground.house.until_incident(
        incident_id, lambda one: any(isinstance(event, PagerNotTold) for event in one.events)
    )
    ground.api._token = TOKEN
    await ground.until(lambda: len(ground.notes) == 3, push=REFUSED_PAUSE / 50)
    incident = await ground.house.ledger.incident(incident_id)
    assert sum(isinstance(event, PagerNotTold) for event in incident.events) == 1
    assert TOKEN not in repr(incident)


ERRORS = Metric(name="errors", query="sum(errors{service={{ service }}})")
CHECK = MetricCheck(metric_name="errors", check_after_s=300.0)


@pytest.mark.parametrize(
    ("resolve", "level", "is_resolved"), [(True, 0.5, True), (False, 0.5, False), (True, 12.0, False)]
)
async def test_the_page_is_resolved_only_after_a_good_check_of_a_runbook_that_says_so(
    tmp_path: Path, resolve: bool, level: float, is_resolved: bool
) -> None:
    gauge = Gauge.at(12.0)
    found = files(metric_check=CHECK, pagerduty_resolve=resolve)
    found = found.model_copy(update={"metrics": {"errors": ERRORS}})
    async with standing(tmp_path, found, metrics=gauge) as ground:
        house = ground.house
        pager = await ground.pager()
        await house.operations.approve(house.ref(await ground.page()), ALICE)
        run = await house.asked((await house.the_run()).id, step=1)
        await house.operations.approve(house.ref_of(run), BOB)
        run = await house.until_run(run.id, lambda one: all(s.has_effect for s in one.steps.values()))
        gauge.show(level, since=house.clock.now() + timedelta(seconds=30))
        house.clock.pass_time(timedelta(minutes=5))
        if level < 12:
            await house.finished(run.id)
        else:
            await house.until_run(run.id, lambda one: None in one.checks)
        await ground.until(lambda: pager.is_idle)
        assert (ground.status == "resolved") is is_resolved
        if is_resolved:
            assert "Check: errors is better: 12 before, 0.5 after." in ground.notes[-1]


async def test_reasons_are_one_line_and_no_note_is_long(ground: Ground) -> None:
    await ground.pager()
    incident = await ground.page()
    reason = "not\nnow,\u202e\x00 " + "because " * 400
    await ground.house.operations.reject(ground.house.ref(incident), ALICE, reason=reason)
    await ground.until(lambda: len(ground.notes) == 2)
    said = "alice rejected step 1 of 2 (a) of runbook turn in staging. Reason: not now, because"
    assert said in ground.notes[0]
    assert all(len(one) < 2000 and "\n" not in one and "\u202e" not in one for one in ground.notes)
    assert ground.status == "triggered", "a rejection is nobody at work"


def test_our_own_notes_are_known_when_they_come_back() -> None:
    event = {
        "id": "01NOTE",
        "event_type": "incident.annotated",
        "occurred_at": NOW.isoformat(),
        "agent": {"id": "PALICE1", "summary": "Alice Arendt"},
        "data": {
            "type": "incident_note",
            "incident": {"id": PAGE, "summary": "dial stuck"},
            "content": f"{NOTE_MARK} 02:00 UTC: alice approved step 1. (0123456789ab)",
        },
    }
    assert isinstance(read_webhook(json.dumps({"event": event}), received_at=NOW), Ignored)
