"""What a view returns: one sentence that is complete alone, and blocks within Slack's limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.runs.plan import JsonObject
from bot.slack import text
from bot.slack.blocks import context, fit, section

TEXT_LIMIT = 3000
"""Slack takes 40,000 characters in a post but 4,000 in an update."""

_BOLD = re.compile(r"\*(?![^<>]*>)")
"""Our own bold marks: in values from outside every asterisk is a look-alike."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A message's words, before it has a key."""

    text: str
    blocks: list[JsonObject]


def drawn(words: str, blocks: Sequence[JsonObject], *, kept: Sequence[JsonObject] = ()) -> Drawn:
    """The words (read without bold) and blocks, under Slack's limits for a whole message; `kept` is never cut."""
    return Drawn(text=text.cut_markup(_BOLD.sub("", words), TEXT_LIMIT), blocks=fit(blocks, kept=kept))


def said(words: str, *small: str) -> Drawn:
    """A message that is one paragraph, with small print below it where there is any."""
    blocks = [section(words)]
    if small:
        blocks.append(context(*small))
    return drawn(words, blocks)
