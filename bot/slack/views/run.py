"""A run's card: each step's state, what runs now, what it waits for."""

from __future__ import annotations

from bot.engine.ports import Tail
from bot.runs.due import next_check
from bot.runs.events import StepKey
from bot.runs.plan import JsonObject
from bot.runs.state import Proposal, Run, StepState
from bot.runs.words import RUN_WORDS
from bot.slack import ids, text
from bot.slack.blocks import actions, button, confirm, context, section
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.left import left_standing
from bot.slack.views.people import OVERRIDE, names, who

SHOWN_STEPS = 24
"""More steps than this are shown around the one the run stands at."""
TAIL_ROOM = 1600

_SIGNS = {
    "pending": "○",
    "proposed": "◇",
    "approved": "◆",
    "running": "▶",
    "succeeded": "✓",
    "failed": "✗",
    "unknown": "?",
    "rejected": "✗",
    "expired": "✗",
    "skipped": "–",
    "voided": "◇",
    "not_planned": "✗",
    "stopped": "■",
    "undoing": "↶",
    "undone": "↶",
    "undo_failed": "✗",
    "undo_unknown": "?",
    "undo_blocked": "■",
    "undo_left": "■",
}
OPEN_WORDS = frozenset({"proposed", "approved", "voided"})
"""A run that is over leaves these behind as what will not happen any more."""
_WORDS = {
    "pending": "not started",
    "proposed": "waiting for a decision",
    "approved": "approved, about to run",
    "voided": "a new proposal follows",
    "expired": "nobody decided in time",
    "unknown": "outcome unknown, a person must say how to go on",
    "stopped": "outcome unknown, stopped there",
    "undoing": "being undone",
    "undone": "undone",
    "undo_failed": "its undo failed",
    "undo_unknown": "the outcome of its undo is unknown",
    "undo_blocked": "its undo did not run",
    "undo_left": "left as it is",
}


def run_card(run: Run, tail: Tail | None) -> Drawn:
    """Every step's state, the tail of the one that runs, and the button to cancel."""
    blocks = [section(_head(run))]
    blocks += [section("\n".join(lines)) for lines in _in_sections(_step_lines(run))]
    if run.queued is not None and not run.is_finished:
        queued = run.queued
        blocks.append(
            section(
                f"*Waiting for* {text.value(queued.waiting_for, 300)}: place {queued.position} in the line."
            )
        )
    due = next_check(run)
    if due is not None and due.checked is None and not run.is_finished and run.cancel is None:
        blocks.append(
            section(f"*Next:* {text.code(due.check.metric_name)} is checked at {text.clock(due.at)}.")
        )
    blocks += _tail(tail) if not run.is_finished else []
    if run.is_finished and run.with_effect and run.status != "succeeded":
        blocks.append(section(left_standing(run)))
    if run.cancel is not None and not run.is_finished:
        blocks.append(section(f"{who(run.cancel.actor)} cancelled it: it stops where it can be stopped."))
    if not run.is_finished and run.cancel is None:
        blocks.append(actions([_cancel_button(run)]))
    blocks.append(context(_small_print(run)))
    return drawn(f"{run_title(run)}: {_status(run)}.", blocks)


def _head(run: Run) -> str:
    place = f" in *{text.value(run.environment, 60)}*" if run.environment else ""
    return f"*{run_title(run)}*{place}: *{_status(run)}*"


def run_title(run: Run) -> str:
    return f"{'Dry run' if run.opened.dry_run else 'Run'} of {text.value(run.runbook.name, 120)}"


def _status(run: Run) -> str:
    words = RUN_WORDS[run.status]
    state = run.current
    due = next_check(run)
    if due is not None and not run.is_finished and not run.is_undoing and run.cancel is None:
        metric = text.value(due.check.metric_name, 60)
        return (
            f"waits for the check of {metric}"
            if due.checked is None
            else f"the check of {metric} waits for people"
        )
    if run.is_undoing:
        return "undoing what it did" if run.status == "running" else "its undo waits for people"
    if run.is_finished or state is None:
        return words
    return f"{words}, {step_place(run, state.key, of=state.proposal)}"


def step_place(run: Run, key: StepKey, *, of: Proposal | None = None) -> str:
    """`step 2 of 3`, or `follow-up step 1 of 2` after a rejection or expiry; `of` a proposal with its part."""
    count = len(run.runbook.steps if key.phase == "steps" else run.runbook.on_reject)
    part = _part(of)
    after = "follow-up " if key.phase == "on_reject" else ""
    return f"{after}step {key.index + 1} of {count}{f', {part}' if part else ''}"


def step_title(run: Run, key: StepKey, *, of: Proposal | None = None) -> str:
    """`Step 2 of 3 (scale-out)`, ready for a sentence; `of` a proposal with the part of the step that it is."""
    return f"{text.capital(step_place(run, key, of=of))} ({text.value(run.steps[key].step.name, 80)})"


