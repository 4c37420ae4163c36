"""What the engine needs from outside, as interfaces: who is in a group, what a metric shows, where steps speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.clients.series import Answer
from bot.runs.events import IncidentId, ProposalId, RunId
from bot.runs.plan import JsonObject
from bot.runs.policy import Caller, Membership

TAIL_LINES = 12


class Directory(Protocol):
    """Reads people. Never raises: what cannot be read is said in the value."""

    async def membership(self, group: str) -> Membership:
        """Members of a group, from a reading at most five minutes old, or with its `error`."""

    async def user_id_of(self, email: str) -> str:
        """The Slack id of the member with this email, "" where there is none or Slack cannot say."""


class Members(Protocol):
    """Who a person is in the workspace; implemented over Slack."""

    async def member_of(self, email: str) -> Caller | None:
        """The member whose confirmed address this is, as if they had clicked; None where there is none, or Slack
        cannot say."""


class Metrics(Protocol):
    """Reads metrics; implemented over Prometheus."""

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        """What a query answers from `start` to `end`; raises `BotError` where nobody answers in time."""


class PageReader(Protocol):
    """Reads incidents where people are paged; implemented over PagerDuty. Each raises `BotError`."""

    async def incident(self, pagerduty_id: str) -> JsonObject:
        """The incident as it is there now."""

    async def notes(self, pagerduty_id: str) -> Sequence[JsonObject]:
        """Its notes, whoever wrote them; the words are their `content`."""


class PageWriter(Protocol):
    """Writes there, each time in the name of the user with the email `sender`; see `PagerDutyWriter` for errors."""

    async def add_note(self, pagerduty_id: str, content: str, *, sender: str) -> None:
        """Put a note on it."""

    async def acknowledge(self, pagerduty_id: str, *, sender: str) -> None:
        """Acknowledge it; one that is over would be opened again."""

    async def resolve(self, pagerduty_id: str, *, sender: str) -> None:
        """Resolve it."""


@dataclass(frozen=True, kw_only=True)
class ClickRef:
    """What a button carries: ids and the digest, nothing else; all of it is read again and authorised again."""

    incident_id: IncidentId
    proposal_id: ProposalId
    digest: str = ""
    run_id: RunId | None = None


@dataclass
class Tail:
    """The last lines of a running step, already redacted: the one volatile input of the thread."""

    run_id: RunId
    lines: list[str] = field(default_factory=list)
    note: str = ""

    def add(self, text: str) -> None:
        """Append complete lines, keep the last few."""
        self.lines.extend(text.splitlines())
        del self.lines[:-TAIL_LINES]
