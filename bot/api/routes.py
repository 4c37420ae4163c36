"""The API's addresses: what programs post here is checked, persisted, answered, and only then thought about.

    POST /webhooks/pagerduty   signed by PagerDuty          202 accepted, duplicate or ignored
    POST /api/v1/events        bearer token, role operator  202 accepted or duplicate
    GET  /healthz              the process answers          200
    GET  /readyz               it can do its work           200, or 503 with what is missing

Order matters in the webhook: size, then signature over the raw bytes, then reading. Whoever cannot sign learns nothing
and nothing of theirs is parsed. PagerDuty drops a 4xx and disables the subscription after three in a row, so for a
signed body anything but a broken envelope is 202; it repeats after 5xx, so a journal that is away is 503.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.api.auth import OPERATOR, TokenCheck, Unauthenticated
from bot.api.body import raw_body
from bot.api.errors import Handler, answering
from bot.errors import JournalUnavailable
from bot.intake import inbox
from bot.intake.inbox import Self
from bot.intake.pagerduty import SIGNATURE_HEADER, is_signed
from bot.intake.signal import Ignored
from bot.journal.base import InboxItem

SERVER_OPTIONS: Mapping[str, bool] = {"auto_decompress": False}
"""For whoever runs the application, `AppRunner(app, **SERVER_OPTIONS)`: aiohttp would otherwise unfold a compressed
body behind our back, even one that was refused, and break off the answer where it cannot."""

ACCEPT_TIMEOUT_S = 4.0
"""PagerDuty gives up after 5 s."""


class Inbox(Protocol):
    """What the routes need of the journal."""

    async def accept(self, item: InboxItem, /) -> bool:
        """Remember a signal durably; False when its id was seen before."""


async def _ready() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Everything the routes are given."""

    inbox: Inbox
    wake: Callable[[], None]
    """Called after a signal was accepted: somebody may read `unanswered()` now. Must not block or raise."""
    webhook_secrets: Sequence[str] = field(default=(), repr=False)
    """PagerDuty's signing secrets, several while one is rotated; none means no webhook is taken."""
    tokens: TokenCheck | None = None
    """None means no event is taken."""
    us: Self = field(default_factory=Self)
    accept_timeout_s: float = ACCEPT_TIMEOUT_S
    readiness: Callable[[], Awaitable[Mapping[str, str]]] = _ready
    """Part to what is wrong with it; empty when all is well."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_reference: Callable[[], str] = lambda: secrets.token_hex(6)


def create_app(doors: Doors) -> web.Application:
    """An application with the routes, in which also unknown addresses and methods answer in the one shape.

    Others may be mounted beside it (`add_subapp`); what they answer is left alone.
    """
    app = web.Application(middlewares=[_unknown_addresses(doors)])
    app.add_routes(routes(doors))
    return app


def routes(doors: Doors) -> list[web.RouteDef]:
    """The routes, each answering its own errors, to add to any application."""

    def door(handler: Callable[[Doors, web.Request], Awaitable[web.StreamResponse]]) -> Handler:
        async def bound(request: web.Request) -> web.StreamResponse:
            return await handler(doors, request)

        return answering(bound, new_reference=doors.new_reference)

    return [
        web.post("/webhooks/pagerduty", door(_pagerduty)),
        web.post("/api/v1/events", door(_events)),
        web.get("/healthz", door(_healthz)),
        web.get("/readyz", door(_readyz)),
    ]


def _unknown_addresses(doors: Doors) -> Middleware:
    @web.middleware
    async def unknown_addresses(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            return await handler(request)
        return await answering(handler, new_reference=doors.new_reference)(request)

    return unknown_addresses


async def _pagerduty(doors: Doors, request: web.Request) -> web.Response:
    body = await raw_body(request)
    header = ",".join(request.headers.getall(SIGNATURE_HEADER, []))
    if not is_signed(body, header=header, secrets=doors.webhook_secrets):
        raise Unauthenticated(
            "the webhook is not signed with a secret that is known here",
            hint="set PAGERDUTY_WEBHOOK_SECRETS to the secret PagerDuty showed when the subscription was made",
        )
    item = inbox.from_webhook(body, received_at=doors.now(), us=doors.us)
    if isinstance(item, Ignored):
        return _taken("ignored")
    return await _accept(doors, item)


async def _events(doors: Doors, request: web.Request) -> web.Response:
    if doors.tokens is None:
        raise Unauthenticated("no token is accepted here yet", hint="set BOT_JWT_SECRET to take events")
    given = request.headers.getall("Authorization", [])
    caller = doors.tokens.caller(given[0] if len(given) == 1 else "", now=doors.now())
    caller.require(OPERATOR)
    body = await raw_body(request)
    return await _accept(doors, inbox.from_anomaly(body, received_at=doors.now(), actor=caller.actor))


async def _healthz(_doors: Doors, _request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _readyz(doors: Doors, _request: web.Request) -> web.Response:
    missing = dict(await doors.readiness())
    status = "not ready" if missing else "ready"
    return web.json_response({"status": status, "missing": missing}, status=503 if missing else 200)


async def _accept(doors: Doors, item: InboxItem) -> web.Response:
    """Persist, then answer. An accept that outlives its time may still land: the sender's repeat is a duplicate."""
    try:
        async with asyncio.timeout(doors.accept_timeout_s):
            is_new = await doors.inbox.accept(item)
    except TimeoutError as error:
        raise JournalUnavailable("the journal did not accept a signal in time") from error
    if is_new:
        doors.wake()
    return _taken("accepted" if is_new else "duplicate")


def _taken(status: str) -> web.Response:
    return web.json_response({"status": status}, status=202)
