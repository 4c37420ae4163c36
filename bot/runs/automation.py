"""How automation fared, step by step: one account per step of a run, and the few words it can end in.

This is what `automation_events`, `stats` and the run's record count by. Each step that was put before anybody (or that
a tag let run) has exactly one account, made anew from the fold whenever the run moves on. A dry run has none.

    waiting           proposed, approved or in the line; nobody has to take anything over
    running           it, or its undo, is under way
    succeeded         it did what it should
    failed            it did not, and nothing of it stands; or it could not be proposed
    expired           nobody decided in time
    rolled_back       it was done, and its undo was done
    requires_manual   it ended in human hands

In human hands means that a person took the step from the bot, or has to:

- it was rejected, or skipped;
- it was started by an override of the rules, whatever came of it;
- its outcome is unknown, or a person said what became of it (done, undo, stop);
- it failed, and what it had changed by then still stands at the end of the run;
- its undo was wanted and is a person's to do: it is manual, was blocked, failed, or its outcome is unknown (also
  after somebody said that it is done), or the walk back stopped before it;
- the run was cancelled, or ended otherwise, while the step was still to be decided or done.

An approval is no such thing: that is the bot working as it should. Nor is an edit, or one more try.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.catalog.schema import Step
from bot.runs.events import (
    Actor,
    ApprovalReminded,
    Event,
    QuestionReminded,
    RunFinished,
    RunOpened,
    StepKey,
    UndoRequested,
)
from bot.runs.state import Proposal, Run, StepState, Undoing

AutomationStatus = Literal[
    "waiting", "running", "succeeded", "failed", "expired", "rolled_back", "requires_manual"
]


_ABOUT_ALL = (RunOpened, RunFinished, UndoRequested)
"""What changes how several steps stand at once."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One step of one run: how it stands for automation, and what people did about it."""

    step: StepKey
    name: str
    action: str
    type: str
    status: AutomationStatus
    at: datetime
    """When it last changed."""
    actor: str = ""
    """Whose word was the last: persons, separated by commas; "" where it was nobody's."""
    reason: str = ""
    proposals: int = 0
    edits: int = 0
    is_unattended: bool = False
    """A reviewed tag let it run."""
    is_unchanged: bool = False
    """People approved it, and nobody edited it."""
    is_rejected: bool = False
    is_skipped: bool = False
    is_overridden: bool = False
    is_expired: bool = False
    is_cancelled: bool = False
    has_failed: bool = False
    was_unknown: bool = False
    is_rolled_back: bool = False
    """An undo of it was tried, whatever came of that."""
    decide_s: float | None = None
    """From its proposal to the decision on it; None where people decided nothing."""


def accounts(run: Run, *, only: Collection[StepKey] | None = None) -> tuple[Account, ...]:
    """One for each step that was reached, in the run's order; `only` leaves all others out."""
    if run.opened.dry_run:
        return ()
    states = [state for state in run.steps.values() if only is None or state.key in only]
    last = _last_times(run, states)
    return tuple(_account(run, state, last[state.key]) for state in states if state.key in last)


def touched(run: Run, events: Sequence[Event]) -> frozenset[StepKey]:
    """The steps whose account the latest events of this run may have changed."""
    if any(isinstance(event, _ABOUT_ALL) for event in events):
        return frozenset(run.steps)
    of_proposal = _of_proposal_ids(run.steps.values())
    keys = (_step_of(event, of_proposal) for event in events)
    return frozenset(key for key in keys if key is not None)


def action_of(runbook: str, step: Step) -> str:
    """What a step is counted under: its action's id, or `RUNBOOK/STEP` where it is written inline."""
    return str(step.action) if step.action else f"{runbook}/{step.name}"


def _last_times(run: Run, states: Sequence[StepState]) -> dict[StepKey, datetime]:
    """When something last happened to each of these steps that was reached."""
    of_proposal = _of_proposal_ids(states)
    wanted = {state.key for state in states}
    last: dict[StepKey, datetime] = {}
    for event in reversed(run.events):
        key = _step_of(event, of_proposal)
        if key in wanted and key not in last:
            last[key] = event.at
            if len(last) == len(wanted):
                break
    return last


def _of_proposal_ids(states: Iterable[StepState]) -> dict[str, StepKey]:
    return {one.id: state.key for state in states for one in state.proposals}


def _step_of(event: Event, of_proposal: dict[str, StepKey]) -> StepKey | None:
    if isinstance(event, ApprovalReminded | QuestionReminded):
        return None  # nothing changed: that is why they were reminded
    step = getattr(event, "step", None)
    return step if isinstance(step, StepKey) else of_proposal.get(getattr(event, "proposal_id", ""))


@dataclass(frozen=True, kw_only=True)
class _End:
    """How a step stands and who made it so."""

    status: AutomationStatus
    actors: tuple[Actor, ...] = ()
    reason: str = ""
    at_end: bool = False
    """It is the end of the run that made it so."""
    is_cancelled: bool = False


