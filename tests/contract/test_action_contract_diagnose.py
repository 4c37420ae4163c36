"""The diagnose type held to the one contract on a stand-in cluster: it only reads, and no more than its role."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bot.actions.diagnose import NEEDED, DiagnoseAction, DiagnoseInput
from bot.actions.kubernetes.permissions import Permission, rules
from bot.catalog.schema import Service, ServiceName, Workload
from bot.errors import ActionFailed, BadInput, NotPermitted
from bot.telemetry import Redactor
from tests.actions.kubernetes_ground import AGENT, API, DB, Ground, ground
from tests.contract.action_contract import ActionContract, Fault, World
from tests.fakes.actions import Told

GROUPS = {
    **dict.fromkeys(
        ("deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions"), "apps"
    ),
    **dict.fromkeys(("ingresses", "ingressclasses"), "networking.k8s.io"),
    "horizontalpodautoscalers": "autoscaling",
    "poddisruptionbudgets": "policy",
    "storageclasses": "storage.k8s.io",
}


def _looks(there: Ground) -> int:
    return len(there.cluster.requests.of("get", "deployments"))


def _moved(world: World) -> None:
    there: Ground = world.around
    there.bench.catalog = there.bench.catalog.model_copy(update={"clusters": {}})


class TestDiagnose(ActionContract):
    faults = (
        Fault("cluster gone", lambda w: w.around.cluster.stop(), "failed", ("none",)),
        Fault("nothing allowed", lambda w: w.around.cluster.rights.allow_only([]), "failed", ("none",)),
        Fault("not in the catalog any more", _moved, "failed", ("none",)),
        Fault(
            "stopped",
            lambda w: w.around.cluster.faults.silence(times=99),
            "failed",
            ("none",),
            stops_at_once=True,
        ),
    )

    @asynccontextmanager
    async def world(self, tmp_path: Any) -> AsyncIterator[World]:
        await asyncio.to_thread(Path(tmp_path).mkdir, parents=True, exist_ok=True)
        async with ground(tmp_path) as there:
            yield World(
                action=_action(there),
                given=API,
                scope=there.scope,
                writes=lambda: _looks(there),
                changes_something=False,
                around=there,
            )


def _action(there: Ground) -> DiagnoseAction:
    return DiagnoseAction(replace(there.bench.tools, kubernetes=lambda: there.clusters))


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(tmp_path) as made:
        yield made


@pytest.mark.parametrize("what", [API, DB, AGENT])
async def test_its_role_is_enough_and_it_asks_for_nothing_else(there: Ground, what: dict[str, Any]) -> None:
    there.cluster.rights.allow_only(
        [
            {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in rules(NEEDED)
        ]
    )
    there.cluster.never_ready("payments", "api", image="shop:3")
    action = _action(there)
    plan = await action.plan(DiagnoseInput.model_validate(what), there.scope)
    outcome = await action.execute(plan, Told())
    assert (outcome.verdict, outcome.effect) == ("succeeded", "none")
    assert b"could not be read" not in outcome.artifacts[0].body
    asked = {
        Permission(group=GROUPS.get(one.resource, ""), resource=one.resource, verb=one.verb)
        for one in there.cluster.requests
    }
    assert asked <= NEEDED
    assert {one.verb for one in there.cluster.requests} <= {"get", "list"}


async def test_what_is_wrong_is_its_summary_and_the_report_its_output(there: Ground) -> None:
    there.cluster.quota("payments", "team", hard={"pods": "8"})
    there.cluster.deployment("payments", "api", replicas=6, image="shop:2")
    await there.cluster.settled()
    action = _action(there)
    plan = await action.plan(DiagnoseInput.model_validate(API), there.scope)
    assert plan.text == "look into deployment payments/api"
    outcome = await action.execute(plan, Told())
    assert outcome.summary.startswith("the namespace's quota refuses new pods")
    assert "exceeded quota: team" in outcome.output
    report, evidence = outcome.artifacts
    assert (report.name, report.media_type) == ("diagnosis-api.md", "text/markdown")
    assert report.body.startswith(b"# deployment payments/api\n")
    assert (report.is_shown, evidence.is_shown) == (True, False)
    assert json.loads(evidence.body)["evidence"]["subject"]["name"] == "api"


async def test_a_secret_of_the_process_is_in_neither_file(there: Ground) -> None:
    there.cluster.deployment("payments", "api", replicas=3, image="shop:hunter2-hunter2")
    await there.cluster.settled()
    tools = replace(
        there.bench.tools,
        kubernetes=lambda: there.clusters,
        redactor=lambda: Redactor(["hunter2-hunter2"]),
    )
    action = DiagnoseAction(tools)
    plan = await action.plan(DiagnoseInput.model_validate(API), there.scope)
    outcome = await action.execute(plan, Told())
    assert b"shop:" in outcome.artifacts[1].body
    assert all(b"hunter2" not in one.body for one in outcome.artifacts)


async def test_a_service_is_looked_into_where_the_catalog_says_it_is(there: Ground) -> None:
    where = Workload(namespace="payments", kind="deployment", name="api")
    service = Service(name=ServiceName("shop"), workload=where)
    catalog = there.bench.catalog.model_copy(update={"services": {service.name: service}})
    action = _action(there)
    by_run = await action.plan(DiagnoseInput(), replace(there.scope, catalog=catalog, service=service))
    by_name = await action.plan(DiagnoseInput(service="shop"), replace(there.scope, catalog=catalog))
    assert (
        by_run.input == by_name.input == {"cluster": "standin", "namespace": "payments", "deployment": "api"}
    )
    assert by_run.targets[0].environment == "staging"


@pytest.mark.parametrize(
    ("given", "service", "words"),
    [
        ({}, None, "for no service of the catalog"),
        ({"service": "nowhere"}, None, "'nowhere' is no service"),
        ({}, Service(name=ServiceName("bare")), "does not say what bare is in a cluster"),
    ],
)
async def test_what_is_looked_into_must_be_known(
    there: Ground, given: dict[str, str], service: Service | None, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        await _action(there).plan(DiagnoseInput.model_validate(given), replace(there.scope, service=service))


async def test_a_namespace_of_no_environment_is_refused(there: Ground) -> None:
    given = DiagnoseInput(namespace="kube-system", deployment="dns")
    with pytest.raises(NotPermitted, match="belongs to no environment"):
        await _action(there).plan(given, there.scope)


async def test_a_namespace_that_moved_since_is_not_read(there: Ground) -> None:
    action = _action(there)
    plan = await action.plan(DiagnoseInput.model_validate(API), there.scope)
    moved = replace(plan, targets=(replace(plan.targets[0], environment="prod"),))
    with pytest.raises(ActionFailed, match="another environment by now"):
        await action.execute(moved, Told())


@pytest.mark.parametrize(
    "given",
    [
        {"namespace": "shop"},
        {"deployment": "api"},
        {"namespace": "shop", "deployment": "api", "statefulset": "db"},
        {"namespace": "Shop", "deployment": "api"},
        {"namespace": "shop", "deployment": "../pods"},
        {"namespace": "shop", "deployment": "api", "service": "shop"},
        {"cluster": "eu"},
    ],
)
def test_what_names_no_one_workload_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DiagnoseInput.model_validate(given)
