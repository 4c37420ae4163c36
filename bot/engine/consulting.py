"""Looks into workloads of the catalog for whoever may ask: holds readers, and appends nothing anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clients.kubernetes import Clusters
from bot.diagnosis.diagnosis import Diagnosis, diagnose
from bot.diagnosis.place import Place
from bot.engine.clock import Clock
from bot.telemetry import Redactor


@dataclass(frozen=True, kw_only=True)
class Consulting:
    """Makes diagnoses. Holds no state."""

    clusters: Clusters
    redactor: Redactor
    """Knows the process's secrets."""
    clock: Clock

    async def into(self, place: Place, *, budget_s: float) -> Diagnosis:
        """What is wrong there; ends within the budget whatever the cluster does, and raises nothing for it."""
        return await diagnose(
            self.clusters.reader(place.cluster),
            place.subject,
            redactor=self.redactor,
            now=self.clock.now,
            budget_s=budget_s,
        )
