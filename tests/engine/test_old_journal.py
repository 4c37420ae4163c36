"""A journal that an older version wrote: read as it is, brought forward when it is served, and counted then.

`tests/journal/version_1.sql` is a dump of a file of the first schema, before steps had rows: four runs of one
incident. It is never made anew.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.engine.records import Records
from bot.engine.rows import EDITION, bring_up
from bot.errors import JournalUnavailable
from bot.journal.base import HistoryQuery, NumbersQuery
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import RunId
from tests.journal.samples import codec

DUMP = Path(__file__).parents[1] / "journal" / "version_1.sql"
README = Path(__file__).parents[2] / "README.md"


def overrides() -> str:
    """The SQL that README shows."""
    (shown,) = re.findall(
        r"^```sql\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(shown)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    return path


@pytest.fixture
async def served(old: Path) -> AsyncIterator[SqliteJournal]:
    journal = await SqliteJournal.open(old, serve=True, codec=codec())
    yield journal
    await journal.close()


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What another program is told that opens the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


async def test_it_can_be_read_as_it_is(old: Path) -> None:
    journal = await SqliteJournal.open(old, serve=False, codec=codec())
    records = Records(journal=journal)
    page = await records.page(HistoryQuery())
    assert [(run.run_id, run.status) for run in page.runs] == [
        ("r4", "waiting"),
        ("r3", "rollback_incomplete"),
        ("r2", "rejected"),
        ("r1", "succeeded"),
    ]
    assert page.runs[0].trigger.source == "pagerduty"
    assert (await journal.verify()).problems == ()
    with pytest.raises(JournalUnavailable, match="older version") as caught:
        await records.statistics(NumbersQuery())
    assert "start this version's bot" in caught.value.hint
    await journal.close()


async def test_it_is_brought_forward_once_when_it_is_served(served: SqliteJournal) -> None:
    assert await served.row_edition() == 0
    assert await bring_up(served)
    assert await served.row_edition() == EDITION
    assert not await bring_up(served)
    assert (await served.verify()).problems == ()


async def test_its_steps_are_counted_after_that(served: SqliteJournal, old: Path) -> None:
    await bring_up(served)
    rows = {(row.name, row.status): row for row in await served.steps(RunId("r3"))}
    assert rows.keys() == {("a", "requires_manual"), ("b", "rolled_back")}
    assert rows["a", "requires_manual"].reason == "not undone: a was changed since"
    counted = {one.action: one for one in await served.numbers(NumbersQuery())}
    assert counted.keys() == {"turn/a", "turn/b"}
    assert (counted["turn/a"].steps, counted["turn/a"].rejected, counted["turn/a"].waiting) == (4, 1, 1)
    assert counted["turn/b"].rolled_back == 1
    assert asked(old, overrides()) == [("turn/a", 2)]


async def test_the_rows_of_yesterday_are_made_anew_by_the_rules_of_today(
    served: SqliteJournal, old: Path
) -> None:
    await bring_up(served)
    before = await served.steps(RunId("r3"))
    await served.close()
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE properties SET value = '0' WHERE name = 'row edition'")
        connection.execute("UPDATE steps SET status = 'by-older-rules'")
    again = await SqliteJournal.open(old, serve=True, codec=codec())
    assert await bring_up(again)
    assert set(await again.steps(RunId("r3"))) == set(before)
    await again.close()
