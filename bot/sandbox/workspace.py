"""A workspace and all that is in it: the one place where messages, memberships and groups change.

It knows who may see what and tells `changes` of everything that happened. It knows nothing of HTTP, tokens,
limits or how the app hears of it: those are the doors' business.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from bot.sandbox import blocks as block_kit
from bot.sandbox.changes import Change, Changes
from bot.sandbox.clock import Clock, WallClock
from bot.sandbox.files import Files
from bot.sandbox.members import App, Channel, User, UserGroup
from bot.sandbox.messages import Messages
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.views import Views


class Workspace:
    """One team: people, channels, groups, apps, and what was said. `app` is the one under development."""

    def __init__(
        self,
        *,
        app: App,
        users: Iterable[User] = (),
        channels: Iterable[Channel] = (),
        groups: Iterable[UserGroup] = (),
        other_apps: Iterable[App] = (),
        team_id: str = "T0ACME",
        name: str = "Acme",
        domain: str = "acme",
        clock: Clock | None = None,
    ) -> None:
        self.team_id, self.name, self.domain = team_id, name, domain
        self.app = app
        self.clock: Clock = clock or WallClock()
        self.changes = Changes()
        self.users: dict[str, User] = {user.id: user for user in users}
        self.channels: dict[str, Channel] = {channel.id: channel for channel in channels}
        self.groups: dict[str, UserGroup] = {group.id: group for group in groups}
        self.apps: dict[str, App] = {one.id: one for one in (app, *other_apps)}
        self.messages = Messages()
        self.views = Views(team_id=team_id, app_id=app.id, bot_id=app.bot_id)
        self.files = Files()
        self._numbers = itertools.count(1)
        self._last_us = 0
        for one in self.apps.values():
            bot = User(id=one.user_id, name=one.name.lower().replace(" ", "-"), real_name=one.name, is_bot=True,
                       bot_id=one.bot_id, app_id=one.id)  # fmt: skip
            self.users.setdefault(one.user_id, bot)

    # names and times

    def new_id(self, prefix: str) -> str:
        """An id nothing else has."""
        return f"{prefix}0SB{next(self._numbers):05d}"

    def new_block_id(self) -> str:
        """As Slack makes for a block or element its app did not name."""
        return f"b{next(self._numbers):04x}"

    def new_ts(self) -> str:
        """The time as a message id: later than every one before it."""
        self._last_us = max(int(self.clock.now() * 1_000_000), self._last_us + 100)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    # look-ups

    def user(self, user_id: str) -> User:
        """Raises `user_not_found`."""
        try:
            return self.users[user_id]
        except KeyError:
            raise SlackError("user_not_found") from None

    def channel(self, named: str, *, for_user: str) -> Channel:
        """By id, name or #name; raises `channel_not_found` also for one that `for_user` must not know of."""
        channel = self.channels.get(named) or next(
            (one for one in self.channels.values() if not one.is_im and one.name == named.removeprefix("#")),
            None,
        )
        if channel is None or not self.can_see(channel, user_id=for_user):
            raise SlackError("channel_not_found")
        return channel

    @staticmethod
    def can_see(channel: Channel, *, user_id: str) -> bool:
        """Public channels are for all; private ones and direct messages for their members."""
        return user_id in channel.members or not (channel.is_private or channel.is_im)

    def direct_message(self, one: str, other: str) -> Channel:
        """The conversation of these two, opened when it is their first."""
        for channel in self.channels.values():
            if channel.is_im and set(channel.members) == {one, other}:
                return channel
        channel = Channel(
            id=self.new_id("D"), name="", is_im=True, members=[one, other], created=int(self.clock.now())
        )
        self.channels[channel.id] = channel
        return channel

    # what is said

    def post(
        self,
        channel: Channel,
        *,
        sender: User | App,
        text: str,
        thread_ts: str | None = None,
        blocks: list[Json] | None = None,
        **more: Any,
    ) -> Json:
        """Say something; a `thread_ts` that is a reply goes to its root. `more` are further message fields."""
        message = self._message(sender, text=text, blocks=blocks, more=more)
        if thread_ts is not None:
            root_ts = self.messages.root_of(channel.id, thread_ts)
            if root_ts is None:
                raise SlackError("thread_not_found")
            message["thread_ts"] = root_ts
            root = self.messages.thread(channel.id, root_ts)[0]
            if parent := root.get("user"):
                message["parent_user_id"] = parent
        self.messages.add(channel.id, message)
        self.changes.tell(Change(kind="message", channel=channel.id, body=message))
        return message

    def edit(self, channel: Channel, *, ts: str, by: User | App, **fields: Any) -> Json:
        """Replace fields of a message; one that is None goes away. Its root or thread stays."""
        before = self.messages.get(channel.id, ts)
        by_id = by.user_id if isinstance(by, App) else by.id
        message = {**before, **fields, "edited": {"user": by_id, "ts": self.new_ts()}}
        message = {key: value for key, value in message.items() if value is not None}
        if message.get("blocks"):
            message["blocks"] = block_kit.as_kept(message["blocks"], new_id=self.new_block_id)
        self.messages.replace(channel.id, message)
        self.changes.tell(Change(kind="message_changed", channel=channel.id, body=message, before=before))
        return message

    def delete(self, channel: Channel, *, ts: str) -> None:
        """Take a message away."""
        before = self.messages.get(channel.id, ts)
        self.messages.remove(channel.id, ts)
        self.changes.tell(Change(kind="message_deleted", channel=channel.id, body=before, before=before))

    def whisper(
        self,
        channel: Channel,
        *,
        to: str,
        sender: User | App,
        text: str,
        thread_ts: str | None = None,
        blocks: list[Json] | None = None,
        **more: Any,
    ) -> Json:
        """Say something that only `to` sees, and only until they close Slack."""
        message = self._message(sender, text=text, blocks=blocks, more=more)
        message |= {"is_ephemeral": True, "ephemeral_to": to, "channel": channel.id}
        if thread_ts is not None:
            message["thread_ts"] = self.messages.root_of(channel.id, thread_ts) or thread_ts
        self.messages.add_ephemeral(message)
        self.changes.tell(Change(kind="ephemeral", channel=channel.id, user=to, body=message))
        return message

    def change_whisper(self, *, to: str, ts: str, fields: Json | None) -> None:
        """Replace what only `to` sees, or with None take it away."""
        before = self.messages.drop_ephemeral(to, ts)
        if before is None:
            return
        channel = before["channel"]
        if fields is None:
            self.changes.tell(Change(kind="ephemeral_deleted", channel=channel, user=to, body=before))
            return
        message = {key: value for key, value in (before | fields).items() if value is not None}
        if message.get("blocks"):
            message["blocks"] = block_kit.as_kept(message["blocks"], new_id=self.new_block_id)
        self.messages.add_ephemeral(message)
        self.changes.tell(
            Change(kind="ephemeral_changed", channel=channel, user=to, body=message, before=before)
        )

    def react(self, channel: Channel, *, ts: str, name: str, user: str) -> None:
        """Put an emoji on a message; raises `already_reacted`."""
        before = self.messages.get(channel.id, ts)
        reactions = [dict(one) for one in before.get("reactions", ())]
        mine = next((one for one in reactions if one["name"] == name), None)
        if mine is not None and user in mine["users"]:
            raise SlackError("already_reacted")
        if mine is None:
            mine = {"name": name, "users": [], "count": 0}
            reactions.append(mine)
        mine["users"] = [*mine["users"], user]
        mine["count"] += 1
        message = {**before, "reactions": reactions}
        self.messages.replace(channel.id, message)
        self.changes.tell(Change(kind="reaction", channel=channel.id, user=user, body=message, before=before))

    # who belongs where

    def join(self, channel: Channel, *, user_id: str, inviter: str | None = None) -> None:
        """Make someone a member; nothing happens when they are."""
        if user_id in channel.members:
            return
        channel.members.append(user_id)
        body = {"inviter": inviter} if inviter else {}
        self.changes.tell(Change(kind="member_joined", channel=channel.id, user=user_id, body=body))

    def leave(self, channel: Channel, *, user_id: str) -> None:
        """Take someone out."""
        if user_id in channel.members:
            channel.members.remove(user_id)
            self.changes.wake()

    def set_group_members(self, group_id: str, users: Iterable[str]) -> None:
        """Change who a user group is."""
        group = self.groups[group_id]
        before = {"users": list(group.users), "date_update": group.updated_at}
        group.users = list(users)
        group.updated_at = int(self.clock.now())
        body = group.as_slack(team_id=self.team_id, with_users=True)
        self.changes.tell(Change(kind="group_members", body=body, before=before))
        self.changes.tell(Change(kind="group_updated", body=body))

    def _message(self, sender: User | App, *, text: str, blocks: list[Json] | None, more: Json) -> Json:
        message: Json = {"type": "message", "ts": self.new_ts(), "text": text, "team": self.team_id}
        if isinstance(sender, App):
            message |= {"user": sender.user_id, "bot_id": sender.bot_id, "app_id": sender.id}
            message["bot_profile"] = sender.bot_profile(team_id=self.team_id)
        else:
            message |= {"user": sender.id, "client_msg_id": self.new_id("c")}
            if sender.team_id:
                message |= {
                    "team": sender.team_id,
                    "user_team": sender.team_id,
                    "source_team": sender.team_id,
                }
        if blocks:
            message["blocks"] = block_kit.as_kept(blocks, new_id=self.new_block_id)
        message |= {key: value for key, value in more.items() if value is not None}
        return message
