"""A model's opinion as people see it in the thread: after the findings, named as what it is, with what was struck.

What a model says and what it quotes is inert here like everything from outside; what it would go on with is offered
like any other step, and only where the rules would propose it.
"""

from __future__ import annotations

from bot.intake.diagnosed import DiagnosisMade, OpinedCause, OpinionGiven
from bot.runs.events import IncidentId
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import actions, button, context, section
from bot.slack.views.drawn import Drawn, drawn, said

MOST_CAUSES, MOST_STRUCK = 2, 2
QUOTE_ROOM = 400


def opinion(given: OpinionGiven, *, incident_id: IncidentId, proposed: frozenset[str], step: str) -> Drawn:
    """What a model says. `proposed` are runbooks that stand in the thread since, `step` the one to offer."""
    if given.nothing:
        return _nothing(given)
    blocks: list[JsonObject] = [section(f"{_head(given)}\n{text.value(given.summary, 600)}")]
    for one in given.causes[:MOST_CAUSES]:
        blocks.append(section(_cause(one)))
    if more := [*_goes_on(given, proposed), *_struck(given)]:
        blocks.append(section(text.cut_markup("\n".join(more), 2800)))
    blocks.append(context(_small_print(given)))
    if step:
        ref = ids.DiagnosisRef(incident_id=incident_id, diagnosis_id=given.diagnosis_id, runbook=step)
        value = ids.diagnosis_value(ref)
        blocks.append(actions([button("Propose this step", action_id=ids.DIAGNOSIS_PROPOSE, value=value)]))
    return drawn(f"A model's opinion: {text.stopped(text.value(given.summary, 300))}", blocks)


def proposable(given: OpinionGiven, made: DiagnosisMade, proposed: frozenset[str], *, is_over: bool) -> str:
    """The runbook to offer: the first it names that stands nowhere yet, neither in the thread nor with the findings."""
    if is_over:
        return ""
    known = {*proposed, *(step.runbook for step in made.steps[:1])}
    return next((step.runbook for step in given.steps if step.runbook not in known), "")


def file_line(given: OpinionGiven) -> str:
    """The sentence that introduces the file."""
    name = text.value(given.report.name, 120) if given.report else ""
    return f"All that the model {text.value(given.model, 120)} said, and what it looked at: {name}."


def _head(given: OpinionGiven) -> str:
    return (
        f"*A model's opinion* ({text.code(given.model)}), which is no finding: only its quotes were checked"
    )


def _nothing(given: OpinionGiven) -> Drawn:
    words = f"*A model was asked too* ({text.code(given.model)}) and gave nothing: {text.value(given.nothing, 300)}."
    return said("\n".join([words, *_struck(given)]), _small_print(given))


def _cause(one: OpinedCause) -> str:
    lines = [
        f"*{text.capital(text.value(one.belief, 40))}:* {text.value(one.cause, 400)}",
        f"{text.fence_end(one.quote, QUOTE_ROOM)}\nfrom {text.code(one.evidence_id, 200)}",
    ]
    if one.against:
        lines.append(f"*Against it:* {text.code(one.against, 200)} from {text.code(one.against_id, 200)}")
    return "\n".join(lines)


def _goes_on(given: OpinionGiven, proposed: frozenset[str]) -> list[str]:
    lines = []
    for step in given.steps:
        why = f" ({text.value('; '.join(step.why), 200)})" if step.why else ""
        is_there = ", which is proposed" if step.runbook in proposed else ""
        lines.append(
            f"*It would go on with:* step {text.code(step.step)} of runbook {text.code(step.runbook)}{is_there}{why}"
        )
    return lines


def _struck(given: OpinionGiven) -> list[str]:
    if not given.struck:
        return []
    shown = "; ".join(text.value(one, 300) for one in given.struck[:MOST_STRUCK])
    more = len(given.struck) - MOST_STRUCK
    return [
        f"*Struck*, since it does not hold ({len(given.struck)}): {shown}{f'; and {more} more' if more > 0 else ''}"
    ]


def _small_print(given: OpinionGiven) -> str:
    asked = text.count(given.requests, "request")
    used = f"{asked} and {text.count(given.tokens, 'token')} in {text.duration(given.duration_s)}"
    used = f"{text.capital(used)}; nothing was changed"
    return f"{used} · all of it is the file below" if given.report is not None else used
