"""Numbers follow what was committed: once each, never what was not, and never a name that the catalog does not know."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Param
from bot.engine.counting import Counting
from bot.engine.ledger import Change
from bot.errors import JournalUnavailable
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.intake.incident import Incident
from bot.journal.base import Batch
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import Event
from bot.runs.state import Run
from bot.telemetry.metrics import Metrics
from tests.engine.house import ALICE, BOB, EVE, UNATTENDED, House, catalog, dial_step, runbook
from tests.fakes.clock import VirtualClock


class Counted:
    """A house whose ledger is watched."""

    def __init__(self, house: House, metrics: Metrics) -> None:
        self.house = house
        self.metrics = metrics

    @classmethod
    async def open(cls, path: Path, *books: Any, **more: Any) -> Counted:
        metrics = Metrics()
        files = more.pop("catalog", None) or catalog(*books)
        house = await House.open(
            path, files, watcher=Counting(metrics=metrics, catalog=lambda: files), **more
        )
        return cls(house, metrics)

    def of(self, family: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"runbook_{family}", labels) or 0.0


def is_unknown(run: Run) -> bool:
    return any(state.proposal is not None and state.proposal.is_unknown for state in run.steps.values())


async def test_a_run_is_counted_from_its_suggestion_to_its_end(tmp_path: Path) -> None:
    clock = VirtualClock()
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")), clock=clock)
    house = one.house
    incident = await house.page()
    assert one.of("incidents_opened_total", service="payments", source="pagerduty") == 1
    assert one.of("suggestions_total", service="payments", result="suggested") == 1
    assert one.of("approvals_pending", service="payments") == 1
    assert one.of("incidents_open", service="payments") == 1
    clock.pass_time(timedelta(seconds=42))
    await house.operations.approve(house.ref(incident), BOB)
    run = await house.finished((await house.the_run()).id)
    assert one.of("decisions_total", service="payments", verdict="approved") == 1
    assert one.of("decision_seconds_sum", verdict="approved") == 42
    assert one.of("steps_executed_total", service="payments", action="fix/turn", result="succeeded") == 1
    assert one.of("step_seconds_count", type="dial", result="succeeded") == 1
    assert one.of("runs_finished_total", service="payments", runbook="fix", status="succeeded") == 1
    assert one.of("run_seconds_count", status="succeeded") == 1
    assert one.of("approvals_pending", service="payments") == 0
    assert one.of("runs_open", status="running") == 0
    assert run.status == "succeeded"
    await house.close()


async def test_a_restart_counts_nothing_again_and_finds_what_is_open(tmp_path: Path) -> None:
    book = runbook("fix", dial_step("turn"), dial_step("more"))
    before = await Counted.open(tmp_path / "j.db", book)
    incident = await before.house.page()
    await before.house.operations.approve(before.house.ref(incident), BOB)
    run_id = (await before.house.the_run()).id
    await before.house.asked(run_id, step=1)
    await before.house.close()
    after = await Counted.open(tmp_path / "j.db", book)
    await after.house.asked(run_id, step=1)
    assert after.of("decisions_total", service="payments", verdict="approved") == 0
    assert after.of("steps_executed_total", service="payments", action="fix/turn", result="succeeded") == 0
    assert after.of("approvals_pending", service="payments") == 1
    assert after.of("runs_open", status="waiting") == 1
    await after.house.close()


async def test_what_goes_wrong_and_is_undone_is_counted_step_by_step(tmp_path: Path) -> None:
    back = dial_step("turn-back", "turn", 0)
    first = dial_step("turn", rollback={"step": back})
    book = runbook("fix", first, dial_step("break", mode="fail"), rollback_on_failure=True)
    one = await Counted.open(tmp_path / "j.db", book)
    run_id = await one.house.start("fix")
    for step in (0, 1):
        run = await one.house.asked(run_id, step=step)
        await one.house.operations.approve(one.house.ref_of(run), BOB)
    await one.house.finished(run_id)
    assert one.of("steps_executed_total", service="payments", action="fix/break", result="failed") == 1
    assert one.of("rollbacks_total", service="payments", by="bot") == 1
    assert one.of("undos_total", service="payments", action="fix/turn", result="succeeded") == 1
    await one.house.close()


async def test_an_unknown_outcome_is_open_until_somebody_settles_it(tmp_path: Path) -> None:
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn", mode="lost")))
    run_id = await one.house.start("fix")
    run = await one.house.asked(run_id)
    await one.house.operations.approve(one.house.ref_of(run), BOB)
    run = await one.house.until_run(run_id, is_unknown)
    assert one.of("unknown_outcomes_open", service="payments") == 1
    assert one.of("steps_executed_total", service="payments", action="fix/turn", result="unknown") == 1
    run = await one.house.until_run(
        run_id,
        lambda run: (
            run.current is not None
            and run.current.proposal is not None
            and run.current.proposal.probed is not None
        ),
    )
    await one.house.operations.settle(one.house.ref_of(run), BOB, choice="done")
    await one.house.finished(run_id)
    assert one.of("unknown_outcomes_open", service="payments") == 0
    await one.house.close()


@pytest.mark.parametrize("verdict", ["rejected", "skipped", "edited"])
async def test_every_kind_of_decision_has_its_name(tmp_path: Path, verdict: str) -> None:
    book = runbook("fix", dial_step("turn"), params=(Param(name="count", type="int", default=1),))
    one = await Counted.open(tmp_path / "j.db", book)
    run_id = await one.house.start("fix")
    ref = one.house.ref_of(await one.house.asked(run_id))
    doors = one.house.operations
    if verdict == "rejected":
        await doors.reject(ref, BOB, reason="no")
    elif verdict == "skipped":
        await doors.skip(ref, BOB, reason="no need")
    else:
        await doors.edit(ref, BOB, given={"count": 2})
    assert one.of("decisions_total", service="payments", verdict=verdict) == 1
    await one.house.close()


async def test_breaking_glass_is_counted_apart(tmp_path: Path) -> None:
    files = catalog(runbook("fix", dial_step("turn")))
    services = {name: one.model_copy(update={"override": ("U0EVE",)}) for name, one in files.services.items()}
    one = await Counted.open(tmp_path / "j.db", catalog=files.model_copy(update={"services": services}))
    run_id = await one.house.start("fix")
    ref = one.house.ref_of(await one.house.asked(run_id))
    await one.house.operations.override(ref, EVE, reason="the approvers are asleep")
    await one.house.finished(run_id)
    assert one.of("overrides_total", service="payments") == 1
    assert one.of("decisions_total", service="payments", verdict="overridden") == 1
    assert one.of("decisions_total", service="payments", verdict="approved") == 0
    await one.house.close()


async def test_a_counter_is_there_with_0_before_its_first_time(tmp_path: Path) -> None:
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")))
    run_id = await one.house.start("fix")
    await one.house.asked(run_id)
    one.metrics.exposition()
    told = one.metrics.exposition()
    for line in (
        'runbook_overrides_total{service="payments"} 0.0',
        'runbook_steps_executed_total{action="fix/turn",result="failed",service="payments"} 0.0',
        'runbook_runs_finished_total{runbook="fix",service="payments",status="rolled_back"} 0.0',
        'runbook_webhooks_total{result="refused",source="pagerduty"} 0.0',
    ):
        assert line in told, line
    await one.house.close()


async def test_nobody_deciding_in_time_is_counted_for_suggestions_and_proposals(tmp_path: Path) -> None:
    clock = VirtualClock()
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")), clock=clock)
    incident = await one.house.page()
    run_id = await one.house.start("fix")
    await one.house.asked(run_id)
    clock.pass_time(timedelta(hours=1))
    await one.house.finished(run_id)
    await one.house.until_incident(incident.incident_id, lambda now: now.open_suggestion is None)
    assert one.of("decisions_total", service="payments", verdict="expired") == 2
    await one.house.close()


async def test_a_dry_run_executes_nothing(tmp_path: Path) -> None:
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")))
    run_id = await one.house.start("fix", dry_run=True)
    await one.house.finished(run_id)
    assert one.of("steps_executed_total", service="payments", action="fix/turn", result="succeeded") == 0
    assert one.of("runs_finished_total", service="payments", runbook="fix", status="succeeded") == 1
    await one.house.close()


async def test_a_name_that_the_catalog_does_not_know_never_becomes_a_label(tmp_path: Path) -> None:
    files = catalog(runbook("fix", dial_step("turn", rules=UNATTENDED)))
    metrics, nothing = Metrics(), catalog()
    house = await House.open(
        tmp_path / "j.db",
        files,
        watcher=Counting(metrics=metrics, catalog=lambda: nothing.model_copy(update={"services": {}})),
    )
    await house.finished(await house.start("fix", ALICE))
    told = metrics.exposition()
    assert "payments" not in told
    assert "fix" not in told
    assert 'runbook_steps_executed_total{action="other",result="succeeded",service="other"} 1.0' in told
    await house.close()


class LostAnswers:
    """A journal whose next appends land while nobody is told."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.loses = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    async def append(self, batch: Batch) -> Any:
        recorded = await self.journal.append(batch)
        if self.loses:
            self.loses -= 1
            raise JournalUnavailable("the answer was lost")
        return recorded


