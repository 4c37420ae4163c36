"""Where a step would go, as far as the files tell: its hosts, addresses and clusters made environments."""

from __future__ import annotations

from typing import Any

from bot.catalog import urls
from bot.catalog.placeholders import parse
from bot.catalog.schema import Catalog, Runbook, Step, UrlHost

LOCAL = "local"
"""The name a shell step gives the bot's own machine."""

HTTP_READS = ("GET", "HEAD", "OPTIONS")


def environments_of(step: Step, catalog: Catalog) -> set[str] | None:
    """The environments a step's written-out targets are in; None when they are known only at run time.

    A step without targets (a message) is in none: the empty set. A diagnosis of whatever the run is for changes
    nothing anywhere, so it is in none either.
    """
    match step.type:
        case "shell":
            hosts = hosts_of(step, catalog)
            if hosts is None:
                return None
            if hosts == [LOCAL] and LOCAL not in catalog.hosts:
                return {catalog.local_environment} if catalog.local_environment else set()
            return {catalog.hosts[name].environment for name in hosts if name in catalog.hosts}
        case "http":
            address = step.input.get("url")
            url = url_of(address, catalog) if isinstance(address, str) else None
            return {url.environment} if url else None
        case "kubernetes":
            return _cluster_environments(step, catalog)
        case "diagnose" if step.input.get("namespace"):
            return _cluster_environments(step, catalog)
        case "slack" | "diagnose":
            return set()
        case _:
            return None


def environments_by_service(step: Step, runbook: Runbook, catalog: Catalog) -> set[str]:
    """Where a command that names no host can be: with the services its runbook is for, one of them at a time.

    Empty for any other step, and where a service has no host and the catalog no default.
    """
    if step.type != "shell" or step.input.get("host") or step.input.get("hosts"):
        return set()
    services = [catalog.service_named(name) for name in runbook.trigger.services]
    hosts = [catalog.hosts.get((one.host if one else "") or catalog.default_host) for one in services]
    return {host.environment for host in hosts if host} if all(hosts) else set()


def changes(step: Step) -> bool:
    """Whether a step may change something that it cannot take back by itself (a cluster's state is read first)."""
    match step.type:
        case "shell":
            return step.input.get("read_only") is not True
        case "http":
            return str(step.input.get("method", "GET")).upper() not in HTTP_READS
        case "python":
            return True
        case _:
            return False


def url_of(address: str, catalog: Catalog) -> UrlHost | None:
    """The entry under `urls:` that an address falls under."""
    where = urls.host_and_port(address)
    if where is None:
        return None
    host, port = where
    default = 80 if address.lower().startswith("http:") else 443
    name = f"[{host}]" if ":" in host else host
    exact = catalog.urls.get(f"{name}:{port or default}")
    return exact or (catalog.urls.get(name) if port in (None, default) else None)


def hosts_of(step: Step, catalog: Catalog) -> list[str] | None:
    """The hosts a shell step names, groups opened; None when the service decides or a placeholder does."""
    written = step.input.get("host") or step.input.get("hosts")
    if written is None:
        return None
    names = [written] if isinstance(written, str) else list(written)
    found: list[str] = []
    for name in names:
        settled = _settled(name, step)
        if settled is None:
            return None
        found.extend(catalog.host_groups.get(settled, (settled,)))
    return found


def _settled(text: Any, step: Step) -> str | None:
    """The text itself, or what a lone `{{ params.x }}` of an action is given; None when only a run knows."""
    template = parse(str(text))
    if not template.placeholders:
        return str(text)
    if template.lone is None or not step.action or not template.lone.path.startswith("params."):
        return None
    name = template.lone.path.removeprefix("params.")
    defaults = {param.name: param.default for param in step.params}
    given = step.arguments.get(name, defaults.get(name) if step.arguments else None)
    return str(given) if given is not None and not parse(str(given)).placeholders else None


def _cluster_environments(step: Step, catalog: Catalog) -> set[str] | None:
    given = step.input.get("cluster") or (
        next(iter(catalog.clusters)) if len(catalog.clusters) == 1 else None
    )
    cluster = catalog.clusters.get(_settled(given, step) or "") if given else None
    if cluster is None:
        return None
    namespace = step.input.get("namespace")
    if namespace is None:
        return set(cluster.namespaces.values())
    settled = _settled(namespace, step)
    return {cluster.namespaces[settled]} if settled and settled in cluster.namespaces else None
