"""All that a door may ask of the engine; each answers with what became of it or raises `Refused` with the reason.

A click carries ids and a digest (`ClickRef`) and nothing else. Here the run or suggestion is read again, today's
rules are resolved, the members of user groups are read (five minutes at most), `runs.decide` decides, and the events
are appended on the version that was decided on. Two clicks at the same moment race at the append: one wins, the other
reads again and is told what happened. Nothing is executed here; the worker sees the new events and goes on.

The first authorised click on a suggestion opens its run with that decision in it, in one append over both streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.catalog.params import ParamValue, parse_params
from bot.catalog.schema import Catalog, Param, Runbook
from bot.engine.advising import Advising
from bot.engine.clock import Clock
from bot.engine.diagnosing import Diagnosing
from bot.engine.entitlement import Entitlement
from bot.engine.execution import Execution
from bot.engine.foreseeing import Foreseen, foresee
from bot.engine.ledger import Change, Ledger
from bot.engine.making import Maker, NotMade
from bot.engine.opening import from_suggestion, opened_from
from bot.engine.ports import ClickRef, Directory
from bot.engine.proposing import changes_between, memberships_of
from bot.engine.records import Records
from bot.engine.starting import Start, Starting, again
from bot.engine.suggesting import runbook_named, starters_for
from bot.errors import AlreadyDecided, BadInput, Expired, NotFound, NotPermitted, Refused, Stale
from bot.intake.incident import (
    Incident,
    Suggestion,
    SuggestionTaken,
)
from bot.journal.base import HistoryQuery, IncidentRow, RunRow
from bot.runs.decide import decide
from bot.runs.events import (
    Asked,
    CheckChoice,
    Choice,
    IncidentId,
    ReportRequested,
    Result,
    RunId,
    RunOpened,
    StepKey,
    UndoChoice,
)
from bot.runs.fold import fold
from bot.runs.intents import (
    Approve,
    Cancel,
    Edit,
    Ground,
    Intent,
    Override,
    Reject,
    RequestUndo,
    Settle,
    SettleCheck,
    SettleUndo,
    Skip,
    UndoOne,
)
from bot.runs.plan import Plan
from bot.runs.policy import Caller, Policy, owners, permit
from bot.runs.state import Run

NOBODY = Policy(
    asks=True, approvers=(), source="", min_approvals=1, allow_self_approval=False, risk="", message=""
)
"""The rules for a step that the catalog of today no longer has."""
MOST_OPEN = 10_000
"""More runs than people have open at once; a count of fewer would be wrong on the night it matters."""
THREADS_AT_ONCE = 200
UNSAID = "not said yet"
"""Stands for the reason of a decision while its form asks for one."""


@dataclass(frozen=True, kw_only=True)
class EditForm:
    """What an edit may change, with the values of now."""

    runbook: str
    step: str
    params: tuple[Param, ...]
    values: Mapping[str, ParamValue]


@dataclass(frozen=True, kw_only=True)
class StartForm:
    """What a start by hand must or may say."""

    params: tuple[Param, ...] = ()
    services: tuple[str, ...] = ()
    """The services it may be for; with one there is nothing to say."""
    environments: tuple[str, ...] = ()
    """Every environment; naming one only checks that the run is for it."""

    def missing(self, given: Mapping[str, object], *, service: str = "") -> bool:
        """Whether something it must know is not said; what is wrong is not missing, and refused by the start."""
        if any(name not in {param.name for param in self.params} for name in given):
            return False
        needed = [one.name for one in self.params if one.required and one.default is None]
        return any(name not in given for name in needed) or (len(self.services) > 1 and not service)


@dataclass(frozen=True, kw_only=True)
class DecisionForm:
    """The step that a decision with a reason is about: a rejection, or breaking glass."""

    runbook: str
    step: str
    environment: str
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What came of trying one step dry."""

    step: str
    plan: Plan
    """The step as it would run now."""
    changes: tuple[str, ...]
    """What differs from what is proposed, in words; it would be proposed anew instead of running."""
    result: Result


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What people and programs may ask for. Holds no state."""

    ledger: Ledger
    maker: Maker
    starting: Starting
    execution: Execution
    directory: Directory
    catalog: Callable[[], Catalog]
    clock: Clock

    # ------------------------------------------------------------ decisions

    async def approve(self, ref: ClickRef, caller: Caller) -> None:
        """Agree to exactly the digest that was shown."""
        await self._decide(ref, caller, Approve(proposal_id=ref.proposal_id, digest=ref.digest))

    async def override_form(self, ref: ClickRef, caller: Caller) -> DecisionForm:
        """What breaking glass would run, for whoever may now; refused as the decision itself would be."""
        return await self._form(
            ref, caller, Override(proposal_id=ref.proposal_id, digest=ref.digest, reason=UNSAID)
        )

    async def reject_form(self, ref: ClickRef, caller: Caller) -> DecisionForm:
        """The same for a rejection."""
        return await self._form(ref, caller, Reject(proposal_id=ref.proposal_id, reason=UNSAID))

    async def _form(self, ref: ClickRef, caller: Caller, intent: Override | Reject) -> DecisionForm:
        run = await self._run_behind(ref)
        ground = await self._ground_for(run, ref, caller)
        decide(run, intent, ground)  # for its refusals: nobody writes a reason for what they may not do
        found = run.proposal(ref.proposal_id)
        assert found is not None
        state, proposal = found
        return DecisionForm(
            runbook=run.runbook.name,
            step=state.step.name,
            environment=run.environment,
            plan=proposal.made.plan,
        )

    async def override(self, ref: ClickRef, caller: Caller, *, reason: str) -> None:
        """Break glass: run exactly the digest that was shown without its approvers, and say why."""
        intent = Override(proposal_id=ref.proposal_id, digest=ref.digest, reason=reason)
        await self._decide(ref, caller, intent)

    async def reject(self, ref: ClickRef, caller: Caller, *, reason: str) -> None:
        """Say no; the run halts at that step."""
        await self._decide(ref, caller, Reject(proposal_id=ref.proposal_id, reason=reason))

    async def skip(self, ref: ClickRef, caller: Caller, *, reason: str = "") -> None:
        """Go on without this step."""
        await self._decide(ref, caller, Skip(proposal_id=ref.proposal_id, reason=reason))

    async def settle(self, ref: ClickRef, caller: Caller, *, choice: Choice, reason: str = "") -> None:
        """Say how to go on from an unknown outcome."""
        await self._decide(ref, caller, Settle(proposal_id=ref.proposal_id, choice=choice, reason=reason))

    async def edit_form(self, ref: ClickRef, caller: Caller) -> EditForm:
        """What an edit of this proposal may change; refused where there is nothing, or for a stranger."""
        run = await self._run_behind(ref)
        found = run.proposal(ref.proposal_id)
        if found is None:
            raise NotFound("this button belongs to no step that is still there")
        if not run.runbook.params:
            raise BadInput("this runbook has no parameters to edit")
        state, _ = found
        ground = await self._ground(run, state.key, caller)
        permit(
            (*ground.policy.approvers, *ground.starters),
            caller,
            ground.memberships,
            now=ground.now,
            to="edit this step",
        )
        return EditForm(
            runbook=run.runbook.name, step=state.step.name, params=run.runbook.params, values=run.params
        )

    async def rehearse(self, ref: ClickRef, caller: Caller) -> Rehearsal:
        """Try the step dry, as it would run now: nothing changes, nothing is decided, and nothing is recorded.

        For whoever may decide the step or start its runbook. It is no event: the run stays exactly as it was, so that
        a decision made at the same moment never meets a conflict with a look, and a suggestion, which has no run yet,
        is answered the same way. Refused for a step that is decided, with who decided it.
        """
        run = await self._run_behind(ref)
        ground = await self._ground_for(run, ref, caller)
        entries = (*ground.policy.approvers, *ground.starters)
        permit(entries, caller, ground.memberships, now=ground.now, to="try this step dry")
        found = run.proposal(ref.proposal_id)
        assert found is not None
        state, proposal = found
        if not proposal.is_open or run.is_finished or run.is_undoing or run.cancel is not None:
            raise AlreadyDecided(
                "this step is decided, so there is nothing left to try", hint="see the thread"
            )
        try:
            made = await self.maker.make(run, state.key)
        except NotMade as problem:
            raise Refused(f"it could not run now: {problem.message}", hint=problem.hint) from problem
        return Rehearsal(
            step=state.step.name,
            plan=made.plan,
            changes=changes_between(proposal.made.plan, made.plan),
            result=await self.execution.rehearse(made.plan),
        )

    async def edit(self, ref: ClickRef, caller: Caller, *, given: Mapping[str, ParamValue | None]) -> None:
        """Change parameters; a fresh proposal follows and the editor is its requester."""
        self._refuse_secrets(given)
        run = await self._run_behind(ref)
        params = parse_params(run.runbook.params, {**run.params, **given})
        await self._decide(ref, caller, Edit(proposal_id=ref.proposal_id, params=params))

    async def undo(self, run_id: RunId, caller: Caller, *, reason: str = "") -> None:
        """Walk back a finished run, in reverse order."""
        await self._on_run(run_id, caller, RequestUndo(reason=reason))

    async def undo_one(self, run_id: RunId, step: StepKey, caller: Caller, *, reason: str = "") -> None:
        """Undo one step of a finished run that is left, whatever was done after it."""
        await self._on_run(run_id, caller, UndoOne(step=step, reason=reason), key=step)

    async def settle_undo(
        self, run_id: RunId, step: StepKey, caller: Caller, *, choice: UndoChoice, goes_on: bool = True
    ) -> None:
        """Say how to go on from an undo that did not succeed, or what became of a step that is left.

        `goes_on`: a walk that stopped at it is taken up again when it is done.
        """
        await self._on_run(run_id, caller, SettleUndo(step=step, choice=choice, goes_on=goes_on), key=step)

    async def settle_check(
        self, run_id: RunId, step: StepKey | None, caller: Caller, *, choice: CheckChoice
    ) -> None:
        """Say how to go on from a check that came out worse or inconclusive; no step: the check of the whole run."""
        await self._on_run(run_id, caller, SettleCheck(step=step, choice=choice), key=step)

    async def cancel(self, run_id: RunId, caller: Caller, *, reason: str = "") -> None:
        """Stop a run where it can be stopped."""
        await self._on_run(run_id, caller, Cancel(reason=reason))
        self.execution.stop(run_id)

    async def export(self, run_id: RunId, caller: Caller) -> None:
        """Have a finished run told as a document in its thread, once for what happened up to now."""
        if caller.barred:
            raise NotPermitted(f"you may not export this run: {caller.barred}")

        async def once() -> None:
            run = await self.ledger.run(run_id)
            if not run.is_finished:
                raise Refused("this run is still going on", hint="export it when it is over")
            last = run.events[-1]
            if isinstance(last, ReportRequested):
                raise AlreadyDecided(
                    f"the report is in the thread already: {last.actor.called} asked for it",
                    hint="scroll down in the thread",
                )
            event = ReportRequested(at=self.clock.now(), actor=caller.actor)
            await self.ledger.append(Change(run=run, run_events=(event,)))

        await again(once)

    # ------------------------------------------------------------ starting

    async def choose(self, incident_id: IncidentId, runbook: str, caller: Caller) -> None:
        """Suggest another runbook on an incident; whoever chose it is its requester."""
        await again(lambda: self.starting.choose(incident_id, runbook, caller))

    def start_form(self, runbook: str) -> StartForm:
        """What a start must or may be given; `BadInput` names the nearest runbook."""
        catalog = self.catalog()
        chosen = runbook_named(catalog, runbook)
        return StartForm(
            params=chosen.params,
            services=tuple(one.name for one in owners(catalog, chosen, None)),
            environments=tuple(catalog.environments),
        )

    async def start(self, runbook: str, caller: Caller, start: Start) -> RunId:
        """Open a run by hand; its first step is proposed like any other."""
        clean = self._clean(start)
        return await again(lambda: self.starting.start(runbook, caller, clean))

    async def foresee(self, runbook: str, caller: Caller, start: Start) -> Foreseen:
        """What a start would do; refused for whoever may not start it. Nothing is written, opened or said."""
        draft = await self.starting.draft(runbook, caller, self._clean(start))
        return await foresee(draft, self.maker)

    # ------------------------------------------------------------ reading

    @property
    def entitlement(self) -> Entitlement:
        """Who may start and decide what."""
        return Entitlement(directory=self.directory, catalog=self.catalog, clock=self.clock)

    @property
    def records(self) -> Records:
        """What the journal tells of past runs."""
        return Records(journal=self.ledger.journal)

    @property
    def advising(self) -> Advising:
        """What to do about something that is asked in words."""
        suggester = self.starting.suggester
        return Advising(ledger=self.ledger, suggester=suggester, catalog=self.catalog, clock=self.clock)

    @property
    def diagnosing(self) -> Diagnosing:
        """Diagnoses of incidents: asking for one, judging it, proposing what it recommends."""
        return Diagnosing(
            ledger=self.ledger,
            starting=self.starting,
            catalog=self.catalog,
            clock=self.clock,
            redact=lambda words: self.execution.redactor.redact(words)[0],
        )

    async def incident_in(self, channel: str, thread_ts: str) -> Incident | None:
        """The incident whose thread this is."""
        found = await self.starting.incident_at(channel, thread_ts)
        return await self.ledger.incident(found) if found is not None else None

    def runbooks(self) -> tuple[Runbook, ...]:
        """Every runbook, by name."""
        return tuple(sorted(self.catalog().runbooks.values(), key=lambda one: one.name))

    async def status(self) -> tuple[RunRow, ...]:
        """All runs that are not over, newest first."""
        return await self.ledger.journal.runs(HistoryQuery(open_only=True, limit=MOST_OPEN))

    async def history(self, *, service: str = "", runbook: str = "", limit: int) -> tuple[RunRow, ...]:
        """The latest runs of a service or runbook ("": any), newest first."""
        return await self.ledger.journal.runs(HistoryQuery(service=service, runbook=runbook, limit=limit))

    async def threads(self, rows: Sequence[RunRow]) -> Mapping[IncidentId, IncidentRow]:
        """The incidents of these runs, whose rows say where their threads are."""
        wanted = list(dict.fromkeys(row.incident_id for row in rows))
        found: dict[IncidentId, IncidentRow] = {}
        for start in range(0, len(wanted), THREADS_AT_ONCE):
            part = await self.ledger.journal.incident_rows(wanted[start : start + THREADS_AT_ONCE])
            found |= {one.incident_id: one for one in part}
        return found

    def runbook(self, name: str) -> Runbook:
        """One runbook of the catalog; `BadInput` names the nearest one."""
        return runbook_named(self.catalog(), name)

    async def incident(self, incident_id: IncidentId) -> Incident:
        """One incident; `NotFound` where there is none."""
        return await self.ledger.incident(incident_id)

    async def run(self, run_id: RunId) -> Run:
        """One run; `NotFound` where there is none."""
        return await self.ledger.run(run_id)

    async def runs_of(self, incident: Incident) -> tuple[Run, ...]:
        """The runs of an incident, oldest first."""
        return await self.ledger.runs_of(incident)

    # ------------------------------------------------------------ inside

    async def _decide(self, ref: ClickRef, caller: Caller, intent: Intent) -> None:
        intent = self._without_secrets(intent)

        async def once() -> None:
            incident = await self.ledger.incident(ref.incident_id)
            suggestion = incident.suggestion(ref.proposal_id)
            run_id = suggestion.run_id if suggestion is not None else ref.run_id
            if run_id is not None:
                run = await self.ledger.run(run_id)
                await self._append(run, intent, await self._ground_for(run, ref, caller))
                return
            if suggestion is None:
                raise NotFound("this button belongs to nothing that is still there")
            await self._open_from(incident, suggestion, ref, caller, intent)

        await again(once)

    async def _open_from(
        self, incident: Incident, suggestion: Suggestion, ref: ClickRef, caller: Caller, intent: Intent
    ) -> None:
        """The first authorised click: run, proposal, decision and the end of the suggestion, or nothing at all."""
        _refuse_withdrawn(suggestion)
        run_opened = self._opened_from(incident, suggestion)
        first = from_suggestion(suggestion, run_opened)
        draft = fold(first)
        decided = decide(draft, intent, await self._ground_for(draft, ref, caller))
        now = self.clock.now()
        taken = SuggestionTaken(at=now, suggestion_id=suggestion.made.suggestion_id, run_id=run_opened.run_id)
        await self.ledger.append(
            Change(incident=incident, incident_events=(taken,), run_events=(*first, *decided))
        )

    def _opened_from(self, incident: Incident, suggestion: Suggestion) -> RunOpened:
        return opened_from(incident, suggestion, catalog=self.catalog(), now=self.clock.now())

    async def _run_behind(self, ref: ClickRef) -> Run:
        """The run of a click, or the one its suggestion would open."""
        incident = await self.ledger.incident(ref.incident_id)
        suggestion = incident.suggestion(ref.proposal_id)
        run_id = suggestion.run_id if suggestion is not None else ref.run_id
        if run_id is not None:
            return await self.ledger.run(run_id)
        if suggestion is None:
            raise NotFound("this button belongs to nothing that is still there")
        _refuse_withdrawn(suggestion)
        return self.draft(incident, suggestion)

    async def _ground_for(self, run: Run, ref: ClickRef, caller: Caller) -> Ground:
        found = run.proposal(ref.proposal_id)
        if found is None:
            raise NotFound("this button belongs to no step of this run", hint="look at the newest message")
        return await self._ground(run, found[0].key, caller)

    async def _ground(self, run: Run, key: StepKey, caller: Caller, *, stops: bool = False) -> Ground:
        """Today's rules for a step, with the members of every group they name; `stops` as in `rules`."""
        policy, starters = self.rules(run, key, stops=stops)
        entries = dict.fromkeys((*policy.approvers, *policy.override, *starters))
        memberships = await memberships_of(tuple(entries), self.directory)
        return Ground(
            caller=caller,
            policy=policy,
            now=self.clock.now(),
            memberships=memberships,
            starters=starters,
        )

    def rules(self, run: Run, key: StepKey, *, stops: bool = False) -> tuple[Policy, tuple[str, ...]]:
        """Today's rules for a step, and who may start its runbook. `stops`: the run is only to end, for which those
        who were asked are enough where the catalog no longer knows it; else that is `NotPermitted`."""
        try:
            policy = self.maker.policy(run, key)
        except NotPermitted:
            if not stops:
                raise
            policy = NOBODY
        proposal = run.steps[key].proposal
        if policy is NOBODY and proposal is not None:
            policy = _as_asked(policy, proposal.asked)
        starters = starters_for(self.catalog(), run.runbook, run.opened.service, run.environment)
        return policy.decided_by(starters), starters

    def draft(self, incident: Incident, suggestion: Suggestion) -> Run:
        """The run that the first click on a suggestion would open."""
        return fold(from_suggestion(suggestion, self._opened_from(incident, suggestion)))

    async def _on_run(
        self, run_id: RunId, caller: Caller, intent: Intent, key: StepKey | None = None
    ) -> None:
        intent = self._without_secrets(intent)

        async def once() -> None:
            run = await self.ledger.run(run_id)
            at = key or (run.with_effect[0].key if run.with_effect else None)
            at = at or (run.current.key if run.current else StepKey())
            if at not in run.steps:
                raise NotFound("this run has no such step")
            stops = isinstance(intent, Cancel)
            await self._append(run, intent, await self._ground(run, at, caller, stops=stops))

        await again(once)

    def _clean(self, start: Start) -> Start:
        """The start with what is told of the trouble redacted; refused where a parameter holds a secret."""
        self._refuse_secrets(start.given)
        if start.facts is None:
            return start
        redact = self.execution.redactor.redact
        facts = replace(
            start.facts,
            title=redact(start.facts.title)[0],
            symptom=redact(start.facts.symptom)[0],
            metric_name=redact(start.facts.metric_name)[0],
        )
        return replace(start, facts=facts)

    def _refuse_secrets(self, given: Mapping[str, ParamValue | None]) -> None:
        """Parameters are journaled and shown, and a hidden one could not be rendered: a secret has no place there."""
        for name, value in given.items():
            if isinstance(value, str) and self.execution.redactor.redact(value)[1]:
                raise BadInput(
                    f"parameter {name!r} looks like a secret, and parameters are shown and kept",
                    hint="declare it under `secrets` in `catalog.yaml`, and name it in the step as $NAME",
                )

    def _without_secrets(self, intent: Intent) -> Intent:
        if isinstance(intent, Approve | Edit | SettleUndo | SettleCheck):
            return intent
        return replace(intent, reason=self.execution.redactor.redact(intent.reason)[0])

    async def _append(self, run: Run, intent: Intent, ground: Ground) -> None:
        await self.ledger.append(Change(run=run, run_events=decide(run, intent, ground)))


def _refuse_withdrawn(suggestion: Suggestion) -> None:
    withdrawn = suggestion.withdrawn
    if withdrawn is None:
        return
    match withdrawn.reason:
        case "expired":
            raise Expired("the time to decide has passed, so nothing was done", hint="choose a runbook again")
        case "resolved":
            raise AlreadyDecided("the incident was resolved, so this suggestion is off")
        case "replaced" | "drifted":
            raise Stale(
                f"this suggestion is off: {withdrawn.detail or withdrawn.reason}",
                hint="look at the newest message in the thread",
            )


def _as_asked(policy: Policy, asked: Asked) -> Policy:
    return replace(policy, approvers=asked.approvers, source=asked.source)
