"""A request's body as raw bytes, never more than allowed and never decoded on the way."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.api.errors import TooLarge
from bot.errors import BadInput

BODY_LIMIT_BYTES = 1024 * 1024


async def raw_body(
    request: web.Request, *, limit_bytes: int = BODY_LIMIT_BYTES, timeout_s: float = 10.0
) -> bytes:
    """The body; `TooLarge` as soon as it is known to be, `BadInput` where it is compressed or never ends.

    A signature covers the bytes as sent, and a compressed body may unfold without end: it is refused unread.
    """
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise BadInput("a compressed body is not taken here", hint="send it without Content-Encoding")
    if request.content_length is not None and request.content_length > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.content.iter_chunked(65536):
                body += chunk
                if len(body) > limit_bytes:
                    raise _too_large(limit_bytes)
    except TimeoutError as error:
        raise BadInput("the body did not arrive in time", hint="send it in one go") from error
    except (web.PayloadAccessError, web.RequestPayloadError, ConnectionError) as error:
        raise BadInput("the body could not be read to its end", hint="send it again") from error
    return bytes(body)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit_bytes} bytes", hint="send less")
