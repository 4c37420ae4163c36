"""Checks in the core: when each is due, what follows from its verdict, and who may say how to go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.catalog.schema import MetricCheck
from bot.errors import AlreadyDecided, NotFound, NotPermitted, Refused
from bot.runs.decide import decide
from bot.runs.due import checks_of, next_check, wants_baseline
from bot.runs.events import (
    BaselineTaken,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Event,
    Measured,
    Permission,
    ProposalId,
    RunFinished,
    StepKey,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.intents import Cancel, SettleCheck
from bot.runs.next import AskApproval, AskHuman, Done, NextEffect, Record, RunCheck, RunUndo, Sleep, what_next
from bot.runs.state import RunStatus
from tests.core.given import (
    ALICE,
    BOB,
    EVE,
    EXPIRES,
    NOW,
    approved,
    ended,
    ground,
    opened,
    plan,
    probed,
    proposed,
    ran,
    runbook,
    started,
    step,
)

CHECK = MetricCheck(metric_name="errors", check_after_s=300, rollback_if_value_exceeds=2)
WAIT = timedelta(minutes=5)
FIRST, SECOND = StepKey(), StepKey(index=1)
VIA = Permission(via="U0BOB")
SERIES = Measured(metric="errors")
BASELINE = BaselineTaken(at=NOW, series=(SERIES,))

BEHIND_STEP = opened(runbook(step("a", check=CHECK), "b"))
BEHIND_RUN = opened(runbook("a", metric_check=CHECK))
BY_ITSELF = opened(runbook(step("a", check=CHECK), "b", rollback_on_failure=True))
A = ran("p1", 0, "a")
A_UNKNOWN = (*ran("p1", 0, "a", "unknown", "unknown"), probed())


def judged(verdict: Any, key: StepKey | None = FIRST) -> CheckJudged:
    return CheckJudged(
        at=NOW + WAIT, step=key, verdict=verdict, sentence=f"errors is {verdict}", series=SERIES
    )


ASKS = AskHuman(until=NOW + WAIT + (EXPIRES - NOW) / 2)
"""Until they are reminded."""


def settled(choice: Any, key: StepKey | None = FIRST) -> CheckSettled:
    return CheckSettled(at=NOW + WAIT, step=key, choice=choice, actor=BOB.actor, permission=VIA)


def undo(reason: str, **more: Any) -> UndoRequested:
    return UndoRequested(at=NOW + WAIT, reason=reason, **more)


def finish(status: Any, *left: str, reason: str = "") -> Record:
    return Record(events=(RunFinished(at=NOW + WAIT, status=status, reason=reason, left=left),))


@dataclass(frozen=True)
class Case:
    name: str
    given: tuple[Event, ...]
    then: NextEffect | type
    status: RunStatus = "running"
    later: timedelta = WAIT


SKIPPED = StepSkipped(at=NOW, proposal_id=ProposalId("p1"), actor=BOB.actor, permission=VIA)
DONE = UnknownSettled(
    at=NOW + WAIT,
    proposal_id=ProposalId("p1"),
    step=FIRST,
    choice="done",
    actor=BOB.actor,
    permission=VIA,
)
CANCELLED = CancelRequested(at=NOW, actor=BOB.actor, permission=VIA)
REJECTED = StepRejected(at=NOW, proposal_id=ProposalId("p2"), actor=BOB.actor, permission=VIA, reason="no")

CASES = [
    # --- the wait
    Case("just done", (BEHIND_STEP, *A), Sleep(until=NOW + WAIT), later=timedelta()),
    Case("nearly time", (BEHIND_STEP, *A), Sleep(until=NOW + WAIT), later=WAIT - timedelta(seconds=1)),
    Case("time", (BEHIND_STEP, *A), RunCheck),
    Case("long past", (BEHIND_STEP, *A), RunCheck, later=WAIT * 50),
    Case("done says a human", (BEHIND_STEP, *A_UNKNOWN, DONE), Sleep(until=NOW + 2 * WAIT)),
    Case("behind the run", (BEHIND_RUN, *A), Sleep(until=NOW + WAIT), later=timedelta()),
    Case("behind the run, time", (BEHIND_RUN, *A), RunCheck),
    # --- nothing to check
    Case("skipped", (BEHIND_STEP, proposed(), SKIPPED), AskApproval(step=SECOND)),
    Case(
        "changed nothing",
        (BEHIND_STEP, *ran("p1", 0, "a", "succeeded", "none")),
        AskApproval(step=SECOND),
    ),
    Case("a run that changed nothing", (BEHIND_RUN, proposed(), SKIPPED), finish("succeeded")),
    Case("a dry run", (replace(BEHIND_STEP, dry_run=True), *A), AskApproval(step=SECOND)),
    Case("a dry run ends", (replace(BEHIND_RUN, dry_run=True), *A), finish("succeeded")),
    Case(
        "a failed step is not checked",
        (BEHIND_STEP, *ran("p1", 0, "a", "failed", "applied")),
        finish("failed", "a", reason="step a failed: failed"),
    ),
    Case(
        "a halted run is not checked as a whole",
        (opened(runbook("a", "b", metric_check=CHECK)), *A, proposed("p2", 1, name="b"), REJECTED),
        finish("rejected", "a", reason="no"),
    ),
    # --- verdicts
    Case("better goes on", (BEHIND_STEP, *A, judged("better")), AskApproval(step=SECOND)),
    Case("better ends", (BEHIND_RUN, *A, judged("better", None)), finish("succeeded")),
    Case("worse asks", (BEHIND_STEP, *A, judged("worse")), ASKS, "waiting"),
    Case("inconclusive asks", (BEHIND_RUN, *A, judged("inconclusive", None)), ASKS, "waiting"),
    Case(
        "inconclusive asks, also where worse undoes itself",
        (BY_ITSELF, *A, judged("inconclusive")),
        ASKS,
        "waiting",
    ),
    Case(
        "worse undoes itself",
        (BY_ITSELF, *A, judged("worse")),
        Record(events=(undo("the check: errors is worse"),)),
    ),
    Case(
        "and is then undone",
        (BY_ITSELF, *A, judged("worse"), undo("the check: errors is worse")),
        RunUndo(step=FIRST),
    ),
    # --- what people said
    Case("keep goes on", (BEHIND_STEP, *A, judged("worse"), settled("keep")), AskApproval(step=SECOND)),
    Case("keep ends", (BEHIND_RUN, *A, judged("worse", None), settled("keep", None)), finish("succeeded")),
    Case(
        "undo undoes",
        (BEHIND_STEP, *A, judged("worse"), settled("undo"), undo("the check", actor=BOB.actor)),
        RunUndo(step=FIRST),
    ),
    # --- in between
    Case("cancelled while it waits", (BEHIND_STEP, *A, CANCELLED), finish("cancelled", "a")),
    Case(
        "cancelled while people are asked",
        (BEHIND_STEP, *A, judged("worse"), CANCELLED),
        finish("cancelled", "a"),
        "waiting",
    ),
    Case("over", (BEHIND_STEP, *A, RunFinished(at=NOW, status="cancelled")), Done(), "cancelled"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_next_at_a_check(case: Case) -> None:
    run = fold(case.given)
    effect = what_next(run, NOW + case.later)
    if isinstance(case.then, type):
        assert isinstance(effect, case.then)
        assert isinstance(effect, RunCheck)
        assert effect.due == next_check(run)
        assert effect.due.check == CHECK
    else:
        assert effect == case.then
    assert run.status == case.status


def test_every_check_of_a_run_is_made_in_turn() -> None:
    late = CHECK.model_copy(update={"check_after_s": 600})
    book = runbook(step("a", check=CHECK), step("b", check=CHECK), metric_check=late)
    assert checks_of(fold([opened(book)])) == (CHECK, CHECK, late)
    events: tuple[Event, ...] = (opened(book), *A)
    assert next_check(fold(events)).step == FIRST  # type: ignore[union-attr]
    events += (judged("better"),)
    assert next_check(fold(events)) is None
    events += ran("p2", 1, "b")
    assert next_check(fold(events)).step == SECOND  # type: ignore[union-attr]
    events += (judged("better", SECOND),)
    due = next_check(fold(events))
    assert due is not None
    assert (due.step, due.at) == (None, NOW + timedelta(minutes=10))


def test_a_baseline_is_wanted_before_the_first_change_and_never_after() -> None:
    waiting = (BEHIND_STEP, proposed(), approved())
    assert wants_baseline(fold(waiting))
    assert not wants_baseline(fold((*waiting, BASELINE)))
    assert not wants_baseline(fold((*waiting, started())))
    reading = proposed(plan=plan(changes=False))
    read = (BEHIND_STEP, reading, approved(of=reading), started(reading), ended(of=reading))
    assert wants_baseline(fold(read))
    assert not wants_baseline(fold((opened(runbook("a")), proposed(), approved())))
    assert not wants_baseline(fold((replace(BEHIND_STEP, dry_run=True), proposed(), approved())))


ASKED = (BEHIND_STEP, *A, judged("worse"))


def test_keeping_it_is_written_down_with_who_and_why() -> None:
    intent = SettleCheck(step=FIRST, choice="keep", reason=" a deploy did that ")
    [event] = decide(fold(ASKED), intent, ground(BOB))
    assert event == CheckSettled(
        at=NOW,
        step=FIRST,
        choice="keep",
        actor=BOB.actor,
        permission=Permission(via="bob@acme.example"),
        reason="a deploy did that",
    )


def test_undoing_it_asks_for_the_walk_back_in_the_same_breath() -> None:
    events = decide(fold(ASKED), SettleCheck(step=FIRST, choice="undo"), ground(ALICE))
    assert [type(one) for one in events] == [CheckSettled, UndoRequested]
    assert isinstance(events[1], UndoRequested)
    assert events[1].reason == "the check: errors is worse"
    assert events[1].actor == ALICE.actor
    assert what_next(fold((*ASKED, *events)), NOW) == RunUndo(step=FIRST)


REFUSALS = [
    ("a stranger", ASKED, EVE, FIRST, NotPermitted),
    ("another step", ASKED, BOB, SECOND, NotFound),
    ("the run's own", ASKED, BOB, None, NotFound),
    ("settled already", (*ASKED, settled("keep")), ALICE, FIRST, AlreadyDecided),
    ("better", (BEHIND_STEP, *A, judged("better")), BOB, FIRST, Refused),
    ("worse that undoes itself", (BY_ITSELF, *A, judged("worse")), BOB, FIRST, Refused),
    ("being undone", (*ASKED, undo("x", actor=BOB.actor)), BOB, FIRST, AlreadyDecided),
    ("cancelled", (*ASKED, CANCELLED), BOB, FIRST, AlreadyDecided),
    ("over", (*ASKED, RunFinished(at=NOW, status="cancelled")), BOB, FIRST, AlreadyDecided),
]


@pytest.mark.parametrize(
    ("given", "who", "key", "refusal"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
@pytest.mark.parametrize("choice", ["keep", "undo"])
def test_who_may_not_say_how_to_go_on(
    given: tuple[Event, ...], who: Any, key: StepKey | None, refusal: type[Refused], choice: Any
) -> None:
    with pytest.raises(refusal):
        decide(fold(given), SettleCheck(step=key, choice=choice), ground(who))


def test_a_run_can_be_cancelled_while_a_check_is_asked_about() -> None:
    [event] = decide(fold(ASKED), Cancel(reason="enough"), ground(BOB))
    assert isinstance(event, CancelRequested)
