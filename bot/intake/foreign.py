"""Foreign JSON and text: strict about the envelope, lenient about what is in it, and clean whatever comes out.

An envelope that is not UTF-8, not JSON, not an object, nested without end or ambiguous (a key twice, NaN) is
`BadInput`. Inside it a field of the wrong type counts as absent: a source may change its shapes, and answering it
with errors makes it stop sending (PagerDuty disables a subscription after three refusals in a row).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from bot.errors import BadInput

TITLE_LIMIT = 500
TEXT_LIMIT = 4000
NAME_LIMIT = 200

# Controls, lone surrogates (JSON can spell them, UTF-8 cannot) and the marks that reorder or hide text on screen.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SPACE = re.compile(r"\s+")
_MAX_DEPTH = 64


def load_object(body: bytes | str) -> dict[str, Any]:
    """The JSON object in `body`; `BadInput` says what is wrong with it, never what it holds."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        parsed = json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_not_finite)
    except UnicodeDecodeError as error:
        raise BadInput("the body is not UTF-8", hint="send JSON as UTF-8") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except ValueError as error:
        # covers JSONDecodeError and Python's own limit on the digits of an integer
        raise BadInput("the body is not JSON", hint="send one JSON object") from error
    if not isinstance(parsed, dict):
        raise BadInput("the body is not a JSON object", hint="send one JSON object")
    if _depth_over(parsed, _MAX_DEPTH):
        raise BadInput("the body is nested too deeply")
    return parsed


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadInput("a key stands twice in one JSON object", hint="send each key once")
    return found


def _not_finite(_word: str) -> NoReturn:
    raise BadInput("NaN and Infinity are not JSON numbers", hint="send finite numbers")


def _depth_over(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return True


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def text_at(value: object, *path: str, limit: int = NAME_LIMIT) -> str:
    """The clean one-line string at a path of keys; "" where there is none."""
    found = at(value, *path)
    return line(found, limit=limit) if isinstance(found, str) else ""


def at(value: object, *path: str) -> object:
    """Whatever stands at a path of keys, None where it ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def objects_at(value: object, *path: str) -> tuple[dict[str, Any], ...]:
    """The objects in the list at a path; anything else in it is left out."""
    found = at(value, *path)
    return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def number_of(value: object) -> float | None:
    """A finite number, None for anything else (a truth value is not one)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def line(text: str, *, limit: int = NAME_LIMIT) -> str:
    """One clean line, cut by character with a mark."""
    return _cut(_SPACE.sub(" ", _UNPRINTABLE.sub("", text)).strip(), limit)


def paragraph(text: str, *, limit: int = TEXT_LIMIT) -> str:
    """Clean text that keeps its line breaks, cut by character with a mark."""
    return _cut(_UNPRINTABLE.sub("", text.replace("\r\n", "\n")).strip(), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def moment(text: object, *, received_at: datetime) -> datetime:
    """An ISO 8601 time as aware UTC, never later than `received_at`; `received_at` where it says none.

    A source whose clock runs ahead would otherwise make everything it says afterwards look late.
    """
    if not isinstance(text, str):
        return received_at
    try:
        parsed = datetime.fromisoformat(text)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return received_at
    return min(parsed, received_at)


def strings_in(value: object) -> Iterator[str]:
    """Every string in a JSON value, in reading order, keys not included."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        else:
            pending.extend(reversed(_children(one)))
