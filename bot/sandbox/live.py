"""Open pages, told of changes as they happen: each only what the member it acts as may see."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from bot.sandbox.changes import Change
from bot.sandbox.protocol import Json
from bot.sandbox.workspace import Workspace

_OF_CHANNEL = {
    "message": "message",
    "message_changed": "message_changed",
    "reaction": "message_changed",
    "message_deleted": "message_deleted",
}
_OF_EPHEMERAL = {
    "ephemeral": "ephemeral",
    "ephemeral_changed": "ephemeral",
    "ephemeral_deleted": "message_deleted",
}
_OF_VIEW = {"view_opened", "view_updated", "view_pushed", "home"}


def as_shown(message: Json) -> Json:
    """A message as the page draws it: its files can be fetched from the page's own address."""
    if "files" not in message:
        return message
    return {**message, "files": [{**file, "url": f"/page/files/{file['id']}"} for file in message["files"]]}


@dataclass(eq=False)
class _Page:
    user: str
    frames: asyncio.Queue[str]


class LivePages:
    """The WebSockets of open pages."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pages: set[_Page] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._statuses: dict[str, Json] = {}

    def on_change(self, change: Change) -> None:
        """Queue a frame for every page that shows this."""
        if change.kind == "status":
            self._statuses[change.body["of"]] = change.body
        if not self._pages:
            return
        frame = self._frame(change)
        if frame is None:
            return
        text = json.dumps(frame)
        for page in self._pages:
            if self._is_shown(change, page.user):
                page.frames.put_nowait(text)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One open page, until it closes; it starts with what the world is like and with modals already open."""
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        page = _Page(user=request.query.get("as", ""), frames=asyncio.Queue())
        for number, view in enumerate(self._workspace.views.stack(page.user)):
            kind = "view_pushed" if number else "view_opened"
            page.frames.put_nowait(json.dumps({"type": kind, "view": view}))
        for status in self._statuses.values():
            page.frames.put_nowait(json.dumps({"type": "status", **status}))
        self._pages.add(page)
        self._sockets.add(socket)
        writer = asyncio.create_task(self._write(page, socket), name="sandbox page frames")
        try:
            async for frame in socket:
                if frame.type is WSMsgType.ERROR:
                    break
        finally:
            self._pages.discard(page)
            self._sockets.discard(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    async def stop(self) -> None:
        """Close every page's socket; the pages come back when the sandbox does."""
        for socket in tuple(self._sockets):
            await socket.close(code=1001)

    @staticmethod
    async def _write(page: _Page, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            text = await page.frames.get()
            try:
                await socket.send_str(text)
            except ConnectionError:
                return

    def _frame(self, change: Change) -> Json | None:
        kind = change.kind
        if kind in _OF_CHANNEL:
            return {"type": _OF_CHANNEL[kind], "channel": change.channel, "message": as_shown(change.body)}
        if kind in _OF_EPHEMERAL:
            return {"type": _OF_EPHEMERAL[kind], "channel": change.channel, "message": change.body}
        if kind in _OF_VIEW:
            return {"type": kind, "view": change.body}
        if kind == "view_closed":
            return {"type": kind}
        if kind == "view_errors":
            return {"type": kind, "errors": change.body}
        if kind in ("toast", "status"):
            return {"type": kind, **change.body}
        return None

    def _is_shown(self, change: Change, user: str) -> bool:
        if change.kind in _OF_CHANNEL:
            return self._workspace.can_see(self._workspace.channels[change.channel], user_id=user)
        return change.kind == "status" or change.user == user
