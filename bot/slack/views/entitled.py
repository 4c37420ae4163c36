"""Who may start and approve what, in words: groups by their mention, and below them the people they stand for.

A mention in a message that only one person sees rings nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.entitlement import Answer, Entitled, Rule
from bot.runs.policy import is_on_call
from bot.slack import text
from bot.slack.views.answers import listed
from bot.slack.views.people import on_call

MOST_PEOPLE = 12
MOST_ENTRIES = 8


def who_answer(answer: Answer, *, here: str) -> str:
    """For the services of a place; `here` is a sentence part like `for the services of <#C0INC>`."""
    if not answer.entitled:
        return f"No runbook may run {here}. `/runbook list` shows all there are."
    lines: list[str] = []
    title = ""
    for one in sorted(answer.entitled, key=lambda one: (one.service, one.environment, one.runbook)):
        place = _place(one)
        if place != title:
            title = place
            lines.append(f"*{place}*; may start: {_people(one.starters, answer)}")
        lines.append(
            f"• {text.code(one.runbook)}: {'; '.join(_rule(rule, one, answer) for rule in one.rules)}"
        )
    return listed(
        f"*Who may decide {here}*",
        lines,
        after=groups(answer),
        rest="`/runbook show NAME` shows one of them.",
    )


def rights_of(answer: Answer) -> list[str]:
    """For one runbook: a line for each place it may run in."""
    return [
        f"• {_place(one)}: {'; '.join(_rule(rule, one, answer) for rule in one.rules)}. "
        f"May start: {_people(one.starters, answer)}"
        for one in answer.entitled
    ]


def groups(answer: Answer) -> str:
    """Who is in each group that was named, or that nobody can tell just now."""
    lines = []
    for name, read in sorted(answer.groups.items()):
        called = f"Whoever is {on_call(name)}" if is_on_call(name) else text.mention(name)
        if read.error and not (read.user_ids or read.emails):
            why = f" ({text.value(read.error, 120)})" if is_on_call(name) else ""
            lines.append(f"{called}: its members could not be read now{why}, so nobody of it can decide")
            continue
        people = [text.mention(one) for one in sorted(read.user_ids)]
        people += [text.value(one, 80) for one in sorted(read.emails)]
        lines.append(f"{called} is {text.listed(people, most=MOST_PEOPLE) or 'empty: nobody can decide'}")
    return "\n".join(lines)


def _place(one: Entitled) -> str:
    service = text.value(one.service, 80) if one.service else "any service"
    return f"{service} in {text.value(one.environment, 60)}" if one.environment else service


def _rule(rule: Rule, one: Entitled, answer: Answer) -> str:
    is_all = len(one.rules) == 1
    which = "" if is_all else f"{text.listed([text.code(name, 60) for name in rule.steps], most=4)} "
    if not rule.asks:
        by_itself = "runs by itself" if is_all or len(rule.steps) == 1 else "run by themselves"
        return f"{which}{by_itself}, as a reviewed tag says"
    if not rule.approvers:
        return f"{which}nobody may approve it: the catalog names no approvers"
    how_many = f" ({rule.min_approvals} people must agree)" if rule.min_approvals > 1 else ""
    you = {True: ", you too", False: ", not you", None: ""}[rule.may_decide]
    own = ", also their own" if rule.allow_self_approval else ""
    then = _next(rule.escalate_to)
    glass = f"; {_people(rule.override, answer)} may break glass" if rule.override else ""
    asks = "asks" if is_all or len(rule.steps) == 1 else "ask"
    return f"{which}{asks} {_people(rule.approvers, answer)}{how_many}{own}{you}{then}{glass}"


def _next(entries: Sequence[str]) -> str:
    """Who is asked when those before do not decide, in turn."""
    names = [f"whoever is {on_call(one)}" if is_on_call(one) else text.value(one, 60) for one in entries]
    return f"; when nobody decides, then {', then '.join(names)}" if names else ""


def _people(entries: Sequence[str], answer: Answer) -> str:
    shown = [
        f"whoever is {on_call(entry)}" if is_on_call(entry) else text.mention(answer.ids.get(entry, entry))
        for entry in entries
    ]
    return text.listed(list(dict.fromkeys(shown)), last="or", most=MOST_ENTRIES) or "nobody"
