"""One way to PagerDuty's REST API v2: its token, its deadline, its rate limit, its answers told apart.

960 requests a minute are allowed per key; `ratelimit-reset` says in how many seconds the next minute starts, and a
429 may come without it. Whoever holds one connection waits for it together, and each for no longer than its deadline.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import aiohttp
from yarl import URL

from bot.errors import BadInput, BotError, NotFound

API_URL = "https://api.pagerduty.com"
API_URL_EU = "https://api.eu.pagerduty.com"

_ID = re.compile(r"[A-Z0-9]{7,14}")
_TROUBLE = (aiohttp.ClientError, OSError, TimeoutError)
_NO_SUCH_SENDER = frozenset({1008, 1028, 2016})
"""PagerDuty's own codes for a `From` that is no user of the account, no address, or missing."""
_RESPONSE_LIMIT_BYTES = 8 * 1024 * 1024
_TRIES = 3

JsonObject = dict[str, Any]
Query = Mapping[str, str | list[str]]


class Connection:
    """Asks PagerDuty and tells its answers apart; knows no endpoint.

    Raises `NotFound` where PagerDuty knows no such thing, else `BotError` with the code `pagerduty-refused` (the
    token is wrong or lacks a right) or `pagerduty-unavailable` (not reached in time, rate limited, an answer that
    cannot be read). `send` tells more apart, see there. The token is in no message and no repr.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = API_URL,
        deadline_s: float = 10.0,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base = base_url_of(base_url)
        self._token = token
        self._deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep
        self._not_before = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, query: Query) -> JsonObject:
        """One answer, tried again where that can help, all within the deadline."""
        deadline = self._clock() + self._deadline_s
        last = _not_reached()
        for attempt in range(_TRIES):
            await self._wait(0.5 * attempt, deadline=deadline, last=last)
            try:
                status, headers, body = await self._fetch("GET", path, deadline=deadline, query=query)
            except _TROUBLE as error:
                last = _not_reached(error)
                continue
            if status == 429 or status >= 500:
                last = self._busy(status, headers)
                continue
            return _answer(status, body)
        raise last

    async def send(self, method: str, path: str, content: JsonObject, *, sender: str) -> None:
        """Ask for a change in the name of the user with this email, once; returns when PagerDuty has said yes.

        Nothing was done with `NotFound`, `pagerduty-refused`, `pagerduty-unavailable` (not reached, rate limited),
        `pagerduty-sender-refused` (no such user there) and `pagerduty-rejected` (it does not fit). With
        `pagerduty-unknown` the answer was lost after it was asked: look before asking again.
        """
        deadline = self._clock() + self._deadline_s
        last = _not_reached()
        for _ in range(_TRIES):
            await self._wait(0.0, deadline=deadline, last=last)
            try:
                status, headers, body = await self._fetch(
                    method, path, deadline=deadline, content=content, sender=sender
                )
            except aiohttp.ClientConnectorError as error:
                raise _not_reached(error) from error
            except (*_TROUBLE, BotError) as error:  # the latter: an answer too long to be read
                raise _unknown(type(error).__name__) from error
            if status == 429:  # refused before anything was done
                last = self._busy(status, headers)
                continue
            if status >= 500:
                raise _unknown(str(status))
            if status in {200, 201, 202, 204}:
                return
            raise _refusal(status, body)
        raise last

    async def _wait(self, pause_s: float, *, deadline: float, last: BotError) -> None:
        wait_s = max(self._not_before - self._clock(), pause_s)
        if self._clock() + wait_s > deadline:
            raise last
        if wait_s > 0:
            await self._sleep(wait_s)

    async def _fetch(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        query: Query | None = None,
        content: JsonObject | None = None,
        sender: str = "",
    ) -> tuple[int, Mapping[str, str], bytes]:
        session = self._open_session()
        # Redirects are not followed: the token must reach nobody else.
        async with (
            asyncio.timeout(max(deadline - self._clock(), 0.01)),
            session.request(
                method,
                self._base.joinpath(path[1:]),
                params=query,
                json=content,
                headers={"From": sender} if sender else None,
                allow_redirects=False,
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                body += chunk
                if len(body) > _RESPONSE_LIMIT_BYTES:
                    raise unreadable()
            return response.status, response.headers, bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={
                    "Authorization": f"Token token={self._token}",
                    "Accept": "application/vnd.pagerduty+json;version=2",
                    "Content-Type": "application/json",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _busy(self, status: int, headers: Mapping[str, str]) -> BotError:
        if status != 429:
            return BotError(
                f"PagerDuty answered {status}", hint="try again in a minute", code="pagerduty-unavailable"
            )
        said = headers.get("ratelimit-reset", "")
        wait_s = float(said) if re.fullmatch(r"\d{1,4}(\.\d{1,6})?", said) else 1.0
        self._not_before = max(self._not_before, self._clock() + wait_s)
        return BotError(
            f"PagerDuty asks to wait {wait_s:g} s (rate limit)",
            hint="try again in a minute",
            code="pagerduty-unavailable",
        )


def base_url_of(text: str) -> URL:
    """The base URL, checked: https anywhere, plain http only to this machine itself."""
    try:
        url = URL(text)
    except ValueError as error:
        raise BadInput(
            "the PagerDuty base URL is not a URL", hint=f"use {API_URL} or {API_URL_EU}"
        ) from error
    if url.user or url.password or url.query_string or url.fragment or not url.host:
        raise BadInput(
            "the PagerDuty base URL holds more than a host and a path", hint=f"use {API_URL} or {API_URL_EU}"
        )
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host)):
        return url
    raise BadInput(
        f"the PagerDuty base URL {url.host!r} would carry the token in the clear",
        hint=f"use {API_URL} or {API_URL_EU}",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_id(pagerduty_id: str, *, of: str = "incident") -> str:
    """The id, fit to stand in a path; `BadInput` where it is none."""
    if not _ID.fullmatch(pagerduty_id):
        raise BadInput(f"this is not the id of a PagerDuty {of}", hint="ids look like Q1ZK4T8W2R6B3N")
    return pagerduty_id


def _not_reached(error: BaseException | None = None) -> BotError:
    what = f" ({type(error).__name__})" if error else ""
    hint = "check the network and PAGERDUTY_API_URL" if error else "try again in a minute"
    problem = BotError(f"PagerDuty was not reached{what}", hint=hint, code="pagerduty-unavailable")
    problem.__cause__ = error
    return problem


def _unknown(what: str) -> BotError:
    return BotError(
        f"PagerDuty was asked and its answer was lost ({what})",
        hint="look whether it was done before asking again",
        code="pagerduty-unknown",
    )


def _refusal(status: int, body: bytes) -> BotError:
    """Why a change was not made."""
    if status in {401, 403}:
        return BotError(
            f"PagerDuty refused the token for writing ({status})",
            hint="check PAGERDUTY_WRITE_TOKEN and what it may do",
            code="pagerduty-refused",
        )
    if status == 404:
        return NotFound("PagerDuty knows no such thing")
    try:
        said = json.loads(body)["error"]
        code, words = said.get("code"), str(said.get("message", ""))[:200]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        code, words = None, ""
    if code in _NO_SUCH_SENDER:
        return BotError(
            "PagerDuty knows no user with this email",
            hint="set PAGERDUTY_FROM to one that it knows",
            code="pagerduty-sender-refused",
        )
    return BotError(f"PagerDuty answered {status}: {words!r}", code="pagerduty-rejected")


def _answer(status: int, body: bytes) -> JsonObject:
    if status in {401, 403}:
        raise BotError(
            f"PagerDuty refused the token ({status})",
            hint="check PAGERDUTY_API_TOKEN and what it may read",
            code="pagerduty-refused",
        )
    if status == 404:
        raise NotFound("PagerDuty knows no such thing")
    if status != 200:
        raise BotError(
            f"PagerDuty answered {status}",
            hint="check PAGERDUTY_API_URL",
            code="pagerduty-unavailable",
        )
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise unreadable() from error
    if not isinstance(parsed, dict):
        raise unreadable()
    return parsed


def objects(body: JsonObject, name: str) -> tuple[JsonObject, ...]:
    found = body.get(name)
    if not isinstance(found, list):
        raise unreadable()
    return tuple(one for one in found if isinstance(one, dict))


def unreadable() -> BotError:
    return BotError(
        "PagerDuty's answer cannot be read", hint="try again in a minute", code="pagerduty-unavailable"
    )
