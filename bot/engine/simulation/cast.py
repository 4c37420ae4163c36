"""Who decides in a simulation: stand-ins for the people whom the catalog names, one for each approval that is needed.

Nobody is looked up. A group (a Slack user group, or who is on call) is taken to have members, an email to belong to
somebody; that a group is empty in truth is something only Slack or PagerDuty can tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.clock import Clock
from bot.runs.events import Actor
from bot.runs.policy import Caller, Membership, is_group

_ORDINALS = ("an approver", "a second approver", "a third approver", "a fourth approver", "a fifth approver")
_GROUP_SIZE = len(_ORDINALS)


class Cast:
    """The directory of a simulation, and its people."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def membership(self, group: str) -> Membership:
        """A group with stand-ins for members."""
        members = frozenset(_member(group, number) for number in range(_GROUP_SIZE))
        return Membership(group=group, user_ids=members, read_at=self._clock.now())

    async def user_id_of(self, email: str) -> str:  # noqa: ARG002 - the port's signature
        """Nobody's: people are not looked up."""
        return ""

    def approvers(self, entries: Sequence[str]) -> tuple[Caller, ...]:
        """Different people who may decide where these are named: the first of each entry, then more of its groups."""
        found: list[Caller] = []
        for number in range(_GROUP_SIZE):
            for entry in entries:
                if is_group(entry):
                    found.append(self._caller(len(found), _member(entry, number)))
                elif number == 0:
                    email = entry.lower() if "@" in entry else ""
                    found.append(self._caller(len(found), email or entry, email=email))
        return tuple(found[:_GROUP_SIZE])

    @staticmethod
    def _caller(place: int, name: str, *, email: str = "") -> Caller:
        actor = Actor(kind="slack", id=name, person=email or f"slack:{name}", name=_ORDINALS[min(place, 4)])
        return Caller(actor=actor, email=email)


def _member(group: str, number: int) -> str:
    return f"U{group}{number}"
