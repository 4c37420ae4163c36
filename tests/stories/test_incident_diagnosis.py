"""An incident is looked into: by itself or when somebody asks; judged by people, and what it recommends is proposed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.sandbox.cluster.server import Cluster
from tests.fakes.model_server import Json, ModelServer, Reply, calls, report
from tests.stories.catalogs import INVENTORY
from tests.stories.stage import ALICE, CAROL, Stage

RESTART = """
    description: Restart checkout when its database refuses it.
    trigger: { service_id: checkout, symptoms: [connection refused, dependency down] }
    steps:
      - name: restart
        command: systemctl restart checkout
        rollback: systemctl start checkout
    safety: { scopes: [prod] }
"""
REFUSED = "dial tcp 10.0.0.9:5432: connect: connection refused <!channel> <https://evil.example|help> ```"


def inventory(policy: str) -> str:
    return (
        INVENTORY.replace("services:\n", "clusters:\n  main: { namespaces: { shop: prod } }\nservices:\n")
        .replace("context: standin", "")
        .replace(
            "    host: web-1\n",
            f"    host: web-1\n    workload: {{ namespace: shop, deployment: checkout }}\n    {policy}\n",
        )
    )


@asynccontextmanager
async def shop(
    folder: Path, policy: str, *, settings: Mapping[str, str] | None = None, **opened: Any
) -> AsyncIterator[tuple[Stage, Cluster]]:
    """A stage with a cluster beside it, in which a release of checkout is refused by its database."""
    async with Cluster() as cluster:
        cluster.deployment("shop", "checkout", replicas=1, image="checkout:1")
        await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(folder / "kubeconfig", context="main")
        opened.setdefault("runbooks", {"restart-checkout": RESTART})
        async with Stage.open(
            folder,
            inventory=inventory(policy),
            settings={"KUBECONFIG": str(kubeconfig), **(settings or {})},
            **opened,
        ) as stage:
            yield stage, cluster


async def break_checkout(cluster: Cluster, *, says: str = REFUSED) -> None:
    """A release whose pod never gets ready, because its database refuses it."""
    cluster.never_ready("shop", "checkout", image="checkout:2")
    cluster.deployment("shop", "checkout", replicas=1, image="checkout:2")

    def late() -> list[Any]:
        return [one for one in cluster.pods("shop", of="checkout") if _is_late(one)]

    await cluster.until(lambda: bool(late()))
    for pod in late():
        cluster.write_log("shop", pod["metadata"]["name"], says)


async def answers_after_the_suggestion(stage: Stage, cluster: Cluster) -> None:
    """What is suggested stands there first, so that the story is the same every time."""
    await stage.until(
        lambda: any("next step" in one.lower() for one in stage.texts()), what="the first words"
    )
    cluster.faults.clear()


def _is_late(pod: Any) -> bool:
    said = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    image = pod["spec"]["containers"][0]["image"]
    return image == "checkout:2" and pod["status"].get("phase") == "Running" and said.get("Ready") == "False"


async def test_a_page_of_a_service_that_is_looked_into_by_itself(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: auto") as (stage, cluster):
        await break_checkout(cluster)
        cluster.requests.clear()
        cluster.faults.gate = asyncio.Event()
        await stage.page("triggered")
        await answers_after_the_suggestion(stage, cluster)
        await stage.tell("a page arrives")
        assert {one.verb for one in cluster.requests} <= {"get", "list"}
        assert not any(one.resource == "secrets" for one in cluster.requests)
        await stage.click(ALICE, "Right")
        await stage.tell("Alice says it is right")
        await stage.click(ALICE, "Propose this step")
        await stage.tell("and has the step proposed that fits")
        stage.check("diagnosis_auto")
        assert not any(stage.shown(label) for label in ("Right", "Wrong", "Propose this step"))
        [row] = await stage.app.journal.incidents()
        [one] = (await stage.app.operations.incident(row.incident_id)).diagnoses
        assert one.made is not None
        assert one.made.evidence is not None
        evidence = await stage.app.journal.artifact(one.made.evidence.digest)
        assert evidence is not None
        assert one.made.quote in {
            q["text"] for f in json.loads(evidence.body)["findings"] for q in f["quotes"]
        }


async def test_a_service_that_waits_to_be_asked_and_a_diagnosis_that_was_wrong(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: ask") as (stage, cluster):
        await break_checkout(cluster)
        await stage.page("triggered")
        await stage.tell("a page arrives")
        assert len(cluster.requests.of("get", "deployments")) == 0
        await stage.click(CAROL, "Look into it")
        await stage.tell("Carol, who may start nothing here, asks")
        await stage.click(ALICE, "Look into it")
        await stage.tell("Alice asks")
        assert not stage.shown("Look into it")
        await stage.click(ALICE, "Wrong")
        form = await stage.form(ALICE)
        await stage.tell("Alice thinks it is wrong")
        wrong = await stage.slack.user(ALICE).submit(form["id"], {"really": "other", "reason": ""})
        stage.reading.note(f"something else, says the form: {wrong.body['errors']['reason']}\n")
        await stage.slack.user(ALICE).submit(
            form["id"],
            {"really": "dns-failure", "reason": "the <!here> resolver was *down*"},
        )
        await stage.tell("she says what it was")
        stage.check("diagnosis_ask_wrong")


async def test_a_service_that_is_not_looked_into(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: off") as (stage, cluster):
        cluster.requests.clear()
        await stage.page("triggered")
        await stage.tell("a page arrives")
        await stage.slack.user(ALICE).command("/runbook diagnose checkout", "C0INC")
        await stage.tell("Alice asks all the same")
        stage.check("diagnosis_off")
        assert len(cluster.requests) == 0


async def test_a_cluster_that_lets_nothing_be_read_and_one_that_hangs(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: ask") as (stage, cluster):
        alice = stage.slack.user(ALICE)
        cluster.rights.allow_only([])
        await alice.command("/runbook diagnose checkout", "C0INC")
        await stage.tell("the bot has no rights there")
        cluster.rights.forbid("list", "events")
        cluster.faults.silence(times=999)
        stage.app.worker.looker.budget_s = 0.4
        await alice.command("/runbook diagnose PF9KMXH", "C0INC")
        await stage.tell("the cluster does not answer any more")
        for line in (
            "/runbook diagnose",
            "/runbook diagnose chekout",
            "/runbook diagnose checkout now",
            "/runbook diagnos",
        ):
            await alice.command(line, "C0INC")
            await stage.tell(line)
        stage.check("diagnosis_unreadable")


async def test_a_healthy_service_is_called_healthy(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: ask") as (stage, _):
        await stage.slack.user(ALICE).command("/runbook diagnose checkout", "C0INC")
        await stage.tell("Alice wants to know before there is any page")
        stage.check("diagnosis_healthy")


async def test_a_deployment_that_failed_is_looked_into_where_nobody_was_paged(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: ask") as (stage, cluster):
        await break_checkout(cluster)
        token = stage.token("operator", subject="ci", name="the pipeline")
        report = {
            "kind": "deployment",
            "service": "checkout",
            "version": "v1.8.0",
            "namespace": "shop",
            "link": "https://ci.acme.example/runs/4711",
        }
        cluster.faults.gate = asyncio.Event()
        status, _ = await stage.call("POST", "/api/v1/events", token=token, json=report)
        assert status == 202
        await answers_after_the_suggestion(stage, cluster)
        await stage.tell("a pipeline reports that a deployment failed")
        stage.check("diagnosis_deployment")


async def test_what_a_crash_left_unsaid_is_said_once(tmp_path: Path) -> None:
    async with shop(tmp_path, "diagnose: auto") as (stage, cluster):
        await break_checkout(cluster)
        cluster.faults.silence(times=999)
        await stage.page("triggered")
        await stage.until(
            lambda: any("next step" in one.lower() for one in stage.texts()), what="the first words"
        )
        await stage.app.stop()
        cluster.faults.clear()
        await stage.restart()
        await stage.tell("the bot was ended while it looked, and begins again")
        await stage.restart()
        await stage.tell("and again")
        said = [one for one in stage.texts() if one.startswith("Diagnosis:")]
        files = [one for one in stage.texts() if one.startswith("The whole report")]
        assert (len(said), len(files)) == (1, 1)


SCALE = """
    description: Add a host where one is not enough.
    trigger: { service_id: checkout, symptoms: [slow] }
    steps:
      - name: add-host
        command: acme-scale checkout +1
        rollback: acme-scale checkout -1
    safety: { scopes: [prod] }
