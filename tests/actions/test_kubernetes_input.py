"""What a kubernetes step may say, held against the rules of the API server before anything is proposed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bot.actions.kubernetes import KubernetesInput, kubectl

_WORKLOAD = {"namespace": "payments", "deployment": "payment-api"}


@pytest.mark.parametrize(
    "given",
    [
        {"action": "scale", "replicas": 0, **_WORKLOAD},
        {"action": "scale", "replicas": 5, "namespace": "payments", "statefulset": "db"},
        {"action": "restart", **_WORKLOAD},
        {"action": "restart", "strategy": "rollout", "namespace": "x", "daemonset": "agent.v2"},
        {"action": "rollout-undo", "to_revision": 3, **_WORKLOAD},
        {"action": "cordon", "node": "ip-10-0-0-1.eu.compute.internal"},
        {"action": "drain", "node": "node-1", "delete_emptydir_data": True, "force": False},
    ],
)
def test_what_makes_sense_is_accepted(given: dict[str, Any]) -> None:
    assert KubernetesInput.model_validate(given).action == given["action"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"action": "scale", **_WORKLOAD}, "needs replicas"),
        ({"action": "scale", "replicas": -1, **_WORKLOAD}, "greater than or equal to 0"),
        ({"action": "scale", "replicas": 1, "deployment": "a"}, "needs a namespace"),
        ({"action": "scale", "replicas": 1, "namespace": "a", "daemonset": "b"}, "exactly one of deployment"),
        ({"action": "restart", "namespace": "a", "deployment": "b", "statefulset": "c"}, "exactly one of"),
        ({"action": "restart", "replicas": 3, **_WORKLOAD}, "replicas means nothing for restart"),
        ({"action": "drain", **_WORKLOAD}, "needs a node"),
        ({"action": "cordon", "node": "n", "namespace": "a"}, "leave namespace and workload out"),
        ({"action": "restart", "namespace": "Payments", "deployment": "a"}, "pattern"),
        ({"action": "restart", "namespace": "a.b", "deployment": "a"}, "pattern"),
        ({"action": "restart", "namespace": "a", "deployment": "--all"}, "pattern"),
        ({"action": "restart", "namespace": "a", "deployment": "a\n"}, "pattern"),
        ({"action": "restart", "namespace": "a" * 64, "deployment": "a"}, "63"),
        ({"action": "rollout-undo", "to_revision": 0, **_WORKLOAD}, "greater than or equal to 1"),
        (
            {"action": "restart", "strategy": "rollout", "grace_period_seconds": 5, **_WORKLOAD},
            "nothing for a rollout",
        ),
        ({"action": "delete", **_WORKLOAD}, "Input should be"),
        ({"action": "restart", "kubeconfig": "/x", **_WORKLOAD}, "Extra inputs"),
    ],
)
def test_what_does_not_is_refused_with_a_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        KubernetesInput.model_validate(given)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"action": "scale", "replicas": 5, **_WORKLOAD},
            "kubectl --context prod-eu -n payments scale deployment/payment-api --replicas=5",
        ),
        (
            {"action": "rollout-undo", "to_revision": 3, **_WORKLOAD},
            "kubectl --context prod-eu -n payments rollout undo deployment/payment-api --to-revision=3",
        ),
        (
            {"action": "restart", "strategy": "rollout", **_WORKLOAD},
            "kubectl --context prod-eu -n payments rollout restart deployment/payment-api",
        ),
        (
            {"action": "restart", "grace_period_seconds": 5, **_WORKLOAD},
            "kubectl --context prod-eu -n payments delete pods --selector=app=api --grace-period=5",
        ),
        ({"action": "uncordon", "node": "n1"}, "kubectl --context prod-eu uncordon n1"),
        (
            {"action": "drain", "node": "n1", "force": True, "delete_emptydir_data": True},
            "kubectl --context prod-eu drain n1 --ignore-daemonsets --delete-emptydir-data --force",
        ),
    ],
)
def test_the_line_that_does_the_same_is_right(given: dict[str, Any], line: str) -> None:
    made = kubectl(KubernetesInput.model_validate(given), context="prod-eu", selector="app=api")
    assert made == line
