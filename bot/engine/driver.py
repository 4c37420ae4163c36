"""One run, one step forward: performs exactly what `runs.next.what_next` says and appends what happened.

The order inside one step is the product's promise:

    rules of today  →  slot and locks  →  state read again, same digest?  →  StepStarted committed  →  execute
                                                                             →  StepFinished committed

Races and where they end:
- A decision lands while this prepares: the append of StepStarted names the version it was decided on, so one of the
  two gets `VersionConflict`, and the caller looks again. Nothing was sent yet.
- A cancel lands while a step runs: the driver watches the run, sets `progress.stop`, and the outcome is appended on
  top of whatever the run has become; an outcome is a fact and never lost to a conflict.
- The process dies between StepStarted and StepFinished: the next start sees it in the fold (`Recover`), and nothing is
  sent again unless the step is declared idempotent.
- The journal is away when an outcome is due: it is kept here and appended when the journal is back. If the process
  dies first, the outcome is unknown, which is the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never
from uuid import uuid4

import structlog

from bot.actions.base import Action
from bot.catalog.schema import Catalog, Expect
from bot.engine.admission import Admission, lockable
from bot.engine.clock import Clock
from bot.engine.execution import Execution
from bot.engine.ledger import Change, Ledger
from bot.engine.making import Made, Maker, NotMade, parse_input
from bot.engine.measuring import Measuring
from bot.engine.planning import plan_of
from bot.engine.ports import Directory
from bot.engine.proposing import changes_between, memberships_of, proposed
from bot.engine.suggesting import starters_for
from bot.errors import ActionError, JournalUnavailable, NotPermitted, Refused, VersionConflict
from bot.journal.base import Hold
from bot.runs.due import Due, wants_baseline
from bot.runs.events import (
    ApprovalVoided,
    Event,
    ProposalId,
    ProposalVoided,
    Result,
    RunAdmitted,
    RunQueued,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepProbed,
    StepStarted,
    UndoBlocked,
    UndoFinished,
    UndoStarted,
)
from bot.runs.next import (
    AskApproval,
    AskHuman,
    Done,
    NextEffect,
    ReadState,
    Record,
    Recover,
    RecoverUndo,
    RunAction,
    RunCheck,
    RunUndo,
    Sleep,
)
from bot.runs.plan import Artifact, Plan, Undo
from bot.runs.policy import standing
from bot.runs.state import Proposal, Run, StepState

log = structlog.get_logger()

INTERRUPTED = "the bot was stopped while this ran, and its answer was lost"
RETRY_JOURNAL_S = 1.0

Fact = StepFinished | UndoFinished
"""What came of something that was sent; it is recorded whatever else happened meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Performs effects. Holds no run; everything it needs is read when it is needed."""

    ledger: Ledger
    maker: Maker
    admission: Admission
    execution: Execution
    measuring: Measuring
    directory: Directory
    catalog: Callable[[], Catalog]
    action: Callable[[str], Action]
    clock: Clock
    retry_journal_s: float = RETRY_JOURNAL_S

    async def perform(self, run: Run, effect: NextEffect) -> asyncio.Event | None:
        """Carry one effect out. None: look again at once; an event: nothing to do until it is set (or the run changes).

        Raises `VersionConflict` when somebody else was first: read the run again and ask `what_next` anew.
        """
        match effect:
            case Record():
                await self._append(run, *effect.events)
            case AskApproval():
                await self._propose(run, effect.step, effect.reason)
            case RunAction():
                return await self._run_action(run, effect.step, effect.proposal_id)
            case Recover():
                await self._recover(run, effect.step, effect.proposal_id)
            case ReadState():
                await self._read_state(run, effect.step, effect.proposal_id)
            case RunUndo():
                return await self._run_undo(run, effect.step)
            case RecoverUndo():
                await self._append(
                    run, UndoFinished(at=self.clock.now(), step=effect.step, result=_lost(INTERRUPTED))
                )
            case RunCheck():
                await self._check(run, effect.due)
            case AskHuman() | Sleep() | Done():
                raise AssertionError(f"{type(effect).__name__} is for the worker, not for the driver")
            case _:
                assert_never(effect)
        return None

    async def _append(self, run: Run, *events: Event, artifacts: Sequence[Artifact] = ()) -> Run:
        _, after = await self.ledger.append(
            Change(run=run, run_events=tuple(events), artifacts=tuple(artifacts))
        )
        assert after is not None
        return after

    # ------------------------------------------------------------ proposing

    async def _propose(self, run: Run, key: StepKey, reason: str, *, ask: bool = False) -> None:
        """Append a proposal, or that there can be none. `ask`: a human is asked even where a tag would not.

        What was put to people once stays theirs: neither an edit nor a void lets it run by itself after all. And what
        is left after a first part is there to be asked for, whatever a tag says.
        """
        before = run.steps[key].proposal
        ask = ask or (before is not None and (not before.made.asked.unattended or before.leaves_more))
        try:
            made = await self.maker.make(run, key)
        except NotMade as problem:
            message = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
            await self._append(run, StepNotPlanned(at=self.clock.now(), step=key, message=message))
            return
        event = await self._proposal(run, key, made, reason, ask=ask)
        await self._append(run, event)

    async def _proposal(self, run: Run, key: StepKey, made: Made, reason: str, *, ask: bool) -> Event:
        """The proposal, or that there is none because nobody is left who could decide it."""
        is_unattended = made.is_unattended and not ask
        starters = () if is_unattended else self._starters(run, made.environment)
        if not is_unattended and not made.policy.approvers and not starters:
            message = f"step {run.steps[key].step.name} has to be decided, but nobody is named who may"
            return StepNotPlanned(at=self.clock.now(), step=key, message=message)
        return await proposed(
            made,
            key=key,
            step=run.steps[key].step,
            proposal_id=ProposalId(uuid4().hex),
            reason=reason,
            unattended=is_unattended,
            directory=self.directory,
            now=self.clock.now(),
            approvers=starters,
        )

    def _starters(self, run: Run, environment: str) -> tuple[str, ...]:
        """Who decides a step for which the rules name nobody, because a tag lets it run unattended."""
        return starters_for(self.catalog(), run.runbook, run.opened.service, environment)

    # ------------------------------------------------------------ executing

    async def _run_action(self, run: Run, key: StepKey, proposal_id: ProposalId) -> asyncio.Event | None:
        state = run.steps[key]
        proposal = state.proposal
        assert proposal is not None
        assert proposal.id == proposal_id
        if proposal.started is not None:
            return await self._run_again(run, state, proposal, proposal.started.plan)
        if not await self._still_allowed(run, state, proposal):
            if run.admitted is None:
                await self.admission.leave(run.id)  # it waits for people again, and people hold up nobody
            return None
        freed = self.admission.freed()
        entered = await self._admit(run, lockable(proposal.made.plan))
        if entered is None:
            return freed
        first: Sequence[Event] = ()
        if proposal.made.plan.changes and wants_baseline(run):
            # Read before the state is, so that nothing stands between reading the state and acting on it.
            first = (await self.measuring.baseline(run),)
        try:
            made = await self.maker.make(run, key)
        except NotMade as problem:
            reason = f"it can no longer be proposed: {problem.message}"
            await self._void(run, proposal, reason, entered=entered)
            return None
        if made.plan.digest != proposal.made.digest and not run.opened.dry_run:
            await self._drifted(run, key, proposal, made, entered=entered)
            return None
        in_the_way = await self._try_more(run, lockable(made.plan), entered)
        if in_the_way is not None:
            holder = await self.admission.name_of(in_the_way.run_id)
            reason = f"{in_the_way.name.partition(':')[2]} is held by {holder} now"
            await self._void(run, proposal, reason, entered=entered)
            await self._propose(await self.ledger.run(run.id), key, reason, ask=True)
            return None
        await self._execute(run, state, proposal, made.plan, entered=(*entered, *first))
        return None

    async def _run_again(
        self, run: Run, state: StepState, proposal: Proposal, plan: Plan
    ) -> asyncio.Event | None:
        """Send an idempotent step once more, as it was approved; its first try may have moved what is guarded.

        The plan is the one that was started, so its undo still leads back to before the first try. Where the step
        would now send something else, or cannot be planned at all, its outcome is unknown and people decide.
        """
        freed = self.admission.freed()
        entered = await self._admit(run, lockable(plan))
        if entered is None:
            return freed
        if not run.opened.dry_run:
            try:
                made = await self.maker.make(run, state.key)
            except NotMade:
                made = None
            if made is None or not _sends_the_same(made.plan, plan):
                await self._recover(run, state.key, proposal.id, entered=entered)
                return None
        await self._execute(run, state, proposal, plan, entered=entered)
        return None

    async def _still_allowed(self, run: Run, state: StepState, proposal: Proposal) -> bool:
        """Hold the approvals against the rules of this moment; what no longer counts is voided, and said."""
        asked = proposal.made.asked
        try:
            policy = self.maker.policy(run, state.key)
        except NotPermitted as refusal:
            await self._void(run, proposal, refusal.message)
            return False
        if asked.unattended:
            if policy.asks and not run.opened.dry_run:
                await self._void(run, proposal, "the rules of today ask for a decision here")
                return False
            return True
        if not policy.approvers:
            policy = replace(policy, approvers=self._starters(run, run.environment))
        if policy.min_approvals > asked.min_approvals:
            await self._void(run, proposal, f"the rules of today ask for {policy.min_approvals} approvals")
            return False
        fallen = standing(
            policy,
            proposal.approvals,
            await memberships_of(policy.approvers, self.directory),
            requester=run.requester,
            now=self.clock.now(),
        )
        if fallen:
            events = [
                ApprovalVoided(
                    at=self.clock.now(),
                    proposal_id=proposal.id,
                    person=one.actor.person,
                    reason=reason,
                )
                for one, reason in fallen
            ]
            await self._append(run, *events)
        return not fallen

    async def _void(
        self, run: Run, proposal: Proposal, reason: str, *, entered: Sequence[RunAdmitted] = ()
    ) -> None:
        await self._append(
            run, *entered, ProposalVoided(at=self.clock.now(), proposal_id=proposal.id, reason=reason)
        )

    async def _admit(self, run: Run, targets: Sequence[str]) -> tuple[RunAdmitted, ...] | None:
        """Take slot and locks, or None while the run waits; the place in the line is journaled.

        That it was let in is for the caller to append, in one commit with what it does next: the holds themselves
        are in the journal already, and a click should not wait for the disk once more than it must.
        """
        if run.admitted is not None or run.opened.dry_run:
            return ()
        wait = await self.admission.enter(run, targets)
        if wait is None:
            return (RunAdmitted(at=self.clock.now(), targets=tuple(targets)),)
        said = run.queued
        if said is None or (said.waiting_for, said.position) != (wait.waiting_for, wait.position):
            event = RunQueued(at=self.clock.now(), waiting_for=wait.waiting_for, position=wait.position)
            await self._append(run, event)
        return None

    async def _try_more(
        self, run: Run, targets: Sequence[str], entered: Sequence[RunAdmitted]
    ) -> Hold | None:
        """What is in the way of targets the run was not let in with; those it was, it holds until it ends."""
        known = [*entered, run.admitted] if run.admitted is not None else entered
        held = {target for admitted in known for target in admitted.targets}
        if held.issuperset(targets):
            return None
        return await self.admission.try_more(run, targets)

    async def _drifted(
        self, run: Run, key: StepKey, proposal: Proposal, made: Made, *, entered: Sequence[RunAdmitted]
    ) -> None:
        """What was approved is not what would run: the approvals are void, and a new proposal says what changed."""
        changes = changes_between(proposal.made.plan, made.plan)
        reason = "the state changed since this was proposed"
        now = self.clock.now()
        void = ProposalVoided(at=now, proposal_id=proposal.id, reason=reason, changes=changes)
        text = f"{reason}: {'; '.join(changes)}" if changes else reason
        fresh = await self._proposal(run, key, made, text, ask=True)
        await self._append(run, *entered, void, fresh)

    async def _execute(
        self, run: Run, state: StepState, proposal: Proposal, plan: Plan, *, entered: Sequence[Event]
    ) -> None:
        started = StepStarted(at=self.clock.now(), proposal_id=proposal.id, step=state.key, plan=plan)
        run = await self._append(run, *entered, started)
        result, artifacts = await self.execution.run(
            run, plan, expect=state.step.expect, name=state.step.name, dry_run=run.opened.dry_run
        )
        await self._append_fact(
            run,
            StepFinished(at=self.clock.now(), proposal_id=proposal.id, step=state.key, result=result),
            artifacts,
        )

    async def _append_fact(self, run: Run, event: Fact, artifacts: Sequence[Artifact] = ()) -> None:
        """Append what happened, on top of whatever the run has become, however long it takes.

        An append that the journal could not confirm may have landed: the conflict that the next try then meets is
        with itself, and the run shows that it has this outcome already.
        """
        is_unsure = False
        while True:
            try:
                await self._append(run, event, artifacts=artifacts)
            except VersionConflict:
                run = await self._reread(run)
                if is_unsure and _is_recorded(run, event):
                    return
            except JournalUnavailable as problem:
                log.error("outcome-not-recorded-yet", run=run.id, reason=problem.message)
                is_unsure = True
                await asyncio.sleep(self.retry_journal_s)
            else:
                return

    async def _reread(self, run: Run) -> Run:
        """The run as it is now, as soon as it can be read."""
        while True:
            try:
                return await self.ledger.run(run.id)
            except JournalUnavailable as problem:
                log.error("outcome-not-recorded-yet", run=run.id, reason=problem.message)
                await asyncio.sleep(self.retry_journal_s)

    # ------------------------------------------------------------ unknown outcomes

    async def _recover(
        self, run: Run, key: StepKey, proposal_id: ProposalId, *, entered: Sequence[RunAdmitted] = ()
    ) -> None:
        event = StepFinished(
            at=self.clock.now(), proposal_id=proposal_id, step=key, result=_lost(INTERRUPTED)
        )
        await self._append(run, *entered, event)

    async def _read_state(self, run: Run, key: StepKey, proposal_id: ProposalId) -> None:
        proposal = run.steps[key].proposal
        assert proposal is not None
        assert proposal.started is not None
        plan = proposal.started.plan
        text, state = await self.execution.probe(plan)
        await self._append(
            run,
            StepProbed(at=self.clock.now(), proposal_id=proposal_id, step=key, text=text, state=dict(state)),
        )

    # ------------------------------------------------------------ checks

    async def _check(self, run: Run, due: Due) -> None:
        """Judge a metric. It only reads, so a conflict (a cancel, a second driver) simply drops what was read."""
        judged, artifacts = await self.measuring.check(run, due)
        await self._append(run, judged, artifacts=artifacts)

    # ------------------------------------------------------------ walking back

    async def _run_undo(self, run: Run, key: StepKey) -> asyncio.Event | None:
        state = run.steps[key]
        undo = state.undo or Undo(text="nothing was captured before it ran")
        if undo.kind != "step":
            words = undo.text if undo.kind == "none" else f"by hand: {undo.text}"
            await self._append(run, UndoBlocked(at=self.clock.now(), step=key, reason=words))
            return None
        try:
            plan = await self._undo_plan(run, key, undo)
        except (Refused, ActionError) as problem:
            await self._append(run, UndoBlocked(at=self.clock.now(), step=key, reason=problem.message))
            return None
        freed = self.admission.freed()
        entered = await self._admit(run, lockable(plan))
        if entered is None:
            return freed
        in_the_way = await self._try_more(run, lockable(plan), entered)
        if in_the_way is not None:
            holder = await self.admission.name_of(in_the_way.run_id)
            reason = f"{in_the_way.name.partition(':')[2]} is held by {holder} now"
            blocked = UndoBlocked(at=self.clock.now(), step=key, reason=reason)
            await self._append(run, *entered, blocked)
            return None
        run = await self._append(run, *entered, UndoStarted(at=self.clock.now(), step=key, plan=plan))
        expect = tuple(Expect.model_validate(one) for one in undo.expect)
        result, artifacts = await self.execution.run(
            run, plan, expect=expect, name=f"undo-{state.step.name}", dry_run=False
        )
        await self._append_fact(run, UndoFinished(at=self.clock.now(), step=key, result=result), artifacts)
        return None

    async def _undo_plan(self, run: Run, key: StepKey, undo: Undo) -> Plan:
        """The frozen inverse against the state of now; `Refused` when it would do something else than was shown."""
        action = self.action(undo.type)
        scope = self.maker.scope(run, key=f"undo/{key}", timeout_s=undo.timeout_s)
        plan = await plan_of(action, parse_input(action, undo.input, step_name="undo"), scope)
        if plan.targets != undo.targets or plan.will_run != undo.will_run:
            raise Refused(
                f"the undo would now run {' '.join(plan.will_run)!r} instead of what was approved with the step"
            )
        drift = _drift(undo.guarded, plan.guarded)
        if drift:
            raise Refused(f"the state is not what the step left behind: {drift}")
        return replace(plan, undo=Undo(text="an undo is not undone by the bot"))


def _is_recorded(run: Run, fact: Fact) -> bool:
    return any(
        isinstance(one, StepFinished | UndoFinished)
        and (type(one), one.at, one.step) == (type(fact), fact.at, fact.step)
        for one in run.events
    )


def _sends_the_same(now: Plan, then: Plan) -> bool:
    """Whether two plans of one step do the same to the same things, whatever the state is that they start from."""
    return (now.type, now.input, now.targets, now.will_run) == (
        then.type,
        then.input,
        then.targets,
        then.will_run,
    )


def _drift(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    changes = [
        f"{name} is {found.get(name)!r}, expected {value!r}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    return "; ".join(changes)


def _lost(summary: str) -> Result:
    return Result(verdict="unknown", effect="unknown", summary=summary)
