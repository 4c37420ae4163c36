"""Socket Mode: WebSockets the app opens, each payload on one of them, connections recycled by Slack's choice.

A URL from `apps.connections.open` opens one connection, once. A connection that closes takes what it had not
acknowledged with it; events are then sent again on another, what a person waits for has failed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Coroutine
from typing import Any

from aiohttp import WSMsgType, web

from bot.sandbox.addresses import Addresses
from bot.sandbox.arguments import Args
from bot.sandbox.clock import Clock, Timer, within
from bot.sandbox.dispatch import ACK_TIMEOUT_S, Answer, Kind
from bot.sandbox.faults import Faults
from bot.sandbox.protocol import Json
from bot.sandbox.workspace import Workspace

MOST_CONNECTIONS = 10
LIFETIME_S = 18_060.0
WARNING_S = 10.0
TICKET_LIFE_S = 30.0
_DEBUG = {"host": "applink-sandbox"}


class Connection:
    """One open WebSocket, what it has not acknowledged, and whether Slack has announced its end."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        self.transport = transport
        self.unacked: dict[str, asyncio.Future[Answer]] = {}
        self.timers: list[Timer] = []
        self.is_leaving = False
        self.is_open = True

    async def send(self, frame: Json) -> bool:
        """False when the other side is gone."""
        try:
            await self.socket.send_str(json.dumps(frame))
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def disconnect(self, reason: str) -> None:
        """Say why, and close."""
        self.is_leaving = True
        await self.send({"type": "disconnect", "reason": reason, "debug_info": _DEBUG})
        await self.socket.close()

    def gone(self) -> None:
        """Whatever was not acknowledged never will be."""
        self.is_open = False
        for timer in self.timers:
            timer.cancel()
        for future in self.unacked.values():
            if not future.done():
                future.set_result(Answer(is_acked=False, reason="connection_failed"))


class SocketMode:
    """The app's connections."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        addresses: Addresses,
        faults: Faults,
        clock: Clock,
        lifetime_s: float = LIFETIME_S,
        ack_timeout_s: float = ACK_TIMEOUT_S,
    ) -> None:
        self._workspace = workspace
        self._addresses = addresses
        self._faults = faults
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._ack_timeout_s = ack_timeout_s
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._turn = 0
        self.refused_count = 0
        """Handshakes that did not become a connection."""
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def connection_count(self) -> int:
        """How many are open."""
        return len(self._connections)

    def open_call(self, _args: Args) -> Json:
        """`apps.connections.open`; it takes no arguments that matter here."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = self._clock.now()
        return {"url": self._addresses.socket(ticket, app_id=self._workspace.app.id)}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A connection, from handshake to close."""
        made_at = self._tickets.pop(request.query.get("ticket", ""), None)
        if self._faults.refuse_sockets or self._faults.is_down:
            return self._refused(503, "no WebSocket today")
        if made_at is None or self._clock.now() - made_at > TICKET_LIFE_S:
            return self._refused(408, "this connection URL was used, or is too old")
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        connection = Connection(socket, request.transport)
        if len(self._connections) >= MOST_CONNECTIONS:
            await connection.disconnect("too_many_websockets")
            return socket
        self._connections.append(connection)
        try:
            await self._greet(connection)
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._received(connection, frame.data)
        finally:
            self._connections.remove(connection)
            connection.gone()
            self._workspace.changes.wake()
        return socket

    async def send(self, kind: Kind, payload: Json, *, attempt: int, reason: str) -> Answer:
        """On one connection, by turns."""
        connection = self._next()
        if connection is None:
            return Answer(is_acked=False, reason="no_connection")
        envelope_id = secrets.token_hex(16)
        envelope: Json = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        connection.unacked[envelope_id] = future
        try:
            if not await connection.send(envelope):
                return Answer(is_acked=False, reason="connection_failed")
            answer = await within(self._clock, future, timeout_s=self._ack_timeout_s)
        finally:
            connection.unacked.pop(envelope_id, None)
        return answer or Answer(is_acked=False, reason="timeout")

    async def recycle(self, reason: str = "refresh_requested") -> None:
        """End every connection now, as Slack does every few hours."""
        for connection in tuple(self._connections):
            await connection.disconnect(reason)

    async def warn(self) -> None:
        """Announce the end of every connection; they last ten seconds more."""
        for connection in tuple(self._connections):
            await self._warn(connection)

    def cut(self) -> None:
        """Drop every connection without a word, as a network does."""
        for connection in tuple(self._connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        """Close everything."""
        for task in tuple(self._closing):
            task.cancel()
        for connection in tuple(self._connections):
            connection.is_leaving = True
            await connection.socket.close(code=1001)

    async def _greet(self, connection: Connection) -> None:
        await connection.send(
            {
                "type": "hello",
                "num_connections": len(self._connections),
                "debug_info": {
                    **_DEBUG,
                    "build_number": 1,
                    "approximate_connection_time": int(self._lifetime_s),
                },
                "connection_info": {"app_id": self._workspace.app.id},
            }
        )
        warn_s = max(0.0, self._lifetime_s - WARNING_S)
        connection.timers.append(self._clock.call_later(warn_s, lambda: self._later(self._warn(connection))))
        self._workspace.changes.wake()

    async def _warn(self, connection: Connection) -> None:
        connection.is_leaving = True
        await connection.send({"type": "disconnect", "reason": "warning", "debug_info": _DEBUG})
        connection.timers.append(
            self._clock.call_later(WARNING_S, lambda: self._later(connection.disconnect("refresh_requested")))
        )

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name="sandbox socket recycling")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _refused(self, status: int, why: str) -> web.Response:
        self.refused_count += 1
        self._workspace.changes.wake()
        return web.Response(status=status, text=why)

    def _next(self) -> Connection | None:
        staying = [one for one in self._connections if not one.is_leaving] or self._connections
        if not staying:
            return None
        self._turn += 1
        return staying[self._turn % len(staying)]

    def _received(self, connection: Connection, text: str) -> None:
        if self._faults.ignore_acks:
            return
        try:
            frame = json.loads(text)
        except ValueError:
            return
        if not isinstance(frame, dict):
            return
        future = connection.unacked.get(str(frame.get("envelope_id")))
        if future is not None and not future.done():
            body = frame.get("payload")
            if isinstance(body, str):
                body = {"text": body}
            future.set_result(Answer(is_acked=True, body=body or {}))
