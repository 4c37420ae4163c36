"""Where a command runs: host names and groups of the catalog made into hosts, and when this machine counts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.actions.base import Target
from bot.catalog.schema import Catalog, Host, Service
from bot.clients.ssh_opening import SshHost
from bot.errors import BadInput, NotPermitted

LOCAL = "local"


def resolve_hosts(names: Sequence[str] | str | None, catalog: Catalog, service: Service | None) -> list[Host]:
    """The hosts meant, groups opened, each once, in order; [] means this machine.

    Without names: the service's host, else the catalog's default, else this machine. `local` as the only name
    is this machine too. BadInput for a name that the catalog does not have.
    """
    if names is None:
        names = (service.host if service else "") or catalog.default_host or LOCAL
    wanted = [names] if isinstance(names, str) else list(names)
    if wanted == [LOCAL] and LOCAL not in catalog.hosts:
        return []
    found: dict[str, Host] = {}
    for name in wanted:
        members = (name,) if name in catalog.hosts else catalog.host_groups.get(name, ())
        for member in members:
            if member in catalog.hosts:
                found[member] = catalog.hosts[member]
        if not members or any(member not in catalog.hosts for member in members):
            known = ", ".join(sorted({*catalog.hosts, *catalog.host_groups})) or "none"
            raise BadInput(f"{name!r} is no host or host group of the catalog", hint=f"known: {known}")
    return list(found.values())


def ssh_host(host: Host) -> SshHost:
    """How to reach it."""
    return SshHost(name=host.name, address=host.address, port=host.port, user=host.user)


def local_target(catalog: Catalog, what: str) -> Target:
    """This machine as a target; NotPermitted where the catalog does not let commands run on it."""
    if not catalog.allow_local_shell:
        raise NotPermitted(
            f"{what} names no host, and the bot's own machine runs no commands",
            hint="name a host, set the service's or the default host, or set allow_local_shell: true in catalog.yaml",
        )
    if not catalog.local_environment:
        raise NotPermitted(
            f"{what} would run on the bot's own machine, which belongs to no environment",
            hint="set local_environment in catalog.yaml",
        )
    return Target(kind="local", name=LOCAL, environment=catalog.local_environment)
