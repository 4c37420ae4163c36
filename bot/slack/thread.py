"""What an incident's thread says, as a pure function of what the journal holds.

    messages(incident, runs, tails, menu) -> [Message, …]        in the order they are to be posted

Nothing here knows what Slack has already. Delivery compares this list with what it sent and makes the difference up:
it posts keys it never sent, in this order, and updates live ones that changed. So a thread can be lost, late or half
delivered, and the same call says how to go on.

**Keys.** A key names one message for ever, so it is made of ids and stream versions alone, never of words or counts:

    incident                        the root (or first reply): the card with what is known; live as long as the incident
    linked:V, change:V              news from the sources, one line each
    pointer:V                       under a linked message of somebody else's: the way to this thread
    suggestion:ID, proposal:ID      a step to decide; live until it is spent, then what became of it
    whole:ID                        a file with all of a step that is too long for its message; stands before it
    dm:ID:U                         the same to one person who wants to be told directly
    reminder:ID[:N]                 half of the time has passed (again, after N escalations)
    dm:reminder:ID[:N]:U            the same to one person who has not approved yet
    escalated:ID:N                  nobody decided in time: whose turn it is
    not-told:V                      what was to be told the pager was refused there; once
    nothing:V, withdrawn:ID         no runbook fits, or nobody clicked; live with the menu while it is the last word
    run:RUN                         the card of a run: each step's state, the tail of the running one; live
    decision:RUN:V                  who decided what, with what right and why; also what ended without anybody
    said:RUN:V                      the words of a step that speaks in this thread
    outcome:RUN:V, file:RUN:DIGEST  what came of a step or an undo, and its files
    check:RUN:V                     a metric judged; live while a person has to say undo or keep
    unknown:ID, undo:RUN:STEP:V     questions only a person can answer; live until answered
    reminder:RUN:V, dm:RUN:V:U      such a question is still open; the same to one person
    report:RUN:V                    the run as a document, for whoever asked
    asked:V                         who wants to know what is wrong
    diagnosis:ID                    what was found; live until it is judged and nothing of it can be proposed
    diagnosis-file:ID               the whole report
    opinion:ID, opinion-file:ID     what a model says of it; live while a step that it names can be proposed
    judged:V                        who said that it was right or wrong
    end:RUN:V                       how it ended; live while it offers to undo what stands, or another runbook

A suggestion somebody clicked **is** the run's first proposal (same id, same digest), so that proposal has no message
of its own: the suggestion goes on to collect approvals where people are looking already.

**Live and frozen.** A live message may be drawn anew from the fold of now. A final one is drawn from what was true at
its event (and from what never changes after it), so drawing it again gives the same; and if a later version words it
differently, delivery leaves it as it was said. A message goes from live to final once: its last update takes the
buttons away. Mentions stand only where a person is needed now, so a thread that catches up late rings nobody for what
is decided: a reminder that is posted after the decision comes without them, and a direct message does not come at all.

**Order.** Streams are merged by time, each keeping its own order. An event that is older than its predecessor (a run's
first proposal carries the time of the suggestion it was) counts as its predecessor's time. At the same time the
incident speaks before its runs, and older runs before newer ones.

**What is volatile.** The tail of a running step (`tails`), the runbooks in the menu and the service's links come from
outside the journal. They are drawn only into live messages, so nothing that stays depends on them. There is no clock:
times are shown as moments, and Slack turns them into everybody's own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from bot.catalog.schema import Runbook
from bot.engine.ports import ClickRef, Tail
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisJudged, DiagnosisMade, OpinionGiven
from bot.intake.incident import (
    Incident,
    IncidentChanged,
    NothingSuggested,
    OriginLinked,
    PagerNotTold,
    RunbookSuggested,
    RunStarted,
    Suggestion,
    SuggestionEscalated,
    SuggestionReminded,
    SuggestionTaken,
    SuggestionWithdrawn,
    ThreadOpened,
)
from bot.runs.events import Event, ProposalId, RunId, StepKey
from bot.runs.state import Run, asked_with, next_level
from bot.slack import text
from bot.slack.diagnosis_thread import DiagnosisThread, can_be_asked
from bot.slack.direct_messages import decision_wanted
from bot.slack.message import Message, metadata_of
from bot.slack.run_thread import RunThread, asking, offer_messages
from bot.slack.views import fate, history
from bot.slack.views.drawn import Drawn
from bot.slack.views.incident import change_line, incident_card, linked_line, pointer_line
from bot.slack.views.menu import Menu, another_runbook, with_menu
from bot.slack.views.offer import Offer, planned

__all__ = ["Message", "messages"]

NO_LINKS: Mapping[str, str] = {}


def messages(
    incident: Incident,
    runs: Sequence[Run],
    tails: Mapping[RunId, Tail],
    menu: Menu,
    *,
    links: Mapping[str, str] = NO_LINKS,
    asks: bool = False,
) -> list[Message]:
    """Everything the thread shall show, in order; each key once.

    `links` are the service's, from the catalog. `asks`: it has the service looked into when somebody asks for it.
    """
    order = {run_id: place for place, run_id in enumerate(incident.run_ids)}
    sorted_runs = sorted(runs, key=lambda run: order.get(run.id, len(order)))
    talk = _Talk(incident=incident, runs={run.id: run for run in runs}, menu=menu, links=links, asks=asks)
    last = sorted_runs[-1] if sorted_runs else None
    streams = [_timed(0, incident.events, talk)]
    for place, run in enumerate(sorted_runs, start=1):
        is_last_word = run is last and not incident.is_resolved and incident.open_suggestion is None
        speaker = RunThread(
            run=run,
            incident=incident,
            tail=tails.get(run.id),
            menu=menu if is_last_word else (),
        )
        streams.append(_timed(place, run.events, speaker))
    found: dict[str, Message] = {}
    for _, _, _, said_then in merge(*streams, key=lambda one: one[:3]):
        for message in said_then:
            found.setdefault(message.key, message)
    return list(found.values())


_Timed = tuple[datetime, int, int, list[Message]]


def _timed(rank: int, events: Sequence[Event], speaker: _Talk | RunThread) -> Iterator[_Timed]:
    """A stream's messages with what they are merged by; time never goes back within a stream."""
    latest = events[0].at
    for version, event in enumerate(events, start=1):
        latest = max(latest, event.at)
        yield latest, rank, version, list(speaker.says(event, version))


