"""What one run says in its incident's thread: see `thread` for the keys, the order and what is live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.actions.base import INCIDENT_THREAD
from bot.engine.ports import ClickRef, Tail
from bot.engine.records import trigger_of
from bot.runs.events import (
    ApprovalEscalated,
    ApprovalReminded,
    ApprovalVoided,
    Asked,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Event,
    ParamsEdited,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    QuestionReminded,
    ReportRequested,
    RunFinished,
    RunOpened,
    StepApproved,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepProbed,
    StepProposed,
    StepRejected,
    StepSkipped,
    UndoBlocked,
    UndoFinished,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.plan import Artifact
from bot.runs.record import record_of
from bot.runs.report import report
from bot.runs.state import Proposal, Run, StepState, next_level
from bot.slack import text
from bot.slack.direct_messages import decision_wanted
from bot.slack.message import Message, metadata_of
from bot.slack.run_questions import DIGEST_SHOWN, RunQuestions
from bot.slack.run_voice import RunVoice
from bot.slack.views import check, fate, history
from bot.slack.views.menu import Menu
from bot.slack.views.offer import Offer, asked_for, needs_file, offer, planned, whole, whole_text
from bot.slack.views.people import who
from bot.slack.views.run import run_card, step_title
from bot.slack.views.run_end import end


def offer_messages(
    one: Offer, *, key: str, live: bool, menu: Menu, metadata: Mapping[str, Any]
) -> Iterator[Message]:
    """The offer, and before it the file with all of it where the message alone is too small.

    The file stands first because a button must not be there before what it approves can be read.
    """
    if not one.asked.unattended and needs_file(one):
        file_key = f"whole:{one.ref.proposal_id}"
        yield Message(
            key=file_key,
            place="thread",
            text=whole_text(one),
            files=(whole(one),),
            metadata=metadata_of(file_key, **metadata),
        )
    view = offer(one, menu=menu)
    yield Message(
        key=key,
        place="thread",
        text=view.text,
        blocks=view.blocks,
        live=live,
        metadata=metadata_of(key, **metadata),
    )


def asking(one: Offer) -> str:
    """`step 2 of 3 (scale) of runbook scale-out`, for the middle of a sentence."""
    return asked_for(one)


def offer_of(run: Run, state: StepState, proposal: Proposal) -> Offer:
    """A proposal of a run as it stands, with what its buttons carry."""
    made = proposal.made
    return Offer(
        ref=ClickRef(
            incident_id=run.incident_id,
            proposal_id=made.proposal_id,
            digest=made.digest,
            run_id=run.id,
        ),
        runbook=run.runbook,
        step=state.key,
        plan=made.plan,
        digest=made.digest,
        asked=proposal.asked,
        expires_at=proposal.expires_at,
        params=run.params,
        is_dry_run=run.opened.dry_run,
        requester=run.requester,
        reason=made.reason,
        approved_by=tuple(one.actor for one in proposal.approvals),
        skipped_by=tuple(one.actor for one in proposal.skips),
        next_asked=next_level(made.asked, state.escalated),
        became=fate.of_proposal(run, proposal),
    )


@dataclass(frozen=True, kw_only=True)
class RunThread(RunVoice):
    """Turns the events of one run into messages, each drawn from the fold of now."""

    tail: Tail | None
    menu: Menu
    """Empty unless the end of this run is the last word in the thread."""

    def says(self, event: Event, version: int) -> Iterator[Message]:  # noqa: C901 - one arm per event
        """The messages that begin with this event."""
        match event:
            case RunOpened():
                yield self._card(version)
            case StepProposed():
                yield from self._proposed(event, version)
            case ApprovalReminded():
                yield from self._reminded(event, version)
            case ApprovalEscalated():
                yield from self._escalated(event, version)
            case StepOverridden():
                yield self._overridden(event, version)
            case QuestionReminded():
                yield from self._questions.reminded(event, version)
            case StepApproved():
                yield self._approved(event, version)
            case StepSkipped():
                yield self._skipped(event, version)
            case StepRejected() | ParamsEdited() | ProposalVoided() | ProposalExpired():
                yield self._decided(event, version, self._step_of(event.proposal_id))
            case ApprovalVoided() | UnknownSettled():
                yield self._decided(event, version, self._step_of(event.proposal_id))
            case UndoSettled():
                yield self._decided(event, version, self._step(event.step))
            case CheckJudged():
                yield from self._questions.check(event, version)
            case CheckSettled():
                view = history.decision(event, step=check.checked(self.run, event.step))
                yield self.message(f"decision:{self.run.id}:{version}", view, version)
            case CancelRequested():
                yield self._decided(event, version, "")
            case UndoRequested():
                yield from self._undo_requested(event, version)
            case StepNotPlanned():
                view = history.not_planned(event.message, title=step_title(self.run, event.step))
                yield self.message(f"outcome:{self.run.id}:{version}", view, version)
            case StepFinished() | UndoFinished():
                yield from self._finished(event, version)
            case StepProbed():
                yield self._questions.unknown(event, version)
            case UndoBlocked():
                yield self._questions.undo(event, version, event.reason)
            case RunFinished():
                yield self._end(event, version)
            case ReportRequested():
                yield self._report(event, version)
            case _:
                return

    @property
    def _questions(self) -> RunQuestions:
        return RunQuestions(run=self.run, incident=self.incident)

    def _step_of(self, proposal_id: ProposalId) -> str:
        """The step of a proposal, for the middle of a sentence, with the part of it that was proposed."""
        found = self.run.proposal(proposal_id)
        assert found is not None
        return _inside(step_title(self.run, found[0].key, of=found[1]))

    def _step(self, key: StepKey) -> str:
        return _inside(step_title(self.run, key))

    # ------------------------------------------------------------ cards and proposals

    def _card(self, version: int) -> Message:
        is_over = self.run.is_finished and not self.run.with_effect
        return self.message(f"run:{self.run.id}", run_card(self.run, self.tail), version, live=not is_over)

    def _proposed(self, event: StepProposed, version: int) -> Iterator[Message]:
        if self.incident.suggestion(event.proposal_id) is not None:
            return
        found = self.run.proposal(event.proposal_id)
        assert found is not None
        state, proposal = found
        if _speaks_by_itself(proposal) and not self.run.opened.dry_run:
            return  # its own message says it, and its outcome that it came by itself
        one = offer_of(self.run, state, proposal)
        # An announcement is said once; what it became is told by its outcome.
        live = proposal.is_open and not self.run.is_finished and not event.asked.unattended
        metadata = self.metadata(version)
        yield from offer_messages(
            one, key=f"proposal:{event.proposal_id}", live=live, menu=(), metadata=metadata
        )
        yield from decision_wanted(one, incident=self.incident, metadata=metadata)

    def _reminded(self, event: ApprovalReminded, version: int) -> Iterator[Message]:
        found = self.run.proposal(event.proposal_id)
        assert found is not None
        one = offer_of(self.run, *found)
        level = self._level(event.proposal_id, version)
        key = f"reminder:{event.proposal_id}" + (f":{level}" if level else "")
        view = history.reminder(
            one.asked,
            what=asking(one),
            does=planned(one),
            until=one.expires_at,
            is_open=one.is_open,
            approved=len(self._standing(event.proposal_id, version)),
            without=[actor.id for actor in one.approved_by],
        )
        yield self.message(key, view, version)
        yield from decision_wanted(one, incident=self.incident, metadata=self.metadata(version), reminder=key)

    def _level(self, proposal_id: ProposalId, version: int) -> int:
        """How many times it was escalated up to this version."""
        return sum(
            isinstance(one, ApprovalEscalated) and one.proposal_id == proposal_id
            for one in self.run.events[:version]
        )

    def _escalated(self, event: ApprovalEscalated, version: int) -> Iterator[Message]:
        """Whose turn it is; that of a suggestion stands in the incident's own events already."""
        suggestion = self.incident.suggestion(event.proposal_id)
        if suggestion is not None and any(one.at == event.at for one in suggestion.escalations):
            return
        found = self.run.proposal(event.proposal_id)
        assert found is not None
        one = offer_of(self.run, *found)
        view = history.escalated(event.to, what=asking(one), is_open=one.is_open)
        key = f"escalated:{event.proposal_id}:{self._level(event.proposal_id, version)}"
        yield self.message(key, view, version)
        if suggestion is not None:  # its own message was the suggestion's, and so was whom it told directly
            metadata = self.metadata(version)
            yield from decision_wanted(one, incident=self.incident, metadata=metadata)

    # ------------------------------------------------------------ decisions

    def _approved(self, event: StepApproved, version: int) -> Message:
        view = history.approved(
            event,
            step=self._step_of(event.proposal_id),
            people=len(self._standing(event.proposal_id, version)),
            asked=self._asked(event.proposal_id),
        )
        return self.message(f"decision:{self.run.id}:{version}", view, version)

    def _overridden(self, event: StepOverridden, version: int) -> Message:
        view = history.overridden(
            event,
            step=self._step_of(event.proposal_id),
            asked=self._asked(event.proposal_id),
        )
        return self.message(f"decision:{self.run.id}:{version}", view, version)

    def _skipped(self, event: StepSkipped, version: int) -> Message:
        people = {
            one.actor.person
            for one in self.run.events[:version]
            if isinstance(one, StepSkipped) and one.proposal_id == event.proposal_id
        }
        view = history.skipped(
            event,
            step=self._step_of(event.proposal_id),
            people=len(people),
            asked=self._asked(event.proposal_id),
        )
        return self.message(f"decision:{self.run.id}:{version}", view, version)

    def _standing(self, proposal_id: ProposalId, version: int) -> set[str]:
        """The people whose approvals counted after this version."""
        people: set[str] = set()
        for event in self.run.events[:version]:
            match event:
                case StepApproved() if event.proposal_id == proposal_id:
                    people.add(event.actor.person)
                case ApprovalVoided() if event.proposal_id == proposal_id:
                    people.discard(event.person)
        return people

    def _asked(self, proposal_id: ProposalId) -> Asked:
        found = self.run.proposal(proposal_id)
        assert found is not None
        return found[1].asked

    def _decided(self, event: history.Decision, version: int, step: str) -> Message:
        view = history.decision(event, step=step)
        return self.message(f"decision:{self.run.id}:{version}", view, version)

    def _undo_requested(self, event: UndoRequested, version: int) -> Iterator[Message]:
        if history.is_told(self.run.events, version - 1):
            return
        yield self._decided(event, version, self._step(event.step) if event.step is not None else "")

    # ------------------------------------------------------------ outcomes

    def _finished(self, event: StepFinished | UndoFinished, version: int) -> Iterator[Message]:
        if isinstance(event, UndoFinished):
            title = f"Undo of {self._step(event.step)}"
        else:
            title = text.capital(self._step_of(event.proposal_id))
            yield from self._said(event, version)
        key = f"outcome:{self.run.id}:{version}"
        is_by_itself = isinstance(event, StepFinished) and self._spoke_by_itself(event)
        is_dry = self.run.opened.dry_run
        view = history.outcome(event.result, title=title, is_by_itself=is_by_itself, is_dry_run=is_dry)
        yield self.message(key, view, version)
        for ref in event.result.artifacts:
            if not ref.is_shown:
                continue
            file_key = f"file:{self.run.id}:{ref.digest[:DIGEST_SHOWN]}"
            yield Message(
                key=file_key,
                place="thread",
                text=history.file_of(ref, title=title),
                artifacts=(ref,),
                metadata=metadata_of(file_key, **self.metadata(version)),
            )
        if isinstance(event, UndoFinished) and event.result.verdict != "succeeded":
            yield self._questions.undo(event, version, event.result.summary)

    def _said(self, event: StepFinished, version: int) -> Iterator[Message]:
        """The words of a step that speaks in this thread: saying them is what it does."""
        found = self.run.proposal(event.proposal_id)
        started = found[1].started if found is not None else None
        if started is None or event.result.verdict != "succeeded" or self.run.opened.dry_run:
            return
        thread = str(started.plan.guarded.get("thread_ts", ""))
        if started.plan.type != "slack" or not thread.startswith(INCIDENT_THREAD):
            return
        key = f"said:{self.run.id}:{version}"
        words = str(started.plan.input.get("message", ""))
        yield Message(
            key=key, place="thread", text=words, metadata=metadata_of(key, **self.metadata(version))
        )

    def _spoke_by_itself(self, event: StepFinished) -> bool:
        found = self.run.proposal(event.proposal_id)
        return found is not None and _speaks_by_itself(found[1]) and not self.run.opened.dry_run

    def _report(self, event: ReportRequested, version: int) -> Message:
        """The run as a document, as it was when it was asked for, however late that is delivered."""
        key = f"report:{self.run.id}:{version}"
        then = fold(self.run.events[:version])
        document = report(record_of(then, trigger=trigger_of(self.incident, then)))
        name = f"{text.short_id(self.run.id)}-{then.opened.at:%Y-%m-%d}.md"
        return Message(
            key=key,
            place="thread",
            text=f"The run of {text.value(self.run.runbook.name, 120)} as a document, for {who(event.actor)}.",
            files=(Artifact(name=f"run-{name}", media_type="text/markdown", body=document.encode()),),
            metadata=metadata_of(key, **self.metadata(version)),
        )

    def _end(self, event: RunFinished, version: int) -> Message:
        is_last = self.run.finished is not None and version == self._last_finish()
        view = end(self.run, event, version=version, is_last=is_last, menu=self.menu)
        may_change = is_last and bool(self.run.with_effect or self.menu or event.status != "succeeded")
        return self.message(f"end:{self.run.id}:{version}", view, version, live=may_change)

    def _last_finish(self) -> int:
        return max(
            version
            for version, event in enumerate(self.run.events, start=1)
            if isinstance(event, RunFinished)
        )


def _inside(title: str) -> str:
    """A title in the middle of a sentence."""
    return title[:1].lower() + title[1:]


def _speaks_by_itself(proposal: Proposal) -> bool:
    """Whether the step is an unattended message: announcing its words before they are said would say them twice."""
    made = proposal.made
    return made.asked.unattended and made.plan.type == "slack" and not made.plan.changes
