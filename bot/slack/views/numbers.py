"""How people have dealt with each action, as a message: how often it was taken as it was, and what stands out."""

from __future__ import annotations

from collections.abc import Sequence

from bot.intake.trust import LOOK_BACK, ClassNumbers, in_short
from bot.runs.statistics import ActionNumbers, Statistics, bar, decide_time, verdict
from bot.slack import text
from bot.slack.views.answers import listed

BAR = 12


MOST_CLASSES = 12


def numbers_answer(found: Statistics, *, service: str, classes: Sequence[ClassNumbers] = ()) -> str:
    """The answer to `stats`; the busiest action first, then how right diagnoses were."""
    told = _diagnoses(classes)
    return "\n\n".join(filter(None, (_actions(found, service=service, is_alone=not told), told)))


def _diagnoses(classes: Sequence[ClassNumbers]) -> str:
    """How often people said that a diagnosis was right, class by class; "" where none was made."""
    if not classes:
        return ""
    lines = [
        f"*Diagnoses of the last {LOOK_BACK.days} days by what they named, and what people said of them*"
    ]
    lines += [
        f"• {text.code(one.finding, 60)}: named {text.count(one.made, 'time')}, {text.value(in_short(one), 200)}"
        for one in classes[:MOST_CLASSES]
    ]
    if len(classes) > MOST_CLASSES:
        lines.append(f"and {len(classes) - MOST_CLASSES} more: `runbookctl stats` shows all of them.")
    enough = [text.code(one.finding, 60) for one in classes if not one.shortfalls()]
    if enough:
        lines.append(
            f"*Worth a thought:* {text.listed(enough, most=6)} may be promoted, if a review agrees, so that a runbook "
            "begins by itself."
        )
    return "\n".join(lines)


def _actions(found: Statistics, *, service: str, is_alone: bool) -> str:
    of = f" of {text.code(service, 80)}" if service else ""
    if not found.actions:
        return f"There is nothing to count{of} yet: no step was put before anybody." if is_alone else ""
    head = f"*{text.count(found.steps, 'step')}{of}, by action: how often people took it as it was*"
    ready = [text.code(one.action, 80) for one in found.candidates]
    tag = (
        f"*Worth a thought:* {text.listed(ready, most=6)} could be tagged to run unattended, if a review agrees."
        if ready
        else ""
    )
    lines = [_line(one, at_least=found.candidate_from) for one in found.actions]
    return listed(head, lines, after=tag, rest="`runbookctl stats` shows all of them.")


def _line(one: ActionNumbers, *, at_least: int) -> str:
    share = f"{bar(one.unchanged_share, width=BAR)} {round(100 * one.unchanged_share)} % of {one.decided}"
    shown = share if one.decided > 0 else "nobody decided"
    time = decide_time(one)
    decided = f"; decided in {time}" if time else ""
    told = text.value(verdict(one, at_least=at_least), 200)
    return f"{shown} {text.code(one.action, 80)}: {told}{decided}"
