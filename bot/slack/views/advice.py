"""The answer to a question in words: the next safe step as it would be proposed now, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from bot.catalog.schema import Runbook
from bot.engine.advising import Advice
from bot.intake.incident import Candidate, NothingSuggested, RunbookSuggested
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import actions, button, context, section
from bot.slack.views.drawn import Drawn, drawn, said
from bot.slack.views.people import asked_people, how_many
from bot.slack.views.undertaking import STATE_ROOM, code_of, state, undo_sentence, where

MOST_OTHERS = 4


def advice(one: Advice) -> Drawn:
    """For everybody in the thread: it says that nothing is proposed yet."""
    if one.going_on:
        return said(
            f"*{text.code(one.going_on)} goes on in this thread already:* decide that first. "
            "Its newest message above has the buttons."
        )
    match one.found:
        case RunbookSuggested():
            return _fitting(one, one.found)
        case NothingSuggested():
            return _nothing(one, one.found)


def _asked(one: Advice) -> str:
    words = f" for “{text.value(one.words, 200)}”" if one.words else ""
    is_said = one.service.lower() in one.words.lower()
    return words if is_said else f"{words} on {text.value(one.service, 80)}"


def _fitting(one: Advice, found: RunbookSuggested) -> Drawn:
    runbook = Runbook.model_validate(found.runbook)
    does = text.value(text.capital(found.plan.text), 300)
    place, _ = where(found.plan.targets)
    described = f": {text.value(runbook.description, 200)}" if runbook.description else ""
    undo, _ = undo_sentence(found.plan)
    why = text.listed([text.spoken(why, 120) for why in found.why], most=5)
    head = (
        f"*The next safe step{_asked(one)} would be: {does}*\n"
        f"Step 1 of {len(runbook.steps)} of runbook {text.code(runbook.name)}{described}\nWhy: {why or 'not said'}"
    )
    facts = (
        f"*State now → after:* {text.cut_markup(state(found.plan), STATE_ROOM)}\n"
        f"*Who may approve:* {asked_people(found.asked)} ({how_many(found.asked)})\n{undo.split(' Approving')[0]}"
    )
    blocks: list[JsonObject] = [
        section(head),
        section(f"It would run {place}:"),
        *code_of(found.plan),
        section(facts),
    ]
    if _is_carried(runbook.name):
        blocks.append(actions([_propose(one, runbook.name)]))
    blocks += _others(found.others, "These fit too")
    blocks.append(context("This answers a question: nothing is proposed and nothing runs."))
    return drawn(f"The next safe step{_asked(one)} would be: {does}, of runbook {runbook.name}.", blocks)


def _is_carried(name: str) -> bool:
    """Whether a button can name it, as menus can."""
    return text.size(name) <= ids.OPTION_VALUE_LIMIT


def _propose(one: Advice, runbook: str, label: str = "Propose it here") -> JsonObject:
    ref = ids.ProposeRef(runbook=runbook, service=one.service, words=one.words)
    return button(label, action_id=ids.PROPOSE, value=ids.propose_value(ref), style="primary")


def _nothing(one: Advice, found: NothingSuggested) -> Drawn:
    head = f"*There is no next safe step{_asked(one)}:* {text.stopped(text.value(found.reason, 600))}"
    hint = "" if one.service else " Name the service too, as in “checkout is slow”."
    if not one.words:
        hint = " Say what is wrong, in the words an alert would use."
    blocks = [section(head + hint), *_others(found.others, "What fits")]
    # One that fits and cannot be proposed as it is may only have to be told something: its form asks for it.
    fitting = [other.runbook for other in found.others if other.evaluable and _is_carried(other.runbook)]
    # A row each: Slack refuses one action id twice in a row.
    blocks += [actions([_propose(one, name, f"Propose {name}")]) for name in fitting[:MOST_OTHERS]]
    blocks.append(context("`/runbook list` shows every runbook, `/runbook start` starts one."))
    return drawn(head + hint, blocks)


def _others(others: Sequence[Candidate], head: str) -> list[JsonObject]:
    if not others:
        return []
    lines = [
        f"• {text.code(one.runbook)}{'' if one.evaluable else ', perhaps'}: "
        f"{text.listed([text.spoken(why, 120) for why in one.why], most=3)}"
        for one in others[:MOST_OTHERS]
    ]
    more = [f"… and {len(others) - MOST_OTHERS} more"] if len(others) > MOST_OTHERS else []
    return [section("\n".join([f"*{head}*", *lines, *more]))]
