"""How the API words an error: one status table and one JSON shape, `{"error": {"code", "message", "hint"}}`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from bot.api.auth import Unauthenticated
from bot.api.pace import TooMany
from bot.engine.starting import KeyReused
from bot.errors import (
    AlreadyDecided,
    BadInput,
    BotError,
    Expired,
    JournalUnavailable,
    NotFound,
    NotPermitted,
    Refused,
    Stale,
    VersionConflict,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 10
HEADERS: Mapping[str, str] = MappingProxyType(
    {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "runbook-bot"}
)
"""What every answer carries: it is nobody's to keep, it is what it says it is, and it names no versions to look up."""

_log = logging.getLogger(__name__)

_WORDS = {
    400: ("bad-input", "the request cannot be read"),
    404: ("not-found", "there is nothing here"),
    405: ("method-not-allowed", "this address takes other methods"),
    413: ("too-large", "the body is too large"),
    417: ("bad-input", "expectations in headers are not supported"),
}
_HINTS = {404: "`GET /api/v1/docs` shows what there is", 405: "`GET /api/v1/docs` shows which"}


class TooLarge(BadInput):
    """The body is larger than this address takes; the API answers 413."""

    code = "too-large"


class UnsupportedMedia(BadInput):
    """The body is of a type this address does not take; the API answers 415."""

    code = "unsupported-media-type"


_STATUS: tuple[tuple[type[BotError], int], ...] = (
    (Unauthenticated, 401),
    (NotPermitted, 403),
    (TooLarge, 413),
    (UnsupportedMedia, 415),
    (TooMany, 429),
    (BadInput, 400),
    (NotFound, 404),
    (AlreadyDecided, 409),
    (KeyReused, 409),
    (Stale, 409),
    (Expired, 410),
    (Refused, 422),
    (JournalUnavailable, 503),
    (VersionConflict, 503),
)
"""The first class that fits decides; a `BotError` in none of them is our own trouble and shows a reference only."""


def error_body(code: str, *, message: str, hint: str = "") -> dict[str, dict[str, str]]:
    """The one shape of every error."""
    return {"error": {"code": code, "message": message, "hint": hint}}


def response_to(error: BotError, *, new_reference: Callable[[], str]) -> web.Response:
    """The answer to an error raised on purpose."""
    status = _status_of(error)
    if status is None:
        return response_to_unknown(error, new_reference=new_reference)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    if status == 503:
        # PagerDuty tries again for 48 hours after a 5xx, so nothing is lost by saying so.
        headers["Retry-After"] = str(RETRY_AFTER_S)
        return _answer(
            error_body(
                error.stable_code, message="the journal cannot take this now", hint="send it again later"
            ),
            status=status,
            headers=headers,
        )
    return _answer(
        error_body(error.stable_code, message=error.message, hint=error.hint), status=status, headers=headers
    )


def response_to_unknown(error: BaseException, *, new_reference: Callable[[], str]) -> web.Response:
    """The answer to an error nobody foresaw: a reference into the log, never its text."""
    reference = new_reference()
    _log.error("request broke, reference %s", reference, exc_info=error)
    return _answer(
        error_body(
            "internal", message=f"something broke here; reference {reference}", hint="look it up in the log"
        ),
        status=500,
    )


def answering(handler: Handler, *, new_reference: Callable[[], str]) -> Handler:
    """The handler with every error turned into its answer."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BotError as error:
            return response_to(error, new_reference=new_reference)
        except web.HTTPException as error:
            code, message = _WORDS.get(error.status, ("http", error.reason.lower()))
            allowed = error.headers.get("Allow")
            return _answer(
                error_body(code, message=message, hint=_HINTS.get(error.status, "")),
                status=error.status,
                headers={"Allow": allowed} if allowed else {},
            )
        except Exception as error:  # noqa: BLE001 - the door: whatever it is, the caller gets a reference
            return response_to_unknown(error, new_reference=new_reference)

    return answered


def _answer(body: object, *, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.json_response(body, status=status, headers={**HEADERS, **headers})


def _status_of(error: BotError) -> int | None:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), None)
