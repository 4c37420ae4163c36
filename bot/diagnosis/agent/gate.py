"""The one way out to a model: counts what is sent and received, and lets nothing through beyond the limits.

The limits are kept here and not by the library alone: it counts turns, not what is sent again after a refusal, and
tokens only where the endpoint says how many there were. Redirects are not followed (evidence and key would go to
whoever an endpoint names), proxies and keys of the environment are not taken, answers are read up to a size and only
as they are (a compressed one could grow without bound).

What stopped the last request stays in `why`, since on its way through two libraries the reason gets lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx2

BYTES_PER_TOKEN = 4
ANSWER_BYTES = 1024 * 1024
BUSY = (429, 503, 529)
"""Statuses that say: later. 529 is Anthropic's."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0


class Stopped(httpx2.TransportError):
    """A limit was reached; nothing was sent, or the answer is given up."""


@dataclass(kw_only=True)
class Gate(httpx2.AsyncBaseTransport):
    """Passes requests on to `inner` as long as there is budget for them."""

    inner: httpx2.AsyncBaseTransport
    requests_limit: int
    tokens_limit: int
    counted: Callable[[], int] = lambda: 0
    """How many tokens the endpoint says were used; 0 where it does not say."""
    requests: int = 0
    size: int = 0
    """Bytes sent and received."""
    why: str = ""

    @property
    def tokens(self) -> int:
        """As the endpoint counts, and no fewer than the bytes would be: it may count wrong, or not at all."""
        return max(self.counted(), self.size // BYTES_PER_TOKEN)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer; an endpoint that is busy is asked again after as long as it says, at the cost of a request."""
        request.headers["Accept-Encoding"] = "identity"
        body = await request.aread()
        pause_s = FIRST_PAUSE_S
        while True:
            self._spend(len(body))
            response = await self._sent(request)
            if response.status_code not in BUSY:
                break
            self.why = f"its endpoint is busy ({response.status_code})"
            if self.requests >= self.requests_limit:
                break
            await response.aclose()
            await asyncio.sleep(min(_retry_after(response, pause_s), LONGEST_PAUSE_S))
            pause_s *= 2
        self._note(response)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Measured(response, self), request=request
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()

    def stop(self, why: str) -> Stopped:
        """Remember why it ends here."""
        self.why = why
        return Stopped(why)

    def _spend(self, sent: int) -> None:
        if self.requests >= self.requests_limit:
            raise self.stop(f"it gave no answer within {self.requests_limit} requests")
        if self.tokens + sent // BYTES_PER_TOKEN > self.tokens_limit:
            raise self.stop(f"it would have used more than {self.tokens_limit} tokens")
        self.requests += 1
        self.size += sent

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self.inner.handle_async_request(request)
        except httpx2.TimeoutException as error:
            raise self.stop("its endpoint did not answer in time") from error
        except httpx2.TransportError as error:
            raise self.stop("its endpoint cannot be reached") from error

    def _note(self, response: httpx2.Response) -> None:
        """What the status says of the endpoint, in words."""
        status = response.status_code
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self.stop("its endpoint answers in a form that was not asked for")
        if 200 <= status < 300:
            self.why = ""
        elif 300 <= status < 400:
            raise self.stop(f"its endpoint points elsewhere ({status}), which is not followed")
        elif status in (401, 403):
            self.why = f"its endpoint refuses the key ({status})"
        elif status == 404:
            self.why = "its endpoint does not know the model or the address (404)"
        elif status not in BUSY:
            self.why = f"its endpoint answered {status}"


class _Measured(httpx2.AsyncByteStream):
    """An answer on its way in, given up where it gets too long."""

    def __init__(self, response: httpx2.Response, gate: Gate) -> None:
        self._response = response
        self._gate = gate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        stream = self._response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        async for chunk in stream:
            size += len(chunk)
            self._gate.size += len(chunk)
            if size > ANSWER_BYTES:
                raise self._gate.stop("its answer is too long")
            yield chunk

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._response.aclose()


def _retry_after(response: httpx2.Response, otherwise_s: float) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise_s
