"""Every message of a workspace by channel and time: posts, threads, edits, and what only one person sees."""

from __future__ import annotations

from collections import defaultdict

from bot.sandbox.protocol import Json, SlackError

MOST_REPLY_USERS = 5
"""A root names the first few who replied."""


class Messages:
    """Messages in Slack's shape, without a word about who may read them. A change replaces the object."""

    def __init__(self) -> None:
        self._posts: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        self._replies: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._ephemerals: dict[tuple[str, str], Json] = {}

    def add(self, channel: str, message: Json) -> Json:
        """Keep it; a reply is counted at its root."""
        self._posts[channel][message["ts"]] = message
        root_ts = str(message.get("thread_ts", message["ts"]))
        if root_ts != message["ts"]:
            self._replies[channel, root_ts].append(message["ts"])
            self._count_reply(channel, root_ts, message)
        return message

    def get(self, channel: str, ts: str) -> Json:
        """The message as it is now, deleted ones not; raises `message_not_found`."""
        message = self._posts[channel].get(ts)
        if message is None or message.get("subtype") == "tombstone":
            raise SlackError("message_not_found")
        return message

    def replace(self, channel: str, message: Json) -> None:
        """The same message, worded differently."""
        self._posts[channel][message["ts"]] = message

    def remove(self, channel: str, ts: str) -> None:
        """Take it away; a root with replies leaves a tombstone, as in Slack."""
        message = self._posts[channel].pop(ts)
        if self._replies.get((channel, ts)):
            kept = ("type", "ts", "thread_ts", "reply_count")
            gone: Json = {key: value for key, value in message.items() if key in kept}
            gone |= {"subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT"}
            self._posts[channel][ts] = gone
            self._posts[channel] = dict(sorted(self._posts[channel].items()))
            return
        root_ts = message.get("thread_ts", ts)
        if root_ts != ts:
            self._replies[channel, root_ts].remove(ts)
            self._count_replies(channel, root_ts)

    def root_of(self, channel: str, ts: str) -> str | None:
        """The thread that `ts` belongs to, itself when it is a root; None when there is no such message."""
        message = self._posts[channel].get(ts)
        return None if message is None else str(message.get("thread_ts", ts))

    def all_in(self, channel: str) -> list[Json]:
        """Roots and replies, oldest first."""
        return list(self._posts[channel].values())

    def roots_in(self, channel: str) -> list[Json]:
        """What the channel shows outside threads, oldest first."""
        return [
            message
            for ts, message in self._posts[channel].items()
            if message.get("thread_ts", ts) == ts or message.get("subtype") == "thread_broadcast"
        ]

    def thread(self, channel: str, root_ts: str) -> list[Json]:
        """The root and its replies, oldest first; empty when there is no such root."""
        root = self._posts[channel].get(root_ts)
        if root is None:
            return []
        return [root, *(self._posts[channel][ts] for ts in self._replies.get((channel, root_ts), ()))]

    def add_ephemeral(self, message: Json) -> Json:
        """Keep what only `ephemeral_to` sees."""
        self._ephemerals[message["ephemeral_to"], message["ts"]] = message
        return message

    def ephemerals_of(self, user: str) -> list[Json]:
        """What only this person sees, oldest first."""
        return [message for (reader, _), message in self._ephemerals.items() if reader == user]

    def ephemeral(self, user: str, ts: str) -> Json | None:
        """One of them."""
        return self._ephemerals.get((user, ts))

    def drop_ephemeral(self, user: str, ts: str) -> Json | None:
        """Take one away."""
        return self._ephemerals.pop((user, ts), None)

    def _count_reply(self, channel: str, root_ts: str, reply: Json) -> None:
        # One more, without looking at all of them again: threads get long.
        root = self._posts[channel].get(root_ts)
        if root is None:
            return
        senders, sender = root.get("reply_users", ()), reply.get("user", "")
        is_new = sender not in senders
        self._posts[channel][root_ts] = {
            **root,
            "thread_ts": root_ts,
            "reply_count": len(self._replies[channel, root_ts]),
            "reply_users": [*senders, sender]
            if is_new and len(senders) < MOST_REPLY_USERS
            else list(senders),
            "reply_users_count": root.get("reply_users_count", 0) + is_new,
            "latest_reply": reply["ts"],
            "is_locked": False,
            "subscribed": False,
        }

    def _count_replies(self, channel: str, root_ts: str) -> None:
        root = self._posts[channel].get(root_ts)
        if root is None:
            return
        replies = self._replies[channel, root_ts]
        senders = dict.fromkeys(str(self._posts[channel][ts].get("user", "")) for ts in replies)
        root = {key: value for key, value in root.items() if key != "latest_reply"}
        counted = {"thread_ts": root_ts, "reply_count": len(replies), "reply_users": list(senders)[:MOST_REPLY_USERS],
                   "reply_users_count": len(senders), "is_locked": False, "subscribed": False}  # fmt: skip
        if replies:
            counted["latest_reply"] = replies[-1]
        self._posts[channel][root_ts] = {**root, **counted}
