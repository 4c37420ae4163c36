"""Who may knock: only this machine, only by its own name, and nobody who carries a real workspace's token.

A page on the internet can make a browser send requests to 127.0.0.1, by name rebinding or across sites. So the
Host must be a loopback name, an Origin must be our own, and a browser's own word that a request crosses sites is
believed. A token of the real Slack is refused before anything looks at it: whoever sent it here meant to be
elsewhere, and it must not land in a call log.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

_REAL_TOKEN = re.compile(r"xox[a-z]-\d{6,}-|xox[a-z]-\d+-\d+|xapp-\d-A[A-Z0-9]{6,}-\d|xoxe[.-]")

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def looks_real(token: str) -> bool:
    """It has the shape of a token that the real Slack gives out."""
    return _REAL_TOKEN.search(token) is not None


def is_loopback(host: str) -> bool:
    """An address of this machine alone, or its name."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Tokens:
    """The tokens this sandbox gave out: one of the bot, one of its app. Raises ValueError for real-looking ones."""

    def __init__(self, *, bot: str, app: str) -> None:
        for token in (bot, app):
            if looks_real(token):
                raise ValueError(
                    "the sandbox was given what looks like a real Slack token; make one up, like xoxb-sandbox-1"
                )
        self.bot, self.app = bot, app

    def kind_of(self, token: str) -> str | None:
        """`bot`, `app`, or None for a stranger."""
        for kind, known in (("bot", self.bot), ("app", self.app)):
            if secrets.compare_digest(token.encode(), known.encode()):
                return kind
        return None


def _host_of(request: web.Request) -> str:
    host = request.headers.get("Host", "")
    return host.rpartition(":")[0] if re.search(r":\d+$", host) else host


def refusal(request: web.Request) -> str | None:
    """Why this request is not answered; None when it may come in."""
    if not is_loopback(_host_of(request)):
        return "this host name is not loopback"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers.get('Host')}":
        return "this comes from another site"
    is_visit = request.method == "GET" and request.path == "/"
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not is_visit:
        return "this comes from another site"
    return None


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse with 403 what `refusal` names."""
    why = refusal(request)
    if why is not None:
        return web.json_response({"ok": False, "error": "forbidden", "text": why}, status=403)
    return await handler(request)
