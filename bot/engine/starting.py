"""Starts by hand: another runbook from the menu, `/runbook start`, the message shortcut, the API.

A start opens an incident of its own (source `manual`) unless it is made in the thread of one. Whoever starts is the
requester; starting approves nothing.

A program may repeat a request whose answer it lost. The id of the run then follows from the sender and the key it
gave, so the primary key of the run's own stream is what keeps a second run from being opened, in a race as after a
restart, and the run itself remembers what was asked for (`RunOpened.request`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import uuid4

from bot.catalog.params import ParamValue, parse_params
from bot.catalog.schema import Catalog, Runbook
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.making import NotMade
from bot.engine.opening import opened
from bot.engine.ports import Directory
from bot.engine.proposing import memberships_of
from bot.engine.suggesting import Suggester, runbook_named, starters_for, starters_of
from bot.errors import BadInput, NotFound, Refused, VersionConflict
from bot.intake.incident import (
    Facts,
    Incident,
    Place,
    RunbookSuggested,
    RunStarted,
    SuggestionWithdrawn,
)
from bot.intake.incident import fold as fold_incident
from bot.intake.signal import started_by_hand
from bot.intake.triage import decide as triage
from bot.runs.events import Event, IncidentId, RunId, RunOpened
from bot.runs.fold import fold as fold_run
from bot.runs.policy import OPERATOR, Caller, owners, permit

TRIES = 10
"""How often a decision is taken anew because somebody else wrote first; more means something is wrong."""

THREADS_LOOK = 10_000
"""How many incidents back a thread is still known for one of them."""

_T = TypeVar("_T")


class KeyReused(Refused):
    """A key that stands for one request came with another."""

    code = "key-reused"


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """A request that may come again: the run it opens, and the digest of all it asks for."""

    run_id: RunId
    request: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where and with what a run is started by hand."""

    channel: str = ""
    """Where it was asked for; "" for the channel of the service, else the default one."""
    thread_ts: str = ""
    given: Mapping[str, ParamValue | None] = field(default_factory=dict)
    environment: str = ""
    """Only checked: the environment of a run comes from its targets."""
    service: str = ""
    dry_run: bool = False
    facts: Facts | None = None
    """What whoever starts it knows of the trouble: symptom, metric, scores."""
    repeatable: Repeatable | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A start that was looked at and allowed, and is not written yet."""

    incident: Incident
    incident_events: tuple[Event, ...]
    """What opens the incident, where it is a new one."""
    opened: RunOpened


@dataclass(frozen=True, kw_only=True)
class Starting:
    """Starts and choices. Raises `VersionConflict` when another writer was first."""

    ledger: Ledger
    suggester: Suggester
    directory: Directory
    catalog: Callable[[], Catalog]
    clock: Clock

    async def choose(self, incident_id: IncidentId, runbook: str, caller: Caller) -> None:
        """Suggest another runbook on an incident; whoever chose it is its requester."""
        await self.choose_on(await self.ledger.incident(incident_id), runbook, caller)

    async def choose_on(
        self, incident: Incident, runbook: str, caller: Caller, *, why: tuple[str, ...] = ()
    ) -> None:
        """The same on an incident as it was read; `why` stands beside who chose it."""
        chosen = runbook_named(self.catalog(), runbook)
        await self._may_start(chosen, incident.facts.service, incident.facts.environment, caller)
        if any(not run.is_finished for run in await self.ledger.runs_of(incident)):
            raise Refused("a run of this incident is still going on", hint="finish or cancel it first")
        old = incident.open_suggestion
        made = await self._chosen(incident, runbook, caller, why)
        events: tuple[Event, ...] = (made,)
        if old is not None:
            withdrawn = SuggestionWithdrawn(
                at=made.at,
                suggestion_id=old.made.suggestion_id,
                reason="replaced",
                detail=f"{_name(caller)} chose {runbook} instead",
            )
            events = (withdrawn, made)
        await self.ledger.append(Change(incident=incident, incident_events=events))

    async def _chosen(
        self, incident: Incident, runbook: str, caller: Caller, why: tuple[str, ...]
    ) -> RunbookSuggested:
        old = incident.suggestions[-1].made if incident.suggestions else None
        try:
            return await self.suggester.one(
                incident,
                runbook,
                why=(f"chosen by {_name(caller)}", *why),
                others=old.others if old else (),
                requester=caller.actor,
            )
        except NotMade as problem:
            raise BadInput(f"{runbook} cannot be proposed: {problem.message}", hint=problem.hint) from problem

    async def start(self, runbook: str, caller: Caller, start: Start) -> RunId:
        """Open a run; in an incident's thread it joins that incident. A repeated request opens nothing."""
        if start.repeatable is not None and await self._is_there(start.repeatable):
            return start.repeatable.run_id
        draft = await self.draft(runbook, caller, start)
        started = RunStarted(at=draft.opened.at, run_id=draft.opened.run_id)
        await self.ledger.append(
            Change(
                incident=None if draft.incident_events else draft.incident,
                incident_events=(*draft.incident_events, started),
                run_events=(draft.opened,),
            )
        )
        return draft.opened.run_id

    async def _is_there(self, repeatable: Repeatable) -> bool:
        try:
            run = await self.ledger.run(repeatable.run_id)
        except NotFound:
            return False
        if run.opened.request != repeatable.request:
            raise KeyReused(
                "this Idempotency-Key was used for another request, so nothing was started",
                hint="repeat the same request with it, or use a new key",
            )
        return True

    async def draft(self, runbook: str, caller: Caller, start: Start) -> Draft:
        """What a start would open; refused for whoever may not start it here. Reads, never writes."""
        catalog = self.catalog()
        chosen = runbook_named(catalog, runbook)
        params = parse_params(chosen.params, start.given)
        _known_environment(catalog, start.environment)
        incident, events = await self._incident_for(chosen, caller, start)
        facts = incident.facts
        await self._may_start(chosen, facts.service, start.environment or facts.environment, caller)
        now = self.clock.now()
        run_opened = opened(
            incident,
            chosen,
            run_id=start.repeatable.run_id if start.repeatable else RunId(uuid4().hex),
            params=params,
            catalog=catalog,
            now=now,
            requester=caller.actor,
            dry_run=start.dry_run,
            request=start.repeatable.request if start.repeatable else "",
        )
        run_opened = replace(run_opened, environment=start.environment)
        if not facts.service and not start.environment:
            place = await self._place_of(run_opened)
            if place:
                await self._may_start(chosen, "", place, caller)
                run_opened = replace(run_opened, environment=place)
        return Draft(incident=incident, incident_events=events, opened=run_opened)

    async def _place_of(self, run_opened: RunOpened) -> str:
        """The environment a run of no service would be in, as far as its steps can be planned now; "" where not.

        Without a service nobody has said where it runs, and whoever may start something somewhere may not do so
        everywhere: the place is found first and its starters decide.
        """
        draft = fold_run([run_opened])
        for key in draft.steps:
            try:
                made = await self.suggester.maker.make(draft, key)
            except NotMade:
                continue
            if made.environment:
                return made.environment
        return ""

    async def _incident_for(
        self, runbook: Runbook, caller: Caller, start: Start
    ) -> tuple[Incident, tuple[Event, ...]]:
        """The incident whose thread this is, or a new one (with the event that opens it)."""
        if start.thread_ts:
            found = await self.incident_at(start.channel, start.thread_ts)
            if found is not None:
                return await self.ledger.incident(found), ()
        name = start.service or _only(runbook.trigger.services)
        known = self.catalog().service_named(name) if name else None
        if start.service and known is None:
            raise BadInput(f"there is no service {start.service!r} in the catalog")
        if known is not None and known not in (theirs := owners(self.catalog(), runbook, known)):
            names = ", ".join(one.name for one in theirs)
            raise BadInput(f"{runbook.name} is for {names}, not for {known.name}")
        now = self.clock.now()
        signal = started_by_hand(
            uuid4().hex,
            title=f"{runbook.name} started by {_name(caller)}",
            service_name=name,
            actor=caller.actor,
            now=now,
            place=Place(channel=start.channel, thread_ts=start.thread_ts),
            facts=start.facts,
        )
        events = triage(
            signal, existing=None, catalog=self.catalog(), now=now, new_id=IncidentId(uuid4().hex)
        )
        incident = fold_incident(events)
        if not incident.place.channel:
            raise BadInput(
                "there is no channel where people would see it",
                hint="name a service that has one, or set `default_channel` in catalog.yaml",
            )
        return incident, events

    async def incident_at(self, channel: str, thread_ts: str) -> IncidentId | None:
        """The incident that has its thread there."""
        rows = await self.ledger.journal.incidents(limit=THREADS_LOOK)
        return next(
            (row.incident_id for row in rows if (row.channel, row.thread_ts) == (channel, thread_ts)), None
        )

    async def _may_start(self, runbook: Runbook, service: str, environment: str, caller: Caller) -> None:
        catalog = self.catalog()
        entries = starters_for(catalog, runbook, service, environment)
        is_anywhere = not environment and not owners(catalog, runbook, catalog.services.get(service))
        if not entries and is_anywhere:
            entries = _anyones(catalog)
        if OPERATOR in caller.grants:
            entries = (*entries, OPERATOR)
        memberships = await memberships_of(entries, self.directory)
        permit(
            entries,
            caller,
            memberships,
            now=self.clock.now(),
            to="start a runbook here",
            named="those who may",
        )


def _known_environment(catalog: Catalog, environment: str) -> None:
    if environment and environment not in catalog.environments:
        known = ", ".join(sorted(catalog.environments))
        raise BadInput(f"there is no environment {environment!r}", hint=f"known: {known}")


def _only(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ""


def _name(caller: Caller) -> str:
    return caller.actor.called


def _anyones(catalog: Catalog) -> tuple[str, ...]:
    """For a runbook of no service: whoever may start anything at all."""
    entries: dict[str, None] = {}
    for service in catalog.services.values():
        entries.update(dict.fromkeys(starters_of(catalog, service.name, "")))
    return tuple(entries)


async def again(once: Callable[[], Awaitable[_T]]) -> _T:
    """Run a decision, and take it anew from a fresh reading whenever another writer was first."""
    for _ in range(TRIES):
        try:
            return await once()
        except VersionConflict:
            continue
    raise Refused("too many people are deciding this at once", hint="look at the thread, then try again")
