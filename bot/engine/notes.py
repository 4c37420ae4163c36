"""What PagerDuty is to be told of an incident, as a pure function of what the journal holds.

    notes(incident, runs) -> [Note, …]        in the order they are to be told

Like the thread it follows from events alone: nothing here knows what was told already. Keys are made of ids and
versions, so a note keeps its key for ever. These are told: that somebody is at it (`acknowledge`, with the
first approval since the incident opened or came back), what was found to be wrong, each decision and each end (`note`),
and that it is over (`resolve`), where the runbook says so and what it did was checked and came out better. Dry runs are
not spoken of.

An acknowledgment and a resolution are wishes about now, not records: they leave the list when they no longer hold
(another run is open, the incident is over), and `Pager` does not make up for them late.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.diagnosis.findings.classes import called
from bot.intake.diagnosed import DiagnosisMade
from bot.intake.foreign import line
from bot.intake.incident import Incident, IncidentChanged
from bot.intake.pagerduty import NOTE_MARK
from bot.runs.events import (
    Actor,
    CancelRequested,
    CheckSettled,
    Event,
    ParamsEdited,
    ProposalId,
    RunFinished,
    StepApproved,
    StepKey,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.state import Run

CONTENT_LIMIT = 2000
"""A note is read on a telephone; PagerDuty itself takes more."""
REASON_LIMIT = 500
QUOTE_LIMIT = 300
_SHOWN = 10

_CHOICES = {
    "done": "it is done",
    "again": "try again",
    "undo": "undo it",
    "stop": "stop here",
    "keep": "keep it",
    "leave": "leave it as it is",
}
_ENDS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "rejected": "ended: rejected",
    "expired": "ended: nobody decided in time",
    "cancelled": "was cancelled",
    "rolled_back": "was undone",
    "rollback_incomplete": "was undone in part only",
}


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing to tell, once. `by` is who it is told in the name of, None where nobody decided anything."""

    key: str
    kind: Literal["acknowledge", "note", "resolve"]
    at: datetime
    by: Actor | None
    text: str = ""
    is_aside: bool = False
    """Left out where nobody is known in whose name it could be told."""
    ref: str = ""
    """Stands in the note's text, so that it is found again where an answer was lost."""

    @property
    def content(self) -> str:
        """The note as it is written: marked as ours, with its reference."""
        room = CONTENT_LIMIT - len(NOTE_MARK) - len(self.ref) - 4
        return f"{NOTE_MARK} {line(self.text, limit=room)} ({self.ref})"


def notes(incident: Incident, runs: Sequence[Run]) -> list[Note]:
    """Everything PagerDuty is to be told, in order; each key once."""
    told: list[tuple[datetime, int, Note]] = []
    spoken_of = [run for run in runs if not run.opened.dry_run]
    for place, run in enumerate(spoken_of):
        latest = run.opened.at
        for note in _Teller(incident=incident, run=run).says():
            latest = max(latest, note.at)
            told.append((latest, place, note))
    told.sort(key=lambda one: one[:2])
    found = [note for _, _, note in told]
    asides = [(note.at, -1, note) for note in _diagnoses(incident)]
    everything = [note for _, _, note in sorted([*told, *asides], key=lambda one: one[:2])]
    return [*_acknowledgments(incident, found), *everything, *_resolution(spoken_of, found)]


def _diagnoses(incident: Incident) -> Iterator[Note]:
    """What was found to be wrong; the same found again is no news."""
    known = ("", "")
    for version, event in enumerate(incident.events, start=1):
        if not isinstance(event, DiagnosisMade) or not event.finding or (event.finding, event.title) == known:
            continue
        known = (event.finding, event.title)
        asked = incident.diagnosis(event.diagnosis_id)
        key = f"diagnosed:{version}"
        yield Note(
            key=key,
            kind="note",
            at=event.at,
            by=asked.asked.by if asked is not None else None,
            text=f"{event.at:%H:%M} UTC: {_diagnosed(incident, event)}",
            is_aside=True,
            ref=_ref(incident, key),
        )


def _diagnosed(incident: Incident, made: DiagnosisMade) -> str:
    """The most likely cause with the words that show it. They come from a cluster, so that no link is left in them."""
    said = [f"Diagnosis of {line(made.subject)}, {made.confidence}: {_unlinked(made.title)}."]
    if made.quote:
        said.append(f"“{_unlinked(made.quote)}” (from {line(made.evidence_id)}).")
    if made.others:
        said.append(f"Also seen: {', '.join(line(called(kind)) for kind in made.others[:_SHOWN])}.")
    if incident.permalink:
        said.append(f"The report is in the thread: {incident.permalink}")
    return " ".join(said)


def _unlinked(words: str) -> str:
    return line(words, limit=QUOTE_LIMIT).replace("://", ": //").rstrip(".")


def _ref(incident: Incident, key: str) -> str:
    return hashlib.sha256(f"{incident.incident_id} {key}".encode()).hexdigest()[:12]


def _acknowledgments(incident: Incident, found: Sequence[Note]) -> Iterator[Note]:
    """With the first approval since it opened or came back, as long as it is not over."""
    since, version = incident.opened.at, 1
    for number, event in enumerate(incident.events, start=1):
        if isinstance(event, IncidentChanged) and event.kind in ("reopened", "unacknowledged"):
            since, version = event.at, number
    first = next((one for one in found if one.key.startswith("approved:") and one.at >= since), None)
    if first is not None and not incident.is_resolved:
        yield Note(key=f"acknowledge:{version}", kind="acknowledge", at=first.at, by=first.by)


