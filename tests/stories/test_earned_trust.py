"""A pipeline reports a failed deployment; where the diagnosis is trusted, the first safe step runs without asking."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.promoting import with_promotion
from bot.catalog.promotion import Promotion
from bot.sandbox.cluster.server import Cluster
from tests.stories.catalogs import INVENTORY
from tests.stories.stage import Stage

MAKE_ROOM = """
    description: Make room in the quota, then let the release have another try.
    trigger: { service_id: checkout, symptoms: [quota] }
    steps:
      - name: make-room
        type: kubernetes
        action: scale
        namespace: shop
        deployment: reports
        replicas: 1
      - name: try-again
        type: kubernetes
        action: restart
        namespace: shop
        deployment: checkout
    safety: { scopes: [prod] }
"""
PLACES = (
    INVENTORY.replace("prod: { approvers: [oncall] }", "prod: { approvers: [oncall], auto_start: true }")
    .replace("services:\n", "clusters:\n  standin: { namespaces: { shop: prod } }\nservices:\n")
    .replace(
        "    host: web-1\n", "    host: web-1\n    workload: { namespace: shop, deployment: checkout }\n"
    )
)
REPORT: dict[str, Any] = {
    "kind": "deployment",
    "service": "checkout",
    "version": "v1.8.0",
    "namespace": "shop",
    "reason": "timed out waiting for the rollout",
    "link": "https://ci.acme.example/runs/4711",
}


@asynccontextmanager
async def shop(
    folder: Path, *, runbook: str = MAKE_ROOM, inventory: str = PLACES
) -> AsyncIterator[tuple[Stage, Cluster]]:
    """A namespace that is full: two pods of the new release find no place in its quota."""
    async with Cluster() as cluster:
        cluster.quota("shop", "team", hard={"pods": "4"})
        cluster.deployment("shop", "reports", replicas=2)
        cluster.deployment("shop", "checkout", replicas=2)
        await cluster.settled()
        cluster.deployment("shop", "checkout", replicas=4)
        await cluster.settled()
        kubeconfig = cluster.write_kubeconfig(folder / "kubeconfig")
        settings = {"KUBECONFIG": str(kubeconfig)}
        runbooks = {"make-room": runbook}
        async with Stage.open(folder, runbooks=runbooks, inventory=inventory, settings=settings) as stage:
            yield stage, cluster


def trust(stage: Stage, **change: Any) -> None:
    """What `promote --finding` writes once the record is good enough, reviewed and merged."""
    promotion = Promotion.model_validate(
        {
            "runbook": "make-room",
            "finding": "quota-exceeded",
            "digest": stage.app.catalog.current.runbooks["make-room"].digest,
            "environment": "prod",
            "evidence": {"history": {"judged": 12, "right_when_certain": 12}},
            "promoted_by": "dana@acme.example",
            "promoted_at": "2026-10-01T09:00:00Z",
            **change,
        }
    )
    file = stage.folder / "runbooks" / "promotions.yaml"
    file.write_text(with_promotion("", promotion), encoding="utf-8")
    stage.app.catalog.read()
    assert not stage.app.catalog.problems


async def report(stage: Stage, **change: Any) -> None:
    token = stage.token("operator", subject="ci", teams=("payments",))
    status, _ = await stage.call("POST", "/api/v1/events", token=token, json={**REPORT, **change})
    assert status == 202


def reports(cluster: Cluster) -> int:
    found = [one for one in cluster.requests.writes() if "scale" in one.resource or one.name == "reports"]
    return len(found)


async def test_the_first_step_runs_without_asking_and_says_why_and_the_next_one_asks(tmp_path: Path) -> None:
    async with shop(tmp_path) as (stage, _):
        trust(stage)
        await report(stage)
        await stage.tell("the pipeline reports that a deployment failed")
        (run,) = await stage.runs()
        first, second = run.steps.values()
        assert first.proposal is not None
        assert first.proposal.made.asked.unattended
        assert first.proposal.result is not None
        assert second.proposal is not None
        assert not second.proposal.made.asked.unattended
        stage.check("earned_trust")


@pytest.mark.parametrize(
    ("runbook", "inventory", "change"),
    [
        (MAKE_ROOM, PLACES, {"finding": "oom-killed"}),
        (MAKE_ROOM, PLACES, {"digest": "0" * 64}),
        (MAKE_ROOM, PLACES.replace(", auto_start: true", ""), {}),
        (MAKE_ROOM, PLACES.replace("auto_start: true", "auto_start: true, confirm_every_step: true"), {}),
        (MAKE_ROOM.replace("replicas: 1\n", "replicas: 1\n        require_approval: true\n"), PLACES, {}),
        (MAKE_ROOM.replace("replicas: 1\n", "replicas: 0\n"), PLACES, {}),
        (
            MAKE_ROOM.replace("replicas: 1\n", "replicas: 1\n        safety: { min_approvals: 2 }\n"),
            PLACES,
            {},
        ),
        (
            MAKE_ROOM.replace("replicas: 1\n", "replicas: 1\n        rollback: { manual: Ask reports. }\n"),
            PLACES,
            {},
        ),
        (MAKE_ROOM.replace("    safety: { scopes: [prod] }\n", ""), PLACES, {}),
    ],
    ids=[
        "another class",
        "another version of the runbook",
        "nothing begins by itself there",
        "every step is confirmed there",
        "its step insists on people",
        "high risk",
        "two people must agree",
        "no step takes it back",
        "nobody wrote down where it may run",
    ],
)
async def test_where_any_other_rule_asks_for_people_nothing_begins(
    tmp_path: Path, runbook: str, inventory: str, change: dict[str, Any]
) -> None:
    async with shop(tmp_path, runbook=runbook, inventory=inventory) as (stage, cluster):
        file = stage.folder / "runbooks" / "promotions.yaml"
        try:
            trust(stage, **change)
        except (
            AssertionError
        ):  # lint has something against it, so the old catalog stays: nothing begins either
            assert file.exists()
        await report(stage)
        await stage.shows("quota")
        await stage.rest()
        assert await stage.runs() == []
        assert reports(cluster) == 0


async def test_without_a_promotion_the_report_is_there_and_a_person_decides(tmp_path: Path) -> None:
    async with shop(tmp_path) as (stage, cluster):
        await report(stage)
        await stage.tell("the pipeline reports that a deployment failed")
        assert await stage.runs() == []
        assert reports(cluster) == 0
        await report(stage, status="succeeded")
        await stage.tell("the same deployment is tried again, and succeeds")
        stage.check("deployment_failed")


async def test_trust_that_is_taken_back_meanwhile_lets_nothing_more_begin(tmp_path: Path) -> None:
    async with shop(tmp_path) as (stage, cluster):
        trust(stage)
        (stage.folder / "runbooks" / "promotions.yaml").write_text("promotions: []\n", encoding="utf-8")
        stage.app.catalog.read()
        await report(stage)
        await stage.shows("quota")
        await stage.rest()
        assert await stage.runs() == []
        assert reports(cluster) == 0


async def test_the_run_carries_why_nobody_was_asked(tmp_path: Path) -> None:
    async with shop(tmp_path) as (stage, _):
        trust(stage)
        await report(stage)
        await stage.rest()
        (run,) = await stage.runs()
        assert run.opened.on_finding is not None
        assert run.opened.on_finding.finding == "quota-exceeded"
        token = stage.token("viewer", subject="reader")
        _, told = await stage.call("GET", f"/api/v1/runs/{run.id}/events", token=token)
        assert "right 12 of 12 times" in json.dumps(told)
