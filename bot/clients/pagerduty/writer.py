"""What this program may write at PagerDuty: a note, acknowledged, resolved. Reads nothing.

Nothing here asks twice by itself: whoever holds a writer looks at what is there before asking again. PagerDuty
wants the email of one of its users with every change and records the change as theirs; who acknowledges becomes
the one the incident is assigned to.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from time import monotonic

from bot.clients.pagerduty.connection import API_URL, Connection, checked_id
from bot.errors import BadInput

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


class PagerDutyWriter:
    """Writes to PagerDuty, each time in the name of one of its users. Close it.

    Raises what `Connection.send` raises, and `BadInput` for an id or an email that is none; then nothing was sent.
    The token is in no message and no repr.
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

    async def add_note(self, pagerduty_id: str, content: str, *, sender: str) -> None:
        """Put a note on the incident; asked twice, it stands there twice."""
        path = f"/incidents/{checked_id(pagerduty_id)}/notes"
        await self._connection.send("POST", path, {"note": {"content": content}}, sender=_email(sender))

    async def acknowledge(self, pagerduty_id: str, *, sender: str) -> None:
        """Acknowledge it. One that is resolved would be **reopened** by this: read it first."""
        await self._put(pagerduty_id, {"status": "acknowledged"}, sender=sender)

    async def resolve(self, pagerduty_id: str, *, sender: str) -> None:
        """Resolve it; one that is resolved stays so."""
        await self._put(pagerduty_id, {"status": "resolved"}, sender=sender)

    async def close(self) -> None:
        """Let the connections go."""
        await self._connection.close()

    async def _put(self, pagerduty_id: str, change: dict[str, str], *, sender: str) -> None:
        content = {"incident": {"type": "incident_reference", **change}}
        path = f"/incidents/{checked_id(pagerduty_id)}"
        await self._connection.send("PUT", path, content, sender=_email(sender))


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise BadInput("this is no email address of a PagerDuty user", hint="for instance dana@acme.example")
    return text
