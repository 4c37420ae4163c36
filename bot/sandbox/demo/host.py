"""The demo's host: a real SSH server in this process, with a key of its own and one key that it lets in.

Nothing that arrives here reaches a shell or the machine underneath: a command line is looked up in `programs`.
It listens on 127.0.0.1 and writes what a client needs (its host key, the client's key, an ssh configuration) into a
folder, so that the bot connects as strictly as anywhere else.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh

from bot.clients.command import command_of
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.programs import run_line

USER = "runbook"
ENDED_BY_SIGNAL = 143


class PaymentsHost:
    """`payments-1`: one machine with the payments service on it."""

    def __init__(self, payments: Payments, *, folder: Path, name: str = "payments-1") -> None:
        self._payments = payments
        self._folder = folder
        self._name = name
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.commands: list[str] = []
        """Every command line that was started here, oldest first."""
        self.port = 0

    @property
    def known_hosts(self) -> Path:
        """The file that vouches for this host's key."""
        return self._folder / "known_hosts"

    @property
    def config(self) -> Path:
        """The ssh configuration with which this host is reached by its name."""
        return self._folder / "config"

    async def start(self) -> None:
        """Listen, and write the three files."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        client_key = asyncssh.generate_private_key("ssh-ed25519")
        client_file = self._folder / "client_key"
        client_file.touch(mode=0o600)
        client_key.write_private_key(client_file)
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Server(self),
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            server_version="demo",
            encoding=None,
            line_editor=False,
        )
        self.port = self._acceptor.get_port()
        self.trust(host_key)
        self.config.write_text(
            f"Host {self._name}\n"
            "  HostName 127.0.0.1\n"
            f"  Port {self.port}\n"
            f"  User {USER}\n"
            f'  IdentityFile "{client_file}"\n'
            "  IdentitiesOnly yes\n"
            "  IdentityAgent none\n",
            encoding="utf-8",
        )

    def trust(self, key: asyncssh.SSHKey) -> None:
        """Make this the one key that `known_hosts` vouches for."""
        public = key.export_public_key().decode().strip()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n", encoding="utf-8")

    async def stop(self) -> None:
        """End what runs and close; harmless when it never started."""
        for running in tuple(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            self._acceptor = None

    def run(self, line: str, channel: asyncssh.SSHServerChannel[bytes]) -> asyncio.Task[None]:
        """Run one line for a session; cancelling it is how a signal ends it."""
        self.commands.append(line)
        running = asyncio.create_task(self._run(line, channel), name=f"demo host runs {line[:40]!r}")
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running

    async def _run(self, line: str, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        def write(text: str) -> None:
            if not channel.is_closing():
                channel.write(f"{text}\n".encode())

        status = ENDED_BY_SIGNAL
        try:
            status = await run_line(self._payments, line, write)
        finally:
            if not channel.is_closing():
                channel.exit(status)


class _Server(asyncssh.SSHServer):
    def __init__(self, host: PaymentsHost) -> None:
        self._host = host

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _Session(self._host)


class _Session(asyncssh.SSHServerSession[bytes]):
    """One command; no terminal, no shell, no subsystem (asyncssh refuses those by default)."""

    def __init__(self, host: PaymentsHost) -> None:
        self._host = host
        self._line = ""
        self._running: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._line = command_of(command)
        return True

    def session_started(self) -> None:
        self._running = self._host.run(self._line, self._channel)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:  # noqa: ARG002 - asyncssh's signature
        self._end()  # whoever watches asks for the end by an empty line

    def eof_received(self) -> bool:
        self._end()
        return True

    def signal_received(self, signal: str) -> None:  # noqa: ARG002 - any signal ends it
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh's signature
        self._end()

    def _end(self) -> None:
        if self._running is not None:
            self._running.cancel()
