"""The ways an ordinary ssh configuration file leads to a host: jump hosts, an agent, a certificate, for real."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest

from bot.clients.command import Ran
from bot.clients.ssh import SshHost, SshPool
from bot.errors import ActionFailed, ActionRetry
from tests.fakes.patience import PATIENCE_S
from tests.fakes.processes import wait_for
from tests.peers.conftest import Sshd, program, running_sshd

pytestmark = pytest.mark.peer

INSIDE = SshHost(name="inside")


@pytest.fixture
def jump(tmp_path: Path) -> Iterator[Sshd]:
    """A second sshd, with keys of its own, in front of the first."""
    (tmp_path / "front").mkdir()
    with running_sshd(tmp_path / "front") as server:
        yield server


def place(name: str, server: Sshd, *, more: str = "", known: bool = True) -> str:
    """One `Host` of a configuration file, told everything about this server."""
    keys = f"  UserKnownHostsFile {server.known_hosts}\n" if known else ""
    return (
        f"Host {name}\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {server.client_key}\n{keys}{more}"
    )


def written(folder: Path, *parts: str) -> Path:
    path = folder / "ssh_config"
    path.write_text("".join(parts))
    return path


async def asked(pool: SshPool, command: str = "echo $SSH_CONNECTION") -> Ran:
    try:
        return await pool.run(INSIDE, command, timeout_s=PATIENCE_S, stop=asyncio.Event())
    finally:
        await pool.aclose()


@pytest.mark.parametrize("has_own_file", [False, True])
async def test_a_host_behind_a_jump_host_is_reached_through_it(
    sshd: Sshd, jump: Sshd, tmp_path: Path, *, has_own_file: bool
) -> None:
    """Host keys from the configuration, or all in one file that the bot was told of (BOT_SSH_KNOWN_HOSTS)."""
    both = tmp_path / "both_known_hosts"
    both.write_text(sshd.known_hosts.read_text() + jump.known_hosts.read_text())
    config = written(
        tmp_path,
        place("inside", sshd, more="  ProxyJump door\n", known=not has_own_file),
        place("door", jump, known=not has_own_file),
    )
    sessions = []
    pool = SshPool(config=config, known_hosts=both if has_own_file else None)
    ran = await pool.run(INSIDE, "echo in", timeout_s=PATIENCE_S, stop=asyncio.Event())
    sessions += jump.sessions()
    await pool.aclose()
    assert ran.output == "in\n"
    assert sessions, "it did not go through the jump host"


async def test_jump_hosts_follow_each_other(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    config = written(
        tmp_path,
        place("inside", sshd, more="  ProxyJump door,second\n"),
        place("door", jump),
        place("second", sshd),
    )
    assert (await asked(SshPool(config=config), "echo in")).output == "in\n"


@pytest.mark.parametrize("has_own_file", [False, True])
async def test_a_jump_host_with_another_key_is_refused_by_its_name(
    sshd: Sshd, jump: Sshd, tmp_path: Path, *, has_own_file: bool
) -> None:
    jump.trust(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip())
    both = tmp_path / "both_known_hosts"
    both.write_text(sshd.known_hosts.read_text() + jump.known_hosts.read_text())
    config = written(
        tmp_path,
        place("inside", sshd, more="  ProxyJump door\n", known=not has_own_file),
        place("door", jump, known=not has_own_file),
    )
    with pytest.raises(ActionFailed, match="the host key of door is not the one in known_hosts"):
        await asked(SshPool(config=config, known_hosts=both if has_own_file else None))


async def test_host_keys_cannot_be_turned_off_for_a_jump_host_either(
    sshd: Sshd, jump: Sshd, tmp_path: Path
) -> None:
    config = written(
        tmp_path,
        place("inside", sshd, more="  ProxyJump door\n"),
        place("door", jump, more="  UserKnownHostsFile none\n", known=False),
    )
    with pytest.raises(ActionFailed, match="turns host key checks off for door"):
        await asked(SshPool(config=config))


async def test_jump_hosts_that_lead_in_a_circle_are_refused(sshd: Sshd, tmp_path: Path) -> None:
    config = written(tmp_path, place("*", sshd, more="  ProxyJump door\n"))
    with pytest.raises(ActionFailed, match="in a circle"):
        await asked(SshPool(config=config))


async def test_a_jump_host_that_cannot_go_on_has_sent_nothing(sshd: Sshd, jump: Sshd, tmp_path: Path) -> None:
    inside = place("inside", sshd, more="  ProxyJump door\n").replace(f"Port {sshd.port}", "Port 1")
    with pytest.raises(ActionRetry, match=r"inside .* cannot be reached: .*nothing was sent"):
        await asked(SshPool(config=written(tmp_path, inside, place("door", jump))))


@contextmanager
def agent(folder: Path) -> Iterator[Path]:
    """A running ssh-agent; gives its socket."""
    socket = folder / "agent"
    process = subprocess.Popen([program("ssh-agent"), "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        yield socket
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


async def test_a_key_that_only_an_agent_has_is_used(sshd: Sshd, tmp_path: Path) -> None:
    add = program("ssh-add")
    with agent(tmp_path) as socket:
        await asyncio.to_thread(wait_for, socket.exists, "the agent listening")
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        await asyncio.to_thread(
            subprocess.run, [add, "-q", str(sshd.client_key)], env=environment, check=True, timeout=PATIENCE_S
        )
        here = place("inside", sshd, more=f"  IdentityAgent {socket}\n")
        config = written(tmp_path, here.replace(f"  IdentityFile {sshd.client_key}\n", ""))
        assert (await asked(SshPool(config=config), "echo in")).output == "in\n"


async def test_a_certificate_of_an_authority_that_the_host_trusts_lets_in(tmp_path: Path) -> None:
    authority, key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (tmp_path / "authority.pub").write_bytes(authority.export_public_key())
    key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    with running_sshd(tmp_path, settings=f"TrustedUserCAKeys {tmp_path}/authority.pub\n") as server:
        certificate = authority.generate_user_certificate(key, "runbook-bot", principals=[server.user])
        certificate.write_certificate(tmp_path / "key-cert.pub")
        here = place("inside", server).replace(str(server.client_key), str(tmp_path / "key"))
        told = written(tmp_path, here, f"  CertificateFile {tmp_path}/key-cert.pub\n")
        assert (await asked(SshPool(config=told), "echo in")).output == "in\n"
        (tmp_path / "key-cert.pub").unlink()
        with pytest.raises(ActionFailed, match="refused the login"):
            await asked(SshPool(config=written(tmp_path, here)))