def _resolution(runs: Sequence[Run], found: Sequence[Note]) -> Iterator[Note]:
    if not runs or any(not run.is_finished for run in runs):
        return
    run = runs[-1]
    checks = [one.judged.verdict for one in run.checks.values()]
    is_proven = bool(checks) and all(verdict == "better" for verdict in checks)
    if run.runbook.pagerduty_resolve and run.status == "succeeded" and run.with_effect and is_proven:
        version = max(
            number for number, event in enumerate(run.events, start=1) if isinstance(event, RunFinished)
        )
        yield Note(
            key=f"resolve:{run.id}:{version}",
            kind="resolve",
            at=run.events[version - 1].at,
            by=found[-1].by if found else None,
        )


@dataclass(kw_only=True)
class _Teller:
    """Turns the events of one run into notes."""

    incident: Incident
    run: Run
    last_actor: Actor | None = None

    def says(self) -> Iterator[Note]:
        """One note per decision and end."""
        for version, event in enumerate(self.run.events, start=1):
            words = self._words(event)
            if not words:
                continue
            actor: Actor | None = getattr(event, "actor", None)
            self.last_actor = actor or self.last_actor
            name = "approved" if isinstance(event, StepApproved | StepOverridden) else "said"
            key = f"{name}:{self.run.id}:{version}"
            yield Note(
                key=key,
                kind="note",
                at=event.at,
                by=self.last_actor,
                text=f"{event.at:%H:%M} UTC: {words}",
                ref=_ref(self.incident, key),
            )

    def _words(self, event: Event) -> str:  # noqa: C901 - one arm per event
        match event:
            case StepApproved():
                return f"{_who(event.actor)} approved {self._step_of(event.proposal_id)}."
            case StepOverridden():
                step = self._step_of(event.proposal_id)
                return (
                    f"OVERRIDE: {_who(event.actor)} ran {step} without its approvers.{_because(event.reason)}"
                )
            case StepRejected():
                step = self._step_of(event.proposal_id)
                return f"{_who(event.actor)} rejected {step}.{_because(event.reason)}"
            case StepSkipped():
                step = self._step_of(event.proposal_id)
                return f"{_who(event.actor)} wants to go on without {step}.{_because(event.reason)}"
            case ParamsEdited():
                return f"{_who(event.actor)} changed {self._name}: {_edits(event)}."
            case UnknownSettled():
                step = self._step(event.step)
                return (
                    f"{_who(event.actor)} said of {step}, whose outcome was not known: "
                    f"{_CHOICES[event.choice]}.{_because(event.reason)}"
                )
            case UndoRequested() if event.actor is not None:
                what = self._step(event.step) if event.step is not None else f"what {self._name} did"
                return f"{_who(event.actor)} asked to undo {what}.{_because(event.reason)}"
            case UndoRequested():
                return f"What {self._name} did is undone by itself, as it says.{_because(event.reason)}"
            case UndoSettled():
                step = self._step(event.step)
                return (
                    f"{_who(event.actor)} said of the undo of {step}: "
                    f"{_CHOICES[event.choice]}.{_because(event.reason)}"
                )
            case CheckSettled():
                return (
                    f"{_who(event.actor)} decided after a check of {self._name}: "
                    f"{_CHOICES[event.choice]}.{_because(event.reason)}"
                )
            case CancelRequested():
                return f"{_who(event.actor)} cancelled {self._name}.{_because(event.reason)}"
            case RunFinished():
                return self._end(event)
            case _:
                return ""

    @property
    def _name(self) -> str:
        return f"runbook {line(self.run.runbook.name)}"

    def _step_of(self, proposal_id: ProposalId) -> str:
        found = self.run.proposal(proposal_id)
        return self._step(found[0].key) if found else f"a step of {self._name}"

    def _step(self, key: StepKey) -> str:
        steps = self.run.runbook.steps if key.phase == "steps" else self.run.runbook.on_reject
        phase = "" if key.phase == "steps" else "follow-up "
        return (
            f"{phase}step {key.index + 1} of {len(steps)} ({line(steps[key.index].name)}) of {self._name}"
            f"{self._place}"
        )

    @property
    def _place(self) -> str:
        return f" in {line(self.run.environment)}" if self.run.environment else ""

    def _end(self, event: RunFinished) -> str:
        said = [f"{self._name}{self._place} {_ENDS[event.status]}.{_because(event.reason)}"]
        judged = [one.judged for one in self.run.checks.values() if one.judged.at <= event.at]
        said += [f"Check: {line(one.sentence, limit=REASON_LIMIT).rstrip('.')}." for one in judged[:_SHOWN]]
        if event.status != "succeeded" and event.left:
            said.append(f"What still stands: {', '.join(map(line, event.left[:_SHOWN]))}.")
        if self.incident.permalink:
            said.append(f"Thread: {self.incident.permalink}")
        words = " ".join(said)
        return words[0].upper() + words[1:]


def _who(actor: Actor) -> str:
    return line(actor.called)


def _because(reason: str) -> str:
    return f" Reason: {line(reason, limit=REASON_LIMIT).rstrip('.')}." if reason.strip() else ""


def _edits(event: ParamsEdited) -> str:
    names = [
        name
        for name in sorted({*event.before, *event.after})
        if event.before.get(name) != event.after.get(name)
    ]
    shown = [
        f"{line(name)} {_given(event.before.get(name))} → {_given(event.after.get(name))}"
        for name in names[:_SHOWN]
    ]
    return "; ".join(shown) or "nothing"


def _given(value: object) -> str:
    return "not set" if value is None else line(str(value), limit=100)
