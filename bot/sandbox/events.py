"""The Events API: which changes the app is told of, and in what shape."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from bot.sandbox.changes import Change
from bot.sandbox.members import Channel
from bot.sandbox.protocol import Json
from bot.sandbox.webapi import without_metadata
from bot.sandbox.workspace import Workspace

_FIELD_OF_MENTION = (
    "user",
    "text",
    "ts",
    "team",
    "thread_ts",
    "parent_user_id",
    "blocks",
    "bot_id",
    "app_id",
    "files",
)


class Events:
    """Turns changes into event payloads for `send`; the app hears of channels it is in, its own posts too."""

    def __init__(self, workspace: Workspace, *, send: Callable[[Json], None]) -> None:
        self._workspace = workspace
        self._send = send

    def on_change(self, change: Change) -> None:
        """Tell the app, if it may know and wants to."""
        match change.kind:
            case "message":
                self._message(change)
            case "message_changed" | "message_deleted":
                self._message_edited(change)
            case "member_joined":
                self._joined(change)
            case "home_opened":
                self._home_opened(change)
            case "group_updated":
                self._wanted({"type": "subteam_updated", "subteam": change.body})
            case "group_members":
                self._group_members(change)
            case _:
                return

    def emit(self, event: Json) -> str:
        """Send one event in its envelope, whatever the app subscribed to; gives the event id."""
        event_id = f"Ev0{secrets.token_hex(5).upper()}"
        self._send(
            {
                "token": "verification-token",
                "team_id": self._workspace.team_id,
                "api_app_id": self._workspace.app.id,
                "event": event,
                "type": "event_callback",
                "event_id": event_id,
                "event_time": int(self._workspace.clock.now()),
                "authorizations": [
                    {
                        "enterprise_id": None,
                        "team_id": self._workspace.team_id,
                        "user_id": self._workspace.app.user_id,
                        "is_bot": True,
                        "is_enterprise_install": False,
                    }
                ],
                "is_ext_shared_channel": False,
                "event_context": "4-sandbox",
            }
        )
        return event_id

    def _message(self, change: Change) -> None:
        channel, message = self._workspace.channels[change.channel], change.body
        if not self._hears(channel):
            return
        event = {**without_metadata(message), "channel": channel.id, "event_ts": message["ts"]}
        event["channel_type"] = channel.channel_type
        if f"message.{channel.kind}" in self._workspace.app.events:
            self.emit(event)
        app = self._workspace.app
        is_mention = f"<@{app.user_id}>" in message["text"] and message.get("bot_id") != app.bot_id
        if is_mention and not channel.is_im:
            mention = {key: message[key] for key in _FIELD_OF_MENTION if key in message}
            self._wanted({"type": "app_mention", **mention, "channel": channel.id, "event_ts": message["ts"]})

    def _message_edited(self, change: Change) -> None:
        channel = self._workspace.channels[change.channel]
        if not self._hears(channel) or f"message.{channel.kind}" not in self._workspace.app.events:
            return
        ts = self._workspace.new_ts()
        event: Json = {"type": "message", "subtype": change.kind, "hidden": True, "channel": channel.id}
        event |= {"ts": ts, "event_ts": ts, "channel_type": channel.channel_type}
        if change.before is not None:
            event["previous_message"] = without_metadata(change.before)
        if change.kind == "message_changed":
            event["message"] = without_metadata(change.body)
        else:
            event["deleted_ts"] = change.body["ts"]
        self.emit(event)

    def _joined(self, change: Change) -> None:
        channel = self._workspace.channels[change.channel]
        if not self._hears(channel):
            return
        kind = "G" if channel.is_private else "C"
        self._wanted(
            {
                "type": "member_joined_channel",
                "user": change.user,
                "channel": channel.id,
                "channel_type": kind,
                "team": self._workspace.team_id,
                **change.body,
                "event_ts": self._workspace.new_ts(),
            }
        )

    def _home_opened(self, change: Change) -> None:
        event: Json = {
            "type": "app_home_opened",
            "user": change.user,
            "channel": self._workspace.direct_message(self._workspace.app.user_id, change.user).id,
            "tab": "home",
            "event_ts": self._workspace.new_ts(),
        }
        if view := self._workspace.views.home(change.user):
            event["view"] = view
        self._wanted(event)

    def _group_members(self, change: Change) -> None:
        before = change.before or {}
        old, new = list(before.get("users", ())), list(change.body["users"])
        added, removed = [one for one in new if one not in old], [one for one in old if one not in new]
        self._wanted(
            {
                "type": "subteam_members_changed",
                "subteam_id": change.body["id"],
                "team_id": self._workspace.team_id,
                "date_previous_update": before.get("date_update", 0),
                "date_update": change.body["date_update"],
                "added_users": added,
                "added_users_count": len(added),
                "removed_users": removed,
                "removed_users_count": len(removed),
            }
        )

    def _hears(self, channel: Channel) -> bool:
        return self._workspace.app.user_id in channel.members

    def _wanted(self, event: Json) -> None:
        if event["type"] in self._workspace.app.events:
            event.setdefault("event_ts", self._workspace.new_ts())
            self.emit(event)
