"""The one place where the controllers wait: for a change, or for the moment they named."""

from __future__ import annotations

import asyncio
import contextlib

from bot.sandbox.clock import Clock, Timer
from bot.sandbox.cluster.controllers.control import Control
from bot.sandbox.cluster.world import World


class Loop:
    """Owns the task that steps the controllers; all of it runs in the event loop that called `start`."""

    def __init__(self, control: Control, world: World, clock: Clock) -> None:
        self._control, self._clock = control, clock
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_held = False
        """Nothing happens by itself while this is set, as if the controllers were down."""
        world.listen(lambda _: self.wake())

    def start(self) -> None:
        """Begin to step."""
        self._task = asyncio.create_task(self._run(), name="stand-in cluster controllers")

    async def stop(self) -> None:
        """Step no more; raises what broke a controller."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def wake(self) -> None:
        """Something changed."""
        self._quiet.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Return when nothing is due now and nothing is on its way to be soon; raises what broke a controller."""
        quiet = asyncio.create_task(self._quiet.wait(), name="stand-in cluster settles")
        try:
            await asyncio.wait(
                {quiet, *([self._task] if self._task else [])}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            quiet.cancel()
        if self._task is not None and self._task.done():
            self._task.result()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if not self.is_held:
                self._plan(self._control.step())
            if (self.is_held or self._control.is_quiet) and not self._wake.is_set():
                if self.is_held or not self._control.is_soon:
                    self._quiet.set()
                await self._wake.wait()
            await asyncio.sleep(0)

    def _plan(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer = self._clock.call_later(max(0.0, at - self._clock.now()), self.wake)
