"""Who is behind an approver entry, wherever it is written down: Slack's user groups, and who is on call at PagerDuty.

On call is asked for when it matters (a proposal is made, somebody clicks, a step is about to start), for the PagerDuty
services of the catalog's service, and a reading is good for five minutes like that of a user group. Nobody who was on
call an hour ago may decide because PagerDuty is away now: the reading says when it was made, and the policy refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bot.catalog.schema import Catalog
from bot.engine.clock import Clock
from bot.engine.ports import Directory
from bot.errors import BotError
from bot.runs.policy import MEMBERSHIP_TTL, ON_CALL, Membership, is_on_call, is_user_group


class OnCallPerson(Protocol):
    """One person who is on call now."""

    @property
    def email(self) -> str:
        """Lower case; "" where it is not known."""


class OnCallReader(Protocol):
    """Reads who is on call; implemented over PagerDuty."""

    async def on_call(self, service_id: str) -> Sequence[OnCallPerson]:
        """Who is on call now for a PagerDuty service, first level; raises `BotError` where it cannot be said."""


@dataclass(kw_only=True)
class People:
    """`Directory` over Slack and PagerDuty. One per process."""

    slack: Directory
    on_call: OnCallReader | None
    """None: no token was set, so nobody can tell who is on call."""
    catalog: Callable[[], Catalog]
    clock: Clock
    _kept: dict[str, Membership] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def membership(self, group: str) -> Membership:
        """Members of a group, from a reading at most five minutes old, or with its `error`."""
        if not is_on_call(group):
            return await self.slack.membership(group)
        async with self._locks.setdefault(group, asyncio.Lock()):
            now = self.clock.now()
            kept = self._kept.get(group)
            if kept is not None and kept.read_at is not None and now - kept.read_at <= MEMBERSHIP_TTL:
                return kept
            try:
                emails = await self._emails(group)
            except BotError as problem:
                return replace(kept or Membership(group=group), error=problem.message)
            self._kept[group] = Membership(group=group, emails=emails, read_at=now)
            return self._kept[group]

    async def user_id_of(self, email: str) -> str:
        """The Slack id of the member with this email, "" where there is none or Slack cannot say."""
        return await self.slack.user_id_of(email)

    async def _emails(self, group: str) -> frozenset[str]:
        """Those on call for the service that the group names; raises `BotError` with why nobody can tell."""
        name = group.removeprefix(ON_CALL).removeprefix("/")
        service = self.catalog().services.get(name)
        if service is None:
            raise BotError(
                f"no service {name!r} is in the catalog" if name else "it is about no single service"
            )
        if not service.pagerduty_ids:
            raise BotError(f"service {name} has no PagerDuty id in the catalog")
        if self.on_call is None:
            raise BotError("PAGERDUTY_API_TOKEN is not set")
        found = await asyncio.gather(*(self.on_call.on_call(one) for one in service.pagerduty_ids))
        return frozenset(one.email for people in found for one in people if one.email)


async def ids_behind(
    entries: Sequence[str], directory: Directory, *, opened: bool = False
) -> tuple[str, ...]:
    """Slack ids for approver entries, each once: emails looked up, those on call found out, other ids as they are.

    `opened`: a user group stands as its members, for whoever is written to directly. Whoever Slack does not know is
    left out; the words of the message name the entry all the same.
    """

    async def one(entry: str) -> Sequence[str]:
        if is_on_call(entry):
            emails = sorted((await directory.membership(entry)).emails)
            return await asyncio.gather(*(directory.user_id_of(email) for email in emails))
        if "@" in entry:
            return [await directory.user_id_of(entry)]
        if opened and is_user_group(entry):
            return sorted((await directory.membership(entry)).user_ids)
        return [entry]

    found = await asyncio.gather(*(one(entry) for entry in entries))
    return tuple(dict.fromkeys(name for names in found for name in names if name))
