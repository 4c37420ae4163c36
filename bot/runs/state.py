"""A run as the fold of its events: which step stands where, what was decided, what still has an effect.

Every value here is frozen and made anew by each event. Nothing is stored that can be derived: statuses are
properties. The words a step can be in:

    pending ─▶ proposed ─▶ approved ─▶ running ─▶ succeeded
                  │                       ├─▶ failed
                  │                       └─▶ unknown ─(a human)─▶ succeeded (done) | pending (again) | stopped
                  ├─▶ rejected | expired | skipped | voided (a new proposal follows)
    an effect can end as: undone | undo failed | undo unknown | undo blocked | left (a human chose to leave it)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from bot.catalog.schema import Runbook, Step
from bot.runs.events import (
    Actor,
    Asked,
    BaselineTaken,
    CancelRequested,
    CheckJudged,
    CheckSettled,
    Escalation,
    Event,
    IncidentId,
    ParamsEdited,
    ProposalExpired,
    ProposalId,
    ProposalVoided,
    Result,
    RunAdmitted,
    RunFinished,
    RunId,
    RunOpened,
    RunQueued,
    StepApproved,
    StepKey,
    StepNotPlanned,
    StepOverridden,
    StepProbed,
    StepProposed,
    StepRejected,
    StepSkipped,
    StepStarted,
    UndoBlocked,
    UndoRequested,
    UndoSettled,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.plan import Effect, JsonObject, Undo

RunStatus = Literal[
    "queued",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "rejected",
    "expired",
    "cancelled",
    "rolled_back",
    "rollback_incomplete",
]
StepStatus = Literal[
    "pending",
    "proposed",
    "approved",
    "running",
    "succeeded",
    "failed",
    "unknown",
    "rejected",
    "expired",
    "skipped",
    "voided",
    "not_planned",
    "stopped",
    "undoing",
    "undone",
    "undo_failed",
    "undo_unknown",
    "undo_blocked",
    "undo_left",
]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One proposal of a step and everything that came of it: decisions, start, result, settlement."""

    made: StepProposed
    approvals: tuple[StepApproved, ...] = ()
    overridden: StepOverridden | None = None
    escalations: tuple[Escalation, ...] = ()
    reminded: bool = False
    """Since it was made, or since the last escalation."""
    rejected: StepRejected | None = None
    skips: tuple[StepSkipped, ...] = ()
    edited: ParamsEdited | None = None
    voided: ProposalVoided | None = None
    expired: ProposalExpired | None = None
    started: StepStarted | None = None
    result: Result | None = None
    finished_at: datetime | None = None
    probed: StepProbed | None = None
    settled: UnknownSettled | None = None

    @property
    def id(self) -> ProposalId:
        """What a click names."""
        return self.made.proposal_id

    @property
    def asked(self) -> Asked:
        """Everybody who was asked so far."""
        return asked_with(self.made.asked, self.escalations)

    @property
    def expires_at(self) -> datetime:
        """When the time to decide is over, for those who were asked last."""
        return self.escalations[-1].expires_at if self.escalations else self.made.expires_at

    @property
    def remind_at(self) -> datetime | None:
        """When those who were asked last are reminded."""
        return self.escalations[-1].remind_at if self.escalations else self.made.remind_at

    @property
    def is_open(self) -> bool:
        """Whether it can still be decided or started."""
        ended = self.rejected or self.skipped or self.edited or self.voided or self.expired or self.started
        return ended is None

    @property
    def skipped(self) -> StepSkipped | None:
        """The skip that made it so: skipping needs as many people as approving."""
        return self.skips[-1] if _people(self.skips) >= max(1, self.made.asked.min_approvals) else None

    @property
    def has_quorum(self) -> bool:
        """Whether as many different people agreed as were asked for; unattended, or overridden, it needs none."""
        if self.made.asked.unattended or self.overridden is not None:
            return True
        return _people(self.approvals) >= self.made.asked.min_approvals

    @property
    def agreed(self) -> tuple[Actor, ...]:
        """Everybody who agreed to it, also whoever broke glass."""
        over = () if self.overridden is None else (self.overridden.actor,)
        return (*(one.actor for one in self.approvals), *over)

    @property
    def is_interrupted(self) -> bool:
        """Started, and no outcome is recorded."""
        return self.started is not None and self.result is None

    @property
    def is_unknown(self) -> bool:
        """Its outcome is unknown and nobody has settled it."""
        return self.result is not None and self.result.verdict == "unknown" and self.settled is None

    @property
    def ended_at(self) -> datetime | None:
        """When it was over, as far as anybody knew; None before."""
        return self.settled.at if self.settled is not None else self.finished_at

    @property
    def leaves_more(self) -> bool:
        """It succeeded, and the same step has a further part that nobody has agreed to yet."""
        return self.status == "succeeded" and bool(self.made.plan.more)

    @property
    def touched(self) -> frozenset[str]:
        """Keys of the targets it may have changed: those its outcome names, else all of them."""
        if self.effect == "none" or self.started is None:
            return frozenset()
        named = self.result.undo_fill.get("touched") if self.result is not None else None
        keys = (target.key for target in self.started.plan.targets)
        return frozenset(named if isinstance(named, list) else keys)

    @property
    def effect(self) -> Effect:
        """What it may have changed; a human's "done" makes an unknown effect an applied one."""
        if self.started is None:
            return "none"
        if self.result is None:
            return "unknown"
        if self.settled is not None and self.settled.choice == "done":
            return "applied"
        return self.result.effect

    @property
    def status(self) -> StepStatus:
        """The word for it, see the module's diagram."""
        ended: tuple[tuple[object, StepStatus], ...] = (
            (self.voided, "voided"),
            (self.edited, "voided"),
            (self.rejected, "rejected"),
            (self.skipped, "skipped"),
            (self.expired, "expired"),
        )
        for what, word in ended:
            if what is not None:
                return word
        if self.result is not None:
            return self._after_result(self.result)
        if self.started is not None:
            return "running"
        return "approved" if self.has_quorum else "proposed"

    def _after_result(self, result: Result) -> StepStatus:
        if self.settled is None:
            return result.verdict
        match self.settled.choice:
            case "done":
                return "succeeded"
            case "again":
                return "voided"
            case "undo" | "stop":
                return "stopped"
            case _:
                assert_never(self.settled.choice)


