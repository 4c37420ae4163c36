"""Real programs on ephemeral loopback ports, each in a folder of its own; a missing one skips its tests by name."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from bot.clients.ssh import SshHost, SshPool
from tests.fakes.patience import PATIENCE_S
from tests.fakes.processes import wait_for


def program(name: str, *places: str) -> str:
    """The path of a program, or skip the test that needs it, naming it."""
    found = shutil.which(name) or next((place for place in places if Path(place).exists()), None)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Sshd:
    """A running sshd: how to reach it, and how to break it."""

    root: Path
    port: int
    user: str
    process: subprocess.Popen[bytes]

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def client_key(self) -> Path:
        return self.root / "client_key"

    def host(self, name: str = "web-1") -> SshHost:
        return SshHost(name=name, address="127.0.0.1", port=self.port, user=self.user)

    def trust(self, public_key: str) -> None:
        """Make `public_key` (one line) the only host key that is known for this server."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public_key}\n")

    def sessions(self) -> list[int]:
        """The processes sshd started for our connections."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in listed.stdout.split()]

    def cut(self) -> None:
        """Kill the processes that serve connections, as a crash or a dropped link would."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A real sshd with a host key of its own that lets one key in as the user who runs the tests."""
    with running_sshd(tmp_path) as server:
        yield server


@contextlib.contextmanager
def running_sshd(folder: Path, *, settings: str = "") -> Iterator[Sshd]:
    """The same with further lines of its configuration, until the block ends."""
    binary = program("sshd", "/usr/sbin/sshd")
    program("pgrep")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    root = folder / "sshd"
    root.mkdir(mode=0o700)
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for name, key in (("host_key", host_key), ("client_key", client_key)):
        key.write_private_key(root / name)
        (root / name).chmod(0o600)
    (root / "authorized_keys").write_bytes(client_key.export_public_key())
    (root / "authorized_keys").chmod(0o600)
    port = free_port()
    (root / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host_key\nPidFile none\n"
        f"AuthorizedKeysFile {root}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin prohibit-password\n"
        f"LogLevel ERROR\n{settings}"
    )
    process = subprocess.Popen([binary, "-D", "-e", "-f", str(root / "sshd_config")], stderr=subprocess.PIPE)
    server = Sshd(root=root, port=port, user=_user(), process=process)
    server.trust(host_key.export_public_key().decode().strip())
    try:
        wait_for(lambda: is_listening(port) or process.poll() is not None, "sshd listening")
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.skip(f"sshd does not start here: {process.stderr.read().decode().strip()}")
        yield server
    finally:
        server.cut()
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        if process.stderr is not None:
            process.stderr.close()


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
async def pool(sshd: Sshd) -> AsyncIterator[SshPool]:
    """A pool that trusts and is trusted by `sshd`."""
    made = SshPool(config=Path(os.devnull), known_hosts=sshd.known_hosts, client_keys=(sshd.client_key,))
    try:
        yield made
    finally:
        await made.aclose()


@dataclass
class Redis:
    """A running redis-server on a unix socket."""

    socket: Path
    process: subprocess.Popen[bytes]

    def call(self, *words: str) -> str:
        return subprocess.run(
            ["redis-cli", "-s", str(self.socket), *words], capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A real, empty redis-server."""
    binary = program("redis-server")
    program("redis-cli")
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(path.exists, "redis-server listening")
        yield Redis(socket=path, process=process)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
