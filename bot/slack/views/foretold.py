"""What a page would lead to, in short: the runbook, each step with whom it asks, what would be undone, what fits."""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.simulation.story import Simulation
from bot.intake.matching import Excluded
from bot.runs.state import Run, StepState
from bot.runs.words import RUN_WORDS
from bot.slack import text
from bot.slack.views.answers import ANSWER_LIMIT
from bot.slack.views.people import asked_people, how_many
from bot.slack.views.run import step_line
from bot.slack.views.undertaking import exactly

MOST_STEPS = 15
MOST_EXCLUDED = 5
COMMAND_ROOM = 160

NOTHING_DONE = (
    "Nothing was read, sent or changed, and nobody was asked; what is not known is taken to succeed."
)


def foretold(one: Simulation, *, service: str, symptom: str) -> str:
    """The answer to `simulate`, for whoever asked."""
    head = f"*If a page for {text.value(service, 80)} said “{text.value(symptom, 200)}”*"
    if not one.runs:
        nothing = one.incident.nothing
        reason = f": {text.stopped(text.value(nothing.reason, 400))}" if nothing is not None else "."
        lines = [head, f"No runbook would be suggested{reason}"]
        return _cut([*lines, *_candidates(one), *_excluded(one.excluded), NOTHING_DONE])
    run = one.runs[0]
    why = next((found.why for found in one.candidates if found.runbook == one.played), ())
    because = f", because {text.listed([text.spoken(part, 120) for part in why], most=4)}" if why else ""
    lines = [
        f"{text.code(one.played)} would be suggested{because}. With every approval it would go like this:"
    ]
    states = [state for state in run.steps.values() if state.proposals or state.not_planned]
    for state in states[:MOST_STEPS]:
        lines += _step(run, state)
    if len(states) > MOST_STEPS:
        lines.append(f"… and {len(states) - MOST_STEPS} more steps")
    lines.append(f"It would end as *{RUN_WORDS[run.status]}*{_reason(run)}")
    if one.walked_back:
        lines.append(
            f"Undone, in this order: {text.listed([text.code(name, 60) for name in one.walked_back])}."
        )
    return _cut([head, *lines, *_candidates(one), NOTHING_DONE, _more(service, symptom)])


def _step(run: Run, state: StepState) -> list[str]:
    proposal = state.proposal
    lines = [step_line(run, state)]
    if proposal is None:
        return lines
    plan = proposal.made.plan
    runs = exactly(plan)
    if runs:
        more = f" … and {len(runs) - 1} more" if len(runs) > 1 else ""
        lines.append(f"↳ {text.code(runs[0], COMMAND_ROOM)}{more}")
    asked = proposal.made.asked
    who = "runs by itself" if asked.unattended else f"asks {asked_people(asked)} ({how_many(asked)})"
    lines.append(f"↳ {who} · undo: {text.value(plan.undo.text or 'none', 120)}")
    return lines


def _reason(run: Run) -> str:
    reason = run.finished.reason if run.finished else ""
    return f": {text.stopped(text.value(reason, 200))}" if reason else "."


def _candidates(one: Simulation) -> list[str]:
    others = [found for found in one.candidates if found.runbook != one.played]
    if not others:
        return []
    names = [text.code(found.runbook, 80) + ("" if found.evaluable else " (perhaps)") for found in others]
    return [f"{'These fit too' if one.runs else 'These fit'}: {text.listed(names, most=6)}."]


def _excluded(excluded: Sequence[Excluded]) -> list[str]:
    lines = [
        f"• {text.code(one.runbook, 80)}: {text.value(one.reason, 160)}" for one in excluded[:MOST_EXCLUDED]
    ]
    left = len(excluded) - len(lines)
    return [*lines, *([f"… and {left} more that {'does' if left == 1 else 'do'} not fit"] if left else [])]


def _more(service: str, symptom: str) -> str:
    line = f"runbookctl simulate --service {service} --symptom {symptom!r}"
    return f"{text.code(line, 300)} prints the whole conversation."


def _cut(lines: Sequence[str]) -> str:
    return text.cut_markup("\n".join(lines), ANSWER_LIMIT)