def asked_with(asked: Asked, escalations: Sequence[Escalation]) -> Asked:
    """Those who were asked first, and those after them."""

    def and_then(first: tuple[str, ...], name: str) -> tuple[str, ...]:
        later = (entry for one in escalations for entry in getattr(one, name))
        return tuple(dict.fromkeys((*first, *later)))

    return replace(
        asked,
        approvers=and_then(asked.approvers, "approvers"),
        mention=and_then(asked.mention, "mention"),
        direct_message=and_then(asked.direct_message, "direct_message"),
    )


def next_level(asked: Asked, escalated: Sequence[str]) -> str:
    """Whom the catalog asks next, after those it was escalated to already; "" where nobody is left."""
    return next((entry for entry in asked.escalate_to if entry not in escalated), "")


def _people(decisions: Sequence[StepApproved | StepSkipped]) -> int:
    people: list[Actor] = []
    for one in decisions:
        if not any(one.actor.is_same_human(other) for other in people):
            people.append(one.actor)
    return len(people)


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """The undo of one step, as far as it came; a later attempt replaces an earlier one."""

    started: UndoStarted | None = None
    result: Result | None = None
    blocked: UndoBlocked | None = None
    settled: UndoSettled | None = None
    is_alone: bool = False
    """It was chosen for itself: nothing before or after it is undone with it."""

    @property
    def status(self) -> StepStatus:
        """undoing, undone, undo_failed, undo_unknown, undo_blocked or undo_left."""
        if self.settled is not None and self.settled.choice in ("done", "leave"):
            return "undone" if self.settled.choice == "done" else "undo_left"
        if self.blocked is not None:
            return "undo_blocked"
        if self.result is None:
            return "undoing"
        words: dict[str, StepStatus] = {
            "succeeded": "undone",
            "failed": "undo_failed",
            "unknown": "undo_unknown",
        }
        return words[self.result.verdict]


