"""The way in by WebSocket: connected, watched, and healed where the SDK would stay down.

Two habits of the SDK's client need watching (both seen). After a failed handshake it retries the same, now dead,
address for ever; forgetting `wss_uri` makes the next try ask for a new one. And with a token Slack refuses it retries
for ever too; so the token is asked for once before the client is made, and a refusal ends the start with a sentence.

Being healthy is "a frame came lately" (Slack and we ping each other), not "the task is alive".
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.engine.clock import Clock
from bot.errors import SettingsError
from bot.slack.calls import Calls, SlackTrouble
from bot.slack.gateway import is_loopback, library_logger, web_client

log = structlog.get_logger()

PING_EVERY_S = 5.0
"""Also how long the SDK may take to notice that a connection was cut without a word."""
LOOK_EVERY_S = 5.0
FORGET_AFTER = timedelta(seconds=10)
"""How long a connection may be down before its address is thought dead."""
RESTART_AFTER = timedelta(seconds=60)
SILENT_AFTER = timedelta(seconds=60)

TOKEN_ERRORS = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "not_allowed_token_type",
    }
)


class SocketMode:
    """One Socket Mode connection of one app, from `start` to `stop`."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        app_token: str,
        base_url: str,
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
        ping_every_s: float = PING_EVERY_S,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._base_url = base_url
        self._clock = clock
        self._look_every_s = look_every_s
        self._ping_every_s = ping_every_s
        self._handler: AsyncSocketModeHandler | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._last_frame_at: datetime | None = None

    async def start(self, *, timeout_s: float) -> bool:
        """Connect; False when Slack could not be reached in this time (it goes on trying behind).

        Raises `SettingsError` when Slack refuses the token.
        """
        web = web_client(self._app_token, base_url=self._base_url)
        reached_at = self._clock.now()
        url = await self._ask_for_address(Calls(web, clock=self._clock))
        handler = AsyncSocketModeHandler(
            self._app,
            self._app_token,
            logger=library_logger("socket_mode"),
            web_client=web,
            ping_interval=self._ping_every_s,
        )
        if is_loopback(self._base_url):
            handler.client.proxy = None
        handler.client.wss_uri = url
        handler.client.on_message_listeners.append(self._on_frame)
        self._handler = handler
        self._connecting = self._connect(handler)
        self._watch = asyncio.create_task(self._heal(handler, since=reached_at), name="slack-socket-watch")
        await asyncio.wait({self._connecting}, timeout=timeout_s)
        return self._connecting.done()

    async def stop(self) -> None:
        """Close the connection and everything the SDK started for it."""
        if self._handler is None:
            return
        client = self._handler.client
        theirs = [client.message_processor, client.current_session_monitor, client.message_receiver]
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # Bolt left it untyped
        tasks = [one for one in (self._watch, self._connecting, *theirs) if one is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._handler = None

    @property
    def last_frame_at(self) -> datetime | None:
        """When anything last came over the wire; None before the first frame."""
        if self._handler is None:
            return self._last_frame_at
        pong = self._handler.client.last_ping_pong_time
        seen = [self._last_frame_at, datetime.fromtimestamp(pong, UTC) if pong else None]
        return max((one for one in seen if one is not None), default=None)

    @property
    def is_healthy(self) -> bool:
        """Whether a frame came within the last minute."""
        last = self.last_frame_at
        return last is not None and self._clock.now() - last <= SILENT_AFTER

    async def _ask_for_address(self, calls: Calls) -> str | None:
        try:
            told = await calls.effect("apps.connections.open")
        except SlackTrouble as trouble:
            if trouble.error in TOKEN_ERRORS:
                raise SettingsError(
                    f"slack refuses SLACK_APP_TOKEN ({trouble.error})",
                    hint="take it from api.slack.com/apps, your app, Basic Information, App-Level Tokens, "
                    "with the scope connections:write",
                ) from trouble
            log.warning("socket-mode-not-reached", reason=str(trouble))
            return None
        return str(told.get("url", "")) or None

    def _connect(self, handler: AsyncSocketModeHandler) -> asyncio.Task[None]:
        work = handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt left it untyped
        return asyncio.create_task(work, name="slack-socket-connect")

    async def _on_frame(self, _message: Any) -> None:
        self._last_frame_at = datetime.now(UTC)

    async def _heal(self, handler: AsyncSocketModeHandler, *, since: datetime) -> None:
        """Forget a dead address, and start over when even that does not help."""
        client = handler.client
        up_at = since
        while True:
            await asyncio.sleep(self._look_every_s)
            if await client.is_connected():
                up_at = self._clock.now()
                continue
            down_for = self._clock.now() - up_at
            if down_for < FORGET_AFTER:
                continue
            client.wss_uri = None
            log.warning("socket-mode-down", for_s=int(down_for.total_seconds()))
            if down_for >= RESTART_AFTER and (self._connecting is None or self._connecting.done()):
                up_at = self._clock.now()
                self._connecting = self._connect(handler)
