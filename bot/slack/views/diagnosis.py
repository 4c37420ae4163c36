"""A diagnosis as people see it in the thread: what is most likely wrong, why, in whose words, and what fits.

Everything from a cluster or a log is inert here: values are escaped and on one line, quotes stand in a code fence, so
nothing in them becomes a link, a mention or markup.
"""

from __future__ import annotations

from bot.diagnosis.findings import HEALTHY
from bot.diagnosis.findings.classes import CLASSES, called
from bot.intake.diagnosed import (
    OTHER,
    DiagnosisAsked,
    DiagnosisJudged,
    DiagnosisMade,
    IncidentDiagnosis,
)
from bot.runs.events import IncidentId
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import actions, button, context, entry, modal, option, plain_text, section, select
from bot.slack.views.drawn import Drawn, drawn, said
from bot.slack.views.people import who, why_permitted

QUOTE_ROOM = 600
MOST_OTHERS = 6
WORDS_CHARACTERS = 1000


def diagnosis(
    one: IncidentDiagnosis, *, incident_id: IncidentId, proposed: frozenset[str], is_over: bool
) -> Drawn:
    """What was found, with the buttons that can still be used. `proposed` are runbooks that stand in the thread since,
    `is_over`: the incident is resolved, so nothing is proposed any more."""
    made = one.made
    assert made is not None
    if not made.finding:
        return _cannot_tell(made)
    head = f"*{_how_sure(made)}{text.value(made.title, 600)}*\n{text.sentence(text.value(made.reason, 500))}"
    blocks = [section(head)]
    if made.quote:
        blocks.append(
            section(f"{text.fence_end(made.quote, QUOTE_ROOM)}\nfrom {text.code(made.evidence_id, 200)}")
        )
    more = "\n".join([*_also(made), *_fits(made, proposed), *_gaps(made)])
    if more:
        blocks.append(section(text.cut_markup(more, 2800)))
    blocks.append(context(_small_print(made)))
    if buttons := _buttons(one, incident_id, proposed, is_over=is_over):
        blocks.append(actions(buttons))
    return drawn(f"Diagnosis: {_how_sure(made)}{text.stopped(text.value(made.title, 600))}", blocks)


def _how_sure(made: DiagnosisMade) -> str:
    return f"{text.capital(text.value(made.confidence, 40))}: "


def _cannot_tell(made: DiagnosisMade) -> Drawn:
    words = f"*Diagnosis:* {text.stopped(text.value(made.sentence, 600))}"
    return said("\n".join([words, *_gaps(made)]), _small_print(made))


def _also(made: DiagnosisMade) -> list[str]:
    if not made.others:
        return []
    names = [text.value(called(kind), 80) for kind in dict.fromkeys(made.others)]
    return [f"*Also seen:* {text.listed(names, most=MOST_OTHERS)}"]


def _fits(made: DiagnosisMade, proposed: frozenset[str]) -> list[str]:
    lines = []
    for step in made.steps:
        why = text.listed([text.spoken(one, 120) for one in step.why], most=3)
        is_there = ", which is proposed" if step.runbook in proposed else ""
        lines.append(
            f"*Fits:* step {text.code(step.step)} of runbook {text.code(step.runbook)}{is_there} ({why})"
        )
    return lines


def _gaps(made: DiagnosisMade) -> list[str]:
    return [f"*Not read:* {text.stopped(text.value(made.not_read, 500))}"] if made.not_read else []


def _small_print(made: DiagnosisMade) -> str:
    what = f"{text.capital(text.value(made.subject, 200))}, read in {text.duration(made.duration_s)}"
    what = what if made.subject else "Nothing was read"
    file = " · the whole report is the file below" if made.report is not None else ""
    return f"{what}; nothing was changed{file}"


