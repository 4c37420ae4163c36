"""Holds what a model said against what was read: what does not hold is struck, and it is said what and why.

    a cause            every quote it rests on must stand in the item it names, and there must be one
    an objection       its quote must stand in the item it names
    a runbook          must be one of those that the rules would propose here
    a summary          is kept only while a cause stands: words that rest on nothing are nobody's evidence
    any sentence       that gives a command which changes something is struck: what may be done is in the catalog

A cause with one true quote and one invented is struck whole: whoever invents one of them is not believed the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.diagnosis.agent.answer import Answer, Cited, Guess
from bot.diagnosis.agent.opinion import Hypothesis, Objection, Offer, Opinion, Recommended, Struck
from bot.diagnosis.agent.wording import gives_a_command, safe, shown, stands_in, visible_lines
from bot.diagnosis.evidence import Item
from bot.diagnosis.findings import Quote
from bot.diagnosis.findings.base import QUOTE_LIMIT
from bot.telemetry import Redactor

SUMMARY_LIMIT, CAUSE_LIMIT, WHY_LIMIT, NAME_LIMIT = 500, 300, 200, 80
MOST_HYPOTHESES, MOST_QUOTES, MOST_STEPS, MOST_UNKNOWNS, MOST_STRUCK = 5, 6, 3, 6, 30
"""What is shown of each; a model that says more is cut."""

_COMMAND = "it gives a command; only steps of the catalog are recommended"


def judged(
    answer: Answer, *, model: str, items: Sequence[Item], offers: Sequence[Offer], redactor: Redactor
) -> Opinion:
    """What holds of the answer; `nothing` says so where no cause does."""
    judge = _Judge(texts=_texts(items), redactor=redactor)
    hypotheses = tuple(filter(None, map(judge.hypothesis, answer.hypotheses[:MOST_HYPOTHESES])))
    known = {offer.runbook: offer for offer in offers}
    recommended = (judge.step(one.runbook, one.why, known) for one in answer.next_steps[:MOST_STEPS])
    steps = {one.runbook: one for one in recommended if one is not None}
    unknowns = tuple(judge.sentence(one, WHY_LIMIT) for one in answer.unknowns[:MOST_UNKNOWNS])
    summary = judge.sentence(answer.summary, SUMMARY_LIMIT) if hypotheses else ""
    if not hypotheses:
        why = "none of its causes holds" if answer.hypotheses else "it names no cause and no evidence"
        return Opinion(model=model, nothing=why, struck=judge.told)
    return Opinion(
        model=model,
        summary=summary,
        hypotheses=hypotheses,
        next_steps=tuple(steps.values()),
        unknowns=tuple(filter(None, unknowns)),
        struck=judge.told,
    )


@dataclass(kw_only=True)
class _Judge:
    """One answer under judgement."""

    texts: Mapping[str, str]
    redactor: Redactor
    struck: list[Struck] = field(default_factory=list)

    @property
    def told(self) -> tuple[Struck, ...]:
        return tuple(self.struck)

    def hypothesis(self, guess: Guess) -> Hypothesis | None:
        """The cause with its quotes, where all of them hold."""
        cause = safe(guess.cause, CAUSE_LIMIT, self.redactor)
        if gives_a_command(guess.cause):
            self._strike("a cause", _COMMAND)
            return None
        if not guess.rests_on:
            self._strike(cause, "it rests on nothing")
            return None
        for one in guess.rests_on:
            if why := self._false(one):
                self._strike(cause, why)
                return None
        against: list[Objection] = []
        for one in guess.against[:MOST_QUOTES]:
            if why := self._false(one):
                self._strike("an objection", why)
            elif gives_a_command(one.why):
                self._strike("an objection", _COMMAND)
            else:
                against.append(Objection(quote=_quote(one), why=safe(one.why, WHY_LIMIT, self.redactor)))
        quotes = tuple(dict.fromkeys(_quote(one) for one in guess.rests_on))[:MOST_QUOTES]
        return Hypothesis(cause=cause, belief=guess.confidence, quotes=quotes, against=tuple(against))

    def step(self, name: str, why: str, known: Mapping[str, Offer]) -> Recommended | None:
        """The runbook, where the rules would propose it here."""
        offer = known.get(name.strip())
        if offer is None:
            self._strike(f"the runbook {self._named(name)}", "it is none that could be proposed here")
            return None
        words = self.sentence(why, WHY_LIMIT)
        return Recommended(runbook=offer.runbook, step=offer.step, why=words)

    def sentence(self, text: str, limit: int) -> str:
        """The sentence, "" where it gives a command."""
        if gives_a_command(text):
            self._strike("a sentence", _COMMAND)
            return ""
        return safe(text, limit, self.redactor)

    def _false(self, cited: Cited) -> str:
        """Why a quote does not hold, "" where it does."""
        text = self.texts.get(cited.item)
        if text is None:
            return f"there is no evidence {self._named(cited.item)}"
        if not stands_in(cited.quote, text):
            return f"{self._named(cited.quote)} does not stand in {cited.item}"
        return ""

    def _named(self, words: str) -> str:
        """Words that do not hold, as far as they may be repeated."""
        return "“(a command)”" if gives_a_command(words) else f"“{safe(words, NAME_LIMIT, self.redactor)}”"

    def _strike(self, what: str, why: str) -> None:
        if len(self.struck) < MOST_STRUCK:
            self.struck.append(Struck(what=what or "a cause without words", why=why))


def _texts(items: Sequence[Item]) -> dict[str, str]:
    """Every item as it is shown; of two with one id both are searched."""
    texts: dict[str, str] = {}
    for item in items:
        known = texts.get(item.id)
        texts[item.id] = shown(item) if known is None else f"{known}\n{shown(item)}"
    return texts


def _quote(cited: Cited) -> Quote:
    """As it was told, which is as it stands there."""
    return Quote(item=cited.item, text=" ".join(visible_lines(cited.quote).split())[:QUOTE_LIMIT])
