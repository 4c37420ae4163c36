"""What PagerDuty is told follows from the journal alone: which words, in whose name, under which keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from bot.engine.notes import _CHOICES, _ENDS, CONTENT_LIMIT, Note, notes
from bot.intake import incident as incidents
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisMade
from bot.intake.incident import Facts, Incident, IncidentChanged, IncidentOpened, Origin, Place, ThreadOpened
from bot.intake.pagerduty import NOTE_MARK
from bot.runs import events as run_events
from bot.runs.events import (
    BaselineTaken,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Event,
    IncidentId,
    Measured,
    ParamsEdited,
    Permission,
    ProposalId,
    RunFinished,
    RunId,
    StepKey,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.state import Run
from tests.core.given import ALICE, BOB, NOW, approved, opened, proposed, ran, runbook, started

VIA = Permission(via="U0ALICE")
FIRST = StepKey()
BOOK = runbook("a", "b")


def incident(*events: Event, status: Any = "triggered") -> Incident:
    begins = IncidentOpened(
        at=NOW,
        incident_id=IncidentId("i1"),
        origin=Origin(key="pagerduty:QPAGE00001", source="pagerduty"),
        facts=Facts(title="dial stuck", status=status),
        place=Place(channel="C0INC"),
    )
    return incidents.fold([begins, *events])


def run(*events: Event, **more: Any) -> Run:
    return fold([opened(more.pop("book", BOOK), **more), *events])


ASKED = DiagnosisAsked(at=NOW, diagnosis_id=DiagnosisId("d1"), cause="policy")
MADE = DiagnosisMade(
    at=NOW + timedelta(seconds=3),
    diagnosis_id=DiagnosisId("d1"),
    subject="deployment shop/checkout",
    sentence="container app ran out of memory",
    finding="oom-killed",
    title="container app of pod checkout-1 ran out of memory",
    confidence="certain",
    quote="OOMKilled\nsee https://evil.example/\u202e and tell\u200b nobody",
    evidence_id="pod/checkout-1",
    others=("crash-loop",),
)


def test_what_is_wrong_is_noted_with_its_words_on_one_line_and_without_a_link() -> None:
    opened_at = ThreadOpened(at=NOW, channel="C0INC", ts="1.1", permalink="https://acme.slack.example/p1")
    (note,) = notes(incident(opened_at, ASKED, MADE), [])
    assert note.kind == "note"
    assert note.by is None
    assert note.text == (
        "02:00 UTC: Diagnosis of deployment shop/checkout, certain: container app of pod checkout-1 ran out of memory. "
        "“OOMKilled see https: //evil.example/ and tell nobody” (from pod/checkout-1). "
        "Also seen: a container keeps crashing. "
        "The report is in the thread: https://acme.slack.example/p1"
    )
    assert note.content.startswith(NOTE_MARK)


def test_a_diagnosis_acknowledges_nothing_and_the_same_found_again_is_no_news() -> None:
    again = replace(MADE, diagnosis_id=DiagnosisId("d2"))
    other = replace(again, diagnosis_id=DiagnosisId("d3"), finding="healthy", title="it is healthy", quote="")
    found = notes(incident(ASKED, MADE, again, other), [])
    assert [(one.kind, one.key) for one in found] == [("note", "diagnosed:3"), ("note", "diagnosed:5")]


def test_what_could_not_be_told_is_not_noted() -> None:
    unread = replace(MADE, finding="", title="", confidence="", quote="")
    assert notes(incident(ASKED, unread), []) == []


def words(*events: Event, **more: Any) -> list[str]:
    """What is noted of one run, without its time."""
    found = notes(incident(), [run(*events, **more)])
    return [note.text.removeprefix("02:00 UTC: ") for note in found if note.kind == "note"]


STEP = "step 1 of 2 (a) of runbook turn in staging"
ON_THE_WAY = (proposed(), approved(), started())


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            StepRejected(
                at=NOW, proposal_id=ProposalId("p1"), actor=BOB.actor, permission=VIA, reason="no.\nNot now"
            ),
            f"bob rejected {STEP}. Reason: no. Not now.",
        ),
        (
            StepSkipped(at=NOW, proposal_id=ProposalId("p1"), actor=BOB.actor, permission=VIA),
            f"bob wants to go on without {STEP}.",
        ),
        (
            StepOverridden(
                at=NOW,
                proposal_id=ProposalId("p1"),
                digest=proposed().digest,
                actor=BOB.actor,
                permission=VIA,
                reason="nobody is awake",
            ),
            f"OVERRIDE: bob ran {STEP} without its approvers. Reason: nobody is awake.",
        ),
        (
            ParamsEdited(
                at=NOW,
                proposal_id=ProposalId("p1"),
                actor=BOB.actor,
                permission=VIA,
                before={"replicas": 3, "same": 1},
                after={"replicas": 5, "same": 1, "new": None},
            ),
            "bob changed runbook turn: replicas 3 → 5.",
        ),
        (
            CancelRequested(at=NOW, actor=BOB.actor, permission=VIA, reason="wrong service"),
            "bob cancelled runbook turn. Reason: wrong service.",
        ),
        (
            UndoRequested(at=NOW, reason="it got worse", actor=BOB.actor, permission=VIA, step=FIRST),
            f"bob asked to undo {STEP}. Reason: it got worse.",
        ),
        (
            UndoRequested(at=NOW, reason="it got worse", actor=BOB.actor, permission=VIA),
            "bob asked to undo what runbook turn did. Reason: it got worse.",
        ),
        (
            UndoRequested(at=NOW, reason="step a failed"),
            "What runbook turn did is undone by itself, as it says. Reason: step a failed.",
        ),
    ],
)
def test_each_decision_has_its_words(event: Event, said: str) -> None:
    before = () if isinstance(event, UndoRequested) else (proposed(),)
    before = ran("p1", 0, "a") if isinstance(event, UndoRequested) else before
    found = words(*before, event, environment="staging")
    assert found[-1] == said


def test_an_unknown_outcome_that_was_settled_is_noted() -> None:
    settled = UnknownSettled(
        at=NOW, proposal_id=ProposalId("p1"), step=FIRST, choice="done", actor=ALICE.actor, permission=VIA
    )
    *_, said = words(*ran("p1", 0, "a", "unknown", "unknown"), settled, environment="staging")
    assert said == f"alice said of {STEP}, whose outcome was not known: it is done."


def test_the_end_says_what_stands_what_was_checked_and_where_to_read_on() -> None:
    finished = RunFinished(at=NOW, status="failed", reason="step b failed", left=("a",))
    judged = CheckJudged(
        at=NOW,
        verdict="worse",
        sentence="errors is worse: 1 before, 9 after.",
        series=Measured(metric="errors"),
    )
    baseline = BaselineTaken(at=NOW, series=())
    one = run(baseline, *ran("p1", 0, "a"), judged, finished)
    thread = ThreadOpened(at=NOW, channel="C0INC", ts="1.0", permalink="https://acme.slack.example/1")
    *_, end = notes(incident(thread), [one])
    assert end.text == (
        "02:00 UTC: Runbook turn in staging failed. Reason: step b failed. Check: errors is worse: 1 before, 9 after. "
        "What still stands: a. Thread: https://acme.slack.example/1"
    )
    assert end.by == ALICE.actor, "in the name of who decided last"


def test_every_choice_and_every_end_has_its_words() -> None:
    choices = {
        *get_args(run_events.Choice),
        *get_args(run_events.CheckChoice),
        *get_args(run_events.UndoChoice),
    }
    assert choices <= _CHOICES.keys()
    assert set(get_args(run_events.FinalStatus)) == _ENDS.keys()
    assert {UndoSettled, CheckSettled} <= set(run_events.EVENTS.values())


def test_keys_and_references_stay_whatever_comes_after() -> None:
    before = notes(incident(), [run(*ran("p1", 0, "a"))])
    after = notes(incident(), [run(*ran("p1", 0, "a"), *ran("p2", 1, "b"))])
    assert after[: len(before)] == before
    assert len({note.key for note in after}) == len(after)
    assert len({note.ref for note in after if note.kind == "note"}) == 2


def test_dry_runs_and_incidents_without_runs_are_not_spoken_of() -> None:
    assert notes(incident(), []) == []
    assert notes(incident(), [run(*ran("p1", 0, "a"), dry_run=True)]) == []


def acknowledged(found: list[Note]) -> list[tuple[str, str]]:
    return [(note.key, note.by.name if note.by else "") for note in found if note.kind == "acknowledge"]


def test_the_first_approval_acknowledges_and_again_after_the_incident_came_back() -> None:
    first, second = approved(ALICE), approved(BOB)
    once = run(proposed(), first)
    assert acknowledged(notes(incident(), [once])) == [("acknowledge:1", "alice")]
    later = NOW + timedelta(minutes=5)
    back = IncidentChanged(at=later, kind="unacknowledged", facts=Facts(title="dial stuck"))
    assert acknowledged(notes(incident(back), [once])) == []
    again = replace(second, at=later + timedelta(minutes=1))
    assert acknowledged(notes(incident(back), [run(proposed(), first, again)])) == [("acknowledge:2", "bob")]


def test_an_incident_that_is_over_is_not_acknowledged() -> None:
    over = IncidentChanged(at=NOW, kind="resolved", facts=Facts(title="dial stuck", status="resolved"))
    assert acknowledged(notes(incident(over), [run(proposed(), approved())])) == []


def resolved(*verdicts: str, status: Any = "succeeded", resolve: bool = True, open_too: bool = False) -> bool:
    book = runbook("a", "b", pagerduty_resolve=resolve)
    judged = [
        CheckJudged(
            at=NOW,
            step=StepKey(index=index),
            verdict=verdict,  # type: ignore[arg-type]
            sentence=verdict,
            series=Measured(metric="errors"),
        )
        for index, verdict in enumerate(verdicts)
    ]
    one = run(*ran("p1", 0, "a"), *judged, RunFinished(at=NOW, status=status), book=book)
    others = (
        [replace(run(proposed("p9")), opened=replace(opened(book), run_id=RunId("r2")))] if open_too else []
    )
    return any(note.kind == "resolve" for note in notes(incident(), [one, *others]))


def test_only_a_run_whose_every_check_was_better_resolves() -> None:
    assert resolved("better")
    assert resolved("better", "better")
    assert not resolved()
    assert not resolved("better", "inconclusive")
    assert not resolved("worse")
    assert not resolved("better", resolve=False)
    assert not resolved("better", status="failed")
    assert not resolved("better", open_too=True), "somebody is at it again"


def test_a_note_is_cut_and_keeps_its_mark_and_reference() -> None:
    long = RunFinished(at=NOW, status="failed", reason="x" * 400, left=tuple("y" * 300 for _ in range(30)))
    *_, end = notes(incident(), [run(*ran("p1", 0, "a"), long)])
    assert len(end.content) <= CONTENT_LIMIT
    assert end.content.startswith("[runbook-bot] ")
    assert end.content.endswith(f"({end.ref})")
