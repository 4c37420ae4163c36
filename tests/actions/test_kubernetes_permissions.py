"""The role that is printed is enough for every verb, and nothing in it is more than the verb really asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.actions.kubernetes.permissions import Permission, needed, rules
from tests.actions.kubernetes_ground import AGENT, API, DB, Ground, ground

GROUPS = {"deployments": "apps", "statefulsets": "apps", "daemonsets": "apps"}
GROUPS |= {"replicasets": "apps", "controllerrevisions": "apps"}
GROUPS |= {"horizontalpodautoscalers": "autoscaling"}

STEPS: list[dict[str, Any]] = [
    {"action": "scale", "replicas": 4, **API},
    {"action": "scale", "replicas": 3, **DB},
    *({"action": "restart", "strategy": "delete", **what} for what in (API, DB, AGENT)),
    *({"action": "restart", "strategy": "rollout", **what} for what in (API, DB, AGENT)),
    *({"action": "rollout-undo", **what} for what in (API, DB, AGENT)),
    {"action": "cordon", "node": "n1"},
    {"action": "drain", "node": "n1"},
]


ONLY_IF = {
    # asked where a deletion is answered by "not found"
    Permission(group="", resource="pods", verb="get"),
    # asked where a deployment has adopted a ReplicaSet of another name
    Permission(group="apps", resource="replicasets", verb="list"),
}


def permissions_of(given: dict[str, Any]) -> frozenset[Permission]:
    kind = next((one for one in ("deployment", "statefulset", "daemonset") if one in given), "")
    return needed(given["action"], workload=kind, strategy=given.get("strategy", ""))


async def live(there: Ground, given: dict[str, Any]) -> None:
    """Everything that may happen to a step: dry run, execution, one that never gets ready, a look, the way back."""
    plan = await there.plan(**given)
    await there.action.dry_run(plan)
    for name in ("api", "db", "agent"):
        there.cluster.never_ready("payments", name)
    slow = await there.execute(plan, timeout_s=0.2)
    assert "cannot be watched" not in slow.summary
    for name in ("api", "db", "agent"):
        there.cluster.gets_ready("payments", name)
    await there.cluster.settled()
    await there.action.probe(plan)
    if plan.undo.kind == "step":
        assert (await there.undo(plan)).verdict == "succeeded"


@pytest.mark.parametrize("given", STEPS, ids=lambda one: " ".join(str(part) for part in one.values()))
async def test_a_role_allows_what_its_step_needs_and_nothing_else(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    allowed = permissions_of(given)
    async with ground(tmp_path, stop_after_s=0.05) as there:
        there.cluster.rights.allow_only(
            [
                {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
                for group, resources, verbs in rules(allowed)
            ]
        )
        await live(there, given)
        refused = [one.line for one in there.cluster.requests if one.code == 403]
        asked = {
            Permission(
                group=GROUPS.get(one.resource.partition("/")[0], ""), resource=one.resource, verb=one.verb
            )
            for one in there.cluster.requests
        }
    assert refused == []
    assert allowed - asked <= ONLY_IF


def test_a_step_whose_kind_only_a_run_knows_may_be_any() -> None:
    kinds = (needed("scale", workload=kind) for kind in ("deployment", "statefulset"))
    assert needed("scale") == frozenset().union(*kinds)
    both = needed("restart", workload="deployment")
    assert needed("restart", workload="deployment", strategy="delete") < both
