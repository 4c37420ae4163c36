"""Who people are and which groups they are in, read from Slack at most five minutes ago; when in doubt, nobody.

Two questions with different answers to "Slack cannot say". A **membership** is returned with the time it was read and
the error, and the policy decides what a reading of that age is worth. A **caller** who cannot be looked up is barred
with the reason: a click by somebody unknown decides nothing.

A reading is kept for five minutes because every click asks; `subteam_*` events drop it early, so that somebody who
was taken out of a group loses the right at once and not five minutes later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from bot.engine.clock import Clock
from bot.runs.events import Actor
from bot.runs.policy import MEMBERSHIP_TTL, Caller, Membership
from bot.slack.calls import Json, SlackTrouble
from bot.slack.gateway import Gateway

USER_TTL = timedelta(minutes=5)
CACHE_LIMIT = 5000

V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class _Kept(Generic[V]):
    value: V
    read_at: datetime


class _Readings(Generic[V]):
    """Values by name, each read once however many ask at the same moment."""

    def __init__(self, clock: Clock, ttl: timedelta) -> None:
        self._clock = clock
        self._ttl = ttl
        self._kept: dict[str, _Kept[V]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._forgotten: dict[str, int] = {}

    def fresh(self, name: str) -> _Kept[V] | None:
        """The value, where it is young enough."""
        kept = self._kept.get(name)
        return kept if kept is not None and self._clock.now() - kept.read_at <= self._ttl else None

    def last(self, name: str) -> _Kept[V] | None:
        """The last value, however old."""
        return self._kept.get(name)

    def forget(self, name: str) -> None:
        """Make the next question go to Slack; a reading under way no longer counts either."""
        self._kept.pop(name, None)
        self._forgotten[name] = self._forgotten.get(name, 0) + 1

    async def read(self, name: str, ask: Callable[[], Awaitable[V]]) -> _Kept[V]:
        """The fresh value, or a new one. Its time is the moment of asking, so it is never thought younger."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            while True:
                if kept := self.fresh(name):
                    return kept
                asked_at, generation = self._clock.now(), self._forgotten.get(name, 0)
                value = await ask()
                if generation == self._forgotten.get(name, 0):
                    break
            self._kept.pop(name, None)
            self._kept[name] = _Kept(value=value, read_at=asked_at)
            if len(self._kept) > CACHE_LIMIT:
                self._drop(next(iter(self._kept)))
            return self._kept[name]

    def _drop(self, name: str) -> None:
        self._kept.pop(name, None)
        if (lock := self._locks.get(name)) is not None and not lock.locked():
            del self._locks[name]


