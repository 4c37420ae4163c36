"""A model's opinion as people read it: after the findings, named as what it is, with what was struck of it.

`markdown` goes to the end of a report, `brief` is plain text for a chat; both say in one sentence why there is nothing
where there is nothing. No address in a model's own words survives `wording.safe`; quotes stand as quotes.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.agent.opinion import Hypothesis, Opinion
from bot.diagnosis.report import BRIEF_QUOTE, quoted, visible
from bot.runs.markdown import code, prose

BRIEF_CAUSES = 2
BRIEF_STRUCK = 2
CAUTION = (
    "A model says what is plausible; only its quotes were checked. It changed nothing and can change nothing."
)


def heading(opinion: Opinion) -> str:
    """`a model's opinion (gpt-5)`."""
    return f"a model's opinion ({opinion.model})"


def nothing(opinion: Opinion) -> str:
    """Why there is no opinion, as a sentence; "" where there is one."""
    return f"The model {opinion.model} gave nothing: {opinion.nothing}." if opinion.nothing else ""


def struck(opinion: Opinion) -> str:
    """How much of its answer was struck; "" where nothing was."""
    return f"Struck from its answer, since it does not hold ({len(opinion.struck)})" if opinion.struck else ""


def brief(opinion: Opinion) -> str:
    """A few lines of plain text, none of them needed to understand the findings."""
    return "\n".join(map(visible, _brief(opinion)))


def _brief(opinion: Opinion) -> Iterator[str]:
    if opinion.nothing:
        yield nothing(opinion)
    else:
        yield opinion.summary or "It gives no summary that holds."
        for number, one in enumerate(opinion.hypotheses[:BRIEF_CAUSES], start=1):
            yield f"{number}. {one.belief}: {one.cause}"
            yield f"   > {one.quotes[0].text[:BRIEF_QUOTE]} ({one.quotes[0].item})"
            yield from (f"   but: {no.quote.text[:BRIEF_QUOTE]} ({no.quote.item})" for no in one.against[:1])
        if opinion.next_steps:
            yield f"It would go on with: {', '.join(one.runbook for one in opinion.next_steps)}."
    if opinion.struck:
        told = "; ".join(f"{one.what}: {one.why}" for one in opinion.struck[:BRIEF_STRUCK])
        more = len(opinion.struck) - BRIEF_STRUCK
        yield f"{struck(opinion)}: {told}{f'; and {more} more' if more > 0 else ''}."


def markdown(opinion: Opinion) -> str:
    """The last part of a report."""
    return "\n".join(_lines(opinion)) + "\n"


def _lines(opinion: Opinion) -> Iterator[str]:
    yield from ("", f"## {prose(heading(opinion).capitalize())}", "")
    if opinion.nothing:
        yield prose(nothing(opinion))
    else:
        yield f"{CAUTION} {prose(opinion.summary)}" if opinion.summary else CAUTION
        for number, one in enumerate(opinion.hypotheses, start=1):
            yield from _cause(number, one)
        if opinion.next_steps:
            yield from ("", "### What it would go on with", "")
            for step in opinion.next_steps:
                why = f": {prose(step.why)}" if step.why else ""
                yield f"- runbook {prose(step.runbook)}, step {prose(step.step)}{why}"
        if opinion.unknowns:
            yield from ("", "### What it could not find out", "")
            yield from (f"- {prose(one)}" for one in opinion.unknowns)
    if opinion.struck:
        yield from ("", "### What was struck", "", f"{prose(struck(opinion))}:", "")
        yield from (f"- {prose(one.what)}: {prose(one.why)}" for one in opinion.struck)
    if opinion.looked:
        yield from ("", "### What it looked at besides", "")
        yield from (f"- {code(one.id)}: {prose(one.source)}" for one in opinion.looked)


def _cause(number: int, one: Hypothesis) -> Iterator[str]:
    yield from (
        "",
        f"### {number}. {prose(one.cause)}",
        "",
        f"{one.belief.capitalize()}, by what is written here:",
    )
    for quote in one.quotes:
        yield from ("", *quoted(quote.text), "", f"from {code(quote.item)}")
    for objection in one.against:
        why = f" ({prose(objection.why)})" if objection.why else ""
        yield from (
            "",
            f"Against it speaks{why}:",
            "",
            *quoted(objection.quote.text),
            "",
            f"from {code(objection.quote.item)}",
        )