@dataclass(frozen=True, kw_only=True)
class _Talk:
    """What the incident's own events say."""

    incident: Incident
    runs: Mapping[RunId, Run]
    menu: Menu
    links: Mapping[str, str]
    asks: bool

    def says(self, event: Event, version: int) -> Iterator[Message]:  # noqa: C901 - one arm per event
        """The messages that begin with this event."""
        if version == 1:
            asks = self.asks and can_be_asked(self.incident)
            card = incident_card(self.incident, links=self.links, asks=asks)
            yield self._message("incident", card, version, live=True, place=_root_place(self.incident))
        match event:
            case IncidentChanged():
                line = change_line(event)
                if line is not None:
                    yield self._message(f"change:{version}", line, version)
            case OriginLinked():
                yield from self._linked(event, version)
            case RunbookSuggested():
                yield from self._suggested(event, version)
            case NothingSuggested():
                yield self._nothing(event, version)
            case SuggestionEscalated():
                yield from self._escalated(event, version)
            case SuggestionReminded():
                yield from self._reminded(event, version)
            case PagerNotTold():
                yield self._message(f"not-told:{version}", history.pager_not_told(event.reason), version)
            case SuggestionWithdrawn():
                yield from self._withdrawn(event, version)
            case DiagnosisAsked() | DiagnosisMade() | DiagnosisJudged() | OpinionGiven():
                yield from DiagnosisThread(incident=self.incident).says(event, version)
            case _:
                return

    def _message(
        self, key: str, view: Drawn, version: int, *, live: bool = False, place: str = "thread"
    ) -> Message:
        return Message(
            key=key,
            place=place,
            text=view.text,
            blocks=view.blocks,
            live=live,
            metadata=metadata_of(key, incident_id=self.incident.incident_id, version=version),
        )

    def _linked(self, event: OriginLinked, version: int) -> Iterator[Message]:
        """News of a second source; under its message in Slack, where that is another, the way to this thread."""
        at = event.place
        if at is not None and (at.channel, at.thread_ts) == _thread_of(self.incident):
            return  # the very message this thread is under
        if at is None and event.origin.source == self.incident.opened.origin.source:
            return  # another name that the same source has for it
        yield self._message(f"linked:{version}", linked_line(event), version)
        if at is not None and at.thread_ts and self.incident.permalink:
            view = pointer_line(self.incident.permalink)
            place = f"under:{at.channel}:{at.thread_ts}"
            yield self._message(f"pointer:{version}", view, version, place=place)

    def _suggested(self, event: RunbookSuggested, version: int) -> Iterator[Message]:
        suggestion = self.incident.suggestion(event.suggestion_id)
        assert suggestion is not None
        run = self.runs.get(suggestion.run_id) if suggestion.run_id is not None else None
        one = _offer(self.incident, suggestion, run)
        found = run.proposal(event.suggestion_id) if run is not None else None
        is_live = suggestion.withdrawn is None and (
            run is None or found is None or (found[1].is_open and not run.is_finished)
        )
        metadata = {"incident_id": self.incident.incident_id, "version": version}
        yield from offer_messages(
            one, key=f"suggestion:{event.suggestion_id}", live=is_live, menu=self.menu, metadata=metadata
        )
        yield from decision_wanted(one, incident=self.incident, metadata=metadata)

    def _nothing(self, event: NothingSuggested, version: int) -> Message:
        is_live = self._is_last_word(version)
        blocks = another_runbook(
            self.menu if is_live else (),
            incident_id=self.incident.incident_id,
            place=f"nothing-{version}",
            candidates=event.others,
            placeholder="Choose a runbook",
        )
        words = f"*No next step to suggest:* {text.stopped(text.spoken(event.reason, 600))}"
        words += " Choose a runbook from the menu." if blocks else ""
        return self._message(f"nothing:{version}", with_menu(words, blocks), version, live=is_live)

    def _reminded(self, event: SuggestionReminded, version: int) -> Iterator[Message]:
        suggestion = self.incident.suggestion(event.suggestion_id)
        assert suggestion is not None
        one = _offer(self.incident, suggestion, None)
        level = self._level(event.suggestion_id, version)
        key = f"reminder:{event.suggestion_id}" + (f":{level}" if level else "")
        view = history.reminder(
            one.asked, what=asking(one), does=planned(one), until=one.expires_at, is_open=suggestion.is_open
        )
        yield self._message(key, view, version)
        metadata = {"incident_id": self.incident.incident_id, "version": version}
        yield from decision_wanted(one, incident=self.incident, metadata=metadata, reminder=key)

    def _escalated(self, event: SuggestionEscalated, version: int) -> Iterator[Message]:
        suggestion = self.incident.suggestion(event.suggestion_id)
        assert suggestion is not None
        what = asking(_offer(self.incident, suggestion, None))
        view = history.escalated(event.to, what=what, is_open=suggestion.is_open)
        key = f"escalated:{event.suggestion_id}:{self._level(event.suggestion_id, version)}"
        yield self._message(key, view, version)

    def _level(self, suggestion_id: ProposalId, version: int) -> int:
        """How many times it was escalated up to this version."""
        return sum(
            isinstance(one, SuggestionEscalated) and one.suggestion_id == suggestion_id
            for one in self.incident.events[:version]
        )

    def _withdrawn(self, event: SuggestionWithdrawn, version: int) -> Iterator[Message]:
        suggestion = self.incident.suggestion(event.suggestion_id)
        assert suggestion is not None
        what = asking(_offer(self.incident, suggestion, None))
        key = f"withdrawn:{event.suggestion_id}"
        match event.reason:
            case "resolved":
                yield self._message(key, history.called_off(what=what, detail=event.detail), version)
            case "expired":
                is_live = self._is_last_word(version)
                words = f"*Nobody decided in time:* {what} did not run. A timeout never approves."
                blocks = another_runbook(
                    self.menu if is_live else (),
                    incident_id=self.incident.incident_id,
                    place=f"withdrawn-{version}",
                    placeholder="Suggest a runbook again",
                )
                yield self._message(key, with_menu(words, blocks), version, live=is_live)
            case "replaced" | "drifted":
                # The suggestion or the refusal that follows says what is new; a second message would only repeat it.
                return

    def _is_last_word(self, version: int) -> bool:
        later = self.incident.events[version:]
        went_on = (RunbookSuggested, NothingSuggested, SuggestionTaken, RunStarted)
        return not self.incident.is_resolved and not any(isinstance(event, went_on) for event in later)


