"""What people said of diagnoses becomes numbers: each night once, and only certain ones count towards a promotion."""

from __future__ import annotations

from typing import Any

import pytest

from bot.intake.diagnosed import DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.intake.trust import ClassNumbers, in_short, numbers_of
from bot.journal.base import Recorded
from bot.runs.events import Actor, Event
from tests.intake.given import at

ANA = Actor(kind="slack", id="U0ANA", person="ana@acme.example", name="Ana")
BEN = Actor(kind="slack", id="U0BEN", person="ben@acme.example", name="Ben")


class Told:
    """A journal's events of diagnoses, in order."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self._count = 0

    def look(
        self,
        finding: str,
        verdict: Any = "",
        *,
        incident: str = "",
        really: str = "",
        by: Actor = ANA,
        confidence: str = "certain",
    ) -> None:
        self._count += 1
        name = DiagnosisId(f"d{self._count}")
        stream = f"incident-{incident or self._count}"
        made = DiagnosisMade(
            at=at(1), diagnosis_id=name, subject="s", sentence="…", finding=finding, confidence=confidence
        )
        self._add(stream, made)
        if verdict:
            self._add(
                stream, DiagnosisJudged(at=at(2), diagnosis_id=name, by=by, verdict=verdict, really=really)
            )

    def _add(self, stream: str, event: Event) -> None:
        place = len(self.recorded) + 1
        self.recorded.append(Recorded(stream=stream, version=place, position=place, event=event, hash=""))

    def of(self, finding: str) -> ClassNumbers:
        return next(one for one in numbers_of(self.recorded) if one.finding == finding)


def test_a_class_is_counted_with_what_it_really_was_and_what_others_missed() -> None:
    told = Told()
    for _ in range(3):
        told.look("oom-killed", "right")
    told.look("oom-killed", "right", by=BEN, confidence="likely")
    told.look("oom-killed", "wrong", really="dns-failure")
    told.look("oom-killed")
    told.look("crash-loop", "wrong", really="oom-killed")
    told.look("")
    found = told.of("oom-killed")
    assert (found.made, found.judged, found.right, found.wrong) == (6, 5, 4, 1)
    assert (found.right_when_certain, found.missed, found.people) == (3, 1, 2)
    assert found.really == (("dns-failure", 1),)
    assert in_short(found) == "right 4 of 5 times (really: 1 × dns-failure); missed once"
    assert in_short(told.of("dns-failure")) == "never named"


def test_ten_looks_at_one_night_are_one_night() -> None:
    told = Told()
    for _ in range(10):
        told.look("oom-killed", "right", incident="the-night")
    assert (told.of("oom-killed").made, told.of("oom-killed").right) == (10, 1)
    assert told.of("oom-killed").shortfalls() == ("right when certain 1 of 10 times",)


def test_the_last_word_on_a_night_counts() -> None:
    told = Told()
    told.look("oom-killed", "right", incident="a")
    told.look("oom-killed", "wrong", incident="a", really="dns-failure")
    assert (told.of("oom-killed").right, told.of("oom-killed").wrong) == (0, 1)


@pytest.mark.parametrize(
    ("right", "likely", "wrong", "expected"),
    [
        (10, 0, 0, ()),
        (9, 5, 0, ("right when certain 9 of 10 times",)),
        (12, 0, 1, ("wrong once where none may be (really: 1 × crash-loop)",)),
        (0, 0, 0, ("right when certain 0 of 10 times",)),
    ],
)
def test_enough_is_ten_times_right_when_certain_and_never_wrong(
    right: int, likely: int, wrong: int, expected: tuple[str, ...]
) -> None:
    told = Told()
    told.look("oom-killed")
    for _ in range(right):
        told.look("oom-killed", "right")
    for _ in range(likely):
        told.look("oom-killed", "right", confidence="likely")
    for _ in range(wrong):
        told.look("oom-killed", "wrong", really="crash-loop")
    assert told.of("oom-killed").shortfalls() == expected


def test_a_word_on_what_was_made_before_the_time_asked_for_counts_for_nothing() -> None:
    told = Told()
    told.look("oom-killed", "right")
    assert numbers_of(told.recorded[1:]) == ()
