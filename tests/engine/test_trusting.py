"""Which diagnosis a run may begin on at all: a fresh one, certain, not called wrong, on an incident nobody is at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.engine.trusting import FRESH, newest
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.intake.incident import Facts, Incident, IncidentOpened, Origin, Place, RunStarted, fold
from bot.runs.events import Event, IncidentId, RunId
from tests.core.given import ALICE, NOW

ASKED = DiagnosisAsked(at=NOW, diagnosis_id=DiagnosisId("d1"), cause="policy")
MADE = DiagnosisMade(
    at=NOW,
    diagnosis_id=DiagnosisId("d1"),
    subject="deployment shop/checkout",
    sentence="it ran out of memory",
    finding="oom-killed",
    confidence="certain",
)
WRONG = DiagnosisJudged(
    at=NOW, diagnosis_id=DiagnosisId("d1"), by=ALICE.actor, verdict="wrong", really="crash-loop"
)


def incident(*events: Event, source: str = "pagerduty", facts: Facts | None = None) -> Incident:
    known = facts or Facts(title="down", service="checkout", environment="prod")
    opened = IncidentOpened(
        at=NOW,
        incident_id=IncidentId("i1"),
        origin=Origin(key=f"{source}:1", source=source),
        facts=known,
        place=Place(channel="C0INC"),
    )
    return fold([opened, *events])


def test_a_fresh_and_certain_one_counts() -> None:
    assert newest(incident(ASKED, MADE), NOW) == MADE


def test_what_is_likely_healthy_or_not_told_counts_for_nothing() -> None:
    for change in ({"confidence": "likely"}, {"finding": "healthy"}, {"finding": ""}):
        assert newest(incident(ASKED, replace(MADE, **change)), NOW) is None
    assert newest(incident(ASKED), NOW) is None


def test_one_that_is_old_or_was_called_wrong_counts_for_nothing() -> None:
    assert newest(incident(ASKED, MADE), NOW + FRESH) is None
    assert newest(incident(ASKED, MADE), NOW + FRESH - timedelta(seconds=1)) == MADE
    assert newest(incident(ASKED, MADE, WRONG), NOW) is None


def test_only_the_newest_counts_and_none_after_one_was_wrong() -> None:
    second = replace(ASKED, diagnosis_id=DiagnosisId("d2"))
    likely = replace(MADE, diagnosis_id=DiagnosisId("d2"), confidence="likely")
    assert newest(incident(ASKED, MADE, second, likely), NOW) is None
    certain = replace(likely, confidence="certain")
    assert newest(incident(ASKED, MADE, WRONG, second, certain), NOW) is None


def test_an_incident_that_had_a_run_is_over_or_is_only_words_begins_none() -> None:
    assert newest(incident(ASKED, MADE, RunStarted(at=NOW, run_id=RunId("r1"))), NOW) is None
    for known in (
        Facts(title="down", service="checkout", environment="prod", status="resolved"),
        Facts(title="down", service="checkout", environment="prod", from_text=True),
        Facts(title="down", service="checkout"),
    ):
        assert newest(incident(ASKED, MADE, facts=known), NOW) is None


def test_what_somebody_only_wanted_to_know_begins_nothing() -> None:
    for source in ("manual", "schedule"):
        assert newest(incident(ASKED, MADE, source=source), NOW) is None
