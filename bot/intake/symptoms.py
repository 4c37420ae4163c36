"""Symptom words: whether a runbook's phrase is in what is known of an incident.

Tools write `time-out`, `timeouts` and `Time_Out` for one thing, so words are compared by a plain stem (plural
endings off), hyphens and underscores join and separate alike, and a phrase is found as adjacent words or, weaker, as
all its words anywhere. Nothing is guessed beyond that: no synonyms, no distance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_ES = ("xes", "sses", "shes", "ches", "zzes")
_MAX_WORDS = 600


@dataclass(frozen=True, kw_only=True)
class Found:
    """One phrase that was found; adjacent words weigh more."""

    phrase: str
    weight: int


def stem(word: str) -> str:
    """A word without case and plural: `Latencies` is `latency`, `caches` is `cach` and so is `cache`."""
    word = word.casefold()
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith(_ES):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith(("che", "she", "xe", "sse")) else word


@lru_cache(maxsize=512)
def stems(text: str) -> tuple[str, ...]:
    """The stems of all words, in order; only the first few hundred of a long text.

    Remembered, because a page is held against the titles of every earlier one of its service, twice.
    """
    return tuple(stem(word) for word in _WORD.findall(text)[:_MAX_WORDS])


def find(phrases: Sequence[str], text: str) -> tuple[Found, ...]:
    """Those of the phrases that are in the text, in the order given."""
    words = stems(text)
    return tuple(found for phrase in phrases if (found := _find(phrase, words)) is not None)


def is_same(one: str, other: str) -> bool:
    """Whether two symptom texts say the same, word for word by stem; unknown is the same as nothing."""
    return bool(stems(one)) and stems(one) == stems(other)


def overlap(one: str, other: str) -> float:
    """How much two symptom texts share, from 0 to 1."""
    first, second = set(stems(one)), set(stems(other))
    return len(first & second) / len(first | second) if first and second else 0.0


def _find(phrase: str, words: tuple[str, ...]) -> Found | None:
    wanted = stems(phrase)
    if not wanted:
        return None
    if _is_adjacent("".join(wanted), words):
        return Found(phrase=phrase, weight=2 * len(wanted))
    return Found(phrase=phrase, weight=len(wanted)) if set(wanted) <= set(words) else None


def _is_adjacent(wanted: str, words: tuple[str, ...]) -> bool:
    """Whether some run of whole words, written together, is what is wanted."""
    for start in range(len(words)):
        run = ""
        for word in words[start:]:
            run += word
            if run == wanted:
                return True
            if not wanted.startswith(run):
                break
    return False
