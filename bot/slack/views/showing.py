"""One runbook told to a person: what it does step by step, when it fits, who may approve it, how it went before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from bot.catalog.describing import how_it_is_undone, what_it_does, when_it_fits
from bot.catalog.params import what_fits
from bot.catalog.schema import MetricCheck, Param, Runbook, Step
from bot.engine.entitlement import Answer
from bot.journal.base import RunRow
from bot.slack import text
from bot.slack.views.answers import ANSWER_LIMIT, Links, past_line
from bot.slack.views.entitled import groups, rights_of

MOST_STEPS = 20
STEPS_ROOM = 1500
LAST_RUNS = 3


def show_answer(
    runbook: Runbook,
    answer: Answer,
    rows: Sequence[RunRow],
    links: Links,
    *,
    next_at: datetime | None = None,
) -> str:
    """All of it in one text; what is cut is said where it is cut. `next_at`: when its schedule comes round next."""
    described = f": {text.value(runbook.description, 300)}" if runbook.description else ""
    parts = [f"*Runbook* {text.code(runbook.name)}{described}", _fits(runbook, next_at)]
    if runbook.params:
        parts.append("*It asks for*\n" + _some([_param(one) for one in runbook.params], 600))
    parts.append(f"*{text.count(len(runbook.steps), 'step')}*\n" + _steps(runbook.steps))
    if runbook.on_reject:
        parts.append("*If a step is rejected or nobody decides in time*\n" + _steps(runbook.on_reject))
    parts.append(_afterwards(runbook))
    rights = rights_of(answer) or ["• nowhere: no environment allows every step of it"]
    parts.append("*Who may approve, and where*\n" + _some(rights, 900))
    known = groups(answer)
    parts.append(text.cut_markup(known, 400) if known else "")
    last = [f"• {past_line(row, links.get(row.incident_id, ''))}" for row in rows[:LAST_RUNS]]
    parts.append("*Last runs*\n" + "\n".join(last) if last else "It never ran.")
    return text.cut_markup("\n\n".join(part for part in parts if part), ANSWER_LIMIT)


def _fits(runbook: Runbook, next_at: datetime | None) -> str:
    parts = when_it_fits(runbook)
    if not parts:
        return "*It fits* only when somebody chooses it: its trigger names nothing."
    how = " Its first step may begin by itself." if runbook.trigger.auto_start else ""
    if next_at is not None:
        how = f" Its schedule comes round next at {text.moment(next_at)}.{how}"
    return f"*It fits* {text.listed([text.value(part, 300) for part in parts])}.{how}"


def _param(param: Param) -> str:
    described = f"{text.value(param.description, 120)}; " if param.description else ""
    default = "" if param.default is None else f"; {text.value(json.dumps(param.default), 60)} unless said"
    needed = "; must be said" if param.default is None and param.required else ""
    return f"• {text.code(param.name, 60)}: {described}{text.value(what_fits(param), 160)}{default}{needed}"


def _steps(steps: Sequence[Step]) -> str:
    lines = [f"{number}. {_step(one)}" for number, one in enumerate(steps[:MOST_STEPS], start=1)]
    return _some(lines, STEPS_ROOM, of=len(steps))


def _step(step: Step) -> str:
    undo = how_it_is_undone(step)
    check = f"; then {_check(step.check)}" if step.check else ""
    words = f" · undo: {text.value(undo, 160)}" if undo else ""
    return f"{text.code(step.name, 60)} {text.value(what_it_does(step), 240)}{words}{check}"


def _check(check: MetricCheck) -> str:
    return f"the metric {text.value(check.metric_name, 80)} is checked after {text.duration(check.check_after_s)}"


def _afterwards(runbook: Runbook) -> str:
    lines = []
    if runbook.metric_check:
        lines.append(f"At the end {_check(runbook.metric_check)}.")
    if runbook.rollback_on_failure:
        lines.append("If a step fails, what was done is undone by itself, last done first.")
    if runbook.pagerduty_resolve:
        lines.append("After a run whose checks all came out better the incident is resolved at PagerDuty.")
    if runbook.dry_run:
        lines.append("It only says what would happen: it is always a dry run.")
    return " ".join(lines)


def _some(lines: Sequence[str], room: int, *, of: int = 0) -> str:
    shown: list[str] = []
    for line in lines:
        room -= text.size(line) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    left = max(of, len(lines)) - len(shown)
    return "\n".join([*shown, *([f"… and {left} more, see its file in the catalog"] if left else [])])
