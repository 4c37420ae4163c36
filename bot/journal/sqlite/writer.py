"""The one thread that writes the journal's file: everything that waits shares one synced transaction.

A commit costs a sync of the disk, and that is nearly all it costs. So the thread takes whatever has gathered
while it was busy, runs each piece of work inside a savepoint of one `BEGIN IMMEDIATE` transaction, and commits
once. A piece of work that fails (a version conflict) takes back its own savepoint and nothing else. Only when
the transaction itself is lost (disk full, I/O error) do all of its pieces fail, each with the same sentence.

Some operational writes may wait for the sync of whatever is committed next (`is_synced=False`): a lock taken before
an intent, a message's `sent` after its `sending`. A killed process loses nothing of them; a power cut may, and what
comes back is an earlier state that a start already knows how to take up. Nothing later can outlive them, because the
log is one file, synced from its beginning. A transaction in which anything asks for its sync is synced.

Nobody hears of success before the commit has returned. After a failed commit the connection is given up and
opened anew for the next piece of work, so that what SQLite believes of the file is read from the file.

One thread, not a pool: SQLite has one writer at a time whatever is asked of it, and in one thread the order of
requests is the order of the chain.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from bot.errors import JournalUnavailable
from bot.journal.sqlite.file import unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
GROUP_LIMIT = 128
"""Pieces of work in one transaction; bounds how long the first of them waits for the last."""


@dataclass(eq=False)
class _Waiting:
    work: Work[Any]
    answer: asyncio.Future[Any]
    streams: tuple[str, ...]
    is_synced: bool
    result: Any = None
    error: Exception | None = field(default=None)


class Writer:
    """Runs work on the writing connection; `announce` hears, in the event loop, of streams that were committed."""

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[], sqlite3.Connection],
        announce: Callable[[Sequence[str]], None],
    ) -> None:
        self._path = path
        self._connect = connect
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._is_syncing = True
        self._is_closed = False
        self._ended = asyncio.Event()
        # A daemon: a program that forgets to close the journal still ends, and SQLite loses nothing by that.
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def perform(self, work: Work[T], *, streams: tuple[str, ...] = (), is_synced: bool = True) -> T:
        """The result of the work once it is durable, or what it raised once it is taken back.

        Not `is_synced`: once it survives this process; the machine's power only with whatever is synced next.

        Cancelled while waiting, the work may still be done.
        """
        if self._is_closed:
            raise JournalUnavailable("the journal is closed", hint="the process is stopping")
        waiting = _Waiting(work=work, answer=self._loop.create_future(), streams=streams, is_synced=is_synced)
        self._waiting.put(waiting)
        result: T = await waiting.answer
        return result

    async def close(self) -> None:
        """Finish what is queued, then close the connection; calling it again waits for the same end."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put(None)
        await self._ended.wait()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group, is_last = self._next_group()
            self._commit(group)
            self._tell(self._settle, group)
        self._give_up_connection()
        self._tell(self._ended.set)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        group: list[_Waiting] = []
        first = self._waiting.get()
        while first is not None:
            group.append(first)
            if len(group) == GROUP_LIMIT:
                return group, False
            try:
                first = self._waiting.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Waiting]) -> None:
        """Do all of it in one transaction; afterwards each piece has its result or its error."""
        if not group:
            return
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001 - the thread must outlive anything; those who wait are told
            self._give_up_connection()
            for waiting in group:
                # A new error for each: one exception raised in many places gathers all their tracebacks.
                waiting.error = self._told(error)

    def _transact(self, group: list[_Waiting]) -> None:
        if self._connection is None:
            self._connection = self._connect()
            self._is_syncing = True
        connection = self._connection
        self._sync(connection, is_wanted=any(waiting.is_synced for waiting in group))
        connection.execute("BEGIN IMMEDIATE")
        for waiting in group:
            connection.execute("SAVEPOINT piece")
            try:
                waiting.result = waiting.work(connection)
            except Exception as error:
                if not connection.in_transaction:
                    raise  # SQLite took the whole transaction back by itself: the group is lost
                connection.execute("ROLLBACK TO piece")
                waiting.error = self._told(error)
            connection.execute("RELEASE piece")
        connection.execute("COMMIT")

    def _sync(self, connection: sqlite3.Connection, *, is_wanted: bool) -> None:
        """In WAL, FULL syncs the log at each commit and NORMAL leaves it to a later one; both keep it in order."""
        if is_wanted != self._is_syncing:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_wanted else 'NORMAL'}")
            self._is_syncing = is_wanted

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error):
            told = unavailable(error, self._path)
        elif isinstance(error, JournalUnavailable):
            told = JournalUnavailable(error.message, hint=error.hint)
        else:
            return error
        told.__cause__ = error
        return told

    def _give_up_connection(self) -> None:
        """Closing takes back an open transaction."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _settle(self, group: Sequence[_Waiting]) -> None:
        streams = [stream for waiting in group if waiting.error is None for stream in waiting.streams]
        if streams:
            self._announce(streams)
        for waiting in group:
            if waiting.answer.done():  # whoever asked was cancelled
                continue
            if waiting.error is None:
                waiting.answer.set_result(waiting.result)
            else:
                waiting.answer.set_exception(waiting.error)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(callback, *arguments)
