"""Everything that can happen to a run, as facts in the past tense; the journal stores these and nothing else.

Names and versions in `EVENTS` are written by hand and never change: an event stored years ago must be read.
A field is only added, with a default. Anything bigger gets a new version here and an upgrade in the codec.
Each event carries its own `at` (aware UTC): the fold has no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

from bot.runs.check import CheckVerdict, Direction, Point
from bot.runs.plan import Effect, JsonObject, Plan, Verdict

RunId = NewType("RunId", str)
IncidentId = NewType("IncidentId", str)
ProposalId = NewType("ProposalId", str)

Phase = Literal["steps", "on_reject"]
Choice = Literal["done", "again", "undo", "stop"]
CheckChoice = Literal["keep", "undo"]
UndoChoice = Literal["done", "again", "stop", "leave"]
QuestionKind = Literal["unknown", "undo", "check"]
FinalStatus = Literal[
    "succeeded", "failed", "rejected", "expired", "cancelled", "rolled_back", "rollback_incomplete"
]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did it. `person` is one per human whatever account they used: their email where known."""

    kind: Literal["slack", "api", "system"]
    id: str
    """Slack user id, API subject, or the part of this program that acted."""
    person: str
    """Lower-case email, else `slack:<user id>`; quorum counts these."""
    name: str = ""

    @property
    def called(self) -> str:
        """How they are spoken of."""
        return self.name or self.id

    def is_same_human(self, other: Actor) -> bool:
        """One person: by their email whatever the account, by their account whatever became of the email.

        The door they came through says nothing: a member who decides over the API has the id that clicks have, and the
        ids of programs (`api:…`) are no member's.
        """
        return self.person == other.person or self.id == other.id


