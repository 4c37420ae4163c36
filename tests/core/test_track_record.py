"""How a version has fared: what counts for a promotion, and what is not good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.runs.events import (
    Event,
    ParamsEdited,
    Permission,
    ProposalId,
    RunFinished,
    StepOverridden,
    StepRejected,
)
from bot.runs.fold import fold
from bot.runs.state import Run
from bot.runs.track_record import TrackRecord, track_record
from tests.core.given import ALICE, BOB, NOW, ended, opened, proposed, ran, runbook, started

VIA = Permission(via="U0BOB")


def run(*events: Event, is_over: bool = True, **more: object) -> Run:
    finished: Sequence[Event] = [RunFinished(at=NOW, status="succeeded")] if is_over else []
    return fold([opened(runbook("a", "b"), environment="staging", **more), *events, *finished])


GOOD = run(*ran("p1", 0, "a"), *ran("p2", 1, "b"))
HALF = run(*ran("p1", 0, "a"), is_over=False)
DRY = run(dry_run=True)
FAILED = run(*ran("p1", 0, "a", "failed", "partial"))
REJECTED = run(
    proposed(),
    StepRejected(at=NOW, proposal_id=ProposalId("p1"), actor=BOB.actor, permission=VIA, reason="no"),
)
EDITED = run(
    proposed(),
    ParamsEdited(
        at=NOW, proposal_id=ProposalId("p1"), actor=ALICE.actor, permission=VIA, before={}, after={}
    ),
    *ran("p2", 0, "a"),
)


def test_an_action_counts_where_a_step_has_its_digest_and_a_runbook_where_the_run_has() -> None:
    assert track_record([GOOD], digest="digest-a").approved_unchanged == 1
    assert track_record([GOOD], digest="v1").approved_unchanged == 2
    assert track_record([GOOD, GOOD], digest="v1").runs == 2
    assert track_record([GOOD], digest="digest-of-yesterday") == TrackRecord()


def test_what_is_not_over_or_was_dry_says_nothing() -> None:
    assert track_record([HALF, DRY], digest="v1") == TrackRecord()


def test_a_run_in_which_nothing_was_done_is_no_run_but_its_decisions_are_told() -> None:
    found = track_record([REJECTED, GOOD], digest="digest-a")
    assert (found.runs, found.rejected, found.troubles) == (1, 1, 0)


def test_an_edit_and_a_failure_are_told() -> None:
    found = track_record([EDITED, FAILED], digest="digest-a")
    assert (found.edited, found.failed, found.troubles) == (1, 1, 1)


def test_a_step_that_was_forced_past_the_rules_is_told_and_is_trouble() -> None:
    forced = proposed()
    overridden = StepOverridden(
        at=NOW,
        proposal_id=forced.proposal_id,
        digest=forced.digest,
        actor=BOB.actor,
        permission=VIA,
        reason="it burns",
    )
    found = track_record([run(forced, overridden, started(forced), ended(of=forced))], digest="digest-a")
    assert (found.runs, found.overridden, found.approved_unchanged) == (1, 1, 0)
    assert found.shortfalls(min_runs=1) == ("1 overridden, where none may be",)


def test_environments_and_days_are_told() -> None:
    told = track_record([GOOD], digest="v1").as_evidence()
    assert (told["environments"], told["from"], told["to"]) == (["staging"], "2026-11-03", "2026-11-03")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (TrackRecord(runs=10), ()),
        (TrackRecord(runs=9), ("9 of 10 runs",)),
        (TrackRecord(runs=10, rejected=3, edited=2), ()),
        (TrackRecord(runs=10, rolled_back=1), ("1 rolled back, where none may be",)),
        (
            TrackRecord(runs=2, overridden=1, failed=2, unknown=3),
            ("2 of 10 runs", "1 overridden, 2 failed, 3 unknown, where none may be"),
        ),
    ],
)
def test_what_is_not_good_enough_is_said(record: TrackRecord, said: tuple[str, ...]) -> None:
    assert record.shortfalls() == said


def test_the_bar_can_be_moved() -> None:
    record = TrackRecord(runs=3, failed=1)
    assert record.shortfalls(min_runs=3, max_troubles=1) == ()
    assert record.shortfalls(min_runs=3, max_troubles=0) == ("1 failed, where none may be",)
    assert replace(record, failed=2).shortfalls(min_runs=1, max_troubles=1) == ("2 failed, where 1 may be",)
