"""What an approval is bound to, drawn whole: what runs, where, the state it depends on, and the undo approved with it.

None of this is ever cut to make room for other words. What is too long for one message is put into a file, and whether
that is so is a function of the plan alone: it does not change while people decide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.runs.plan import JsonObject, Plan, Target, Undo
from bot.slack import text
from bot.slack.blocks import section

# These add up to less than a message holds, whatever the words are; only prose beside them (description, reasons,
# names) gives way.
WILL_RUN_ROOM = 4500
UNDO_ROOM = 1000
UNDO_WORDS = 250
STATE_ROOM = 500
TARGETS = 8
PREVIEW_ROOM = 900
SPENT_ROOM = 2500


@dataclass(frozen=True, kw_only=True)
class Undertaking:
    """What runs, where, and the undo, as blocks; `is_cut` where some of it is only in the file."""

    blocks: tuple[JsonObject, ...]
    is_cut: bool


def undertaking(plan: Plan) -> Undertaking:
    """The plan as people must see it before they agree to it."""
    place, place_is_cut = where(plan.targets)
    undo_words, undo_is_cut = undo_sentence(plan)
    undo_runs = _fenced(_undo_runs(plan.undo), UNDO_ROOM)
    runs = _fenced(exactly(plan), WILL_RUN_ROOM)
    is_cut = place_is_cut or undo_is_cut or text.size(state(plan)) > STATE_ROOM
    is_cut = is_cut or any(not part.is_whole for part in (runs, undo_runs) if part)
    if runs is not None and not runs.is_whole:
        runs = _fenced(exactly(plan), PREVIEW_ROOM)  # the file has it: no wall of text as well
    blocks = [section(f"*This runs* {place}:" if runs else f"*Where:* {place}")]
    blocks += [section(piece) for piece in runs.texts] if runs else []
    if undo_runs and is_its_command(plan.undo):
        undo_words = "*Undo:* approving this approves its undo too."  # its words are what stands below
    blocks.append(section(undo_words + (" It would run:" if undo_runs else "")))
    blocks += [section(piece) for piece in undo_runs.texts] if undo_runs else []
    return Undertaking(blocks=tuple(blocks), is_cut=is_cut)


def _fenced(lines: Sequence[str], limit: int) -> text.Fenced | None:
    code = "\n".join(lines)
    # Only what a shell skips too is nothing to show: `str.strip` would take control characters for space.
    return text.fenced(code, limit) if code.strip(" \t\n") else None


def exactly(plan: Plan) -> tuple[str, ...]:
    """What runs, as a person would read it; a type that has no words for it shows its input."""
    if plan.will_run or not plan.input:
        return plan.will_run
    return (f"{plan.type} {_json(plan.input)}",)


def _undo_runs(undo: Undo) -> tuple[str, ...]:
    if undo.will_run or undo.kind != "step" or not undo.input:
        return undo.will_run
    return (f"{undo.type} {_json(undo.input)}",)


def code_of(plan: Plan) -> list[JsonObject]:
    """Only what runs, shortened: for a step that is decided, or needs no decision."""
    runs = _fenced(exactly(plan), SPENT_ROOM)
    return [section(piece) for piece in runs.texts] if runs else []


def where(targets: Sequence[Target]) -> tuple[str, bool]:
    """`in *prod* on …`, and whether that is not all of it."""
    if not targets:
        return "(it touches no target)", False
    by_environment: dict[str, list[str]] = {}
    for target in targets[:TARGETS]:
        by_environment.setdefault(target.environment, []).append(_target(target))
    parts = [
        f"{f'in *{text.value(name, 40)}* ' if name else ''}on {text.listed(group, most=TARGETS)}"
        for name, group in by_environment.items()
    ]
    more = f" and {len(targets) - TARGETS} more" if len(targets) > TARGETS else ""
    is_cut = bool(more) or any(text.size(one.name) > 40 or text.size(one.environment) > 30 for one in targets)
    return ", ".join(parts) + more, is_cut


def _target(target: Target) -> str:
    if target.kind == "channel":
        return text.mention(target.name)
    return text.code(f"{target.kind} {target.name}", 60)


def is_its_command(undo: Undo) -> bool:
    """Whether the undo's words are the command itself: code then, where no full stop of ours can join it."""
    return bool(undo.will_run) and undo.text == "; ".join(undo.will_run)


