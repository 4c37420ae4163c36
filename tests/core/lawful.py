"""What holds for the events of any run, however it came about: the invariants, read off one event at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from bot.runs.due import next_check
from bot.runs.events import (
    Actor,
    ApprovalEscalated,
    BaselineTaken,
    CheckJudged,
    CheckSettled,
    Event,
    QuestionReminded,
    RunFinished,
    StepApproved,
    StepFinished,
    StepKey,
    StepOverridden,
    StepProposed,
    StepSkipped,
    StepStarted,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
)
from bot.runs.fold import fold
from bot.runs.questions import open_questions
from bot.runs.state import Proposal, Run, RunStatus, StepStatus

RUN_WORDS = frozenset(get_args(RunStatus))
STEP_WORDS = frozenset(get_args(StepStatus))


def assert_lawful(events: Sequence[Event]) -> None:
    """Hold every event against the run as it stood before it."""
    run = fold(events[:1])
    assert_words(run)
    for event in events[1:]:
        assert_may_follow(run, event)
        run = fold([event], run)
        assert_words(run)


def assert_words(run: Run) -> None:
    assert run.status in RUN_WORDS
    assert {state.status for state in run.steps.values()} <= STEP_WORDS
    assert (run.status in get_args(RunStatus)[3:]) is run.is_finished


def assert_may_follow(run: Run, event: Event) -> None:  # noqa: C901 - one arm per event
    if run.is_finished:
        assert isinstance(event, UndoRequested | UndoSettled | QuestionReminded), (
            f"{type(event).__name__} after the end"
        )
    match event:
        case StepApproved():
            _assert_approval(run, event)
        case ApprovalEscalated():
            _assert_escalation(run, event)
        case StepOverridden():
            proposal = _of(run, event)
            assert proposal.is_open
            assert not proposal.has_quorum
            assert event.digest == proposal.made.digest
            assert event.at < proposal.expires_at, "overridden when the time was up"
            assert event.reason
        case QuestionReminded():
            assert (event.question, event.step) in [(one.kind, one.step) for one in open_questions(run)]
        case StepSkipped():
            assert _of(run, event).is_open
            assert not _is_among(event.actor, [one.actor for one in _of(run, event).skips])
        case StepStarted():
            _assert_start(run, event)
        case StepFinished():
            proposal = _of(run, event)
            assert proposal.is_interrupted, "an outcome of something that does not run"
        case UndoStarted() | UndoBlocked():
            _assert_undo(run, event.step)
        case UndoFinished():
            assert run.steps[event.step].status == "undoing"
        case StepProposed():
            assert run.is_undoing or next_check(run) is None, "went on past a check"
        case BaselineTaken():
            assert run.baseline is None
            assert not any(state.has_effect for state in run.steps.values()), "a baseline after a change"
        case CheckJudged():
            _assert_check(run, event)
        case CheckSettled():
            checked = run.checks[event.step]
            assert run.is_asked_about(checked), "settled, and nobody was asked"
        case UndoRequested():
            assert not run.is_undoing
            _assert_not_undone_by_itself(run, event)
        case RunFinished():
            assert not any(one.is_interrupted for state in run.steps.values() for one in state.proposals)
            assert not any(state.status == "undoing" for state in run.steps.values())


def _of(
    run: Run,
    event: StepApproved | StepSkipped | StepStarted | StepFinished | StepOverridden | ApprovalEscalated,
) -> Proposal:
    found = run.proposal(event.proposal_id)
    assert found is not None
    return found[1]


def _is_among(actor: Actor, others: Sequence[Actor]) -> bool:
    return any(actor.is_same_human(other) for other in others)


def _assert_approval(run: Run, event: StepApproved) -> None:
    proposal = _of(run, event)
    assert proposal.is_open, "an approval of what is over"
    assert not proposal.has_quorum, "an approval that nobody asked for"
    assert event.digest == proposal.made.digest
    assert event.at < proposal.expires_at, "approved when the time was up"
    assert not _is_among(event.actor, [one.actor for one in proposal.approvals]), "one human twice"
    if run.requester is not None and not proposal.made.asked.allow_self_approval:
        assert not event.actor.is_same_human(run.requester), "approved their own"


def _assert_escalation(run: Run, event: ApprovalEscalated) -> None:
    proposal = _of(run, event)
    assert proposal.is_open
    assert not proposal.has_quorum, "escalated although it was decided"
    assert event.at >= proposal.expires_at, "escalated while those before still had time"
    assert event.to.entry in proposal.made.asked.escalate_to
    assert event.to.entry not in [to.entry for to in proposal.escalations], "asked twice"


def _assert_start(run: Run, event: StepStarted) -> None:
    proposal = _of(run, event)
    asked = proposal.made.asked
    if proposal.started is not None:
        assert run.steps[event.step].step.idempotent or run.opened.dry_run, "started twice"
        assert proposal.is_interrupted
        return
    assert proposal.is_open, f"started although it is {proposal.status}"
    humans: list[Actor] = []
    for one in proposal.approvals:
        if not _is_among(one.actor, humans):
            humans.append(one.actor)
    if proposal.overridden is None:
        assert asked.unattended or len(humans) >= asked.min_approvals >= 1, "started without its quorum"
    assert event.plan.digest == proposal.made.digest or run.opened.dry_run, "another plan than approved"
    assert not run.is_undoing


def _assert_check(run: Run, event: CheckJudged) -> None:
    assert not run.opened.dry_run, "a dry run has nothing to check"
    assert event.step not in run.checks, "checked twice"
    due = next_check(run)
    assert due is not None
    assert due.step == event.step
    assert event.at >= due.at, "checked too early"


def _assert_not_undone_by_itself(run: Run, event: UndoRequested) -> None:
    if event.actor is None:
        assert run.runbook.rollback_on_failure, "undone although nobody asked for it"
        due = next_check(run)
        if due is not None and due.checked is not None:
            assert due.checked.judged.verdict == "worse", "undone on a verdict that is none"


def _assert_undo(run: Run, key: StepKey) -> None:
    assert run.is_undoing
    assert not run.opened.dry_run, "a dry run has nothing to undo"
    state = run.steps[key]
    assert key in run.start_order, "an undo of a step that never started"
    assert state.has_effect, "an undo of what does not stand"
    assert state.undoing is None, "undone twice without a human"
    assert run.undo_request is not None
    if run.undo_request.step is not None:
        assert run.undo_request.step == key, "another step than the one that was chosen"
        assert run.undo_request.actor is not None, "a single step undone although nobody chose it"
        return
    later = [run.steps[one] for one in run.start_order[run.start_order.index(key) + 1 :]]
    standing = [one for one in later if one.has_effect and one.status != "undo_left"]
    assert not standing, "not in reverse order"
