"""`catalog.yaml`: what there is (environments, targets, services, people, secrets, metrics) and the switches.

The short forms people write (`api.example: prod`, `oncall: [U1, U2]`) and the long ones mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.catalog.checking import FileModel, checked
from bot.catalog.clusters import Label, Subdomain
from bot.catalog.schema import (
    MAX_CONCURRENT_RUNBOOKS,
    ApproverGroup,
    Catalog,
    Cluster,
    Diagnosing,
    Environment,
    EnvironmentName,
    Host,
    Limits,
    Metric,
    Secret,
    Service,
    ServiceName,
    UrlHost,
    Workload,
)
from bot.catalog.source import Document


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _nothing_is_empty(value: Any) -> Any:
    return {} if value is None else value


def _short(key: str, written: Any) -> BeforeValidator:
    """A bare text or list stands for a mapping with only `key`; `written` is every form there is, for editors."""
    return BeforeValidator(
        lambda value: {key: value} if isinstance(value, str | list) else value, json_schema_input_type=written
    )


def _optional(written: Any) -> BeforeValidator:
    """A name with nothing behind it is a thing with every default."""
    return BeforeValidator(_nothing_is_empty, json_schema_input_type=written | None)


Names = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
WORKLOADS = ("deployment", "statefulset", "daemonset")
Port = Annotated[int, Field(ge=1, le=65535)]


class EnvironmentSpec(FileModel):
    """One environment as written."""

    approvers: Names = Field(default_factory=list)
    escalate_to: Names = Field(default_factory=list)
    override: Names = Field(default_factory=list)
    confirm_every_step: bool = False
    auto_start: bool = False


class HostSpec(FileModel):
    """One host as written: its environment, or a mapping with more."""

    environment: str
    address: str = ""
    port: Port | None = None
    user: str = ""


class ClusterSpec(FileModel):
    """One cluster as written."""

    context: str = ""
    namespaces: dict[str, str] = Field(default_factory=dict)


class UrlSpec(FileModel):
    """One URL host as written: its environment, or a mapping with more."""

    environment: str
    allow_private: bool = False
    allow_plain_http: bool = False


class WorkloadSpec(FileModel):
    """What of a cluster a service is, as written: one of the kinds with its name."""

    cluster: str = ""
    namespace: Label
    deployment: Subdomain | None = None
    statefulset: Subdomain | None = None
    daemonset: Subdomain | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_dump(include=set(WORKLOADS), exclude_none=True)) != 1:
            raise ValueError(f"a workload is exactly one of {', '.join(WORKLOADS)}")
        return self


class ServiceSpec(FileModel):
    """One service as written; PagerDuty ids are aliases like any other name."""

    team: str = ""
    aliases: Names = Field(default_factory=list)
    pagerduty_id: str = ""
    pagerduty_ids: Names = Field(default_factory=list)
    pagerduty_write: bool = False
    channel: str = ""
    host: str = ""
    workload: WorkloadSpec | None = None
    diagnose: Diagnosing | None = None
    environment: str | None = None
    approvers: Names = Field(default_factory=list)
    escalate_to: Names = Field(default_factory=list)
    override: Names = Field(default_factory=list)
    starters: Names = Field(default_factory=list)
    links: dict[str, str] = Field(default_factory=dict)


class GroupSpec(FileModel):
    """One group of approvers as written: a list of members, or a mapping with more."""

    members: Names
    direct_message: bool = False


class SecretSpec(FileModel):
    """One secret as written: the hosts it may be sent to."""

    hosts: Names = Field(default_factory=list)


class MetricSpec(FileModel):
    """One metric as written: a query, or a mapping with more."""

    query: str
    description: str = ""
    better: Literal["lower", "higher"] = "lower"


class LimitsSpec(FileModel):
    """Limits as written."""

    max_concurrent_runbooks: Annotated[int, Field(ge=1, le=1000)] = MAX_CONCURRENT_RUNBOOKS


class CatalogFile(FileModel):
    """Everything `catalog.yaml` may say."""

    environments: dict[str, Annotated[EnvironmentSpec, _optional(EnvironmentSpec)]]
    hosts: dict[str, Annotated[HostSpec, _short("environment", HostSpec | str)]] = Field(default_factory=dict)
    host_groups: dict[str, Names] = Field(default_factory=dict)
    clusters: dict[str, ClusterSpec] = Field(default_factory=dict)
    urls: dict[str, Annotated[UrlSpec, _short("environment", UrlSpec | str)]] = Field(default_factory=dict)
    services: dict[str, Annotated[ServiceSpec, _optional(ServiceSpec)]] = Field(default_factory=dict)
    groups: dict[str, Annotated[GroupSpec, _short("members", GroupSpec | list[str] | str)]] = Field(
        default_factory=dict
    )
    secrets: dict[
        str,
        Annotated[SecretSpec, _optional(SecretSpec), _short("hosts", SecretSpec | list[str] | str | None)],
    ] = Field(default_factory=dict)
    metrics: dict[str, Annotated[MetricSpec, _short("query", MetricSpec | str)]] = Field(default_factory=dict)
    limits: LimitsSpec = LimitsSpec()
    max_concurrent_runbooks: Annotated[int, Field(ge=1, le=1000)] | None = None
    default_host: str = ""
    default_channel: str = ""
    allow_local_shell: bool = False
    local_environment: str | None = None
    python_actions: bool = False
    api_decisions: bool = False


def read_inventory(document: Document) -> Catalog | None:
    """The catalog without its actions and runbooks; None when `catalog.yaml` cannot be used, with the reasons noted."""
    spec = checked(CatalogFile, document.data, document) if document.data is not None else None
    if spec is None:
        return None
    most = spec.max_concurrent_runbooks or spec.limits.max_concurrent_runbooks
    return Catalog(
        environments={
            name: Environment(
                name=EnvironmentName(name),
                approvers=tuple(item.approvers),
                escalate_to=tuple(item.escalate_to),
                override=tuple(item.override),
                confirm_every_step=item.confirm_every_step,
                auto_start=item.auto_start,
            )
            for name, item in spec.environments.items()
        },
        hosts={name: Host(name=name, **item.model_dump()) for name, item in spec.hosts.items()},
        host_groups={name: tuple(hosts) for name, hosts in spec.host_groups.items()},
        clusters={name: Cluster(name=name, **item.model_dump()) for name, item in spec.clusters.items()},
        urls={name.lower(): _url(name, item) for name, item in spec.urls.items()},
        services={name: _service(name, item, spec) for name, item in spec.services.items()},
        groups={
            name: ApproverGroup(name=name, members=tuple(item.members), direct_message=item.direct_message)
            for name, item in spec.groups.items()
        },
        secrets={name: Secret(name=name, hosts=tuple(item.hosts)) for name, item in spec.secrets.items()},
        metrics={name: Metric(name=name, **item.model_dump()) for name, item in spec.metrics.items()},
        limits=Limits(max_concurrent_runbooks=most),
        default_host=spec.default_host,
        default_channel=spec.default_channel,
        allow_local_shell=spec.allow_local_shell,
        local_environment=EnvironmentName(spec.local_environment) if spec.local_environment else None,
        python_actions=spec.python_actions,
        api_decisions=spec.api_decisions,
    )


def _url(name: str, spec: UrlSpec) -> UrlHost:
    host, _, port = name.lower().rpartition(":")
    has_port = bool(host) and port.isascii() and port.isdigit()
    return UrlHost(
        name=host if has_port else name.lower(),
        port=int(port) if has_port else None,
        environment=EnvironmentName(spec.environment),
        allow_private=spec.allow_private,
        allow_plain_http=spec.allow_plain_http,
    )


def _service(name: str, spec: ServiceSpec, file: CatalogFile) -> Service:
    """A service; where it names no environment it is in that of its host."""
    host = file.hosts.get(spec.host)
    environment = spec.environment or (host.environment if host else None)
    pagerduty = dict.fromkeys([spec.pagerduty_id] if spec.pagerduty_id else [])
    pagerduty |= dict.fromkeys(spec.pagerduty_ids)
    aliases = dict.fromkeys([*spec.aliases, *pagerduty])
    links: Mapping[str, str] = spec.links
    return Service(
        name=ServiceName(name),
        team=spec.team,
        aliases=tuple(aliases),
        pagerduty_ids=tuple(pagerduty),
        pagerduty_write=spec.pagerduty_write,
        channel=spec.channel,
        host=spec.host,
        workload=_workload(spec.workload),
        diagnose=spec.diagnose or "ask",
        environment=EnvironmentName(environment) if environment else None,
        approvers=tuple(spec.approvers),
        escalate_to=tuple(spec.escalate_to),
        override=tuple(spec.override),
        starters=tuple(spec.starters),
        links=links,
    )


def _workload(spec: WorkloadSpec | None) -> Workload | None:
    if spec is None:
        return None
    kind, name = next(iter(spec.model_dump(include=set(WORKLOADS), exclude_none=True).items()))
    return Workload(cluster=spec.cluster, namespace=spec.namespace, kind=kind, name=name)
