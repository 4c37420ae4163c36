"""Any people, in any order, on any runbook, with any outcome and any crash: the invariants hold and the run ends.

A model driver does what `what_next` says and lets chance choose what came of it: drift, a fallen approval, a place in
the line, success, failure with and without effect, an answer lost, a crash before the answer. Between any two of its
events anybody may want anything. Every event is held against the run as it stood (`lawful`). In the end the people
answer what they are asked, and the run must come to its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.schema import MetricCheck
from bot.errors import Refused
from bot.runs.decide import decide
from bot.runs.due import next_check, wants_baseline
from bot.runs.events import (
    ApprovalEscalated,
    ApprovalVoided,
    Asked,
    BaselineTaken,
    CheckJudged,
    Choice,
    Escalation,
    Event,
    Measured,
    ProposalId,
    ProposalVoided,
    Result,
    RunAdmitted,
    RunQueued,
    StepFinished,
    StepKey,
    StepNotPlanned,
    StepProbed,
    StepProposed,
    StepStarted,
    UndoBlocked,
    UndoChoice,
    UndoFinished,
    UndoStarted,
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
from bot.runs.next import (
    AskApproval,
    AskHuman,
    Done,
    Escalate,
    ReadState,
    Record,
    Recover,
    RecoverUndo,
    RunAction,
    RunCheck,
    RunUndo,
    Sleep,
    what_next,
)
from bot.runs.plan import Plan
from bot.runs.policy import Policy
from bot.runs.questions import next_nudge, nudge_of
from bot.runs.state import Run
from tests.core.given import ALICE, ALICE_BY_API, BOB, EVE, NOW, opened, plan, runbook, step
from tests.core.lawful import assert_lawful

PEOPLE = (ALICE, ALICE_BY_API, BOB, EVE)
APPROVERS = ("alice@acme.example", "U0BOB")
OUTCOMES = (
    *[("succeeded", "applied")] * 5,
    ("succeeded", "none"),
    ("failed", "none"),
    ("failed", "applied"),
    ("failed", "partial"),
    ("unknown", "unknown"),
)
PATIENCE = 300
"""How many turns a run may take to its end once the people answer; it needs a fraction of them."""


@dataclass
class Model:
    """One run, its time, and chance."""

    data: Any
    run: Run
    now: datetime = NOW
    proposals: int = 0
    runs_now: list[StepStarted | UndoStarted] = field(default_factory=list)
    """What was sent and has not answered yet."""
    is_calm: bool = False
    """Nothing goes wrong any more, and everybody answers."""

    def chance(self, *choices: Any) -> Any:
        return choices[0] if self.is_calm else self.data.draw(st.sampled_from(choices))

    def append(self, *events: Event) -> None:
        self.run = fold(events, self.run)

    # ------------------------------------------------------------ the driver

    def drive(self) -> bool:  # noqa: C901 - one arm per effect
        """One step forward; whether there is anything more to do without people or time."""
        if self.runs_now:
            self.answer(self.runs_now.pop())
            return True
        effect = what_next(self.run, self.now)
        match effect:
            case Record():
                self.append(*effect.events)
            case AskApproval():
                self.propose(effect.step, effect.reason)
            case Escalate():
                nobody = self.chance(False, False, True)
                to = Escalation(
                    entry=effect.entry,
                    approvers=() if nobody else ("U0EVE",),
                    expires_at=self.now if nobody else self.now + timedelta(minutes=10),
                    remind_at=self.chance(self.now + timedelta(minutes=5), None),
                )
                self.append(ApprovalEscalated(at=self.now, proposal_id=effect.proposal_id, to=to))
            case RunAction():
                self.run_action(effect.step, effect.proposal_id)
            case Recover():
                lost = Result(verdict="unknown", effect="unknown", summary="lost")
                self.append(
                    StepFinished(at=self.now, proposal_id=effect.proposal_id, step=effect.step, result=lost)
                )
            case RecoverUndo():
                lost = Result(verdict="unknown", effect="unknown", summary="lost")
                self.append(UndoFinished(at=self.now, step=effect.step, result=lost))
            case ReadState():
                self.append(
                    StepProbed(at=self.now, proposal_id=effect.proposal_id, step=effect.step, text="seen")
                )
            case RunUndo():
                self.undo(effect.step)
            case RunCheck():
                verdict = self.chance("better", "worse", "inconclusive")
                judged = CheckJudged(
                    at=self.now,
                    step=effect.due.step,
                    verdict=verdict,
                    sentence=verdict,
                    series=Measured(metric="errors"),
                )
                self.append(judged)
            case Done():
                question = next_nudge(self.run)
                if question is None or question.nudge_at is None or self.now < question.nudge_at:
                    return False
                self.append(nudge_of(question, self.now))
            case Sleep() | AskHuman():
                return False
        return True

    def propose(self, key: StepKey, reason: str) -> None:
        if self.chance(*[False] * 19, True):
            self.append(StepNotPlanned(at=self.now, step=key, message="no such dial"))
            return
        self.append(self.proposal(key, reason))

    def proposal(self, key: StepKey, reason: str, *, ask: bool = False) -> StepProposed:
        self.proposals += 1
        name = self.run.steps[key].step.name
        made = plan(name, changes=self.chance(*[True] * 6, False))
        return StepProposed(
            at=self.now,
            proposal_id=ProposalId(f"p{self.proposals}"),
            step=key,
            plan=made,
            digest=made.digest,
            asked=Asked(
                approvers=APPROVERS,
                min_approvals=self.chance(1, 2),
                allow_self_approval=self.chance(True, False),
                unattended=not ask and self.chance(True, False),
                escalate_to=self.chance((), ("leads",), ("leads", "pagerduty:oncall")),
            ),
            expires_at=self.now + timedelta(minutes=10),
            remind_at=self.chance(self.now + timedelta(minutes=5), None),
            reason=reason,
        )

    def run_action(self, key: StepKey, proposal_id: ProposalId) -> None:
        proposal = self.run.steps[key].proposal
        assert proposal is not None
        assert proposal.id == proposal_id
        fate = self.chance(*["start"] * 6, "drift", "fall", "wait") if proposal.started is None else "start"
        match fate:
            case "drift":
                void = ProposalVoided(at=self.now, proposal_id=proposal_id, reason="the state changed")
                self.append(void, *self.chance((), (self.proposal(key, "the state changed", ask=True),)))
                return
            case "fall" if proposal.agreed:
                fallen = self.chance(*proposal.agreed).person
                self.append(
                    ApprovalVoided(
                        at=self.now, proposal_id=proposal_id, person=fallen, reason="left the team"
                    )
                )
                return
            case "wait" if not self.has_locks(proposal.made.plan):
                self.append(RunQueued(at=self.now, waiting_for="web-1", position=1))
                return
        if not self.has_locks(proposal.made.plan):
            self.append(
                RunAdmitted(at=self.now, targets=("host:web-1",) if proposal.made.plan.changes else ())
            )
        made = proposal.started.plan if proposal.started else proposal.made.plan
        if made.changes and wants_baseline(self.run):
            self.append(BaselineTaken(at=self.now, series=(Measured(metric="errors"),)))
        self.send(StepStarted(at=self.now, proposal_id=proposal_id, step=key, plan=made))

    def has_locks(self, made: Plan) -> bool:
        """Let in, and with what a change needs; who has only looked so far waits for that in the line, too."""
        return self.run.admitted is not None and bool(self.run.admitted.targets or not made.changes)

    def undo(self, key: StepKey) -> None:
        if self.chance(*[False] * 5, True):
            self.append(UndoBlocked(at=self.now, step=key, reason="drift"))
            return
        self.send(UndoStarted(at=self.now, step=key, plan=plan(self.run.steps[key].step.name)))

    def send(self, started: StepStarted | UndoStarted) -> None:
        """Intent first; then it runs, or the bot dies right here."""
        self.append(started)
        if self.chance(*[True] * 9, False):
            self.runs_now.append(started)

    def answer(self, started: StepStarted | UndoStarted) -> None:
        if self.chance(*[False] * 9, True):
            return  # the bot died before the answer
        verdict, effect = self.chance(*OUTCOMES)
        result = Result(verdict=verdict, effect=effect, summary=verdict)
        match started:
            case StepStarted():
                self.append(
                    StepFinished(
                        at=self.now, proposal_id=started.proposal_id, step=started.step, result=result
                    )
                )
            case UndoStarted():
                self.append(UndoFinished(at=self.now, step=started.step, result=result))

    # ------------------------------------------------------------ the people

    def want(self, intent: Intent, who: Any, *, min_approvals: int = 1) -> bool:
        today = Policy(
            asks=True,
            approvers=APPROVERS,
            source="step",
            min_approvals=min_approvals,
            allow_self_approval=self.chance(True, False),
            risk="",
            message="",
            override=self.chance(("U0EVE",), ("U0EVE",), ()),
        )
        try:
            events = decide(self.run, intent, Ground(caller=who, policy=today, now=self.now))
        except Refused:
            return False
        assert events
        self.append(*events)
        return True

    def want_anything(self) -> None:
        proposals = [one for state in self.run.steps.values() for one in state.proposals]
        ids = [one.id for one in proposals] or [ProposalId("p0")]
        chosen = self.data.draw(st.sampled_from(ids))
        digests = {one.id: one.made.digest for one in proposals}
        digest = self.chance(digests.get(chosen, ""), digests.get(chosen, ""), "0" * 64)
        key = self.data.draw(st.sampled_from(sorted(self.run.steps, key=str)))
        intents: tuple[Intent, ...] = (
            Approve(proposal_id=chosen, digest=digest),
            Approve(proposal_id=chosen, digest=digest),
            Approve(proposal_id=chosen, digest=digest),
            Override(proposal_id=chosen, digest=digest, reason=self.chance("nobody wakes up", "")),
            Reject(proposal_id=chosen, reason="no"),
            Skip(proposal_id=chosen),
            Edit(proposal_id=chosen, params={"level": self.proposals}),
            Settle(proposal_id=chosen, choice=self.data.draw(st.sampled_from(get_args(Choice)))),
            RequestUndo(),
            UndoOne(step=key),
            SettleUndo(
                step=key,
                choice=self.data.draw(st.sampled_from(get_args(UndoChoice))),
                goes_on=self.chance(True, False),
            ),
            SettleCheck(
                step=self.chance(key, None), choice=self.data.draw(st.sampled_from(["keep", "undo"]))
            ),
            Cancel(),
        )
        self.want(self.data.draw(st.sampled_from(intents)), self.data.draw(st.sampled_from(PEOPLE)))

    def answer_what_is_asked(self) -> None:
        """The people do what the run waits for; a finished one is undone."""
        state = self.run.current
        unknown = next((one for one in self.run.steps.values() if one.status == "undo_unknown"), None)
        due = next_check(self.run)
        if self.run.is_finished:
            self.undo_what_is_left()
        elif self.run.is_undoing and unknown is not None:
            assert self.want(SettleUndo(step=unknown.key, choice="done"), BOB)
        elif state is not None and state.proposal is not None and state.proposal.is_unknown:
            assert self.want(Settle(proposal_id=state.proposal.id, choice="done"), BOB)
        elif due is not None and due.checked is not None:
            assert self.want(SettleCheck(step=due.step, choice=self.chance("keep", "undo")), BOB)
        elif due is not None:
            self.now = max(self.now, due.at)
        elif state is not None and state.proposal is not None:
            made = state.proposal.made
            agreed = [
                self.want(Approve(proposal_id=made.proposal_id, digest=made.digest), who)
                for who in (ALICE, BOB)
            ]
            if not any(agreed):
                self.now += timedelta(minutes=10)  # nobody may; its time passes

    def undo_what_is_left(self) -> None:
        """What a walk can still undo, it does; what stopped it, people say they did by hand."""
        if self.want(RequestUndo(), BOB) or not self.run.with_effect:
            return
        left = self.chance(*self.run.with_effect)
        assert self.want(SettleUndo(step=left.key, choice="done"), BOB)


waits = st.sampled_from([None, None, 60.0, 400.0]).map(
    lambda wait_s: None if wait_s is None else MetricCheck(metric_name="errors", check_after_s=wait_s)
)
runbooks = st.builds(
    lambda steps, after, back, check: runbook(
        *[step(f"s{place}", idempotent=one, check=check) for place, (one, check) in enumerate(steps)],
        on_reject=tuple(step(f"r{place}", check=one) for place, one in enumerate(after)),
        rollback_on_failure=back,
        metric_check=check,
    ),
    st.lists(st.tuples(st.booleans(), waits), min_size=1, max_size=3),
    st.lists(waits, max_size=1),
    st.booleans(),
    waits,
)


@settings(max_examples=400, deadline=None)
@given(st.data(), runbooks, st.sampled_from([None, ALICE.actor, BOB.actor]), st.booleans())
def test_whatever_happens_the_invariants_hold_and_the_run_ends(
    data: Any, book: Any, requester: Any, dry_run: bool
) -> None:
    model = Model(data=data, run=fold([opened(book, requester=requester, dry_run=dry_run)]))
    for _ in range(data.draw(st.integers(0, 60))):
        match data.draw(st.sampled_from([*["on"] * 8, "want", "want", "time", "die"])):
            case "on":
                if not model.drive():
                    model.answer_what_is_asked()
            case "want":
                model.want_anything()
            case "time":
                model.now += timedelta(minutes=data.draw(st.integers(1, 6)))
            case "die":
                model.runs_now.clear()
    assert_lawful(model.run.events)
    model.is_calm = True
    for _ in range(PATIENCE):
        if not model.drive():
            if model.run.is_finished:
                break
            model.answer_what_is_asked()
    assert model.run.is_finished
    assert_lawful(model.run.events)
    assert what_next(model.run, model.now) == Done()
