"""Which check a run comes to next, and when: everything about it follows from the events, nothing from a clock.

A check of a step stands between that step and the next; the runbook's own stands behind the last step. Only what
changed something is checked, so a step that was skipped, or a run that only read, passes by. There is no timer to
store: the wait begins at the time in the event that ended what is checked, and a restart comes to the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.catalog.schema import MetricCheck
from bot.runs.events import StepKey
from bot.runs.state import Checked, Run, StepState


@dataclass(frozen=True, kw_only=True)
class Due:
    """One check that the run cannot go past yet."""

    step: StepKey | None
    """None: the whole run."""
    check: MetricCheck
    ended_at: datetime
    """When what is checked was over."""
    checked: Checked | None
    """What came of it, where it was made and the run still stands there."""

    @property
    def at(self) -> datetime:
        """When it is made."""
        return self.ended_at + timedelta(seconds=self.check.check_after_s)


def next_check(run: Run) -> Due | None:
    """The first check that is not passed; None where the next step (or the end) comes first."""
    if run.opened.dry_run:
        return None
    for key, state in run.steps.items():
        if key.phase != run.phase:
            continue
        if not state.is_over:
            return None
        due = _due(run, key, state.step.check, (state,))
        if due is not None:
            return due
    if run.phase == "on_reject":
        return None
    return _due(run, None, run.runbook.metric_check, run.with_effect)


def _due(
    run: Run, key: StepKey | None, check: MetricCheck | None, states: tuple[StepState, ...]
) -> Due | None:
    ends = [_ended_at(state) for state in states if state.has_effect]
    known = [at for at in ends if at is not None]
    checked = run.checks.get(key)
    if check is None or not known or (checked is not None and checked.is_passed):
        return None
    return Due(step=key, check=check, ended_at=max(known), checked=checked)


def _ended_at(state: StepState) -> datetime | None:
    return max((one.ended_at for one in state.proposals if one.ended_at is not None), default=None)


def checks_of(run: Run) -> tuple[MetricCheck, ...]:
    """Every check that its runbook names, those of steps first."""
    steps = (*run.runbook.steps, *run.runbook.on_reject)
    return (
        *(step.check for step in steps if step.check is not None),
        *filter(None, [run.runbook.metric_check]),
    )


def wants_baseline(run: Run) -> bool:
    """Whether a changing step that starts now is the first, and there is something to compare with later.

    Never once something was changed: what is read then is not from before.
    """
    if run.opened.dry_run or run.baseline is not None or not checks_of(run):
        return False
    return not any(
        one.started is not None and one.started.plan.changes
        for state in run.steps.values()
        for one in state.proposals
    )
