"""A thread as plain text, the way a person would read it aloud: for golden files, the demo and the terminal.

It takes our own `Message` values and messages in Slack's shape (`conversations.replies`) alike, so what a story
expects and what a workspace shows can be compared line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot.slack.message import Message

_INDENT = "    "
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_GROUP = re.compile(r"<!subteam\^([A-Z0-9]+)(?:\|([^>]*))?>")
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^|>]*)\|([^>]*)>")
_BARE_LINK = re.compile(r"<((?:https?|mailto):[^|>]*)>")
_BOLD = re.compile(r"(?<![A-Za-z0-9])\*([^*\n]+)\*(?![A-Za-z0-9])")
_NO_NAMES: Mapping[str, str] = {}


def transcript(
    messages: Iterable[Message | Mapping[str, Any]], *, names: Mapping[str, str] = _NO_NAMES
) -> str:
    """Every message as a paragraph, its buttons in brackets; `names` maps Slack ids to what people call them."""
    return "\n".join("\n".join(_message(one, names)) + "\n" for one in messages)


def _message(message: Message | Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    if isinstance(message, Message):
        speaker = "bot" if message.place == "thread" else f"bot → {_place(message.place, names)}"
        files = [_file(one.name, one.alt) for one in message.artifacts]
        files += [_file(one.name, one.alt) for one in message.files]
        words, blocks = message.text, message.blocks
    else:
        speaker = _speaker(message, names)
        files = [
            _file(str(one.get("name") or one.get("title") or ""), str(one.get("alt_txt") or ""))
            for one in message.get("files") or ()
        ]
        words, blocks = str(message.get("text") or ""), list(message.get("blocks") or ())
    body = [line for block in blocks for line in _block(block, names)] or readable(words, names=names).split(
        "\n"
    )
    body += [f"[File: {name}]" for name in files]
    return [f"{speaker}:", *(f"{_INDENT}{line}".rstrip() for line in body)]


def _file(name: str, alt: str) -> str:
    return f"{name}: {alt}" if alt else name


def _place(place: str, names: Mapping[str, str]) -> str:
    kind, _, name = place.partition(":")
    return names.get(name, name) if kind == "user" else kind


def _speaker(message: Mapping[str, Any], names: Mapping[str, str]) -> str:
    user = str(message.get("user") or "")
    profile = message.get("bot_profile") or {}
    if message.get("bot_id") or message.get("subtype") == "bot_message":
        return str(message.get("username") or profile.get("name") or names.get(user) or "bot")
    return names.get(user, user or "somebody")


def _block(block: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    match block.get("type"):
        case "header":
            yield f"# {_text(block.get('text'), names)}"
        case "section":
            if block.get("text"):
                yield from _text(block["text"], names).split("\n")
            for one in block.get("fields") or ():
                label, _, rest = _text(one, names).partition("\n")
                yield f"- {label}: {'; '.join(rest.splitlines())}" if rest else f"- {label}"
            if block.get("accessory"):
                yield from _elements([block["accessory"]], names)
        case "context":
            yield f"({' · '.join(_text(one, names) for one in block.get('elements') or ())})"
        case "actions":
            yield from _elements(block.get("elements") or (), names)
        case "input":
            hint = f" ({_text(block['hint'], names)})" if block.get("hint") else ""
            yield f"{_text(block.get('label'), names)}: {_element(block.get('element') or {}, names)}{hint}"
        case "divider":
            return
        case kind:
            yield f"({kind})"


def _elements(elements: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    yield " ".join(_element(one, names) for one in elements)


def _element(element: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if element.get("type") == "button":
        return f"[{_text(element.get('text'), names)}]"
    label = _text(element.get("placeholder"), names)
    if element.get("options"):
        chosen = [element.get("initial_option"), *(element.get("initial_options") or ())]
        options = ", ".join(
            _text(one.get("text"), names) + (" ✓" if one in chosen else "") for one in element["options"]
        )
        return f"[{label + ': ' if label else ''}{options} ▾]"
    return f"[{label or element.get('initial_value') or '…'}]"


def _text(value: Mapping[str, Any] | None, names: Mapping[str, str]) -> str:
    if not value:
        return ""
    words = str(value.get("text") or "")
    return readable(words, names=names) if value.get("type") != "plain_text" else words


def readable(markup: str, *, names: Mapping[str, str] = _NO_NAMES) -> str:
    """`mrkdwn` as plain text: mentions by name, times in UTC, links with their address, no invisible characters."""

    def named(found: re.Match[str]) -> str:
        return "@" + (found[2] or names.get(found[1], found[1])).removeprefix("@")

    out = _DATE.sub(r"\1", markup)
    out = _PERSON.sub(named, _GROUP.sub(named, out))
    out = _CHANNEL.sub(lambda found: "#" + (found[2] or names.get(found[1], found[1])), out)
    out = _BARE_LINK.sub(r"\1", _LINK.sub(r"\2 (\1)", out))
    out = _BOLD.sub(r"\1", out)
    out = out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return out.replace("\u2060", "")
