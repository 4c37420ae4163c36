"""The kubernetes action: finds the site and the verb, hands a reader to what reads and an order to what writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from bot.actions.base import InputModel, Outcome, Plan, PlanScope, Progress, Seen
from bot.actions.kubernetes.drain import Drain
from bot.actions.kubernetes.input import KubernetesInput
from bot.actions.kubernetes.node import Cordon
from bot.actions.kubernetes.order import Order
from bot.actions.kubernetes.restart import Restart
from bot.actions.kubernetes.rollout_undo import RolloutUndo
from bot.actions.kubernetes.scale import Scale
from bot.actions.kubernetes.site import Site, locate
from bot.actions.kubernetes.waiting import Patience
from bot.actions.tools import Tools
from bot.clients.kubernetes import ClusterReader
from bot.errors import ActionFailed, Refused


class Verb(Protocol):
    """What each verb can do. `execute` and `dry_run` raise ActionError as the protocol of actions says."""

    async def plan(self, site: Site, reader: ClusterReader, scope: PlanScope) -> Plan:
        """What would happen; reads only."""

    async def execute(self, order: Order) -> Outcome:
        """Do it once, and wait for the effect."""

    async def dry_run(self, order: Order) -> Outcome:
        """Ask the server; changes nothing."""

    async def probe(self, site: Site, reader: ClusterReader) -> Seen:
        """What is there now; reads only."""


def _now() -> datetime:
    return datetime.now(UTC)


class KubernetesAction:
    """Acts on clusters of the catalog."""

    type: ClassVar[str] = "kubernetes"
    Input: ClassVar[InputModel] = KubernetesInput

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._verbs: Mapping[str, Verb] = MappingProxyType(
            {
                "scale": Scale(),
                "restart": Restart(_now),
                "rollout-undo": RolloutUndo(),
                "cordon": Cordon(closes=True),
                "uncordon": Cordon(closes=False),
                "drain": Drain(),
            }
        )

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """The verb's plan; Refused for what the catalog does not have, ActionError for what the cluster says."""
        site = locate(given, scope.catalog)
        return await self._verbs[given.action].plan(site, self._reader(site), scope)

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Does it to the state that was approved, and no other."""
        site = self._site(plan)
        order = Order(
            site=site,
            plan=plan,
            reader=self._reader(site),
            writer=self._tools.kubernetes().writer(site.cluster),
            patience=Patience.of(plan.timeout_s, progress.stop),
            note=progress.note,
        )
        return await self._verbs[site.given.action].execute(order)

    async def dry_run(self, plan: Plan) -> Outcome:
        """Asks the cluster with its own dry run."""
        site = self._site(plan)
        order = Order(
            site=site,
            plan=plan,
            reader=self._reader(site),
            writer=self._tools.kubernetes().writer(site.cluster),
            patience=Patience.of(plan.timeout_s, asyncio.Event()),
            note=lambda _text: None,
            dry_run=True,
        )
        return await self._verbs[site.given.action].dry_run(order)

    async def probe(self, plan: Plan) -> Seen:
        """Looks at what is there now."""
        site = self._site(plan)
        return await self._verbs[site.given.action].probe(site, self._reader(site))

    def _reader(self, site: Site) -> ClusterReader:
        return self._tools.kubernetes().reader(site.cluster)

    def _site(self, plan: Plan) -> Site:
        """By the catalog of today: a namespace that was moved to another environment since is not touched any more."""
        try:
            site = locate(KubernetesInput.model_validate(plan.input), self._tools.catalog())
        except Refused as error:
            raise ActionFailed(f"{error.message}; nothing was sent", hint=error.hint) from error
        if site.target != plan.targets[0]:
            raise ActionFailed(f"{site.target.name} belongs to another environment by now; nothing was sent")
        return site
