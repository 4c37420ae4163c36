"""A model's opinion on a diagnosis as plain data: what of it holds, what was struck, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from bot.diagnosis.evidence import Item
from bot.diagnosis.findings import Quote
from bot.runs.plan import JsonObject

Belief = Literal["likely", "possible"]
"""How sure a model may be called: what is certain is what the cluster says itself, and that is a finding."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A runbook that the rules would propose here, by the name under which a model may recommend it."""

    runbook: str
    step: str
    """Its first step, the one that would be proposed."""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Objection:
    """Words of the evidence that speak against a hypothesis, and how."""

    quote: Quote
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """What a model takes for the cause; every quote was found, letter for letter, in the item it names."""

    cause: str
    belief: Belief
    quotes: tuple[Quote, ...]
    against: tuple[Objection, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """A runbook of the catalog that a model would go on with; nothing is proposed by that."""

    runbook: str
    step: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Struck:
    """Something a model said that does not hold, and why it was left out."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a model says of the evidence, after it was held against it; or, in `nothing`, why it says nothing."""

    model: str
    nothing: str = ""
    summary: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    next_steps: tuple[Recommended, ...] = ()
    unknowns: tuple[str, ...] = ()
    struck: tuple[Struck, ...] = ()
    looked: tuple[Item, ...] = ()
    """What it had read besides the evidence; its quotes may stand in there."""
    requests: int = 0
    tokens: int = 0
    """As its endpoint counts; where that does not count, four bytes a token."""

    def as_json(self) -> JsonObject:
        """The same as plain data."""
        return {
            "model": self.model,
            "nothing": self.nothing,
            "summary": self.summary,
            "hypotheses": [
                {
                    "cause": one.cause,
                    "belief": one.belief,
                    "quotes": [vars(quote) for quote in one.quotes],
                    "against": [{**vars(no.quote), "why": no.why} for no in one.against],
                }
                for one in self.hypotheses
            ],
            "next_steps": [vars(one) for one in self.next_steps],
            "unknowns": list(self.unknowns),
            "struck": [vars(one) for one in self.struck],
            "looked": [{key: value for key, value in vars(one).items() if value} for one in self.looked],
            "requests": self.requests,
            "tokens": self.tokens,
        }

    @classmethod
    def from_json(cls, told: JsonObject) -> Self:
        """What `as_json` gave."""
        return cls(
            model=told["model"],
            nothing=told["nothing"],
            summary=told["summary"],
            hypotheses=tuple(
                Hypothesis(
                    cause=one["cause"],
                    belief=one["belief"],
                    quotes=tuple(Quote(**quote) for quote in one["quotes"]),
                    against=tuple(
                        Objection(quote=Quote(item=no["item"], text=no["text"]), why=no["why"])
                        for no in one["against"]
                    ),
                )
                for one in told["hypotheses"]
            ),
            next_steps=tuple(Recommended(**one) for one in told["next_steps"]),
            unknowns=tuple(told["unknowns"]),
            struck=tuple(Struck(**one) for one in told["struck"]),
            looked=tuple(Item(**one) for one in told["looked"]),
            requests=told["requests"],
            tokens=told["tokens"],
        )
