"""What waits for people and what goes on, held in memory for whoever looks at all of it at once.

A person's Home asks "what may I decide" over every open run. Folding a thousand streams for each look would cost a
second; so the open ones are folded once, when somebody first looks, and from then on only the streams that the journal
says have moved. What today's rules ask of a step is worked out with its fold and kept for as long as the catalog's
digest is the same; whether *this* person may is looked at anew each time, from memberships at most five minutes old.

Nothing is decided here, and nothing here is believed at a click: `operations` reads and authorises all of it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from bot.engine.operations import Operations
from bot.engine.proposing import memberships_of
from bot.errors import JournalError, NotFound, NotPermitted, Refused
from bot.intake.incident import Incident
from bot.journal.base import HistoryQuery
from bot.runs.events import (
    Actor,
    CancelRequested,
    CheckSettled,
    Event,
    IncidentId,
    ParamsEdited,
    RunId,
    StepApproved,
    StepKey,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.policy import Caller, Memberships, Policy, forbid_self_approval, permit
from bot.runs.questions import open_questions
from bot.runs.state import Proposal, Run

MOST_OPEN = 10_000
REMEMBERED_RUNS = 500
"""The latest runs whose decisions are remembered, so that people see their own."""
BREATH = 50
"""After so many runs worked out in a row, others get a turn."""

_LONG_AFTER = datetime.max.replace(tzinfo=UTC)

Kind = Literal["decide", "unknown", "undo", "check"]
Deed = Literal["approved", "rejected", "skipped", "edited", "settled", "undone", "cancelled", "overrode"]

_DEEDS: Mapping[type[Event], Deed] = {
    StepApproved: "approved",
    StepOverridden: "overrode",
    StepRejected: "rejected",
    StepSkipped: "skipped",
    ParamsEdited: "edited",
    UnknownSettled: "settled",
    UndoSettled: "settled",
    CheckSettled: "settled",
    UndoRequested: "undone",
    CancelRequested: "cancelled",
}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question that people must answer before a run goes on."""

    kind: Kind
    incident: Incident
    run: Run
    """The run, or the one that a suggestion would open."""
    step: StepKey | None
    policy: Policy
    proposal: Proposal | None = None
    is_suggestion: bool = False

    @property
    def until(self) -> datetime | None:
        """When it is too late; None where it waits for as long as it takes."""
        return self.proposal.expires_at if self.kind == "decide" and self.proposal is not None else None

    def is_left_to(self, caller: Caller, *, now: datetime) -> bool:
        """Whether one of those who are asked could still answer: in time, not their own, and not answered by them."""
        if self.kind != "decide" or self.proposal is None:
            return True
        if self.proposal.expires_at <= now or _has_decided(self.proposal, caller.actor):
            return False
        try:
            forbid_self_approval(self.policy, caller, self.run.requester)
            forbid_self_approval(self.proposal.made.asked, caller, self.run.requester)
        except NotPermitted:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class Matter:
    """One open run, or one open suggestion, with what it asks of people."""

    incident: Incident
    run: Run
    asks: tuple[Ask, ...] = ()
    is_suggestion: bool = False


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision of one person."""

    at: datetime
    deed: Deed
    actor: Actor
    runbook: str
    step: str
    service: str
    environment: str
    incident_id: IncidentId


@dataclass
class Board:
    """Call `open` once and `stir` for every change of the journal; the rest answers from memory after `freshen`."""

    operations: Operations
    _matters: dict[str, Matter] = field(default_factory=dict)
    _decided: dict[RunId, tuple[Decided, ...]] = field(default_factory=dict)
    _stirred: dict[str, None] = field(default_factory=dict)
    _catalog: str = ""
    _freshening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """Take in everything that is open, and the decisions of the latest runs. Subscribe to changes before."""
        journal = self.operations.ledger.journal
        recent = await journal.runs(HistoryQuery(limit=REMEMBERED_RUNS))
        still = await journal.runs(HistoryQuery(open_only=True, limit=MOST_OPEN))
        incidents = await journal.incidents(open_only=True, limit=MOST_OPEN)
        # Oldest first, so that what is remembered of decisions drops the oldest.
        self.stir(f"run-{row.run_id}" for row in reversed((*still, *recent)))
        self.stir(f"incident-{row.incident_id}" for row in incidents)
        await self.freshen()

    def stir(self, streams: Iterable[str]) -> None:
        """These streams moved on."""
        self._stirred.update(dict.fromkeys(streams))

    async def freshen(self) -> None:
        """Read what has moved since the last time; all of it where the rules are others now."""
        async with self._freshening:
            digest = self.operations.catalog().digest
            if digest != self._catalog:
                self.stir(self._matters)
            for count, stream in enumerate(tuple(self._stirred)):
                # Forgotten before it is read: what moves meanwhile is stirred again.
                del self._stirred[stream]
                try:
                    await self._take_in(stream)
                except JournalError:
                    self.stir([stream])
                    raise
                if count % BREATH == BREATH - 1:
                    await asyncio.sleep(0)
            self._catalog = digest

    async def waiting_for(self, caller: Caller) -> tuple[Ask, ...]:
        """What this person may decide now, what expires first before the rest."""
        asks = [ask for matter in self._matters.values() for ask in matter.asks]
        lists = {ask.policy.approvers for ask in asks}
        entries = {entry for one in lists for entry in one}
        memberships = await memberships_of(sorted(entries), self.operations.directory)
        now = self.operations.clock.now()
        # A thousand steps name a handful of lists, so each list is looked through once.
        permitted = {one for one in lists if _is_permitted(one, caller, memberships, now=now)}
        mine = [ask for ask in asks if ask.policy.approvers in permitted and ask.is_left_to(caller, now=now)]
        return tuple(sorted(mine, key=lambda ask: (ask.until or _LONG_AFTER, ask.run.id)))

    def going_on(self) -> tuple[Matter, ...]:
        """Every open run, the latest first."""
        runs = [one for one in self._matters.values() if not one.is_suggestion and not one.run.is_finished]
        return tuple(sorted(runs, key=lambda one: one.run.opened.at, reverse=True))

    def decisions_of(self, caller: Caller, *, most: int) -> tuple[Decided, ...]:
        """What this person decided lately, the latest first."""
        mine = [
            one for found in self._decided.values() for one in found if one.actor.is_same_human(caller.actor)
        ]
        # Sorted and then turned: of two at one moment the one that was made last comes first.
        return tuple(sorted(mine, key=lambda one: one.at)[::-1][:most])

    # ------------------------------------------------------------ inside

    async def _take_in(self, stream: str) -> None:
        kind, _, name = stream.partition("-")
        try:
            if kind == "run":
                await self._take_run(stream, RunId(name))
            elif kind == "incident":
                await self._take_incident(stream, IncidentId(name))
        except NotFound:
            self._matters.pop(stream, None)

    async def _take_run(self, stream: str, run_id: RunId) -> None:
        run = await self.operations.run(run_id)
        incident = await self.operations.incident(run.incident_id)
        self._remember(run)
        asks = tuple(self._asks(incident, run))
        if run.is_finished and not asks:
            self._matters.pop(stream, None)
            return
        self._matters[stream] = Matter(incident=incident, run=run, asks=asks)

    async def _take_incident(self, stream: str, incident_id: IncidentId) -> None:
        incident = await self.operations.incident(incident_id)
        # Where the thread is may have changed for its runs too.
        for run_id in incident.run_ids:
            known = self._matters.get(f"run-{run_id}")
            if known is not None and known.incident.permalink != incident.permalink:
                await self._take_run(f"run-{run_id}", run_id)
        suggestion = incident.open_suggestion
        if suggestion is None or suggestion.run_id is not None:
            self._matters.pop(stream, None)
            return
        run = self.operations.draft(incident, suggestion)
        asks = tuple(self._asks(incident, run, is_suggestion=True))
        self._matters[stream] = Matter(incident=incident, run=run, asks=asks, is_suggestion=True)

    def _asks(self, incident: Incident, run: Run, *, is_suggestion: bool = False) -> Iterator[Ask]:
        for kind, step, proposal in _questions(run):
            key = step or (run.with_effect[0].key if run.with_effect else StepKey())
            try:
                policy, _ = self.operations.rules(run, key)
            except Refused:
                continue  # the catalog no longer knows it, so nobody may; its thread says so at a click
            yield Ask(
                kind=kind,
                incident=incident,
                run=run,
                step=step,
                policy=policy,
                proposal=proposal,
                is_suggestion=is_suggestion,
            )

    def _remember(self, run: Run) -> None:
        found = tuple(_decisions(run))
        self._decided.pop(run.id, None)
        if not found:
            return
        self._decided[run.id] = found
        if len(self._decided) > REMEMBERED_RUNS:
            del self._decided[next(iter(self._decided))]


def _questions(run: Run) -> Iterator[tuple[Kind, StepKey | None, Proposal | None]]:
    proposal = run.open_proposal if run.cancel is None else None
    if proposal is not None and not proposal.has_quorum and not proposal.made.asked.unattended:
        yield "decide", proposal.made.step, proposal
    for question in open_questions(run):
        yield question.kind, question.step, None


def _decisions(run: Run) -> Iterator[Decided]:
    for event in run.events:
        deed = _DEEDS.get(type(event))
        actor = getattr(event, "actor", None)
        if deed is None or not isinstance(actor, Actor) or actor.kind == "system":
            continue
        yield Decided(
            at=event.at,
            deed=deed,
            actor=actor,
            runbook=run.runbook.name,
            step=_step_of(run, event),
            service=run.opened.service,
            environment=run.environment,
            incident_id=run.incident_id,
        )


def _step_of(run: Run, event: Event) -> str:
    """The name of the step it was about, "" where it was about the run."""
    proposal_id = getattr(event, "proposal_id", None)
    found = run.proposal(proposal_id) if proposal_id is not None else None
    if found is not None:
        return found[0].step.name
    state = run.steps.get(getattr(event, "step", None) or StepKey(index=-1))
    return state.step.name if state is not None else ""


def _is_permitted(
    entries: tuple[str, ...], caller: Caller, memberships: Memberships, *, now: datetime
) -> bool:
    try:
        permit(entries, caller, memberships, now=now, to="decide this")
    except NotPermitted:
        return False
    return True


def _has_decided(proposal: Proposal, actor: Actor) -> bool:
    people = [one.actor for one in proposal.approvals] + [one.actor for one in proposal.skips]
    return any(one.is_same_human(actor) for one in people)
