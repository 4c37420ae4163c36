"""Who decides in a simulation: stand-ins for the people whom the catalog names, as many as an approval needs.

Nobody is looked up. A Slack user group is taken to have members, a PagerDuty service to have somebody on call, an email
to belong to somebody; that a group is empty in truth is something only Slack can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine.clock import Clock
from bot.engine.ports import Directory
from bot.runs.events import Actor
from bot.runs.policy import Caller, Membership, is_group

_CALLED = ("an approver", "a second approver", "a third approver", "a fourth approver", "a fifth approver")


@dataclass(frozen=True)
class _OnCall:
    email: str


@dataclass(frozen=True)
class Cast:
    """Slack and PagerDuty of a simulation, as far as people go."""

    clock: Clock

    async def membership(self, group: str) -> Membership:
        """A Slack user group with stand-ins for members."""
        members = frozenset(f"U{group}{number}" for number in range(len(_CALLED)))
        return Membership(group=group, user_ids=members, read_at=self.clock.now())

    async def user_id_of(self, email: str) -> str:  # noqa: ARG002 - the port's signature
        """Nobody's: people are not looked up."""
        return ""

    async def on_call(self, service_id: str) -> Sequence[_OnCall]:
        """One stand-in for each PagerDuty service."""
        return [_OnCall(f"{service_id.lower()}@on-call.invalid")]


async def approvers(entries: Sequence[str], directory: Directory) -> tuple[Caller, ...]:
    """Different people who may decide where these are named: one for each entry, then more of its groups."""
    behind = [await _behind(entry, directory) for entry in entries]
    names = [people[turn] for turn in range(len(_CALLED)) for people in behind if turn < len(people)]
    return tuple(_caller(place, name) for place, name in enumerate(dict.fromkeys(names)))[: len(_CALLED)]


async def _behind(entry: str, directory: Directory) -> Sequence[str]:
    if not is_group(entry):
        return [entry]
    found = await directory.membership(entry)
    return sorted((*found.user_ids, *found.emails))


def _caller(place: int, name: str) -> Caller:
    email = name.lower() if "@" in name else ""
    called = _CALLED[min(place, len(_CALLED) - 1)]
    actor = Actor(kind="slack", id=email or name, person=email or f"slack:{name}", name=called)
    return Caller(actor=actor, email=email)
