"""Opens one connection over SSH: strict host keys on every machine on the way, and words for why there is none.

Where the ssh configuration file names jump hosts (`ProxyJump`), they are opened here, one through the other, and not
by asyncssh: it would read that file for them without the keys and the known hosts that the bot was told of, and let
one pass for which the file says `UserKnownHostsFile none`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import ActionError, ActionFailed, ActionRetry

if TYPE_CHECKING:
    import asyncssh

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


@dataclass(frozen=True, kw_only=True)
class Opener:
    """How hosts are reached: the configuration file, the known hosts, the keys."""

    config: Path | None = None
    known_hosts: Path | None = None
    client_keys: tuple[Path, ...] = ()

    async def open(
        self,
        host: SshHost,
        timeout_s: float,
        *,
        tunnel: asyncssh.SSHClientConnection | None = None,
        on_the_way_to: tuple[str, ...] = (),
    ) -> asyncssh.SSHClientConnection:
        """A login, through `tunnel` or whatever jump hosts the configuration names; nothing is left open on failure.

        Raises ActionRetry or ActionFailed with effect none.
        """
        import asyncssh  # noqa: PLC0415

        # At INFO it would log every command line with its values.
        asyncssh.set_log_level(logging.WARNING)
        given = self._options(host, timeout_s)
        if self.known_hosts is None or self._may_jump():
            # The configuration file alone says which keys are trusted (it may say: all), and which way leads there.
            options = await self._checked_options(host, timeout_s)
            if tunnel is None:
                tunnel = await self._tunnel(host, options.tunnel, timeout_s, on_the_way_to)
            given = {"options": options, "config": None, "tunnel": tunnel}
        connection = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await asyncssh.connect(**{**given, "host": host.address or host.name})
        except (asyncssh.Error, OSError, ValueError) as error:
            # Looked at once more where nothing is urgent: a set-up that cannot be used is told as that.
            options = await self._checked_options(host, timeout_s)
            raise await self._not_opened(host, options, timeout_s, error) from error
        finally:
            if tunnel is not None:
                if connection is None:
                    tunnel.abort()
                else:
                    connection.set_tunnel(tunnel)  # closed with it
        return connection

    async def _tunnel(
        self, host: SshHost, jumps: object, timeout_s: float, on_the_way_to: tuple[str, ...]
    ) -> asyncssh.SSHClientConnection | None:
        """The last of `user@host:port,…`, each reached through the one before it; None where there are none."""
        tunnel = None
        for jump in str(jumps).split(",") if jumps and jumps != "none" else ():
            user, _, place = jump.strip().rpartition("@")
            name, _, port = place.partition(":")
            if name in (host.name, *on_the_way_to):
                raise ActionFailed(
                    f"the ssh configuration leads to {host.name} in a circle, by {name}; nothing was sent",
                    hint="write `ProxyJump none` for the jump host itself",
                )
            tunnel = await self.open(
                SshHost(name=name, user=user, port=int(port) if port.isdigit() else None),
                timeout_s,
                tunnel=tunnel,
                on_the_way_to=(*on_the_way_to, host.name),
            )
        return tunnel

    def _may_jump(self) -> bool:
        """Whether the configuration file may lead anywhere through another host; one that includes others may.

        Read each time, as asyncssh does right after: it is small, here, and somebody may have changed it.
        """
        path = self.config or Path("~/.ssh/config").expanduser()
        try:
            words = path.read_text(encoding="utf-8", errors="replace").lower()
        except OSError:
            return False
        return "proxyjump" in words or "include" in words

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
            f"{host.name} ({host.where}) cannot be reached: {reason_of(error)}; nothing was sent",
            hint="check that it is up and that sshd listens there, then try again",
        )

    async def _has_another_key(self, host: SshHost, options: Any, timeout_s: float) -> bool:
        """Whether it hung up because none of its host keys is of a known kind: asked by offering every kind."""
        import asyncssh  # noqa: PLC0415

        if options.tunnel:
            return False
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
                f"the ssh set-up for {host.name} cannot be used ({reason_of(error)}); nothing was sent",
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
        if self.config is not None:
            options["config"] = [str(self.config)]
        if self.known_hosts is not None:
            options["known_hosts"] = str(self.known_hosts)
        if self.client_keys:
            options["client_keys"] = [str(path) for path in self.client_keys]
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
                f"{host.name} and this bot share no way to talk ({reason_of(error)}); nothing was sent"
            )
        return ActionFailed(
            f"the host key of {host.name} is not in known_hosts; nothing was sent",
            hint="read the key on the host itself, compare, and add it to the bot's known_hosts file",
        )


def reason_of(error: BaseException) -> str:
    """Why, in words for people."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        # Python's own words repeat address and number; the system's say what it is.
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
