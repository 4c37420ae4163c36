"""What commands that look into runs share: the journal, only read, and how times are typed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.engine.records import Records
    from bot.journal.sqlite import SqliteJournal
    from bot.runs.events import RunId

T = TypeVar("T")

journal_option = click.option(
    "--journal",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The journal's file; that of BOT_DATABASE_URL when left out.",
)
"""The one spelling of the option; the command gets `path`."""

SHORT_ID = 8
"""Letters of a run's id in a table: enough to tell the runs of years apart, and `run show` takes them."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})([mhdw])")


class Moment(click.ParamType[datetime]):
    """A time: `7d` or `36h` ago, a date, or a date with a time; UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; a usage error says what would have fitted."""
        if isinstance(value, datetime):
            return value
        ago = _AGO.fullmatch(value.strip())
        try:
            if ago is not None:
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            given = datetime.fromisoformat(value.strip())
            return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; 7d, 36h, 2026-11-21 or 2026-11-21T08:04 would be", param, ctx)


MOMENT = Moment()


def reading(path: Path | None, work: Callable[[SqliteJournal, Records], Awaitable[T]]) -> T:
    """What the work makes of the journal, which is only read; `JournalUnavailable` where there is none."""
    return asyncio.run(_reading(path, work))


async def _reading(path: Path | None, work: Callable[[SqliteJournal, Records], Awaitable[T]]) -> T:
    from bot.engine.records import Records
    from bot.engine.stored import codec
    from bot.journal.sqlite import SqliteJournal
    from bot.settings import Settings

    settings = Settings.load(to_serve=False)
    journal = await SqliteJournal.open(
        path or settings.journal_path, serve=False, codec=codec(), audit_key=settings.audit_key_bytes
    )
    try:
        return await work(journal, Records(journal=journal))
    finally:
        await journal.close()


async def run_named(journal: SqliteJournal, typed: str) -> RunId:
    """The run whose id this is, or begins with; `NotFound` and `BadInput` say what is there."""
    from bot.errors import NotFound
    from bot.journal.base import HistoryQuery

    found = (
        await journal.runs(HistoryQuery(id_prefix=typed.strip().lower(), limit=6)) if typed.strip() else ()
    )
    if not found:
        raise NotFound(f"there is no run {typed[:40]!r}", hint="`runbookctl history` lists them")
    exact = [row for row in found if row.run_id == typed.strip().lower()]
    if len(found) > 1 and not exact:
        ids = ", ".join(row.run_id[: len(typed) + 4] for row in found[:5])
        raise BadInput(f"{typed!r} is the beginning of several runs", hint=f"type more of it: {ids}, …")
    return (exact or found)[0].run_id
