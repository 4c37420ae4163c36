"""Signed HTTP delivery: Slack's requests to the app's one request URL, and what its answers mean."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from urllib.parse import urlencode, urlsplit

import aiohttp

from bot.sandbox.clock import Clock, within
from bot.sandbox.dispatch import ACK_TIMEOUT_S, Answer, Kind
from bot.sandbox.faults import Faults
from bot.sandbox.gate import is_loopback
from bot.sandbox.protocol import Json

_RETRY_REASONS = {"timeout": "http_timeout"}


def signature(secret: str, *, timestamp: str, body: bytes) -> str:
    """Slack's `v0=` signature of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpDelivery:
    """Posts to `url`, which must be loopback; raises ValueError otherwise."""

    def __init__(
        self,
        url: str,
        *,
        signing_secret: str,
        clock: Clock,
        faults: Faults,
        ack_timeout_s: float = ACK_TIMEOUT_S,
    ) -> None:
        if not is_loopback(urlsplit(url).hostname or ""):
            raise ValueError(f"the sandbox delivers to this machine only, not to {url!r}")
        self._url = url
        self._secret = signing_secret
        self._clock = clock
        self._faults = faults
        self._ack_timeout_s = ack_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def verify(self) -> bool:
        """Slack's `url_verification`: the app must send the challenge back."""
        challenge = secrets.token_hex(16)
        body = json.dumps(
            {"type": "url_verification", "token": "verification-token", "challenge": challenge}
        ).encode()
        answer = await self._post(body, content_type="application/json", headers={})
        return answer.is_acked and challenge in (answer.body.get("challenge"), answer.body.get("text"))

    async def send(self, kind: Kind, payload: Json, *, attempt: int, reason: str) -> Answer:
        """One signed request; acknowledged by any 2xx within three seconds."""
        if kind == "events_api":
            headers = {"X-Slack-Retry-Num": str(attempt)} if attempt else {}
            if attempt:
                headers["X-Slack-Retry-Reason"] = _RETRY_REASONS.get(reason, reason)
            return await self._post(
                json.dumps(payload).encode(), content_type="application/json", headers=headers
            )
        form = {"payload": json.dumps(payload)} if kind == "interactive" else payload
        body = urlencode(form).encode()
        return await self._post(body, content_type="application/x-www-form-urlencoded", headers={})

    async def stop(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: bytes, *, content_type: str, headers: dict[str, str]) -> Answer:
        # Signed with real time, whatever the sandbox's clock says: the app checks it against its own.
        timestamp = str(int(time.time()))
        signed = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp=timestamp, body=body),
            **headers,
        }
        request = asyncio.create_task(self._request(body, signed), name="sandbox http delivery")
        try:
            answer = await within(self._clock, request, timeout_s=self._ack_timeout_s)
        finally:
            request.cancel()
        if answer is None or self._faults.ignore_acks:
            return Answer(is_acked=False, reason="timeout")
        return answer

    async def _request(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                text = await response.text(errors="replace")
                may_retry = response.headers.get("X-Slack-No-Retry") != "1"
                if not 200 <= response.status < 300:
                    reason = "too_many_redirects" if 300 <= response.status < 400 else "http_error"
                    return Answer(is_acked=False, reason=reason, may_retry=may_retry)
                return Answer(is_acked=True, body=_body(text))
        except aiohttp.ClientError:
            return Answer(is_acked=False, reason="connection_failed")


def _body(text: str) -> Json:
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"text": str(value)}
