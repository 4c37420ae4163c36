"""Did it arrive? Looks for a message of ours by the key in its metadata, for a file by the mark in its title.

Slack has no way to make a post happen once. A post whose answer was lost is therefore looked for before it is posted
again. Messages carry their key and incident in `metadata`; a shared file carries none, so its title ends in a mark
made from the same two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.slack.gateway import Gateway, Posted
from bot.slack.message import METADATA_EVENT_TYPE

CLOCK_SKEW = timedelta(minutes=5)
"""How far Slack's clock and ours may stand apart when a search starts at the moment we first tried."""


def file_title(name: str, *, incident_id: str, key: str) -> str:
    """The title a file is shared under: its name and the mark it is found by."""
    return f"{name} · {_mark(incident_id, key)}"


def _mark(incident_id: str, key: str) -> str:
    return hashlib.sha256(f"{incident_id}\n{key}".encode()).hexdigest()[:10]


async def find_message(
    gateway: Gateway, *, channel: str, thread_ts: str, incident_id: str, key: str, since: datetime | None
) -> Posted | None:
    """The message or shared file with this key, looked for from a little before `since` on."""
    me = await gateway.identity()
    mark = _mark(incident_id, key)
    oldest = since - CLOCK_SKEW if since is not None else None
    async for message in gateway.messages(channel, thread_ts=thread_ts, since=oldest):
        # Anybody may write metadata and titles; only what we posted ourselves counts.
        if message.get("bot_id") != me.bot_id and message.get("user") != me.user_id:
            continue
        if _carries(message, incident_id=incident_id, key=key) or _shares(message, mark):
            return Posted(channel=channel, ts=str(message.get("ts", "")))
    return None


def _carries(message: Mapping[str, Any], *, incident_id: str, key: str) -> bool:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT_TYPE:
        return False
    payload = metadata.get("event_payload") or {}
    return payload.get("key") == key and payload.get("incident") == incident_id


def _shares(message: Mapping[str, Any], mark: str) -> bool:
    return any(str(file.get("title", "")).endswith(mark) for file in message.get("files") or ())
