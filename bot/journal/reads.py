"""Reads over any journal: history page by page, and the rows rebuilt from the events.

What may be thrown away is only what a rebuild can bring back.

Rows follow from events by pure functions that the engine owns and hands in. Most of a row follows from its own
stream; what depends on others (an incident is open while a run of it is) is settled over all rows at the end, so
a rebuild never holds more than one stream's events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.journal.base import HistoryPage, HistoryQuery, Journal, Rows
from bot.journal.cursor import Cursor, written
from bot.runs.events import Event

RowsOf = Callable[[str, tuple[Event, ...]], Rows]
"""The rows that one stream makes, by its name and events; none for a stream that has none."""


async def history(journal: Journal, query: HistoryQuery) -> HistoryPage:
    """One page of runs, newest first, and the cursor of the next; runs opened meanwhile shift nothing."""
    found = await journal.runs(replace(query, limit=query.limit + 1))
    shown = found[: query.limit]
    if len(found) <= query.limit or not shown:
        return HistoryPage(runs=shown)
    last = Cursor(shown[-1].opened_at, shown[-1].run_id)
    return HistoryPage(runs=shown, next_cursor=written(last))


def settled(rows: Rows) -> Rows:
    """The settling of rows that need none."""
    return rows


async def derive(journal: Journal, rows_of: RowsOf, *, settle: Callable[[Rows], Rows] = settled) -> Rows:
    """The rows that the stored events make; writes nothing."""
    return await _derive(journal, await journal.streams(), rows_of, settle)


async def rebuild(
    journal: Journal, rows_of: RowsOf, *, edition: int, settle: Callable[[Rows], Rows] = settled
) -> Rows:
    """Replace every rebuildable row by what its events make, in one transaction; gives back what it wrote.

    `VersionConflict` when something was appended meanwhile: nothing was replaced, call again.
    """
    as_of = await journal.streams()
    rows = await _derive(journal, as_of, rows_of, settle)
    await journal.replace_rows(rows, as_of=as_of, edition=edition)
    return rows


async def _derive(
    journal: Journal, as_of: dict[str, int], rows_of: RowsOf, settle: Callable[[Rows], Rows]
) -> Rows:
    made: list[Rows] = []
    for stream in as_of:
        recorded = await journal.read(stream)
        made.append(rows_of(stream, tuple(one.event for one in recorded[: as_of[stream]])))
    return settle(
        Rows(
            incidents=tuple(row for rows in made for row in rows.incidents),
            runs=tuple(row for rows in made for row in rows.runs),
            steps=tuple(row for rows in made for row in rows.steps),
        )
    )
