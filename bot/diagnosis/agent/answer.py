"""What a model has to hand over: the shape of its answer, believed in nothing but its shape.

Lenient where leniency costs nothing (a list left out is empty, what is too much is cut later), since every answer that
is sent back costs another request of a budget that people wait for.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.diagnosis.agent.opinion import Belief


def _belief(told: object) -> object:
    """Models that are certain are taken down to likely, those that find other words to possible."""
    return "likely" if str(told).lower() in ("likely", "certain", "high") else "possible"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Cited(_Part):
    """Words that stand in an item."""

    item: str = Field(description="The id of the item, as it was given to you")
    quote: str = Field(description="Words copied from that item, letter for letter; one line is best")


class Against(Cited):
    """Words that speak against a hypothesis."""

    why: str = Field(default="", description="How they speak against it, in one sentence")


class Guess(_Part):
    """A possible cause."""

    cause: str = Field(description="What is wrong, in one sentence without commands and links")
    confidence: Annotated[Belief, BeforeValidator(_belief)] = "possible"
    rests_on: list[Cited] = Field(description="What it rests on; without any it is struck")
    against: list[Against] = Field(
        default_factory=list, description="What speaks against it, where anything does"
    )


class Step(_Part):
    """A runbook to go on with."""

    runbook: str = Field(description="The name of one of the given runbooks; any other is struck")
    why: str = Field(default="", description="Why this one, in one sentence")


class Answer(_Part):
    """Your report on what is wrong with the workload."""

    summary: str = Field(description="One or two sentences for somebody who was just woken up")
    hypotheses: list[Guess] = Field(default_factory=list, description="Most likely first, at most five")
    next_steps: list[Step] = Field(
        default_factory=list, description="Runbooks of the list that fit, best first"
    )
    unknowns: list[str] = Field(
        default_factory=list, description="What you could not find out and would matter"
    )
