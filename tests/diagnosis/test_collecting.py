"""Evidence is read from a cluster with reads alone, within its budget, and what cannot be read is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.actions.diagnose import NEEDED
from bot.clients.kubernetes import ClusterReader, Clusters
from bot.diagnosis.changes import difference
from bot.diagnosis.collecting import collect
from bot.diagnosis.evidence import Evidence, Gap, Item, Subject
from bot.diagnosis.findings import analyze
from bot.diagnosis.sources import Source, alert
from bot.errors import BotError
from bot.sandbox.cluster.faults import Fault
from bot.sandbox.cluster.manifests import pod_template
from bot.sandbox.cluster.server import Cluster
from bot.telemetry import Redactor
from tests.actions.kubernetes_ground import PLACE

API = Subject(kind="Deployment", namespace="payments", name="api")
READS = {"get", "list", "watch"}


@dataclass
class Ground:
    """A cluster with a deployment of three, and a way to read it."""

    cluster: Cluster
    reader: ClusterReader

    async def read(
        self,
        subject: Subject = API,
        *,
        secret: str = "hunter2-hunter2",
        budget_s: float = 10,
        sources: Sequence[Source] = (),
    ) -> Evidence:
        redactor = Redactor([secret])
        now = datetime.now(UTC)
        return await collect(
            self.reader, subject, redactor=redactor, now=lambda: now, budget_s=budget_s, sources=sources
        )


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Ground]:
    async with Cluster() as cluster:
        for image in ("shop:1", "shop:2"):
            cluster.deployment("payments", "api", replicas=3, image=image)
            await cluster.settled()
        kubeconfig = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        clusters = Clusters(kubeconfig=kubeconfig, requests_per_s=10_000, burst=1000, request_timeout_s=2)
        yield Ground(cluster=cluster, reader=clusters.reader(PLACE))
        await clusters.aclose()


async def test_a_healthy_workload_is_healthy_and_every_request_was_a_read(there: Ground) -> None:
    evidence = await there.read()
    assert [one.kind for one in analyze(evidence)] == ["healthy"]
    assert evidence.gaps == ()
    assert {one.verb for one in there.cluster.requests} <= READS
    assert not any(one.resource.startswith("secrets") for one in there.cluster.requests)


async def test_what_changed_between_the_last_two_revisions_is_told(there: Ground) -> None:
    [change] = (await there.read()).of("Change")
    assert change.text == "revision 1 → 2:\nspec.containers.api.image: shop:1 → shop:2"


async def test_pods_that_never_get_ready_are_seen_with_their_log(there: Ground) -> None:
    there.cluster.never_ready("payments", "api", image="shop:3")
    there.cluster.deployment("payments", "api", replicas=3, image="shop:3")
    await there.cluster.until(lambda: any(_is_late(pod) for pod in there.cluster.pods("payments", of="api")))
    late = next(pod for pod in there.cluster.pods("payments", of="api") if _is_late(pod))
    name = late["metadata"]["name"]
    there.cluster.write_log(
        "payments", name, "password=hunter2-hunter2", "dial tcp 10.0.0.9:5432: connection refused"
    )
    evidence = await there.read()
    found = analyze(evidence)
    assert found[0].kind == "connection-refused"
    assert found[0].about == "10.0.0.9:5432"
    assert "hunter2" not in json.dumps(evidence.as_json())


def _is_late(pod: dict[str, Any]) -> bool:
    image = pod["spec"]["containers"][0]["image"]
    return image == "shop:3" and bool(pod["status"].get("containerStatuses"))


async def test_a_quota_that_refuses_pods_is_found(there: Ground) -> None:
    there.cluster.quota("payments", "team", hard={"pods": "3"})
    there.cluster.deployment("payments", "api", replicas=5, image="shop:2")
    await there.cluster.settled()
    assert analyze(await there.read())[0].kind == "quota-exceeded"


async def test_a_workload_that_is_not_there_is_said(there: Ground) -> None:
    subject = Subject(kind="StatefulSet", namespace="payments", name="nothing")
    assert [one.kind for one in analyze(await there.read(subject))] == ["not-there"]


async def test_what_may_not_be_read_is_a_gap_and_the_rest_is_told(there: Ground) -> None:
    rules = [
        {
            "apiGroups": ["", "apps"],
            "resources": ["deployments", "pods", "replicasets"],
            "verbs": ["get", "list"],
        }
    ]
    there.cluster.rights.allow_only(rules)
    evidence = await there.read()
    assert {"events", "services", "ingresses", "endpoints"} <= {gap.what for gap in evidence.gaps}
    assert all("forbidden" in gap.why for gap in evidence.gaps)
    [found] = analyze(evidence)
    assert (found.kind, found.confidence) == ("healthy", "likely")


async def test_a_cluster_that_says_nothing_leaves_gaps_within_the_budget(there: Ground) -> None:
    there.cluster.faults.add(Fault(kind="silence", times=1000))
    evidence = await there.read(budget_s=0.5)
    assert evidence.items == ()
    [gap] = evidence.gaps
    assert gap.why == "no answer within 0.5 s, which is all the time there was"
    assert {"deployment payments/api", "events", "services"} <= set(gap.what.split(", "))
    assert analyze(evidence) == ()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="garbage", times=1000),
        Fault(kind="proxy_page", times=1000),
        Fault(kind="status", code=500, times=1000),
        Fault(kind="cut", times=1000),
    ],
    ids=lambda fault: fault.kind,
)
async def test_nonsense_instead_of_answers_is_a_gap(there: Ground, fault: Fault) -> None:
    there.cluster.faults.add(fault)
    evidence = await there.read()
    assert evidence.items == ()
    assert len(evidence.gaps) > 5
    assert analyze(evidence) == ()


async def test_values_of_variables_are_left_out(there: Ground) -> None:
    template = pod_template("api", image="shop:4")
    template["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": "a-value-nobody-declared"}]
    there.cluster.deployment("payments", "api", replicas=3, template=template)
    await there.cluster.settled()
    evidence = await there.read()
    told = json.dumps(evidence.as_json(), ensure_ascii=False)
    assert "a-value-nobody-declared" not in told
    assert "spec.containers.api.env.TOKEN.value: not there → (a value)" in told


async def test_a_huge_or_binary_log_is_kept_in_part(there: Ground) -> None:
    there.cluster.never_ready("payments", "api", image="shop:3")
    there.cluster.deployment("payments", "api", replicas=3, image="shop:3")
    await there.cluster.until(lambda: any(_is_late(pod) for pod in there.cluster.pods("payments", of="api")))
    late = next(pod for pod in there.cluster.pods("payments", of="api") if _is_late(pod))
    there.cluster.write_log("payments", late["metadata"]["name"], "x" * 5_000_000, "\x00\x01\ufffd")
    evidence = await there.read()
    assert all(len(log.text) <= 65_536 for log in evidence.of("Log"))
    assert analyze(evidence)


def test_a_difference_names_the_place_and_no_more_than_that_of_variables() -> None:
    before = {"spec": {"containers": [{"name": "app", "image": "a:1", "env": [{"name": "X", "value": "1"}]}]}}
    after = {"spec": {"containers": [{"name": "app", "image": "a:2", "env": [{"name": "X", "value": "2"}]}]}}
    assert difference(before, after) == [
        "spec.containers.app.env.X.value: (a value) → (a value)",
        "spec.containers.app.image: a:1 → a:2",
    ]
    assert difference(before, before) == []


async def test_what_is_beside_the_cluster_is_read_too_redacted_and_with_its_own_gaps(there: Ground) -> None:
    async def broken() -> tuple[Item, ...]:
        raise BotError("Prometheus was not reached", hint="")

    now = datetime.now(UTC)
    told = alert("errors", source="PagerDuty", at=now, details={"note": "hunter2-hunter2"})
    evidence = await there.read(sources=(told, Source(what="metric errors", read=broken)))
    [item] = evidence.of("Alert")
    assert "hunter2" not in item.text
    assert evidence.gaps == (Gap(what="metric errors", why="Prometheus was not reached"),)
    [found] = analyze(evidence)
    assert (found.kind, found.confidence) == ("healthy", "likely")


async def test_what_the_template_names_is_asked_for_by_name_and_secrets_are_not(there: Ground) -> None:
    template = pod_template("api", image="shop:5")
    container = template["spec"]["containers"][0]
    container["envFrom"] = [
        {"configMapRef": {"name": "api-settings"}},
        {"configMapRef": {"name": "not-needed", "optional": True}},
        {"secretRef": {"name": "api-db"}},
    ]
    template["spec"]["serviceAccountName"] = "api"
    there.cluster.apply("serviceaccounts", {"metadata": {"name": "api", "namespace": "payments"}, "spec": {}})
    there.cluster.deployment("payments", "api", replicas=3, template=template)
    await there.cluster.settled()
    there.cluster.requests.clear()
    evidence = await there.read()
    [item] = evidence.of("References")
    assert item.body["named"] == [
        "configmap api-settings",
        "configmap not-needed",
        "secret api-db",
        "serviceaccount api",
    ]
    assert item.body["missing"] == ["configmap api-settings"]
    assert not any(one.resource.startswith("secrets") for one in there.cluster.requests)
    [found] = analyze(evidence)
    assert (found.kind, found.confidence, found.about) == ("missing-configmap", "possible", "api-settings")


async def test_the_history_of_a_rollout_is_told_newest_first(there: Ground) -> None:
    [item] = (await there.read()).of("History")
    first, second = item.text.splitlines()
    assert first.startswith("revision 2, made ")
    assert first.endswith(", 3 pods: shop:2")
    assert second.endswith(", 0 pods: shop:1")


async def test_a_stateful_sets_revisions_are_compared_too(there: Ground) -> None:
    for image in ("db:1", "db:2"):
        there.cluster.stateful_set("payments", "db", replicas=1, image=image)
        await there.cluster.settled()
    evidence = await there.read(Subject(kind="StatefulSet", namespace="payments", name="db"))
    [change] = evidence.of("Change")
    assert change.text == "revision 1 → 2:\nspec.containers.db.image: db:1 → db:2"


async def test_a_service_of_the_workload_next_door_is_none_of_ours(there: Ground) -> None:
    there.cluster.deployment("payments", "api-worker", replicas=0)
    for name, app in (("worker", "api-worker"), ("gone", "api-gone")):
        spec = {"selector": {"app": app}}
        there.cluster.apply("services", {"metadata": {"name": name, "namespace": "payments"}, "spec": spec})
    await there.cluster.settled()
    evidence = await there.read()
    found = [one for one in analyze(evidence) if one.kind == "selector-matches-nothing"]
    assert [(one.about, one.confidence) for one in found] == [("gone", "certain")]


async def test_every_request_is_among_the_rights_that_the_bot_asks_for(there: Ground) -> None:
    there.cluster.deployment("payments", "api", replicas=3, image="shop:3")
    there.cluster.never_ready("payments", "api", image="shop:3")
    there.cluster.apply(
        "services",
        {"metadata": {"name": "api-x", "namespace": "payments"}, "spec": {"selector": {"app": "api-x"}}},
    )
    await there.cluster.until(lambda: any(_is_late(pod) for pod in there.cluster.pods("payments", of="api")))
    there.cluster.requests.clear()
    await there.read()
    allowed = {(one.resource, one.verb) for one in NEEDED}
    assert {(one.resource, one.verb) for one in there.cluster.requests} <= allowed
