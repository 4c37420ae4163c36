"""Words on their way into Slack: every value from outside is made inert here, and every length is kept here.

Slack reads markup in `mrkdwn` texts. A value is data, so four things are done to it, in this order:

1. what cannot be seen is shown or taken out: control characters and marks that turn the reading direction become a
   visible sign, zero-width characters vanish from prose and are spelled out in code (exactness matters there);
2. it is cut by character, with a mark, so that no reader takes a part for the whole;
3. `& < >` are escaped (no mention, no link) and bare addresses and `@here` are kept from being recognised;
4. `* _ ~` and backticks give way to look-alikes where Slack would take them for formatting.

Inside a code fence only the fence itself is special: runs of backticks are kept apart by an invisible word joiner, so
nothing can close it early. Sizes are counted as UTF-16 units: Slack's documents do not say how it counts, and no way
of counting comes to more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.catalog import encoding
from bot.runs.duration import duration as duration

CUT_MARK = "… (cut)"
EMPTY = "–"
SHORT_ID = 8
"""Slack refuses an empty text."""

_WORD_JOINER = "\u2060"
_UNSEEN = "\ufffd"
_FORMATTING = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
_LONE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_QUOTE_START = re.compile(r"(?m)^(?=&gt;)")
_SLACK_ID = re.compile(r"[UWSC][A-Z0-9]{1,30}")
_HTTP_URL = re.compile(r"https?://[^\s<>|\"\\^`{}\x00-\x20\x7f]+", re.IGNORECASE)


def size(text: str) -> int:
    """How long Slack may take this text to be."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int, *, mark: str = CUT_MARK) -> str:
    """At most `limit` units, by whole characters, ending in a mark where something is missing."""
    if size(text) <= limit:
        return text
    mark = mark if size(mark) <= limit else "…"[:limit]
    end = _fitting(text, limit - size(mark))
    while end and _clings(text[end]):
        end -= 1
    return text[:end].rstrip("\u200d") + mark


def _fitting(text: str, room: int) -> int:
    """How many characters of the text fit."""
    if text.isascii():
        return max(0, room)
    for end, char in enumerate(text):
        room -= 2 if char > "\uffff" else 1
        if room < 0:
            return end
    return len(text)


def _clings(char: str) -> bool:
    """Whether this character belongs to the one before it."""
    return char == "\u200d" or bool(unicodedata.combining(char)) or unicodedata.category(char) in ("Mn", "Me")


def visible(text: str) -> str:
    """The text with nothing hidden in it; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_seen, text.replace("\r\n", "\n").replace("\r", "\n")))


def _seen(char: str) -> str:
    if " " <= char <= "~" or char in "\n\t":
        return char
    match unicodedata.category(char):
        case "Zl" | "Zp":
            return "\n"
        case "Cf" if unicodedata.bidirectional(char) in ("BN", "ON", ""):
            return ""
        case "Cc" | "Cf" | "Cs" | "Co":
            return _UNSEEN
        case _:
            return char


def exact(text: str) -> str:
    """Text for a code fence: what cannot be seen is spelled out as `⟨U+202E⟩`, because it will be executed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_spelled, text.replace("\r\n", "\n")))


def _spelled(char: str) -> str:
    if " " <= char <= "~" or char in "\n\t":
        return char
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or char == "\u3164":
        return f"⟨U+{ord(char):04X}⟩"
    return char


def one_line(text: str) -> str:
    """Visible text without line breaks or runs of spaces."""
    return " ".join(visible(text).split())


def plain(text: str, limit: int) -> str:
    """For a `plain_text` object: one visible line, cut, never empty."""
    return cut(one_line(_shortened(text, limit)), limit) or EMPTY


def value(text: object, limit: int = 300) -> str:
    """A value inside a `mrkdwn` sentence: one inert line, at most `limit` units also after escaping."""
    return _inert(one_line(_shortened(str(text), limit)), limit) or EMPTY


def spoken(text: str, limit: int = 300) -> str:
    """A sentence of ours, which may name `things`: what stands between two backticks becomes a code span."""
    parts = cut(one_line(text), limit).split("`")
    if len(parts) % 2 == 0:
        return value(text, limit)
    shown = "".join(
        code(part, limit) if place % 2 else _unformatted(part) for place, part in enumerate(parts) if part
    )
    return shown if 0 < size(shown) <= limit else value(text, limit)


def paragraph(text: str, limit: int = 1000) -> str:
    """Several lines of somebody's words as inert `mrkdwn`."""
    return _inert(visible(_shortened(text, limit)).strip(), limit) or EMPTY


def _shortened(text: str, limit: int) -> str:
    """A first, rough cut of what is far too long, so that a huge value costs no more than a long one."""
    rough = 8 * limit + 200
    return text if len(text) <= rough else f"{text[:rough]} {CUT_MARK}"


