"""Rebuilding the rows from the events; what may be thrown away is only what this can bring back.

Rows follow from events by pure functions that the engine owns and hands in. Most of a row follows from its own
stream; what depends on others (an incident is open while a run of it is) is settled over all rows at the end, so
a rebuild never holds more than one stream's events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.journal.base import IncidentRow, Journal, RunRow
from bot.runs.events import Event


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rebuildable rows, in no promised order."""

    incidents: tuple[IncidentRow, ...] = ()
    runs: tuple[RunRow, ...] = ()


RowOf = Callable[[str, tuple[Event, ...]], IncidentRow | RunRow | None]
"""The row that one stream makes, by its name and events; None for a stream that has none."""


def settled(rows: Rows) -> Rows:
    """The settling of rows that need none."""
    return rows


async def derive(journal: Journal, row_of: RowOf, *, settle: Callable[[Rows], Rows] = settled) -> Rows:
    """The rows that the stored events make; writes nothing."""
    return await _derive(journal, await journal.streams(), row_of, settle)


async def rebuild(journal: Journal, row_of: RowOf, *, settle: Callable[[Rows], Rows] = settled) -> Rows:
    """Replace every rebuildable row by what its events make, in one transaction; gives back what it wrote.

    `VersionConflict` when something was appended meanwhile: nothing was replaced, call again.
    """
    as_of = await journal.streams()
    rows = await _derive(journal, as_of, row_of, settle)
    await journal.replace_rows(incidents=rows.incidents, runs=rows.runs, as_of=as_of)
    return rows


async def _derive(
    journal: Journal, as_of: dict[str, int], row_of: RowOf, settle: Callable[[Rows], Rows]
) -> Rows:
    incidents: list[IncidentRow] = []
    runs: list[RunRow] = []
    for stream in as_of:
        recorded = await journal.read(stream)
        row = row_of(stream, tuple(one.event for one in recorded[: as_of[stream]]))
        if isinstance(row, IncidentRow):
            incidents.append(row)
        elif isinstance(row, RunRow):
            runs.append(row)
    return settle(Rows(incidents=tuple(incidents), runs=tuple(runs)))