def undo_sentence(plan: Plan) -> tuple[str, bool]:
    """What undoing would do, or that only a person can, or that nothing can; and whether that is not all of it."""
    undo = plan.undo
    shown = text.code if is_its_command(undo) else text.value
    words = shown(undo.text, UNDO_WORDS) if undo.text.strip() else ""
    is_cut = text.size(undo.text) > UNDO_WORDS or text.CUT_MARK in words
    match undo.kind:
        case "step":
            place, place_is_cut = _elsewhere(plan)
            is_cut = is_cut or place_is_cut
            sentence = text.stopped((words or "by the step below") + place)
            return f"*Undo:* {sentence} Approving this approves its undo too.", is_cut
        case "manual":
            return text.stopped(f"*Undo:* only by hand: {words or 'nobody wrote down how'}"), is_cut
        case "none":
            return f"*Undo:* none. {text.sentence(words)}".strip(), is_cut


def _elsewhere(plan: Plan) -> tuple[str, bool]:
    """Where the undo acts, when that is not where the step does."""
    others = [target for target in plan.undo.targets if target not in plan.targets]
    if not others:
        return "", False
    shown = text.listed([_target(target) for target in others], most=2)
    return f" ({shown})", len(others) > 2 or any(text.size(one.name) > 40 for one in others)


def state(plan: Plan) -> str:
    """State now and after, a line each."""
    lines = [f"{text.value(label, 60)}: {text.value(shown, STATE_ROOM)}" for label, shown in _in_order(plan)]
    targets = ", ".join(target.name for target in plan.targets)
    lines = [line for line in lines if line != f"where: {targets}"]  # said already, above what runs
    if not plan.observable:
        lines.insert(0, "not observable")
    if not plan.changes:
        lines.append("changes nothing")
    return "\n".join(lines) or "nothing to show"


def _in_order(plan: Plan) -> list[tuple[str, object]]:
    """What changes first; the same order before and after the journal, which keeps none, or a card would be edited."""
    return sorted(plan.shown.items(), key=lambda one: ("→" not in str(one[1]), one[0]))


def in_full(plan: Plan, *, title: str, digest: str) -> str:
    """Everything an approval is bound to, as the text of a file; nothing in it is hidden."""
    undo = plan.undo
    lines = [
        f"{title}: {plan.text}",
        "",
        "This runs:",
        *_indented(exactly(plan)),
        "",
        "Where:",
        *(f"  {target.key}  {target.environment or 'no environment'}" for target in plan.targets),
        "",
        "State now and after:",
        *_indented([f"{label}: {shown}" for label, shown in _in_order(plan)]),
        *([] if plan.observable else ["  state not observable"]),
        "",
        f"Depends on: {_json(plan.guarded)}" if plan.guarded else "",
        "",
        f"Undo ({undo.kind}): {undo.text}",
        *(f"  {target.key}  {target.environment or 'no environment'}" for target in undo.targets),
        *_indented(_undo_runs(undo)),
        "",
        f"Risk: {plan.risk}",
        f"Time limit: {text.duration(plan.timeout_s)}",
        f"Digest: {digest}",
        "",
    ]
    shown = [text.exact(line) for line in lines]
    return "\n".join(line for before, line in pairwise(["", *shown]) if line or before)


def _indented(entries: Sequence[str]) -> list[str]:
    return [f"  {line}" for entry in entries for line in entry.split("\n")]


def _json(value: JsonObject) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
