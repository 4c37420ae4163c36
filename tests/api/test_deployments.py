"""`POST /api/v1/events` with `kind: deployment`: whose it may be, what opens an incident, what is kept for later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.engine.rows import rows_of
from bot.intake.deployed import DeploymentReported, stream_of
from bot.journal.reads import derive
from tests.api.test_every_route import TEAMS
from tests.stories.catalogs import FLUSH
from tests.stories.stage import Stage

REPORT: dict[str, Any] = {
    "kind": "deployment",
    "service": "checkout-api",
    "version": "v1.8.0",
    "namespace": "shop",
    "link": "https://ci.acme.example/runs/4711",
}


def staged(folder: Path) -> Any:
    return Stage.open(folder, runbooks={"flush": FLUSH}, inventory=TEAMS)


async def report(stage: Stage, *, teams: tuple[str, ...] = ("payments",), **change: Any) -> tuple[int, Any]:
    token = stage.token("operator", subject="ci", teams=teams)
    body = {name: value for name, value in {**REPORT, **change}.items() if value is not None}
    return await stage.call("POST", "/api/v1/events", token=token, json=body)


async def deployed(stage: Stage) -> list[tuple[str, str]]:
    recorded = await stage.app.journal.read(stream_of("checkout", stage.app.operations.clock.now()))
    events = [one.event for one in recorded]
    assert all(isinstance(one, DeploymentReported) for one in events)
    return [(one.version, one.status) for one in events if isinstance(one, DeploymentReported)]


async def test_one_that_failed_opens_an_incident_in_its_services_channel_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert await report(stage) == (202, {"status": "accepted"})
        assert await report(stage) == (202, {"status": "duplicate"})
        await stage.rest()
        (row,) = await stage.app.journal.incidents(limit=10)
        assert row.title == "Deployment of checkout-api v1.8.0 failed"
        assert (row.service, row.environment, row.status) == ("checkout", "prod", "triggered")
        assert await deployed(stage) == [("v1.8.0", "failed")]


async def test_one_that_succeeded_opens_nothing_and_is_kept_also_when_rows_are_made_anew(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        assert (await report(stage, status="succeeded"))[0] == 202
        await stage.rest()
        assert await stage.app.journal.incidents(limit=10) == ()
        assert await deployed(stage) == [("v1.8.0", "succeeded")]
        assert (await derive(stage.app.journal, rows_of)).incidents == ()
        await stage.restart()
        assert await deployed(stage) == [("v1.8.0", "succeeded")]


async def test_tried_again_with_success_it_ends_its_own_incident(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await report(stage)
        await stage.rest()
        await report(stage, status="succeeded")
        await stage.rest()
        (row,) = await stage.app.journal.incidents(limit=10)
        assert row.status == "resolved"
        assert await deployed(stage) == [("v1.8.0", "failed"), ("v1.8.0", "succeeded")]


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        ({"service": "checkuot"}, 400, "did you mean 'checkout'?"),
        ({"service": "storefront"}, 403, "belongs to a team"),
        ({"namespace": "web"}, 403, "belongs to no team that the token names"),
        ({"namespace": "web", "deployment": "storefront"}, 403, "belongs to no team"),
        ({"namespace": "kube-system"}, 403, "belongs to no environment"),
        ({"cluster": "moon"}, 400, "is no cluster of the catalog"),
        ({"version": None}, 400, "`version`: field required"),
        ({"kind": "release"}, 400, "`kind` is anomaly or deployment"),
        ({"link": "ftp://x/"}, 400, "an http or https address"),
    ],
)
async def test_a_pipeline_is_told_what_is_wrong_and_nothing_is_kept(
    tmp_path: Path, change: dict[str, Any], expected: int, words: str
) -> None:
    async with staged(tmp_path) as stage:
        status, told = await report(stage, **change)
        assert status == expected
        assert words in f"{told['error']['message']} {told['error']['hint']}"
        assert await stage.app.journal.unanswered() == ()
        assert await stage.app.journal.streams() == {}


async def test_another_teams_pipeline_cannot_end_an_incident_with_the_same_id(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await report(stage, deployment_id="d-1")
        await stage.rest()
        theirs = {"service": "storefront", "namespace": "web", "deployment_id": "d-1", "status": "succeeded"}
        assert (await report(stage, teams=("web",), **theirs))[0] == 202
        await stage.rest()
        (row,) = await stage.app.journal.incidents(limit=10)
        assert row.status == "triggered"
