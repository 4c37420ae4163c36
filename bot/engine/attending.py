"""An incident's own needs: a suggestion when it opens, reminder, escalation and expiry of it, and its end.

`next_for` is pure; `Attendant` performs it. Suggestions hold nothing, so nothing here takes a slot or a lock.
What opened it says when it is over. A start by hand, a schedule or an anomaly never will, and a deployment only if it
is tried again: such an incident is closed after a quiet day, or the list of what is open would only ever grow. As long
as it is open, people are reminded of what the walk back of a run left to them: the run is over then and nobody drives
it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import uuid4

from bot.catalog.params import parse_params
from bot.catalog.schema import Catalog, Runbook
from bot.engine.admission import Admission
from bot.engine.clock import Clock
from bot.engine.escalating import next_asked
from bot.engine.ledger import Change, Ledger
from bot.engine.opening import from_suggestion, opened, opened_from
from bot.engine.suggesting import Suggester
from bot.intake.diagnosed import DiagnosisAsked
from bot.intake.incident import (
    Incident,
    IncidentChanged,
    IncidentOpened,
    NothingSuggested,
    RunbookSuggested,
    RunStarted,
    Suggestion,
    SuggestionEscalated,
    SuggestionReminded,
    SuggestionTaken,
    SuggestionWithdrawn,
)
from bot.intake.signal import MANUAL, SCHEDULE
from bot.intake.ticks import LATE
from bot.runs.events import Event, ProposalVoided, RunFinished, RunId, StepKey
from bot.runs.fold import fold
from bot.runs.questions import Question, next_nudge, nudge_of
from bot.runs.state import Run, next_level

RESOLVED = "the incident was resolved elsewhere before anybody decided"
QUIET = timedelta(days=1)
_NEVER_OVER = frozenset({"manual", "api", "schedule", "anomaly", "deployment"})
"""Sources that open incidents and never say that one is over."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """Append these to the incident."""

    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class CloseRun:
    """Void a run's undecided proposal and end the run: its incident is over."""

    run: Run


