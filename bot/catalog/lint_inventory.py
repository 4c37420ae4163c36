"""`catalog.yaml` by itself: does every name in it exist, and does each target belong to one environment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.catalog.checking import closest
from bot.catalog.clusters import cluster_named
from bot.catalog.schema import Catalog, Environment, Service
from bot.catalog.source import Document, Location
from bot.catalog.templating import Place, check_template, references
from bot.errors import BadInput

_USER = re.compile(r"[UW][A-Z0-9]{5,}")
_USER_GROUP = re.compile(r"S[A-Z0-9]{5,}")
_EMAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,.]+")
ON_CALL = "pagerduty:oncall"
_URL_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?")


def lint(catalog: Catalog, document: Document) -> None:
    """Note what in `catalog.yaml` does not fit together."""
    _environments(catalog, document)
    _hosts(catalog, document)
    _clusters(catalog, document)
    _urls(catalog, document)
    _services(catalog, document)
    _groups(catalog, document)
    _metrics(catalog, document)
    _secrets(catalog, document)
    if catalog.default_host and catalog.default_host not in catalog.hosts:
        unknown(document, "RB024", "host", catalog.default_host, ("default_host",), list(catalog.hosts))


def unknown(
    document: Document,
    code: str,
    kind: str,
    name: str,
    place: Location,
    known: Sequence[str],
    *,
    listed: str = "",
) -> None:
    """Note that `name` is no such thing, with the nearest or all that are."""
    hint = closest(name, known)
    if not hint:
        hint = (
            f"known: {', '.join(sorted(known)[:20])}"
            if known
            else f"none is listed in catalog.yaml{f' under {listed}:' if listed else ''}"
        )
    document.report(code, f"there is no {kind} {name!r} in catalog.yaml", place, hint=hint)


def environment(catalog: Catalog, document: Document, name: str, place: Location) -> None:
    """Note an environment that does not exist."""
    if name not in catalog.environments:
        unknown(
            document, "RB023", "environment", name, place, list(catalog.environments), listed="environments"
        )


def approvers(catalog: Catalog, document: Document, entries: Sequence[str], place: Location) -> None:
    """Note each entry that names nobody: not an id, an email, a user group, a group of the catalog or on call."""
    for index, entry in enumerate(entries):
        if not is_person(entry) and entry.removeprefix("@") not in catalog.groups and entry != ON_CALL:
            _unknown_person(document, entry, (*place, index), catalog, groups=True)


def is_person(entry: str) -> bool:
    """Whether an entry is a Slack user id, a Slack user group id or an email by its looks."""
    return any(pattern.fullmatch(entry) for pattern in (_USER, _USER_GROUP, _EMAIL))


def is_countable(entry: str) -> bool:
    """Whether an entry stands for exactly one person."""
    return bool(_USER.fullmatch(entry) or _EMAIL.fullmatch(entry))


def _unknown_person(
    document: Document, entry: str, place: Location, catalog: Catalog, *, groups: bool
) -> None:
    kinds = "a Slack user id (U…), an email or a Slack user group id (S…)"
    hint = (closest(entry, catalog.groups) if groups else "") or (
        f"give {kinds}, {ON_CALL} or a name under groups:" if groups else f"give {kinds}"
    )
    document.report("RB028", f"{entry!r} names nobody who could approve", place, hint=hint)


def _member_place(document: Document, name: str, index: int) -> Location:
    long: Location = ("groups", name, "members", index)
    return long if long in document.values else ("groups", name, index)


def _groups(catalog: Catalog, document: Document) -> None:
    for name, group in catalog.groups.items():
        for index, member in enumerate(group.members):
            if not is_person(member) and member != ON_CALL:
                _unknown_person(document, member, _member_place(document, name, index), catalog, groups=False)


def _metrics(catalog: Catalog, document: Document) -> None:
    for metric in catalog.metrics.values():
        place: Location = ("metrics", metric.name, "query")
        for problem in check_template(metric.query, Place.PROMQL):
            document.report("RB034", problem, place)
        for path in references(metric.query):
            if path != "service":
                document.report(
                    "RB035", f"a metric knows only {{{{ service }}}}, not {{{{ {path} }}}}", place
                )


def _secrets(catalog: Catalog, document: Document) -> None:
    known = {*catalog.urls, *(url.name for url in catalog.urls.values())}
    for secret in catalog.secrets.values():
        for index, host in enumerate(secret.hosts):
            if host.lower() not in known:
                place: Location = ("secrets", secret.name, "hosts", index)
                unknown(document, "RB026", "URL host", host, place, list(catalog.urls))


def _environments(catalog: Catalog, document: Document) -> None:
    if not catalog.environments:
        document.report("RB011", "there is no environment, so nothing may run anywhere", ("environments",))
    known: Environment
    for known in catalog.environments.values():
        approvers(catalog, document, known.approvers, ("environments", known.name, "approvers"))
    if catalog.local_environment:
        environment(catalog, document, catalog.local_environment, ("local_environment",))
    if catalog.allow_local_shell and not catalog.local_environment:
        document.report(
            "RB013",
            "allow_local_shell needs local_environment: which environment does the bot's own machine belong to?",
            ("allow_local_shell",),
            of_key=True,
        )


def _hosts(catalog: Catalog, document: Document) -> None:
    owners: dict[tuple[str, int], tuple[str, str]] = {}
    for host in catalog.hosts.values():
        place: Location = ("hosts", host.name)
        environment(catalog, document, host.environment, (*place, "environment"))
        reached_as = (host.address or host.name, host.port or 22)
        other, its_environment = owners.setdefault(reached_as, (host.name, host.environment))
        if its_environment != host.environment:
            document.report(
                "RB030",
                f"{host.name!r} is the same machine as {other!r}, which belongs to {its_environment}",
                place,
                hint="a target belongs to exactly one environment",
            )
    for name, members in catalog.host_groups.items():
        for index, member in enumerate(members):
            if member not in catalog.hosts:
                unknown(document, "RB024", "host", member, ("host_groups", name, index), list(catalog.hosts))


def _clusters(catalog: Catalog, document: Document) -> None:
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for cluster in catalog.clusters.values():
        for namespace, name in cluster.namespaces.items():
            place: Location = ("clusters", cluster.name, "namespaces", namespace)
            environment(catalog, document, name, place)
            other, its_environment = owners.setdefault(
                (cluster.context or cluster.name, namespace), (cluster.name, name)
            )
            if its_environment != name:
                document.report(
                    "RB030",
                    f"namespace {namespace!r} is also in cluster {other!r}, where it belongs to {its_environment}",
                    place,
                    hint="a target belongs to exactly one environment",
                )


def _urls(catalog: Catalog, document: Document) -> None:
    written = {name.lower(): name for name in (document.data.get("urls") or {})}
    for key, url in catalog.urls.items():
        place: Location = ("urls", written.get(key, key))
        environment(catalog, document, url.environment, (*place, "environment"))
        if not _URL_NAME.fullmatch(key) or (url.port is not None and not 1 <= url.port <= 65535):
            document.report(
                "RB012",
                f"{key!r} is no host or host:port",
                place,
                hint="without https:// and without a path",
                of_key=True,
            )
        general = catalog.urls.get(url.name)
        if url.port in (80, 443) and general is not None and general.environment != url.environment:
            document.report(
                "RB030",
                f"{key!r} is also reached as {url.name!r}, which belongs to {general.environment}",
                place,
                hint="a target belongs to exactly one environment",
                of_key=True,
            )


def _services(catalog: Catalog, document: Document) -> None:
    owners = {name: name for name in catalog.services}
    for service in catalog.services.values():
        place: Location = ("services", service.name)
        if service.host and service.host not in catalog.hosts and service.host not in catalog.host_groups:
            unknown(
                document, "RB024", "host", service.host, (*place, "host"), list(catalog.hosts), listed="hosts"
            )
        if service.environment:
            environment(catalog, document, service.environment, (*place, "environment"))
        host = catalog.hosts.get(service.host)
        if host is not None and service.environment and host.environment != service.environment:
            document.report(
                "RB030",
                f"{service.name!r} is said to be in {service.environment}, but its host is in {host.environment}",
                (*place, "environment"),
            )
        _workload(catalog, document, service)
        approvers(catalog, document, service.approvers, (*place, "approvers"))
        approvers(catalog, document, service.starters, (*place, "starters"))
        for alias in service.aliases:
            owner = owners.setdefault(alias, service.name)
            if owner != service.name:
                document.report(
                    "RB020", f"{alias!r} already stands for service {owner!r}", (*place, "aliases")
                )


def _workload(catalog: Catalog, document: Document, service: Service) -> None:
    """Its cluster and namespace are listed; in which environment it is itself may be another (an alert's, say)."""
    if service.workload is None:
        if service.diagnose == "auto":
            document.report(
                "RB013",
                f"diagnose: auto looks into a workload, and none is named for {service.name!r}",
                ("services", service.name, "diagnose"),
                hint="add workload: {namespace: …, deployment: …}",
            )
        return
    place: Location = ("services", service.name, "workload")
    try:
        cluster = cluster_named(service.workload.cluster, catalog)
    except BadInput as problem:
        document.report("RB025", problem.message, (*place, "cluster"), hint=problem.hint)
        return
    if service.workload.namespace not in cluster.namespaces:
        kind = f"namespace of cluster {cluster.name!r} called"
        names = list(cluster.namespaces)
        unknown(document, "RB025", kind, service.workload.namespace, (*place, "namespace"), names)