def _inert(text: str, limit: int) -> str:
    room = limit
    while True:
        inert = _unformatted(cut(text, room))
        over = size(inert) - limit
        if over <= 0 or room == 0:
            return inert
        room = max(0, min(room - 1, size(cut(text, room)) - max(1, over // 6)))


def _unformatted(text: str) -> str:
    escaped = encoding.mrkdwn(text, limit=len(text)).translate(_FORMATTING)
    without = _LONE_UNDERSCORE.sub("\uff3f", escaped)
    return _QUOTE_START.sub(_WORD_JOINER, without)


def escape(text: str) -> str:
    """`& < >` as Slack wants them; for text that stands inside code."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: object, limit: int = 120) -> str:
    """A code span on one line; a backtick in it becomes a look-alike, so it cannot end early."""
    line = " ".join(exact(_shortened(str(text), limit)).split()).replace("`", "\u02cb") or EMPTY
    return f"`{_cut_escaped(line, limit - 2)}`"


def _cut_escaped(text: str, limit: int) -> str:
    room = limit
    while size(escape(cut(text, room))) > limit and room > 0:
        room = min(room - 1, room - (size(escape(cut(text, room))) - limit) // 5)
    return escape(cut(text, max(0, room)))


@dataclass(frozen=True, kw_only=True)
class Fenced:
    """Code for people to read: one `mrkdwn` text per section, and whether that is all of it."""

    texts: tuple[str, ...]
    is_whole: bool


SECTION_ROOM = 2900
_FENCE = "```\n{}\n```"
_FENCE_COST = size(_FENCE.format(""))


def fenced(text: str, limit: int) -> Fenced:
    """`text` in code fences that fit into sections, at most `limit` units in all; the rest is cut with a mark."""
    spelled = _apart(exact(text)).strip("\n") or EMPTY
    pieces: list[str] = []
    left = limit
    while spelled and left > _FENCE_COST + 40:
        room = min(SECTION_ROOM, left) - _FENCE_COST
        piece, spelled = _head(spelled, room)
        pieces.append(_FENCE.format(escape(piece)))
        left -= size(pieces[-1])
    if spelled and pieces:
        body = pieces[-1].removeprefix("```\n").removesuffix("\n```")
        pieces[-1] = _FENCE.format(_cut_entity(body, size(body) - size(CUT_MARK) - 1) + "\n" + CUT_MARK)
    return Fenced(texts=tuple(pieces), is_whole=not spelled)


def fence_end(text: str, limit: int, *, most_lines: int = 15) -> str:
    """One fence with the last lines of `text` that fit: for output, where the end tells most."""
    spelled = _apart(exact(text)).strip("\n") or EMPTY
    room = limit - _FENCE_COST - size(CUT_MARK) - 1
    kept: list[str] = []
    lines = spelled.split("\n")
    for line in reversed(lines[-most_lines:]):
        shown = _cut_escaped(line, min(room, 300))
        if size(shown) + 1 > room or not shown:
            break
        kept.append(shown)
        room -= size(shown) + 1
    head = [CUT_MARK] if len(kept) < len(lines) else []
    return _FENCE.format("\n".join([*head, *reversed(kept)]) or EMPTY)


def _apart(text: str) -> str:
    return re.sub(r"`(?=`)", "`" + _WORD_JOINER, text)


def _head(text: str, room: int) -> tuple[str, str]:
    """The longest beginning whose escaped form fits, ended at a line where there is one, and the rest."""
    if size(escape(text)) <= room:
        return text, ""
    end = 0
    for char in text:
        room -= size(escape(char))
        if room < 0:
            break
        end += 1
    while end > 1 and _clings(text[end]):
        end -= 1
    at_line = text.rfind("\n", end // 2, end)
    if at_line > 0:
        return text[:at_line], text[at_line + 1 :]
    return text[:end], text[end:]


def cut_markup(text: str, limit: int) -> str:
    """A composed `mrkdwn` text, cut without leaving half an entity, half a mention or an open fence behind."""
    if size(text) <= limit:
        return text
    closing = "\n```"
    body = _cut_entity(text, limit - size(CUT_MARK) - size(closing))
    body = re.sub(r"<[^>]*$", "", body)
    if body.count("```") % 2:
        return f"{body}{closing}{CUT_MARK}"
    if body.count("`") % 2:
        body = body.rpartition("`")[0]
    return body + CUT_MARK


def _cut_entity(text: str, limit: int) -> str:
    return re.sub(r"&[a-z]{0,3}$", "", cut(text, max(0, limit), mark=""))


# ------------------------------------------------------------ things Slack draws itself


def mention(name: str) -> str:
    """A mention of a member (U…, W…) or user group (S…); anything else is shown as an inert value."""
    if not _SLACK_ID.fullmatch(name):
        return value(name, 120)
    return {"S": f"<!subteam^{name}>", "C": f"<#{name}>"}.get(name[0], f"<@{name}>")


def is_member(name: str) -> bool:
    """Whether this is the id of a Slack member, to whom a direct message can go."""
    return name[:1] in ("U", "W") and bool(_SLACK_ID.fullmatch(name))


def moment(at: datetime) -> str:
    """A time as everybody sees it on their own clock, with UTC for whoever cannot."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{utc(at)}>"


def clock(at: datetime) -> str:
    """The time of day only."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at.astimezone(UTC):%H:%M} UTC>"


def utc(at: datetime) -> str:
    """`2026-11-21 08:04 UTC`, for plain text."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def link(url: str, label: str) -> str:
    """A link people can click; only http(s) addresses become one, else the label stands alone."""
    words = value(label, 120)
    if len(url) > 1500 or not _HTTP_URL.fullmatch(url):
        return words
    return f"<{escape(url)}|{words}>"


def count(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2 people`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str], *, last: str = "and", most: int = 12) -> str:
    """`a, b and c`; what is beyond `most` is counted."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} {last} {shown[-1]}"


def short_id(name: str) -> str:
    """Enough of an id to tell two apart; it is there to be compared, not to be read aloud."""
    return value(name[:SHORT_ID], SHORT_ID)


def sentence(text: str) -> str:
    """The text with a capital first letter and one full stop at its end."""
    trimmed = text.strip()
    if not trimmed:
        return ""
    return capital(stopped(trimmed))


def stopped(text: str) -> str:
    """The text with a full stop at its end; for words that are not ours to capitalise."""
    trimmed = text.strip()
    return trimmed if not trimmed or trimmed[-1] in ".!?…`>" else trimmed + "."


def capital(text: str) -> str:
    """The text with a capital first letter."""
    trimmed = text.strip()
    return trimmed[:1].upper() + trimmed[1:]
