"""The questions only people can answer that are open now, and when they are to be reminded of each.

Did it happen (an unknown outcome), what about this undo (blocked, failed, unknown), keep it or undo it (a check). None
of them ever answers itself, so a question that nobody saw stays for ever: people are nudged after half of the time
that the step gives for a decision, and then three times more, each wait twice as long as the one before. Which nudges
were given is in the journal, so a restart repeats none; those that came due while the bot was away are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.runs.events import (
    CheckJudged,
    Event,
    QuestionKind,
    QuestionReminded,
    StepKey,
    StepProbed,
    UndoBlocked,
    UndoFinished,
)
from bot.runs.state import Run, StepState

MOST_NUDGES = 4


@dataclass(frozen=True, kw_only=True)
class Question:
    """One open question: what about, since when, and the nudges that were given."""

    kind: QuestionKind
    step: StepKey | None
    """None: the check of the whole run."""
    wait: timedelta
    """How long it is left alone before the first nudge."""
    opened_at: datetime
    nudges: tuple[datetime, ...] = ()

    @property
    def nudge_at(self) -> datetime | None:
        """When people are to be reminded next; None once that was often enough."""
        given = len(self.nudges)
        if given >= MOST_NUDGES:
            return None
        due = self.opened_at + self.wait * (1 << given)
        return max(due, self.nudges[-1] + self.wait) if self.nudges else due


def open_questions(run: Run) -> tuple[Question, ...]:
    """Every question that waits for people, also those that a walk back left on a run that is over."""
    found = [_about(run, kind, key) for kind, key in _asked(run)]
    return tuple(one for one in found if one is not None)


def nudge_of(question: Question, now: datetime) -> QuestionReminded:
    """The event that reminds of it."""
    return QuestionReminded(at=now, question=question.kind, step=question.step)


def next_nudge(run: Run) -> Question | None:
    """The question to be reminded of next."""
    due = [one for one in open_questions(run) if one.nudge_at is not None]
    return min(due, key=lambda one: one.nudge_at or one.opened_at, default=None)


def _asked(run: Run) -> list[tuple[QuestionKind, StepKey | None]]:
    asked: list[tuple[QuestionKind, StepKey | None]] = []
    for key, state in run.steps.items():
        if _is_undo_asked(run, state):
            asked.append(("undo", key))
        if not run.is_finished and not run.is_undoing and state.proposal and state.proposal.is_unknown:
            asked.append(("unknown", key))
    if run.cancel is None:
        asked += [("check", key) for key, checked in run.checks.items() if run.is_asked_about(checked)]
    return asked


def _is_undo_asked(run: Run, state: StepState) -> bool:
    """Nobody has said anything to it yet: whoever said stop has seen it."""
    if state.undoing is None or state.undoing.settled is not None:
        return False
    if state.status == "undo_unknown":
        return run.is_undoing
    return run.is_finished and state.status in ("undo_failed", "undo_blocked")


def _about(run: Run, kind: QuestionKind, key: StepKey | None) -> Question | None:
    """The question with what was journaled of it; None where it was not put to people yet."""
    opened_at: datetime | None = None
    nudges: list[datetime] = []
    for event in run.events:
        if _opens(event, kind, key):
            opened_at, nudges = event.at, []
        elif isinstance(event, QuestionReminded) and (event.question, event.step) == (kind, key):
            nudges.append(event.at)
    if opened_at is None:
        return None
    return Question(kind=kind, step=key, wait=_wait(run, key), opened_at=opened_at, nudges=tuple(nudges))


def _opens(event: Event, kind: QuestionKind, key: StepKey | None) -> bool:
    match event:
        case StepProbed():
            return kind == "unknown" and event.step == key
        case UndoBlocked() | UndoFinished():
            return kind == "undo" and event.step == key
        case CheckJudged():
            return kind == "check" and event.step == key
        case _:
            return False


def _wait(run: Run, key: StepKey | None) -> timedelta:
    if key is None:
        last = run.with_effect[0].key if run.with_effect else next(iter(run.steps))
        return _wait(run, last)
    return timedelta(seconds=run.steps[key].step.approval_timeout_s / 2)
