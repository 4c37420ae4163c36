"""What a run did that still stands: as a list, with the button that takes it all back, or each step with its own.

By itself the bot undoes in one order, last done first. Once that stopped, each step that is left is a person's to
decide, in whatever order; what was done after a step and still stands is said before anybody undoes it out of order.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.runs.plan import JsonObject
from bot.runs.state import Run, StepState
from bot.slack import ids, text
from bot.slack.blocks import actions, button, confirm, context, section, total
from bot.slack.views.undertaking import is_its_command

MOST_LEFT = 12
"""Steps that are listed, and at most those that get buttons: each takes two blocks of the fifty a message may have."""
ROOM = 5500
"""What all these buttons with their questions may take of a message."""


def left_standing(run: Run) -> str:
    """What still has an effect, last done first, and how each can be undone."""
    lines = [
        f"• {text.value(state.step.name, 60)} ({_undo_words(state)})" for state in run.with_effect[:MOST_LEFT]
    ]
    more = len(run.with_effect) - len(lines)
    if more > 0:
        lines.append(f"• … and {text.count(more, 'more step')}")
    head = "What it changed" if run.status == "succeeded" else "What it did still stands"
    return f"*{head}:*\n" + "\n".join(lines)


def left_steps(run: Run) -> list[JsonObject]:
    """Each step that is left, last done first, with what a person can say to it."""
    blocks = [section("*What it did still stands*, last done first. Each can be decided by itself:")]
    shown = 0
    for place, state in enumerate(run.with_effect[:MOST_LEFT], start=1):
        tried = _TRIED.get(state.status, "not tried")
        by = f", says {text.value(_who_left(state), 80)}" if state.status == "undo_left" else ""
        name = text.value(state.step.name, 60)
        one = [
            section(f"{place}. *{name}*: {tried}{by} ({_undo_words(state)})"),
            actions(_left_buttons(run, state)),
        ]
        if shown and total([*blocks, *one]) > ROOM:
            break
        blocks += one
        shown += 1
    more = len(run.with_effect) - shown
    if more > 0:
        blocks.append(context(f"… and {text.count(more, 'more step')}, shown when these are decided."))
    return blocks


_TRIED = {
    "undo_failed": "its undo failed",
    "undo_unknown": "the outcome of its undo is unknown",
    "undo_blocked": "its undo did not run",
    "undo_left": "left as it is",
}


def _who_left(state: StepState) -> str:
    settled = state.undoing.settled if state.undoing is not None else None
    return settled.actor.called if settled is not None else "somebody"


def _undo_words(state: StepState) -> str:
    undo = state.undo
    if undo is None or undo.kind == "none":
        return f"no undo: {text.value(undo.text, 150)}" if undo is not None and undo.text else "no undo"
    words = text.code(undo.text, 150) if is_its_command(undo) else text.value(undo.text, 150)
    return f"undo by hand: {words}" if undo.kind == "manual" else f"undo: {words}"


def _is_undoable(state: StepState) -> bool:
    return state.undo is not None and state.undo.kind == "step"


def _left_buttons(run: Run, state: StepState) -> list[JsonObject]:
    carried = ids.run_value(ids.RunRef(run_id=run.id, step=state.key))
    name = text.cut(state.step.name, 60)
    buttons = []
    if _is_undoable(state):
        buttons.append(
            button("Undo this one", action_id=ids.UNDO_ONE, value=carried, asks=_sure_of_one(run, state))
        )
    buttons.append(
        button(
            "Done by hand",
            action_id=ids.LEFT_DONE,
            value=carried,
            asks=confirm(
                title="Count it as undone?",
                words=f"You looked, or put {name} right by hand. Nothing else is undone with it.",
                yes="It is undone",
            ),
        )
    )
    if state.status != "undo_left":
        buttons.append(
            button(
                "Leave it",
                action_id=ids.LEFT_LEAVE,
                value=carried,
                asks=confirm(
                    title="Leave it as it is?",
                    words=f"What {name} did stays, and undoing the others goes past it.",
                    yes="Leave it",
                ),
            )
        )
    return buttons


def _sure_of_one(run: Run, state: StepState) -> JsonObject:
    """The question before one step is undone alone; out of order it is asked in red, with what stands after it."""
    after = [one.step.name for one in run.done_after(state.key)]
    place = f" in {run.environment}" if run.environment else ""
    warning = ""
    if after:
        names = text.listed([text.cut(name, 30) for name in after], most=4)
        warning = f"OUT OF ORDER: {names} came after it and still {'stand' if len(after) > 1 else 'stands'}. "
    return confirm(
        title=text.cut(f"Undo {state.step.name} alone{place}?", 100),
        words=f"{warning}The state is looked at again, and it runs only if that is what the step left behind. "
        "No other step is undone.",
        yes="Undo it",
        style="danger",
    )


# ------------------------------------------------------------ all of it


def can_undo(run: Run) -> bool:
    """Whether a walk back would do something: what is next in line was not tried yet, and one has an undo."""
    states = _in_line(run)
    if not run.is_finished or not states or states[0].undoing is not None:
        return False
    return any(_is_undoable(state) for state in states)


def _in_line(run: Run) -> Sequence[StepState]:
    """What a walk back would come to: all but what was chosen to be left."""
    return [state for state in run.with_effect if state.status != "undo_left"]


def undo_button(run: Run) -> JsonObject:
    """The walk back, with how far it will come by itself."""
    states = _in_line(run)
    steps = [state for state in states if _is_undoable(state)]
    place = f" in {run.environment}" if run.environment else ""
    count = text.count(len(states), "step")
    how_many = count if len(steps) == len(states) else f"{len(steps)} of {count}"
    return button(
        "Undo what it did",
        action_id=ids.UNDO,
        value=ids.run_value(ids.RunRef(run_id=run.id)),
        style="danger",
        asks=confirm(
            title=text.cut(f"Undo {how_many}{place}?", 100),
            words=f"{_cannot(states)}Last done first: "
            f"{text.listed([text.cut(state.step.name, 40) for state in states], most=5)}. "
            "Each looks at the state again, and the first that fails stops it.",
            yes="Undo",
            style="danger",
        ),
    )


def _cannot(states: Sequence[StepState]) -> str:
    """What the walk will stop at, said before it begins."""
    stuck = next((state for state in states if not _is_undoable(state)), None)
    if stuck is None:
        return ""
    undo = stuck.undo
    manual = f" (by hand: {text.cut(undo.text, 50)})" if undo is not None and undo.kind == "manual" else ""
    return f"{text.cut(stuck.step.name, 40)} cannot be undone by the bot{manual}: it stops there and asks. "
