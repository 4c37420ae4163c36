"""What an incident's diagnoses say in its thread: see `thread` for the keys, the order and what is live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.intake.diagnosed import DiagnosisAsked, DiagnosisEvent, DiagnosisJudged, DiagnosisMade, OpinionGiven
from bot.intake.incident import Incident, IncidentChanged, IncidentOpened
from bot.slack.message import Message, metadata_of
from bot.slack.views import diagnosis as views
from bot.slack.views import opinion as opinions
from bot.slack.views.drawn import Drawn


@dataclass(frozen=True, kw_only=True)
class DiagnosisThread:
    """Turns the diagnosis events of one incident into messages."""

    incident: Incident

    def says(self, event: DiagnosisEvent, version: int) -> Iterator[Message]:
        """The messages that begin with this event."""
        match event:
            case DiagnosisAsked():
                facts = self.incident.facts
                line = views.asked_line(event, service=facts.service or facts.service_text)
                if line is not None:
                    yield self._message(f"asked:{version}", line, version)
            case DiagnosisMade():
                yield from self._made(event, version)
            case DiagnosisJudged():
                one = self.incident.diagnosis(event.diagnosis_id)
                if one is not None and one.made is not None:
                    yield self._message(f"judged:{version}", views.judged_line(event, one.made), version)
            case OpinionGiven():
                yield from self._opined(event, version)

    def _made(self, event: DiagnosisMade, version: int) -> Iterator[Message]:
        one = self.incident.diagnosis(event.diagnosis_id)
        assert one is not None
        proposed = frozenset(
            step.runbook for step in event.steps if self.incident.was_proposed(step.runbook, since=event)
        )
        is_over = self.incident.is_resolved
        view = views.diagnosis(one, incident_id=self.incident.incident_id, proposed=proposed, is_over=is_over)
        can_propose = bool(views.proposable(one, proposed, is_over=is_over))
        live = one.can_be_judged or can_propose
        yield self._message(f"diagnosis:{event.diagnosis_id}", view, version, live=live)
        if event.report is not None:
            key = f"diagnosis-file:{event.diagnosis_id}"
            yield Message(
                key=key,
                place="thread",
                text=views.file_line(event),
                artifacts=(event.report,),
                metadata=metadata_of(key, incident_id=self.incident.incident_id, version=version),
            )

    def _opined(self, event: OpinionGiven, version: int) -> Iterator[Message]:
        one = self.incident.diagnosis(event.diagnosis_id)
        assert one is not None
        assert one.made is not None
        incident_id, is_over = self.incident.incident_id, self.incident.is_resolved
        proposed = frozenset(
            step.runbook for step in event.steps if self.incident.was_proposed(step.runbook, since=one.made)
        )
        step = opinions.proposable(event, one.made, proposed, is_over=is_over)
        view = opinions.opinion(event, incident_id=incident_id, proposed=proposed, step=step)
        yield self._message(f"opinion:{event.diagnosis_id}", view, version, live=bool(step))
        if event.report is not None:
            key = f"opinion-file:{event.diagnosis_id}"
            yield Message(
                key=key,
                place="thread",
                text=opinions.file_line(event),
                artifacts=(event.report,),
                metadata=metadata_of(key, incident_id=incident_id, version=version),
            )

    def _message(self, key: str, view: Drawn, version: int, *, live: bool = False) -> Message:
        return Message(
            key=key,
            place="thread",
            text=view.text,
            blocks=view.blocks,
            live=live,
            metadata=metadata_of(key, incident_id=self.incident.incident_id, version=version),
        )


def can_be_asked(incident: Incident) -> bool:
    """Whether nobody has asked since the news came, and there is still something to look into."""
    if incident.is_resolved:
        return False
    for event in reversed(incident.events):
        match event:
            case DiagnosisAsked():
                return False
            case IncidentChanged(kind="reopened") | IncidentOpened():
                return True
    return False
