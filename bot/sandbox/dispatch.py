"""How the app hears of things: one way in at a time, retries for events, one try for what a person waits for.

Events that are not acknowledged come again at once, after about a minute and after about five, then never:
Slack has told us four times. A click, a command or a submitted view is tried once, because somebody is looking.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bot.sandbox.clock import Clock, sleep
from bot.sandbox.protocol import Json

Kind = Literal["events_api", "interactive", "slash_commands"]
ACK_TIMEOUT_S = 3.0
RETRY_DELAYS_S = (0.0, 60.0, 300.0)
KEPT = 5000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one delivery: `body` is what the app sent along with its acknowledgement.

    `reason` says why there is none: `timeout`, `no_connection`, `connection_failed`, `http_error`.
    """

    is_acked: bool
    reason: str = ""
    body: Json = field(default_factory=dict)
    may_retry: bool = True


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One try, for assertions."""

    kind: Kind
    payload: Json
    attempt: int
    answer: Answer


class Transport(Protocol):
    """A way in to the app."""

    async def send(self, kind: Kind, payload: Json, *, attempt: int, reason: str) -> Answer:
        """Hand over one payload and wait for the acknowledgement; never raises for what the app does."""


class Dispatch:
    """Sends payloads by the current `transport` and owns the tasks that do."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        on_delivery: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self.events: deque[Json] = deque(maxlen=KEPT)
        self._clock = clock
        self._retry_delays_s = retry_delays_s
        self._on_delivery = on_delivery
        self._tasks: set[asyncio.Task[Any]] = set()

    def event(self, payload: Json) -> None:
        """Send an event and its retries, in the background and in the order of these calls."""
        self.events.append(payload)
        self.spawn(self._event(payload), name=f"sandbox event {payload.get('event_id')}")

    async def now(self, kind: Kind, payload: Json) -> Answer:
        """Send what a person waits for, once."""
        return await self._try(kind, payload, attempt=0, reason="")

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Run something in the background until `stop`."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    @property
    def pending(self) -> int:
        """Deliveries and retries still under way."""
        return len(self._tasks)

    async def stop(self) -> None:
        """Drop what is under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._on_delivery()

    async def _event(self, payload: Json) -> None:
        answer = await self._try("events_api", payload, attempt=0, reason="")
        for attempt, delay_s in enumerate(self._retry_delays_s, start=1):
            if answer.is_acked or not answer.may_retry:
                return
            await sleep(self._clock, delay_s)
            answer = await self._try("events_api", payload, attempt=attempt, reason=answer.reason)

    async def _try(self, kind: Kind, payload: Json, *, attempt: int, reason: str) -> Answer:
        answer = await self.transport.send(kind, payload, attempt=attempt, reason=reason)
        self.deliveries.append(Delivery(kind=kind, payload=payload, attempt=attempt, answer=answer))
        self._on_delivery()
        return answer
