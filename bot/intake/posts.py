"""A message that another app posted in Slack: who posted it, where, and every string and link in it.

Layouts change and are documented nowhere, so nothing here knows one: all strings of text, blocks and attachments are
collected in reading order (`fallback` and `title_link` too) and un-escaped (`&amp; &lt; &gt;`, and only those,
once). Posts of people and of this bot's own app are never taken: what they paste or quote must open nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.intake.foreign import at, line, objects_at, strings_in, text_at
from bot.intake.incident import Place
from bot.intake.signal import Ignored

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,20}")
_TS = re.compile(r"([0-9]{1,10})\.([0-9]{6})")
_LINK = re.compile(r"<(https?://[^<>|\s]{1,2000})(?:\|([^<>]{0,1000}))?>")
_PRETEXT_KEYS = ("pretext", "title", "title_link", "text", "fallback")
_MAX_STRINGS = 500
_MAX_STRING = 8000


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link with its label; the label is "" where there is none."""

    url: str
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message of another app. `before` is what it said until now, where this is an edit."""

    channel: str
    ts: str
    thread_ts: str
    """The root of the thread it stands in; its own `ts` at the top level."""
    said_at: datetime
    app_id: str
    username: str
    strings: tuple[str, ...]
    """As written, still with mrkdwn and escapes."""
    fields: tuple[tuple[str, str], ...]
    """Label and value of what looks like a field: `*Service:* …`, or an attachment's own fields."""
    before: tuple[str, ...] | None = None

    @property
    def place(self) -> Place:
        """Where an answer to it belongs."""
        return Place(channel=self.channel, thread_ts=self.thread_ts)

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link in it: with its label in mrkdwn, bare where a string is nothing else."""
        return tuple(link for one in self.strings for link in links_in(one))

    def field(self, *labels: str) -> str:
        """The value of the first field with one of these labels (lower case), as written."""
        return next((value for label, value in self.fields if label in labels), "")


def links_in(text: str) -> Iterator[Link]:
    """The links in one string as written."""
    if text.startswith(("http://", "https://")) and not re.search(r"[\s<>]", text):
        yield Link(url=unescape(text))
    for found in _LINK.finditer(text):
        yield Link(url=unescape(found.group(1)), label=plain(found.group(2) or ""))


def unescape(text: str) -> str:
    """Slack's three escapes undone, once: `&amp;lt;` becomes `&lt;`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def plain(text: str) -> str:
    """Words as a person reads them: links by their label, no emphasis marks at the ends, un-escaped."""
    words = _LINK.sub(lambda found: found.group(2) or found.group(1), text)
    return line(unescape(words), limit=1000).strip("*_~` ")


def read_post(event: object, *, own_app_id: str, received_at: datetime) -> Post | Ignored:
    """The post in a Slack `message` event of another app, new or edited."""
    if at(event, "type") != "message":
        return Ignored(reason="not a message")
    edited = at(event, "subtype") == "message_changed"
    if not edited and at(event, "subtype") not in (None, "bot_message"):
        return Ignored(reason="a message of a kind that no alert has")
    message = at(event, "message") if edited else event
    app_id = text_at(message, "app_id") or text_at(message, "bot_profile", "app_id")
    if not text_at(message, "bot_id"):
        return Ignored(reason="a person's message")
    if own_app_id and app_id == own_app_id:
        return Ignored(reason="our own message")
    channel, ts = text_at(event, "channel"), text_at(message, "ts")
    thread_ts = text_at(message, "thread_ts") or ts
    said_at = _moment_of(text_at(event, "ts") if edited else ts, received_at=received_at)
    if said_at is None or not (
        _CHANNEL.fullmatch(channel) and _TS.fullmatch(ts) and _TS.fullmatch(thread_ts)
    ):
        return Ignored(reason="a message without a place that can be answered")
    return Post(
        channel=channel,
        ts=ts,
        thread_ts=thread_ts,
        said_at=said_at,
        app_id=app_id,
        username=text_at(message, "username") or text_at(message, "bot_profile", "name"),
        strings=_strings(message),
        fields=tuple(_fields(message)),
        before=_strings(at(event, "previous_message")) if edited else None,
    )


def _moment_of(ts: str, *, received_at: datetime) -> datetime | None:
    """A Slack timestamp as aware UTC (never ahead of `received_at`), None where it is none."""
    found = _TS.fullmatch(ts)
    if found is None:
        return None
    said = datetime.fromtimestamp(int(found.group(1)), tz=UTC) + timedelta(microseconds=int(found.group(2)))
    return min(said, received_at)


def _strings(message: object) -> tuple[str, ...]:
    """Every string somebody may read or click, in reading order: the text, the attachments' heads, all the rest."""
    found: dict[str, None] = {}

    def add(value: object) -> None:
        for one in strings_in(value):
            if len(found) < _MAX_STRINGS:
                found.setdefault(one[:_MAX_STRING])

    add(at(message, "text"))
    for attachment in objects_at(message, "attachments"):
        for key in _PRETEXT_KEYS:
            add(attachment.get(key))
    add(at(message, "blocks"))
    add(at(message, "attachments"))
    return tuple(found)


_FIELD = re.compile(r"\*?([A-Za-z][A-Za-z ]{1,30}?)\s*:\*?\s+(\S.*)", re.DOTALL)


def _fields(message: object) -> Iterator[tuple[str, str]]:
    for attachment in objects_at(message, "attachments"):
        for field in objects_at(attachment, "fields"):
            label, value = text_at(field, "title"), field.get("value")
            if label and isinstance(value, str):
                yield label.lower().rstrip(": "), value[:_MAX_STRING]
    for one in _strings(message):
        if found := _FIELD.fullmatch(one[:1000].strip()):
            yield found.group(1).lower(), found.group(2)
