"""The machine the stories are about: a real SSH server in this process that knows a table of programs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import asyncssh

from bot.clients.command import command_of
from tests.fakes.patience import PATIENCE_S

Process = asyncssh.SSHServerProcess[str]
Program = Callable[[Process], Awaitable[int]]


@dataclass
class StoryHost:
    """`async with StoryHost(folder) as host:`; what is not in `programs` does not exist there (127)."""

    folder: Path
    programs: dict[str, Program] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    """Every command that was started, in order."""
    _started: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> StoryHost:
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        client_key = asyncssh.generate_private_key("ssh-ed25519")
        key_file = self.folder / "client_key"
        client_key.write_private_key(key_file)
        self._server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            process_factory=self._run,
            allow_pty=False,
        )
        self.port = self._server.get_port()
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text(
            f"[127.0.0.1]:{self.port} {host_key.export_public_key().decode().strip()}\n"
        )
        self.config = self.folder / "ssh_config"
        self.config.write_text(f"Host *\n  IdentityFile {key_file}\n")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def prints(self, command: str, output: str, *, status: int = 0) -> None:
        """From now on this command prints that and ends so."""

        async def program(process: Process) -> int:
            process.stdout.write(output)
            return status

        self.programs[command] = program

    def has_another_key(self) -> None:
        """From now on somebody else's key is the one that is trusted for this host."""
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {other}\n")

    async def goes_away(self) -> None:
        """Nobody listens any more."""
        self._server.close()
        await self._server.wait_closed()

    def is_cut_off_by(self, command: str) -> None:
        """The connection goes away while this command runs."""

        async def program(process: Process) -> int:
            process.channel.get_connection().abort()
            return 0

        self.programs[command] = program

    def streams(self, command: str, *pieces: str) -> Stream:
        """This command prints one piece after the other, each when the story says so."""
        stream = Stream(pieces=list(pieces))
        self.programs[command] = stream.program
        return stream

    async def started(self, command: str) -> None:
        """Return once this command was started."""
        async with asyncio.timeout(PATIENCE_S), self._started:
            await self._started.wait_for(lambda: command in self.ran)

    async def _run(self, process: Process) -> None:
        command = command_of(process.command or "")
        async with self._started:
            self.ran.append(command)
            self._started.notify_all()
        program = self.programs.get(command)
        with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
            if program is None:
                process.stdout.write(f"sh: {command.split()[0]}: not found\n")
                process.exit(127)
            else:
                process.exit(await program(process))


@dataclass
class Stream:
    """A command that goes on when it is told to, and ends early when a TERM reaches it."""

    pieces: list[str]
    _go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def go_on(self) -> None:
        """Print the next piece; after the last one it ends."""
        self._go.release()

    async def program(self, process: Process) -> int:
        """What runs on the host."""
        for piece in self.pieces:
            if await self._is_ended(process):
                return 143
            process.stdout.write(piece)
        return 143 if await self._is_ended(process) else 0

    async def _is_ended(self, process: Process) -> bool:
        """Wait for the word to go on, or for the end that whoever started it asks for."""
        go = asyncio.ensure_future(self._go.acquire())
        term = asyncio.ensure_future(process.stdin.readline())
        done, waiting = await asyncio.wait({go, term}, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return term in done
