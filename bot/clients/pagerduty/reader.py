"""What can be read of PagerDuty: incidents, their alerts, what is open, who is on call. Has no write verb."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from bot.clients.pagerduty.connection import (
    API_URL,
    Connection,
    JsonObject,
    Query,
    checked_id,
    objects,
    unreadable,
)

_PAGE = 100
_PAGES = 10
_MOST_ON_CALL = 50
"""People on one level; whoever asks for approvers has no use for more."""


@dataclass(frozen=True, kw_only=True)
class OnCall:
    """One person who is on call now, as PagerDuty names them."""

    pagerduty_id: str
    name: str
    email: str
    """Lower case; "" where PagerDuty shows none (a person who was removed since)."""
    level: int
    """Which level of the escalation policy they answer on, from 1."""


class PagerDutyReader:
    """Reads PagerDuty. Close it, or use it as `async with`.

    Every method raises `NotFound` where PagerDuty knows no such thing, `BadInput` for an id that is none, else
    `BotError` with the code `pagerduty-refused` (the token is wrong or lacks a right) or `pagerduty-unavailable`
    (not reached in time, rate limited, an answer that cannot be read). The token is in no message and no repr.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = API_URL,
        deadline_s: float = 10.0,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = Connection(
            token, base_url=base_url, deadline_s=deadline_s, clock=clock, sleep=sleep
        )

    async def incident(self, pagerduty_id: str) -> JsonObject:
        """The incident as PagerDuty shows it now."""
        return await self._one(f"/incidents/{checked_id(pagerduty_id)}", "incident")

    async def alerts(self, pagerduty_id: str) -> tuple[JsonObject, ...]:
        """The incident's alerts; their `body.details` carry symptom and metric."""
        body = await self._connection.get(
            f"/incidents/{checked_id(pagerduty_id)}/alerts", {"limit": str(_PAGE)}
        )
        return objects(body, "alerts")

    async def notes(self, pagerduty_id: str) -> tuple[JsonObject, ...]:
        """The incident's notes, whoever wrote them; their `content` is what stands there."""
        return objects(
            await self._connection.get(f"/incidents/{checked_id(pagerduty_id)}/notes", {}), "notes"
        )

    async def open_incidents(self) -> tuple[JsonObject, ...]:
        """All incidents triggered or acknowledged now, newest first; at most a thousand."""
        return await self._all(
            "/incidents",
            "incidents",
            {"statuses[]": ["triggered", "acknowledged"], "sort_by": "created_at:desc"},
        )

    async def on_call(self, service_id: str, *, level: int = 1) -> tuple[OnCall, ...]:
        """Who is on call now for this PagerDuty service, on this level of its escalation policy, by name.

        Each person once, at most fifty. Empty where nobody is: a schedule may have a gap.
        """
        service = await self._one(f"/services/{checked_id(service_id, of='service')}", "service")
        policy = service.get("escalation_policy")
        policy_id = policy.get("id") if isinstance(policy, dict) else None
        if not isinstance(policy_id, str):
            raise unreadable()
        # Neither since nor until: now. `include[]=users` puts whole users where there would be references.
        entries = await self._all(
            "/oncalls",
            "oncalls",
            {
                "escalation_policy_ids[]": [checked_id(policy_id, of="escalation policy")],
                "include[]": ["users"],
            },
        )
        found = {
            one.pagerduty_id: one for entry in entries if (one := _on_call(entry)) and one.level == level
        }
        by_name = sorted(found.values(), key=lambda one: (one.name, one.pagerduty_id))
        return tuple(by_name[:_MOST_ON_CALL])

    async def close(self) -> None:
        """Let the connections go."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _one(self, path: str, name: str) -> JsonObject:
        found = (await self._connection.get(path, {})).get(name)
        if not isinstance(found, dict):
            raise unreadable()
        return found

    async def _all(self, path: str, name: str, query: Query) -> tuple[JsonObject, ...]:
        found: list[JsonObject] = []
        for page in range(_PAGES):
            body = await self._connection.get(
                path, {**query, "limit": str(_PAGE), "offset": str(page * _PAGE)}
            )
            found.extend(objects(body, name))
            if body.get("more") is not True:
                break
        return tuple(found)


def _on_call(entry: JsonObject) -> OnCall | None:
    user, level = entry.get("user"), entry.get("escalation_level")
    if not isinstance(user, dict) or not isinstance(level, int):
        return None
    user_id, email = user.get("id"), user.get("email")
    name = user.get("name") or user.get("summary")
    if not isinstance(user_id, str) or not isinstance(name, str):
        return None
    return OnCall(
        pagerduty_id=user_id,
        name=name,
        email=email.strip().lower() if isinstance(email, str) else "",
        level=level,
    )
