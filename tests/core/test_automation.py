"""How each step counts for automation: every way it can end, and the one word for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.runs.automation import Account, accounts
from bot.runs.events import (
    ApprovalReminded,
    CancelRequested,
    Event,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalId,
    RunFinished,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.plan import Undo
from tests.core.given import (
    ALICE,
    BOB,
    NOW,
    approved,
    asked,
    ended,
    opened,
    plan,
    probed,
    proposed,
    ran,
    result,
    runbook,
    started,
    step,
)

VIA = Permission(via="U0BOB")
P1 = ProposalId("p1")
HERE = StepKey()


def account_of(*events: Event, **more: Any) -> Account:
    """The account of the first step."""
    return accounts(fold([opened(runbook("a"), **more), *events]))[0]


def settled(choice: Any) -> UnknownSettled:
    return UnknownSettled(
        at=NOW,
        proposal_id=P1,
        step=HERE,
        choice=choice,
        actor=BOB.actor,
        permission=VIA,
        reason="I looked",
    )


def over(status: Any, reason: str = "") -> RunFinished:
    return RunFinished(at=NOW + timedelta(minutes=9), status=status, reason=reason)


REJECTED = StepRejected(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, reason="not now")
SKIPPED = StepSkipped(at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, reason="done by hand")
CANCELLED = CancelRequested(at=NOW, actor=BOB.actor, permission=VIA, reason="wrong service")
ASKED = UndoRequested(at=NOW, reason="step b failed")
UNDO = UndoStarted(at=NOW, step=HERE, plan=plan())
UNKNOWN = (proposed(), approved(), started(), ended("unknown", "unknown"), probed())
DONE = ran("p1", 0, "a")
BROKEN = ran("p1", 0, "a", "failed", "partial")
BLOCKED = UndoBlocked(at=NOW, step=HERE, reason="it is not what the step left behind")


def undone(verdict: Any) -> UndoFinished:
    return UndoFinished(at=NOW, step=HERE, result=result(verdict, summary="as it went"))


def undo_settled(choice: Any) -> UndoSettled:
    return UndoSettled(at=NOW, step=HERE, choice=choice, actor=BOB.actor, permission=VIA, reason="I looked")


@pytest.mark.parametrize(
    ("events", "status", "actor", "reason"),
    [
        ([proposed()], "waiting", "", ""),
        ([proposed(), approved()], "waiting", "", ""),
        ([proposed(), approved(), started()], "running", "alice@acme.example", ""),
        (DONE, "succeeded", "alice@acme.example", "succeeded"),
        (ran("p1", 0, "a", "failed", "none"), "failed", "alice@acme.example", "failed"),
        ([StepNotPlanned(at=NOW, step=HERE, message="no such dial")], "failed", "", "no such dial"),
        ([proposed(), ProposalExpired(at=NOW, proposal_id=P1)], "expired", "", "nobody decided in time"),
        ([proposed(), REJECTED], "requires_manual", "bob@acme.example", "not now"),
        ([proposed(), SKIPPED], "requires_manual", "bob@acme.example", "done by hand"),
        (UNKNOWN, "requires_manual", "", "unknown"),
        ([*UNKNOWN, settled("done")], "requires_manual", "bob@acme.example", "I looked"),
        ([*UNKNOWN, settled("stop")], "requires_manual", "bob@acme.example", "I looked"),
        ([*UNKNOWN, settled("again")], "waiting", "", ""),
        ([*UNKNOWN, settled("again"), *ran("p2", 0, "a")], "succeeded", "alice@acme.example", "succeeded"),
        (BROKEN, "failed", "alice@acme.example", "failed"),
        (
            [*BROKEN, over("failed")],
            "requires_manual",
            "alice@acme.example",
            "failed, and what it changed still stands: failed",
        ),
        ([*DONE, ASKED, UNDO], "running", "", "step b failed"),
        ([*DONE, ASKED, UNDO, undone("succeeded")], "rolled_back", "", "step b failed"),
        ([*DONE, ASKED, UNDO, undone("failed")], "requires_manual", "", "not undone: as it went"),
        ([*DONE, ASKED, UNDO, undone("unknown")], "requires_manual", "", "not undone: as it went"),
        (
            [*DONE, ASKED, UNDO, undone("unknown"), undo_settled("done")],
            "requires_manual",
            "bob@acme.example",
            "I looked",
        ),
        (
            [*DONE, ASKED, BLOCKED],
            "requires_manual",
            "",
            "not undone: it is not what the step left behind",
        ),
        ([*DONE, ASKED, BLOCKED, undo_settled("again"), UNDO, undone("succeeded")], "rolled_back", "", None),
        (
            [*DONE, ASKED, over("rollback_incomplete", "bob cancelled the walk back")],
            "requires_manual",
            "",
            "not undone: bob cancelled the walk back",
        ),
        ([proposed(), CANCELLED], "waiting", "", ""),
        ([proposed(), CANCELLED, over("cancelled")], "requires_manual", "bob@acme.example", "wrong service"),
        ([*DONE, CANCELLED, over("cancelled")], "succeeded", "alice@acme.example", "succeeded"),
    ],
)
def test_each_ending_has_its_word(
    events: Sequence[Event], status: str, actor: str, reason: str | None
) -> None:
    found = account_of(*events)
    assert (found.status, found.actor) == (status, actor)
    assert reason is None or found.reason == reason


def test_a_step_counts_once_whatever_was_tried() -> None:
    found = account_of(*UNKNOWN, settled("again"), *ran("p2", 0, "a"))
    assert (found.proposals, found.was_unknown, found.status) == (2, True, "succeeded")


def test_an_action_is_counted_by_its_id_and_an_inline_step_by_where_it_stands() -> None:
    book = runbook(step("look"), step("clear", action="clear-cache"))
    run = fold([opened(book), proposed("p1", 0), proposed("p2", 1)])
    assert [one.action for one in accounts(run)] == ["turn/look", "clear-cache"]


def test_steps_that_were_not_reached_and_dry_runs_have_no_account() -> None:
    assert [one.name for one in accounts(fold([opened(runbook("a", "b")), proposed()]))] == ["a"]
    assert accounts(fold([opened(runbook("a"), dry_run=True), *DONE])) == ()


def test_approved_unchanged_is_told_from_edited_and_from_unattended() -> None:
    assert account_of(*DONE).is_unchanged
    unattended = proposed(asked=asked(unattended=True))
    tagged = account_of(unattended, started(unattended), ended(of=unattended))
    assert (tagged.is_unchanged, tagged.is_unattended, tagged.decide_s) == (False, True, None)
    edit = ParamsEdited(
        at=NOW, proposal_id=P1, actor=BOB.actor, permission=VIA, before={}, after={"level": 2}
    )
    edited = account_of(proposed(), edit, *ran("p2", 0, "a"))
    assert (edited.is_unchanged, edited.edits, edited.status) == (False, 1, "succeeded")


def test_the_time_to_decide_is_that_of_the_quorum() -> None:
    made = proposed(asked=asked(min_approvals=2))
    first = replace(approved(of=made), at=NOW + timedelta(seconds=20))
    second = replace(approved(BOB, of=made), at=NOW + timedelta(seconds=65))
    assert account_of(made, first).decide_s is None
    assert account_of(made, first, second).decide_s == 65.0


def test_a_manual_undo_is_left_in_human_hands() -> None:
    by_hand = plan(undo=Undo(kind="manual", text="restore the index"))
    made = proposed(plan=by_hand)
    done = [made, approved(of=made), started(made), ended(of=made)]
    blocked = UndoBlocked(at=NOW, step=HERE, reason="by hand: restore the index")
    found = account_of(*done, ASKED, blocked, over("rollback_incomplete"))
    assert (found.status, found.is_rolled_back) == ("requires_manual", True)
    assert found.reason == "not undone: by hand: restore the index"


def test_the_account_carries_when_the_end_of_the_run_made_it_so() -> None:
    assert account_of(proposed(), CANCELLED, over("cancelled")).at == NOW + timedelta(minutes=9)
    assert account_of(proposed(), CANCELLED, over("cancelled")).is_cancelled
    assert account_of(*DONE, over("succeeded")).at == NOW


BROKEN_GLASS = StepOverridden(
    at=NOW,
    proposal_id=P1,
    digest=proposed().digest,
    actor=BOB.actor,
    permission=VIA,
    reason="nobody answers",
)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ([], "override: nobody answers"),
        ([ended()], "override: nobody answers"),
        ([ended("failed", "none")], "override: nobody answers"),
        ([ended(), ASKED, UNDO, undone("succeeded")], "override: nobody answers"),
        ([ended(), ASKED, BLOCKED], "not undone: it is not what the step left behind"),
    ],
)
def test_broken_glass_is_in_human_hands_whatever_came_of_it(after: Sequence[Event], reason: str) -> None:
    found = account_of(proposed(), BROKEN_GLASS, started(), *after)
    assert (found.status, found.is_overridden, found.is_unchanged) == ("requires_manual", True, False)
    assert found.reason == reason


def test_a_reminder_changes_nothing() -> None:
    late = ApprovalReminded(at=NOW + timedelta(minutes=5), proposal_id=P1)
    assert account_of(proposed(), late) == account_of(proposed())


def test_two_who_skip_are_both_named() -> None:
    made = proposed(asked=asked(min_approvals=2))
    mine = replace(SKIPPED, actor=ALICE.actor, reason="")
    found = account_of(made, mine, SKIPPED)
    assert (found.actor, found.reason) == ("alice@acme.example, bob@acme.example", "done by hand")