async def test_an_append_whose_answer_was_lost_is_counted_when_it_is_found(tmp_path: Path) -> None:
    lost: list[LostAnswers] = []

    def wrap(journal: SqliteJournal) -> LostAnswers:
        lost.append(LostAnswers(journal))
        return lost[0]

    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")), wrap=wrap)
    run_id = await one.house.start("fix")
    ref = one.house.ref_of(await one.house.asked(run_id))
    lost[0].loses = 1
    with pytest.raises(JournalUnavailable):
        await one.house.operations.approve(ref, BOB)
    await one.house.finished(run_id)
    assert one.of("decisions_total", service="payments", verdict="approved") == 1
    await one.house.close()


async def test_two_who_race_are_counted_as_the_one_who_won(tmp_path: Path) -> None:
    one = await Counted.open(
        tmp_path / "j.db",
        runbook("fix", dial_step("turn")),
    )
    incident = await one.house.page()
    ref = one.house.ref(incident)
    doors = one.house.operations
    await asyncio.gather(doors.approve(ref, BOB), doors.approve(ref, ALICE), return_exceptions=True)
    await one.house.finished((await one.house.the_run()).id)
    assert one.of("decisions_total", service="payments", verdict="approved") == 1
    assert one.of("runs_opened_total", service="payments", runbook="fix") == 1
    await one.house.close()


