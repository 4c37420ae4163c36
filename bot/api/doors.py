"""What the routes are given: storage, the engine, the people of the workspace, keys and a clock."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from bot.api.auth import TokenCheck
from bot.api.pace import Pace, Turns
from bot.engine.consulting import Consulting
from bot.engine.operations import Operations
from bot.engine.ports import Members
from bot.engine.records import Records
from bot.intake.inbox import Self
from bot.journal.base import InboxItem
from bot.telemetry.metrics import Metrics

ACCEPT_TIMEOUT_S = 4.0
"""PagerDuty gives up after 5 s."""


class Inbox(Protocol):
    """What the signal doors need of the journal."""

    async def accept(self, item: InboxItem, /) -> bool:
        """Remember a signal durably; False when its id was seen before."""


async def _ready() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Everything the routes are given."""

    inbox: Inbox
    wake: Callable[[], None]
    """Called after a signal was accepted: somebody may read `unanswered()` now. Must not block or raise."""
    operations: Operations | None = None
    """None only where nothing but signals is taken."""
    members: Members | None = None
    """Who the people of a token are in Slack; None: nobody is known."""
    webhook_secrets: Sequence[str] = field(default=(), repr=False)
    """PagerDuty's signing secrets, several while one is rotated; none means no webhook is taken."""
    alertmanager_secrets: Sequence[str] = field(default=(), repr=False)
    """What Alertmanager shows; none means nothing of it is taken."""
    tokens: TokenCheck | None = None
    """None means that no token is good."""
    pace: Pace = field(default_factory=Pace)
    """How fast one caller may ask."""
    consulting: Consulting | None = None
    """Looks into clusters; None where there is none to look into."""
    looks: Turns = field(default_factory=Turns)
    """How many are looked into at the same time."""
    us: Self = field(default_factory=Self)
    accept_timeout_s: float = ACCEPT_TIMEOUT_S
    readiness: Callable[[], Awaitable[Mapping[str, str]]] = _ready
    """Part to what is wrong with it; empty when all is well."""
    metrics: Metrics = field(default_factory=Metrics)
    """Where requests are counted, and what a scrape is told."""
    metrics_are_open: bool = False
    """Whether a scrape needs no token."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_reference: Callable[[], str] = lambda: secrets.token_hex(6)

    @property
    def records(self) -> Records:
        """Runs as they are told to readers."""
        return Records(journal=self.engine.ledger.journal)

    @property
    def engine(self) -> Operations:
        """The engine; only routes that are never served without one ask for it."""
        assert self.operations is not None
        return self.operations
