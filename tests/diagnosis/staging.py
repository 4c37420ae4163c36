"""Puts a snapshot into a stand-in cluster, among neighbours that are well, and reads it from there as the bot does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.actions.diagnose import NEEDED
from bot.catalog.schema import Cluster as CatalogCluster
from bot.clients.kubernetes import Clusters
from bot.diagnosis.collecting import collect
from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.sources import Source
from bot.sandbox.clock import ManualClock
from bot.sandbox.cluster.kinds import KINDS
from bot.sandbox.cluster.server import Cluster
from bot.telemetry import Redactor
from tests.diagnosis import shapes
from tests.diagnosis.snapshots import LABELS, NOW, Snap

PLACE = CatalogCluster(name="standin")
PLURALS = {kind.name: kind.plural for kind in KINDS.values()}
READS = {"get", "list", "watch"}
MONTH_AGO, YESTERDAY, MINUTES_AGO = timedelta(days=30), timedelta(hours=26), timedelta(minutes=14)
_MADE = {"Pod": MINUTES_AGO, "Event": timedelta(minutes=12)}
Json = dict[str, Any]


@asynccontextmanager
async def placed(made: Snap) -> AsyncIterator[Cluster]:
    """A cluster whose controllers hold still, with these objects and the usual ones around them."""
    clock = ManualClock((NOW - MONTH_AGO).timestamp())
    cluster = Cluster(nodes=(), clock=clock)
    cluster.hold()
    cluster.namespace(shapes.NAMESPACE)
    _let_in(made, cluster)
    own = [(one.kind, shapes.full(one.kind, one.body)) for one in made.items.values() if one.kind != "Log"]
    everything = [
        *((kind, _owned(made, kind, body)) for kind, body in own),
        *_revisions(made),
        *_neighbours(),
    ]
    for kind, body in sorted(everything, key=lambda one: _age(*one), reverse=True):
        clock.advance(max(0.0, (NOW - _age(kind, body)).timestamp() - clock.now()))
        _put(cluster, kind, body)
    clock.advance(NOW.timestamp() - clock.now())
    _write_logs(cluster, [one for one in made.items.values() if one.kind == "Log"])
    async with cluster:
        yield cluster


async def read(
    made: Snap,
    cluster: Cluster,
    folder: Path,
    *,
    redactor: Redactor | None = None,
    sources: Sequence[Source] = (),
) -> Evidence:
    """What the bot reads of it, in an order that does not depend on which answer came first."""
    kubeconfig = str(cluster.write_kubeconfig(folder / "kubeconfig"))
    clusters = Clusters(kubeconfig=kubeconfig, requests_per_s=10_000, burst=1000)
    try:
        evidence = await collect(
            clusters.reader(PLACE),
            made.subject,
            redactor=redactor or Redactor(),
            now=lambda: NOW,
            budget_s=30,
            sources=sources,
        )
    finally:
        await clusters.aclose()
    return replace(
        evidence,
        items=tuple(sorted(evidence.items, key=lambda one: "event" if one.kind == "Event" else one.id)),
        gaps=tuple(sorted(evidence.gaps, key=lambda one: (one.what, one.why))),
    )


def _age(kind: str, body: Json) -> timedelta:
    """An owner comes before what it owns."""
    if kind == "ReplicaSet":
        return timedelta(minutes=15) if body["metadata"]["name"].endswith(shapes.NEW_HASH) else YESTERDAY
    return _MADE.get(kind, MONTH_AGO)


def _owned(made: Snap, kind: str, body: Json) -> Json:
    """Pods of a deployment belong to its newest ReplicaSet, others to the workload itself."""
    if kind != "Pod":
        return body
    metadata = body["metadata"]
    if made.subject.kind != "Deployment":
        return {**body, "metadata": {**metadata, "owner": f"{made.subject.kind}/{made.subject.name}"}}
    labels = {**metadata.get("labels", {}), "pod-template-hash": shapes.NEW_HASH}
    owner = f"ReplicaSet/{made.subject.name}-{shapes.NEW_HASH}"
    return {**body, "metadata": {**metadata, "labels": labels, "owner": owner}}


def _put(cluster: Cluster, kind: str, body: Json) -> None:
    metadata = {key: value for key, value in body["metadata"].items() if key != "owner"}
    owner_kind, _, name = body["metadata"].get("owner", "").partition("/")
    owner = cluster.world.find(PLURALS[owner_kind], (metadata.get("namespace", ""), name)) if name else None
    if owner is not None:
        named = {"apiVersion": owner["apiVersion"], "kind": owner_kind, "name": name, "controller": True}
        metadata["ownerReferences"] = [{**named, "uid": owner["metadata"]["uid"]}]
    cluster.world.insert(PLURALS[kind], {**body, "metadata": metadata})


def _revisions(made: Snap) -> list[tuple[str, Json]]:
    """The two ReplicaSets of a deployment: another image since yesterday."""
    own = made.items.get(f"deployment/{made.subject.name}")
    if own is None:
        return []
    body = shapes.full("Deployment", own.body)
    return [
        ("ReplicaSet", _revision(body, 7, shapes.OLD_HASH, shapes.OLD_IMAGE, pods=0)),
        (
            "ReplicaSet",
            _revision(body, 8, shapes.NEW_HASH, shapes.NEW_IMAGE, pods=body["status"].get("replicas", 0)),
        ),
    ]


def _revision(deployment: Json, number: int, word: str, image: str, *, pods: int) -> Json:
    name, labels = deployment["metadata"]["name"], {**LABELS, "pod-template-hash": word}
    wanted = deployment["spec"]["template"]["spec"]
    spec = {**wanted, "containers": [{**wanted["containers"][0], "image": image}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{word}",
            "namespace": shapes.NAMESPACE,
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "owner": f"Deployment/{name}",
        },
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
        "status": {"replicas": pods},
    }


def _neighbours() -> list[tuple[str, Json]]:
    """Somebody else's workload: well, scaled by somebody else in trouble, and with warnings of its own."""
    labels = {"app": "shipping"}
    other = Snap("Deployment", "shipping", replicas=1)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shipping"}
    said = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": "none yet",
    }
    other.put(
        "HorizontalPodAutoscaler",
        "shipping",
        spec={"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4},
        status={"conditions": [said]},
    )
    other.event(
        "BackOff", "Back-off restarting failed container shipping in pod shipping-1", of="Pod/shipping-1"
    )
    other.event(
        "Failed", 'Failed to pull image "registry.acme.example/shipping:9": not found', of="Pod/shipping-1"
    )
    found = []
    for one in other.items.values():
        if one.kind in ("Node", "Pod"):
            continue
        body = shapes.full(one.kind, one.body)
        if one.kind == "Service":
            body["spec"]["selector"] = labels
        if one.kind == "Deployment":
            body["spec"]["selector"] = {"matchLabels": labels}
            body["spec"]["template"]["metadata"]["labels"] = labels
        found.append((one.kind, body))
    account = {"metadata": {"name": "default", "namespace": shapes.NAMESPACE}}
    root = {"metadata": {"name": "kube-root-ca.crt", "namespace": shapes.NAMESPACE}}
    return [*found, ("ServiceAccount", account), ("ConfigMap", root)]


def _write_logs(cluster: Cluster, logs: Sequence[Item]) -> None:
    """What was written before the restart first."""
    for log in sorted(logs, key=lambda one: not one.id.endswith("/previous")):
        _, pod, container, *before = log.id.split("/")
        uid = cluster.world.get("pods", (shapes.NAMESPACE, pod))["metadata"]["uid"]
        cluster.logs.write(uid, container, *log.text.split("\n"), at=NOW.timestamp())
        if before:
            cluster.logs.restart(uid, container)


def _let_in(made: Snap, cluster: Cluster) -> None:
    """The rights of the bot, without those for what is not to be read."""
    hidden = {PLURALS[kind] for kind in made.hidden}
    cluster.rights.allow_only(
        [
            {"apiGroups": [one.group], "resources": [one.resource], "verbs": [one.verb]}
            for one in NEEDED
            if one.resource.partition("/")[0] not in hidden
        ]
    )
