"""The parts of an http(s) address with placeholders in it: where one may stand, and which host it names."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bot.catalog.placeholders import Placeholder, Template

_AUTHORITY = re.compile(r"^https?://[^/?#\s\\]+(?=[/?#]|$)", re.IGNORECASE)


def check(template: Template) -> list[str]:
    """Placeholders belong behind the host; scheme, user, host and port are always written out."""
    first = template.segments[0]
    if isinstance(first, Placeholder):
        return [f"{{{{ {first.path} }}}} cannot decide scheme or host; write https://host/ out"]
    has_authority = _AUTHORITY.match(first)
    if has_authority is None:
        return ["the address must start with http:// or https:// and a written-out host"]
    if has_authority.end() == len(first) and len(template.segments) > 1:
        following = template.segments[1]
        name = following.path if isinstance(following, Placeholder) else ""
        return [f"{{{{ {name} }}}} touches the host or port; put a / between them"]
    return []


def is_in_path(template: Template, placeholder: Placeholder) -> bool:
    """Whether it stands before any literal `?` or `#`."""
    for segment in template.segments:
        if segment is placeholder:
            return True
        if isinstance(segment, str) and ("?" in segment or "#" in segment):
            return False
    return False


def host_and_port(url: str) -> tuple[str, int | None] | None:
    """Host (lower case) and port of an address, port None for the scheme's own; None when it has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return None
    return parts.hostname.lower(), port
