"""Commands on hosts over SSH: one watched connection per host, strict host keys, and an honest ending.

asyncssh is known here and in the two modules beside this one, and is loaded at the first connection. What the library
would let pass and this does not: a host key that nobody vouched for (also when the ssh configuration file says
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
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.clients.command import Output, Ran, wire_line
from bot.clients.ssh_opening import Opener, SshHost, reason_of
from bot.clients.ssh_session import SshSession
from bot.errors import ActionFailed, ActionRetry

if TYPE_CHECKING:
    import asyncssh

CONNECTIONS = 20
"""At once, over all hosts: sshd's MaxStartups and a jump host's patience end about there."""


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
        self._opener = Opener(config=config, known_hosts=known_hosts, client_keys=client_keys)
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
                        f"{host.name} ended the connection before the command was sent ({reason_of(error)})",
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
                entry.connection = await self._opener.open(host, timeout_s)
            return entry.connection
