"""How people write actions and runbooks: the fields of both dialects, their short forms, and what each means.

These models hold what is common to every step; the rest of a step's keys are its type's input and are checked
against that type's own model (see `writing`). `requires_approval` and `require_approval`, at the step or inside
`safety`, are one and the same switch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from bot.catalog.checking import FileModel
from bot.catalog.schema import (
    APPROVAL_TIMEOUT_S,
    STEP_TIMEOUT_S,
    EnvironmentName,
    Expect,
    MetricCheck,
    Param,
    Risk,
    Rules,
)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _words(value: Any) -> Any:
    """Symptoms; `502` is a word there."""
    items = [value] if isinstance(value, str | int) and not isinstance(value, bool) else value
    if not isinstance(items, list):
        return items
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]


def _cron_alone(value: Any) -> Any:
    return {"cron": value} if isinstance(value, str) else value


def _default_alone(value: Any) -> Any:
    return value if isinstance(value, dict) else {"default": value}


def _expectations(value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    return [{"pattern": item} if isinstance(item, str) else item for item in items]


Texts = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
ActionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
RunbookTitle = Annotated[str, StringConstraints(pattern=r"^\S(?:[^\n\r\t]{0,78}\S)?$")]
Minutes = Annotated[float, Field(gt=0, le=7 * 24 * 60, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=24 * 60 * 60, allow_inf_nan=False)]


class SafetySpec(FileModel):
    """Who must agree and where it may run, as written under `safety:`."""

    requires_approval: bool | None = None
    require_approval: bool | None = None
    scopes: Texts | None = None
    approvers: Texts = Field(default_factory=list)
    escalate_to: Texts = Field(default_factory=list)
    min_approvals: Annotated[int, Field(ge=1, le=20)] | None = None
    allow_self_approval: bool | None = None
    risk: Risk | None = None
    message: str = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if None not in (self.requires_approval, self.require_approval):
            raise ValueError("requires_approval and require_approval are the same switch; keep one")
        return self


class ExpectSpec(FileModel):
    """One line of `expect:`."""

    pattern: str
    allow_failure: bool = False


class ParamSpec(FileModel):
    """One param as written; a bare value instead is its default."""

    type: Literal["string", "int", "choice", "bool"] | None = None
    description: str = ""
    default: str | int | bool | None = None
    required: bool | None = None
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    min: int | None = None
    max: int | None = None
    choices: list[str] = Field(default_factory=list)
    allow_leading_dash: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if None not in (self.minimum, self.min) or None not in (self.maximum, self.max):
            raise ValueError("min and minimum (max and maximum) are the same bound; keep one")
        return self

    def as_param(self, name: str) -> Param:
        """The param with its type worked out: what is given decides when nothing is said."""
        kind = self.type
        if kind is None:
            kind = "string"
            if self.choices:
                kind = "choice"
            elif isinstance(self.default, bool):
                kind = "bool"
            elif isinstance(self.default, int) or self.low is not None or self.high is not None:
                kind = "int"
        return Param(
            name=name,
            type=kind,
            description=self.description,
            default=self.default,
            required=self.default is None if self.required is None else self.required,
            pattern=self.pattern,
            minimum=self.low,
            maximum=self.high,
            choices=tuple(self.choices),
            allow_leading_dash=self.allow_leading_dash,
        )

    @property
    def low(self) -> int | None:
        """The lower bound, however it was spelled."""
        return self.minimum if self.minimum is not None else self.min

    @property
    def high(self) -> int | None:
        """The upper bound, however it was spelled."""
        return self.maximum if self.maximum is not None else self.max


ParamName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,59}$")]
_ParamAsWritten = ParamSpec | str | int | bool | None
Params = dict[
    ParamName,
    Annotated[ParamSpec, BeforeValidator(_default_alone, json_schema_input_type=_ParamAsWritten)],
]


class MetricCheckSpec(FileModel):
    """`check` of a step and `rollback_metric_check` of a runbook."""

    metric_name: str
    check_after_minutes: Annotated[float, Field(gt=0, le=24 * 60, allow_inf_nan=False)] | None = None
    check_after_seconds: Annotated[float, Field(gt=0, le=24 * 60 * 60, allow_inf_nan=False)] | None = None
    rollback_if_value_exceeds: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if None not in (self.check_after_minutes, self.check_after_seconds):
            raise ValueError("check_after_minutes and check_after_seconds are the same wait; keep one")
        return self

    @property
    def as_check(self) -> MetricCheck:
        """The check, its wait in seconds."""
        minutes = 5.0 if self.check_after_minutes is None else self.check_after_minutes
        return MetricCheck(
            metric_name=self.metric_name,
            check_after_s=minutes * 60 if self.check_after_seconds is None else self.check_after_seconds,
            rollback_if_value_exceeds=self.rollback_if_value_exceeds,
        )


class StepHead(FileModel):
    """The keys that every step may have, whatever its type."""

    name: str = ""
    id: str = ""
    description: str = ""
    type: str | None = None
    require_approval: bool | None = None
    requires_approval: bool | None = None
    approvers: Texts = Field(default_factory=list)
    escalate_to: Texts = Field(default_factory=list)
    min_approvals: Annotated[int, Field(ge=1, le=20)] | None = None
    allow_self_approval: bool | None = None
    risk: Risk | None = None
    safety: SafetySpec = SafetySpec()
    approval_timeout_minutes: Minutes | None = None
    timeout_seconds: Seconds | None = None
    rollback: Any = None
    irreversible: bool = False
    idempotent: bool = False
    check: MetricCheckSpec | None = None
    expect: Annotated[
        list[ExpectSpec],
        BeforeValidator(_expectations, json_schema_input_type=list[ExpectSpec | str] | ExpectSpec | str),
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        switches = {
            value
            for value in (
                self.require_approval,
                self.requires_approval,
                self.safety.requires_approval,
                self.safety.require_approval,
            )
            if value is not None
        }
        if len(switches) > 1:
            raise ValueError("require_approval is said twice and differently")
        if self.irreversible and self.rollback is not None:
            raise ValueError("irreversible: true and rollback exclude each other")
        return self

    @property
    def rules(self) -> Rules:
        """What this step says about approval; what stands at the step goes before its `safety:`."""
        said = [
            self.require_approval,
            self.requires_approval,
            self.safety.requires_approval,
            self.safety.require_approval,
        ]
        own: dict[str, Any] = {
            "approvers": tuple(self.approvers),
            "escalate_to": tuple(self.escalate_to),
            "min_approvals": self.min_approvals,
            "allow_self_approval": self.allow_self_approval,
            "risk": self.risk,
        }
        rules = rules_of(self.safety)
        return rules.model_copy(
            update={
                "requires_approval": next((value for value in said if value is not None), None),
                **{key: value for key, value in own.items() if value not in (None, ())},
            }
        )

    @property
    def timeout_s(self) -> float:
        """How long the step may take."""
        return self.timeout_seconds if self.timeout_seconds is not None else STEP_TIMEOUT_S

    @property
    def approval_timeout_s(self) -> float:
        """How long a decision may take."""
        minutes = self.approval_timeout_minutes
        return minutes * 60 if minutes is not None else APPROVAL_TIMEOUT_S

    @property
    def expectations(self) -> tuple[Expect, ...]:
        """What the output must show."""
        return tuple(Expect(pattern=item.pattern, allow_failure=item.allow_failure) for item in self.expect)


class ReferenceHead(StepHead):
    """A step that names an action of the catalog."""

    action: str
    arguments: dict[str, Any] = Field(default={}, alias="with")


class ActionHead(StepHead):
    """An action file, apart from its type's input."""

    id: ActionName
    params: Params = Field(default_factory=dict)