def _buttons(
    one: IncidentDiagnosis, incident_id: IncidentId, proposed: frozenset[str], *, is_over: bool
) -> list[JsonObject]:
    buttons = []
    ref = ids.DiagnosisRef(incident_id=incident_id, diagnosis_id=one.id)
    if one.can_be_judged:
        buttons.append(button("Right", action_id=ids.DIAGNOSIS_RIGHT, value=ids.diagnosis_value(ref)))
        buttons.append(button("Wrong", action_id=ids.DIAGNOSIS_WRONG, value=ids.diagnosis_value(ref)))
    step = proposable(one, proposed, is_over=is_over)
    if step:
        of_step = ids.DiagnosisRef(incident_id=incident_id, diagnosis_id=one.id, runbook=step)
        value = ids.diagnosis_value(of_step)
        buttons.append(
            button("Propose this step", action_id=ids.DIAGNOSIS_PROPOSE, value=value, style="primary")
        )
    return buttons


def proposable(one: IncidentDiagnosis, proposed: frozenset[str], *, is_over: bool) -> str:
    """The runbook whose first step the button proposes: what fits best, unless it stands in the thread already or
    somebody said that the diagnosis is wrong."""
    best = one.made.steps[0].runbook if one.made is not None and one.made.steps else ""
    is_off = is_over or (one.judged is not None and one.judged.verdict == "wrong")
    return "" if is_off or best in proposed else best


def look_button(incident_id: IncidentId) -> JsonObject:
    """On the card, where the catalog waits for somebody to ask."""
    ref = ids.DiagnosisRef(incident_id=incident_id)
    return actions([button("Look into it", action_id=ids.DIAGNOSIS_ASK, value=ids.diagnosis_value(ref))])


# ------------------------------------------------------------ once said


def asked_line(event: DiagnosisAsked, *, service: str) -> Drawn | None:
    """Who wants to know; None where the catalog or a program's event does."""
    if event.by is None:
        return None
    return said(f"*Asked* by {who(event.by)}: what is wrong with {text.value(service, 120)}?")


def judged_line(event: DiagnosisJudged, made: DiagnosisMade) -> Drawn:
    """Somebody says whether it was right."""
    small = text.capital(why_permitted(event.permission, event.by)) if event.permission else ""
    what = text.value(called(made.finding), 120)
    words = f"*{event.verdict.capitalize()}*, says {who(event.by)}: "
    if event.verdict == "right":
        words += f"it is that {what}."
    else:
        really = "" if event.really in ("", OTHER) else text.value(called(event.really), 120)
        said_so = text.value(event.words, 600) if event.words else ""
        words += f"it was not that {what}. It really was: {text.stopped(': '.join(filter(None, (really, said_so))))}"
    return said(words, *filter(None, (small,)))


def file_line(made: DiagnosisMade) -> str:
    """The sentence that introduces the report."""
    name = text.value(made.report.name, 120) if made.report else ""
    return f"The whole report on {text.value(made.subject, 200)}: {name}."


# ------------------------------------------------------------ the form


def wrong_form(ref: ids.DiagnosisRef, made: DiagnosisMade) -> JsonObject:
    """What was it really? A class of failure, and words."""
    options = [
        option(words, value=kind)
        for kind, (words, _) in CLASSES.items()
        if kind not in (made.finding, HEALTHY)
    ]
    options.sort(key=lambda one: str(one["text"]["text"]))
    if made.finding != HEALTHY:
        options.append(option(called(HEALTHY), value=HEALTHY))
    options.append(option("something else", value=OTHER))
    words: JsonObject = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": True,
        "max_length": WORDS_CHARACTERS,
        "placeholder": plain_text("For whoever reads the thread next", 150),
    }
    menu = select(options, action_id=ids.INPUT, placeholder="Choose one")
    return modal(
        title="A wrong diagnosis",
        blocks=[
            section(f"It says: {text.stopped(text.value(made.title, 500))}"),
            entry("What it really was", menu, block_id=ids.REALLY_BLOCK),
            entry("In your words", words, block_id=ids.REASON_BLOCK, is_optional=True),
        ],
        callback_id=ids.WRONG_FORM,
        metadata=ids.diagnosis_metadata(ref),
        submit="Say so",
    )
