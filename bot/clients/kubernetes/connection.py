"""One cluster's API: a request at a time within the configured rate, and whether it may have been acted on.

    no connection, TLS or login set-up wrong      ActionRetry / ActionFailed(none): nothing was sent
    any 4xx                                       an `Answer`: the cluster did not do it, and says why
    2xx with a JSON object                        an `Answer`: done
    5xx, timeout, cut, another body, on a write   ActionUnknown: it may have been done
    the same on a read or a dry run               ActionRetry: reading has no effect to be unsure of

A 408 is no 4xx of the cluster's: a proxy sends it after having passed the request on. Bodies stay raw JSON: the
library's models drop the fields they do not know, and a template that went through them would lose them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bot.clients.kubernetes.login import log_in
from bot.clients.kubernetes.pace import Pace
from bot.errors import ActionError, ActionFailed, ActionRetry, ActionUnknown
from bot.runs.plan import JsonObject

if TYPE_CHECKING:
    import aiohttp

Method = Literal["GET", "PATCH", "POST", "DELETE"]

JSON = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""For objects whose content is nobody's business here."""

CONNECT_TIMEOUT_S = 5.0
ERROR_BODY_LIMIT = 400
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""A page of 500 large pods is a fifth of this; what is longer comes from no API server."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API server said: a 2xx with the object, or a 4xx with its reason."""

    status: int
    body: JsonObject = field(default_factory=dict)
    retry_after_s: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether the server did it (or would have, in a dry run)."""
        return self.status < 300

    @property
    def said(self) -> str:
        """The server's own words."""
        words = str(self.body.get("message") or "").strip()
        return words[:ERROR_BODY_LIMIT] if words else f"HTTP {self.status}"


@dataclass(eq=False)
class _Login:
    """One logged-in client; replaced while others still use it, it is closed by the last of them."""

    api: Any
    users: int = 0
    is_replaced: bool = False