@dataclass(frozen=True, kw_only=True)
class StepKey:
    """Which step: its phase and place in it (from 0)."""

    phase: Phase = "steps"
    index: int = 0

    def __str__(self) -> str:
        return f"{self.phase}/{self.index}"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """Why an actor might decide: the approver entry that names them and when its members were read."""

    via: str
    members_read_at: datetime | None = None
    handle: str = ""
    """What people call the group they are in by, where it is one and Slack said so."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who was asked to decide a proposal, as the rules stood when it was made."""

    approvers: tuple[str, ...]
    source: str = ""
    """The level that named them: step, action, runbook, service or environment."""
    min_approvals: int = 1
    allow_self_approval: bool = False
    unattended: bool = False
    message: str = ""
    """The safety message of the catalog, shown on the card."""
    direct_message: tuple[str, ...] = ()
    """Those of the approvers who are told by direct message, because their group asks for it."""
    mention: tuple[str, ...] = ()
    """Slack ids to mention (U…, S…): the approvers, emails looked up where Slack knew them."""
    escalate_to: tuple[str, ...] = ()
    """Who is asked after them, one entry after the other, each time the time to decide has passed: as written in the
    catalog. Empty: then it expires."""
    override: tuple[str, ...] = ()
    """Who may break glass: run it without the approvers, with a reason."""
    trust: str = ""
    """Why nobody is asked, where a promotion trusts the diagnosis that the run began on; "" for any other reason."""


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """Whoever was asked next because nobody decided in time. Those asked before may still decide."""

    entry: str
    """As the catalog's `escalate_to` has it."""
    approvers: tuple[str, ...]
    """Who may decide now besides those before; nobody where `trouble` says why."""
    expires_at: datetime
    remind_at: datetime | None = None
    direct_message: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class ArtifactRef:
    """A stored file, named by its digest."""

    name: str
    media_type: str
    digest: str
    size: int
    alt: str = ""
    """What a picture shows, in words; for whoever cannot see it."""
    is_shown: bool = True
    """False: kept with the record, and not put into the thread."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One `expect` pattern and whether the output showed it."""

    pattern: str
    found: bool
    allow_failure: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """An outcome as it is stored: redacted, cut, its files by reference."""

    verdict: Verdict
    effect: Effect
    summary: str
    output: str = ""
    output_cut: bool = False
    output_redacted: bool = False
    expectations: tuple[Expectation, ...] = ()
    undo_fill: JsonObject = field(default_factory=dict)
    artifacts: tuple[ArtifactRef, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of every event."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class OnFinding:
    """A diagnosis that named a class of failure for certain, on which a run began by itself."""

    diagnosis_id: str
    finding: str


@dataclass(frozen=True, kw_only=True)
class RunOpened(Event):
    """A run exists, with the runbook it will execute whatever the files say later."""

    run_id: RunId
    incident_id: IncidentId
    runbook: JsonObject
    """`catalog.schema.Runbook` as JSON."""
    params: JsonObject
    values: JsonObject
    """What templates may see besides params and steps: incident, service."""
    service: str
    tenant: str
    environment: str = ""
    requester: Actor | None = None
    dry_run: bool = False
    catalog_digest: str = ""
    catalog_commit: str = ""
    request: str = ""
    """Digest of the request that opened it, where its sender gave a key to repeat it by; the run's id follows from
    that key."""
    on_finding: OnFinding | None = None
    """Why nobody was asked to start it, where it began on a diagnosis that is trusted."""


@dataclass(frozen=True, kw_only=True)
class StepProposed(Event):
    """A step was made concrete and put before those who may decide."""

    proposal_id: ProposalId
    step: StepKey
    plan: Plan
    digest: str
    asked: Asked
    expires_at: datetime
    remind_at: datetime | None = None
    reason: str = ""
    """Why there is a new one: what drifted, who edited, try again."""


@dataclass(frozen=True, kw_only=True)
class StepNotPlanned(Event):
    """A step could not be made concrete; it ran nothing."""

    step: StepKey
    message: str


@dataclass(frozen=True, kw_only=True)
class ApprovalReminded(Event):
    """Half of the time to decide has passed."""

    proposal_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class ApprovalEscalated(Event):
    """The time to decide has passed, and the next were asked, with as much time again. It approves nothing."""

    proposal_id: ProposalId
    to: Escalation


@dataclass(frozen=True, kw_only=True)
class StepApproved(Event):
    """One person agreed to exactly this digest."""

    proposal_id: ProposalId
    digest: str
    actor: Actor
    permission: Permission


@dataclass(frozen=True, kw_only=True)
class StepOverridden(Event):
    """One person broke glass: exactly this digest runs without those who would have had to agree."""

    proposal_id: ProposalId
    digest: str
    actor: Actor
    permission: Permission
    reason: str


@dataclass(frozen=True, kw_only=True)
class ApprovalVoided(Event):
    """An approval no longer counts: the rules of today would not take it."""

    proposal_id: ProposalId
    person: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepRejected(Event):
    """One person said no; the first no ends it."""

    proposal_id: ProposalId
    actor: Actor
    permission: Permission
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepSkipped(Event):
    """One person chose to go on without this step."""

    proposal_id: ProposalId
    actor: Actor
    permission: Permission
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ParamsEdited(Event):
    """Parameters were changed; the editor is the requester from now on and a fresh proposal follows."""

    proposal_id: ProposalId
    actor: Actor
    permission: Permission
    before: JsonObject
    after: JsonObject


@dataclass(frozen=True, kw_only=True)
class ProposalVoided(Event):
    """A proposal is off, with all its approvals: drift, or the incident ended elsewhere."""

    proposal_id: ProposalId
    reason: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProposalExpired(Event):
    """Nobody decided in time. A timeout never approves."""

    proposal_id: ProposalId


@dataclass(frozen=True, kw_only=True)
class RunQueued(Event):
    """Approved, but it has to wait for a slot or a target."""

    waiting_for: str
    """`host:web-1, held by run …` or `one of the 3 slots of team payments`."""
    position: int
    """From 1."""


@dataclass(frozen=True, kw_only=True)
class RunAdmitted(Event):
    """The run holds its slot and the locks of these targets until it finishes.

    A second one, with targets, follows where the first had none because the run began by only looking.
    """

    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """Committed before anything is sent; the plan carries the pre-state and the undo."""

    proposal_id: ProposalId
    step: StepKey
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    """What came of a started step."""

    proposal_id: ProposalId
    step: StepKey
    result: Result


@dataclass(frozen=True, kw_only=True)
class StepProbed(Event):
    """What is seen now of a step whose outcome is unknown."""

    proposal_id: ProposalId
    step: StepKey
    text: str
    state: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UnknownSettled(Event):
    """A human said how to go on from an unknown outcome."""

    proposal_id: ProposalId
    step: StepKey
    choice: Choice
    actor: Actor
    permission: Permission
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UndoRequested(Event):
    """Walk back: the undos of all steps with an effect, in strict reverse order; or of one that was chosen."""

    reason: str
    actor: Actor | None = None
    """None: `rollback_on_failure` asked."""
    permission: Permission | None = None
    step: StepKey | None = None
    """Only this one, whatever was done after it."""


@dataclass(frozen=True, kw_only=True)
class UndoSettled(Event):
    """A human said how to go on from an undo that did not succeed, or what became of a step that is left."""

    step: StepKey
    choice: UndoChoice
    actor: Actor
    permission: Permission
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UndoStarted(Event):
    """Intent of one undo, committed before anything is sent."""

    step: StepKey
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class UndoFinished(Event):
    """What came of one undo."""

    step: StepKey
    result: Result


@dataclass(frozen=True, kw_only=True)
class UndoBlocked(Event):
    """This undo did not run: drift, no undo, or it could not be planned. A human must look."""

    step: StepKey
    reason: str


@dataclass(frozen=True, kw_only=True)
class CancelRequested(Event):
    """Stop where it can be stopped; what was done is listed."""

    actor: Actor
    permission: Permission
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric over a stretch of time, as it was asked for."""

    metric: str
    query: str = ""
    """The query as it was sent; a check asks the same again, whatever the catalog says by then."""
    better: Direction = "lower"
    description: str = ""
    points: tuple[Point, ...] = ()
    trouble: str = ""
    """Why there are no points, where that is not for want of data: a sentence."""


@dataclass(frozen=True, kw_only=True)
class BaselineTaken(Event):
    """What the metrics of all checks showed until the first changing step; in one commit with its start."""

    series: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class CheckJudged(Event):
    """A metric was looked at again some time after a step, or after all of them."""

    verdict: CheckVerdict
    sentence: str
    series: Measured
    """From the first change on; what was before stands in `BaselineTaken`."""
    step: StepKey | None = None
    """None: the whole run."""
    before: float | None = None
    after: float | None = None
    limit: float | None = None
    artifacts: tuple[ArtifactRef, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckSettled(Event):
    """A human said how to go on from a check that came out worse or inconclusive."""

    choice: CheckChoice
    actor: Actor
    permission: Permission
    step: StepKey | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class QuestionReminded(Event):
    """A question that only people can answer is still open, and they were reminded."""

    question: QuestionKind
    step: StepKey | None = None
    """None: the check of the whole run."""


@dataclass(frozen=True, kw_only=True)
class ReportRequested(Event):
    """Somebody asked for the run as a document in its thread; nothing about the run changes."""

    actor: Actor


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The run is over; its slot and locks are free."""

    status: FinalStatus
    reason: str = ""
    left: tuple[str, ...] = ()
    """Names of steps whose effect still stands and that nothing has undone."""


EVENTS: Mapping[tuple[str, int], type[Event]] = {
    ("run-opened", 1): RunOpened,
    ("step-proposed", 1): StepProposed,
    ("step-not-planned", 1): StepNotPlanned,
    ("approval-reminded", 1): ApprovalReminded,
    ("approval-escalated", 1): ApprovalEscalated,
    ("step-approved", 1): StepApproved,
    ("step-overridden", 1): StepOverridden,
    ("approval-voided", 1): ApprovalVoided,
    ("step-rejected", 1): StepRejected,
    ("step-skipped", 1): StepSkipped,
    ("params-edited", 1): ParamsEdited,
    ("proposal-voided", 1): ProposalVoided,
    ("proposal-expired", 1): ProposalExpired,
    ("run-queued", 1): RunQueued,
    ("run-admitted", 1): RunAdmitted,
    ("step-started", 1): StepStarted,
    ("step-finished", 1): StepFinished,
    ("step-probed", 1): StepProbed,
    ("unknown-settled", 1): UnknownSettled,
    ("undo-requested", 1): UndoRequested,
    ("undo-started", 1): UndoStarted,
    ("undo-finished", 1): UndoFinished,
    ("undo-blocked", 1): UndoBlocked,
    ("undo-settled", 1): UndoSettled,
    ("baseline-taken", 1): BaselineTaken,
    ("check-judged", 1): CheckJudged,
    ("check-settled", 1): CheckSettled,
    ("question-reminded", 1): QuestionReminded,
    ("cancel-requested", 1): CancelRequested,
    ("report-requested", 1): ReportRequested,
    ("run-finished", 1): RunFinished,
}

RunEvent = (
    RunOpened
    | StepProposed
    | StepNotPlanned
    | ApprovalReminded
    | ApprovalEscalated
    | StepApproved
    | StepOverridden
    | ApprovalVoided
    | StepRejected
    | StepSkipped
    | ParamsEdited
    | ProposalVoided
    | ProposalExpired
    | RunQueued
    | RunAdmitted
    | StepStarted
    | StepFinished
    | StepProbed
    | UnknownSettled
    | UndoRequested
    | UndoStarted
    | UndoFinished
    | UndoBlocked
    | UndoSettled
    | BaselineTaken
    | CheckJudged
    | CheckSettled
    | QuestionReminded
    | CancelRequested
    | ReportRequested
    | RunFinished
)
