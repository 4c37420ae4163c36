"""How one value is written at each kind of place, so that text from outside stays data there.

Each encoder takes a value as text and answers with text that the reader of that place takes for exactly that
value, or raises `BadInput` when it has no such spelling (a NUL in a command, a line break in a header).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any
from urllib.parse import quote

from bot.catalog import secret_names
from bot.errors import BadInput

MRKDWN_VALUE_CHARACTERS = 500
"""A value shown in a message is cut here; the whole of it is in the journal."""

CUT_MARK = "… (cut)"

_WORD_JOINER = "\u2060"
_LINK_STARTS = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)|(?<=tel)(?=:)")
_LOUD_MENTION = re.compile(r"(?i)@(?=(?:here|channel|everyone)\b)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_HEADER_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")


class Place(Enum):
    """Where a text field of an action's input ends up; annotate the field: `Annotated[str, Place.SHELL]`."""

    PLAIN = "plain"
    """Looked up or compared by us, never interpreted. The place of a field that says nothing."""
    SHELL = "shell"
    """A command line for a POSIX shell; a placeholder is an unquoted word or a part of one."""
    URL = "url"
    """An http(s) address; placeholders stand in its path, query or fragment. May name secrets."""
    HEADER = "header"
    """The value of an HTTP header. May name secrets."""
    BODY = "body"
    """An HTTP body: a tree sent as JSON, or a text, which must be JSON to hold placeholders. May name secrets."""
    JSON = "json"
    """A typed tree handed on as it is: a lone placeholder keeps its value's type."""
    MRKDWN = "mrkdwn"
    """Slack's markup; a value makes no mention and no link."""
    PROMQL = "promql"
    """A PromQL expression; a placeholder is a whole label value and brings its own quotes."""


SECRET_BEARING = frozenset({Place.URL, Place.HEADER, Place.BODY})
"""Places whose catalog literals may hold `$NAME`."""


def as_text(value: Any, *, path: str) -> str:
    """A single value as the text a person would write: `true`, `5`, `0.7`. BadInput for lists and mappings."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | float):
        text = str(value)
    else:
        raise BadInput(
            f"{{{{ {path} }}}} is {_kind(value)}, and only a single value can stand inside a text",
            hint="name one of its parts, or use it alone where a list or mapping fits",
        )
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadInput(f"the value of {{{{ {path} }}}} is not valid text (a lone surrogate)")
    return text


def encode(text: str, place: Place, *, path: str) -> str:
    """`text` spelled for `place`; `path` names it in the refusal."""
    match place:
        case Place.SHELL:
            return _shell(text, path)
        case Place.URL:
            return quote(text, safe="")
        case Place.HEADER:
            return _header(text, path)
        case Place.BODY:
            return secret_names.escape(text)
        case Place.MRKDWN:
            return mrkdwn(text)
        case Place.PROMQL:
            return promql_label(text)
        case Place.JSON:
            return text
        case Place.PLAIN:
            return _plain(text, path)


def mrkdwn(text: str, *, limit: int = MRKDWN_VALUE_CHARACTERS) -> str:
    """`text` as inert mrkdwn: `& < >` escaped, no link and no loud mention, cut by character with a mark.

    Slack turns bare addresses and `@here` into links and mentions by itself, so an invisible word joiner is
    put where they would be recognised.
    """
    cut = text if len(text) <= limit else text[: max(0, limit - len(CUT_MARK))] + CUT_MARK
    # Slack would take a control character for nothing; a visible mark is more honest.
    visible = _CONTROL.sub("\ufffd", cut.replace("\r\n", "\n"))
    escaped = visible.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LOUD_MENTION.sub("@" + _WORD_JOINER, _LINK_STARTS.sub(_WORD_JOINER, escaped))


def promql_label(text: str) -> str:
    """`text` as a quoted PromQL label value, quotes included."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _shell(text: str, path: str) -> str:
    """Always quoted, also when it looks harmless: `2` before `>`, `A=b` and `if` are not words when bare."""
    if "\0" in text:
        raise BadInput(f"the value of {{{{ {path} }}}} has a NUL character, which no command can carry")
    return "'" + text.replace("'", "'\\''") + "'"


def _header(text: str, path: str) -> str:
    if _HEADER_CONTROL.search(text):
        raise BadInput(
            f"the value of {{{{ {path} }}}} has a line break or control character, no header can carry it"
        )
    return secret_names.escape(text)


def _plain(text: str, path: str) -> str:
    if _CONTROL.search(text):
        raise BadInput(f"the value of {{{{ {path} }}}} has a control character")
    return text


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list | tuple) else "a mapping"
