"""The catalog as the rest of the house sees it: frozen, complete, both dialects already made one.

The loader turns files into these; runs keep a `Runbook` as their snapshot, so every model here is plain
JSON in and out (`model_dump(mode="json")`, `model_validate`). Nothing in here does I/O.

Templates (`{{ incident.title }}`) are still unrendered in `Step.input` and `Step.arguments`: rendering
happens when a step is made concrete, with the values of that moment. Times are seconds here, whatever the
file called them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field

EnvironmentName = NewType("EnvironmentName", str)
ServiceName = NewType("ServiceName", str)
RunbookName = NewType("RunbookName", str)
ActionId = NewType("ActionId", str)

JsonObject = dict[str, Any]
Risk = Literal["low", "medium", "high"]
TargetKind = Literal["host", "url", "cluster", "channel", "local"]

APPROVAL_TIMEOUT_S = 600.0
STEP_TIMEOUT_S = 60.0
MAX_CONCURRENT_RUNBOOKS = 3


class Frozen(BaseModel):
    """The base of every catalog value: immutable, nothing unknown let through."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Param(Frozen):
    """One typed parameter; the only thing an edit can change."""

    name: str
    type: Literal["string", "int", "choice", "bool"] = "string"
    description: str = ""
    default: str | int | bool | None = None
    required: bool = True
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    allow_leading_dash: bool = False


class Expect(Frozen):
    """A pattern the capped output must show; missing, it fails the step unless `allow_failure`."""

    pattern: str
    allow_failure: bool = False


class Rules(Frozen):
    """Who must agree, as written at one level (step, action, runbook …); None means "not said here"."""

    requires_approval: bool | None = None
    approvers: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    """Who is asked next when nobody decided in time, one entry after the other."""
    min_approvals: int | None = None
    allow_self_approval: bool | None = None
    scopes: tuple[EnvironmentName, ...] | None = None
    risk: Risk | None = None
    message: str = ""


class MetricCheck(Frozen):
    """A metric judged some time after what it checks ended; above the limit counts as worse."""

    metric_name: str
    check_after_s: float
    rollback_if_value_exceeds: float | None = None


class Rollback(Frozen):
    """The declared inverse of a step: another step, or words for a human.

    Names in it are those of any step (see `Step.arguments`), never those of the step it undoes: an inverse with an
    `action` sees that action's params, filled from its own `arguments`; one without sees the runbook's.
    """

    step: Step | None = None
    manual: str = ""


class Step(Frozen):
    """One step with everything its action says merged in; `input` is that type's input, unrendered."""

    name: str
    type: str
    action: ActionId | None = None
    input: JsonObject = Field(default_factory=dict)
    arguments: JsonObject = Field(default_factory=dict)
    """The step's `with:` (values for the action's params, templates allowed).

    Arguments always speak of the runbook's params, also those of a rollback. `input` speaks of `params`, filled
    from the arguments, where the step has an `action`, and of the runbook's params where it has none.
    """
    params: tuple[Param, ...] = ()
    """The action's own params; those of the runbook stand in `Runbook.params`."""
    expect: tuple[Expect, ...] = ()
    rollback: Rollback | None = None
    irreversible: bool = False
    idempotent: bool = False
    timeout_s: float = STEP_TIMEOUT_S
    approval_timeout_s: float = APPROVAL_TIMEOUT_S
    rules: Rules = Rules()
    """The step's own rules only (the action's are looked up in today's catalog, see `runs.policy`)."""
    action_rules: Rules = Rules()
    """The action's rules as they stood when this was loaded."""
    digest: str = ""
    """Digest of the action (or of the inline step): what a promotion is bound to."""
    description: str = ""
    check: MetricCheck | None = None
    """Judged after this step, before the next is proposed."""


class Schedule(Frozen):
    """A cron expression with its time zone."""

    cron: str
    timezone: str = "UTC"


class Trigger(Frozen):
    """When a runbook is worth suggesting. `condition` is CEL, already type-checked."""

    services: tuple[str, ...] = ()
    metric_name: str | None = None
    condition: str | None = None
    symptoms: tuple[str, ...] = ()
    schedule: Schedule | None = None
    auto_start: bool = False


class Runbook(Frozen):
    """A named sequence of steps with a trigger; `digest` is its version."""

    name: RunbookName
    description: str = ""
    trigger: Trigger = Trigger()
    params: tuple[Param, ...] = ()
    steps: tuple[Step, ...]
    on_reject: tuple[Step, ...] = ()
    rollback_on_failure: bool = False
    metric_check: MetricCheck | None = None
    """Judged after the last step that changed something."""
    dry_run: bool = False
    pagerduty_resolve: bool = False
    """Whether the incident is resolved at PagerDuty after a run whose checks all came out better."""
    rules: Rules = Rules()
    digest: str = ""
    path: str = ""
    line: int = 1


class Environment(Frozen):
    """dev, staging, prod …; the careful answer is the default of every switch."""

    name: EnvironmentName
    approvers: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    override: tuple[str, ...] = ()
    """Who may break glass: run a step without its approvers, with a reason. Nobody unless named."""
    confirm_every_step: bool = False
    auto_start: bool = False


