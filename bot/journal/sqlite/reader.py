"""The one thread that reads the journal's file; each read sees one moment of it, and never waits for the writer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bot.errors import JournalUnavailable
from bot.journal.sqlite.file import open_for_reading, unavailable

T = TypeVar("T")


class Reader:
    """Runs work on a read-only connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._is_closed = False

    async def perform(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of the work, over one snapshot."""
        if self._is_closed:
            raise JournalUnavailable("the journal is closed", hint="the process is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, work)

    async def close(self) -> None:
        """Finish the read under way and close the connection."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._give_up_connection)
            self._thread.shutdown(wait=False)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = open_for_reading(self._path)
            with snapshot(self._connection):
                return work(self._connection)
        except sqlite3.Error as error:
            self._give_up_connection()
            raise unavailable(error, self._path) from error

    def _give_up_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


@contextlib.contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """All reads inside see the same moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
