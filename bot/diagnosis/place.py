"""Where a diagnosis looks: a workload of a listed namespace, named by hand or by a service of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from bot.catalog.clusters import cluster_named, environment_of
from bot.catalog.schema import Catalog, Cluster, EnvironmentName, Service
from bot.diagnosis.evidence import Subject
from bot.errors import BadInput, Refused
from bot.runs.plan import Target

KINDS: Mapping[str, str] = MappingProxyType(
    {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "job": "Job"}
)
"""What people write, and what the API calls it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workload, the cluster it is in, and the environment that the catalog gives its namespace."""

    cluster: Cluster
    subject: Subject
    environment: EnvironmentName

    @property
    def target(self) -> Target:
        """What is looked at, as a plan names it: the namespace, as for every step in a cluster."""
        name = f"{self.cluster.name}/{self.subject.namespace}"
        return Target(kind="cluster", name=name, environment=self.environment)

    @classmethod
    def named(cls, catalog: Catalog, *, cluster: str, namespace: str, kind: str, name: str) -> Self:
        """The workload of that kind (as people write it); Refused for what the catalog does not list."""
        found = cluster_named(cluster, catalog)
        environment = environment_of(namespace, found)
        subject = Subject(kind=KINDS[kind], namespace=namespace, name=name)
        return cls(cluster=found, subject=subject, environment=environment)

    @classmethod
    def said(
        cls,
        catalog: Catalog,
        service: Service | None,
        *,
        cluster: str = "",
        namespace: str = "",
        kind: str = "",
        name: str = "",
    ) -> Self:
        """The workload that is named; what is left out is what the catalog gives for the service."""
        where = service.workload if service is not None else None
        if not namespace and service is not None:
            return cls.of_service(service, catalog)
        if not kind and where is not None:
            kind, name = where.kind, where.name
        if not namespace or not kind:
            raise BadInput(
                "it is not clear what to look into",
                hint="name a service that has a workload in catalog.yaml, or a namespace and one of "
                f"{', '.join(KINDS)}",
            )
        return cls.named(
            catalog,
            cluster=cluster or (where.cluster if where is not None else ""),
            namespace=namespace,
            kind=kind,
            name=name,
        )

    @classmethod
    def of_service(cls, service: Service, catalog: Catalog) -> Self:
        """What the service is in a cluster; BadInput where the catalog does not say."""
        where = service.workload
        if where is None:
            raise BadInput(
                f"catalog.yaml does not say what {service.name} is in a cluster",
                hint=f"add `workload: {{ namespace: …, deployment: … }}` to the service {service.name}",
            )
        return cls.named(
            catalog, cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name
        )


def service_of(catalog: Catalog, subject: Subject, *, context: str) -> tuple[str, EnvironmentName]:
    """The service that is this workload in the cluster of this context, and its environment; "" where none is."""
    for service in catalog.services.values():
        try:
            place = Place.of_service(service, catalog)
        except Refused:
            continue
        if place.subject == subject and place.cluster.context == context:
            return service.name, place.environment
    return "", EnvironmentName("")
