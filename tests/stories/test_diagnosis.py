"""A page arrives, and the first step of the runbook says what is wrong before anybody decides anything."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.cluster.server import Cluster
from tests.stories.catalogs import INVENTORY
from tests.stories.stage import ALICE, Stage

WITH_CLUSTER = (
    INVENTORY.replace(
        "    host: web-1\n",
        "    host: web-1\n    workload: { namespace: shop, deployment: checkout }\n",
    )
    + "clusters:\n  standin: { namespaces: { shop: prod } }\n"
)
LOOK_FIRST = """
    description: Look first, then make room in the quota by scaling the reports down.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: look
        type: diagnose
      - name: make-room
        type: kubernetes
        action: scale
        namespace: shop
        deployment: reports
        replicas: 0
    safety: { scopes: [prod] }
"""


async def test_the_report_is_in_the_thread_before_the_next_step_is_decided(tmp_path: Path) -> None:
    async with Cluster() as cluster:
        cluster.quota("shop", "team", hard={"pods": "4"})
        cluster.deployment("shop", "reports", replicas=2)
        cluster.deployment("shop", "checkout", replicas=2)
        await cluster.settled()
        cluster.deployment("shop", "checkout", replicas=4)
        await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        async with Stage.open(
            tmp_path,
            runbooks={"look-first": LOOK_FIRST},
            inventory=WITH_CLUSTER,
            settings={"KUBECONFIG": str(kubeconfig)},
        ) as stage:
            await stage.page("triggered")
            await stage.tell("a page arrives")
            await stage.click(ALICE, "Approve")
            await stage.tell("Alice starts it, and the look needs nobody")
            assert cluster.requests.writes() == []
            stage.check("diagnosis")
