"""A model's opinion on a diagnosis that this process makes: for a place of the catalog, counted and logged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.catalog.schema import Catalog
from bot.clients.kubernetes import Clusters
from bot.diagnosis.agent.opinions import Opinions
from bot.diagnosis.diagnosis import Diagnosis
from bot.diagnosis.place import Place, service_of

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Opining:
    """Asks for opinions. Made only where a key is set; holds no state."""

    opinions: Opinions
    clusters: Callable[[], Clusters]
    catalog: Callable[[], Catalog]

    async def on(self, found: Diagnosis, place: Place, within_s: float | None = None) -> Diagnosis:
        """The diagnosis with a model's opinion; ends within the limits and raises nothing for what a model does."""
        service, _ = service_of(self.catalog(), place.subject, context=place.cluster.context)
        began = time.monotonic()
        told = await self.opinions.on(
            found,
            reader=self.clusters().reader(place.cluster),
            service=service,
            environment=place.environment,
            within_s=within_s,
        )
        opinion = told.opinion
        if opinion is not None:
            log.info(
                "model-asked",
                model=opinion.model,
                workload=place.subject.words,
                requests=opinion.requests,
                tokens=opinion.tokens,
                looks=len(opinion.looked),
                struck=len(opinion.struck),
                nothing=opinion.nothing,
                seconds=round(time.monotonic() - began, 1),
            )
        return told
