"""Values from outside inside a Markdown document: inert in prose, in code spans, in fences and in table cells.

A renderer may take HTML, bare addresses and `@name` for more than text. So `& < >` become entities, everything that
Markdown reads as markup is escaped, and a word joiner stands where an address or a mention would be recognised. What
cannot be seen (control characters, marks that turn the reading direction) is shown or taken out.
"""

from __future__ import annotations

import re
import unicodedata

EMPTY = "–"
CUT_MARK = "… (cut)"

_MARKUP = re.compile(r"([\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_BLOCK_START = re.compile(r"^()([#+=-])|^(?:(\d{1,9})([.)]))(?=\s|$)")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JOINER = "\u2060"
_LINK_STARTS = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)|(?<=xmpp)(?=:)|(?<=@)(?=\w)")
_BACKTICKS = re.compile(r"`+")


def prose(text: object, limit: int = 500) -> str:
    """One inert line."""
    line = " ".join(_visible(str(text)).split())
    if len(line) > limit:
        line = line[: limit - len(CUT_MARK)] + CUT_MARK
    escaped = _MARKUP.sub(r"\\\1", _LINK_STARTS.sub(_JOINER, line).translate(_ENTITIES))
    return _BLOCK_START.sub(r"\1\3\\\2\4", escaped) or EMPTY


def code(text: object, limit: int = 300) -> str:
    """A code span on one line, whatever backticks are in it; a table cell's bar is replaced by a look-alike."""
    line = " ".join(_spelled(str(text)).split()).replace("|", "\u2223")
    if not line:
        return EMPTY
    if len(line) > limit:
        line = line[: limit - len(CUT_MARK)] + CUT_MARK
    fence = _longer_than(line, least=1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str) -> str:
    """A block of code that nothing inside can close."""
    body = _spelled(text.replace("\r\n", "\n")).strip("\n")
    fence = _longer_than(body, least=3)
    return f"{fence}text\n{body}\n{fence}"


def _longer_than(text: str, *, least: int) -> str:
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_seen, text))


def _seen(char: str) -> str:
    if char in "\n\t\r":
        return " "
    match unicodedata.category(char):
        case "Zl" | "Zp":
            return " "
        case "Cf" if unicodedata.bidirectional(char) in ("BN", "ON", ""):
            return ""
        case "Cc" | "Cf" | "Cs" | "Co":
            return "\ufffd"
        case _:
            return char


def _spelled(text: str) -> str:
    """In code exactness matters: what cannot be seen is spelled out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"⟨U+{ord(char):04X}⟩"
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
        else char
        for char in text
    )
