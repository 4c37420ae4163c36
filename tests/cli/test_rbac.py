"""`runbookctl rbac`: a role as small as the catalog's kubernetes steps allow, as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from bot.cli.main import main

GROUND = """
environments: {prod: {approvers: [U0DANA01]}}
clusters:
  eu: {namespaces: {payments: prod}}
  us: {namespaces: {payments: prod}}
"""


def role(root: Path, *arguments: str, **steps: str) -> dict[str, Any]:
    (root / "catalog.yaml").write_text(GROUND, encoding="utf-8")
    for name, step in steps.items():
        (root / f"{name}.yaml").write_text(f"name: {name}\nsteps:\n  - {step}\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["rbac", str(root), *arguments])
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = yaml.safe_load(result.stdout)
    return made


def allowed(made: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in made["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


CORDON = "{type: kubernetes, action: cordon, cluster: eu, node: n1}"
SCALE = "{type: kubernetes, action: scale, cluster: us, namespace: payments, deployment: api, replicas: 5}"


def test_a_cordon_needs_to_read_and_patch_nodes_and_nothing_else(tmp_path: Path) -> None:
    made = role(tmp_path, close=CORDON)
    assert (made["apiVersion"], made["kind"]) == ("rbac.authorization.k8s.io/v1", "ClusterRole")
    assert made["metadata"] == {"name": "runbook-bot"}
    assert allowed(made) == {("", "nodes", "get"), ("", "nodes", "patch")}


def test_a_scale_may_write_the_scale_and_not_the_deployment(tmp_path: Path) -> None:
    found = allowed(role(tmp_path, more=SCALE))
    assert ("apps", "deployments/scale", "patch") in found
    assert ("apps", "deployments", "patch") not in found
    assert not {verb for _, _, verb in found} & {"delete", "create", "update", "*"}


def test_one_cluster_can_be_asked_for_alone(tmp_path: Path) -> None:
    assert {one[1] for one in allowed(role(tmp_path, "--cluster", "eu", close=CORDON, more=SCALE))} == {
        "nodes"
    }


def test_a_restart_deletes_pods_unless_it_rolls_out(tmp_path: Path) -> None:
    restart = "{type: kubernetes, action: restart, cluster: eu, namespace: payments, deployment: api"
    assert ("", "pods", "delete") in allowed(role(tmp_path, again=f"{restart}}}"))
    rolled = allowed(role(tmp_path, again=f"{restart}, strategy: rollout}}"))
    assert ("", "pods", "delete") not in rolled
    assert ("apps", "deployments", "patch") in rolled


def test_a_catalog_without_kubernetes_needs_nothing(tmp_path: Path) -> None:
    made = role(tmp_path, "--name", "bot", talk="{type: slack, message: hi, require_approval: false}")
    assert (made["rules"], made["metadata"]["name"]) == ([], "bot")
