"""A Prometheus whose one metric shows what a test says, from when it says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.clients.series import Answer, Series
from bot.errors import BotError
from tests.fakes.clock import START


@dataclass
class Gauge:
    """A level that changes at set moments; `series`, `gaps` and `trouble` make it treacherous."""

    levels: list[tuple[datetime, float]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    count: int = 1
    dropped: int = 0
    trouble: BotError | TimeoutError | None = None

    @classmethod
    def at(cls, level: float) -> Gauge:
        """The same level since long before the test."""
        return cls(levels=[(START - timedelta(days=30), level)])

    def show(self, level: float, since: datetime) -> None:
        self.levels.append((since, level))

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        self.asked.append(query)
        if self.trouble is not None:
            raise self.trouble
        if not self.levels or self.dropped:
            return Answer(series=(Series(dropped=self.dropped),) * min(self.dropped, 1), count=0)
        points = []
        at = start
        while at <= end:
            known = [level for since, level in self.levels if since <= at]
            points += [(at.timestamp(), known[-1])] if known else []
            at += timedelta(seconds=step_s)
        return Answer(series=(Series(points=tuple(points)),) * self.count, count=self.count)


AWAY = BotError("Prometheus was not reached (ClientConnectorError)", code="prometheus-unavailable")
