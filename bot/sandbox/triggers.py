"""Trigger ids: proof that a person just did something, good for three seconds and one modal."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.sandbox.clock import Clock
from bot.sandbox.protocol import SlackError

LIFE_S = 3.0
KEPT = 1000


@dataclass(kw_only=True)
class Trigger:
    """Who did it, when, and whether inside a modal, which is where another can be pushed."""

    user: str
    made_at: float
    is_in_modal: bool
    is_used: bool = False


class Triggers:
    """Hands out trigger ids and takes them back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: dict[str, Trigger] = {}

    def give(self, user: str, *, is_in_modal: bool = False) -> str:
        """A new id for what this person just did."""
        trigger_id = f"{len(self._given) + 1}.{int(self._clock.now())}.{secrets.token_hex(8)}"
        self._given[trigger_id] = Trigger(user=user, made_at=self._clock.now(), is_in_modal=is_in_modal)
        if len(self._given) > KEPT:
            del self._given[next(iter(self._given))]
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Use it up; raises `invalid_trigger_id`, `expired_trigger_id`, `exchanged_trigger_id`."""
        trigger = self._given.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if self._clock.now() - trigger.made_at > LIFE_S:
            raise SlackError("expired_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        trigger.is_used = True
        return trigger
