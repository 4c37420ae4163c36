"""The whole bot in a thread of its own, for clients that know nothing of our event loop (commands, fuzzers)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.fakes.patience import PATIENCE_S
from tests.stories.stage import Stage

T = TypeVar("T")


class Served:
    """A stage that is open while the block runs; `do` lets something happen on it."""

    def __init__(self, folder: Path, *, runbooks: dict[str, str], inventory: str = "") -> None:
        self._arguments: dict[str, Any] = {"runbooks": runbooks, "inventory": inventory}
        self._folder = folder
        self._up = threading.Event()
        self._down: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="served", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stage: Stage | None = None

    async def _serve(self) -> None:
        async with Stage.open(self._folder, **self._arguments) as stage:
            self._stage, self._loop, self._down = stage, asyncio.get_running_loop(), asyncio.Event()
            self._up.set()
            await self._down.wait()

    @property
    def stage(self) -> Stage:
        """To be used inside `do`, or for what does not wait."""
        assert self._stage is not None
        return self._stage

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.stage.app.port}"

    def token(self, *roles: str, subject: str = "program", email: str = "") -> str:
        """What lets a program in."""
        return self.stage.token(*roles, subject=subject, email=email)

    def do(self, work: Callable[[Stage], Awaitable[T]]) -> T:
        """Let this happen on the stage, and wait for it."""
        assert self._loop is not None

        async def performed() -> T:
            return await work(self.stage)

        return asyncio.run_coroutine_threadsafe(performed(), self._loop).result(PATIENCE_S)

    def started(self, name: str) -> str:
        """The id of a run of this runbook, at rest."""

        async def start(stage: Stage) -> str:
            token = stage.token("operator", subject="starter")
            path = "/api/v1/runbooks/execute"
            _, run = await stage.call("POST", path, token=token, json={"runbook_name": name})
            await stage.rest()
            return str(run["run_id"])

        return self.do(start)

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._up.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._down is not None:
            self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(PATIENCE_S)
