"""What a finding is: a class of failure, how sure that is and why, and the words of the evidence that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from bot.diagnosis.evidence import Evidence, Item

Confidence = Literal["certain", "likely", "possible"]
"""certain: the cluster says so itself; likely: it fits and nothing speaks against it; possible: one reading of it."""

QUOTE_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Words that stand in an item of the evidence."""

    item: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One failure (or that there is none)."""

    kind: str
    """Its class, a stable name: `oom-killed`."""
    title: str
    confidence: Confidence
    reason: str
    quotes: tuple[Quote, ...] = ()
    look_at: str = ""
    """What a person would look at next."""
    about: str = ""
    """Which part: a container, a claim, a service."""
    count: int = 1
    """How often it was seen: two hundred pods that find no node are one finding."""


Analyzer = Callable[[Evidence], Iterator[Finding]]


def quote(item: Item, text: object) -> Quote:
    """Words of an item, cut where they are long."""
    return Quote(item=item.id, text=str(text).strip()[:QUOTE_LIMIT])


def kubectl(evidence: Evidence, line: str) -> str:
    """A command that reads, for a person to run."""
    return f"kubectl -n {evidence.subject.namespace} {line}"
