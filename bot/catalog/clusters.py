"""Which cluster is meant, what environment its namespaces belong to, and how Kubernetes lets things be named."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

from pydantic import StringConstraints

from bot.catalog.schema import Catalog, Cluster, EnvironmentName
from bot.errors import BadInput, NotPermitted

# RFC 1123, as the API server checks them: a namespace is one label, most names are a dotted subdomain.
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
Subdomain = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253
    ),
]


def cluster_named(name: str, catalog: Catalog) -> Cluster:
    """The cluster of that name, the only one where "" is given; BadInput names those there are."""
    known = ", ".join(sorted(catalog.clusters)) or "none"
    if not name:
        if len(catalog.clusters) != 1:
            raise BadInput(
                f"it names no cluster, and the catalog has {len(catalog.clusters)}",
                hint=f"known clusters: {known}",
            )
        return next(iter(catalog.clusters.values()))
    if name not in catalog.clusters:
        raise BadInput(f"{name!r} is no cluster of the catalog", hint=f"known clusters: {known}")
    return catalog.clusters[name]


def environment_of(namespace: str, cluster: Cluster) -> EnvironmentName:
    """The one environment a namespace belongs to; NotPermitted for one that is not listed."""
    environment = cluster.namespaces.get(namespace)
    if environment:
        return environment
    near = get_close_matches(namespace, cluster.namespaces, n=1)
    known = ", ".join(sorted(cluster.namespaces)) or "none"
    raise NotPermitted(
        f"namespace {namespace!r} of cluster {cluster.name!r} belongs to no environment",
        hint=f"did you mean {near[0]!r}?" if near else f"catalog.yaml lists: {known}",
    )
