"""What goes over the wire, in and out: every body, query and answer of the API, by the name its schema has."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
)

from bot.api.routing import OneOf, Strict
from bot.intake.anomaly import Anomaly
from bot.intake.deployment import Deployment
from bot.intake.foreign import TITLE_LIMIT
from bot.runs.record_shape import RunRecord
from bot.runs.state import RunStatus

REASON_LIMIT = 1000

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=TITLE_LIMIT)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
ParamText = Annotated[StrictStr, Field(max_length=2000)]
WholeNumber = Annotated[StrictInt, Field(ge=-(10**18), le=10**18)]
ParamValue = ParamText | WholeNumber | StrictBool | None


def _is_written_out(value: object) -> object:
    """A number is no time, though pydantic would count seconds with it: what is described is a date and time."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
        raise ValueError("write it like 2026-11-21T08:04:00Z")
    return value


class Shown(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------- errors


class ErrorDetails(Shown):
    """What went wrong: a stable code for programs, a sentence for people, and the next thing to do."""

    code: Annotated[str, Field(description="stable, kebab-case", examples=["not-permitted"])]
    message: str
    hint: str


class Error(Shown):
    """The one shape of every error."""

    error: ErrorDetails


# ---------------------------------------------------------------- in


class Context(Strict):
    """What is known of the trouble; the incident that is opened carries it, and so do conditions and templates."""

    service_id: Annotated[
        Name | None,
        Field(description="catalog name or alias (a PagerDuty id); needed unless the runbook names one"),
    ] = None
    title: Text = ""
    symptom: Text = ""
    metric_name: Annotated[str, Field(max_length=200)] = ""
    value: Finite | None = None
    anomaly_score: Finite | None = None


def _kind_of(body: object) -> object:
    return body.get("kind", "anomaly") if isinstance(body, dict) else None


class ReportedEvent(
    OneOf[
        Annotated[
            Annotated[Anomaly, Tag("anomaly")] | Annotated[Deployment, Tag("deployment")],
            Discriminator(
                _kind_of,
                custom_error_type="kind",
                custom_error_message="`kind` is anomaly or deployment; it is anomaly where there is none",
            ),
        ]
    ]
):
    """What a program has to tell: a metric anomaly, or how a deployment ended."""

    kinds: ClassVar = {"anomaly": Anomaly, "deployment": Deployment}


class Notification(BaseModel):
    """A webhook of Alertmanager, version 4. What is not named here is taken as it comes."""

    groupKey: str  # noqa: N815 - Alertmanager's name for it
    alerts: Annotated[
        list[Any], Field(description="each with status, labels, annotations, startsAt, endsAt, fingerprint")
    ]


class EventEnvelope(BaseModel):
    """The part of a PagerDuty event that is insisted on; the rest is taken as it comes."""

    id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$", description="each id counts once")]


class PagerDutyEvent(BaseModel):
    """A V3 webhook of PagerDuty."""

    event: EventEnvelope


class Execute(Strict):
    """What to start."""

    runbook_name: Name
    dry_run: Annotated[bool, Field(description="answer with the plan, and change nothing")] = False
    environment: Annotated[
        str, Field(max_length=200, description="only checked: a run's environment comes from its targets")
    ] = ""
    context: Context = Context()
    params: Annotated[dict[str, ParamValue], Field(max_length=100)] = Field(default_factory=dict)


class Decide(Strict):
    """A decision on exactly what was shown, like a click."""

    proposal_id: Name
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="the proposal's, as it was shown")]
    verdict: Annotated[
        Literal["approve", "reject", "skip", "edit", "done", "again", "undo", "stop"],
        Field(
            description="of a proposal: approve, reject, skip, or edit its parameters; of a step whose outcome is "
            "unknown: it is done, try again, undo, or stop"
        ),
    ]
    reason: Annotated[str, Field(max_length=REASON_LIMIT, description="a rejection needs one")] = ""
    params: Annotated[
        dict[str, ParamValue] | None,
        Field(max_length=100, description="with edit, and only there: the parameters that change"),
    ] = None


