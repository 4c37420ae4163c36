"""The questions only a person can answer: did it happen, and what about an undo that did not work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine.ports import ClickRef
from bot.runs.events import Asked, StepProbed
from bot.runs.plan import JsonObject
from bot.runs.state import Run, StepState
from bot.slack import ids, text
from bot.slack.blocks import Style, actions, button, confirm, section
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.people import mentions
from bot.slack.views.run import step_title


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One answer a person can give to "what now?"."""

    action_id: str
    label: str
    title: str
    words: str
    style: Style = ""


_DONE = "Count it as done?"
SETTLE_CHOICES = (
    Choice(
        action_id="settle_done",
        label="It is done",
        title=_DONE,
        words="You looked, and the step did its work. The run goes on after it.",
    ),
    Choice(
        action_id="settle_again",
        label="Try again",
        title="Propose it again?",
        words="The step is made anew from the state of now and put up for approval; nothing runs before that.",
    ),
    Choice(
        action_id="settle_undo",
        label="Undo",
        title="Undo this run?",
        words="This step and all before it that changed something are undone, last done first.",
        style="danger",
    ),
    Choice(
        action_id="settle_stop",
        label="Stop here",
        title="Stop the run here?",
        words="Nothing more runs and nothing is undone.",
        style="danger",
    ),
)
UNDO_CHOICES = (
    Choice(
        action_id="undo_done",
        label="It is undone",
        title="Count it as undone?",
        words="You looked, or did it by hand. The undo goes on with the step before.",
    ),
    Choice(
        action_id="undo_again",
        label="Try again",
        title="Try this undo again?",
        words="It looks at the state again and runs only if that is what the step left behind.",
    ),
    Choice(
        action_id="undo_stop",
        label="Stop here",
        title="Stop undoing here?",
        words="What is not undone stays as it is.",
        style="danger",
    ),
)


SEEN_IN_A_LINE = 300


def unknown(
    run: Run, state: StepState, probed: StepProbed, *, asked: Asked, ref: ClickRef, became: str
) -> Drawn:
    """A step was sent and its answer lost: what is seen now, and the four ways on."""
    has_undo = state.undo is not None and state.undo.kind == "step"
    choices = [one for one in SETTLE_CHOICES if has_undo or one.action_id != "settle_undo"]
    seen = text.fenced(probed.text, 1500)
    found = run.proposal(probed.proposal_id)
    title = step_title(run, state.key, of=found[1] if found is not None else None)
    head = f"*{title}: did it happen?* It was sent and its answer was lost."
    if "\n" in probed.text.strip() or text.size(probed.text) > SEEN_IN_A_LINE:
        blocks = [section(head), section("*What is seen now:*"), *(section(piece) for piece in seen.texts)]
    else:
        blocks = [section(head), section(f"*What is seen now:* {text.value(probed.text, SEEN_IN_A_LINE)}")]
    blocks += _question(asked, choices, carried=ids.click_value(ref), became=became)
    people = mentions(asked) if not became else ""
    call = f"{people}: " if people else ""
    ending = became or "Say how to go on."
    return drawn(f"{call}{title} was sent and its answer was lost. {ending}", blocks)


def undo_question(
    run: Run, state: StepState, *, what: str, asked: Asked | None, is_manual: bool, became: str
) -> Drawn:
    """An undo did not run, failed, or nobody knows: what there is to say, and the ways on."""
    left_out = {"undo_again"} if is_manual else set()
    if run.is_finished:
        left_out.add("undo_stop")
    choices = [one for one in UNDO_CHOICES if one.action_id not in left_out]
    has_none = state.undo is None or (state.undo.kind == "none" and is_manual)
    need = "it has no undo" if has_none else "its undo needs a person"
    head = f"*{step_title(run, state.key)}: {need}.* {text.sentence(text.value(what, 600))}"
    if has_none and not became:
        head += " It stays as it is, unless somebody puts it right by hand and says so here."
    if run.is_finished and not became and _goes_on(run, state):
        head += " Both answers go on with what was done before it."
    carried = ids.run_value(ids.RunRef(run_id=run.id, step=state.key))
    blocks = [section(head), *_question(asked, choices, carried=carried, became=became)]
    people = mentions(asked) if asked is not None and not became else ""
    call = f"{people}: " if people else ""
    sentence = f"{step_title(run, state.key)}: {need}."
    return drawn(f"{call}{sentence} {became}".strip(), blocks)


def _goes_on(run: Run, state: StepState) -> bool:
    """Whether a walk back stopped here with more to come to, and one way on is to let it."""
    is_alone = state.undoing is not None and state.undoing.is_alone
    can_be_tried = state.undo is not None and state.undo.kind == "step"
    return can_be_tried and not is_alone and len(run.with_effect) > 1


def _question(
    asked: Asked | None, choices: Sequence[Choice], *, carried: str, became: str
) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if became:
        blocks.append(section(became))
        return blocks
    people = mentions(asked) if asked is not None else ""
    blocks.append(section(f"{people + ': ' if people else ''}look at it, then say how to go on."))
    blocks.append(actions([_choice_button(one, carried) for one in choices]))
    return blocks


def _choice_button(one: Choice, carried: str) -> JsonObject:
    return button(
        one.label,
        action_id=one.action_id,
        value=carried,
        style=one.style,
        asks=confirm(title=one.title, words=one.words, yes=one.label, style=one.style),
    )
