"""One HTTP request to one host, and whether it left us: connects only to an address that was checked.

A name is resolved once, every address it has is judged, and the connection goes to exactly those addresses:
a second look-up between check and connect could answer something else. One connection per request, never
reused, so that "the connection failed" means "nothing was sent". No proxy from the environment, no cookies,
no redirects (who may follow where is the caller's question), no second try.

    could not connect, TLS refused      ActionRetry or ActionFailed(effect none): nothing was sent
    connected, then no whole answer     ActionUnknown: it may have been acted on
    any answer with a status            an `Answer`; what it means is the caller's question
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.clients.addresses import refusal
from bot.errors import ActionFailed, ActionRetry, ActionUnknown

if TYPE_CHECKING:
    import aiohttp

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses; raises OSError."""

CHUNK_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Wire:
    """A request as it is sent: secrets filled in, so it is never shown, logged or kept."""

    method: str
    url: str = field(repr=False)
    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, its text capped."""

    status: int
    reason: str
    text: str
    location: str = ""


class HttpClient:
    """Sends one request at a time; holds no connection between two."""

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        output_limit_bytes: int = 1024 * 1024,
    ) -> None:
        self._resolve = resolve or _system_resolve
        self._tls = tls
        self._output_limit_bytes = output_limit_bytes

    async def check(self, host: str, port: int, *, allow_private: bool) -> list[str]:
        """The addresses of `host`, all of them allowed. ActionRetry when it does not resolve, ActionFailed when
        any of them is refused: a name that is public and private at once is up to something."""
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise ActionRetry(f"{host} does not resolve ({error}); nothing was sent") from error
        if not addresses:
            raise ActionRetry(f"{host} has no address; nothing was sent")
        for address in addresses:
            if reason := refusal(address, allow_private=allow_private):
                raise ActionFailed(
                    f"{host} points to {address}, {reason}; nothing was sent",
                    hint="set allow_private: true on that host in catalog.yaml if it is meant to be internal"
                    if not allow_private
                    else "",
                )
        return addresses

    async def send(self, wire: Wire, *, allow_private: bool, timeout_s: float, stop: asyncio.Event) -> Answer:
        """Send it once and wait for the answer, until `timeout_s` is over or `stop` is set."""
        state = _Sending()
        sending = asyncio.create_task(
            self._send(wire, state, allow_private=allow_private), name="send a request"
        )
        stopping = asyncio.create_task(stop.wait(), name="stop asked")
        try:
            await asyncio.wait({sending, stopping}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            why = "stopped by request" if stopping.done() else f"no answer within {timeout_s:g} s"
        finally:
            for task in (sending, stopping):
                task.cancel()
            await asyncio.gather(sending, stopping, return_exceptions=True)
        if state.is_connected:
            raise ActionUnknown(f"{wire.method} to {wire.host}: {why} after it was sent")
        raise ActionRetry(f"{wire.method} to {wire.host}: {why} while connecting; nothing was sent")

    async def _send(self, wire: Wire, state: _Sending, *, allow_private: bool) -> Answer:
        import aiohttp  # noqa: PLC0415 - only a run needs it

        addresses = await self.check(wire.host, wire.port, allow_private=allow_private)
        try:
            async with self._session(aiohttp, addresses, state) as session:
                return await self._exchange(session, wire)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise ActionFailed(
                f"{wire.host} did not prove who it is ({_words(error)}); nothing was sent"
            ) from error
        except aiohttp.InvalidURL as error:
            raise ActionFailed(f"the address for {wire.host} is not valid; nothing was sent") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if state.is_connected:
                raise ActionUnknown(
                    f"{wire.method} to {wire.host}: the answer was lost ({_words(error)})"
                ) from error
            raise ActionRetry(
                f"{wire.host}:{wire.port} cannot be reached ({_words(error)}); nothing was sent"
            ) from error

    def _session(self, library: Any, addresses: list[str], state: _Sending) -> aiohttp.ClientSession:
        trace = library.TraceConfig()
        trace.on_connection_create_start.append(state.connecting)
        trace.on_connection_create_end.append(state.connected)
        connector = library.TCPConnector(
            resolver=_Checked(addresses), use_dns_cache=False, force_close=True, ssl=self._tls or True
        )
        session: aiohttp.ClientSession = library.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=library.DummyCookieJar(),
            timeout=library.ClientTimeout(total=None),
            trace_configs=[trace],
            skip_auto_headers=["Content-Type"],
        )
        return session

    async def _exchange(self, session: aiohttp.ClientSession, wire: Wire) -> Answer:
        from yarl import URL  # noqa: PLC0415 - comes with aiohttp

        url = URL(wire.url, encoded=True)
        if (url.host or "").lower() != wire.host or url.port != wire.port:
            # Two parsers that disagree about the host are how a check is talked past.
            raise ActionFailed(f"the address for {wire.host} can be read in two ways; nothing was sent")
        headers = {"User-Agent": "runbook-bot", "Accept-Encoding": "identity", **wire.headers}
        async with session.request(
            wire.method, url, headers=headers, data=wire.body, allow_redirects=False
        ) as response:
            data = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                if len(data) > self._output_limit_bytes:
                    break
            return Answer(
                status=response.status,
                reason=response.reason or "",
                text=self._text(bytes(data), response.charset or "utf-8"),
                location=response.headers.get("Location", ""),
            )

    def _text(self, data: bytes, charset: str) -> str:
        try:
            text = data[: self._output_limit_bytes].decode(charset, errors="replace")
        except LookupError:
            text = data[: self._output_limit_bytes].decode("utf-8", errors="replace")
        cut = "\n… (cut here)\n" if len(data) > self._output_limit_bytes else ""
        return text.replace("\x00", "\ufffd") + cut


@dataclass(eq=False)
class _Sending:
    """Whether the connection stood, which is when bytes may begin to leave."""

    is_connected: bool = False

    async def connecting(self, _session: object, _context: object, _params: object) -> None:
        # aiohttp sends GET, PUT and DELETE again by itself when the connection is lost under them. What was
        # sent once is not sent twice here: a second connection is refused.
        if self.is_connected:
            raise ConnectionResetError("the connection was lost")

    async def connected(self, _session: object, _context: object, _params: object) -> None:
        self.is_connected = True


class _Checked:
    """Answers aiohttp's question for addresses with those that were checked, whatever the name says by now."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[dict[str, Any]]:
        """As aiohttp's AbstractResolver: numeric results only."""
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for address in self._addresses
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _system_resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _words(error: BaseException) -> str:
    """The reason without the address, which may hold a secret."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    text = getattr(inner, "strerror", None) or getattr(inner, "verify_message", None) or str(inner)
    return text if "://" not in text and text else type(inner).__name__
