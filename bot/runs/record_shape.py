"""The shape of a run's record: what the API publishes, the command line prints and the report tells.

Plain data, made by `record.record_of`. A field is only added, with a default: programs read this.
Times are UTC; output is as it was stored, so redacted and cut.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.runs.automation import AutomationStatus
from bot.runs.check import CheckVerdict
from bot.runs.events import Phase
from bot.runs.plan import Effect, JsonObject, UndoKind, Verdict
from bot.runs.state import RunStatus, StepStatus

DecisionKind = Literal[
    "approved",
    "overridden",
    "escalated",
    "approval_voided",
    "rejected",
    "skipped",
    "edited",
    "proposal_voided",
    "expired",
    "outcome_settled",
    "undo_requested",
    "undo_settled",
    "check_settled",
    "cancelled",
]
RollbackStatus = Literal["none", "running", "waiting", "complete", "incomplete"]


class Shown(BaseModel):
    """The base of every part: immutable, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The part as plain JSON values."""
        return self.model_dump(mode="json")


class PersonRecord(Shown):
    """Somebody, or the part of this program, that did something."""

    kind: Literal["slack", "api", "system"]
    id: str = Field(description="Slack user id or API subject")
    person: str = Field(description="one per human: their email where known")
    name: str = ""

    @property
    def called(self) -> str:
        """How they are spoken of."""
        return self.name or self.id


class TriggerRecord(Shown):
    """What the run was opened for."""

    source: str = Field(
        default="", description="pagerduty, slack, alertmanager, anomaly, deployment, manual, api, schedule"
    )
    key: str = Field(default="", description="its outside name")
    url: str = ""
    title: str = ""
    symptom: str = ""
    why: tuple[str, ...] = Field(default=(), description="why this runbook was suggested")
    thread: str = Field(default="", description="address of the thread in Slack")


class DecisionRecord(Shown):
    """One decision, or what became of one, in the order they were made."""

    at: datetime
    kind: DecisionKind
    by: PersonRecord | None = Field(default=None, description="null where a rule or the clock decided")
    via: str = Field(default="", description="the approver entry that names them")
    members_read_at: datetime | None = Field(default=None, description="when the group's members were read")
    choice: str = Field(default="", description="done, again, undo, stop, leave, keep")
    reason: str = ""
    digest: str = Field(default="", description="what exactly was approved")
    changes: tuple[str, ...] = Field(default=(), description="what drifted or was edited")


class ExpectationRecord(Shown):
    """A pattern the output had to show."""

    pattern: str
    found: bool
    allow_failure: bool


class FileRecord(Shown):
    """A stored file."""

    name: str
    media_type: str
    digest: str
    size: int


class OutcomeRecord(Shown):
    """What came of a step or an undo."""

    verdict: Verdict
    effect: Effect
    summary: str
    output: str = Field(default="", description="redacted; its end where it was long")
    output_cut: bool = False
    output_redacted: bool = False
    expectations: tuple[ExpectationRecord, ...] = ()
    files: tuple[FileRecord, ...] = ()
    duration_s: float = 0.0


class ProposalRecord(Shown):
    """A step made concrete, who was asked, what they said, what came of it."""

    proposal_id: str
    at: datetime
    text: str = Field(description="one sentence: what this does, to what")
    will_run: tuple[str, ...]
    targets: tuple[str, ...]
    state: dict[str, str] = Field(description="the state it was decided on, by label")
    observable: bool
    changes: bool = Field(description="false for a step that only reads or speaks")
    risk: str
    part: str = ""
    undo: str = Field(description="the way back that was approved with it")
    digest: str
    approvers: tuple[str, ...]
    approvers_from: str = Field(description="the level that named them")
    min_approvals: int
    unattended: bool = Field(description="a reviewed tag lets it run without a decision")
    expires_at: datetime
    reason: str = Field(default="", description="why there was a new proposal")
    status: StepStatus
    decisions: tuple[DecisionRecord, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: OutcomeRecord | None = None
    seen: str = Field(default="", description="what was seen of an unknown outcome")


class UndoRecord(Shown):
    """The way back of one step, as far as it was gone."""

    kind: UndoKind
    text: str
    status: StepStatus | None = Field(default=None, description="null: not tried")
    reason: str = Field(default="", description="why it was not done")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: OutcomeRecord | None = None
    decisions: tuple[DecisionRecord, ...] = ()


class StepRecord(Shown):
    """One step of the run, with every proposal of it."""

    phase: Phase
    index: int
    name: str
    action: str = Field(description="action id, or RUNBOOK/STEP for an inline step")
    type: str
    status: StepStatus
    automation: AutomationStatus | None = Field(default=None, description="null: not reached, or a dry run")
    not_planned: str = Field(default="", description="why it could not be proposed")
    proposals: tuple[ProposalRecord, ...] = ()
    stands: bool = Field(description="its effect still stands")
    undo: UndoRecord | None = None

    @property
    def decisions(self) -> tuple[DecisionRecord, ...]:
        """Those on all of its proposals."""
        return tuple(decision for proposal in self.proposals for decision in proposal.decisions)

    @property
    def last(self) -> ProposalRecord | None:
        """The latest proposal."""
        return self.proposals[-1] if self.proposals else None


class CheckRecord(Shown):
    """A metric that was looked at after a step, or after all of them."""

    at: datetime
    step: str = Field(description="name of the step; empty for the whole run")
    metric: str
    query: str
    verdict: CheckVerdict
    sentence: str
    before: float | None
    after: float | None
    limit: float | None
    decision: DecisionRecord | None = None


class RollbackRecord(Shown):
    """The walk back."""

    status: RollbackStatus
    reason: str = ""
    decisions: tuple[DecisionRecord, ...] = ()
    left: tuple[str, ...] = Field(default=(), description="steps whose effect still stands")


class RunRecord(Shown):
    """Everything that is known of a run."""

    run_id: str
    incident_id: str
    runbook: str
    version: str = Field(description="digest of the runbook")
    catalog_digest: str
    catalog_commit: str
    trigger: TriggerRecord
    service: str
    team: str
    environment: str
    status: RunStatus
    reason: str = Field(default="", description="why it ended so")
    dry_run: bool
    requester: PersonRecord | None = Field(description="who started or last edited it; null: an incident did")
    params: JsonObject
    opened_at: datetime
    finished_at: datetime | None
    duration_s: float = Field(description="from opened to finished, or to its last event")
    waiting_for: str = Field(default="", description="what it stands in line for")
    steps: tuple[StepRecord, ...]
    checks: tuple[CheckRecord, ...] = ()
    rollback: RollbackRecord
    cancelled: DecisionRecord | None = None
    events: int = Field(description="how many events it is made of")
    head: str = Field(default="", description="hash of its last event in the chain")