class ScheduleSpec(FileModel):
    """A cron expression, bare or with a time zone."""

    cron: str
    timezone: str = "UTC"


class TriggerSpec(FileModel):
    """When a runbook is worth suggesting."""

    service_id: Texts = Field(default_factory=list)
    metric_name: str | None = None
    condition: str | None = None
    symptoms: Annotated[
        list[str], BeforeValidator(_words, json_schema_input_type=list[str | int] | str | int)
    ] = Field(default_factory=list)
    schedule: (
        Annotated[ScheduleSpec, BeforeValidator(_cron_alone, json_schema_input_type=ScheduleSpec | str)]
        | None
    ) = None
    auto_start: bool = False

    @field_validator("symptoms")
    @classmethod
    def _symptoms_are_words(cls, symptoms: list[str]) -> list[str]:
        if any(not symptom.strip() for symptom in symptoms):
            raise ValueError("an empty symptom would match everything")
        return symptoms


class RunbookHead(FileModel):
    """A runbook file; its steps are read one by one."""

    name: RunbookTitle
    description: str = ""
    trigger: TriggerSpec = TriggerSpec()
    params: Params = Field(default_factory=dict)
    steps: Annotated[list[Any], Field(min_length=1, max_length=100)]
    on_reject: Annotated[list[Any], Field(max_length=100)] = Field(default_factory=list)
    rollback_on_failure: bool = False
    rollback_metric_check: MetricCheckSpec | None = None
    dry_run: bool = False
    pagerduty_resolve: bool = False
    safety: SafetySpec = SafetySpec()


def rules_of(safety: SafetySpec) -> Rules:
    """`safety:` as rules."""
    switch = safety.requires_approval if safety.requires_approval is not None else safety.require_approval
    return Rules(
        requires_approval=switch,
        approvers=tuple(safety.approvers),
        escalate_to=tuple(safety.escalate_to),
        min_approvals=safety.min_approvals,
        allow_self_approval=safety.allow_self_approval,
        scopes=None if safety.scopes is None else tuple(EnvironmentName(name) for name in safety.scopes),
        risk=safety.risk,
        message=safety.message,
    )