class Host(Frozen):
    """A machine reached over SSH; `address`, `port` and `user` fall back to the ssh configuration file."""

    name: str
    environment: EnvironmentName
    address: str = ""
    port: int | None = None
    user: str = ""


class Cluster(Frozen):
    """A Kubernetes cluster; each namespace belongs to one environment."""

    name: str
    context: str = ""
    namespaces: Mapping[str, EnvironmentName] = Field(default_factory=dict)


class UrlHost(Frozen):
    """A host (and port, where named) that http steps may reach; private addresses only where it says so."""

    name: str
    environment: EnvironmentName
    port: int | None = None
    allow_private: bool = False
    allow_plain_http: bool = False


Diagnosing = Literal["auto", "ask", "off"]
"""Whether an incident of a service is looked into: by itself, when somebody asks in its thread, or never there."""


class Workload(Frozen):
    """What of a cluster a service is: where a diagnosis begins."""

    cluster: str = ""
    """The only one of the catalog when ""."""
    namespace: str
    kind: Literal["deployment", "statefulset", "daemonset"]
    name: str


class Service(Frozen):
    """What breaks: who owns it, how alerts name it, where its thread goes and who may act."""

    name: ServiceName
    team: str = ""
    aliases: tuple[str, ...] = ()
    """Other names alerts use for it: PagerDuty service ids and summaries, label values."""
    pagerduty_ids: tuple[str, ...] = ()
    """Its ids at PagerDuty, as `pagerduty_id` and `pagerduty_ids` give them; all of them are aliases too."""
    pagerduty_write: bool = False
    """Whether its incidents at PagerDuty are acknowledged and noted on (where the bot holds a token for that)."""
    channel: str = ""
    host: str = ""
    workload: Workload | None = None
    diagnose: Diagnosing = "ask"
    """Careful: a look only reads, but what it quotes from logs stands in the thread for everybody there."""
    environment: EnvironmentName | None = None
    approvers: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    override: tuple[str, ...] = ()
    starters: tuple[str, ...] = ()
    links: Mapping[str, str] = Field(default_factory=dict)
    """Label to URL: dashboard, docs; shown in the thread."""


class ApproverGroup(Frozen):
    """A named set of people: Slack user ids (U…), emails, Slack user groups (S…)."""

    name: str
    members: tuple[str, ...] = ()
    direct_message: bool = False


class Secret(Frozen):
    """A name that stands for a value in the bot's own environment, and the hosts it may be sent to."""

    name: str
    hosts: tuple[str, ...] = ()


class Metric(Frozen):
    """A PromQL expression; `{{ service }}` in it becomes a quoted label value."""

    name: str
    query: str
    description: str = ""
    better: Literal["lower", "higher"] = "lower"
    """Which way a fix moves it."""


class Trust(Frozen):
    """Earned: a runbook, exactly as it was, may begin by itself where a diagnosis names this class for certain."""

    finding: str
    runbook: RunbookName
    digest: str
    environment: EnvironmentName
    right: int = 0
    """How often people said that the class was right when it was certain, of `judged` times they said anything."""
    judged: int = 0
    promoted_by: str = ""
    promoted_at: str = ""


class Limits(Frozen):
    """Bounds that hold for everyone; a tenant is the team that owns a service."""

    max_concurrent_runbooks: int = MAX_CONCURRENT_RUNBOOKS


class Catalog(Frozen):
    """Everything in force at one moment. A catalog with errors never becomes one of these."""

    environments: Mapping[str, Environment] = Field(default_factory=dict)
    hosts: Mapping[str, Host] = Field(default_factory=dict)
    host_groups: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    clusters: Mapping[str, Cluster] = Field(default_factory=dict)
    urls: Mapping[str, UrlHost] = Field(default_factory=dict)
    """Keyed `host` or `host:port`."""
    services: Mapping[str, Service] = Field(default_factory=dict)
    groups: Mapping[str, ApproverGroup] = Field(default_factory=dict)
    secrets: Mapping[str, Secret] = Field(default_factory=dict)
    metrics: Mapping[str, Metric] = Field(default_factory=dict)
    limits: Limits = Limits()
    default_host: str = ""
    default_channel: str = ""
    allow_local_shell: bool = False
    local_environment: EnvironmentName | None = None
    """The environment a local shell step counts under; required where `allow_local_shell` is true."""
    python_actions: bool = False
    api_decisions: bool = False
    """Whether proposals may be decided over the API by a token that names a member of the workspace."""
    actions: Mapping[str, Step] = Field(default_factory=dict)
    """Action id to the step it is when used alone (templates name its own `params`)."""
    runbooks: Mapping[str, Runbook] = Field(default_factory=dict)
    promotions: Mapping[str, tuple[EnvironmentName, ...]] = Field(default_factory=dict)
    """Digest of an action or runbook to the environments that evidence has let it into."""
    trusts: tuple[Trust, ...] = ()
    """Which runbooks may begin by themselves on which findings."""
    digest: str = ""
    commit: str = ""
    """The Git commit of the catalog's folder, "" outside Git; "+dirty" is appended when files differ."""
    root: str = ""

    def service_named(self, name: str) -> Service | None:
        """The service called `name`, or known by it as an alias."""
        if name in self.services:
            return self.services[name]
        return next((service for service in self.services.values() if name in service.aliases), None)


Rollback.model_rebuild()
