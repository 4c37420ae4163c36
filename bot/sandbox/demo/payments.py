"""The payments service: what it keeps, how it breaks, and what heals it. It knows neither HTTP nor SSH.

It breaks the way such services do. Exchange rates are cached; a bad import writes rates that are no numbers
(`poison`). Every worker that meets one hangs, and soon none is free. So two things are wrong, and the order of mending
them matters: a restart alone meets the same rates again, an empty cache alone leaves the workers hanging.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Literal

RATES = MappingProxyType(
    {"EUR": "1.0000", "USD": "1.0841", "GBP": "0.8570", "JPY": "164.21", "CHF": "0.9433", "SEK": "11.302"}
)
"""What the database says; the cache is filled from it, one rate at a time, as they are asked for."""

RELEASES = ("2026.10.1", "2026.10.2")
PROVIDERS = ("northbank", "southbank")
FEWEST_WORKERS, MOST_WORKERS = 2, 12
USUAL_WORKERS = 4
CPU_OF_ONE = 90
"""Per cent that the usual load takes of one worker."""
SURGE = 4
"""How many times the usual load a surge is."""
SLOW_CPU = 80
LOG_LINES = 500


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one payment or one question came to, as HTTP would say it."""

    status: int
    words: str

    @property
    def is_good(self) -> bool:
        """Whether it is a 200."""
        return self.status == 200


@dataclass
class Worker:
    """One of those who settle payments."""

    number: int
    state: Literal["free", "busy", "hangs"] = "free"


class Payments:
    """One payments service. `pace_s` is how long one line of its restart takes."""

    def __init__(self, *, pace_s: float = 0.25, relapses: bool = False) -> None:
        """With `relapses` the bad import runs again after each restart, so that nothing here heals it."""
        self.pace_s = pace_s
        self.release = RELEASES[-1]
        self.provider = PROVIDERS[0]
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.cache: dict[str, str] = dict(RATES)
        self._relapses = relapses
        self._is_restarting = False
        self._is_surging = False
        self._paid = 0
        self._last: deque[bool] = deque(maxlen=20)
        self._workers = _workers(USUAL_WORKERS)
        self._note("INFO", f"payments {self.release} started with {len(self._workers)} workers")

    # what customers see

    async def pay(self, *, currency: str = "EUR") -> Answer:
        """Settle one payment: 200, or 500 with a worker lost, or 503 where none is free."""
        answer = await self._settle(currency)
        self._last.append(answer.is_good)
        return answer

    async def _settle(self, currency: str) -> Answer:
        if self._is_restarting:
            return Answer(status=503, words="restarting")
        worker = next((one for one in self._workers if one.state == "free"), None)
        if worker is None:
            words = f"no worker is free, {self.hanging} of {len(self._workers)} hang"
            self._note("ERROR", f"payment refused: {words}")
            return Answer(status=503, words=words)
        rate = self.cache.setdefault(currency, RATES[currency])
        if not _is_number(rate):
            worker.state = "hangs"
            words = f"the rate of {currency} is {rate!r}"
            self._note("ERROR", f"worker {worker.number}: payment not settled, {words}; it hangs")
            return Answer(status=500, words=words)
        worker.state = "busy"
        try:
            # The busier the workers, the longer a payment waits.
            await asyncio.sleep(self.cpu / 100 * 0.4 if self.cpu > SLOW_CPU else 0.002)
        finally:
            worker.state = "free"
        self._paid += 1
        return Answer(status=200, words=f"paid through {self.provider}")

    def health(self) -> Answer:
        """Whether it could settle a payment now; asking breaks nothing."""
        if self._is_restarting:
            return Answer(status=503, words="restarting")
        if not any(worker.state != "hangs" for worker in self._workers):
            return Answer(status=503, words="every worker hangs")
        if self.unreadable:
            return Answer(status=503, words=f"{self.unreadable} cached rates cannot be read")
        return Answer(status=200, words="ok")

    @property
    def is_surging(self) -> bool:
        """Whether the load is unusual and too much for the workers there are."""
        return self._is_surging and self.cpu > SLOW_CPU

    @property
    def hanging(self) -> int:
        """How many workers hang."""
        return sum(worker.state == "hangs" for worker in self._workers)

    @property
    def worker_count(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    @property
    def unreadable(self) -> int:
        """How many cached rates are no numbers."""
        return sum(not _is_number(rate) for rate in self.cache.values())

    @property
    def cpu(self) -> int:
        """Per cent of all workers' time that the load of now takes."""
        load = CPU_OF_ONE * (SURGE if self._is_surging else 1)
        return min(99, load // len(self._workers))

    # what breaks it

    def poison(self) -> None:
        """A bad import: every cached rate is replaced by something that is no number."""
        self.cache = dict.fromkeys(RATES, "NaN")
        self._note("WARN", f"rates imported: {len(self.cache)} written to the cache")

    def surge(self) -> None:
        """Four times the usual load; more workers are what helps."""
        self._is_surging = True
        self._note("WARN", f"load is {SURGE} times the usual, CPU at {self.cpu} %")

    # what operators do

    def flush(self) -> int:
        """Empty the cache; how many rates were in it."""
        found = len(self.cache)
        self.cache = {}
        self._note("INFO", f"cache emptied, {found} rates dropped")
        return found

    async def restart(self, *, release: str = "") -> AsyncIterator[str]:
        """Replace the workers one by one, saying so line by line; connections wait and are told to come back."""
        self._is_restarting = True
        try:
            for worker in self._workers:
                await asyncio.sleep(self.pace_s)
                yield f"worker {worker.number}: {'hangs, ended' if worker.state == 'hangs' else 'drained, ended'}"
            await asyncio.sleep(self.pace_s)
            self.release = release or self.release
            self._workers = _workers(len(self._workers))
            if self._relapses:
                self.poison()
        finally:
            self._is_restarting = False
        self._note("INFO", f"payments {self.release} started with {len(self._workers)} workers")
        yield f"payments {self.release}: {len(self._workers)} workers started"

    def scale(self, count: int) -> int:
        """Run this many workers; how many there were. Those that hang go first."""
        before = len(self._workers)
        kept = sorted(self._workers, key=lambda worker: worker.state == "hangs")[:count]
        self._workers = [*kept, *_workers(count)[len(kept) :]]
        for number, worker in enumerate(self._workers, start=1):
            worker.number = number
        self._note("INFO", f"{count} workers instead of {before}, CPU at {self.cpu} %")
        return before

    def switch(self, provider: str) -> str:
        """Settle through this provider from now on; through which it was."""
        before, self.provider = self.provider, provider
        self._note("INFO", f"provider is {provider} instead of {before}")
        return before

    def report(self) -> str:
        """What `payments-ctl status` prints."""
        health = self.health()
        good = sum(self._last)
        return "\n".join(
            (
                f"payments   {self.release} (prod), {'healthy' if health.is_good else f'FAILING: {health.words}'}",
                f"workers    {len(self._workers)}, of which {self.hanging} hang",
                f"rates      {len(self.cache)} cached, {self.unreadable} of them cannot be read",
                f"payments   {good} of the last {len(self._last)} settled",
                f"provider   {self.provider}",
                f"cpu        {self.cpu} %",
            )
        )

    def _note(self, level: str, words: str) -> None:
        self.log.append(f"{datetime.now(UTC):%H:%M:%S} {level:<5} {words}")


def _workers(count: int) -> list[Worker]:
    return [Worker(number=number) for number in range(1, count + 1)]


def _is_number(rate: str) -> bool:
    try:
        return Decimal(rate).is_finite()
    except InvalidOperation:
        return False