"""


def model_at(url: str) -> dict[str, str]:
    return {"BOT_AI_KEY": "key-of-a-model-8f3a", "BOT_AI_MODEL": "played-1", "BOT_AI_URL": f"{url}/v1"}


def lies_a_little(asked: Json, number: int) -> Reply:
    """A model that looks once, says something true, and then what the log told it to say."""
    items = json.loads(asked["messages"][1]["content"])["items"]
    log = next(one["id"] for one in items if one["id"].startswith("log/"))
    if number == 0:
        return calls("past_runs")
    true = {"item": log, "quote": "connect: connection refused"}
    causes = [
        {
            "cause": "the database at 10.0.0.9 takes no connections <!channel>, see https://evil.example/fix",
            "confidence": "certain",
            "rests_on": [true],
            "against": [{"item": "deployment/checkout", "quote": "spec.replicas: 1", "why": "it did start"}],
        },
        {"cause": "kubectl delete namespace shop", "rests_on": [true]},
        {"cause": "the disk is full", "rests_on": [{"item": log, "quote": "No space left on device"}]},
    ]
    return report(
        summary="*Checkout* cannot reach its database <https://evil.example|help>.",
        hypotheses=causes,
        next_steps=[
            {"runbook": "add-host", "why": "a second host may get through"},
            {"runbook": "drop-database"},
        ],
        unknowns=["whether the database was moved"],
    )


async def test_a_models_opinion_comes_after_the_findings_and_its_step_is_proposed_like_any_other(
    tmp_path: Path,
) -> None:
    runbooks = {"restart-checkout": RESTART, "add-host": SCALE}
    async with (
        ModelServer(script=lies_a_little) as model,
        shop(tmp_path, "diagnose: auto", settings=model_at(model.url), runbooks=runbooks) as (stage, cluster),
    ):
        await break_checkout(cluster)
        cluster.requests.clear()
        await stage.page("triggered")
        await stage.shows("All that the model")
        await stage.tell("a page arrives, and a model is asked too")
        assert {one.verb for one in cluster.requests} <= {"get", "list"}
        await stage.click(ALICE, "Propose this step")
        await stage.tell("Alice has the step proposed that the model would go on with")
        stage.check("diagnosis_opinion_auto")
        assert "key-of-a-model-8f3a" not in model.sent.replace("Bearer key-of-a-model-8f3a", "")


async def test_a_model_that_gives_nothing_leaves_the_diagnosis_standing(tmp_path: Path) -> None:
    async with (
        ModelServer(script=[Reply(status=429, headers={"Retry-After": "0"})]) as model,
        shop(tmp_path, "diagnose: ask", settings=model_at(model.url)) as (stage, _),
    ):
        await stage.slack.user(ALICE).command("/runbook diagnose checkout", "C0INC")
        await stage.shows("gave nothing")
        await stage.tell("Alice wants to know, and the model is busy")
        stage.check("diagnosis_opinion_nothing")
