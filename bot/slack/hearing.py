"""Hears Slack's events: what other apps post is stored before it is acknowledged, what Slack sends twice counts once.

Bolt acknowledges an event when the global middleware has passed, and then runs the listener with nobody watching: an
exception there loses the event for good. So storing happens in the middleware, and a journal that cannot be written
means no acknowledgement, and Slack sends again (at once, after a minute, after five). A retry number is no reason to
drop anything: the first try may be the one that was lost. Clicks, commands and forms are not repeated by Slack; one
that comes again is somebody's replay, and is acknowledged and left.

Only alerts are stored: what other apps post or edit in channels and `intake` can read. What people say to each other is
none of our business and is acknowledged unread, and so is our own voice (Bolt drops our plain posts; an edit of ours
comes as `message_changed`, and `intake` knows it by the app).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bot.engine.clock import Clock
from bot.errors import BadInput
from bot.intake import inbox
from bot.intake.inbox import Self
from bot.intake.signal import Ignored
from bot.journal.base import Journal
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.home import Home
from bot.slack.mentions import Mentions

log = structlog.get_logger()

REMEMBERED = timedelta(minutes=15)
"""Slack's last retry comes about six minutes after the first try."""

GROUP_EVENTS = ("subteam_updated", "subteam_members_changed", "subteam_created")
SILENT_EVENTS = ("message", "member_joined_channel")
"""Acknowledged and nothing else: stored before, or of no consequence here."""


class Hearing:
    """Registers the middleware and the event listeners."""

    def __init__(
        self,
        *,
        journal: Journal,
        directory: SlackDirectory,
        mentions: Mentions,
        errands: Errands,
        clock: Clock,
        wake: Callable[[], None],
        home: Home,
        us: Self | None = None,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._mentions = mentions
        self._errands = errands
        self._clock = clock
        self._wake = wake
        self._home = home
        self._us = us or Self()
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    def register(self, app: AsyncApp) -> None:
        """Hook into Bolt: the middleware first, then what each event does."""
        accept, mention, group, errands = (
            self._accept,
            self._mentions.answer,
            self._group_changed,
            self._errands,
        )
        is_replay, home_opened = self._is_replay, self._home_opened

        async def store_first(
            # Bolt hands arguments over by their names, so `next` cannot be called better.
            body: dict[str, Any],
            next: Callable[[], Awaitable[None]],
        ) -> BoltResponse | None:
            if body.get("type") == "event_callback" and not await accept(body):
                return BoltResponse(status=200, body="")
            if is_replay(body):
                log.warning("slack-request-again", type=body.get("type") or body.get("command"))
                return BoltResponse(status=200, body="")
            await next()
            return None

        async def on_mention(event: dict[str, Any]) -> None:
            errands.start(mention(event), name="mention")

        async def on_group(event: dict[str, Any]) -> None:
            group(event)

        async def on_home(event: dict[str, Any]) -> None:
            home_opened(event)

        async def nothing_to_do() -> None:
            return None

        app.middleware(store_first)
        app.event("app_mention")(on_mention)
        app.event("app_home_opened")(on_home)
        for kind in GROUP_EVENTS:
            app.event(kind)(on_group)
        for kind in SILENT_EVENTS:
            app.event(kind)(nothing_to_do)

    async def _accept(self, body: Mapping[str, Any]) -> bool:
        """Whether this event is new; stored where it is somebody's alert."""
        event_id = str(body.get("event_id", ""))
        event = body.get("event") or {}
        if event.get("type") != "message":
            return self._is_new(event_id)
        try:
            item = inbox.from_slack(body, received_at=self._clock.now(), us=self._us)
        except BadInput as trouble:
            log.warning("slack-message-not-read", event=event_id, reason=trouble.message)
            return False
        if isinstance(item, Ignored):
            return False
        is_new = await self._journal.accept(item)
        if is_new:
            self._wake()
        return is_new

    def _is_replay(self, body: Mapping[str, Any]) -> bool:
        """Whether this click, command or form came before: each use of anything has a `trigger_id` of its own.

        A signed request can be sent again for five minutes, and a command would start a second run.
        """
        trigger_id = body.get("trigger_id")
        return isinstance(trigger_id, str) and bool(trigger_id) and not self._is_new(f"trigger:{trigger_id}")

    def _is_new(self, event_id: str) -> bool:
        now = self._clock.now()
        while self._seen and next(iter(self._seen.values())) < now - REMEMBERED:
            self._seen.popitem(last=False)
        if not event_id or event_id in self._seen:
            return not event_id
        self._seen[event_id] = now
        return True

    def _group_changed(self, event: Mapping[str, Any]) -> None:
        group = event.get("subteam_id") or (event.get("subteam") or {}).get("id")
        if group:
            self._directory.forget_group(str(group))
            self._home.stir()

    def _home_opened(self, event: Mapping[str, Any]) -> None:
        """The messages tab opens with the same event, and there is nothing of ours to draw."""
        if event.get("tab") == "home" and event.get("user"):
            view_hash = str((event.get("view") or {}).get("hash") or "")
            self._home.opened(str(event["user"]), view_hash=view_hash)
