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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import assert_never
from uuid import uuid4

import structlog

from bot.actions.base import Action
from bot.catalog.schema import Catalog
from bot.engine.admission import Admission, lockable
from bot.engine.clock import Clock
from bot.engine.escalating import next_asked
from bot.engine.execution import Execution
from bot.engine.ledger import Ledger
from bot.engine.making import Made, Maker, NotMade
from bot.engine.measuring import Measuring
from bot.engine.ports import Directory
from bot.engine.proposing import changes_between, memberships_of, proposed
from bot.engine.run_writer import RETRY_JOURNAL_S, RunWriter
from bot.engine.suggesting import starters_for
from bot.engine.walking import Walking
from bot.errors import NotPermitted
from bot.runs.due import Due, wants_baseline
from bot.runs.events import (
    ApprovalEscalated,
    ApprovalVoided,
    Event,
    ProposalId,
    ProposalVoided,
    Result,
    RunAdmitted,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepProbed,
    StepStarted,
    UndoFinished,
)
from bot.runs.next import (
    AskApproval,
    AskHuman,
    Done,
    Escalate,
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
from bot.runs.plan import Plan
from bot.runs.policy import Policy, override_trouble, standing
from bot.runs.state import Proposal, Run, StepState

log = structlog.get_logger()

INTERRUPTED = "the bot was stopped while this ran, and its answer was lost"


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

    async def perform(  # noqa: C901 - one arm per effect
        self, run: Run, effect: NextEffect
    ) -> asyncio.Event | None:
        """Carry one effect out. None: look again at once; an event: nothing to do until it is set (or the run changes).

        Raises `VersionConflict` when somebody else was first: read the run again and ask `what_next` anew.
        """
        match effect:
            case Record():
                await self.writer.append(run, *effect.events)
            case AskApproval():
                await self._propose(run, effect.step, effect.reason)
            case Escalate():
                await self._escalate(run, effect)
            case RunAction():
                return await self._run_action(run, effect.step, effect.proposal_id)
            case Recover():
                await self._recover(run, effect.step, effect.proposal_id)
            case ReadState():
                await self._read_state(run, effect.step, effect.proposal_id)
            case RunUndo():
                return await self.walking.undo(run, effect.step)
            case RecoverUndo():
                await self.writer.append(
                    run, UndoFinished(at=self.clock.now(), step=effect.step, result=_lost(INTERRUPTED))
                )
            case RunCheck():
                await self._check(run, effect.due)
            case AskHuman() | Sleep() | Done():
                raise AssertionError(f"{type(effect).__name__} is for the worker, not for the driver")
            case _:
                assert_never(effect)
        return None

    @cached_property
    def writer(self) -> RunWriter:
        """What appends to the run that is driven."""
        return RunWriter(
            ledger=self.ledger,
            admission=self.admission,
            clock=self.clock,
            retry_journal_s=self.retry_journal_s,
        )

    @cached_property
    def walking(self) -> Walking:
        """What takes it back."""
        return Walking(writer=self.writer, maker=self.maker, execution=self.execution, action=self.action)

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
            await self.writer.append(run, StepNotPlanned(at=self.clock.now(), step=key, message=message))
            return
        event = await self._proposal(run, key, made, reason, ask=ask)
        await self.writer.append(run, event)

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

    async def _escalate(self, run: Run, effect: Escalate) -> None:
        proposal = run.steps[effect.step].proposal
        assert proposal is not None
        to = await next_asked(
            run,
            effect.step,
            effect.entry,
            maker=self.maker,
            directory=self.directory,
            now=self.clock.now(),
            lasts=proposal.made.expires_at - proposal.made.at,
        )
        event = ApprovalEscalated(at=self.clock.now(), proposal_id=effect.proposal_id, to=to)
        await self.writer.append(run, event)

    # ------------------------------------------------------------ executing

    async def _run_action(self, run: Run, key: StepKey, proposal_id: ProposalId) -> asyncio.Event | None:
        state = run.steps[key]
        proposal = state.proposal
        assert proposal is not None
        assert proposal.id == proposal_id
        if proposal.started is not None:
            return await self._run_again(run, state, proposal, proposal.started.plan)
        if not await self._still_allowed(run, state, proposal):
            # It waits for people again, and people hold up nobody.
            if run.admitted is None:
                await self.admission.leave(run.id)
            else:
                self.admission.step_out(run.id)
            return None
        freed = self.admission.freed()
        entered = await self.writer.let_in(run, lockable(proposal.made.plan))
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
        in_the_way = await self.writer.let_in_more(run, lockable(made.plan), entered)
        if in_the_way is not None:
            holder = await self.admission.name_of(in_the_way.run_id)
            reason = f"{in_the_way.name.replace(':', ' ', 1)} is held by {holder} now"
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
        entered = await self.writer.let_in(run, lockable(plan))
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
        policy = policy.decided_by(self._starters(run, run.environment))
        if proposal.overridden is not None:
            return await self._still_overridden(run, proposal, proposal.overridden, policy)
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
            await self.writer.append(run, *events)
        return not fallen

    async def _still_overridden(
        self, run: Run, proposal: Proposal, override: StepOverridden, policy: Policy
    ) -> bool:
        """Whoever broke glass stands for all others, so their right to it is held against the rules of this moment."""
        memberships = await memberships_of(policy.override, self.directory)
        now = self.clock.now()
        trouble = override_trouble(policy, override, memberships, now=now)
        if trouble:
            person = override.actor.person
            fallen = ApprovalVoided(at=now, proposal_id=proposal.id, person=person, reason=trouble)
            await self.writer.append(run, fallen)
        return not trouble

    async def _void(
        self, run: Run, proposal: Proposal, reason: str, *, entered: Sequence[RunAdmitted] = ()
    ) -> None:
        await self.writer.append(
            run, *entered, ProposalVoided(at=self.clock.now(), proposal_id=proposal.id, reason=reason)
        )

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
        await self.writer.append(run, *entered, void, fresh)

    async def _execute(
        self, run: Run, state: StepState, proposal: Proposal, plan: Plan, *, entered: Sequence[Event]
    ) -> None:
        started = StepStarted(at=self.clock.now(), proposal_id=proposal.id, step=state.key, plan=plan)
        run = await self.writer.append(run, *entered, started)
        result, artifacts = await self.execution.run(
            run, plan, expect=state.step.expect, name=state.step.name, dry_run=run.opened.dry_run
        )
        await self.writer.append_fact(
            run,
            StepFinished(at=self.clock.now(), proposal_id=proposal.id, step=state.key, result=result),
            artifacts,
        )

    # ------------------------------------------------------------ unknown outcomes

    async def _recover(
        self, run: Run, key: StepKey, proposal_id: ProposalId, *, entered: Sequence[RunAdmitted] = ()
    ) -> None:
        found = run.steps[key].proposal
        only_looked = found is not None and found.started is not None and not found.started.plan.changes
        result = replace(_lost(INTERRUPTED), effect="none") if only_looked else _lost(INTERRUPTED)
        event = StepFinished(at=self.clock.now(), proposal_id=proposal_id, step=key, result=result)
        await self.writer.append(run, *entered, event)

    async def _read_state(self, run: Run, key: StepKey, proposal_id: ProposalId) -> None:
        proposal = run.steps[key].proposal
        assert proposal is not None
        assert proposal.started is not None
        plan = proposal.started.plan
        text, state = await self.execution.probe(plan)
        await self.writer.append(
            run,
            StepProbed(at=self.clock.now(), proposal_id=proposal_id, step=key, text=text, state=dict(state)),
        )

    # ------------------------------------------------------------ checks

    async def _check(self, run: Run, due: Due) -> None:
        """Judge a metric. It only reads, so a conflict (a cancel, a second driver) simply drops what was read."""
        judged, artifacts = await self.measuring.check(run, due)
        await self.writer.append(run, judged, artifacts=artifacts)


def _sends_the_same(now: Plan, then: Plan) -> bool:
    """Whether two plans of one step do the same to the same things, whatever the state is that they start from."""
    return (now.type, now.input, now.targets, now.will_run) == (
        then.type,
        then.input,
        then.targets,
        then.will_run,
    )


def _lost(summary: str) -> Result:
    return Result(verdict="unknown", effect="unknown", summary=summary)
