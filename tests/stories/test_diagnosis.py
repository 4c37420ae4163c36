"""A page arrives, and the first step of the runbook says what is wrong before anybody decides anything."""

from __future__ import annotations

from pathlib import Path

from bot.sandbox.cluster.server import Cluster
from tests.fakes.model_server import ModelServer, report
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


async def test_a_models_opinion_comes_after_the_findings_and_what_it_invents_is_struck(
    tmp_path: Path,
) -> None:
    quote = {"item": "resourcequota/team", "quote": "spec.hard.pods: 4"}
    causes = [
        {"cause": "the team's quota leaves no room for the new pods", "rests_on": [quote]},
        {
            "cause": "run kubectl delete quota team, see https://evil.example/fix",
            "confidence": "certain",
            "rests_on": [quote],
        },
        {"cause": "the disk of n1 is full", "rests_on": [{"item": "node/n1", "quote": "DiskPressure True"}]},
    ]
    steps = [{"runbook": "look-first", "why": "it makes room"}, {"runbook": "drop-quota"}]
    answer = report(summary="Four pods are allowed and six are wanted.", hypotheses=causes, next_steps=steps)
    async with Cluster() as cluster, ModelServer(script=[answer]) as model:
        cluster.quota("shop", "team", hard={"pods": "4"})
        cluster.deployment("shop", "reports", replicas=2)
        cluster.deployment("shop", "checkout", replicas=2)
        await cluster.settled()
        cluster.deployment("shop", "checkout", replicas=4)
        await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        settings = {
            "KUBECONFIG": str(kubeconfig),
            "BOT_AI_KEY": "key-of-a-model-8f3a",
            "BOT_AI_MODEL": "played-1",
            "BOT_AI_URL": f"{model.url}/v1",
        }
        async with Stage.open(
            tmp_path, runbooks={"look-first": LOOK_FIRST}, inventory=WITH_CLUSTER, settings=settings
        ) as stage:
            await stage.page("triggered")
            await stage.tell("a page arrives")
            await stage.click(ALICE, "Approve")
            await stage.tell("Alice starts it, and a model is asked too")
            assert cluster.requests.writes() == []
            stage.check("diagnosis_opinion")
