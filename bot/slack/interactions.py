"""What came in, as values: who did it, where they were looking, what they used; no meaning is given to it here.

Slack's payloads differ by where the person was: a click in a thread, in the App Home (no channel, no message), in a
modal, a slash command (never a thread). `Where` is what they have in common: how to answer that one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import BadInput

Payload = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where somebody was when they did something, and every way there is to answer them."""

    user: Mapping[str, Any]
    channel: str = ""
    thread_ts: str = ""
    response_url: str = ""
    trigger_id: str = ""

    @property
    def user_id(self) -> str:
        """Slack's id of the person."""
        return str(self.user.get("id", ""))


@dataclass(frozen=True, kw_only=True)
class Click:
    """One use of a button or menu. `value` is a button's value or the option that was chosen."""

    where: Where
    action_id: str
    block_id: str
    value: str
    view: Mapping[str, Any] | None = None
    """The modal or Home it was used in; None for a message."""


def click_of(body: Payload) -> Click:
    """A `block_actions` payload; `BadInput` where it carries no action."""
    actions = body.get("actions")
    if not isinstance(actions, list) or not actions or not isinstance(actions[0], dict):
        raise BadInput("this click carries nothing that could be understood")
    action = actions[0]
    chosen = action.get("selected_option") or {}
    view = body.get("view")
    return Click(
        where=where_of(body),
        action_id=str(action.get("action_id", "")),
        block_id=str(action.get("block_id", "")),
        value=str(chosen.get("value") or action.get("value") or ""),
        view=view if isinstance(view, dict) else None,
    )


def where_of(body: Payload) -> Where:
    """Where an interactive payload (click, shortcut, view) came from."""
    container = body.get("container") or {}
    message = body.get("message") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id") or ""
    ts = str(message.get("ts") or container.get("message_ts") or "")
    thread_ts = str(message.get("thread_ts") or container.get("thread_ts") or "")
    return Where(
        user=dict(body.get("user") or {}),
        channel=str(channel),
        # A root is looked at in the channel, where an answer inside its thread would not be seen.
        thread_ts="" if thread_ts == ts else thread_ts,
        response_url=str(body.get("response_url") or ""),
        trigger_id=str(body.get("trigger_id") or ""),
    )


def thread_of(body: Payload) -> str:
    """The thread a message belongs to, its own where it is a root or stands alone; for the message shortcut."""
    message = body.get("message") or {}
    return str(message.get("thread_ts") or message.get("ts") or body.get("message_ts") or "")


def where_of_command(body: Payload) -> Where:
    """Where a slash command was typed; never inside a thread."""
    return Where(
        user={
            "id": str(body.get("user_id", "")),
            "name": str(body.get("user_name", "")),
            "team_id": str(body.get("team_id", "")),
        },
        channel=str(body.get("channel_id", "")),
        response_url=str(body.get("response_url") or ""),
        trigger_id=str(body.get("trigger_id") or ""),
    )