def _thread_of(incident: Incident) -> tuple[str, str]:
    """Channel and root of the thread, as far as it is known now."""
    return incident.place.channel, incident.place.thread_ts


def _root_place(incident: Incident) -> str:
    """`thread` where we answer under a message that was there first, else `channel`: the root is ours."""
    if incident.opened.place.thread_ts:
        return "thread"
    for event in incident.events:
        if isinstance(event, ThreadOpened):
            return "channel"
        if isinstance(event, OriginLinked) and event.place is not None and event.place.thread_ts:
            return "thread"
    return "channel"


def _offer(incident: Incident, suggestion: Suggestion, run: Run | None) -> Offer:
    made = suggestion.made
    runbook = Runbook.model_validate(made.runbook)
    found = run.proposal(made.suggestion_id) if run is not None else None
    proposal = found[1] if found is not None else None
    return Offer(
        ref=ClickRef(
            incident_id=incident.incident_id,
            proposal_id=made.suggestion_id,
            digest=made.digest,
            run_id=suggestion.run_id,
        ),
        runbook=runbook,
        step=StepKey(),
        plan=made.plan,
        digest=made.digest,
        asked=asked_with(made.asked, [one.to for one in suggestion.escalations])
        if proposal is None
        else proposal.asked,
        expires_at=suggestion.expires_at if proposal is None else proposal.expires_at,
        params=made.params,
        is_suggestion=suggestion.run_id is None,
        is_dry_run=runbook.dry_run,
        requester=made.requester,
        reason=made.reason,
        why=made.why,
        others=made.others,
        approved_by=tuple(one.actor for one in proposal.approvals) if proposal else (),
        skipped_by=tuple(one.actor for one in proposal.skips) if proposal else (),
        next_asked=next_level(
            made.asked, found[0].escalated if found else [one.to.entry for one in suggestion.escalations]
        ),
        became=fate.of_suggestion(suggestion, run),
    )
