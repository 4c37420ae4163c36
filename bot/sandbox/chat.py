"""The `chat.*` and `reactions.*` methods: what the app says, changes and takes back."""

from __future__ import annotations

from bot.sandbox import limits
from bot.sandbox.addresses import Addresses
from bot.sandbox.arguments import Args
from bot.sandbox.members import Channel
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.webapi import Method, without_metadata
from bot.sandbox.workspace import Workspace


class Chat:
    """Posts as the app; it must be a member of the channel, as without `chat:write.public` in Slack."""

    def __init__(self, workspace: Workspace, addresses: Addresses) -> None:
        self._workspace = workspace
        self._addresses = addresses

    def methods(self) -> dict[str, Method]:
        """By their Web API names."""
        return {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.getPermalink": self._permalink,
            "reactions.add": self._react,
        }

    def _post(self, args: Args) -> Json:
        channel = self._postable(args.need("channel"))
        text, blocks, attachments = self._content(args, most=limits.MESSAGE_TEXT)
        metadata = args.value("metadata")
        limits.check_metadata(metadata)
        is_broadcast = args.flag("reply_broadcast") and "thread_ts" in args
        message = self._workspace.post(
            channel,
            sender=self._workspace.app,
            text=text,
            thread_ts=args.text("thread_ts") or None,
            blocks=blocks,
            attachments=attachments,
            metadata=metadata or None,
            username=args.text("username") if "chat:write.customize" in self._workspace.app.scopes else None,
            subtype="thread_broadcast" if is_broadcast else None,
        )
        return {"channel": channel.id, "ts": message["ts"], "message": without_metadata(message)}

    def _update(self, args: Args) -> Json:
        channel = self._visible(args.need("channel"))
        ts = args.need("ts")
        if self._workspace.messages.get(channel.id, ts).get("bot_id") != self._workspace.app.bot_id:
            raise SlackError("cant_update_message")
        # Text alone takes the blocks away: an absent field is replaced by nothing, only metadata stays.
        text, blocks, attachments = self._content(args, most=limits.UPDATE_TEXT)
        changed: Json = {"text": text, "blocks": blocks, "attachments": attachments}
        if "metadata" in args:
            metadata = args.value("metadata")
            limits.check_metadata(metadata)
            changed["metadata"] = metadata or None
        message = self._workspace.edit(channel, ts=ts, by=self._workspace.app, **changed)
        return {
            "channel": channel.id,
            "ts": ts,
            "text": message["text"],
            "message": without_metadata(message),
        }

    def _delete(self, args: Args) -> Json:
        channel, ts = self._visible(args.need("channel")), args.need("ts")
        if self._workspace.messages.get(channel.id, ts).get("bot_id") != self._workspace.app.bot_id:
            raise SlackError("cant_delete_message")
        self._workspace.delete(channel, ts=ts)
        return {"channel": channel.id, "ts": ts}

    def _post_ephemeral(self, args: Args) -> Json:
        channel, user = self._postable(args.need("channel")), args.need("user")
        text, blocks, attachments = self._content(args, most=limits.MESSAGE_TEXT)
        if user not in self._workspace.users or user not in channel.members:
            raise SlackError("user_not_in_channel")
        message = self._workspace.whisper(
            channel,
            to=user,
            sender=self._workspace.app,
            text=text,
            thread_ts=args.text("thread_ts") or None,
            blocks=blocks,
            attachments=attachments,
        )
        return {"message_ts": message["ts"]}

    def _permalink(self, args: Args) -> Json:
        channel, ts = self._visible(args.need("channel")), args.need("message_ts")
        self._workspace.messages.get(channel.id, ts)
        return {"channel": channel.id, "permalink": self._addresses.permalink(channel.id, ts)}

    def _react(self, args: Args) -> Json:
        channel = self._visible(args.need("channel"))
        user = self._workspace.app.user_id
        self._workspace.react(
            channel, ts=args.need("timestamp"), name=args.need("name").strip(":"), user=user
        )
        return {}

    def _content(self, args: Args, *, most: int) -> tuple[str, list[Json] | None, list[Json] | None]:
        text, blocks, attachments = args.text("text"), args.value("blocks"), args.value("attachments")
        limits.check_blocks(blocks)
        limits.check_attachments(attachments)
        if not (text or blocks or attachments):
            raise SlackError("no_text")
        if len(text) > most:
            raise SlackError("msg_too_long")
        return text, blocks or None, attachments or None

    def _visible(self, named: str) -> Channel:
        return self._workspace.channel(named, for_user=self._workspace.app.user_id)

    def _postable(self, named: str) -> Channel:
        app = self._workspace.app
        if named in self._workspace.users:
            if named == app.user_id:
                raise SlackError("channel_not_found")
            return self._workspace.direct_message(app.user_id, named)
        channel = self._visible(named)
        if channel.is_archived:
            raise SlackError("is_archived")
        if app.user_id not in channel.members and "chat:write.public" not in app.scopes:
            raise SlackError("not_in_channel")
        return channel