@dataclass(frozen=True, kw_only=True)
class StepState:
    """One step of the run: its proposals in order, and its undo where one was tried."""

    key: StepKey
    step: Step
    proposals: tuple[Proposal, ...] = ()
    not_planned: StepNotPlanned | None = None
    undoing: Undoing | None = None

    @property
    def proposal(self) -> Proposal | None:
        """The latest one."""
        return self.proposals[-1] if self.proposals else None

    @property
    def status(self) -> StepStatus:
        """The latest word on it."""
        if self.undoing is not None:
            return self.undoing.status
        if self.not_planned is not None:
            return "not_planned"
        return self.proposal.status if self.proposal else "pending"

    @property
    def is_over(self) -> bool:
        """Whether the run may go on to the next step."""
        if self.proposal is None or self.proposal.leaves_more:
            return False
        return self.proposal.status in ("succeeded", "skipped")

    @property
    def escalated(self) -> tuple[str, ...]:
        """The entries of the catalog it was escalated to, over all its proposals: each is asked once."""
        return tuple(dict.fromkeys(to.entry for one in self.proposals for to in one.escalations))

    @property
    def after(self) -> JsonObject:
        """What the part of this step that succeeded last left to do; {} before the first part has."""
        done = [one for one in self.proposals if one.leaves_more]
        return done[-1].made.plan.more if done else {}

    @property
    def effective(self) -> Proposal | None:
        """The first attempt that may have changed something: its undo leads back to before we touched it."""
        return next((one for one in self.proposals if one.effect != "none"), None)

    @property
    def has_effect(self) -> bool:
        """Whether something it did (or may have done) still stands. Reading and speaking are no effect."""
        tried = self.effective
        if tried is None or tried.started is None or not tried.started.plan.changes:
            return False
        return self.undoing is None or self.undoing.status != "undone"

    @property
    def undo(self) -> Undo | None:
        """The undo captured before its first effective attempt, holes filled as far as outcomes did.

        One for all its attempts and parts, done on whatever any of them touched.
        """
        tried = self.effective
        if tried is None or tried.started is None:
            return None
        fill: JsonObject = {}
        for one in self.proposals:
            fill |= one.result.undo_fill if one.result else {}
        try:
            undo = tried.started.plan.undo.filled(fill)
        except KeyError as missing:
            text = f"{tried.started.plan.undo.text} (not known: {missing.args[0]})"
            return Undo(kind="manual", text=text)
        return undo.only_on(frozenset().union(*(one.touched for one in self.proposals)))


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What came of one check, and of the question it put to people."""

    judged: CheckJudged
    settled: CheckSettled | None = None

    @property
    def is_passed(self) -> bool:
        """Whether the run goes on from here."""
        return self.judged.verdict == "better" or (self.settled is not None and self.settled.choice == "keep")


@dataclass(frozen=True, kw_only=True)
class Run:
    """The fold. `version` is how many events are in it: what the next append expects."""

    opened: RunOpened
    runbook: Runbook
    params: JsonObject
    requester: Actor | None
    steps: Mapping[StepKey, StepState]
    environment: str = ""
    queued: RunQueued | None = None
    queued_since: datetime | None = None
    """When it came into the line; its place there is by this, however often the words for it changed since."""
    admitted: RunAdmitted | None = None
    """What it holds; a run that has only looked so far may be let in, with its slot, and stand in the line as well."""
    cancel: CancelRequested | None = None
    undo_request: UndoRequested | None = None
    is_walk_cancelled: bool = False
    """Cancelled while it walked back: the walk ends after the undo that runs."""
    finished: RunFinished | None = None
    start_order: tuple[StepKey, ...] = ()
    baseline: BaselineTaken | None = None
    checks: Mapping[StepKey | None, Checked] = field(default_factory=dict)
    """By what was checked: a step, or (None) the whole run."""
    events: tuple[Event, ...] = field(default=(), repr=False)
    version: int = 0

    @property
    def id(self) -> RunId:
        """The run's id."""
        return self.opened.run_id

    @property
    def incident_id(self) -> IncidentId:
        """The incident it is for."""
        return self.opened.incident_id

    @property
    def phase(self) -> Literal["steps", "on_reject"]:
        """`on_reject` from a rejection or an expiry in the steps on, where the runbook has any."""
        return "on_reject" if self.halted_by is not None and self.runbook.on_reject else "steps"

    @property
    def halted_by(self) -> StepState | None:
        """The step of the main phase that was rejected or expired."""
        return next(
            (
                state
                for key, state in self.steps.items()
                if key.phase == "steps" and state.status in ("rejected", "expired")
            ),
            None,
        )

    @property
    def current(self) -> StepState | None:
        """The step the run stands at: the first of its phase that is not over."""
        phase = self.phase
        return next(
            (state for key, state in self.steps.items() if key.phase == phase and not state.is_over),
            None,
        )

    @property
    def open_proposal(self) -> Proposal | None:
        """The one proposal that may be decided now."""
        if self.is_finished or self.is_undoing or self.current is None or self.current.proposal is None:
            return None
        return self.current.proposal if self.current.proposal.is_open else None

    @property
    def is_finished(self) -> bool:
        """Over: nothing more happens by itself."""
        return self.finished is not None

    @property
    def is_undoing(self) -> bool:
        """Walking back."""
        return self.undo_request is not None and not self.is_finished

    @property
    def with_effect(self) -> tuple[StepState, ...]:
        """Steps whose effect still stands, in strict reverse order of their first start; a dry run has none."""
        if self.opened.dry_run:
            return ()
        return tuple(self.steps[key] for key in reversed(self.start_order) if self.steps[key].has_effect)

    def done_after(self, key: StepKey) -> tuple[StepState, ...]:
        """Steps that were done after this one and still stand, last done first."""
        standing = self.with_effect
        keys = [state.key for state in standing]
        return standing[: keys.index(key)] if key in keys else ()

    @property
    def status(self) -> RunStatus:
        """The word for the whole run."""
        if self.finished is not None:
            return self.finished.status
        state = self.current
        if self.is_undoing:
            return "waiting" if self._waits_in_undo else "running"
        if any(self.is_asked_about(checked) for checked in self.checks.values()):
            return "waiting"
        if state is None or state.proposal is None:
            return "running"
        if state.proposal.is_unknown or (state.proposal.is_open and not state.proposal.has_quorum):
            return "waiting"
        if self.queued is not None:
            return "queued"
        return "running"

    @property
    def _waits_in_undo(self) -> bool:
        return any(state.status == "undo_unknown" for state in self.steps.values())

    def is_asked_about(self, checked: Checked) -> bool:
        """Whether a person must say how to go on from this check; worse undoes itself where the runbook says so."""
        if checked.settled is not None or checked.is_passed or self.is_finished or self.is_undoing:
            return False
        return checked.judged.verdict == "inconclusive" or not self.runbook.rollback_on_failure

    def proposal(self, proposal_id: ProposalId) -> tuple[StepState, Proposal] | None:
        """The proposal with this id and its step."""
        for state in self.steps.values():
            for one in state.proposals:
                if one.id == proposal_id:
                    return state, one
        return None


def stream_of(run_id: RunId) -> str:
    """The journal stream of a run."""
    return f"run-{run_id}"
