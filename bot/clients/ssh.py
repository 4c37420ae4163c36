"""Commands on hosts over SSH: one watched connection per host, strict host keys, and an honest ending.

The only module that knows asyncssh, which is loaded at the first connection. What the library would let
pass and this does not: a host key that nobody vouched for (also when the ssh configuration file says
`UserKnownHostsFile none`), a command that lives on after its deadline, an end without an exit status taken
for success, bytes that are not UTF-8.

When something breaks, one question decides what is told: had the request to run the command left us?

    before it   unreachable, refused, closed, too many sessions    ActionRetry: nothing was sent
                key unknown or changed, login refused              ActionFailed(effect none): a human must act first
    after it    the connection or channel ends without a status    Ran(ending="lost"): nobody knows

A pooled connection that turns out to be dead is replaced once, silently, because that is found before the
request leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.clients.command import Output, Ran, wire_line
from bot.clients.ssh_session import SshSession
from bot.errors import ActionError, ActionFailed, ActionRetry

if TYPE_CHECKING:
    import asyncssh

CONNECTIONS = 20
"""At once, over all hosts: sshd's MaxStartups and a jump host's patience end about there."""
KEEPALIVE_S = 15.0


@dataclass(frozen=True, kw_only=True)
class SshHost:
    """Where to connect; what is empty comes from the ssh configuration file, under `name`."""

    name: str
    address: str = ""
    port: int | None = None
    user: str = ""

    @property
    def where(self) -> str:
        """`deploy@10.0.0.5:2222`, as far as it is known here."""
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{user}{self.address or self.name}{port}"


@dataclass(eq=False)
class _Entry:
    """One host's place in the pool."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: asyncssh.SSHClientConnection | None = None
    users: int = 0
    closing: asyncio.TimerHandle | None = None
    instead_of: _Entry | None = None
    """Closed to make room for this one, which connects when that has said goodbye."""


