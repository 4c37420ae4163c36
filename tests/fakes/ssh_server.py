"""A host for tests: a real SSH server in this process, with answers by command and faults at every stage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

import asyncssh

from bot.clients.command import command_of
from bot.clients.ssh import SshHost, SshPool

Fault = Literal[
    "",
    "close-at-login",
    "refuse-session",
    "close-before-exec",
    "refuse-exec",
    "close-at-exec",
    "close-after-exec",
    "no-status",
    "hang",
    "hang-deaf",
]


@dataclass(frozen=True)
class Answer:
    """What a command prints and how it ends."""

    output: bytes = b""
    status: int = 0
    signal: str = ""
    keeps_running: bool = False
    """It prints and goes on until it is ended."""


@dataclass
class FakeHost:
    """`async with FakeHost(folder) as host:` listens on loopback until the block ends."""

    folder: Path
    fault: Fault = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    """Every command that was started, as it was before it was wrapped."""
    signals: list[str] = field(default_factory=list)
    logins: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    fallback: Callable[[str], Answer] = field(default=lambda _command: Answer())

    async def __aenter__(self) -> FakeHost:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.folder.mkdir(exist_ok=True, parents=True)
        self.client_key = self.folder / "client_key"
        client_key.write_private_key(self.client_key)
        self._server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Server(self),
            server_host_keys=[self.host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            encoding=None,
        )
        self.port = self._server.get_port()
        self.known_hosts = self.folder / "known_hosts"
        self.trust(self.host_key)
        self.config = self.folder / "config"
        self.config.write_text("")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def trust(self, key: asyncssh.SSHKey) -> None:
        """Make `key` the only one that is known for this host."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key.export_public_key().decode().strip()}\n")

    def pool(self, **options: object) -> SshPool:
        """A pool that trusts this host and is let in."""
        given: dict[str, object] = {
            "config": self.config,
            "known_hosts": self.known_hosts,
            "client_keys": (self.client_key,),
            **options,
        }
        return SshPool(**given)  # type: ignore[arg-type]  # tests pass single options through

    def at(self, name: str = "web-1") -> SshHost:
        return SshHost(name=name, address="127.0.0.1", port=self.port, user="deploy")


class _Server(asyncssh.SSHServer):
    def __init__(self, host: FakeHost) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if self._host.fault == "close-at-login":
            conn.abort()

    def auth_completed(self) -> None:
        self._host.logins += 1

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        if self._host.fault == "refuse-session":
            return False
        if self._host.fault == "close-before-exec":
            self._connection.abort()
            return False
        return _Session(self._host, self._connection)


class _Session(asyncssh.SSHServerSession[bytes]):
    def __init__(self, host: FakeHost, connection: asyncssh.SSHServerConnection) -> None:
        self._host = host
        self._connection = connection

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        if self._host.fault == "refuse-exec":
            return False
        if self._host.fault == "close-at-exec":
            self._connection.abort()
        self._command = command_of(command)
        self._host.commands.append(self._command)
        self._host.started.set()
        return True

    def session_started(self) -> None:
        answer = self._host.answers.get(self._command) or self._host.fallback(self._command)
        match self._host.fault:
            case "close-after-exec" | "close-at-exec":
                self._connection.abort()
            case "no-status":
                self._channel.write(answer.output)
                self._channel.close()
            case "hang" | "hang-deaf":
                self._channel.write(answer.output)
            case _:
                self._channel.write(answer.output)
                if not answer.keeps_running:
                    self._end(answer)

    def signal_received(self, signal: str) -> None:
        self._host.signals.append(signal)
        if self._host.fault != "hang-deaf":
            self._channel.exit_with_signal(signal)

    def eof_received(self) -> bool:
        return True

    def _end(self, answer: Answer) -> None:
        if answer.signal:
            self._channel.exit_with_signal(answer.signal)
        else:
            self._channel.exit(answer.status)
