"""The keys an issuer publishes (JWKS): fetched over https, kept for a while, and asked for again when a name is new.

Anybody can send a token with a key name nobody has heard of, so a new name makes us ask at most once per `RETRY`,
however many come; while one request is under way the others wait for its answer. When the issuer cannot be reached
the keys of before count on for `KEEP`, so that its trouble does not lock people out at once, and no longer, so that
a key it took back does not count for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
import structlog

from bot.api.keys import PublicKeys, read_keys

log = structlog.get_logger()

FRESH = timedelta(minutes=10)
KEEP = timedelta(hours=1)
RETRY = timedelta(seconds=30)
TIMEOUT_S = 5.0
LIMIT_BYTES = 256 * 1024


@dataclass(kw_only=True)
class PublishedKeys:
    """The keys behind one URL. `url` was checked by the settings: https, or this machine."""

    url: str
    now: Callable[[], datetime]
    _keys: PublicKeys = field(default_factory=PublicKeys)
    _read_at: datetime | None = None
    _asked_at: datetime | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def for_name(self, kid: str) -> PublicKeys:
        """The keys, read again first where they are old or do not hold this name. None of them where none count."""
        if self._is_wanting(kid):
            async with self._asking:
                if self._is_wanting(kid) and self._may_ask():
                    await self._read()
        if self._read_at is None or self.now() - self._read_at > KEEP:
            return PublicKeys()
        return self._keys

    def _is_wanting(self, kid: str) -> bool:
        return self._read_at is None or self.now() - self._read_at > FRESH or not self._keys.knows(kid)

    def _may_ask(self) -> bool:
        return self._asked_at is None or self.now() - self._asked_at >= RETRY

    async def _read(self) -> None:
        self._asked_at = self.now()
        try:
            keys = await _fetch(self.url)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("token-keys-not-read", url=self.url, reason=type(error).__name__)
            return
        self._keys, self._read_at = keys, self._asked_at


async def _fetch(url: str) -> PublicKeys:
    """One request; no redirects, for the URL that was configured is the one that is trusted."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as response,
    ):
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            body += chunk
            if len(body) > LIMIT_BYTES:
                raise ValueError("more than anybody publishes")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("no object")
    keys = read_keys(document)
    if not keys.keys:
        raise ValueError("no usable key")
    return keys
