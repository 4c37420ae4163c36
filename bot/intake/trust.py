"""How far diagnoses can be trusted, class by class: what was made, what people said of it, and whether that is enough.

Only words of people count, and each of them once: of all looks at one incident that name the same class, the last one
that was judged. Ten looks at one bad night are one night. A diagnosis that nobody judged says nothing, neither for it
nor against it.

What is enough is more than a share. A class is trusted when it was right often enough where it was *certain* (nothing
less ever runs anything), and wrong no more often than somebody has put their name to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.catalog.promotion import MIN_RIGHT
from bot.intake.diagnosed import DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.journal.base import Recorded

MAX_WRONG = 0
LOOK_BACK = timedelta(days=180)
"""What people said longer ago was said of other services, and of another bot."""
CERTAIN = "certain"


@dataclass(frozen=True, kw_only=True)
class ClassNumbers:
    """One class of failure over the diagnoses that were counted."""

    finding: str
    made: int
    judged: int = 0
    right: int = 0
    wrong: int = 0
    right_when_certain: int = 0
    people: int = 0
    """How many different people said so."""
    missed: int = 0
    """Times that another class was named, and people said that it really was this one."""
    really: tuple[tuple[str, int], ...] = ()
    """What it really was where it was wrong, the most frequent first."""
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def right_share(self) -> float:
        """How often of what was judged it was right; 0 where nothing was."""
        return self.right / self.judged if self.judged else 0.0

    def shortfalls(self, *, min_right: int = MIN_RIGHT, max_wrong: int = MAX_WRONG) -> tuple[str, ...]:
        """What of the record is not good enough, in words; empty when it is."""
        found = []
        if self.right_when_certain < min_right:
            found.append(f"right when certain {self.right_when_certain} of {min_right} times")
        if self.wrong > max_wrong:
            what = ", ".join(f"{count} × {name}" for name, count in self.really)
            really = f" (really: {what})" if what else ""
            found.append(f"wrong {_times(self.wrong)} where {max_wrong or 'none'} may be{really}")
        return tuple(found)

    def as_evidence(self) -> dict[str, object]:
        """As it is written into a file."""
        return {
            "diagnoses": self.made,
            "judged": self.judged,
            "right": self.right,
            "right_when_certain": self.right_when_certain,
            "wrong": self.wrong,
            "missed": self.missed,
            "people": self.people,
            "from": f"{self.first_at:%Y-%m-%d}" if self.first_at else "",
            "to": f"{self.last_at:%Y-%m-%d}" if self.last_at else "",
        }


def numbers_of(
    recorded: Iterable[Recorded], *, streams: Collection[str] | None = None
) -> tuple[ClassNumbers, ...]:
    """The classes that diagnoses named, the most frequent first. `streams`: only these incidents."""
    looks = _looks(one for one in recorded if streams is None or one.stream in streams)
    findings = {look.made.finding for look in looks} | {look.really for look in looks if look.really}
    missed = Counter(look.really for look in looks if look.really)
    found = [_numbers(finding, looks, missed=missed[finding]) for finding in sorted(findings)]
    return tuple(sorted(found, key=lambda one: (-one.made, one.finding)))


@dataclass(kw_only=True)
class _Look:
    """One diagnosis of one incident, and what was said of it."""

    stream: str
    made: DiagnosisMade
    judged: DiagnosisJudged | None = field(default=None)

    @property
    def really(self) -> str:
        return self.judged.really if self.judged is not None and self.judged.verdict == "wrong" else ""


def _looks(recorded: Iterable[Recorded]) -> list[_Look]:
    """The diagnoses that name something; one whose making lies before the time that was asked for is left out."""
    found: dict[tuple[str, DiagnosisId], _Look] = {}
    for one in recorded:
        match one.event:
            case DiagnosisMade() if one.event.finding:
                found[one.stream, one.event.diagnosis_id] = _Look(stream=one.stream, made=one.event)
            case DiagnosisJudged():
                look = found.get((one.stream, one.event.diagnosis_id))
                if look is not None:
                    look.judged = one.event
            case _:
                continue
    return list(found.values())


def _numbers(finding: str, looks: Iterable[_Look], *, missed: int) -> ClassNumbers:
    named = [look for look in looks if look.made.finding == finding]
    judged = {look.stream: (look.made, look.judged) for look in named if look.judged is not None}
    right = [made for made, said in judged.values() if said.verdict == "right"]
    wrong = [said for _, said in judged.values() if said.verdict == "wrong"]
    times = [look.made.at for look in named]
    return ClassNumbers(
        finding=finding,
        made=len(named),
        judged=len(judged),
        right=len(right),
        wrong=len(wrong),
        right_when_certain=sum(made.confidence == CERTAIN for made in right),
        people=len({said.by.person for _, said in judged.values()}),
        missed=missed,
        really=tuple(Counter(one.really for one in wrong if one.really).most_common()),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def in_short(numbers: ClassNumbers) -> str:
    """What people said of it, in so many words: `right 9 of 10 times (really: 1 × dns-failure)`."""
    if not numbers.judged:
        return "nobody has said whether it was right" if numbers.made else "never named"
    what = ", ".join(f"{count} × {name}" for name, count in numbers.really)
    told = f"right {numbers.right} of {numbers.judged} times{f' (really: {what})' if what else ''}"
    return f"{told}; missed {_times(numbers.missed)}" if numbers.missed else told
