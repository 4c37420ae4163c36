"""Where a kubernetes step acts: its cluster, its one target and that target's environment, from the catalog."""

from __future__ import annotations

from dataclasses import dataclass

from bot.actions.base import Target
from bot.actions.kubernetes.input import KubernetesInput, kubectl
from bot.catalog.clusters import cluster_named, environment_of
from bot.catalog.schema import Catalog, Cluster
from bot.errors import NotPermitted


@dataclass(frozen=True, kw_only=True)
class Site:
    """A step's input with its cluster settled, and what it touches."""

    given: KubernetesInput
    cluster: Cluster
    target: Target

    @property
    def thing(self) -> str:
        """`deployment payments/payment-api` or `node n1`."""
        kind = self.given.workload
        if not kind:
            return f"node {self.given.node}"
        return f"{kind} {self.given.namespace}/{self.name}"

    @property
    def name(self) -> str:
        """The workload's or the node's own name."""
        return str(getattr(self.given, self.given.workload or "node"))

    def line(self, *, selector: str = "") -> str:
        """What a person would type."""
        return kubectl(self.given, context=self.cluster.context or self.cluster.name, selector=selector)

    def of(self, **changes: object) -> Site:
        """The same place for another input: the undo of a step, or a step with more settled."""
        given = {**self.given.model_dump(exclude_none=True), **changes}
        known = {name: value for name, value in given.items() if value is not None}
        return Site(given=KubernetesInput.model_validate(known), cluster=self.cluster, target=self.target)


def locate(given: KubernetesInput, catalog: Catalog) -> Site:
    """The site of a step; BadInput for what the catalog does not have, NotPermitted for what has no environment.

    A workload's target is its namespace: what quota, budgets and neighbours share is locked together. A node's
    target is the node; pods of all namespaces live there, so its environment is the one that all namespaces of the
    cluster agree on, and a cluster of several environments has no nodes to act on.
    """
    cluster = cluster_named(given.cluster, catalog)
    if given.namespace is not None:
        environment = environment_of(given.namespace, cluster)
        name = f"{cluster.name}/{given.namespace}"
    else:
        environments = sorted(set(cluster.namespaces.values()))
        if len(environments) != 1:
            raise NotPermitted(
                f"a node of cluster {cluster.name!r} belongs to no single environment:"
                f" its namespaces are in {', '.join(environments) or 'none'}",
                hint="nodes can be acted on only where all namespaces of the cluster are in one environment",
            )
        name, environment = f"{cluster.name}/nodes/{given.node}", environments[0]
    target = Target(kind="cluster", name=name, environment=environment)
    return Site(given=given.model_copy(update={"cluster": cluster.name}), cluster=cluster, target=target)
