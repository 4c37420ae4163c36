"""Which commits pay for a sync of the disk: everything that must survive a power cut, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bot.journal.sqlite.file import make, open_for_writing
from bot.journal.sqlite.writer import Writer

FULL, NORMAL = 2, 1


class Desk:
    """A writer whose work notes how the transaction it stands in will be committed."""

    def __init__(self, path: Path) -> None:
        make(path)
        self.opened: list[sqlite3.Connection] = []
        self.writer = Writer(path, connect=partial(self._connect, path), announce=lambda _: None)

    def _connect(self, path: Path) -> sqlite3.Connection:
        self.opened.append(open_for_writing(path, audit_key=None))
        return self.opened[-1]

    async def write(self, *, is_synced: bool) -> int:
        return await self.writer.perform(_synchronous, is_synced=is_synced)


def _synchronous(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA synchronous").fetchone()[0])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "journal.db")
    yield made
    await made.writer.close()


async def test_each_commit_is_synced_as_it_asked_whatever_the_one_before_did(desk: Desk) -> None:
    assert [await desk.write(is_synced=one) for one in (True, False, False, True, False)] == [
        FULL,
        NORMAL,
        NORMAL,
        FULL,
        NORMAL,
    ]


async def test_what_shares_a_transaction_with_something_that_must_last_is_synced_with_it(desk: Desk) -> None:
    may_go = threading.Event()
    first = asyncio.create_task(desk.writer.perform(lambda _: may_go.wait(10)))
    others = [asyncio.create_task(desk.write(is_synced=one)) for one in (False, True, False)]
    await asyncio.sleep(0)
    may_go.set()
    assert await first
    assert await asyncio.gather(*others) == [FULL, FULL, FULL]


async def test_a_connection_that_was_opened_anew_begins_synced(desk: Desk) -> None:
    assert await desk.write(is_synced=False) == NORMAL

    def break_it(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("the disk went away")

    with pytest.raises(Exception, match="the disk went away"):
        await desk.writer.perform(break_it, is_synced=False)
    assert await desk.write(is_synced=True) == FULL
    assert len(desk.opened) == 2
