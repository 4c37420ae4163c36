"""Where a page of history ended, as one opaque word: the last run's time and id, which no later run can move.

A page after it is what comes later in the order (newest first), so runs that are opened meanwhile never shift a page
or show a run twice.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import NamedTuple

from bot.errors import BadInput
from bot.journal.codec import moment, stamp
from bot.runs.events import RunId

_MARK = "1"
_LIMIT = 400


class Cursor(NamedTuple):
    """The last run of a page."""

    opened_at: datetime
    run_id: RunId


def written(cursor: Cursor) -> str:
    """The cursor as a word that a URL and a shell take as it is."""
    text = f"{_MARK} {stamp(cursor.opened_at)} {cursor.run_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(word: str) -> Cursor:
    """The cursor behind a word; `BadInput` for any word that `written` did not give."""
    try:
        padded = word + "=" * (-len(word) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
        mark, at, run_id = text.split(" ", 2)
        found = Cursor(moment(at), RunId(run_id))
        if len(word) > _LIMIT or mark != _MARK or written(found) != word:
            raise ValueError(word)
    except (ValueError, binascii.Error) as error:
        raise BadInput(
            "this cursor is none that was given out", hint="take `next_cursor` of the page before, whole"
        ) from error
    return found
