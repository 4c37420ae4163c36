"""What a run asks of people beyond its proposals: did it happen, what about this undo, keep it or undo it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.engine.ports import ClickRef
from bot.runs.events import (
    Asked,
    CheckJudged,
    Event,
    QuestionReminded,
    StepKey,
    StepProbed,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UndoStarted,
)
from bot.runs.questions import open_questions
from bot.runs.state import Run
from bot.slack import text
from bot.slack.direct_messages import answer_wanted
from bot.slack.message import Message, metadata_of
from bot.slack.run_voice import RunVoice
from bot.slack.views import check as checks
from bot.slack.views import history, questions
from bot.slack.views.people import who
from bot.slack.views.run import step_title

DIGEST_SHOWN = 12


class RunQuestions(RunVoice):
    """Turns the events that ask people something into messages, and those that remind them of it."""

    def unknown(self, event: StepProbed, version: int) -> Message:
        """Did it happen?"""
        found = self.run.proposal(event.proposal_id)
        assert found is not None
        state, proposal = found
        settled = proposal.settled
        became = ""
        if settled is not None:
            became = f"*{who(settled.actor)}* said: {history.SETTLED_WORDS[settled.choice]}."
        elif self.run.is_finished:
            became = "*The run is over.*"
        ref = ClickRef(
            incident_id=self.run.incident_id,
            proposal_id=proposal.id,
            digest=proposal.made.digest,
            run_id=self.run.id,
        )
        view = questions.unknown(self.run, state, event, asked=proposal.asked, ref=ref, became=became)
        return self.message(f"unknown:{proposal.id}", view, version, live=not became)

    def check(self, event: CheckJudged, version: int) -> Iterator[Message]:
        """What a metric came to, its picture, and where it is not better: undo, or keep?"""
        one = self.run.checks[event.step]
        is_open = self.run.is_asked_about(one) and self.run.cancel is None
        became = ""
        if one.settled is not None:
            became = f"*{who(one.settled.actor)}* said: {history.CHECK_SETTLED_WORDS[one.settled.choice]}."
        elif self.run.cancel is not None and _asks(self.run, event):
            became = "*Called off:* the run was cancelled."
        asked = self._asked_about(event.step)
        view = checks.check(self.run, event, asked=asked, is_open=is_open, became=became)
        yield self.message(f"check:{self.run.id}:{version}", view, version, live=is_open)
        for ref in event.artifacts:
            file_key = f"file:{self.run.id}:{ref.digest[:DIGEST_SHOWN]}"
            yield Message(
                key=file_key,
                place="thread",
                text=checks.picture_of(self.run, event, ref),
                artifacts=(ref,),
                metadata=metadata_of(file_key, **self.metadata(version)),
            )

    def _asked_about(self, key: StepKey | None) -> Asked | None:
        """Those who were asked for the step that was checked, or for the last one that changed something."""
        states = [self.run.steps[key]] if key is not None else list(self.run.with_effect[:1])
        tried = states[0].effective if states else None
        return tried.asked if tried is not None else None

    def undo(self, event: UndoFinished | UndoBlocked, version: int, what: str) -> Message:
        """What about this undo?"""
        state = self.run.steps[event.step]
        tried = state.effective
        became = self._undo_answer(event.step, self.run.events[version:])
        view = questions.undo_question(
            self.run,
            state,
            what=what,
            asked=tried.asked if tried is not None else None,
            is_manual=state.undo is None or state.undo.kind != "step",
            became=became,
        )
        key = f"undo:{self.run.id}:{event.step}:{version}"
        return self.message(key, view, version, live=not became)

    def _undo_answer(self, step: StepKey, later: Sequence[Event]) -> str:
        """What a person said to it; "stop" closes it only until the run is over, then it can be taken up again."""
        for event in later:
            match event:
                case UndoSettled() if event.step == step and (
                    event.choice != "stop" or not self.run.is_finished
                ):
                    return f"*{who(event.actor)}* said: {history.UNDO_SETTLED_WORDS[event.choice]}."
                case UndoRequested() if event.step == step and event.actor is not None:
                    return f"*{who(event.actor)}* asked to undo it alone."
                case UndoStarted() if event.step == step:
                    return "*It is being tried again.*"
        return ""

    def reminded(self, event: QuestionReminded, version: int) -> Iterator[Message]:
        """The question is still open: in the thread, and to those who asked to be told directly."""
        asked = self._asked_in(event)
        is_open = any(
            (one.kind, one.step) == (event.question, event.step) for one in open_questions(self.run)
        )
        what = self._asking(event)
        view = history.question_reminder(asked, what=what, is_open=is_open)
        yield self.message(f"reminder:{self.run.id}:{version}", view, version)
        if asked is None or not is_open:
            return
        yield from answer_wanted(
            asked,
            incident=self.incident,
            key=f"dm:{self.run.id}:{version}",
            what=what,
            metadata=self.metadata(version),
        )

    def _asked_in(self, event: QuestionReminded) -> Asked | None:
        if event.question == "check":
            return self._asked_about(event.step)
        state = self.run.steps[event.step or StepKey()]
        tried = state.proposal if event.question == "unknown" else state.effective
        return tried.asked if tried is not None else None

    def _asking(self, event: QuestionReminded) -> str:
        """The question in a sentence."""
        name = text.value(self.run.runbook.name, 120)
        if event.question == "check":
            what = checks.checked(self.run, event.step)
            return f"undo what runbook {name} did, or keep it, after the check of {what}?"
        title = step_title(self.run, event.step or StepKey())
        title = f"{title[:1].lower()}{title[1:]} of runbook {name}"
        if event.question == "unknown":
            return f"did {title} happen? Its answer was lost."
        return f"the undo of {title} did not succeed; what becomes of it?"


def _asks(run: Run, event: CheckJudged) -> bool:
    """Whether this check put a question to people, whatever became of it."""
    return event.verdict == "inconclusive" or (
        event.verdict == "worse" and not run.runbook.rollback_on_failure
    )