def _part(proposal: Proposal | None) -> str:
    """`part 1 of 2` where a step is done in parts."""
    part = proposal.made.plan.part.partition(":")[0] if proposal is not None else ""
    return text.value(part, 40) if part else ""


def _step_lines(run: Run) -> list[str]:
    main = [state for key, state in run.steps.items() if key.phase == "steps"]
    after = [state for key, state in run.steps.items() if key.phase == "on_reject"]
    lines = [step_line(run, state) for state in main]
    if after and run.phase == "on_reject":
        lines += ["*Follow-up, because it was not approved:*", *(step_line(run, state) for state in after)]
    return _around(lines, _position(run, len(main)))


def _position(run: Run, main: int) -> int:
    state = run.current
    if state is None:
        return main
    return state.key.index + (main + 1 if state.key.phase == "on_reject" else 0)


def _around(lines: list[str], position: int) -> list[str]:
    if len(lines) <= SHOWN_STEPS:
        return lines
    start = max(0, min(position - SHOWN_STEPS // 2, len(lines) - SHOWN_STEPS))
    end = start + SHOWN_STEPS
    before = [f"… {text.count(start, 'step')} before"] if start else []
    behind = [f"… {text.count(len(lines) - end, 'step')} to come"] if end < len(lines) else []
    return [*before, *lines[start:end], *behind]


def _in_sections(lines: list[str]) -> list[list[str]]:
    """Lines in groups that each fit into one section."""
    groups: list[list[str]] = [[]]
    room = text.SECTION_ROOM
    for line in lines:
        if room < text.size(line) + 1:
            groups.append([])
            room = text.SECTION_ROOM
        groups[-1].append(line)
        room -= text.size(line) + 1
    return [group for group in groups if group]


def step_line(run: Run, state: StepState) -> str:
    """`✓ 2. scale: done in 4 s`."""
    is_off = run.is_finished and state.status in OPEN_WORDS
    sign = _SIGNS["skipped" if is_off else state.status]
    broken = state.proposal.overridden if state.proposal is not None else None
    glass = f" · {OVERRIDE} by {who(broken.actor)}" if broken is not None else ""
    is_whole = state.undoing is not None or (run.is_finished and state.status == "succeeded")
    part = "" if is_whole else _part(state.proposal)
    name = text.value(state.step.name, 60) + (f", {part}" if part else "")
    return f"{sign} {state.key.index + 1}. {name}: {_step_words(run, state)}{glass}"


def _step_words(run: Run, state: StepState) -> str:
    if run.is_finished and state.status in OPEN_WORDS:
        return "called off"
    if state.status == "approved" and run.queued is not None:
        return "approved, waiting for its turn"
    if state.status == "succeeded" and run.opened.dry_run:
        return "tried dry, nothing changed"
    return _own_words(state)


def _own_words(state: StepState) -> str:
    proposal = state.proposal
    if state.not_planned is not None and state.undoing is None:
        return f"could not be proposed: {text.value(state.not_planned.message, 120)}"
    if proposal is None or state.undoing is not None:
        return _WORDS[state.status]
    match state.status:
        case "running" if proposal.started is not None:
            return f"running since {text.clock(proposal.started.at)}"
        case "approved" if proposal.made.asked.unattended:
            return "about to run by itself"
        case "rejected" if proposal.rejected is not None:
            return f"rejected by {who(proposal.rejected.actor)}"
        case "skipped":
            return f"skipped by {names([skip.actor for skip in proposal.skips])}"
        case "succeeded" if proposal.settled is not None:
            return f"done, says {who(proposal.settled.actor)}"
        case "succeeded" if proposal.result is not None:
            return f"done in {text.duration(proposal.result.duration_s)}"
        case "failed" if proposal.result is not None:
            return f"failed: {text.value(proposal.result.summary, 120)}"
        case _:
            return _WORDS.get(state.status, state.status)


def _tail(tail: Tail | None) -> list[JsonObject]:
    if tail is None:
        return []
    blocks = [section(f"*Now:* {text.value(tail.note, 300)}")] if tail.note.strip() else []
    if tail.lines:
        blocks.append(section(text.fence_end("\n".join(tail.lines), TAIL_ROOM)))
    return blocks


def _cancel_button(run: Run) -> JsonObject:
    return button(
        "Cancel the run",
        action_id=ids.CANCEL,
        value=ids.run_value(ids.RunRef(run_id=run.id)),
        style="danger",
        asks=confirm(
            title="Cancel this run?",
            words="What runs now is stopped where it can be stopped. What was done stays done until it is undone.",
            yes="Cancel it",
            no="Let it run",
            style="danger",
        ),
    )


def _small_print(run: Run) -> str:
    by = f" by {who(run.opened.requester)}" if run.opened.requester is not None else ""
    commit = f" · catalog {text.code(run.opened.catalog_commit[:12])}" if run.opened.catalog_commit else ""
    return f"Started {text.moment(run.opened.at)}{by} · run {text.short_id(run.id)}{commit}"
