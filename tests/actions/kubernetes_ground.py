"""A stand-in cluster with something to act on, and the kubernetes action pointed at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.actions.base import Outcome, Plan, PlanScope
from bot.actions.kubernetes import KubernetesAction, KubernetesInput
from bot.catalog.schema import Cluster as CatalogCluster
from bot.clients.kubernetes import Clusters
from bot.errors import ActionFailed, ActionRetry, ActionUnknown
from bot.sandbox.cluster.requests import Request
from bot.sandbox.cluster.server import Cluster
from tests.fakes.actions import STAGING, Bench, Told, catalog

PLACE = CatalogCluster(name="standin", namespaces={"payments": STAGING})
API: dict[str, Any] = {"namespace": "payments", "deployment": "api"}
DB: dict[str, Any] = {"namespace": "payments", "statefulset": "db"}
AGENT: dict[str, Any] = {"namespace": "payments", "daemonset": "agent"}


class Noting(Told):
    """A progress that says when it was first told certain words."""

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.noted = asyncio.Event()
        self._words = words

    def note(self, text: str) -> None:
        super().note(text)
        if self._words in text:
            self.noted.set()


@dataclass
class Ground:
    """The cluster, the action, and short ways to use both."""

    cluster: Cluster
    clusters: Clusters
    action: KubernetesAction
    bench: Bench
    kubeconfig: Path

    @property
    def scope(self) -> PlanScope:
        return self.bench.scope(timeout_s=5.0)

    async def plan(self, **given: Any) -> Plan:
        return await self.action.plan(KubernetesInput.model_validate(given), self.scope)

    async def execute(self, plan: Plan, *, timeout_s: float = 5.0, told: Told | None = None) -> Outcome:
        """The outcome, errors turned into outcomes as the engine does."""
        try:
            return await self.action.execute(replace(plan, timeout_s=timeout_s), told or Told())
        except ActionUnknown as error:
            return Outcome(verdict="unknown", effect="unknown", summary=error.message)
        except ActionFailed as error:
            return Outcome(verdict="failed", effect=error.effect, summary=error.message)  # type: ignore[arg-type]
        except ActionRetry as error:
            return Outcome(verdict="failed", effect="none", summary=error.message)

    async def do(self, **given: Any) -> tuple[Plan, Outcome]:
        """Plan and execute, and let the cluster come to rest."""
        plan = await self.plan(**given)
        outcome = await self.execute(plan)
        await self.cluster.settled()
        return plan, outcome

    async def undo(self, plan: Plan) -> Outcome:
        """The undo as the engine runs it: planned again, and only in the state it was frozen for."""
        undo = plan.undo
        assert undo.kind == "step", undo.text
        again = await self.action.plan(KubernetesInput.model_validate(undo.input), self.scope)
        assert (again.targets, again.will_run) == (undo.targets, undo.will_run)
        assert {key: again.guarded.get(key) for key in undo.guarded} == undo.guarded
        outcome = await self.execute(again)
        await self.cluster.settled()
        return outcome

    def world(self) -> Any:
        """What people asked for and what came of it, as plain data."""
        return self.cluster.snapshot()

    def pods(self) -> dict[str, str]:
        """Pods that are not on their way out, by uid."""
        return {
            one["metadata"]["uid"]: one["metadata"]["name"]
            for one in self.cluster.world.all("pods")
            if "deletionTimestamp" not in one["metadata"]
        }

    def writes(self) -> list[Request]:
        """Requests that would change something and were no dry run."""
        return [one for one in self.cluster.requests.writes() if "dryRun" not in one.query]


@asynccontextmanager
async def ground(
    folder: Path, *, request_timeout_s: float = 5.0, requests_per_s: float = 10_000, **made: Any
) -> AsyncIterator[Ground]:
    """Three nodes; a deployment of three at its second image, a stateful set and a daemon set likewise."""
    async with Cluster(**made) as cluster:
        for image in ("shop:1", "shop:2"):
            cluster.deployment("payments", "api", replicas=3, image=image)
            cluster.stateful_set("payments", "db", replicas=2, image=image)
            cluster.daemon_set("payments", "agent", image=image)
            await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(folder / f"kubeconfig-{id(cluster)}")
        clusters = Clusters(
            kubeconfig=str(kubeconfig),
            requests_per_s=requests_per_s,
            burst=1000,
            request_timeout_s=request_timeout_s,
        )
        bench = Bench(catalog=catalog(clusters={"standin": PLACE}))
        tools = replace(bench.tools, kubernetes=lambda: clusters)
        try:
            yield Ground(
                cluster=cluster,
                clusters=clusters,
                action=KubernetesAction(tools),
                bench=bench,
                kubeconfig=kubeconfig,
            )
        finally:
            await clusters.aclose()