class Cancel(Strict):
    """Why it is stopped."""

    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""


class AfterVersion(Strict):
    """Which events to list."""

    after: Annotated[int, Field(ge=0, le=2**53, description="only events after this version")] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class History(Strict):
    """Which runs to list; what is left out asks for nothing in particular."""

    service_id: Annotated[str, Field(max_length=200, description="catalog name or alias")] = ""
    runbook: Annotated[str, Field(max_length=200)] = ""
    environment: Annotated[str, Field(max_length=200)] = ""
    status: RunStatus | None = None
    since: Annotated[
        AwareDatetime | None,
        BeforeValidator(_is_written_out),
        Field(description="opened then or later; a time with its zone"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=400, description="`next_cursor` of the page before")] = ""


# ---------------------------------------------------------------- out


class Taken(Shown):
    """What became of a signal."""

    status: Literal["accepted", "duplicate", "ignored"]


class Health(Shown):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Shown):
    """Whether it can do its work, and what is missing."""

    status: Literal["ready", "not ready"]
    missing: dict[str, str]


class ParamShown(Shown):
    """One parameter of a runbook."""

    name: str
    type: Literal["string", "int", "choice", "bool"]
    description: str
    required: bool
    default: str | int | bool | None
    pattern: str | None
    minimum: int | None
    maximum: int | None
    choices: list[str]


class TriggerShown(Shown):
    """When a runbook is worth suggesting."""

    service_ids: list[str]
    metric_name: str | None
    condition: str | None
    symptoms: list[str]
    schedule: str | None
    auto_start: bool


class RunbookLine(Shown):
    """A runbook in a list."""

    name: str
    version: Annotated[str, Field(description="digest of what it says")]
    description: str
    service_ids: list[str]
    steps: int


class Runbooks(Shown):
    """Every runbook the caller sees, by name."""

    runbooks: list[RunbookLine]


class StepShown(Shown):
    """A step as the catalog has it, its templates not filled in."""

    name: str
    type: str
    action: str | None
    description: str
    input: dict[str, Any]
    rollback: Annotated[str, Field(description="the kind of undo it declares: a step, manual, or none")]
    irreversible: bool
    idempotent: bool
    timeout_s: float
    approval_timeout_s: float


class RunbookShown(Shown):
    """A whole runbook."""

    name: str
    version: str
    description: str
    trigger: TriggerShown
    params: list[ParamShown]
    steps: list[StepShown]
    on_reject: list[StepShown]
    rollback_on_failure: bool
    dry_run: bool


class StepPlan(Shown):
    """A step made concrete: what would be put before people."""

    text: Annotated[str, Field(description="what it does, to what")]
    targets: list[str]
    will_run: Annotated[list[str], Field(description="the exact commands, requests or messages")]
    state: Annotated[dict[str, str], Field(description="state now and after, by label")]
    observable: bool
    changes: Annotated[bool, Field(description="false for a step that only reads or speaks")]
    undo: str
    risk: str
    approvers: list[str]
    min_approvals: int
    unattended: Annotated[bool, Field(description="a reviewed tag lets it run without a decision")]


class PlannedStep(Shown):
    """One step as it would run now, or why that is not known."""

    name: str
    type: str
    plan: StepPlan | None
    problem: Annotated[str, Field(description="why there is no plan")] = ""
    hint: str = ""


class Planned(Shown):
    """What a run would do; nothing was opened, written or said."""

    runbook_name: str
    version: str
    service_id: str
    environment: str
    params: dict[str, Any]
    dry_run: Literal[True] = True
    steps: list[PlannedStep]


class RunPage(Shown):
    """One page of runs, newest first; `next_cursor` is empty on the last one."""

    runs: list[RunRecord]
    next_cursor: str


class EventShown(Shown):
    """One event of a run, as the journal keeps it."""

    version: int
    name: str
    at: datetime
    hash: Annotated[str, Field(description="the chain's head after it")]
    body: dict[str, Any]


class Events(Shown):
    """Events in order; `next_after` is given where there are more."""

    run_id: str
    events: list[EventShown]
    next_after: int | None
