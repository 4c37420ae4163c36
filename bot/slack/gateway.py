"""The verbs this product uses of Slack: post, edit, whisper, upload, open a modal, look people and places up.

Everything is a plain value in and out, and every failure a `SlackTrouble` (see `calls`). Nothing here knows runs or
incidents, and nothing here repeats an effect.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.engine.clock import Clock
from bot.runs.plan import Artifact
from bot.slack.calls import HINTS, Calls, Json, Met, SlackTrouble

CALL_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 4.0
PAGE = 200
FALLBACK_TEXT_LIMIT = 3000

_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,}")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who we are in this workspace."""

    team_id: str
    user_id: str
    bot_id: str


@dataclass(frozen=True, kw_only=True)
class Posted:
    """Where Slack put a message."""

    channel: str
    ts: str


def is_loopback(base_url: str) -> bool:
    """Whether this address is the machine itself: no proxy may stand between."""
    return (urlsplit(base_url).hostname or "") in ("127.0.0.1", "::1", "localhost")


def library_logger(name: str) -> logging.Logger:
    """A logger for Slack's libraries with a level of its own.

    They ask `logger.level`, which is 0 where none was set, and then format every request for a debug line that nobody
    reads; with the root at DEBUG that line would hold people's messages.
    """
    logger = logging.getLogger(f"bot.slack.{name}")
    logger.setLevel(logging.WARNING)
    return logger


def web_client(token: str, *, base_url: str, session: aiohttp.ClientSession | None = None) -> AsyncWebClient:
    """The SDK's client without its retries (see `calls`) and without a proxy to ourselves."""
    client = AsyncWebClient(
        token=token,
        base_url=base_url,
        timeout=int(CALL_TIMEOUT_S),
        session=session,
        retry_handlers=[],
        logger=library_logger("web"),
    )
    if is_loopback(base_url):
        client.proxy = None
    return client


