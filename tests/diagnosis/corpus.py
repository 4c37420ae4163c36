"""The corpus: snapshots as the collector recorded them, what is wrong in each, and what else may be said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.diagnosis.evidence import Evidence

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One snapshot with what must be found in it."""

    name: str
    evidence: Evidence
    expected: tuple[str, ...]
    """All of them, the cause first. Anything else that is found must be in `besides`."""
    besides: tuple[str, ...]
    source: str
    """`by hand`: its objects were written after real ones; `stand-in`: made by the stand-in's own controllers."""


def cases() -> Iterator[Case]:
    """All of them, by name."""
    for path in sorted(RECORDED.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        yield Case(
            name=path.stem,
            evidence=Evidence.from_json(told["evidence"]),
            expected=tuple(told["expected"]),
            besides=tuple(told["besides"]),
            source=told["source"],
        )
