"""`POST /api/v1/diagnose` against a stand-in cluster: the typed report, its limits, and whose workload may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.api.pace import LOOKS_AT_ONCE
from bot.sandbox.cluster.server import Cluster
from tests.api.test_every_route import TEAMS
from tests.stories.catalogs import FLUSH
from tests.stories.stage import Stage

PATH = "/api/v1/diagnose"


@asynccontextmanager
async def looking(folder: Path) -> AsyncIterator[tuple[Stage, Cluster]]:
    async with Cluster() as cluster:
        cluster.quota("shop", "team", hard={"pods": "2"})
        cluster.deployment("shop", "checkout", replicas=2)
        await cluster.settled()
        cluster.deployment("shop", "checkout", replicas=4)
        await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(folder / "kubeconfig")
        async with Stage.open(
            folder, runbooks={"flush": FLUSH}, inventory=TEAMS, settings={"KUBECONFIG": str(kubeconfig)}
        ) as stage:
            yield stage, cluster


def operator(stage: Stage, *teams: str) -> str:
    return stage.token("operator", subject=f"of-{'-'.join(teams)}", teams=teams)


async def ask(
    stage: Stage, body: dict[str, Any], *, teams: tuple[str, ...] = ("payments",)
) -> tuple[int, Any]:
    return await stage.call("POST", PATH, token=operator(stage, *teams), json=body)


async def test_it_answers_what_is_wrong_with_the_words_that_show_it_and_only_reads(tmp_path: Path) -> None:
    async with looking(tmp_path) as (stage, cluster):
        streams = await stage.app.journal.streams()
        status, told = await ask(stage, {"service": "checkout-api"})
        assert status == 200
        assert told["service"] == "checkout"
        assert told["workload"] == {
            "cluster": "standin",
            "environment": "prod",
            "namespace": "shop",
            "kind": "deployment",
            "name": "checkout",
        }
        top = told["findings"][0]
        assert (top["kind"], top["confidence"]) == ("quota-exceeded", "certain")
        assert "exceeded quota: team" in top["quotes"][0]["text"]
        assert not told["is_healthy"]
        assert told["evidence"] is None
        assert cluster.requests.writes() == []
        assert await stage.app.journal.streams() == streams


async def test_evidence_is_given_where_it_is_asked_for_and_quotes_stand_in_it(tmp_path: Path) -> None:
    async with looking(tmp_path) as (stage, _):
        _, told = await ask(stage, {"service": "checkout", "with_evidence": True})
        items = {one["id"]: one for one in told["evidence"]}
        for finding in told["findings"]:
            for quote in finding["quotes"]:
                assert quote["text"] in f"{items[quote['item']]['text']} {items[quote['item']]['body']}"


async def test_a_workload_is_asked_for_by_its_name_and_one_that_is_not_there_is_told_so(
    tmp_path: Path,
) -> None:
    async with looking(tmp_path) as (stage, _):
        status, told = await ask(stage, {"namespace": "shop", "deployment": "checkout"})
        assert (status, told["service"]) == (200, "")
        status, told = await ask(stage, {"namespace": "shop", "statefulset": "no-such"})
        assert (status, told["findings"][0]["kind"]) == (200, "not-there")


async def test_a_cluster_that_is_away_is_a_report_of_what_could_not_be_read(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}, inventory=TEAMS) as stage:
        status, told = await ask(stage, {"service": "checkout", "within_s": 2})
        assert (status, told["findings"], told["is_healthy"]) == (200, [], False)
        assert told["gaps"]
        assert told["summary"].startswith("nothing could be read")


@pytest.mark.parametrize(
    ("body", "teams", "expected"),
    [
        ({"service": "storefront"}, ("payments",), 403),
        ({"namespace": "web", "deployment": "storefront"}, ("payments",), 403),
        ({"namespace": "web", "deployment": "anything"}, ("payments",), 403),
        ({"service": "checkout", "namespace": "web", "deployment": "storefront"}, ("payments",), 403),
        ({"service": "checkout", "namespace": "web"}, ("payments",), 403),
        ({"namespace": "nobodys", "deployment": "x"}, ("payments",), 403),
        ({"namespace": "kube-system", "deployment": "x"}, ("payments",), 403),
        ({"namespace": "web", "deployment": "anything"}, ("web",), 200),
        ({"namespace": "nobodys", "deployment": "x"}, ("*",), 200),
        ({"namespace": "kube-system", "deployment": "x"}, ("*",), 403),
        ({"service": "no-such"}, ("payments",), 400),
        ({"namespace": "shop"}, ("payments",), 400),
        ({"namespace": "shop", "job": "nightly"}, ("payments",), 200),
        ({"cluster": "other", "namespace": "shop", "deployment": "x"}, ("payments",), 400),
        ({"namespace": "../../nodes", "deployment": "x"}, ("*",), 400),
        ({"namespace": "shop", "deployment": "x/../y"}, ("*",), 400),
        ({"service": "checkout", "within_s": 31}, ("payments",), 400),
        ({}, ("payments",), 400),
    ],
)
async def test_only_what_is_listed_and_ones_own_is_looked_into(
    tmp_path: Path, body: dict[str, Any], teams: tuple[str, ...], expected: int
) -> None:
    async with looking(tmp_path) as (stage, cluster):
        cluster.requests.clear()
        status, told = await ask(stage, body, teams=teams)
        assert status == expected, told
        if status != 200:
            assert told["error"]["message"]
            assert len(cluster.requests) == 0


async def test_a_refusal_does_not_list_other_teams_namespaces(tmp_path: Path) -> None:
    async with looking(tmp_path) as (stage, _):
        _, told = await ask(stage, {"namespace": "wab", "deployment": "x"})
        assert "web" not in str(told)
        assert "nobodys" not in str(told)


async def test_a_few_are_made_at_the_same_time_and_the_next_is_asked_to_come_again(tmp_path: Path) -> None:
    async with looking(tmp_path) as (stage, cluster):
        cluster.faults.silence("list", "events", times=LOOKS_AT_ONCE)
        body = {"service": "checkout", "within_s": 2}
        answers = await asyncio.gather(*(ask(stage, body) for _ in range(LOOKS_AT_ONCE + 1)))
        assert sorted(status for status, _ in answers) == [200] * LOOKS_AT_ONCE + [429]
        assert all(told["gaps"] for status, told in answers if status == 200)
        assert (await ask(stage, body))[0] == 200
