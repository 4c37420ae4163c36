"""Who decided what in a run and when, one line each: what stands at the end for whoever was not there.

Every decision of a person is in it, also those that came to nothing: an approval that was void before it was used says
so, because two people named for one step would read as if both had let it run.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.runs.events import (
    ApprovalVoided,
    CancelRequested,
    CheckSettled,
    Event,
    ParamsEdited,
    ProposalId,
    ProposalVoided,
    StepApproved,
    StepKey,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.state import Run
from bot.slack import text
from bot.slack.views import history
from bot.slack.views.check import checked
from bot.slack.views.people import OVERRIDE, who

MOST_DECISIONS = 12


def decisions(run: Run, *, version: int) -> str:
    """The decisions up to this version, in order; the newest where there are too many; "" where there are none."""
    events = run.events[:version]
    lines = [
        f"• {words}, {text.clock(event.at)}{_void(events, place)}"
        for place, event in enumerate(events)
        if (words := _line(run, events, place))
    ]
    more = len(lines) - MOST_DECISIONS
    shown = [f"• … {text.count(more, 'decision')} before"] if more > 0 else []
    return "\n".join(["*Who decided:*", *shown, *lines[-MOST_DECISIONS:]]) if lines else ""


def _line(run: Run, events: Sequence[Event], place: int) -> str:  # noqa: C901 - one arm per event, nothing else
    match events[place]:
        case StepApproved(proposal_id=proposal_id, actor=actor):
            return f"{_of(run, proposal_id)}: approved by {who(actor)}"
        case StepOverridden(proposal_id=proposal_id, actor=actor):
            return f"{_of(run, proposal_id)}: {OVERRIDE} by {who(actor)}"
        case StepRejected(proposal_id=proposal_id, actor=actor):
            return f"{_of(run, proposal_id)}: rejected by {who(actor)}"
        case StepSkipped(proposal_id=proposal_id, actor=actor):
            return f"{_of(run, proposal_id)}: skipped by {who(actor)}"
        case ParamsEdited(proposal_id=proposal_id, actor=actor):
            return f"{_of(run, proposal_id)}: parameters edited by {who(actor)}"
        case UnknownSettled(step=step, actor=actor, choice=choice):
            return f"{_name(run, step)}: its outcome was unknown; {who(actor)} said: {history.SETTLED_WORDS[choice]}"
        case CheckSettled(step=step, actor=actor, choice=choice):
            return f"check of {checked(run, step)}: {who(actor)} said: {history.CHECK_SETTLED_WORDS[choice]}"
        case UndoSettled(step=step, actor=actor, choice=choice):
            return f"undo of {_name(run, step)}: {who(actor)} said: {history.UNDO_SETTLED_WORDS[choice]}"
        case UndoRequested(actor=actor, step=step) if actor is not None and not history.is_told(
            events, place
        ):
            what = f" of {_name(run, step)} alone" if step is not None else ""
            return f"undo{what} asked by {who(actor)}"
        case CancelRequested(actor=actor):
            return f"cancelled by {who(actor)}"
        case _:
            return ""


def _void(events: Sequence[Event], place: int) -> str:
    """What became of an approval that was never used."""
    one = events[place]
    if not isinstance(one, StepApproved):
        return ""
    for later in events[place + 1 :]:
        match later:
            case ProposalVoided(proposal_id=proposal_id) if proposal_id == one.proposal_id:
                return " (void: called off before it ran)"
            case ParamsEdited(proposal_id=proposal_id) if proposal_id == one.proposal_id:
                return " (void: edited after it)"
            case ApprovalVoided(proposal_id=proposal_id, person=person) if (
                proposal_id == one.proposal_id and person == one.actor.person
            ):
                return " (void: it did not count any more)"
    return ""


def _of(run: Run, proposal_id: ProposalId) -> str:
    found = run.proposal(proposal_id)
    if found is None:
        return "a step"
    state, proposal = found
    part = proposal.made.plan.part.partition(":")[0]
    return _name(run, state.key) + (f", {text.value(part, 40)}" if part else "")


def _name(run: Run, key: StepKey) -> str:
    return text.value(run.steps[key].step.name, 60)