class SshPool:
    """Connections, at most `connections` of them, kept while they are used and `idle_s` longer.

    `grace_s` is how long a command may take to end after a TERM, and again after a KILL.
    """

    def __init__(
        self,
        *,
        config: Path | None = None,
        known_hosts: Path | None = None,
        client_keys: tuple[Path, ...] = (),
        connections: int = CONNECTIONS,
        connect_timeout_s: float = 10.0,
        idle_s: float = 60.0,
        grace_s: float = 3.0,
        output_limit_bytes: int = 1024 * 1024,
    ) -> None:
        self._config = config
        self._known_hosts = known_hosts
        self._client_keys = client_keys
        self._connections = connections
        self._connect_timeout_s = connect_timeout_s
        self._idle_s = idle_s
        self._grace_s = grace_s
        self._output_limit_bytes = output_limit_bytes
        self._entries: dict[SshHost, _Entry] = {}
        self._room = asyncio.Condition()

    async def reach(self, host: SshHost) -> str:
        """Connect and log in, run nothing; answers with what the far side calls itself. Raises like `run`."""
        async with self._used(host) as entry:
            connection = await self._connected(host, entry, self._connect_timeout_s)
            return str(connection.get_extra_info("server_version", ""))

    async def run(
        self,
        host: SshHost,
        command: str,
        *,
        timeout_s: float,
        stop: asyncio.Event,
        on_text: Callable[[str], None] = lambda _text: None,
        output_limit_bytes: int | None = None,
    ) -> Ran:
        """Run one command line and see it end, at its deadline or when `stop` is set by being killed there.

        Raises ActionRetry (nothing was sent) or ActionFailed with effect none; once the command may have
        started, everything that can happen to it is in the `Ran`.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        output = Output(limit_bytes=output_limit_bytes or self._output_limit_bytes, on_text=on_text)
        session = SshSession(output, grace_s=self._grace_s)
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout_s):
                    entry = await stack.enter_async_context(self._used(host))
                    await self._start(host, entry, session, wire_line(command, timeout_s=timeout_s), stop)
            except TimeoutError as error:
                if session.channel is None:
                    raise ActionRetry(
                        f"{host.name} did not answer within {timeout_s:g} s; nothing was sent"
                    ) from error
            try:
                ending = await session.watch(timeout_s - (loop.time() - began), stop)
            finally:
                # Also on the way out of a cancelled call: the closed channel is what ends the far side.
                session.abandon()
        return Ran(
            ending=ending,
            output=output.text(),
            duration_s=loop.time() - began,
            status=session.status,
            signal=session.signal,
            is_dead=session.has_ended,
        )

    async def aclose(self) -> None:
        """Close every connection; what still runs over one is cut."""
        entries, self._entries = list(self._entries.values()), {}
        for entry in entries:
            await self._close(entry)

    # ------------------------------------------------------------ the pool

    @contextlib.asynccontextmanager
    async def _used(self, host: SshHost) -> AsyncIterator[_Entry]:
        async with self._room:
            evicted = None
            while host not in self._entries and len(self._entries) >= self._connections:
                evicted = self._evict_one()
                if evicted is None:
                    await self._room.wait()
            entry = self._entries.setdefault(host, _Entry(instead_of=evicted))
            entry.users += 1
            if entry.closing is not None:
                entry.closing.cancel()
        try:
            yield entry
        finally:
            entry.users -= 1
            if not entry.users:
                self._close_later(host, entry)
            async with self._room:
                self._room.notify_all()

    def _evict_one(self) -> _Entry | None:
        """Take out the one that has been idle longest and begin to close it; None when all are in use."""
        idle = next((host for host, entry in self._entries.items() if not entry.users), None)
        if idle is None:
            return None
        evicted = self._entries.pop(idle)
        if evicted.connection is not None:
            evicted.connection.close()
        return evicted

    def _close_later(self, host: SshHost, entry: _Entry) -> None:
        # Used last, evicted last: the dict's order is the order of use.
        if self._entries.get(host) is entry:
            self._entries[host] = self._entries.pop(host)
        connection = entry.connection
        if connection is not None:
            entry.closing = asyncio.get_running_loop().call_later(self._idle_s, connection.close)

    async def _close(self, entry: _Entry) -> None:
        if entry.closing is not None:
            entry.closing.cancel()
        if entry.connection is not None:
            entry.connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await entry.connection.wait_closed()

    # ------------------------------------------------------------ one connection

    async def _start(
        self, host: SshHost, entry: _Entry, session: SshSession, line: str, stop: asyncio.Event
    ) -> None:
        """Leave `session` with a running command, or with `is_over` set when the answer to the request was lost."""
        import asyncssh  # noqa: PLC0415 - a fifth of a second that only a run should pay

        factory: Any = lambda: session  # noqa: E731 - asyncssh wants its own base class, which is not loaded above
        for _ in range(2):
            pooled = entry.connection
            connection = await self._connected(host, entry, self._connect_timeout_s)
            if stop.is_set():
                raise ActionFailed(
                    f"stopped by request before anything was sent to {host.name}", effect="none"
                )
            try:
                await connection.create_session(factory, line, env=None, request_pty=False, encoding=None)
            except (asyncssh.Error, OSError) as error:
                if session.channel is not None:
                    self._request_failed(host, connection, session, error)
                elif connection is pooled and connection.is_closed():
                    continue
                else:
                    raise ActionRetry(
                        f"{host.name} ended the connection before the command was sent ({_reason(error)})",
                        hint="try again; when it stays, look at sshd's MaxSessions and log there",
                    ) from error
            return
        raise ActionRetry(f"{host.name} ends every connection before the command is sent")

    def _request_failed(
        self, host: SshHost, connection: asyncssh.SSHClientConnection, session: SshSession, error: Exception
    ) -> None:
        import asyncssh  # noqa: PLC0415

        if isinstance(error, asyncssh.ChannelOpenError) and session.was_refused(
            is_connection_closed=connection.is_closed()
        ):
            raise ActionFailed(
                f"{host.name} refused to run a command over this login",
                effect="none",
                hint="check ForceCommand and the account's shell there",
            ) from error
        session.is_over.set()

    async def _connected(
        self, host: SshHost, entry: _Entry, timeout_s: float
    ) -> asyncssh.SSHClientConnection:
        async with entry.lock:
            if entry.instead_of is not None:
                await self._close(entry.instead_of)
                entry.instead_of = None
            if entry.connection is None or entry.connection.is_closed():
                entry.connection = None
                entry.connection = await self._open(host, timeout_s)
            return entry.connection

    async def _open(self, host: SshHost, timeout_s: float) -> asyncssh.SSHClientConnection:
        import asyncssh  # noqa: PLC0415

        # At INFO it would log every command line with its values.
        asyncssh.set_log_level(logging.WARNING)
        given = self._options(host, timeout_s)
        if self._known_hosts is None:
            # The configuration file alone says which keys are trusted, and it may say: all.
            given = {"options": await self._checked_options(host, timeout_s), "config": None}
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncssh.connect(**{**given, "host": host.address or host.name})
        except (asyncssh.Error, OSError, ValueError) as error:
            # Looked at once more where nothing is urgent: a set-up that cannot be used is told as that.
            options = await self._checked_options(host, timeout_s)
            raise await self._not_opened(host, options, timeout_s, error) from error

    async def _not_opened(
        self, host: SshHost, options: Any, timeout_s: float, error: Exception
    ) -> ActionError:
        """What it means that there is no connection to a host whose set-up is fine."""
        import asyncssh  # noqa: PLC0415

        if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
            return self._untrusted(host, options, error)
        if isinstance(error, asyncssh.PermissionDenied):
            return ActionFailed(
                f"{host.name} refused the login as {options.username!r}; nothing was sent",
                hint="check that the bot's public key is in authorized_keys there and its private key is readable here",
            )
        hung_up = isinstance(error, asyncssh.DisconnectError | ConnectionResetError)
        if hung_up and await self._has_another_key(host, options, timeout_s):
            return self._untrusted(host, options, error)
        return ActionRetry(
            f"{host.name} ({host.where}) cannot be reached: {_reason(error)}; nothing was sent",
            hint="check that it is up and that sshd listens there, then try again",
        )

    async def _has_another_key(self, host: SshHost, options: Any, timeout_s: float) -> bool:
        """Whether it hung up because none of its host keys is of a known kind: asked by offering every kind."""
        import asyncssh  # noqa: PLC0415

        address = host.address or host.name
        try:
            async with asyncio.timeout(timeout_s):
                connection = await asyncssh.connect(
                    address, options=options, config=None, server_host_key_algs="default"
                )
        except asyncssh.HostKeyNotVerifiable:
            return True
        except (asyncssh.Error, OSError):
            return False
        connection.abort()
        return False

    async def _checked_options(self, host: SshHost, timeout_s: float) -> asyncssh.SSHClientConnectionOptions:
        import asyncssh  # noqa: PLC0415

        try:
            options: asyncssh.SSHClientConnectionOptions = (
                await asyncssh.SSHClientConnectionOptions.construct(**self._options(host, timeout_s))
            )
        except (asyncssh.ConfigParseError, asyncssh.KeyImportError, OSError, ValueError) as error:
            raise ActionFailed(
                f"the ssh set-up for {host.name} cannot be used ({_reason(error)}); nothing was sent",
                hint="check the ssh configuration, key and known_hosts files",
            ) from error
        if options.known_hosts is None:
            raise ActionFailed(
                f"the ssh configuration turns host key checks off for {host.name}; nothing was sent",
                hint="remove `UserKnownHostsFile none` there and name a file with the host's key",
            )
        return options

    def _options(self, host: SshHost, timeout_s: float) -> dict[str, Any]:
        options: dict[str, Any] = {
            "host": host.address or host.name,
            "keepalive_interval": KEEPALIVE_S,
            "keepalive_count_max": 3,
            "login_timeout": timeout_s,
            "agent_forwarding": False,
            "password": None,
        }
        if self._config is not None:
            options["config"] = [str(self._config)]
        if self._known_hosts is not None:
            options["known_hosts"] = str(self._known_hosts)
        if self._client_keys:
            options["client_keys"] = [str(path) for path in self._client_keys]
        if host.port is not None:
            options["port"] = host.port
        if host.user:
            options["username"] = host.user
        return options

    def _untrusted(self, host: SshHost, options: Any, error: Exception) -> ActionFailed:
        import asyncssh  # noqa: PLC0415

        known: Any = options.known_hosts or str(Path("~/.ssh/known_hosts").expanduser())
        port = None if options.port == 22 else options.port
        try:
            is_known = bool(asyncssh.match_known_hosts(known, options.host, "", port)[0])
        except (OSError, ValueError):
            is_known = False
        if is_known:
            return ActionFailed(
                f"the host key of {host.name} is not the one in known_hosts; nothing was sent",
                hint="find out why it changed before anything else; if the host was rebuilt, put its new key there",
            )
        if isinstance(error, asyncssh.KeyExchangeFailed):
            return ActionFailed(
                f"{host.name} and this bot share no way to talk ({_reason(error)}); nothing was sent"
            )
        return ActionFailed(
            f"the host key of {host.name} is not in known_hosts; nothing was sent",
            hint="read the key on the host itself, compare, and add it to the bot's known_hosts file",
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        # Python's own words repeat address and number; the system's say what it is.
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