class Connection:
    """The one way to one cluster; logs in at the first request, and anew when the login is no longer good."""

    def __init__(
        self, name: str, *, context: str, kubeconfig: str, pace: Pace, request_timeout_s: float
    ) -> None:
        self.name = name
        self._context = context
        self._kubeconfig = kubeconfig
        self._pace = pace
        self._request_timeout_s = request_timeout_s
        self._login: _Login | None = None
        self._logging_in = asyncio.Lock()
        self._is_closed = False

    async def send(
        self,
        method: Method,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        is_write: bool,
        timeout_s: float | None = None,
    ) -> Answer:
        """One request and its answer; see the module's table for what is raised.

        `is_write` is false for reads and server-side dry runs. A refused login is tried once more with a fresh one:
        the cluster did nothing with the first.
        """
        limit_s = min(timeout_s or self._request_timeout_s, self._request_timeout_s)
        refused: _Login | None = None
        for _ in range(2):
            async with self._logged_in(not_as=refused) as login:
                answer = await self._once(
                    login.api,
                    method,
                    path,
                    query,
                    body,
                    content_type,
                    accept=accept,
                    is_write=is_write,
                    limit_s=limit_s,
                )
            if answer.status != 401:
                break
            refused = login
        return answer

    async def text(self, path: str, *, query: Sequence[tuple[str, str]], limit_bytes: int) -> Answer | bytes:
        """What a GET answers that is no JSON (a log), its first bytes; an `Answer` where it is a 4xx.

        Raises ActionRetry for anything else, like every read.
        """
        import aiohttp  # noqa: PLC0415

        limit_s = self._request_timeout_s
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=min(CONNECT_TIMEOUT_S, limit_s * 0.8))
        response = None
        async with self._logged_in() as login:
            try:
                async with self._turn(limit_s):
                    response = await self._request(login.api, "GET", path, query, None, JSON, timeout)
                if response.status != 200:
                    return await self._answer(response, is_write=False)
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) >= limit_bytes:
                        break
                return bytes(body[:limit_bytes])
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._lost(_reason(error), is_write=False) from error
            finally:
                if response is not None:
                    response.close()

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Sequence[tuple[str, str]], idle_s: float
    ) -> AsyncIterator[AsyncIterator[JsonObject]]:
        """A watch: the events as they arrive, until the server ends it or nothing came for `idle_s`.

        Raises ActionRetry for anything that ends it otherwise, ActionFailed for any other 4xx than 401, 410 and 429.
        """
        import aiohttp  # noqa: PLC0415 - loaded with the first request, like the login

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=idle_s)
        response = None
        async with self._logged_in() as login:
            try:
                async with self._turn(idle_s):
                    response = await self._request(login.api, "GET", path, query, None, JSON, timeout)
                if response.status != 200:
                    answer = await self._answer(response, is_write=False)
                    if answer.status in (401, 410, 429):  # the list that follows makes a login anew
                        raise ActionRetry(f"{self.name} ended the watch: {answer.said}")
                    raise ActionFailed(f"{self.name} refuses the watch: {answer.said}")
                yield _lines(response)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise ActionRetry(f"the watch on {self.name} ended: {_reason(error)}") from error
            finally:
                if response is not None:
                    response.close()

    async def aclose(self) -> None:
        """Close what is open, for good; a request under way loses its answer, a later one is not sent."""
        self._is_closed = True
        login, self._login = self._login, None
        if login is not None:
            await login.api.close()

    # ------------------------------------------------------------ one request

    @asynccontextmanager
    async def _logged_in(self, *, not_as: _Login | None = None) -> AsyncIterator[_Login]:
        """The login in use, or a new one where it is `not_as`: that one was refused, though others may still use it."""
        async with self._logging_in:
            login = self._login
            if login is None or login is not_as:
                if self._is_closed:
                    raise self._closed()
                api = await log_in(self.name, context=self._context, kubeconfig=self._kubeconfig)
                if self._is_closed:  # while it was logging in
                    await api.close()
                    raise self._closed()
                self._login = _Login(api=api)
                if login is not None:
                    login.is_replaced = True
                    await self._close_unused(login)
                login = self._login
        login.users += 1
        try:
            yield login
        finally:
            login.users -= 1
            await self._close_unused(login)

    def _closed(self) -> ActionRetry:
        return ActionRetry(f"the bot is letting go of {self.name}; nothing was sent", hint="try again")

    async def _close_unused(self, login: _Login) -> None:
        if login.is_replaced and not login.users:
            await login.api.close()

    @asynccontextmanager
    async def _turn(self, within_s: float) -> AsyncIterator[None]:
        async with self._pace.turn(within_s=within_s) as is_turn:
            if not is_turn:
                raise ActionRetry(
                    f"the request rate for {self.name} is used up for now; this request was not sent",
                    hint="try again when less is running, or allow more (BOT_KUBERNETES_REQUESTS_PER_SECOND)",
                )
            yield

    async def _once(
        self,
        api: Any,
        method: Method,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Any,
        content_type: str,
        *,
        accept: str,
        is_write: bool,
        limit_s: float,
    ) -> Answer:
        import aiohttp  # noqa: PLC0415

        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=min(CONNECT_TIMEOUT_S, limit_s * 0.8))
        try:
            async with self._turn(limit_s):
                response = await self._request(
                    api, method, path, query, body, content_type, timeout, accept=accept
                )
            try:
                return await self._answer(response, is_write=is_write)
            finally:
                response.release()
        except (
            aiohttp.ClientConnectorCertificateError,
            aiohttp.ClientSSLError,
            aiohttp.InvalidURL,
        ) as error:
            raise ActionFailed(
                f"{self.name} cannot be trusted or addressed ({type(error).__name__}); nothing was sent",
                hint="check server and certificate-authority of its kubeconfig entry",
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ActionRetry(
                f"{self.name} cannot be reached: {_reason(error)}; nothing was sent",
                hint="check the network between the bot and the cluster, then try again",
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._lost(_reason(error), is_write=is_write) from error

    async def _request(
        self,
        api: Any,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Any,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
        *,
        accept: str = JSON,
    ) -> aiohttp.ClientResponse:
        made = await api.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await api.call_api(*made, _request_timeout=timeout)
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _answer(self, response: aiohttp.ClientResponse, *, is_write: bool) -> Answer:
        status, text = response.status, bytearray()
        async for chunk in response.content.iter_any():
            text += chunk
            if len(text) > ANSWER_LIMIT_BYTES:
                response.close()
                raise self._lost("an answer without end", is_write=is_write)
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        parsed: JsonObject = body if isinstance(body, dict) else {}
        if 400 <= status < 500 and status != 408:
            return Answer(status=status, body=parsed, retry_after_s=_retry_after(response.headers))
        if 200 <= status < 300 and isinstance(body, dict):
            return Answer(status=status, body=parsed)
        words = str(parsed.get("message") or "") or f"HTTP {status}"
        what = words if status >= 400 else f"HTTP {status} with a body that is no answer of a cluster"
        raise self._lost(what[:ERROR_BODY_LIMIT], is_write=is_write)

    def _lost(self, reason: str, *, is_write: bool) -> ActionError:
        if is_write:
            return ActionUnknown(f"{self.name} did not say whether it was done: {reason}")
        return ActionRetry(f"{self.name} did not answer: {reason}")


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[JsonObject]:
    """One JSON object per line, however long the lines are; ValueError where one is something else."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                event = json.loads(line)
                if not isinstance(event, dict):
                    raise ValueError("a watch sent something that is no event")
                yield event


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
