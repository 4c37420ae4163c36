"""One call to Slack's Web API: what a failure means, and when asking again is safe.

The SDK's own retry handlers are off. Its connection handler repeats any call whose connection was cut, also a
`chat.postMessage` that Slack has long carried out, which is how a thread gets a message twice. Here every call says
what it is:

- a **read** may be repeated: cut connections, 5xx and short rate limits are asked again a few times;
- an **effect** is asked once, and its failure says which of three things is known (`SlackTrouble`): Slack said no,
  Slack said later (429, nothing was done), or nobody knows (`maybe_done`).

A rate limit is remembered per method and channel, so that the next caller does not even knock.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.engine.clock import Clock
from bot.errors import DeliveryError

Json = dict[str, Any]

READ_ATTEMPTS = 3
PATIENCE_S = 5.0
"""The longest Retry-After a read sits out; beyond it the caller must decide."""

UNSURE_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Slack's own words for "something broke on our side": it may have been done before it broke."""


class SlackTrouble(DeliveryError):
    """Slack could not be told. `error` is Slack's word where it gave one.

    `maybe_done` is honest doubt: the call was sent and its answer lost. `retry_after_s` is set where Slack asked for
    patience; then nothing was done.
    """

    def __init__(
        self,
        message: str,
        *,
        error: str = "",
        maybe_done: bool = False,
        retry_after_s: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.maybe_done = maybe_done
        self.retry_after_s = retry_after_s

    @property
    def is_refusal(self) -> bool:
        """Slack read it and said no; not "later", not "I broke", not silence."""
        said_no = bool(self.error) and self.error not in UNSURE_ERRORS
        return said_no and not self.maybe_done and self.retry_after_s is None


Met = Callable[[str, str, float], None]
"""Told of each call that went out: method, `ok`, `later`, `refused` or `unsure`, and how long it took in seconds."""


class Calls:
    """Calls Slack as one app; every failure is a `SlackTrouble`."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        met: Met = lambda _method, _result, _seconds: None,
    ) -> None:
        self.client = client
        self._met = met
        self._clock = clock
        self._sleep = sleep
        self._paused_until: dict[tuple[str, str], datetime] = {}

    async def read(self, method: str, **params: Any) -> Json:
        """Ask for something; safe to repeat, so repeated a few times."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._call(method, "GET", params)
            except SlackTrouble as trouble:
                wait_s = _wait_before_reading_again(trouble, attempt)
                if wait_s is None:
                    raise
            await self._sleep(wait_s)

    async def effect(self, method: str, **body: Any) -> Json:
        """Make something happen, asked exactly once."""
        return await self._call(method, "POST", body)

    async def form(self, method: str, **params: Any) -> Json:
        """Like `effect`, for the methods that take no JSON body (`files.*`)."""
        return await self._call(method, "FORM", params)

    async def _call(self, method: str, verb: Literal["GET", "POST", "FORM"], given: Json) -> Json:
        place = (method, str(given.get("channel", "")))
        self._refuse_while_paused(place)
        given = {name: value for name, value in given.items() if value is not None}
        began = time.monotonic()
        result = "unsure"
        try:
            answer = await self._send(place, verb, given)
            result = "ok"
        except SlackTrouble as trouble:
            result = _result(trouble)
            raise
        finally:
            self._met(method, result, time.monotonic() - began)
        return answer

    async def _send(self, place: tuple[str, str], verb: Literal["GET", "POST", "FORM"], given: Json) -> Json:
        method = place[0]
        try:
            if verb == "GET":
                answer = await self.client.api_call(method, http_verb="GET", params=given)
            elif verb == "FORM":
                answer = await self.client.api_call(method, data=given)
            else:
                answer = await self.client.api_call(method, json=given)
        except SlackApiError as refusal:
            raise self._refused(place, refusal) from refusal
        except (aiohttp.ClientError, TimeoutError, SlackClientError, json.JSONDecodeError) as broken:
            raise _broken(method, broken) from broken
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    def _refuse_while_paused(self, place: tuple[str, str]) -> None:
        until = self._paused_until.get(place)
        if until is None:
            return
        left_s = (until - self._clock.now()).total_seconds()
        if left_s <= 0:
            del self._paused_until[place]
            return
        raise _later(place[0], left_s)

    def _refused(self, place: tuple[str, str], refusal: SlackApiError) -> SlackTrouble:
        status, error, headers = _reading(refusal)
        method = place[0]
        if status == 429 or error == "ratelimited":
            wait_s = _retry_after(headers)
            self._paused_until[place] = self._clock.now() + timedelta(seconds=wait_s)
            return _later(method, wait_s)
        if status >= 500 or not error or error in UNSURE_ERRORS:
            word = error or f"HTTP {status}"
            return SlackTrouble(
                f"slack broke while answering {method} ({word})", error=error, maybe_done=True
            )
        detail = _detail(refusal)
        return SlackTrouble(
            f"slack refused {method}: {error}{detail}", error=error, hint=HINTS.get(error, "")
        )


HINTS = {
    "not_in_channel": "invite the bot to the channel: /invite @runbook-bot",
    "channel_not_found": "check the channel's name, and invite the bot where it is private",
    "is_archived": "the channel is archived; name another one in the catalog",
    "missing_scope": "install the app again with the scopes of manifest.yml",
    "invalid_auth": "check SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace; install it again",
    "token_revoked": "the app was removed from the workspace; install it again",
}


def _wait_before_reading_again(trouble: SlackTrouble, attempt: int) -> float | None:
    if attempt >= READ_ATTEMPTS:
        return None
    if trouble.retry_after_s is not None:
        return trouble.retry_after_s if trouble.retry_after_s <= PATIENCE_S else None
    if not trouble.error or trouble.maybe_done:
        return float(0.2 * 4 ** (attempt - 1))
    return None


def _result(trouble: SlackTrouble) -> str:
    if trouble.retry_after_s is not None:
        return "later"
    return "refused" if trouble.is_refusal else "unsure"


def _reading(refusal: SlackApiError) -> tuple[int, str, Any]:
    """Status, Slack's word and headers, whatever the SDK put into its exception."""
    response = refusal.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 200
    data = getattr(response, "data", None)
    error = data.get("error", "") if isinstance(data, dict) else ""
    return int(status), str(error), getattr(response, "headers", None) or {}


def _detail(refusal: SlackApiError) -> str:
    data = getattr(refusal.response, "data", None)
    if not isinstance(data, dict):
        return ""
    said = data.get("response_metadata", {}).get("messages") or []
    needed = [f"it needs the scope {data['needed']}"] if data.get("needed") else []
    words = "; ".join(str(one) for one in [*said, *needed])
    return f" ({words[:300]})" if words else ""


def _retry_after(headers: Any) -> float:
    for name, value in dict(headers).items():
        if str(name).lower() == "retry-after":
            try:
                return max(1.0, float(value))
            except ValueError:
                break
    return 1.0


def _later(method: str, wait_s: float) -> SlackTrouble:
    return SlackTrouble(
        f"slack asks to wait {wait_s:.0f} s before {method}", error="ratelimited", retry_after_s=wait_s
    )


def _broken(method: str, broken: Exception) -> SlackTrouble:
    """A connection that never stood carried nothing; any other break leaves doubt."""
    never_stood = isinstance(broken, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    what = "could not be reached for" if never_stood else "did not answer"
    return SlackTrouble(
        f"slack {what} {method} ({type(broken).__name__})",
        maybe_done=not never_stood,
        hint="" if not never_stood else "check the network and SLACK_API_URL",
    )
