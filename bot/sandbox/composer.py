"""What a person types, as Slack keeps it: escaped, with mentions, channels and links marked up."""

from __future__ import annotations

import re

from bot.sandbox.workspace import Workspace

_TOKEN = re.compile(r"<(?:@[UW]\w+|#[CG]\w+(?:\|[^<>|]*)?|!subteam\^S\w+)>")
_PLAIN = re.compile(r"https?://[^\s<>|]+|@[\w.-]*\w|#[\w-]+")


def encoded(text: str, workspace: Workspace) -> str:
    """`@name`, `#channel` and addresses become Slack's notation, everything else is escaped text.

    Mentions that the page already wrote as `<@U…>` are kept.
    """
    made: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        made += [_marked_up(text[end : token.start()], workspace), token.group()]
        end = token.end()
    return "".join([*made, _marked_up(text[end:], workspace)])


def _marked_up(text: str, workspace: Workspace) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PLAIN.sub(lambda found: _reference(found.group(), workspace), escaped)


def _reference(word: str, workspace: Workspace) -> str:
    name = word[1:].lower()
    if word.startswith("@"):
        for user in workspace.users.values():
            if user.name.lower() == name:
                return f"<@{user.id}>"
        for group in workspace.groups.values():
            if group.handle.lower() == name:
                return f"<!subteam^{group.id}>"
        return word
    if word.startswith("#"):
        for channel in workspace.channels.values():
            if not channel.is_im and channel.name == name:
                return f"<#{channel.id}|{channel.name}>"
        return word
    return f"<{word}>"
