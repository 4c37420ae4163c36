"""`response_url`: five answers within thirty minutes to what one person did, also where the app is no member."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from aiohttp import web

from bot.sandbox import limits
from bot.sandbox.addresses import Addresses
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.workspace import Workspace

USES = 5
LIFE_S = 1800.0
KEPT = 2000


@dataclass(kw_only=True)
class Source:
    """What the URL answers: who did it and where, and the message it was done to, if any."""

    user: str
    channel: str
    made_at: float
    message_ts: str | None = None
    is_ephemeral: bool = False
    uses: int = 0


class ResponseUrls:
    """Hands out URLs and does what is posted to them."""

    def __init__(self, workspace: Workspace, addresses: Addresses) -> None:
        self._workspace = workspace
        self._addresses = addresses
        self._sources: dict[str, Source] = {}

    def give(
        self, user: str, *, channel: str, message_ts: str | None = None, is_ephemeral: bool = False
    ) -> str:
        """A new URL for what this person just did."""
        secret = secrets.token_hex(12)
        self._sources[secret] = Source(
            user=user,
            channel=channel,
            made_at=self._workspace.clock.now(),
            message_ts=message_ts,
            is_ephemeral=is_ephemeral,
        )
        if len(self._sources) > KEPT:
            del self._sources[next(iter(self._sources))]
        return self._addresses.response(secret)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One answer of the app."""
        source = self._sources.get(request.match_info["secret"])
        if source is None or self._workspace.clock.now() - source.made_at > LIFE_S:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if source.uses >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        source.uses += 1
        try:
            body = json.loads(await request.read())
            if not isinstance(body, dict):
                raise SlackError("invalid_payload")
            self.answer(source, body)
        except SlackError as refused:
            return web.json_response(refused.as_json(), status=400)
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        return web.Response(text="ok")

    def answer(self, source: Source, body: Json) -> None:
        """Say it, or change the message it was done to; raises SlackError for what breaks a limit."""
        original = source.message_ts
        if original is not None and body.get("delete_original"):
            self._change(source, original, None)
            return
        text, blocks = str(body.get("text") or ""), body.get("blocks")
        limits.check_blocks(blocks)
        if not (text or blocks or body.get("attachments")):
            raise SlackError("no_text")
        fields: Json = {"text": text, "blocks": blocks or None, "attachments": body.get("attachments")}
        if original is not None and body.get("replace_original"):
            self._change(source, original, fields)
            return
        channel, app = self._workspace.channels[source.channel], self._workspace.app
        thread_ts = body.get("thread_ts")
        if body.get("response_type", "ephemeral") == "in_channel":
            self._workspace.post(channel, sender=app, thread_ts=thread_ts, **fields)
        else:
            self._workspace.whisper(channel, to=source.user, sender=app, thread_ts=thread_ts, **fields)

    def _change(self, source: Source, ts: str, fields: Json | None) -> None:
        if source.is_ephemeral:
            self._workspace.change_whisper(to=source.user, ts=ts, fields=fields)
            return
        channel = self._workspace.channels[source.channel]
        if self._workspace.messages.get(channel.id, ts).get("bot_id") != self._workspace.app.bot_id:
            raise SlackError("cant_update_message")
        if fields is None:
            self._workspace.delete(channel, ts=ts)
        else:
            self._workspace.edit(channel, ts=ts, by=self._workspace.app, **fields)
