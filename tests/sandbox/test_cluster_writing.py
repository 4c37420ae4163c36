"""Writing to the stand-in cluster: conflicts, patches, validation and dry runs, by the server's rules and words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.cluster.server import Cluster
from tests.sandbox.cluster_calls import API, JSON_PATCH, MERGE, PODS, STRATEGIC, Calls, furnished

CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


@pytest.fixture
async def both() -> AsyncIterator[tuple[Cluster, Calls]]:
    async with furnished() as both:
        yield both


def spec_of(cluster: Cluster) -> Any:
    return cluster.get("deployments", "payments", "api")["spec"]


@pytest.mark.parametrize("path", [API, f"{API}/scale"])
async def test_an_update_from_an_old_version_is_a_conflict(both: tuple[Cluster, Calls], path: str) -> None:
    cluster, api = both
    _, old = await api.get(path)
    await api.send("PATCH", f"{API}/scale", {"spec": {"replicas": 4}}, media=MERGE)
    code, body = await api.send("PUT", path, {**old, "spec": {**old["spec"], "replicas": 9}})
    assert (code, body["reason"]) == (409, "Conflict")
    assert body["message"] == f'Operation cannot be fulfilled on deployments.apps "api": {CHANGED}'
    assert spec_of(cluster)["replicas"] == 4


async def test_an_update_from_the_present_version_or_from_none_goes_through(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    _, scale = await api.get(f"{API}/scale")
    assert scale["status"] == {"replicas": 3, "selector": "app=api"}
    code, body = await api.send("PUT", f"{API}/scale", {**scale, "spec": {"replicas": 5}})
    assert (code, body["kind"], body["spec"]) == (200, "Scale", {"replicas": 5})
    del scale["metadata"]["resourceVersion"]
    assert (await api.send("PUT", f"{API}/scale", {**scale, "spec": {"replicas": 2}}))[0] == 200
    assert spec_of(cluster)["replicas"] == 2


async def test_a_patch_that_names_an_old_version_is_a_conflict(both: tuple[Cluster, Calls]) -> None:
    patch = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 9}}
    code, body = await both[1].send("PATCH", API, patch, media=MERGE)
    assert (code, body["reason"]) == (409, "Conflict")


async def test_a_json_patch_applies_only_while_its_test_holds(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    version = cluster.get("deployments", "payments", "api")["metadata"]["resourceVersion"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/replicas", "value": 4},
    ]
    assert (await api.send("PATCH", API, patch, media=JSON_PATCH))[0] == 200
    patch[1]["value"] = 5
    code, body = await api.send("PATCH", API, patch, media=JSON_PATCH)
    assert (code, body["reason"]) == (422, "Invalid")
    assert body["message"] == "the server rejected our request due to an error in our request"
    assert "testing value /metadata/resourceVersion failed" in body["details"]["causes"][0]["message"]
    assert spec_of(cluster)["replicas"] == 4


async def test_a_strategic_patch_merges_containers_by_name(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    patch = {
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "api", "image": "api:2"}, {"name": "side", "image": "s:1"}]}
            }
        }
    }
    assert (await api.send("PATCH", API, patch, media=STRATEGIC))[0] == 200
    containers = spec_of(cluster)["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("api", "api:2"), ("side", "s:1")]


async def test_a_change_that_changes_nothing_gets_no_new_version(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    before = cluster.world.version
    assert (await api.send("PATCH", API, {"spec": {"replicas": 3}}, media=MERGE))[0] == 200
    _, body = await api.get(API)
    assert (await api.send("PUT", API, body))[0] == 200
    assert cluster.world.version == before


async def test_a_generation_counts_wishes_and_the_controllers_say_which_they_have_seen(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    before = cluster.get("deployments", "payments", "api")
    await api.send("PATCH", API, {"spec": {"replicas": 4}, "status": {"replicas": 99}}, media=MERGE)
    await cluster.settled()
    after = cluster.get("deployments", "payments", "api")
    generation = before["metadata"]["generation"] + 1
    assert (after["metadata"]["generation"], after["status"]["observedGeneration"]) == (
        generation,
        generation,
    )
    assert after["status"]["replicas"] == 4


async def test_an_unknown_kind_of_patch_is_refused(both: tuple[Cluster, Calls]) -> None:
    code, body = await both[1].send("PATCH", API, {}, media="application/apply-patch+yaml")
    assert (code, body["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("path", "patch", "words"),
    [
        (
            API,
            {"spec": {"replicas": -1}},
            'Deployment.apps "api" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        ),
        (
            f"{API}/scale",
            {"spec": {"replicas": -1}},
            'Scale.autoscaling "api" is invalid: spec.replicas: Invalid value: -1: '
            "must be greater than or equal to 0",
        ),
        (
            API,
            {
                "spec": {
                    "selector": {"matchLabels": {"app": "b"}},
                    "template": {"metadata": {"labels": {"app": "b"}}},
                }
            },
            'Deployment.apps "api" is invalid: spec.selector: Invalid value: '
            '{"matchLabels":{"app":"b"}}: field is immutable',
        ),
    ],
)
async def test_what_is_invalid_changes_nothing(
    both: tuple[Cluster, Calls], path: str, patch: Any, words: str
) -> None:
    cluster, api = both
    before = cluster.world.version
    code, body = await api.send("PATCH", path, patch, media=MERGE)
    assert (code, body["message"]) == (422, words)
    assert cluster.world.version == before


@pytest.mark.parametrize(
    ("method", "path", "body", "media"),
    [
        ("PATCH", f"{API}/scale", {"spec": {"replicas": 9}}, MERGE),
        ("PUT", f"{API}/scale", {"metadata": {"name": "api"}, "spec": {"replicas": 9}}, "application/json"),
        ("PATCH", API, {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}, STRATEGIC),
        ("PATCH", API, [{"op": "replace", "path": "/spec/replicas", "value": 9}], JSON_PATCH),
        ("DELETE", API, None, ""),
        ("DELETE", f"{PODS}/POD", None, ""),
        ("DELETE", PODS, None, ""),
        ("POST", f"{PODS}/POD/eviction", {"metadata": {"name": "POD"}}, "application/json"),
        ("PATCH", "/api/v1/nodes/n1", {"spec": {"unschedulable": True}}, STRATEGIC),
        ("POST", "/api/v1/namespaces", {"metadata": {"name": "new"}}, "application/json"),
    ],
)
async def test_a_dry_run_answers_as_the_write_would_and_changes_nothing(
    both: tuple[Cluster, Calls], method: str, path: str, body: Any, media: str
) -> None:
    cluster, api = both
    pod = cluster.pods("payments", of="api")[0]["metadata"]["name"]
    path = path.replace("POD", pod)
    if isinstance(body, dict) and body.get("metadata", {}).get("name") == "POD":
        body = {"metadata": {"name": pod}}
    before, snapshot = cluster.world.version, cluster.snapshot()
    code, answer = await api.send(method, path, body, media=media, query={"dryRun": "All"})
    assert code in (200, 201), answer
    await cluster.settled()
    assert (cluster.world.version, cluster.snapshot()) == (before, snapshot)
    if path.endswith("scale"):
        assert answer["spec"]["replicas"] == 9


async def test_a_dry_run_in_the_options_of_an_eviction_counts(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    pod = cluster.pods("payments", of="api")[0]["metadata"]["name"]
    body = {"metadata": {"name": pod}, "deleteOptions": {"dryRun": ["All"]}}
    before = cluster.world.version
    assert (await api.send("POST", f"{PODS}/{pod}/eviction", body))[0] == 201
    assert cluster.world.version == before


async def test_an_object_needs_its_namespace_and_comes_into_being_once(both: tuple[Cluster, Calls]) -> None:
    api = both[1]
    settings = {"metadata": {"name": "settings"}, "data": {"a": "b"}}
    path = "/api/v1/namespaces/nowhere/configmaps"
    code, body = await api.send("POST", path, settings)
    assert (code, body["message"]) == (404, 'namespaces "nowhere" not found')
    path = path.replace("nowhere", "payments")
    assert (await api.send("POST", path, settings))[0] == 201
    code, body = await api.send("POST", path, settings)
    assert (code, body["reason"]) == (409, "AlreadyExists")
    code, body = await api.send("POST", path, {"metadata": {"name": "Set_tings"}})
    assert code == 422
    assert "a lowercase RFC 1123 subdomain must consist of" in body["message"]
    code, body = await api.send("POST", path, {"metadata": {"name": "x", "namespace": "default"}})
    assert (code, body["reason"]) == (400, "BadRequest")


async def test_what_is_no_json_is_a_bad_request(both: tuple[Cluster, Calls]) -> None:
    api = both[1]
    async with api.session.patch(API, data=b"{", headers={"Content-Type": MERGE}) as answer:
        assert answer.status == 400
    code, body = await api.send("PUT", f"{API}/scale", {"kind": "Deployment"})
    assert (code, body["message"]) == (400, "the kind of the object is Deployment, not Scale")


async def test_a_deployment_takes_its_pods_along_unless_they_are_orphaned(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    cluster.deployment("payments", "kept", replicas=2)
    await cluster.settled()
    await api.send("DELETE", API.removesuffix("api") + "kept", {"propagationPolicy": "Orphan"})
    await api.send("DELETE", API)
    await cluster.settled()
    assert not cluster.pods("payments", of="api")
    assert [pod["metadata"]["labels"]["app"] for pod in cluster.pods("payments")] == ["kept", "kept"]


async def test_a_namespace_that_is_deleted_goes_with_everything_in_it(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    code, body = await api.send("DELETE", "/api/v1/namespaces/payments")
    assert (code, body["status"]["phase"]) == (200, "Terminating")
    await cluster.settled()
    assert cluster.pods("payments") == []
    assert (await api.get("/api/v1/namespaces/payments"))[0] == 404
