"""Reading the stand-in cluster: what lists, selectors, pages and watches show, and how the server says it cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.cluster.server import Cluster
from bot.sandbox.cluster.world import stamp
from tests.sandbox.cluster_calls import API, PODS, Calls, furnished

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
async def both() -> AsyncIterator[tuple[Cluster, Calls]]:
    async with furnished() as both:
        yield both


def names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


async def test_a_list_has_a_version_and_items_without_kind_as_a_real_one(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    code, body = await api.get("/apis/apps/v1/deployments")
    assert (code, body["kind"], names(body)) == (200, "DeploymentList", ["api"])
    assert body["metadata"]["resourceVersion"] == str(cluster.world.version)
    assert "kind" not in body["items"][0]
    assert (await api.get(API))[1]["kind"] == "Deployment"


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("app=api", 3),
        ("app==api", 3),
        ("app!=api", 1),
        ("app in (api, other)", 3),
        ("app notin (api)", 1),
        ("app,pod-template-hash", 3),
        ("!pod-template-hash", 1),
        ("app=api,!pod-template-hash", 0),
        ("", 4),
    ],
)
async def test_labels_select(both: tuple[Cluster, Calls], selector: str, count: int) -> None:
    cluster, api = both
    cluster.pod("payments", "alone")
    assert len((await api.get(PODS, labelSelector=selector))[1]["items"]) == count


async def test_fields_select_what_the_server_can_be_asked_by(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    on_n1 = [pod["metadata"]["name"] for pod in cluster.pods(node="n1")]
    code, body = await api.get("/api/v1/pods", fieldSelector="spec.nodeName=n1,status.phase=Running")
    assert (code, names(body)) == (200, on_n1)
    assert names((await api.get("/api/v1/nodes", fieldSelector="metadata.name!=n2"))[1]) == ["n1", "n3"]
    assert names((await api.get("/api/v1/nodes", fieldSelector="spec.unschedulable=false"))[1]) == [
        "n1",
        "n2",
        "n3",
    ]
    code, body = await api.get(PODS, fieldSelector="spec.color=red")
    assert (code, body["message"]) == (400, 'field label not supported: "spec.color"')


async def test_pages_follow_each_other_and_miss_nothing(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    seen: list[str] = []
    token = ""
    while True:
        _, body = await api.get(PODS, limit="2", **({"continue": token} if token else {}))
        seen += names(body)
        token = body["metadata"].get("continue", "")
        if not token:
            break
        assert body["metadata"]["remainingItemCount"] == 1
    assert seen == [pod["metadata"]["name"] for pod in cluster.pods("payments")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (API.removesuffix("api") + "nope", 'deployments.apps "nope" not found'),
        (f"{PODS}/nope", 'pods "nope" not found'),
        ("/api/v1/nodes/n9", 'nodes "n9" not found'),
        ("/apis/apps/v1/unknowns", "the server could not find the requested resource"),
        ("/apis/apps/v2/deployments", "the server could not find the requested resource"),
        ("/nowhere", "the server could not find the requested resource"),
    ],
)
async def test_what_is_not_there_is_said_in_the_server_s_words(
    both: tuple[Cluster, Calls], path: str, words: str
) -> None:
    code, body = await both[1].get(path)
    assert (code, body["kind"], body["reason"], body["message"]) == (404, "Status", "NotFound", words)


async def test_a_table_is_given_to_who_asks_for_one(both: tuple[Cluster, Calls]) -> None:
    _, body = await both[1].send("GET", API, accept=TABLE)
    assert body["kind"] == "Table"
    assert [column["name"] for column in body["columnDefinitions"]] == [
        "Name",
        "Ready",
        "Up-to-date",
        "Available",
        "Age",
    ]
    assert body["rows"][0]["cells"][:4] == ["api", "3/3", 3, 3]


async def test_a_watch_goes_on_from_the_version_of_a_list(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    _, listed = await api.get("/apis/apps/v1/deployments")
    cluster.deployment("payments", "late")
    version = listed["metadata"]["resourceVersion"]
    events = api.watch("/apis/apps/v1/deployments", resourceVersion=version)
    word, body = await anext(events)
    assert (word, body["metadata"]["name"]) == ("ADDED", "late")
    await events.aclose()


async def test_what_stops_matching_a_watch_is_deleted_there_and_comes_back_as_added(
    both: tuple[Cluster, Calls],
) -> None:
    cluster, api = both
    events = api.watch("/api/v1/nodes", fieldSelector="spec.unschedulable=true", resourceVersion="0")
    for wish in (True, False):
        await api.send(
            "PATCH",
            "/api/v1/nodes/n1",
            {"spec": {"unschedulable": wish}},
            media="application/merge-patch+json",
        )
        await cluster.settled()
        if wish:
            word, body = await anext(events)
            assert (word, body["metadata"]["name"]) == ("ADDED", "n1")
    seen = []
    async for word, _ in events:
        seen.append(word)
        if word == "DELETED":
            break
    assert seen[-1] == "DELETED"
    await events.aclose()


async def test_a_watch_from_too_long_ago_is_told_to_list_again(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    version = str(cluster.world.version - 1)
    cluster.world.forget_changes()
    code, body = await api.get(PODS, watch="true", resourceVersion=version)
    assert (code, body["reason"]) == (410, "Expired")
    assert body["message"].startswith("too old resource version")


async def test_a_list_through_a_watch_ends_with_a_marked_bookmark(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    events = api.watch(PODS, allowWatchBookmarks="true", **query)
    seen = [await anext(events) for _ in range(4)]
    await events.aclose()
    assert [word for word, _ in seen] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    metadata = seen[3][1]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert metadata["resourceVersion"] == str(cluster.world.version)


async def test_a_quiet_watch_is_told_how_far_it_has_come(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    cluster.http.bookmark_every_s = 0.01
    version = str(cluster.world.version)
    cluster.namespace("elsewhere")
    events = api.watch(PODS, resourceVersion=version, allowWatchBookmarks="true")
    word, body = await anext(events)
    assert (word, body["metadata"]) == ("BOOKMARK", {"resourceVersion": str(cluster.world.version)})
    await events.aclose()


async def test_every_watch_ends_when_the_server_says_so(both: tuple[Cluster, Calls]) -> None:
    cluster, api = both
    events = api.watch(PODS)
    await anext(events)
    cluster.http.end_watches()
    rest = [word async for word, _ in events]
    assert set(rest) <= {"ADDED"}


async def test_discovery_names_every_kind_and_what_can_be_done_with_it(both: tuple[Cluster, Calls]) -> None:
    api = both[1]
    core = {one["name"]: one for one in (await api.get("/api/v1"))[1]["resources"]}
    assert core["pods/eviction"]["kind"] == "Eviction"
    assert core["pods/eviction"]["group"] == "policy"
    apps = {one["name"]: one for one in (await api.get("/apis/apps/v1"))[1]["resources"]}
    assert (apps["deployments/scale"]["kind"], apps["deployments/scale"]["group"]) == ("Scale", "autoscaling")
    groups = [one["name"] for one in (await api.get("/apis"))[1]["groups"]]
    assert {"apps", "policy", "autoscaling", "rbac.authorization.k8s.io"} <= set(groups)
    assert (await api.get("/version"))[1]["minor"].isdecimal()


@pytest.mark.parametrize(
    "word", ["limit", "timeoutSeconds", "resourceVersion", "labelSelector", "fieldSelector"]
)
async def test_a_query_that_makes_no_sense_is_a_bad_request(both: tuple[Cluster, Calls], word: str) -> None:
    query = {} if word == "limit" else {"watch": "true"}
    code, body = await both[1].get(PODS, **{word: "x y=z"}, **query)
    assert (code, body["reason"]) == (400, "BadRequest")


def test_a_moment_is_written_as_the_api_does() -> None:
    assert stamp(0) == "1970-01-01T00:00:00Z"
