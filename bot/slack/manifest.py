"""The app's manifest: what Slack must be told once so that everything else here works, in both ways in.

Generated, never edited: `manifest.yml` is what `text_of(manifest())` prints, and a test holds it to that. Scopes are
the fewest that do: no `chat:write.public` and no `channels:join` (the bot speaks where it was invited), no history of
direct messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bot.errors import BadInput
from bot.slack import ids
from bot.slack.commands import COMMAND, USAGE

REQUEST_PATH = "/slack/events"
"""The one address for events, clicks and commands in HTTP mode."""

SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "im:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
)

EVENTS = (
    "app_home_opened",
    "app_mention",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "subteam_members_changed",
    "subteam_updated",
)

SHORT = "Turns a page into a guided, guarded fix: the next safe step in the thread, run when you approve it."
LONG = (
    "When an incident arrives, the bot answers in the thread with what is known and with the next safe step: what "
    "would run, where, what it changes and how it is undone. Whoever the catalog names approves, rejects, skips or "
    "edits it; then it runs, and the thread says what happened, who decided and why. Runbooks are files in Git. "
    "Nothing runs on the bot's own judgement, and every decision is in a journal that shows when it was tampered with."
)


def manifest(*, http_url: str = "") -> dict[str, Any]:
    """For Socket Mode; with `http_url` (the public https address of the bot) for HTTP mode."""
    address = _address(http_url) if http_url else ""
    to = {"request_url": address} if address else {}
    command = {"command": COMMAND, "description": "Start and follow runbooks"}
    return {
        "display_information": {
            "name": "Runbook Bot",
            "description": SHORT,
            "long_description": LONG,
            "background_color": "#1f3a5f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "runbook-bot", "always_online": True},
            "slash_commands": [
                {
                    **command,
                    **({"url": address} if address else {}),
                    "usage_hint": USAGE,
                    "should_escape": False,
                }
            ],
            "shortcuts": [
                {
                    "name": "Start a runbook",
                    "type": "message",
                    "callback_id": ids.START_SHORTCUT,
                    "description": "Choose a runbook for what this message is about",
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**to, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **to},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not address,
            "token_rotation_enabled": False,
        },
    }


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BadInput(
            f"{url!r} is no address Slack could call",
            hint="give the public https address of the bot, like https://runbook-bot.example.com",
        )
    base = url.rstrip("/")
    return base if base.endswith(REQUEST_PATH) else base + REQUEST_PATH


def text_of(manifest: Mapping[str, Any]) -> str:
    """The manifest as YAML; every string that needs it is quoted the JSON way, which YAML reads alike."""
    return "\n".join(_mapping(manifest, "")) + "\n"


def _mapping(value: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            lines += [f"{indent}{key}:", *_mapping(item, indent + "  ")]
        elif isinstance(item, list):
            lines += [f"{indent}{key}:", *_sequence(item, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {_scalar(item)}")
    return lines


def _sequence(value: Sequence[Any], indent: str) -> list[str]:
    lines = []
    for item in value:
        if isinstance(item, Mapping):
            first, *rest = _mapping(item, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{indent}- {_scalar(item)}")
    return lines


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_. -]*[A-Za-z0-9]")
_WORDS_WITH_MEANING = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = str(value)
    if _PLAIN.fullmatch(plain) and plain.lower() not in _WORDS_WITH_MEANING:
        return plain
    return json.dumps(plain, ensure_ascii=False)