def _account(run: Run, state: StepState, last: datetime) -> Account:
    end = _end(run, state)
    asked = [one for one in state.proposals if not one.made.asked.unattended]
    edits = sum(one.edited is not None for one in state.proposals)
    started = [one for one in state.proposals if one.started is not None]
    at = max(last, run.finished.at) if end.at_end and run.finished is not None else last
    return Account(
        step=state.key,
        name=state.step.name,
        action=action_of(run.runbook.name, state.step),
        type=state.step.type,
        status=end.status,
        at=at,
        actor=", ".join(dict.fromkeys(actor.person for actor in end.actors)),
        reason=end.reason,
        proposals=len(state.proposals),
        edits=edits,
        is_unattended=bool(started) and not any(one in asked for one in started),
        is_unchanged=bool(started)
        and not edits
        and all(one in asked and one.overridden is None for one in started),
        is_rejected=any(one.rejected is not None for one in state.proposals),
        is_skipped=any(one.skipped is not None for one in state.proposals),
        is_overridden=any(one.overridden is not None for one in started),
        is_expired=any(one.expired is not None for one in state.proposals),
        is_cancelled=end.is_cancelled,
        has_failed=state.not_planned is not None or _verdict(state) == "failed",
        was_unknown=any(one.result is not None and one.result.verdict == "unknown" for one in started),
        is_rolled_back=state.undoing is not None and state.status != "undo_left",
        decide_s=_decide_s(state),
    )


def _verdict(state: StepState) -> str:
    results = [one.result.verdict for one in state.proposals if one.result is not None]
    return results[-1] if results else ""


def _decide_s(state: StepState) -> float | None:
    """How long people took over the last proposal that they decided."""
    times = [(one.made.at, at) for one in state.proposals if (at := _decided_at(one)) is not None]
    return round((times[-1][1] - times[-1][0]).total_seconds(), 3) if times else None


def _decided_at(proposal: Proposal) -> datetime | None:
    for decision in (proposal.rejected, proposal.skipped, proposal.edited):
        if decision is not None:
            return decision.at
    if proposal.made.asked.unattended or not proposal.has_quorum:
        return None
    last = proposal.overridden or proposal.approvals[-1]
    return last.at


def _end(run: Run, state: StepState) -> _End:
    """How it stands; broken glass stays in human hands also where the rest went as it should."""
    end = _as_it_went(run, state)
    broken = next((one.overridden for one in state.proposals if one.overridden and one.started), None)
    if broken is None or end.status == "requires_manual":
        return end
    return _End(status="requires_manual", actors=(broken.actor,), reason=f"override: {broken.reason}")


def _as_it_went(run: Run, state: StepState) -> _End:
    if state.undoing is not None:
        return _undone(run, state.undoing)
    finished = run.finished
    if finished is not None and finished.status == "rollback_incomplete" and state.has_effect:
        return _End(status="requires_manual", reason=f"not undone: {finished.reason}", at_end=True)
    if state.not_planned is not None:
        return _End(status="failed", reason=state.not_planned.message)
    if state.proposal is None:
        return _End(status="waiting")
    return _of_proposal(run, state, state.proposal)


def _undone(run: Run, undoing: Undoing) -> _End:
    asked = next((one for one in reversed(run.events) if isinstance(one, UndoRequested)), None)
    settled = undoing.settled
    if settled is not None:
        return _End(status="requires_manual", actors=(settled.actor,), reason=settled.reason)
    match undoing.status:
        case "undoing":
            return _End(status="running", reason=asked.reason if asked else "")
        case "undone":
            by = (asked.actor,) if asked and asked.actor else ()
            return _End(status="rolled_back", actors=by, reason=asked.reason if asked else "")
        case _:
            blocked = undoing.blocked.reason if undoing.blocked else ""
            summary = undoing.result.summary if undoing.result else ""
            return _End(status="requires_manual", reason=f"not undone: {blocked or summary}")


def _of_proposal(run: Run, state: StepState, proposal: Proposal) -> _End:
    settled = proposal.settled
    if settled is not None and settled.choice != "again":
        return _End(status="requires_manual", actors=(settled.actor,), reason=settled.reason)
    summary = proposal.result.summary if proposal.result else ""
    match proposal.status:
        case "rejected" | "skipped":
            return _refused(proposal)
        case "expired":
            return _End(status="expired", reason="nobody decided in time")
        case "unknown":
            return _End(status="requires_manual", reason=summary)
        case "running":
            return _End(status="running", actors=_approvers(proposal))
        case "failed" if run.is_finished and state.has_effect:
            return _End(
                status="requires_manual",
                actors=_approvers(proposal),
                reason=f"failed, and what it changed still stands: {summary}",
                at_end=True,
            )
        case "failed":
            return _End(status="failed", actors=_approvers(proposal), reason=summary)
        case "succeeded" if not proposal.leaves_more:
            return _End(status="succeeded", actors=_approvers(proposal), reason=summary)
        case _:
            return _still_open(run)


def _refused(proposal: Proposal) -> _End:
    if proposal.rejected is not None:
        actors: tuple[Actor, ...] = (proposal.rejected.actor,)
        return _End(status="requires_manual", actors=actors, reason=proposal.rejected.reason)
    reasons = "; ".join(_told(one.reason for one in proposal.skips))
    return _End(status="requires_manual", actors=tuple(one.actor for one in proposal.skips), reason=reasons)


def _told(reasons: Iterator[str]) -> Iterator[str]:
    return (reason for reason in reasons if reason)


def _still_open(run: Run) -> _End:
    if run.finished is None:
        return _End(status="waiting")
    if run.cancel is not None:
        return _End(
            status="requires_manual",
            actors=(run.cancel.actor,),
            reason=run.cancel.reason,
            at_end=True,
            is_cancelled=True,
        )
    return _End(status="requires_manual", reason=run.finished.reason, at_end=True)


def _approvers(proposal: Proposal) -> tuple[Actor, ...]:
    return proposal.agreed
