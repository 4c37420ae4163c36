"""The Prometheus of the stories: a real HTTP server whose one metric stands at a level that the story moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.stories.clock import StoryClock

RIPPLE = (0.0, 1.0, -1.0, 0.5, -0.5)
"""No real metric stands quite still."""


@dataclass
class StoryPrometheus:
    """`async with StoryPrometheus() as prometheus:`; the bot's clock is handed in when there is one."""

    level: float = 0.0
    asked: list[str] = field(default_factory=list)
    _moved: list[tuple[datetime, float]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v1/query_range", self._range)
        self._server = TestServer(app)
        await self._server.start_server()
        self.url = f"http://127.0.0.1:{self._server.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()

    def moves_to(self, level: float, clock: StoryClock) -> None:
        """From this moment on."""
        self._moved.append((clock.now(), level))

    async def _range(self, request: web.Request) -> web.Response:
        asked = request.query
        self.asked.append(asked["query"])
        at, end, apart_s = float(asked["start"]), float(asked["end"]), float(asked["step"])
        values = []
        while at <= end:
            values.append([at, str(self._at(at) + RIPPLE[len(values) % len(RIPPLE)])])
            at += apart_s
        result = [{"metric": {"service": "checkout"}, "values": values}]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})

    def _at(self, at: float) -> float:
        return next((level for since, level in reversed(self._moved) if since.timestamp() <= at), self.level)
