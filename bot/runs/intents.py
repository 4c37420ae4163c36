"""What a person may want of a run, as values; `decide` answers each with events or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.runs.events import CheckChoice, Choice, ProposalId, StepKey, UndoChoice
from bot.runs.plan import JsonObject
from bot.runs.policy import Caller, Memberships, Policy


@dataclass(frozen=True, kw_only=True)
class Approve:
    """Run exactly what this digest names."""

    proposal_id: ProposalId
    digest: str


@dataclass(frozen=True, kw_only=True)
class Override:
    """Run exactly what this digest names without those who would have to agree, and say why."""

    proposal_id: ProposalId
    digest: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Do not run it; the run halts there."""

    proposal_id: ProposalId
    reason: str


@dataclass(frozen=True, kw_only=True)
class Skip:
    """Go on without this step."""

    proposal_id: ProposalId
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Change parameters (already checked and complete); a fresh proposal follows."""

    proposal_id: ProposalId
    params: JsonObject


@dataclass(frozen=True, kw_only=True)
class Settle:
    """Say how to go on from an unknown outcome."""

    proposal_id: ProposalId
    choice: Choice
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestUndo:
    """Walk back everything whose effect still stands."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UndoOne:
    """Undo this step alone, of a run that is over; what was done after it may still stand."""

    step: StepKey
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SettleUndo:
    """Say how to go on from an undo that was blocked, failed, or is unknown; or what became of a step that is left."""

    step: StepKey
    choice: UndoChoice
    reason: str = ""
    goes_on: bool = True
    """Whether a walk that stopped at it is taken up again once it is done."""


@dataclass(frozen=True, kw_only=True)
class SettleCheck:
    """Say how to go on from a check that came out worse or inconclusive; without a step, the run's own."""

    step: StepKey | None
    choice: CheckChoice
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Stop where it can be stopped."""

    reason: str = ""


Intent = (
    Approve
    | Override
    | Reject
    | Skip
    | Edit
    | Settle
    | RequestUndo
    | UndoOne
    | SettleUndo
    | SettleCheck
    | Cancel
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a decision stands on besides the run: who asks, today's rules for the step at hand, the time."""

    caller: Caller
    policy: Policy
    now: datetime
    memberships: Memberships = field(default_factory=dict)
    starters: tuple[str, ...] = ()