class Gateway:
    """Slack as this product sees it. Make it with `open` inside the running loop; `close` it last."""

    def __init__(self, calls: Calls, session: aiohttp.ClientSession) -> None:
        self._calls = calls
        self._session = session
        self._identity: Identity | None = None
        self._channel_ids: dict[str, str] = {}

    @classmethod
    def open(
        cls,
        token: str,
        *,
        base_url: str,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        met: Met = lambda _method, _result, _seconds: None,
    ) -> Gateway:
        """One session for all calls, so that connections are kept; `sleep` stands between repeated reads."""
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        session = aiohttp.ClientSession(timeout=timeout)
        client = web_client(token, base_url=base_url, session=session)
        return cls(Calls(client, clock=clock, sleep=sleep, met=met), session)

    @property
    def client(self) -> AsyncWebClient:
        """The SDK's client, for Bolt."""
        return self._calls.client

    async def close(self) -> None:
        """Let the connections go."""
        await self._session.close()

    async def identity(self) -> Identity:
        """Who this token is; asked once."""
        if self._identity is None:
            told = await self._calls.read("auth.test")
            self._identity = Identity(
                team_id=str(told.get("team_id", "")),
                user_id=str(told.get("user_id", "")),
                bot_id=str(told.get("bot_id", "")),
            )
        return self._identity

    async def read(self, method: str, **params: object) -> Json:
        """Any reading method, for those who look people up."""
        return await self._calls.read(method, **params)

    async def post(
        self,
        channel: str,
        *,
        text: str,
        blocks: Sequence[Json] = (),
        thread_ts: str = "",
        metadata: Json | None = None,
    ) -> Posted:
        """A new message; `channel` may be a user id for a direct message."""
        told = await self._calls.effect(
            "chat.postMessage",
            channel=channel,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread_ts or None,
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
        )
        return Posted(channel=str(told.get("channel", channel)), ts=str(told.get("ts", "")))

    async def edit(self, at: Posted, *, text: str, blocks: Sequence[Json] = ()) -> None:
        """Replace what a message of ours says; the same twice is the same."""
        await self._calls.effect(
            "chat.update", channel=at.channel, ts=at.ts, text=text, blocks=list(blocks) or None
        )

    async def whisper(self, channel: str, *, user: str, text: str, thread_ts: str = "") -> None:
        """A message that only this person sees, in the thread where they are looking."""
        await self._calls.effect(
            "chat.postEphemeral", channel=channel, user=user, text=text, thread_ts=thread_ts or None
        )

    async def respond(self, response_url: str, *, text: str) -> None:
        """The same through a `response_url`: it needs no membership, but lives 30 minutes and 5 uses."""
        body = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            async with self._session.post(response_url, json=body) as answer:
                if answer.status >= 400:
                    raise SlackTrouble(f"slack refused an answer to a click (HTTP {answer.status})")
        except (aiohttp.ClientError, TimeoutError, ValueError) as broken:
            raise SlackTrouble(
                f"slack did not take an answer to a click ({type(broken).__name__})"
            ) from broken

    async def permalink(self, at: Posted) -> str:
        """The address people can open."""
        told = await self._calls.read("chat.getPermalink", channel=at.channel, message_ts=at.ts)
        return str(told.get("permalink", ""))

    async def upload(
        self,
        channel: str,
        *,
        files: Sequence[tuple[str, Artifact]],
        text: str,
        thread_ts: str = "",
    ) -> None:
        """Share files as one message; each comes with its title.

        Only the last of the three calls shows anything to anybody, so a failure before it is never `maybe_done`.
        Slack shares a moment after it has answered, and does not say under which `ts`.
        """
        ids = []
        for title, file in files:
            try:
                ids.append({"id": await self._bring(file), "title": title})
            except SlackTrouble as trouble:
                trouble.maybe_done = False
                raise
        await self._calls.form(
            "files.completeUploadExternal",
            files=json.dumps(ids),
            channel_id=channel,
            initial_comment=text,
            thread_ts=thread_ts or None,
        )

    async def _bring(self, file: Artifact) -> str:
        told = await self._calls.form(
            "files.getUploadURLExternal",
            filename=file.name,
            length=str(max(1, len(file.body))),
            alt_txt=file.alt or None,
        )
        try:
            # An empty file is refused by Slack; one newline says the same.
            async with self._session.post(told["upload_url"], data=io.BytesIO(file.body or b"\n")) as answer:
                if answer.status != 200:
                    raise SlackTrouble(f"slack refused the bytes of {file.name!r} (HTTP {answer.status})")
        except (aiohttp.ClientError, TimeoutError) as broken:
            raise SlackTrouble(f"slack did not take the bytes of {file.name!r}") from broken
        return str(told["file_id"])

    async def open_view(self, trigger_id: str, view: Json) -> str:
        """Open a modal; the trigger lives three seconds from the click, so this comes before any thinking."""
        told = await self._calls.effect("views.open", trigger_id=trigger_id, view=view)
        return str(told.get("view", {}).get("id", ""))

    async def update_view(self, view_id: str, view: Json) -> None:
        """Replace an open modal."""
        await self._calls.effect("views.update", view_id=view_id, view=view)

    async def publish_view(self, user_id: str, view: Json, *, expected_hash: str = "") -> str:
        """Replace this person's App Home; gives the hash of what is there now, to be expected the next time."""
        told = await self._calls.effect(
            "views.publish", user_id=user_id, view=view, hash=expected_hash or None
        )
        return str((told.get("view") or {}).get("hash", ""))

    async def channel_id(self, name: str) -> str:
        """The id behind `#name`, `name` or an id; `channel_not_found` where we see no such channel."""
        if _CHANNEL_ID.fullmatch(name):
            return name
        plain = name.removeprefix("#")
        if plain not in self._channel_ids:
            types = "public_channel,private_channel"
            async for page in self._pages("conversations.list", types=types, exclude_archived=True):
                self._channel_ids |= {str(one["name"]): str(one["id"]) for one in page.get("channels", ())}
        if plain not in self._channel_ids:
            raise SlackTrouble(
                f"slack has no channel {name!r} that the bot can see",
                error="channel_not_found",
                hint=HINTS["channel_not_found"],
            )
        return self._channel_ids[plain]

    async def messages(
        self, channel: str, *, thread_ts: str = "", since: datetime | None = None, most: int = 2000
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of a thread, or of a channel, with their metadata."""
        given: Json = {"channel": channel, "include_all_metadata": True}
        if since is not None:
            given["oldest"] = f"{since.timestamp():.6f}"
        if thread_ts:
            given["ts"] = thread_ts
        count = 0
        method = "conversations.replies" if thread_ts else "conversations.history"
        async for page in self._pages(method, **given):
            for message in page.get("messages", ()):
                yield message
                count += 1
            if count >= most:
                return

    async def _pages(self, method: str, **params: object) -> AsyncIterator[Json]:
        cursor = ""
        while True:
            page = await self._calls.read(method, **params, limit=PAGE, cursor=cursor or None)
            yield page
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return
