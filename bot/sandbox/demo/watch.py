"""The monitoring: calls one service the way customers do, shows what came of it, and pages when it stops working."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import aiohttp
import structlog

log = structlog.get_logger()

EVERY_S = 0.5
CONVINCED_AFTER = 3
"""How many good answers in a row make it healthy again; one bad one is enough for the opposite."""
SLOW_S = 0.2
PATIENCE_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """One call, and what came of it; status 0 where nothing answered."""

    status: int
    words: str
    took_s: float

    @property
    def is_good(self) -> bool:
        """Whether the customer got what they came for."""
        return self.status == 200


State = Literal["ok", "bad", "unknown"]


class Watch:
    """Calls `path` every half second; `page` and `resolve` are called at each turn for the worse and the better."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        path: str,
        show: Callable[[str, State], None],
        page: Callable[[], Awaitable[object]],
        resolve: Callable[[], Awaitable[object]],
        every_s: float = EVERY_S,
    ) -> None:
        self._url = url
        self._name = name
        self._path = path
        self._show = show
        self._page = page
        self._resolve = resolve
        self._every_s = every_s
        self._shown: tuple[str, State] | None = None
        self._good_in_a_row = CONVINCED_AFTER
        self._http: aiohttp.ClientSession | None = None
        self._look_now = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to call."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        self._running = asyncio.create_task(self._run(), name=f"demo watch of {self._name}")

    async def stop(self) -> None:
        """Call no more; harmless when it never started."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        if self._http is not None:
            await self._http.close()

    def now(self) -> None:
        """Do not wait for the next turn."""
        self._look_now.set()

    async def look(self, path: str = "") -> Look:
        """One real call; the one that customers make unless told."""
        assert self._http is not None
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with self._http.get(f"{self._url}{path or self._path}") as answer:
                body = await answer.json()
                words = str(body.get("error") or body.get("status") or "")
                return Look(status=answer.status, words=words, took_s=clock() - began)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Look(status=0, words=f"no answer ({type(error).__name__})", took_s=clock() - began)

    async def _run(self) -> None:
        is_paged = False
        while True:
            seen = await self.look()
            self._tell(seen)
            self._good_in_a_row = self._good_in_a_row + 1 if seen.is_good else 0
            try:
                if not seen.is_good and not is_paged:
                    await self._page()
                    is_paged = True
                elif is_paged and self._good_in_a_row >= CONVINCED_AFTER:
                    await self._resolve()
                    is_paged = False
            except (aiohttp.ClientError, TimeoutError) as error:
                # The next turn tries again, as PagerDuty would.
                log.warning("page-not-delivered", reason=str(error) or type(error).__name__)
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._every_s):
                await self._look_now.wait()
        except TimeoutError:
            return
        finally:
            self._look_now.clear()

    def _tell(self, seen: Look) -> None:
        """Show it where it differs, in words that stay the same while nothing changes (they are read aloud)."""
        if not seen.is_good:
            told: tuple[str, State] = (f"{self._name}: broken", "bad")
        elif seen.took_s > SLOW_S:
            told = (f"{self._name}: slow", "unknown")
        else:
            told = (f"{self._name}: healthy", "ok")
        if told != self._shown:
            self._shown = told
            self._show(*told)
