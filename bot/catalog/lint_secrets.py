"""Secrets: declared, named only where one can be sent, sent only where they may go, and never written out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from bot.catalog import secret_names, urls
from bot.catalog.checking import closest
from bot.catalog.encoding import SECRET_BEARING, Place
from bot.catalog.parts import InputModels, Part
from bot.catalog.schema import Catalog, Secret
from bot.catalog.source import Document, Lines, Location
from bot.catalog.templating import Site, sites

_TOKEN_SHAPES = re.compile(
    r"AKIA[0-9A-Z]{16}|xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-1-[A-Za-z0-9-]{10,}|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{18,}|sk-[A-Za-z0-9_-]{24,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
    r"|\bAIza[0-9A-Za-z_-]{35}\b|\b[sr]k_live_[0-9A-Za-z]{16,}"
    r"|\bnpm_[0-9A-Za-z]{36}\b|\bpypi-[0-9A-Za-z_-]{40,}|\bdop_v1_[0-9a-f]{64}\b|\bhvs\.[0-9A-Za-z_-]{24,}"
    r"|\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|hooks\.slack\.com/services/T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]{16,}"
)
_IN_ADDRESS = re.compile(r"://[^\s/@:{]+:[^\s/@{$]+@")
_TELLTALES = (
    *(
        "AKIA",
        "xox",
        "xapp-1-",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "sk-",
        "AIza",
    ),
    *("-----BEGIN ", "eyJ", "k_live_", "npm_", "pypi-", "dop_v1_", "hvs.", "SG.", "hooks.slack.com"),
)
"""One of these is in every text that `_TOKEN_SHAPES` finds; looking for them first makes most files cost nothing."""
_ASSIGNED = re.compile(
    r"(?i)(?:password|passwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']?(?![$<{\"'\s]|\.\.\.)([^\s\"'&]{8,})"
)
_BEARER = re.compile(r"(?i)\b(?:bearer|basic|token)\s+(?![${-])([A-Za-z0-9+/=._-]{12,})")
_GIVEN = re.compile(
    r"(?:--(?:password|passwd|token|secret|api-key)[= ]|\s-u\s+[\w.-]+:)(?![${\"'\s-])[^\s\"'$]{8,}"
)
_TELLING_KEY = re.compile(
    r"(?i)^(?:.*[_-])?(?:password|passwd|secret|token|api[_-]?key|authorization|cookie|credentials?|private[_-]?key)$"
)
_PLAIN_HEADERS = frozenset(
    {
        "accept",
        "content-type",
        "etag",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "traceparent",
        "user-agent",
    }
)
"""Headers whose values look like chance and are no secret."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONG = re.compile(r"[A-Za-z0-9+=_.-]{20,}")
_BITS = 3.5
"""Bits a character: words and addresses stay below in most lengths, chance from letters and digits is above 4."""


def lint_names(part: Part, catalog: Catalog, input_models: InputModels, *, knows_inventory: bool) -> None:
    """Note each `$NAME` that is not declared, cannot be sent from here, or would go to a host it is not for."""
    if part.is_reference or part.step.type not in input_models:
        return
    found = list(sites(part.step.input, input_models[part.step.type]))
    address = next((site.text for site in found if site.place is Place.URL), "")
    for site in found:
        if site.is_key or "$" not in site.text:
            continue
        for name in secret_names.names_in(site.text):
            place = part.at(*site.location)
            secret = catalog.secrets.get(name)
            if site.place not in SECRET_BEARING:
                _cannot_be_sent(part, site, secret, name, place)
            elif secret is None:
                if knows_inventory:
                    hint = (
                        closest(name, catalog.secrets) or "add it to secrets: in catalog.yaml, with its hosts"
                    )
                    part.document.report("RB050", f"the secret ${name} is not declared", place, hint=hint)
            elif not _may_go_to(secret, address):
                hosts = ", ".join(secret.hosts) or "no host"
                part.document.report("RB052", f"${name} may be sent to {hosts}, not to this host", place)


def _cannot_be_sent(part: Part, site: Site, secret: Secret | None, name: str, place: Location) -> None:
    """In a command `$NAME` is the shell's own variable, and so nothing to report unless it is one of our secrets."""
    if secret is not None:
        part.document.report(
            "RB051",
            f"${name} is a secret, and secrets are sent only by http steps",
            place,
            hint="let the target read it from its own environment"
            if site.place is Place.SHELL
            else "$$ writes a dollar sign where none is meant",
        )


def _may_go_to(secret: Secret, address: str) -> bool:
    where = urls.host_and_port(address)
    if where is None:
        return True
    host, port = where
    allowed = {name.lower() for name in secret.hosts}
    default = 80 if address.lower().startswith("http:") else 443
    return host in allowed or f"{host}:{port or default}" in allowed


def lint_plain_text(document: Document) -> None:
    """Note texts that look like a key or password somebody wrote out, in values and in comments."""
    found: list[str] = []
    for location, text in _texts(document.data, ()):
        if location[:1] == ("secrets",):
            # Their names tell, their values are only the hosts they may go to.
            continue
        if _looks_secret(text, location):
            found.append(text)
            document.report(
                "RB053",
                "this looks like a secret written out",
                location,
                hint="declare it under secrets: in catalog.yaml and write $NAME here",
            )
    lint_shapes(document, known=found)


def lint_shapes(document: Document, *, known: Sequence[str] = ()) -> None:
    """Note what has the shape of a token anywhere in a file, apart from what was noted already."""
    for match in _shapes(document.text):
        if any(match.group() in text for text in known):
            continue
        document.report_at(
            "RB053",
            "this looks like a secret written out",
            Lines(document.text).mark(match.start()),
            hint="take it out, and change it where it is used: who can read this file has it",
        )


def _looks_secret(text: str, location: Location) -> bool:
    keys = [part for part in location if isinstance(part, str)] or [""]
    key = keys[-2] if keys[-1] == "default" and len(keys) > 1 else keys[-1]  # of a param, its name tells
    if next(_shapes(text), None) or _BEARER.search(text) or _GIVEN.search(text):
        return True
    if "$" not in text and _ASSIGNED.search(text):
        return True
    if len(location) < 2 or re.search(r"[\s${]", text):
        return False
    if _TELLING_KEY.match(key):
        return True
    is_header = location[-2] == "headers" and key.lower() not in _PLAIN_HEADERS
    return is_header and not _UUID.fullmatch(text) and any(map(_is_chance, _LONG.findall(text)))


def _shapes(text: str) -> Iterator[re.Match[str]]:
    yield from _IN_ADDRESS.finditer(text)
    if any(sign in text for sign in _TELLTALES):
        yield from _TOKEN_SHAPES.finditer(text)


def _is_chance(text: str) -> bool:
    """Whether a text has letters and digits as a generator mixes them."""
    counts = Counter(text)
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    changes = sum(1 for one, other in pairwise(text) if one.isdigit() != other.isdigit())
    return bits >= _BITS and changes >= 4


def _texts(data: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(data, str):
        if len(data) >= 8:
            yield location, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*location, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*location, index))
