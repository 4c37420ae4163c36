"""Gets an opinion on a diagnosis: binds the looks to its workload and service, and asks the agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.catalog.schema import Catalog
from bot.clients.kubernetes import ClusterReader
from bot.diagnosis.agent.agent import Agent
from bot.diagnosis.agent.beside import described, measured, recalled
from bot.diagnosis.agent.looks import Looks
from bot.diagnosis.agent.opinion import Offer
from bot.diagnosis.diagnosis import Diagnosis
from bot.diagnosis.sources import Numbers, Past

Offers = Callable[[Catalog, str, str], Sequence[Offer]]
"""What the rules would propose for a service ("" where it is not known) in an environment."""


@dataclass(frozen=True, kw_only=True)
class Opinions:
    """Where an opinion comes from in this process. Holds readers only; nothing is sent by making one."""

    agent: Agent
    catalog: Callable[[], Catalog]
    offers: Offers
    now: Callable[[], datetime]
    metrics: Numbers | None = None
    runs: Past | None = None

    async def on(
        self,
        diagnosis: Diagnosis,
        *,
        reader: ClusterReader,
        service: str = "",
        environment: str = "",
        within_s: float | None = None,
    ) -> Diagnosis:
        """The diagnosis with a model's opinion, which may be that it gave none and why; the findings stay as they are.

        `service` is its name in the catalog; `within_s` shortens the agent's time. Takes as long as the agent's limits
        allow, and raises nothing for what a model does.
        """
        catalog, metrics = self.catalog(), self.metrics
        looks = Looks(
            evidence=diagnosis.evidence,
            reader=reader,
            redactor=self.agent.redactor,
            now=self.now,
            metrics=described(catalog) if metrics is not None else {},
            measure=measured(metrics, catalog, service, self.now) if metrics is not None else None,
            recall=recalled(self.runs, service) if self.runs is not None and service else None,
        )
        offers = self.offers(catalog, service, environment)
        told = await self.agent.within(within_s).opinion(
            diagnosis.evidence, diagnosis.findings, looks=looks, offers=offers
        )
        return replace(diagnosis, opinion=told)
