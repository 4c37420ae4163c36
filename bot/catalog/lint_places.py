"""Targets: does each one exist, and is it written as the catalog can tell its environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from bot.catalog import urls
from bot.catalog.lint_inventory import environment, unknown
from bot.catalog.parts import Action, Book, Part
from bot.catalog.placeholders import parse
from bot.catalog.places import LOCAL, url_of
from bot.catalog.schema import Catalog, Cluster
from bot.catalog.source import Location


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note environments and targets that do not exist."""
    scopes = owner.head.safety.scopes or ()
    for index, name in enumerate(scopes):
        environment(catalog, owner.document, name, ("safety", "scopes", index))
    for part in owner.parts:
        if not part.is_sound:
            continue
        if isinstance(owner, Book):
            for index, name in enumerate(part.step.rules.scopes or ()):
                environment(catalog, part.document, name, part.at("safety", "scopes", index))
        if not part.is_reference:
            _targets(part, catalog)


def _targets(part: Part, catalog: Catalog) -> None:
    match part.step.type:
        case "shell":
            _shell(part, catalog)
        case "http":
            _http(part, catalog)
        case "kubernetes":
            _kubernetes(part, catalog)
        case "python":
            _python(part, catalog)
        case "diagnose" if part.step.input.get("namespace"):
            _kubernetes(part, catalog)
        case "diagnose":
            service = part.step.input.get("service")
            if service and not parse(service).placeholders and catalog.service_named(service) is None:
                unknown(
                    part.document, "RB027", "service", service, part.at("service"), list(catalog.services)
                )


def _shell(part: Part, catalog: Catalog) -> None:
    for name, place in _host_names(part):
        if parse(name).placeholders:
            continue
        if name == LOCAL and LOCAL not in catalog.hosts:
            if not catalog.allow_local_shell:
                part.document.report(
                    "RB044",
                    "this would run on the bot's own machine, which is not allowed",
                    place,
                    hint="name a host, or set allow_local_shell: true in catalog.yaml",
                )
        elif name not in catalog.hosts and name not in catalog.host_groups:
            unknown(
                part.document,
                "RB024",
                "host",
                name,
                place,
                [*catalog.hosts, *catalog.host_groups],
                listed="hosts",
            )
    names_host = any(part.step.input.get(key) for key in ("host", "hosts"))
    has_service_host = any(service.host for service in catalog.services.values())
    if not names_host and not has_service_host and not catalog.default_host and not catalog.allow_local_shell:
        part.document.report(
            "RB044",
            "nothing says where this command runs, and the bot's own machine is not allowed",
            part.at("command"),
            hint="name a host:, or set default_host or the service's host in catalog.yaml",
        )


def _host_names(part: Part) -> Iterator[tuple[str, Location]]:
    for key in ("host", "hosts"):
        written = part.step.input.get(key)
        if key in part.inherited or written is None:
            continue
        if isinstance(written, str):
            yield written, part.at(key)
        elif isinstance(written, list):
            yield from (
                (name, part.at(key, index)) for index, name in enumerate(written) if isinstance(name, str)
            )


def _http(part: Part, catalog: Catalog) -> None:
    address = part.step.input.get("url")
    if not isinstance(address, str) or urls.check(parse(address)):
        if isinstance(address, str) and not parse(address).placeholders:
            part.document.report("RB012", f"{address!r} is no http or https address", part.at("url"))
        return
    url = url_of(address, catalog)
    host, port = urls.host_and_port(address) or ("", None)
    if url is None:
        shown = f"{host}:{port}" if port else host
        unknown(part.document, "RB026", "URL host", shown, part.at("url"), list(catalog.urls), listed="urls")
    elif address.lower().startswith("http:") and not url.allow_plain_http:
        part.document.report(
            "RB026",
            f"{host!r} is to be reached by https",
            part.at("url"),
            hint="allow_plain_http: true at its entry under urls: would allow http",
        )


def _kubernetes(part: Part, catalog: Catalog) -> None:
    given = part.step.input.get("cluster")
    if given and not parse(given).placeholders and given not in catalog.clusters:
        if "cluster" not in part.inherited:
            unknown(part.document, "RB025", "cluster", given, part.at("cluster"), list(catalog.clusters))
        return
    if not given and len(catalog.clusters) != 1:
        part.document.report(
            "RB025",
            f"there are {len(catalog.clusters)} clusters in catalog.yaml, so this step must name one",
            part.location,
            hint=f"cluster: {' | '.join(catalog.clusters)}"
            if catalog.clusters
            else "list one under clusters:",
        )
        return
    namespace = part.step.input.get("namespace")
    cluster = catalog.clusters.get(given or next(iter(catalog.clusters)))
    if cluster is not None and "node" in part.step.input and "node" not in part.inherited:
        _node(part, cluster)
    if (
        cluster is None
        or not isinstance(namespace, str)
        or parse(namespace).placeholders
        or "namespace" in part.inherited
    ):
        return
    if namespace not in cluster.namespaces:
        kind = f"namespace of cluster {cluster.name!r} called"
        unknown(part.document, "RB025", kind, str(namespace), part.at("namespace"), list(cluster.namespaces))


def _node(part: Part, cluster: Cluster) -> None:
    """Pods of all namespaces live on a node, so it is in an environment only where they all are."""
    environments = sorted(set(cluster.namespaces.values()))
    if len(environments) != 1:
        part.document.report(
            "RB065",
            f"a node of {cluster.name!r} is in no single environment"
            f" (its namespaces: {', '.join(environments) or 'none'}), so this is always refused",
            part.at("node"),
            hint="act on nodes only of clusters whose namespaces are all in one environment",
        )


def _python(part: Part, catalog: Catalog) -> None:
    place = part.at("function")
    if not catalog.python_actions:
        part.document.report(
            "RB045",
            "Python actions are off",
            place,
            hint="set python_actions: true in catalog.yaml to allow them",
        )
        return
    module, _, name = str(part.step.input.get("function", "")).partition(".")
    file = Path(catalog.root) / "actions" / f"{module}.py"
    try:
        tree = ast.parse(file.read_bytes())
    except OSError:
        part.document.report("RB045", f"there is no actions/{module}.py", place)
        return
    except (SyntaxError, ValueError, RecursionError) as error:
        part.document.report("RB045", f"actions/{module}.py cannot be read: {error}", place)
        return
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if name not in functions:
        hint = f"it has {', '.join(functions)}" if functions else ""
        part.document.report("RB045", f"actions/{module}.py has no function {name!r}", place, hint=hint)
