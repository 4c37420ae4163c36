"""The `conversations.*` and `users.conversations` methods: what the app may read, where, and who is there."""

from __future__ import annotations

from bot.sandbox.arguments import Args, page_of
from bot.sandbox.members import Channel
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.webapi import Method, need_scope, without_metadata
from bot.sandbox.workspace import Workspace


class Conversations:
    """Reads as the app: each kind of conversation needs its own scope, and history needs membership."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def methods(self) -> dict[str, Method]:
        """By their Web API names."""
        return {
            "conversations.info": self._info,
            "conversations.list": self._list,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.members": self._members,
            "conversations.join": self._join,
            "conversations.open": self._open,
            "users.conversations": self._of_user,
        }

    @property
    def _me(self) -> str:
        return self._workspace.app.user_id

    def _info(self, args: Args) -> Json:
        channel = self._channel(args, verb="read")
        return {"channel": channel.as_slack(for_user=self._me)}

    def _list(self, args: Args) -> Json:
        seen = [one for one in self._of_types(args) if self._workspace.can_see(one, user_id=self._me)]
        return self._listed(seen, args)

    def _of_user(self, args: Args) -> Json:
        user = args.text("user", self._me)
        return self._listed([one for one in self._of_types(args) if user in one.members], args)

    def _history(self, args: Args) -> Json:
        channel = self._joined(args)
        found = [
            one for one in reversed(self._workspace.messages.roots_in(channel.id)) if _is_within(one, args)
        ]
        messages, cursor = page_of(found, args, key=_ts, most=999)
        return self._told(messages, cursor, args)

    def _replies(self, args: Args) -> Json:
        channel = self._joined(args)
        ts = args.need("ts")
        root_ts = self._workspace.messages.root_of(channel.id, ts)
        if root_ts is None:
            raise SlackError("thread_not_found")
        thread = self._workspace.messages.thread(channel.id, root_ts)
        if ts != root_ts:
            # Asked for a reply, Slack answers with that reply alone.
            thread = [one for one in thread if one["ts"] == ts]
        # The root is always there, however narrow the window.
        found = [one for one in thread if one["ts"] == root_ts or _is_within(one, args)]
        messages, cursor = page_of(found, args, key=_ts, default=1000)
        return self._told(messages, cursor, args)

    def _members(self, args: Args) -> Json:
        channel = self._channel(args, verb="read")
        members, cursor = page_of(channel.members, args, key=str)
        return {"members": members, "response_metadata": {"next_cursor": cursor}}

    def _join(self, args: Args) -> Json:
        need_scope(self._workspace.app, "channels:join")
        channel = self._workspace.channel(args.need("channel"), for_user=self._me)
        if channel.is_private or channel.is_im:
            raise SlackError("method_not_supported_for_channel_type")
        if channel.is_archived:
            raise SlackError("is_archived")
        self._workspace.join(channel, user_id=self._me)
        return {"channel": channel.as_slack(for_user=self._me)}

    def _open(self, args: Args) -> Json:
        need_scope(self._workspace.app, "im:write")
        if "channel" in args:
            return {"channel": self._channel(args, verb="read").as_slack(for_user=self._me)}
        users = args.words("users")
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError(
                "missing_scope", needed="mpim:write", provided=",".join(self._workspace.app.scopes)
            )
        user = self._workspace.user(users[0])
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        if user.is_deleted:
            raise SlackError("user_disabled")
        channel = self._workspace.direct_message(self._me, user.id)
        shown = channel.as_slack(for_user=self._me) if args.flag("return_im") else {"id": channel.id}
        return {"channel": shown}

    def _channel(self, args: Args, *, verb: str) -> Channel:
        channel = self._workspace.channel(args.need("channel"), for_user=self._me)
        need_scope(self._workspace.app, f"{channel.kind}:{verb}")
        return channel

    def _joined(self, args: Args) -> Channel:
        channel = self._channel(args, verb="history")
        if self._me not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _of_types(self, args: Args) -> list[Channel]:
        wanted = args.words("types") or ["public_channel"]
        kinds = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
        for one in wanted:
            if one not in kinds:
                raise SlackError("invalid_types")
            need_scope(self._workspace.app, f"{kinds[one]}:read")
        asked = {kinds[one] for one in wanted}
        channels = [one for one in self._workspace.channels.values() if one.kind in asked]
        return [one for one in channels if not (one.is_archived and args.flag("exclude_archived"))]

    def _listed(self, channels: list[Channel], args: Args) -> Json:
        some, cursor = page_of(channels, args, key=lambda one: one.id)
        shown = [one.as_slack(for_user=self._me) for one in some]
        return {"channels": shown, "response_metadata": {"next_cursor": cursor}}

    def _told(self, messages: list[Json], cursor: str, args: Args) -> Json:
        with_metadata = args.flag("include_all_metadata")
        shown = messages if with_metadata else [without_metadata(one) for one in messages]
        return {"messages": shown, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def _ts(message: Json) -> str:
    return str(message["ts"])


def _is_within(message: Json, args: Args) -> bool:
    ts, oldest, latest = float(message["ts"]), _time(args, "oldest"), _time(args, "latest")
    if args.flag("inclusive"):
        return (oldest is None or ts >= oldest) and (latest is None or ts <= latest)
    return (oldest is None or ts > oldest) and (latest is None or ts < latest)


def _time(args: Args, name: str) -> float | None:
    try:
        return float(args.text(name)) if name in args else None
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None
