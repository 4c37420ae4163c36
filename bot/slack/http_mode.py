"""The way in by HTTP: one address for events, clicks and commands, and nothing unsigned gets past it.

The signature is checked here and not by Bolt, because the SDK's verifier raises for a timestamp that is no number, a
signature that is not ASCII and a body that is not UTF-8, and a stranger must not be able to make us answer 5xx. What
is wrong with a request is its sender's fault: 401 unsigned, 413 too large, 400 not understood. Only "we could not
store it" is ours: 503, and Slack sends it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.engine.clock import Clock
from bot.errors import DeliveryError, JournalError
from bot.slack.manifest import REQUEST_PATH

log = structlog.get_logger()

BODY_LIMIT_BYTES = 1024 * 1024
"""Slack's payloads are far smaller; a message of theirs holds 40,000 characters at most."""

BODY_WITHIN_S = 10.0
"""Nobody who is not Slack yet may keep a connection waiting for longer."""


class _SignatureClock:
    """The moment for the SDK's verifier, which refuses what is older than five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


class HttpMode:
    """Takes Slack's signed requests to a Bolt app."""

    def __init__(self, app: AsyncApp, *, signing_secret: str, clock: Clock) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret, clock=_SignatureClock(clock))  # type: ignore[arg-type]  # the SDK names its own class where any clock would do

    def web_app(self) -> web.Application:
        """The routes, to be served beside the API's."""
        app = web.Application()
        app.router.add_post(REQUEST_PATH, self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request; never raises and never answers 5xx for what a sender did."""
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _body(request)
        except (TimeoutError, ConnectionError, web.PayloadAccessError, web.RequestPayloadError):
            return web.Response(status=400, text="the body did not arrive")
        if body is None:
            return web.Response(status=413, text="the body is too large")
        if not self._is_signed(body, request.headers):
            return web.Response(status=401, text="the signature does not fit, or is older than five minutes")
        try:
            asked = AsyncBoltRequest(
                body=body.decode(), query=request.query_string, headers=dict(request.headers)
            )
            if not _is_sane(asked.body):
                return web.Response(status=400, text="this is not what Slack sends")
            answer = await self._app.async_dispatch(asked)
            return await to_aiohttp_response(answer)
        except Exception as error:  # noqa: BLE001 - the door: a request nobody foresaw must not become a 5xx
            log.warning("slack-request-not-understood", reason=repr(error))
            return web.Response(status=400, text="this is not what Slack sends")

    def _is_signed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        try:
            return self._verifier.is_valid(
                body,
                headers.get("X-Slack-Request-Timestamp"),
                headers.get("X-Slack-Signature"),
            )
        except (ValueError, TypeError, OverflowError):
            # A timestamp that is no number, a signature that is not ASCII, a body that is not UTF-8.
            return False


async def _body(request: web.Request) -> bytes | None:
    """The body, None as soon as it is larger than allowed (a sub-application has no limit of its own)."""
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        return None
    chunks, size = [], 0
    async for chunk in request.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _is_sane(body: object) -> bool:
    """Bolt takes these shapes for granted and breaks where they are not so."""
    if not isinstance(body, dict):
        return False
    is_event = body.get("type") == "event_callback"
    objects = [name for name in OBJECTS if name in body and body[name] is not None]
    return all(isinstance(body[name], dict) for name in objects) and (not is_event or "event" in objects)


OBJECTS = ("event", "container", "view", "message", "authorization")


def status_of(error: Exception) -> int:
    """The status for an error that came out of Bolt: ours to be tried again, or theirs."""
    return 503 if isinstance(error, JournalError | DeliveryError | OSError | TimeoutError) else 400