class SlackDirectory:
    """`engine.ports.Directory` over Slack, and the one place that makes a `Caller` of a Slack user."""

    def __init__(self, gateway: Gateway, *, clock: Clock) -> None:
        self._gateway = gateway
        self._users: _Readings[Json] = _Readings(clock, USER_TTL)
        self._groups: _Readings[frozenset[str]] = _Readings(clock, MEMBERSHIP_TTL)
        self._by_email: _Readings[str] = _Readings(clock, USER_TTL)
        self._handles: _Readings[Mapping[str, str]] = _Readings(clock, MEMBERSHIP_TTL)

    async def membership(self, group: str) -> Membership:
        """Members of a user group from a reading at most five minutes old, or an older or no reading with `error`."""
        try:
            kept = await self._groups.read(group, lambda: self._members(group))
        except SlackTrouble as trouble:
            last = self._groups.last(group)
            why = trouble.message
            if last is None:
                return Membership(group=group, error=why)
            return Membership(group=group, user_ids=last.value, read_at=last.read_at, error=why)
        handle = (await self._handles.read("", self._all_handles)).value.get(group, "")
        return Membership(group=group, user_ids=kept.value, read_at=kept.read_at, handle=handle)

    async def user_id_of(self, email: str) -> str:
        """The Slack id of the member with this email, "" where there is none or Slack cannot say."""
        wanted = email.strip().lower()
        if not wanted:
            return ""
        try:
            return (await self._by_email.read(wanted, lambda: self._look_up(wanted))).value
        except SlackTrouble:
            return ""

    async def caller_of(self, user: Mapping[str, Any]) -> Caller:
        """Who clicked, from an interaction's `user` (or `{"id": …}`), with why they may never decide."""
        user_id = str(user.get("id", ""))
        unknown = Caller(
            actor=Actor(kind="slack", id=user_id, person=f"slack:{user_id}", name=_name_in(user)),
            barred="Slack could not say just now who you are; try again in a minute",
        )
        if not user_id:
            return unknown
        try:
            profile = (await self._users.read(user_id, lambda: self._user(user_id))).value
            team_id = (await self._gateway.identity()).team_id
        except SlackTrouble:
            return unknown
        email = _email_of(profile)
        name = _name_of(profile) or _name_in(user)
        return Caller(
            actor=Actor(kind="slack", id=user_id, person=email or f"slack:{user_id}", name=name),
            email=email,
            barred=_barred(profile, user, team_id=team_id),
        )

    async def member_of(self, email: str) -> Caller | None:
        """The member whose confirmed address this is, as if they had clicked; None where nobody can say."""
        user_id = await self.user_id_of(email)
        if not user_id:
            return None
        caller = await self.caller_of({"id": user_id})
        return caller if caller.email == email.strip().lower() else None

    def forget_group(self, group: str) -> None:
        """A `subteam_*` event spoke of this group: what was read of it is no longer true."""
        self._groups.forget(group)

    async def _members(self, group: str) -> frozenset[str]:
        told = await self._gateway.read("usergroups.users.list", usergroup=group)
        return frozenset(str(one) for one in told.get("users") or ())

    async def _all_handles(self) -> Mapping[str, str]:
        """What people call the user groups; only words depend on it, so not knowing is no trouble."""
        try:
            told = await self._gateway.read("usergroups.list")
        except SlackTrouble:
            return {}
        groups = told.get("usergroups") or ()
        return {str(one.get("id", "")): str(one.get("handle") or "") for one in groups}

    async def _user(self, user_id: str) -> Json:
        told = await self._gateway.read("users.info", user=user_id)
        return dict(told.get("user") or {})

    async def _look_up(self, email: str) -> str:
        try:
            told = await self._gateway.read("users.lookupByEmail", email=email)
        except SlackTrouble as trouble:
            if trouble.error == "users_not_found":
                return ""
            raise
        user = told.get("user") or {}
        return "" if user.get("deleted") else str(user.get("id", ""))


def _barred(profile: Json, payload: Mapping[str, Any], *, team_id: str) -> str:
    if profile.get("is_bot") or profile.get("is_workflow_bot") or profile.get("id") == "USLACKBOT":
        return "apps may not decide"
    if profile.get("deleted"):
        return "your account is deactivated"
    if profile.get("is_stranger") or not _is_of(team_id, profile, payload):
        return "a member of another workspace may not decide"
    if profile.get("is_restricted") or profile.get("is_ultra_restricted"):
        return "guests may not decide"
    return ""


def _is_of(team_id: str, profile: Json, payload: Mapping[str, Any]) -> bool:
    """A member of our workspace: by its own word, or one of an organisation's that ours belongs to."""
    teams = (profile.get("enterprise_user") or {}).get("teams") or ()
    if team_id in teams:
        return True
    said = {str(one) for one in (profile.get("team_id"), payload.get("team_id")) if one}
    return said == {team_id}


def _email_of(profile: Json) -> str:
    """The address where Slack vouches for it; one that was never confirmed names nobody."""
    if profile.get("is_email_confirmed") is False:
        return ""
    return str((profile.get("profile") or {}).get("email") or "").strip().lower()


def _name_of(profile: Json) -> str:
    details = profile.get("profile") or {}
    names = (details.get("display_name"), details.get("real_name"), profile.get("name"))
    return next((str(one) for one in names if one), "")


def _name_in(user: Mapping[str, Any]) -> str:
    return str(user.get("name") or user.get("username") or "")
