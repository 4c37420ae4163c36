"""Addresses of http steps held against the catalog: which hosts are listed, and which secrets may go there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.actions.base import Target
from bot.catalog.schema import Catalog, UrlHost
from bot.errors import BadInput, NotPermitted

_DEFAULT_PORTS = {"https": 443, "http": 80}

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a URL points: always with its port."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """`api.acme.example:443`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """Scheme, host and port of an absolute http(s) address; BadInput for anything that could be read two ways."""
    authority = url.split("://", 1)[-1].split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise BadInput(f"{url!r} is not an address ({error})") from error
    if scheme not in _DEFAULT_PORTS:
        raise BadInput(f"{url!r} does not start with https://")
    if "@" in authority:
        raise BadInput(
            "a user or password in an address is refused", hint="send it as a header, by a secret's name"
        )
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise BadInput(f"{url!r} holds a space, a control character or a backslash", hint="percent-encode it")
    if not _HOST.fullmatch(host) or ".." in host:
        raise BadInput(f"{url!r} has no plain host name", hint="write an international name in its xn-- form")
    return Place(scheme=scheme, host=host, port=port if port is not None else _DEFAULT_PORTS[scheme])


def listed(place: Place, catalog: Catalog) -> UrlHost:
    """The catalog's entry for a place; NotPermitted where there is none, or none for this scheme.

    An entry without a port stands for the default port of https (and of http where it allows that).
    """
    entry = next((one for key, one in catalog.urls.items() if _is_for(key, one, place)), None)
    if entry is None:
        known = ", ".join(sorted(catalog.urls)) or "none"
        raise NotPermitted(f"{place.name} is not listed under urls in catalog.yaml", hint=f"listed: {known}")
    if place.scheme != "https" and not entry.allow_plain_http:
        raise NotPermitted(
            f"{place.name} may only be reached by https",
            hint="use https, or set allow_plain_http: true on that host",
        )
    return entry


def _is_for(key: str, entry: UrlHost, place: Place) -> bool:
    host, _, port = key.rpartition(":") if re.fullmatch(r"[^:]+:\d+|\[.+\]:\d+", key) else (key, "", "")
    wanted = entry.port if entry.port is not None else int(port) if port else _DEFAULT_PORTS[place.scheme]
    return host.strip("[]").lower() == place.host and wanted == place.port


def url_target(place: Place, entry: UrlHost) -> Target:
    """The place as a target of a plan."""
    return Target(kind="url", name=place.name, environment=entry.environment)


def check_secret(name: str, place: Place, catalog: Catalog) -> None:
    """NotPermitted unless the secret is declared and may be sent to this place."""
    secret = catalog.secrets.get(name)
    if secret is None:
        raise NotPermitted(f"${name} is not declared under secrets in catalog.yaml")
    if not {place.host, place.name} & {host.lower() for host in secret.hosts}:
        hosts = ", ".join(secret.hosts) or "no host"
        raise NotPermitted(f"${name} may not be sent to {place.name}", hint=f"it may go to: {hosts}")
