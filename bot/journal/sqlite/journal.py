"""The journal's contract over one SQLite file: every write through the writer, every read through the reader."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.errors import JournalUnavailable
from bot.journal import chain
from bot.journal.base import (
    Batch,
    Delivery,
    HistoryQuery,
    Hold,
    InboxItem,
    IncidentRow,
    NumbersQuery,
    Recorded,
    Rows,
    RunRow,
    StepRow,
    Verification,
)
from bot.journal.changes import Changes
from bot.journal.codec import Codec, EventText, stamp
from bot.journal.sqlite import queries, records
from bot.journal.sqlite.file import (
    check_place,
    make,
    open_for_reading,
    open_for_writing,
    stored_key_check,
    translated,
)
from bot.journal.sqlite.lock import ServingLock
from bot.journal.sqlite.reader import Reader, snapshot
from bot.journal.sqlite.writer import Work, Writer
from bot.journal.statements import statements
from bot.runs.events import Event, IncidentId, RunId
from bot.runs.plan import Artifact
from bot.runs.statistics import ActionNumbers

T = TypeVar("T")


class SqliteJournal:
    """One file; made by `open`, given back by `close`. Belongs to the event loop that opened it."""

    def __init__(self, path: Path, *, codec: Codec, audit_key: bytes | None) -> None:
        self._path = path
        self._codec = codec
        self._key = audit_key
        self._changes = Changes()
        self._reader = Reader(path)
        self._writer: Writer | None = None
        self._lock: ServingLock | None = None

    @classmethod
    async def open(
        cls, path: Path, *, serve: bool, codec: Codec, holder: str = "a bot", audit_key: bytes | None = None
    ) -> SqliteJournal:
        """The journal in this file: to serve (made and migrated where needed, one process at a time), or to read.

        `holder` is what a second process is told about who serves. `JournalUnavailable` says what is in the way.
        Opened to read, every write raises `JournalUnavailable` and the file is never touched.
        """
        journal = cls(path, codec=codec, audit_key=audit_key)
        try:
            if serve:
                await journal._serve(holder)
            await journal._reader.perform(lambda _: None)
        except BaseException:
            await journal.close()
            raise
        return journal

    async def _serve(self, holder: str) -> None:
        self._lock = await asyncio.to_thread(_lock_and_make, self._path, holder)
        connect = partial(open_for_writing, self._path, audit_key=self._key)
        self._writer = Writer(self._path, connect=connect, announce=self._changes.announce)
        await self._writer.perform(lambda _: None)

    async def close(self) -> None:
        """Finish what is queued, end every `changes()`, let go of the file. A second call does nothing."""
        # The reader first: the last connection to close folds the log into the file, and a reader may not.
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()
        self._changes.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _write(self, work: Work[T], *, streams: tuple[str, ...] = (), is_synced: bool = True) -> T:
        if self._writer is None:
            raise JournalUnavailable(
                f"the journal {str(self._path)!r} was opened to read", hint="ask the serving process to do it"
            )
        return await self._writer.perform(work, streams=streams, is_synced=is_synced)

    # --- the truth

    async def append(self, batch: Batch) -> tuple[Recorded, ...]:
        """See `Journal.append`."""
        events: list[Event] = []
        writes: list[records.TextWrite] = []
        for write in batch.writes:
            if write.stream == chain.AUDIT:
                raise ValueError("the stream 'audit' is the journal's own")
            encoded = [self._codec.encode(event) for event in write.events]
            events.extend(seen for _, seen in encoded)
            texts = tuple(text for text, _ in encoded)
            writes.append(
                records.TextWrite(stream=write.stream, expected_version=write.expected_version, events=texts)
            )
        added = await self._write(
            partial(_append, batch=batch, writes=writes, key=self._key),
            streams=tuple(write.stream for write in writes if write.events),
        )
        return tuple(_recorded(record, event) for record, event in zip(added, events, strict=True))

    async def read(self, stream: str, *, after_version: int = 0) -> tuple[Recorded, ...]:
        """See `Journal.read`; `UnreadableEvent` where this program is older than the journal."""
        found = await self._reader.perform(
            lambda connection: queries.stream_events(connection, stream, after_version=after_version)
        )
        return self._decoded(found)

    async def read_many(self, streams: Sequence[str]) -> dict[str, tuple[Recorded, ...]]:
        """See `Journal.read_many`."""
        found = await self._reader.perform(
            lambda connection: {
                stream: queries.stream_events(connection, stream, after_version=0) for stream in streams
            }
        )
        return {stream: self._decoded(events) for stream, events in found.items() if events}

    async def diagnoses(self, *, since: datetime | None = None) -> tuple[Recorded, ...]:
        """See `Journal.diagnoses`."""
        return self._decoded(
            await self._reader.perform(lambda connection: queries.diagnoses(connection, since=since))
        )

    def _decoded(self, found: Sequence[chain.EventRecord]) -> tuple[Recorded, ...]:
        return tuple(_recorded(record, self._codec.decode(_text(record))) for record in found)

    async def streams(self) -> dict[str, int]:
        """See `Journal.streams`."""
        return await self._reader.perform(records.streams)

    async def heads(self, streams: Sequence[str]) -> dict[str, tuple[int, str]]:
        """See `Journal.heads`."""
        return await self._reader.perform(lambda connection: queries.heads(connection, streams))

    async def artifact(self, digest: str) -> Artifact | None:
        """See `Journal.artifact`."""
        return await self._reader.perform(lambda connection: queries.artifact(connection, digest))

    async def verify(self, *, witnessed: Mapping[str, tuple[int, str]] | None = None) -> Verification:
        """See `Journal.verify`; reads one snapshot on a connection of its own, so that nothing waits for it."""
        return await asyncio.to_thread(_verify, self._path, self._key, dict(witnessed or {}))

    def changes(self) -> AsyncIterator[tuple[str, ...]]:
        """See `Journal.changes`."""
        return self._changes.subscribe()

    # --- rebuildable

    async def replace_rows(self, rows: Rows, *, as_of: Mapping[str, int], edition: int) -> None:
        """See `Journal.replace_rows`."""
        await self._write(
            lambda connection: records.replace_rows(connection, rows, as_of=as_of, edition=edition)
        )

    async def row_edition(self) -> int:
        """See `Journal.row_edition`."""
        return await self._reader.perform(queries.row_edition)

    async def incident_by_origin(self, key: str) -> IncidentRow | None:
        """See `Journal.incident_by_origin`."""
        return await self._reader.perform(lambda connection: queries.incident_by_origin(connection, key))

    async def incidents(self, *, open_only: bool = False, limit: int = 500) -> tuple[IncidentRow, ...]:
        """See `Journal.incidents`."""
        return await self._reader.perform(
            lambda connection: queries.incidents(connection, open_only=open_only, limit=limit)
        )

    async def incident_row(self, incident_id: IncidentId) -> IncidentRow | None:
        """See `Journal.incident_row`."""
        return await self._reader.perform(lambda connection: queries.incident(connection, incident_id))

    async def incident_rows(self, incident_ids: Sequence[IncidentId]) -> tuple[IncidentRow, ...]:
        """See `Journal.incident_rows`."""
        return await self._reader.perform(lambda connection: queries.some_incidents(connection, incident_ids))

    async def run_row(self, run_id: RunId) -> RunRow | None:
        """See `Journal.run_row`."""
        return await self._reader.perform(lambda connection: queries.run(connection, run_id))

    async def runs(self, query: HistoryQuery) -> tuple[RunRow, ...]:
        """See `Journal.runs`."""
        return await self._reader.perform(lambda connection: queries.runs(connection, query))

    async def steps(self, run_id: RunId) -> tuple[StepRow, ...]:
        """See `Journal.steps`."""
        return await self._reader.perform(lambda connection: queries.steps(connection, run_id))

    async def numbers(self, query: NumbersQuery) -> tuple[ActionNumbers, ...]:
        """See `Journal.numbers`."""
        return await self._reader.perform(lambda connection: queries.numbers(connection, query))

    # --- operational

    async def accept(self, item: InboxItem) -> bool:
        """See `Journal.accept`."""
        return await self._write(lambda connection: records.accept(connection, item))

    async def unanswered(self) -> tuple[InboxItem, ...]:
        """See `Journal.unanswered`."""
        return await self._reader.perform(queries.unanswered)

    async def done(self, inbox_id: str) -> None:
        """See `Journal.done`."""
        await self._execute("done", inbox_id)

    async def forget_seen(self, *, before: datetime) -> int:
        """See `Journal.forget_seen`."""
        return await self._execute("forget_seen", stamp(before))

    async def deliveries(self, incident_id: IncidentId) -> tuple[Delivery, ...]:
        """See `Journal.deliveries`."""
        return await self._reader.perform(lambda connection: queries.deliveries(connection, incident_id))

    async def record_delivery(self, *deliveries: Delivery) -> None:
        """See `Journal.record_delivery`."""
        # Only a question to Slack must be known to have been asked; an answer that is lost is looked for.
        is_asking = any(one.state == "sending" for one in deliveries)
        await self._write(_each(records.put_delivery, deliveries), is_synced=is_asking)

    async def take_holds(self, run_id: RunId, names: Sequence[str]) -> Hold | None:
        """See `Journal.take_holds`."""
        # What is done under a hold is appended after it, and that append's sync is the hold's.
        return await self._write(
            lambda connection: records.take_holds(connection, run_id, names), is_synced=False
        )

    async def release_holds(self, run_id: RunId) -> None:
        """See `Journal.release_holds`."""
        # A release that is lost is made again at the next start: a finished run holds nothing.
        await self._execute("drop_holds", run_id, is_synced=False)

    async def holds(self) -> tuple[Hold, ...]:
        """See `Journal.holds`."""
        return await self._reader.perform(queries.holds)

    async def take_lease(self, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
        """See `Journal.take_lease`."""
        return await self._write(
            lambda connection: records.take_lease(connection, name, owner=owner, until=until, now=now)
        )

    async def release_lease(self, name: str, *, owner: str) -> None:
        """See `Journal.release_lease`."""
        await self._execute("drop_lease", name, owner)

    async def _execute(self, statement: str, *values: str, is_synced: bool = True) -> int:
        """Run one writing statement; how many rows it touched."""
        return await self._write(
            lambda connection: connection.execute(statements()[statement], values).rowcount,
            is_synced=is_synced,
        )


def _lock_and_make(path: Path, holder: str) -> ServingLock:
    check_place(path)
    lock = ServingLock(path, holder=holder)
    try:
        make(path)
    except BaseException:
        lock.release()
        raise
    return lock


def _append(
    connection: sqlite3.Connection, *, batch: Batch, writes: Sequence[records.TextWrite], key: bytes | None
) -> list[chain.EventRecord]:
    added = records.add_events(connection, writes, artifacts=batch.artifacts, key=key)
    records.put_rows(connection, Rows(incidents=batch.incidents, runs=batch.runs, steps=batch.steps))
    for artifact in batch.artifacts:
        records.add_artifact(connection, artifact)
    if batch.inbox_id:
        connection.execute(statements()["done"], (batch.inbox_id,))
    return added


def _verify(path: Path, key: bytes | None, witnessed: Mapping[str, tuple[int, str]]) -> Verification:
    with translated(path), closing(open_for_reading(path)) as connection, snapshot(connection):
        if stored_key_check(connection) != chain.key_check(key):
            return Verification(
                streams=0,
                events=0,
                problems=(
                    "audit: the key given is not the one this journal was begun with; nothing was checked",
                ),
            )
        return chain.verify(
            audit=queries.all_audit(connection),
            events=queries.all_events(connection),
            artifacts=queries.all_artifacts(connection),
            key=key,
            witnessed=witnessed,
        )


def _each(put: Callable[[sqlite3.Connection, T], None], values: Sequence[T]) -> Work[None]:
    def work(connection: sqlite3.Connection) -> None:
        for value in values:
            put(connection, value)

    return work


def _text(record: chain.EventRecord) -> EventText:
    return EventText(name=record.name, v=record.v, at=record.at, body=record.body)


def _recorded(record: chain.EventRecord, event: Event) -> Recorded:
    return Recorded(
        stream=record.stream, version=record.version, position=record.position, event=event, hash=record.hash
    )
