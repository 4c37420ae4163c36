"""The Slack door as one thing: Bolt with our listeners, one of two ways in, started and stopped in order.

Both ways in, Socket Mode and HTTP, feed the same `AsyncApp`. Bolt is kept from reading the environment (a stray
`SLACK_CLIENT_ID` would turn it into an OAuth app), from retrying our posts, and from checking signatures, which
`http_mode` does more carefully.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bot.engine.board import Board
from bot.engine.clock import Clock
from bot.engine.operations import Operations
from bot.errors import SettingsError
from bot.journal.base import Journal
from bot.slack.answering import Answers
from bot.slack.calls import SlackTrouble
from bot.slack.commanding import Commands
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.gateway import Gateway, library_logger
from bot.slack.hearing import Hearing
from bot.slack.home import Home, Numbers
from bot.slack.http_mode import HttpMode, status_of
from bot.slack.listeners import Listeners
from bot.slack.mentions import Mentions
from bot.slack.modals import ANSWER_WITHIN_S, Modals
from bot.slack.socket_mode import TOKEN_ERRORS, SocketMode

log = structlog.get_logger()

CONNECT_WITHIN_S = 10.0
DRAIN_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Access:
    """What Slack gave us to come in with. The bot token is the gateway's."""

    mode: Literal["socket", "http"]
    base_url: str
    app_token: str = ""
    signing_secret: str = ""


class SlackDoor:
    """Everything people can do in Slack, from `start` to `stop`."""

    def __init__(
        self,
        access: Access,
        *,
        gateway: Gateway,
        directory: SlackDirectory,
        operations: Operations,
        journal: Journal,
        clock: Clock,
        wake: Callable[[], None],
        numbers: Numbers,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        """`wake` is called when an inbound message was stored for the engine's intake; `numbers` are shown at Home."""
        self._access = access
        self._gateway = gateway
        self._errands = Errands()
        answers = Answers(gateway)
        self._home = Home(
            board=Board(operations=operations),
            gateway=gateway,
            directory=directory,
            clock=clock,
            numbers=numbers,
        )
        self._homes: asyncio.Task[None] | None = None
        self.bolt = _bolt(gateway)
        modals = Modals(
            operations=operations,
            gateway=gateway,
            directory=directory,
            answers=answers,
            errands=self._errands,
            answer_within_s=answer_within_s,
        )
        mentions = Mentions(
            operations=operations, directory=directory, gateway=gateway, answers=answers, modals=modals
        )
        Hearing(
            journal=journal,
            directory=directory,
            mentions=mentions,
            errands=self._errands,
            clock=clock,
            wake=wake,
            home=self._home,
        ).register(self.bolt)
        Listeners(
            operations=operations,
            directory=directory,
            answers=answers,
            modals=modals,
            commands=Commands(
                operations=operations,
                directory=directory,
                gateway=gateway,
                answers=answers,
                modals=modals,
            ),
            mentions=mentions,
            errands=self._errands,
        ).register(self.bolt)
        self._socket: SocketMode | None = None
        self._http: HttpMode | None = None
        if access.mode == "socket":
            self._socket = SocketMode(
                self.bolt, app_token=access.app_token, base_url=access.base_url, clock=clock
            )
        else:
            self._http = HttpMode(self.bolt, signing_secret=access.signing_secret, clock=clock)

    async def start(self, *, timeout_s: float = CONNECT_WITHIN_S) -> None:
        """Check the tokens and come in. Raises `SettingsError` for a token Slack refuses.

        A Slack that cannot be reached is no reason not to start: the way in is tried again behind.
        """
        await check_bot_token(self._gateway)
        self._homes = asyncio.create_task(self._home.run(), name="slack-home")
        if self._socket is not None and not await self._socket.start(timeout_s=timeout_s):
            log.warning("slack-not-connected-yet", after_s=timeout_s)

    async def stop(self, *, timeout_s: float = DRAIN_S) -> None:
        """Let nothing new in, then finish what was begun."""
        if self._socket is not None:
            await self._socket.stop()
        await self._errands.drain(timeout_s=timeout_s)
        if self._homes is not None:
            self._homes.cancel()
            await asyncio.gather(self._homes, return_exceptions=True)

    def web_app(self) -> web.Application | None:
        """The routes of HTTP mode, None in Socket Mode."""
        return self._http.web_app() if self._http is not None else None

    @property
    def is_healthy(self) -> bool:
        """Socket Mode: a frame came within the last minute. HTTP mode has no connection of its own to lose."""
        return self._socket is None or self._socket.is_healthy


async def check_bot_token(gateway: Gateway) -> bool:
    """Ask Slack who we are; False when it cannot be reached. Raises `SettingsError` where it refuses the token."""
    try:
        me = await gateway.identity()
    except SlackTrouble as trouble:
        if trouble.error in TOKEN_ERRORS:
            raise SettingsError(
                f"slack refuses SLACK_BOT_TOKEN ({trouble.error})",
                hint="take it from api.slack.com/apps, your app, OAuth & Permissions, Bot User OAuth Token",
            ) from trouble
        log.warning("slack-not-reached", reason=str(trouble))
        return False
    log.info("slack-known", team=me.team_id, bot=me.user_id)
    return True


def _bolt(gateway: Gateway) -> AsyncApp:
    logger = library_logger("bolt")
    # Bolt finds SLACK_BOT_TOKEN in the environment and warns that it will not use it; it need not.
    logger.setLevel(logging.ERROR)
    app = AsyncApp(
        name="runbook-bot",
        logger=logger,
        client=gateway.client,
        # Empty on purpose: signatures are checked before Bolt sees a request.
        signing_secret="",
        request_verification_enabled=False,
        ignoring_self_events_enabled=True,
        process_before_response=False,
    )
    logger.setLevel(logging.WARNING)
    if app.oauth_flow is not None:
        raise SettingsError(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set, and slack_bolt would install itself as an OAuth app",
            hint="unset them; this bot belongs to one workspace and uses SLACK_BOT_TOKEN",
        )

    async def told(error: Exception, body: dict[str, Any]) -> BoltResponse:
        log.error("slack-request-broke", type=body.get("type"), exc_info=error)
        return BoltResponse(status=status_of(error), body="")

    app.error(told)
    return app
