"""The page's own endpoints: what it shows, what it hears, and the one door for what a person does.

Every POST needs the header `X-Sandbox: 1` and a JSON body, which no form of another site can send.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.sandbox.composer import encoded
from bot.sandbox.gate import PAGE_POLICY
from bot.sandbox.live import LivePages, as_shown
from bot.sandbox.person import Person
from bot.sandbox.protocol import Json, NobodyAnswers, NotThere, SlackError
from bot.sandbox.workspace import Workspace

PAGE_FOLDER = Path(__file__).parent / "page"
_SERVED = {".html", ".js", ".css", ".svg", ".png", ".woff2"}
_PNG = b"\x89PNG\r\n\x1a\n"
"""How a picture begins: the only files that are more than text to a browser."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_WORDS = {
    "not_in_channel": "You are not a member of this channel.",
    "message_not_found": "This message is gone.",
    "thread_not_found": "This thread is gone.",
    "channel_not_found": "There is no such channel for you.",
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A button beside the workspace that makes something happen, like a page going off."""

    id: str
    label: str
    run: Callable[[], Awaitable[Any]]
    hint: str = ""
    style: str = ""


class PageRoutes:
    """Serves the page and does what it asks, always as the member it acts as."""

    def __init__(
        self, workspace: Workspace, *, person: Callable[[str], Person], live: LivePages, you: str
    ) -> None:
        self._workspace = workspace
        self._person = person
        self._live = live
        self._you = you
        self.scenarios: dict[str, Scenario] = {}
        self._acts: dict[str, Callable[[Person, Json], Awaitable[object]]] = {
            "post": self._post,
            "click": self._click,
            "view_click": self._view_click,
            "submit_view": self._submit_view,
            "close_view": self._close_view,
            "shortcut": self._shortcut,
            "scenario": self._scenario,
        }

    def add_to(self, app: web.Application) -> None:
        """Put the routes in."""
        app.router.add_get("/", self._index)
        app.router.add_get("/page/workspace", self._show_workspace)
        app.router.add_get("/page/messages", self._show_messages)
        app.router.add_get("/page/home", self._show_home)
        app.router.add_get("/page/files/{file_id}", self._file)
        app.router.add_get("/page/live", self._live.handle)
        app.router.add_post("/page/act", self._act)
        app.router.add_get("/page/{name:[A-Za-z0-9_./-]+}", self._asset)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _served(PAGE_FOLDER / "index.html", {"Content-Security-Policy": PAGE_POLICY})

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        path = (PAGE_FOLDER / request.match_info["name"]).resolve()
        if not path.is_relative_to(PAGE_FOLDER.resolve()) or path.suffix not in _SERVED:
            raise web.HTTPNotFound
        return _served(path)

    async def _show_workspace(self, _request: web.Request) -> web.StreamResponse:
        workspace, app = self._workspace, self._workspace.app
        shown = {
            "team": {"id": workspace.team_id, "name": workspace.name},
            "you": self._you,
            "users": [
                {"id": user.id, "name": user.name, "real_name": user.real_name or user.name, "email": user.email,
                 "is_bot": user.is_bot, "is_restricted": user.is_restricted or user.is_ultra_restricted,
                 "is_stranger": user.is_stranger, "deleted": user.is_deleted, "color": user.color,
                 "title": user.title}
                for user in workspace.users.values()
            ],
            "channels": [
                {"id": one.id, "name": one.name, "topic": one.topic, "is_im": one.is_im,
                 "is_private": one.is_private, "members": one.members}
                for one in workspace.channels.values()
            ],
            "user_groups": [
                {"id": group.id, "handle": group.handle, "name": group.name, "users": group.users}
                for group in workspace.groups.values()
            ],
            "app": {"user_id": app.user_id, "name": app.name},
            "commands": [
                {"command": one.command, "description": one.description, "usage_hint": one.usage_hint}
                for one in app.commands
            ],
            "shortcuts": [
                {"type": one.kind, "callback_id": one.callback_id, "name": one.name} for one in app.shortcuts
            ],
            "scenario": [
                {"id": one.id, "label": one.label, "hint": one.hint, "style": one.style}
                for one in self.scenarios.values()
            ],
        }  # fmt: skip
        return _json(shown)

    async def _show_messages(self, request: web.Request) -> web.StreamResponse:
        user = request.query.get("as", self._you)
        try:
            channel = self._workspace.channel(request.query.get("channel", ""), for_user=user)
        except SlackError as refused:
            return _refused(refused.error)
        messages = self._workspace.messages
        whispers = [one for one in messages.ephemerals_of(user) if one["channel"] == channel.id]
        shown = sorted([*messages.all_in(channel.id), *whispers], key=lambda one: float(one["ts"]))
        return _json({"ok": True, "messages": [as_shown(one) for one in shown]})

    async def _show_home(self, request: web.Request) -> web.StreamResponse:
        try:
            person = self._person(request.query.get("as", self._you))
        except SlackError as refused:
            return _refused(refused.error)
        return _json({"ok": True, "view": await person.open_home()})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        try:
            file = self._workspace.files.get(request.match_info["file_id"])
        except SlackError:
            raise web.HTTPNotFound from None
        name = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in file.name)
        headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        content = file.content or b""
        if content.startswith(_PNG):
            return web.Response(body=content, content_type="image/png", headers=headers)
        return web.Response(body=content, content_type="text/plain", charset="utf-8", headers=headers)

    async def _act(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Sandbox") != "1" or request.content_type != "application/json":
            return _json(
                {"ok": False, "error": "forbidden", "text": "this did not come from the page"}, status=403
            )
        try:
            asked = json.loads(await request.read())
            perform = self._acts[asked["do"]]
            await perform(self._person(asked["as"]), asked)
        except NobodyAnswers as silent:
            return _json({"ok": False, "error": "nobody_answers", "text": str(silent)})
        except NotThere as missing:
            return _json({"ok": False, "error": "not_there", "text": str(missing)})
        except SlackError as refused:
            return _refused(refused.error)
        except (KeyError, TypeError, ValueError) as wrong:
            return _json(
                {
                    "ok": False,
                    "error": "invalid_arguments",
                    "text": f"the page asked for no known act: {wrong}",
                }
            )
        return _json({"ok": True})

    async def _post(self, person: Person, asked: Json) -> object:
        text, thread_ts = str(asked["text"]).strip(), asked.get("thread_ts")
        if not text:
            raise SlackError("no_text")
        if text.startswith("/"):
            if thread_ts:
                raise NotThere(f"{text.split()[0]} is not supported in threads. Sorry!")
            return await person.command(text, asked["channel"])
        return await person.post(asked["channel"], encoded(text, self._workspace), thread_ts)

    async def _click(self, person: Person, asked: Json) -> object:
        if "view_id" in asked:
            return await self._view_click(person, asked)
        return await person.click(
            asked["channel"],
            asked["ts"],
            asked["action_id"],
            asked.get("block_id"),
            choice=_choice(asked),
            values=self._shown_values(asked, self._blocks_of_message(person, asked)),
        )

    async def _view_click(self, person: Person, asked: Json) -> object:
        return await person.view_click(
            asked["view_id"],
            asked["action_id"],
            asked.get("block_id"),
            choice=_choice(asked),
            values=self._shown_values(asked, self._blocks_of_view(person, asked)),
        )

    async def _submit_view(self, person: Person, asked: Json) -> object:
        values = self._shown_values(asked, self._blocks_of_view(person, asked))
        return await person.submit(asked["view_id"], values)

    async def _close_view(self, person: Person, asked: Json) -> object:
        await person.close(asked["view_id"], is_cleared=bool(asked.get("is_cleared")))
        return None

    async def _shortcut(self, person: Person, asked: Json) -> object:
        return await person.shortcut(asked["callback_id"], asked.get("channel"), asked.get("ts"))

    async def _scenario(self, _person: Person, asked: Json) -> object:
        return await self.scenarios[asked["id"]].run()

    def _blocks_of_view(self, person: Person, asked: Json) -> list[Json]:
        return list(self._workspace.views.of(person.user.id, asked["view_id"])["blocks"])

    def _blocks_of_message(self, person: Person, asked: Json) -> list[Json]:
        whisper = self._workspace.messages.ephemeral(person.user.id, asked["ts"])
        return list(
            (whisper or self._workspace.messages.get(asked["channel"], asked["ts"])).get("blocks", ())
        )

    @staticmethod
    def _shown_values(asked: Json, blocks: list[Json]) -> Json:
        # A page may still hold entries of a version that has just been replaced.
        shown = {block["block_id"] for block in blocks}
        return {
            block_id: value for block_id, value in (asked.get("values") or {}).items() if block_id in shown
        }


def _choice(asked: Json) -> Any:
    for key, value in asked.items():
        if key == "value" or key.startswith("selected_"):
            return value
    return None


def _json(body: Json, *, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers=_HEADERS)


def _refused(error: str) -> web.Response:
    return _json({"ok": False, "error": error, "text": _WORDS.get(error, error)})


def _served(path: Path, headers: dict[str, str] | None = None) -> web.StreamResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") or kind.endswith(("javascript", "svg+xml")) else None
    return web.Response(
        body=path.read_bytes(), content_type=kind, charset=charset, headers={**_HEADERS, **(headers or {})}
    )
