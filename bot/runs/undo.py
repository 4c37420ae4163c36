"""What a person may decide about undoing: walk back a run that is over, one left step alone, or go on where it stopped.

The walk by itself keeps one order, last done first, and stops at the first undo that does not succeed (`next`). What
is left then is a person's to decide, step by step:

    undo this one    only this step, whatever was done after it; its state is read again like that of any undo
    done by hand     it counts as undone
    leave it         its effect stays, and a later walk goes past it

Going on from where the walk stopped ("it is undone", "try again") takes the whole walk up again, unless the undo had
been chosen for itself. A step that never started, or changed nothing, has no undo at any of these doors.
"""

from __future__ import annotations

from bot.errors import AlreadyDecided, NotFound, Refused
from bot.runs.events import Event, Permission, StepKey, UndoRequested, UndoSettled
from bot.runs.intents import Ground, RequestUndo, SettleUndo, UndoOne
from bot.runs.policy import permit
from bot.runs.state import Run, StepState

REASON_LIMIT = 1000
"""Characters of a reason that are kept; more than anybody reads at night."""

_UNSUCCESSFUL = ("undo_unknown", "undo_failed", "undo_blocked", "undo_left")


def request_undo(run: Run, intent: RequestUndo, ground: Ground) -> tuple[Event, ...]:
    """Walk back a run that is over."""
    _refuse_unfinished(run)
    if not run.with_effect:
        raise Refused("there is nothing to undo: no effect of this run still stands")
    first = next((state for state in run.with_effect if state.status != "undo_left"), None)
    if first is None:
        raise Refused("what still stands was left on purpose", hint="undo single steps of it")
    if first.undoing is not None:
        raise Refused(
            f"the walk back stopped at step {first.step.name}", hint="say first what becomes of that step"
        )
    permission = _permit(ground, "undo this run")
    return (undo_requested(ground, intent.reason, permission=permission),)


def undo_one(run: Run, intent: UndoOne, ground: Ground) -> tuple[Event, ...]:
    """Undo one step of a run that is over, and no other."""
    _refuse_unfinished(run)
    state = _standing(run, intent.step)
    if state.undo is None or state.undo.kind != "step":
        raise Refused(
            f"the bot cannot undo step {state.step.name}: {_words_of(state)}",
            hint="put it right by hand and say so, or leave it",
        )
    permission = _permit(ground, "undo this step")
    after = ", ".join(one.step.name for one in run.done_after(state.key))
    reason = intent.reason or (f"out of order: {after} came after it and still stands" if after else "")
    return (undo_requested(ground, reason, permission=permission, step=intent.step),)


def settle_undo(run: Run, intent: SettleUndo, ground: Ground) -> tuple[Event, ...]:
    """Go on from an undo that did not succeed, or say what becomes of a step that is left."""
    state = run.steps.get(intent.step)
    if state is None:
        raise NotFound("this run has no such step", hint="look at the newest message")
    if run.is_finished:
        return _settle_left(run, state, intent, ground)
    if state.undoing is None:
        raise NotFound("that step was not being undone")
    if state.status not in _UNSUCCESSFUL:
        raise AlreadyDecided(f"the undo of step {state.step.name} is settled: {state.status}")
    if state.undoing.settled is not None:
        raise AlreadyDecided(
            f"{state.undoing.settled.actor.called} chose {state.undoing.settled.choice!r} already"
        )
    return (_settled(intent, ground, permission=_permit(ground, "settle this undo")),)


def _settle_left(run: Run, state: StepState, intent: SettleUndo, ground: Ground) -> tuple[Event, ...]:
    """On a run that is over: what stopped the walk lets it go on, any other step is only settled."""
    _standing(run, state.key)
    was_tried = state.undoing is not None and state.status != "undo_left"
    if intent.choice == "stop":
        raise Refused("this run has stopped already")
    if intent.choice == "again" and not was_tried:
        raise Refused("the undo of this step was not tried, so there is nothing to try again")
    if intent.choice == "leave" and state.status == "undo_left":
        raise AlreadyDecided(f"step {state.step.name} is left as it is already")
    permission = _permit(ground, "settle this undo")
    settled = _settled(intent, ground, permission=permission)
    if intent.choice == "leave":
        return (settled,)
    is_alone = state.undoing is not None and state.undoing.is_alone
    if intent.choice == "again":
        reason = f"the undo of step {state.step.name} was taken up again"
        step = state.key if is_alone else None
        return (settled, undo_requested(ground, reason, permission=permission, step=step))
    is_last = len(run.with_effect) == 1
    if (was_tried and not is_alone and intent.goes_on) or is_last:
        reason = f"the undo of step {state.step.name} was done by hand"
        return (settled, undo_requested(ground, reason, permission=permission))
    return (settled,)


def undo_requested(
    ground: Ground, reason: str, *, permission: Permission, step: StepKey | None = None
) -> UndoRequested:
    """The event that a walk back begins with."""
    return UndoRequested(
        at=ground.now,
        reason=reason.strip()[:REASON_LIMIT],
        actor=ground.caller.actor,
        permission=permission,
        step=step,
    )


def _settled(intent: SettleUndo, ground: Ground, *, permission: Permission) -> UndoSettled:
    return UndoSettled(
        at=ground.now,
        step=intent.step,
        choice=intent.choice,
        actor=ground.caller.actor,
        permission=permission,
        reason=intent.reason.strip()[:REASON_LIMIT],
    )


def _refuse_unfinished(run: Run) -> None:
    if run.is_undoing:
        raise AlreadyDecided("this run is being undone already")
    if not run.is_finished:
        raise Refused("this run is still going on", hint="cancel it first, then undo what it did")


def _standing(run: Run, key: StepKey) -> StepState:
    """The step, if it did something that still stands; else a refusal that says why there is nothing to undo."""
    state = run.steps.get(key)
    if state is None:
        raise NotFound("this run has no such step", hint="look at the newest message")
    if state.status == "undone":
        raise AlreadyDecided(f"step {state.step.name} is undone already")
    if state not in run.with_effect:
        raise Refused(f"there is nothing to undo: step {state.step.name} changed nothing that still stands")
    return state


def _words_of(state: StepState) -> str:
    undo = state.undo
    if undo is None or not undo.text:
        return "it has no undo"
    return f"it must be done by hand: {undo.text}" if undo.kind == "manual" else undo.text


def _permit(ground: Ground, to: str) -> Permission:
    return permit(ground.policy.approvers, ground.caller, ground.memberships, now=ground.now, to=to)
