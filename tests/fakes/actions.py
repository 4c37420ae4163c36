"""What actions are given in tests: a catalog with a few targets, tools that record, a progress that remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from bot.actions.base import Plan, PlanScope
from bot.actions.tools import Tools
from bot.catalog.schema import (
    Catalog,
    Environment,
    EnvironmentName,
    Host,
    Secret,
    Service,
    ServiceName,
    UrlHost,
)
from bot.clients.http import HttpClient
from bot.clients.ssh import SshPool

STAGING = EnvironmentName("staging")


def catalog(**changes: object) -> Catalog:
    """Two hosts, a group, one API host; everything in staging."""
    made = Catalog(
        environments={"staging": Environment(name=STAGING)},
        hosts={name: Host(name=name, environment=STAGING) for name in ("web-1", "web-2")},
        host_groups={"web": ("web-1", "web-2")},
        urls={"api.acme.example": UrlHost(name="api.acme.example", environment=STAGING)},
        services={"payments": Service(name=ServiceName("payments"), host="web-1")},
        secrets={"API_TOKEN": Secret(name="API_TOKEN", hosts=("api.acme.example",))},
    )
    return made.model_copy(update=changes)


@dataclass
class Posts:
    """The port of the slack action: posts a key once."""

    by_key: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    error: Exception | None = None

    async def __call__(self, channel: str, thread_ts: str, text: str, key: str) -> str:
        if self.error is not None:
            raise self.error
        self.by_key.setdefault(key, (channel, thread_ts, text))
        return f"https://slack.example/{channel}/{list(self.by_key).index(key)}"


@dataclass
class Bench:
    """Everything around one action in a test."""

    catalog: Catalog = field(default_factory=catalog)
    ssh: SshPool = field(default_factory=SshPool)
    http: HttpClient = field(default_factory=HttpClient)
    posts: Posts = field(default_factory=Posts)
    secrets: dict[str, str] = field(default_factory=lambda: {"API_TOKEN": "t0p-s3cret"})

    @property
    def tools(self) -> Tools:
        return Tools(
            catalog=lambda: self.catalog,
            ssh=lambda: self.ssh,
            http=lambda: self.http,
            post=self.posts,
            secret=self.secrets.__getitem__,
        )

    def scope(self, **changes: object) -> PlanScope:
        made = PlanScope(
            catalog=self.catalog,
            service=self.catalog.services.get("payments"),
            timeout_s=10.0,
            key="run-1/steps/0",
            channel="C0INCIDENT",
            thread_ts="1700000000.000100",
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests name single fields


class Told:
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.text = ""
        self.notes: list[str] = []

    def write(self, text: str) -> None:
        self.text += text

    def note(self, text: str) -> None:
        self.notes.append(text)


def short(plan: Plan, timeout_s: float) -> Plan:
    """The same plan with less time."""
    return replace(plan, timeout_s=timeout_s)
