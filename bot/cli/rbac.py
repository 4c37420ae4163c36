"""`runbookctl rbac`: the smallest ClusterRole that the catalog's kubernetes steps and diagnoses need."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.catalog import load_catalog, path_argument
from bot.cli.output import put, tell

if TYPE_CHECKING:
    from bot.actions.kubernetes.permissions import Permission
    from bot.catalog.schema import Catalog, Step


@click.command()
@path_argument
@click.option("--name", default="runbook-bot", show_default=True, help="The role's name.")
@click.option("--cluster", default="", help="Only for the steps that run in this cluster of catalog.yaml.")
def rbac(path: Path, *, name: str, cluster: str) -> None:
    """Print the smallest ClusterRole for the catalog in PATH, as YAML.

    It covers every kubernetes and diagnose step, its way back and its dry run, the reading of each service's workload,
    and nothing else. Bind it to the bot's account with a ClusterRoleBinding where steps act on nodes; otherwise with a
    RoleBinding in each namespace of catalog.yaml. PATH is that of BOT_CATALOG or ./runbooks when left out.
    """
    from bot.actions.kubernetes.permissions import rules

    catalog = load_catalog(path)
    found = list(_permissions(catalog, cluster))
    if not found:
        where = f" in cluster {cluster!r}" if cluster else ""
        tell(
            f"{path}: no kubernetes or diagnose step and no service's workload{where}; the role allows nothing"
        )
    put(_yaml(name, rules(one for _, needed in found for one in needed)), end="")
    for step, _ in found:
        tell(f"covers {step}")


def _permissions(catalog: Catalog, cluster: str) -> Iterator[tuple[str, frozenset[Permission]]]:
    """Each step of the catalog that reaches a cluster, by a name people know it by, with what it needs."""
    from bot.actions.diagnose import NEEDED
    from bot.actions.kubernetes.permissions import needed

    for service in catalog.services.values():
        if service.workload is not None and _may_be_in(service.workload.model_dump(), catalog, cluster):
            yield f"a diagnosis of {service.name}", NEEDED
    for where, step in _steps(catalog):
        if step.type == "diagnose" and _may_be_in(step.input, catalog, cluster):
            yield where, NEEDED
        if step.type == "kubernetes" and _may_be_in(step.input, catalog, cluster):
            given = {key: _known(step.input.get(key)) for key in ("action", "strategy")}
            kinds = [kind for kind in ("deployment", "statefulset", "daemonset") if step.input.get(kind)]
            strategy = given["strategy"] if "strategy" in step.input else "delete"
            verbs = [given["action"]] if given["action"] else list(_VERBS)
            allowed = [
                needed(verb, workload=kinds[0] if len(kinds) == 1 else "", strategy=strategy)
                for verb in verbs
            ]
            yield where, frozenset().union(*allowed)


_VERBS = ("scale", "restart", "rollout-undo", "cordon", "uncordon", "drain")


def _steps(catalog: Catalog) -> Iterator[tuple[str, Step]]:
    for action_id, action in catalog.actions.items():
        yield from _with_way_back(f"action {action_id}", action)
    for runbook in catalog.runbooks.values():
        for step in (*runbook.steps, *runbook.on_reject):
            yield from _with_way_back(f"step {step.name} of {runbook.name}", step)


def _with_way_back(where: str, step: Step) -> Iterator[tuple[str, Step]]:
    yield where, step
    if step.rollback is not None and step.rollback.step is not None:
        yield from _with_way_back(f"rollback of {where}", step.rollback.step)


def _may_be_in(given: Mapping[str, Any], catalog: Catalog, cluster: str) -> bool:
    """Whether a step may run there; one whose cluster only a run knows may run anywhere."""
    named = _known(given.get("cluster"))
    if not cluster or not given.get("cluster"):
        return not cluster or list(catalog.clusters) == [cluster]
    return named in ("", cluster)


def _known(value: Any) -> str:
    """A written-out value; "" for one that is a template."""
    from bot.catalog.placeholders import parse

    text = str(value or "")
    return "" if parse(text).placeholders else text


def _yaml(name: str, rules: list[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> str:
    """The role; every scalar in double quotes, which YAML reads as JSON does."""
    lines = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        "kind: ClusterRole",
        "metadata:",
        f"  name: {json.dumps(name)}",
        "rules:" if rules else "rules: []",
    ]
    for group, resources, verbs in rules:
        lines += [
            f"  - apiGroups: {json.dumps([group])}",
            f"    resources: {json.dumps(list(resources))}",
            f"    verbs: {json.dumps(list(verbs))}",
        ]
    return "\n".join(lines) + "\n"
