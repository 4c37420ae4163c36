"""Prometheus' HTTP API, read side: what a query answers at one moment or over a stretch of time. Has no write verb.

Only finite numbers come out. Prometheus answers NaN where a ratio has nothing to divide by and infinities where it
divides by nothing; both mean "no number here", so they are left out and counted (`dropped`), never taken as zero.
"No data" is an answer (no series, or one without points) and told apart from not having been answered at all, which
raises.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from bot.clients.series import SERIES_LIMIT, Answer, Series
from bot.errors import BadInput, BotError
from bot.settings.values import is_loopback

POINTS_LIMIT = 2000
"""Points of one range; Prometheus itself refuses more than 11,000."""

_RESPONSE_LIMIT_BYTES = 4 * 1024 * 1024
_QUERY_LIMIT = 4000
_REASON_LIMIT = 200
_PAUSE_S = 0.3


class PrometheusReader:
    """Reads Prometheus. Close it, or use it as `async with`.

    Every method raises `BotError`: with the code `prometheus-refused` (the token is wrong or lacks a right),
    `prometheus-query` (it was asked something it cannot answer; its own words are in the message) or
    `prometheus-unavailable` (not reached in time, an answer that cannot be read). What may pass by itself is tried
    again until the deadline. The token is in no message and no repr.
    """

    def __init__(self, base_url: str, *, token: str = "", deadline_s: float = 10.0) -> None:
        self._base = base_url_of(base_url, has_token=bool(token))
        self._token = token
        self._deadline_s = deadline_s
        self._session: aiohttp.ClientSession | None = None

    async def now(self, query: str, *, at: datetime | None = None, deadline_s: float | None = None) -> Answer:
        """What the query answers at one moment (Prometheus' own now, where none is given)."""
        asked = {"query": _checked(query)}
        if at is not None:
            asked["time"] = _seconds(at)
        return await self._ask("query", asked, deadline_s)

    async def over(
        self, query: str, *, start: datetime, end: datetime, step_s: float, deadline_s: float | None = None
    ) -> Answer:
        """What it answers from `start` to `end`, both included, one point every `step_s`."""
        if end < start or step_s <= 0:
            raise BadInput("a stretch of time ends after it begins and its points are some time apart")
        if (end - start).total_seconds() / step_s > POINTS_LIMIT:
            raise BadInput(f"that would be more than {POINTS_LIMIT} points; take a longer step")
        asked = {
            "query": _checked(query),
            "start": _seconds(start),
            "end": _seconds(end),
            "step": f"{step_s:.3f}",
        }
        return await self._ask("query_range", asked, deadline_s)

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, path: str, asked: Mapping[str, str], deadline_s: float | None) -> Answer:
        deadline = monotonic() + (self._deadline_s if deadline_s is None else deadline_s)
        while True:
            left_s = max(deadline - monotonic(), 0.05)
            try:
                async with asyncio.timeout(left_s):
                    # Prometheus gives up when we do, instead of working on for nobody.
                    status, body = await self._fetch(path, {**asked, "timeout": f"{left_s:.3f}"})
                if status < 500:
                    return _answer(status, body)
                trouble = _unavailable(f"Prometheus answered {status}{_said(body)}")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                trouble = _unavailable(f"Prometheus was not reached ({type(error).__name__})")
                trouble.__cause__ = error
            if monotonic() + _PAUSE_S >= deadline:
                raise trouble
            await asyncio.sleep(_PAUSE_S)

    async def _fetch(self, path: str, asked: Mapping[str, str]) -> tuple[int, bytes]:
        url = self._base / "api" / "v1" / path
        # Redirects are not followed: the token must reach nobody else.
        async with self._open_session().get(url, params=asked, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                body += chunk
                if len(body) > _RESPONSE_LIMIT_BYTES:
                    raise _query_trouble("its answer is too large", hint="aggregate it to one series")
            return response.status, bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Accept": "application/json"}
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            self._session = aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def base_url_of(text: str, *, has_token: bool = False) -> URL:
    """The base URL, checked: a host and a path; a token travels only over TLS or inside this machine."""
    try:
        url = URL(text)
    except ValueError as error:
        raise BadInput("the Prometheus URL is not a URL", hint="set BOT_PROMETHEUS_URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise BadInput("the Prometheus URL begins with http:// or https://", hint="set BOT_PROMETHEUS_URL")
    if url.user or url.password or url.query_string or url.fragment:
        raise BadInput(
            "the Prometheus URL holds more than a host and a path",
            hint="give a token as BOT_PROMETHEUS_TOKEN",
        )
    if has_token and url.scheme == "http" and not is_loopback(url.host):
        raise BadInput(
            f"the Prometheus URL {url.host!r} would carry the token in the clear", hint="use https://"
        )
    return url


def _checked(query: str) -> str:
    if not query.strip() or len(query) > _QUERY_LIMIT:
        raise BadInput(f"a query has 1 to {_QUERY_LIMIT} characters")
    return query


def _seconds(at: datetime) -> str:
    return f"{at.timestamp():.3f}"


def _answer(status: int, body: bytes) -> Answer:
    if status in {401, 403}:
        raise BotError(
            f"Prometheus refused the request ({status})",
            hint="check BOT_PROMETHEUS_TOKEN and what it may read",
            code="prometheus-refused",
        )
    if status in {400, 422}:
        raise _query_trouble(f"Prometheus cannot answer the query{_said(body)}")
    if status != 200:
        raise _unavailable(f"Prometheus answered {status}")
    try:
        data = json.loads(body)["data"]
        found = _series_of(data["resultType"], data["result"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _unavailable("Prometheus' answer cannot be read") from error
    return found


def _series_of(kind: str, result: Any) -> Answer:
    """Instant vectors, ranges and bare numbers as series; text and unknown kinds are refused."""
    if kind == "scalar":
        return Answer(series=(_series({}, [result]),), count=1)
    if kind not in ("vector", "matrix"):
        raise ValueError(f"a result of kind {kind!r}")
    kept = [
        # A native histogram holds no number to compare: a series without points.
        _series(one["metric"], [one["value"]] if "value" in one else one.get("values", []))
        for one in result[:SERIES_LIMIT]
    ]
    return Answer(series=tuple(kept), count=len(result))


def _series(labels: Mapping[str, Any], samples: Any) -> Series:
    pairs = [(float(at), float(value)) for at, value in samples]
    points = tuple((at, value) for at, value in pairs if math.isfinite(value))
    return Series(
        labels={str(name): str(value) for name, value in labels.items()},
        points=points,
        dropped=len(pairs) - len(points),
    )


def _said(body: bytes) -> str:
    """Prometheus' own words about what went wrong, where the body holds any."""
    try:
        words = json.loads(body)["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f": {' '.join(str(words).split())[:_REASON_LIMIT]}" if words else ""


def _query_trouble(message: str, *, hint: str = "check the query in catalog.yaml") -> BotError:
    return BotError(message, hint=hint, code="prometheus-query")


def _unavailable(message: str) -> BotError:
    return BotError(message, hint="check the network and BOT_PROMETHEUS_URL", code="prometheus-unavailable")
