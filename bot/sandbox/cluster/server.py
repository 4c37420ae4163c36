"""The cluster as one thing: a stage with its network, started and stopped, with what goes wrong and what was asked.

async with Cluster() as cluster:
    cluster.deployment("payments", "api", replicas=3)
    cluster.faults.cut("patch", "deployments/scale", is_done=True)
    …
    assert [one.line for one in cluster.requests.writes()] == ["patch deployments/scale payments/api"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from aiohttp import web

from bot.sandbox.clock import Clock, WallClock
from bot.sandbox.cluster import kubeconfig, tls
from bot.sandbox.cluster.controllers.loop import Loop
from bot.sandbox.cluster.controllers.turn import Pace
from bot.sandbox.cluster.faults import Faults
from bot.sandbox.cluster.http import Http
from bot.sandbox.cluster.requests import RequestLog
from bot.sandbox.cluster.rights import Rights
from bot.sandbox.cluster.stage import Stage
from bot.sandbox.cluster.verbs import Verbs
from bot.sandbox.gate import guard, is_loopback

MOST_BYTES = 8 * 1024 * 1024
NODES = ("n1", "n2", "n3")


class Cluster(Stage):
    """A stand-in cluster. All of it runs in the event loop that called `start`."""

    def __init__(
        self,
        *,
        nodes: Sequence[str] = NODES,
        clock: Clock | None = None,
        ready_after_s: float = 0.0,
        stop_after_s: float = 0.0,
        is_tls: bool = False,
    ) -> None:
        """With `is_tls` it asks for its token, as real ones do; without, kubectl sends none and none is needed.

        `ready_after_s` is how long a pod takes from its node to ready, `stop_after_s` how long to stop (never more
        than its grace); both pass on `clock`.
        """
        clock = clock or WallClock()
        super().__init__(clock=clock, pace=Pace(ready_after_s=ready_after_s, stop_after_s=stop_after_s))
        self.faults = Faults()
        self.requests = RequestLog()
        self.rights = Rights()
        self.verbs = Verbs(self.world, self.rights)
        self.http = Http(
            self.world,
            verbs=self.verbs,
            rights=self.rights,
            faults=self.faults,
            log=self.requests,
            logs=self.logs,
        )
        self.base_url = ""
        self._loop = Loop(self.control, self.world, clock)
        self._tls = tls.made() if is_tls else None
        self.http.needs_token = is_tls
        self._runner: web.AppRunner | None = None
        for name in nodes:
            self.node(name)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises ValueError for an address others can reach."""
        if not is_loopback(host):
            raise ValueError(f"the stand-in cluster listens on this machine only, not on {host!r}")
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[guard])
        app.router.add_route("*", "/{path:.*}", self.http.handle)
        # A client that goes away ends its request here: watches, and answers that never come.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        context = self._tls.context if self._tls else None
        await web.TCPSite(self._runner, host, port, ssl_context=context).start()
        bound = self._runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        self.base_url = f"{'https' if self._tls else 'http'}://{shown}:{bound[1]}"
        self._loop.start()

    async def stop(self) -> None:
        """Close everything; harmless when it never started. Raises what broke a controller."""
        self.http.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._loop.stop()

    async def __aenter__(self) -> Cluster:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def authority(self) -> bytes:
        """The certificate authority (PEM) that its certificate is from; empty without TLS."""
        return self._tls.authority if self._tls else b""

    def write_kubeconfig(self, path: Path, context: str = "standin", *, namespace: str = "default") -> Path:
        """A kubeconfig whose one context leads here; gives the path."""
        content = kubeconfig.text(
            self.base_url,
            context=context,
            token=self.http.token,
            authority=self.authority,
            namespace=namespace,
        )
        kubeconfig.write(path, content)
        return path

    def hold(self) -> None:
        """Nothing happens by itself until `release`: requests are answered, controllers sleep."""
        self._loop.is_held = True

    def release(self) -> None:
        """Controllers catch up."""
        self._loop.is_held = False
        self._loop.wake()

    def gets_ready(self, namespace: str, name: str, *, after_s: float | None = None) -> None:
        """The same as on the stage, and the controllers look at once."""
        super().gets_ready(namespace, name, after_s=after_s)
        self._loop.wake()

    async def settled(self, *, timeout_s: float = 10.0) -> None:
        """Return when all has come as far as it will; a pod that never gets ready is as far as it will come.

        Raises TimeoutError.
        """
        await asyncio.wait_for(self._loop.settled(), timeout_s)

    async def until(self, is_so: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Return as soon as a change makes this true; raises TimeoutError."""
        happened = asyncio.Event()
        forget = self.world.listen(lambda _: happened.set())
        try:
            async with asyncio.timeout(timeout_s):
                while not is_so():
                    await happened.wait()
                    happened.clear()
        finally:
            forget()
