"""What a HorizontalPodAutoscaler will make of a number of replicas that people choose."""

from __future__ import annotations

from dataclasses import dataclass

from bot.actions.kubernetes import objects
from bot.actions.kubernetes.site import Site
from bot.clients.kubernetes import ClusterReader
from bot.errors import ActionError
from bot.runs.plan import JsonObject

UNREAD = "could not be read; one may change this again"


@dataclass(frozen=True, kw_only=True)
class Autoscaler:
    """One autoscaler of the workload."""

    name: str
    least: int
    most: int

    def would_move(self, replicas: int) -> bool:
        """Whether it takes that number back by itself, whatever its metrics say. At 0 it stands still."""
        return replicas != 0 and not self.least <= replicas <= self.most

    def words(self, replicas: int) -> str:
        """What becomes of that number."""
        keeps = f"{self.name} keeps it between {self.least} and {self.most}"
        if replicas == 0 and self.least > 0:
            return f"{keeps}, but stands still at 0: nothing brings it back by itself"
        if self.would_move(replicas):
            back = self.most if replicas > self.most else self.least
            return f"{keeps} and will take {replicas} back to {back}: change the autoscaler instead"
        return f"{keeps} and may change this again"


async def autoscaler_of(site: Site, reader: ClusterReader) -> Autoscaler | None:
    """The one that scales this workload, None where none does; ActionError where that cannot be read."""
    found = await reader.collection(
        f"/apis/autoscaling/v2/namespaces/{site.given.namespace}/horizontalpodautoscalers"
    )
    return next((_read(one) for one in found if _is_for(one, site)), None)


async def autoscaling(site: Site, reader: ClusterReader) -> tuple[str, bool]:
    """What stands in the plan ("" where there is no autoscaler), and whether it would undo the step."""
    wanted = int(site.given.replicas or 0)
    try:
        found = await autoscaler_of(site, reader)
    except (ActionError, ValueError):
        return UNREAD, False
    return (found.words(wanted), found.would_move(wanted)) if found is not None else ("", False)


def _is_for(item: JsonObject, site: Site) -> bool:
    target: JsonObject = (item.get("spec") or {}).get("scaleTargetRef") or {}
    same_kind = str(target.get("kind", "")).lower() == site.given.workload
    is_apps = str(target.get("apiVersion", "apps/v1")).startswith("apps/")
    return same_kind and is_apps and target.get("name") == site.name


def _read(item: JsonObject) -> Autoscaler:
    spec: JsonObject = item.get("spec") or {}
    # The API's default for a minimum that is not given is 1.
    return Autoscaler(
        name=str(objects.meta(item).get("name", "")),
        least=int(spec.get("minReplicas", 1)),
        most=int(spec.get("maxReplicas", 0)),
    )