async def test_diagnoses_are_counted_by_class_with_how_long_they_took_and_what_people_said(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    one = await Counted.open(tmp_path / "j.db", runbook("fix", dial_step("turn")), clock=clock)
    incident = await one.house.page()
    for number, finding in enumerate(("oom-killed", "", "<script>")):
        name = DiagnosisId(f"d{number}")
        await _write(one.house, incident, DiagnosisAsked(at=clock.now(), diagnosis_id=name, cause="policy"))
        clock.pass_time(timedelta(seconds=2))
        made = DiagnosisMade(
            at=clock.now(), diagnosis_id=name, subject="deployment a/b", sentence="…", finding=finding
        )
        await _write(one.house, incident, made)
    by = BOB.actor
    await _write(
        one.house,
        incident,
        DiagnosisJudged(at=clock.now(), diagnosis_id=DiagnosisId("d0"), by=by, verdict="right"),
    )
    assert one.of("diagnoses_total", service="payments", finding="oom-killed") == 1
    assert one.of("diagnoses_total", service="payments", finding="none") == 1
    assert one.of("diagnoses_total", service="payments", finding="other") == 1
    assert one.of("diagnosis_seconds_sum") == 6
    assert one.of("diagnosis_judgements_total", finding="oom-killed", verdict="right") == 1
    await one.house.close()


async def _write(house: House, incident: Incident, event: Event) -> None:
    now = await house.ledger.incident(incident.incident_id)
    await house.ledger.append(Change(incident=now, incident_events=(event,)))