@dataclass(frozen=True, kw_only=True)
class Suggest:
    """Find and make a suggestion."""


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Nothing before this moment (None: nothing until something happens)."""

    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EscalateSuggestion:
    """Nobody clicked in time: ask the next, as the catalog has it."""

    suggestion: Suggestion
    entry: str


@dataclass(frozen=True, kw_only=True)
class Nudge:
    """Remind of a question that a run which is over left to people."""

    run: Run
    question: Question


IncidentEffect = EscalateSuggestion | Nudge | Note | CloseRun | Suggest | Idle


def next_for(incident: Incident, runs: Sequence[Run], now: datetime) -> IncidentEffect:
    """The one thing an incident needs now."""
    suggestion = incident.open_suggestion
    if incident.is_resolved:
        if suggestion is not None:
            return _at_the_end(suggestion, incident, now)
        undecided = next((run for run in runs if _was_undecided(run, incident)), None)
        return Idle() if undecided is None else CloseRun(run=undecided)
    if suggestion is None and _wants_suggestion(incident, runs):
        return Suggest()
    first = _closing(incident, runs, now) if suggestion is None else _timer(suggestion, now)
    return _nudge(runs, first, now) if isinstance(first, Idle) else first


def _nudge(runs: Sequence[Run], idle: Idle, now: datetime) -> IncidentEffect:
    """What is left of finished runs to be reminded of, before anything else is due."""
    left = [(run, next_nudge(run)) for run in runs if run.is_finished]
    due = [(one.nudge_at, run, one) for run, one in left if one is not None and one.nudge_at is not None]
    if not due:
        return idle
    at, run, question = min(due, key=lambda each: each[0])
    if now >= at:
        return Nudge(run=run, question=question)
    return Idle(until=at if idle.until is None else min(at, idle.until))


def _closing(incident: Incident, runs: Sequence[Run], now: datetime) -> IncidentEffect:
    """Close what nobody else will, once nothing has happened in it for a day."""
    if any(not run.is_finished for run in runs):
        return Idle()
    if not all(origin.source in _NEVER_OVER for origin in incident.origins):
        return Idle()
    quiet_since = max((incident.updated_at, *(run.events[-1].at for run in runs)))
    if now < quiet_since + QUIET:
        return Idle(until=quiet_since + QUIET)
    facts = replace(incident.facts, status="closed", status_at=now)
    return Note(events=(IncidentChanged(at=now, kind="closed", facts=facts),))


def _at_the_end(suggestion: Suggestion, incident: Incident, now: datetime) -> IncidentEffect:
    """The end of the incident takes back what it found; what somebody chose after that stays as long as any other."""
    ended_at = _ended_at(incident)
    if ended_at is not None and suggestion.made.at <= ended_at:
        return Note(events=(_withdrawn(suggestion, now, RESOLVED),))
    return _timer(suggestion, now)


def _was_undecided(run: Run, incident: Incident) -> bool:
    """Whether the end of the incident found it so; what is proposed after that, somebody wants all the same."""
    ended_at = _ended_at(incident)
    proposal = run.open_proposal
    if proposal is None or ended_at is None:
        return False
    return is_undecided(run) and proposal.made.at <= ended_at


def _ended_at(incident: Incident) -> datetime | None:
    """When it was heard that the incident is over; None while it is not."""
    heard: datetime | None = None
    for event in reversed(incident.events):
        if isinstance(event, IncidentOpened | IncidentChanged):
            if event.facts.status not in ("resolved", "closed"):
                return heard
            heard = event.at
    return heard


def is_undecided(run: Run) -> bool:
    """Whether a run only waits for a first decision on its open proposal."""
    proposal = run.open_proposal
    return (
        proposal is not None
        and run.cancel is None
        and not run.is_undoing
        and not proposal.made.asked.unattended
        and not proposal.approvals
        and not proposal.skips
        and proposal.overridden is None
    )


def _withdrawn(suggestion: Suggestion, now: datetime, detail: str) -> SuggestionWithdrawn:
    return SuggestionWithdrawn(
        at=now, suggestion_id=suggestion.made.suggestion_id, reason="resolved", detail=detail
    )


def _timer(suggestion: Suggestion, now: datetime) -> IncidentEffect:
    made = suggestion.made
    if now >= suggestion.expires_at:
        entry = next_level(made.asked, [one.to.entry for one in suggestion.escalations])
        if entry:
            return EscalateSuggestion(suggestion=suggestion, entry=entry)
        return Note(events=(SuggestionWithdrawn(at=now, suggestion_id=made.suggestion_id, reason="expired"),))
    if suggestion.remind_at is not None and not suggestion.reminded:
        if now >= suggestion.remind_at:
            return Note(events=(SuggestionReminded(at=now, suggestion_id=made.suggestion_id),))
        return Idle(until=suggestion.remind_at)
    return Idle(until=suggestion.expires_at)


def _wants_suggestion(incident: Incident, runs: Sequence[Run]) -> bool:
    """Since it opened or was reopened, nothing was suggested or started; or nothing fitted, and more is known now."""
    if any(not run.is_finished for run in runs):
        return False
    is_more_known = False
    for event in reversed(incident.events):
        match event:
            case NothingSuggested():
                return is_more_known
            case RunbookSuggested() | SuggestionTaken() | RunStarted():
                return False
            case DiagnosisAsked() if incident.opened.origin.source == MANUAL:
                return False  # opened for a look alone, and its report says what fits
            case IncidentChanged(kind="reopened") | IncidentOpened():
                return True
            case IncidentChanged(kind="updated" | "service_updated"):
                is_more_known = True
    return False


def _is_late_tick(incident: Incident) -> bool:
    opened = incident.opened
    return opened.origin.source == SCHEDULE and opened.at - (opened.occurred_at or opened.at) >= LATE


@dataclass(frozen=True, kw_only=True)
class Attendant:
    """Performs what an incident needs. Raises `VersionConflict` when somebody else was first."""

    ledger: Ledger
    suggester: Suggester
    admission: Admission
    catalog: Callable[[], Catalog]
    clock: Clock

    async def perform(
        self, incident: Incident, effect: EscalateSuggestion | Nudge | Note | CloseRun | Suggest
    ) -> None:
        """Carry one effect out."""
        match effect:
            case Note():
                await self.ledger.append(Change(incident=incident, incident_events=effect.events))
            case EscalateSuggestion():
                await self._escalate(incident, effect)
            case Nudge():
                reminded = nudge_of(effect.question, self.clock.now())
                await self.ledger.append(Change(run=effect.run, run_events=(reminded,)))
            case CloseRun():
                await self._close(effect.run)
            case Suggest():
                await self._suggest(incident)
            case _:
                assert_never(effect)

    async def _escalate(self, incident: Incident, effect: EscalateSuggestion) -> None:
        now, catalog, made = self.clock.now(), self.catalog(), effect.suggestion.made
        run_opened = opened_from(incident, effect.suggestion, catalog=catalog, now=now)
        draft = fold(from_suggestion(effect.suggestion, run_opened))
        to = await next_asked(
            draft,
            StepKey(),
            effect.entry,
            maker=self.suggester.maker,
            directory=self.suggester.directory,
            now=now,
            lasts=made.expires_at - made.at,
        )
        event = SuggestionEscalated(at=now, suggestion_id=made.suggestion_id, to=to)
        await self.ledger.append(Change(incident=incident, incident_events=(event,)))

    async def _close(self, run: Run) -> None:
        proposal = run.open_proposal
        assert proposal is not None
        now = self.clock.now()
        left = tuple(state.step.name for state in run.with_effect)
        await self.ledger.append(
            Change(
                run=run,
                run_events=(
                    ProposalVoided(at=now, proposal_id=proposal.id, reason=RESOLVED),
                    RunFinished(at=now, status="cancelled", reason=RESOLVED, left=left),
                ),
            )
        )
        await self.admission.leave(run.id)

    async def _suggest(self, incident: Incident) -> None:
        event = await self.suggester.best(incident)
        if isinstance(event, RunbookSuggested):
            runbook = Runbook.model_validate(event.runbook)
            if self._starts_itself(incident, runbook, event.environment):
                await self._auto_start(incident, runbook, event.environment)
                return
        await self.ledger.append(Change(incident=incident, incident_events=(event,)))

    def _starts_itself(self, incident: Incident, runbook: Runbook, environment: str) -> bool:
        """Only where the trigger says so, the environment allows it, and the source itself spoke.

        Whoever can post in a channel can write something that reads like an alert; such words may suggest, not start.
        Nor does a schedule start what it should have started a while ago: the hour may have been the point of it.
        """
        place = self.catalog().environments.get(environment)
        allowed = runbook.trigger.auto_start and place is not None and place.auto_start
        return allowed and not incident.facts.from_text and not _is_late_tick(incident)

    async def _auto_start(self, incident: Incident, runbook: Runbook, environment: str) -> None:
        """Open the run for the environment that allowed it, and for no other."""
        now = self.clock.now()
        run_opened = opened(
            incident,
            runbook,
            run_id=RunId(uuid4().hex),
            params=parse_params(runbook.params, {}),
            catalog=self.catalog(),
            now=now,
            requester=None,
        )
        run_opened = replace(run_opened, environment=environment)
        await self.ledger.append(
            Change(
                incident=incident,
                incident_events=(RunStarted(at=now, run_id=run_opened.run_id),),
                run_events=(run_opened,),
            )
        )
