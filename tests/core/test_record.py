"""A run as its record, its report and its lines in the audit; a golden document of a run in which much happened."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from bot.cli.history import STATUSES
from bot.runs.audit import AuditReport, as_csv, as_markdown, audit_lines
from bot.runs.events import (
    ApprovalVoided,
    BaselineTaken,
    CheckJudged,
    CheckSettled,
    Event,
    Measured,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    RunFinished,
    RunOpened,
    StepApproved,
    StepKey,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.record import TriggerRecord, record_of
from bot.runs.record_shape import DecisionKind
from bot.runs.report import DECISION_WORDS, STEP_WORDS, UNDO_WORDS, report
from bot.runs.state import Run, RunStatus, StepStatus
from bot.runs.words import RUN_WORDS
from tests.core.given import (
    ALICE,
    BOB,
    EVE,
    NOW,
    approved,
    asked,
    ended,
    opened,
    plan,
    probed,
    proposed,
    result,
    runbook,
    started,
)

GOLDEN = Path(__file__).with_name("golden_report.md")
BY_BOB = Permission(via="bob@acme.example")
FIRST, SECOND = StepKey(), StepKey(index=1)
EVIL = "=cmd|' /C calc'!A0 <b>*x*</b> https://evil.example"


def spread(*events: Event) -> tuple[Event, ...]:
    """The events, thirty seconds apart."""
    return tuple(replace(event, at=NOW + timedelta(seconds=30 * n)) for n, event in enumerate(events))


def eventful() -> Run:
    """Edited, drifted, an approval voided, two approvals, an unknown outcome, a check, an undo that was blocked."""
    book = runbook("a", "b", "c")
    before = proposed("p1", 0)
    drifted = proposed("p2", 0, asked=asked(min_approvals=2))
    again = proposed(
        "p3", 0, asked=asked(min_approvals=2), reason="the state changed since this was proposed"
    )
    tagged = proposed("p4", 1, name="b", asked=asked(unattended=True))
    head = opened(book, params={"level": 1}, catalog_commit="0123abc4567", environment="staging")
    assert isinstance(head, RunOpened)
    events = spread(
        replace(head, values={"incident": {"title": "5xx on payments"}}, requester=EVE.actor),
        before,
        ParamsEdited(
            at=NOW,
            proposal_id=ProposalId("p1"),
            actor=BOB.actor,
            permission=BY_BOB,
            before={"level": 1},
            after={"level": 2},
        ),
        drifted,
        approved(of=drifted),
        ApprovalVoided(
            at=NOW, proposal_id=ProposalId("p2"), person="alice@acme.example", reason="left the team"
        ),
        ProposalVoided(
            at=NOW, proposal_id=ProposalId("p2"), reason="the state changed", changes=("a: 0 → 1",)
        ),
        again,
        approved(of=again),
        approved(BOB, of=again),
        BaselineTaken(at=NOW, series=(Measured(metric="errors"),)),
        started(again),
        ended("unknown", "unknown", of=again, summary="the line was cut"),
        probed(again),
        UnknownSettled(
            at=NOW,
            proposal_id=ProposalId("p3"),
            step=FIRST,
            choice="done",
            actor=BOB.actor,
            permission=BY_BOB,
            reason="the dial shows 1",
        ),
        tagged,
        started(tagged),
        ended(of=tagged, output="b is at 1\n```\n# not a heading\n"),
        CheckJudged(
            at=NOW,
            verdict="inconclusive",
            sentence="errors did not move: 3 before, 3 after",
            series=Measured(metric="errors", query="sum(errors)"),
            step=SECOND,
            before=3.0,
            after=3.0,
            limit=2.5,
        ),
        CheckSettled(
            at=NOW, choice="undo", actor=BOB.actor, permission=BY_BOB, step=SECOND, reason="no better"
        ),
        UndoRequested(at=NOW, reason="the check: no better", actor=BOB.actor, permission=BY_BOB),
        UndoStarted(at=NOW, step=SECOND, plan=plan("b")),
        UndoFinished(at=NOW, step=SECOND, result=result(summary="b is at 0")),
        UndoBlocked(at=NOW, step=FIRST, reason="a is 7, expected 1"),
        RunFinished(at=NOW, status="rollback_incomplete", reason="step a was not undone", left=("a",)),
    )
    return fold(events)


TRIGGER = TriggerRecord(
    source="pagerduty",
    key="pagerduty:Q1",
    title="5xx on payments",
    symptom="elevated 5xx",
    why=("symptom words matched: 5xx",),
)


def test_the_report_of_a_run_reads_like_this() -> None:
    document = report(record_of(eventful(), trigger=TRIGGER, head="ab" * 32))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(document, encoding="utf-8")
    assert document == GOLDEN.read_text(encoding="utf-8")


def test_the_record_keeps_every_decision_also_those_that_no_longer_count() -> None:
    record = record_of(eventful())
    told = [(one.kind, one.by.name if one.by else "") for one in record.steps[0].decisions]
    assert told == [
        ("edited", "bob"),
        ("approved", "alice"),
        ("approval_voided", ""),
        ("proposal_voided", ""),
        ("approved", "alice"),
        ("approved", "bob"),
        ("outcome_settled", "bob"),
    ]
    assert record.requester is not None
    assert record.requester.name == "bob"  # who edited last
    assert record.duration_s == 24 * 30
    assert (record.rollback.status, record.rollback.left) == ("incomplete", ("a",))
    assert [step.automation for step in record.steps] == ["requires_manual", "rolled_back", None]
    assert record.checks[0].decision is not None
    assert record.trigger.title == "5xx on payments"


def test_every_status_and_decision_has_its_words() -> None:
    assert set(RUN_WORDS) == set(get_args(RunStatus)) == set(STATUSES)
    assert set(DECISION_WORDS) == set(get_args(DecisionKind))
    plain = {"succeeded", "failed", "running", "rejected", "skipped", "undone"}  # words as they are
    assert set(STEP_WORDS) == set(get_args(StepStatus)) - plain
    assert set(UNDO_WORDS) == {word for word in get_args(StepStatus) if word.startswith("und")}


def test_what_a_run_that_succeeded_changed_is_not_left_behind() -> None:
    made = proposed()
    events = [made, approved(of=made), started(made), ended(of=made), RunFinished(at=NOW, status="succeeded")]
    record = record_of(fold([opened(runbook("a")), *events]))
    assert (record.rollback.status, record.rollback.left) == ("none", ())
    assert record.steps[0].stands


def test_each_decision_is_one_line_of_the_audit_and_a_tag_is_one_too() -> None:
    lines = audit_lines(record_of(eventful(), trigger=TRIGGER))
    assert [(line.decision, line.step, line.who) for line in lines] == [
        ("edited", "a", "bob <bob@acme.example>"),
        ("approved", "a", "alice <alice@acme.example>"),
        ("approval_voided", "a", "the bot"),
        ("proposal_voided", "a", "the bot"),
        ("approved", "a", "alice <alice@acme.example>"),
        ("approved", "a", "bob <bob@acme.example>"),
        ("outcome_settled", "a", "bob <bob@acme.example>"),
        ("unattended", "b", "a reviewed tag"),
        ("check_settled", "b", "bob <bob@acme.example>"),
        ("undo_requested", "", "bob <bob@acme.example>"),
    ]
    last_approval = lines[5]
    assert (last_approval.verdict, last_approval.undone) == ("unknown", "undo_blocked")
    assert last_approval.digest == proposed().digest
    assert lines[8].evidence == "inconclusive: errors did not move: 3 before, 3 after"
    assert (lines[6].checked, lines[7].checked) == (
        "",
        "inconclusive: errors did not move: 3 before, 3 after",
    )
    assert lines[0].commit == "0123abc4567"
    assert (lines[0].incident, lines[0].suggested_because) == (TRIGGER.title, "; ".join(TRIGGER.why))
    assert {line.started_by for line in lines} == {"bob <bob@acme.example>"}


def test_a_decision_that_nobody_made_is_nobodys_and_says_what_it_was_for() -> None:
    made = proposed()
    expired = ProposalExpired(at=NOW, proposal_id=made.proposal_id)
    record = record_of(fold([opened(runbook("a")), made, expired]), trigger=TRIGGER)
    (line,) = audit_lines(record)
    assert (line.decision, line.who, line.started_by) == ("expired", "nobody", "")
    assert f"for {TRIGGER.title}" in as_markdown(_report(line))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    made = proposed()
    evil = replace(approved(of=made), actor=replace(ALICE.actor, name=f"{start}1+1"))
    assert isinstance(evil, StepApproved)
    record = record_of(
        fold([opened(runbook("a")), made, evil]), trigger=TriggerRecord(title=f'{start}1+1","\n=2')
    )
    told = as_csv(_report(*audit_lines(record)))
    (row,) = csv.DictReader(io.StringIO(told, newline=""))
    assert row["incident"] == f'\'{start}1+1","\n=2'
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝")) for cell in row.values())


def test_the_audit_as_a_document_keeps_its_table_whatever_people_write() -> None:
    line = replace(audit_lines(record_of(eventful(), trigger=TRIGGER))[0], reason=EVIL + "\n| a | b |")
    document = as_markdown(_report(line))
    (row,) = [one for one in document.splitlines() if one.startswith("| 2026")]
    assert row.replace("\\|", "").count("|") == 8
    assert "https://" not in row
    assert "<b>" not in row


def _report(*lines: object) -> AuditReport:
    return AuditReport(
        since=None,
        until=NOW,
        lines=tuple(lines),  # type: ignore[arg-type]
        streams=1,
        events=2,
        audit_head="ab",
    )
