"""What each write does inside a transaction, and how values stand in columns.

Functions here take a connection inside somebody's transaction and neither begin nor end one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import VersionConflict
from bot.journal.base import Delivery, Hold, InboxItem, IncidentRow, Rows, RunRow, StepRow
from bot.journal.chain import (
    GENESIS,
    AuditRecord,
    EventRecord,
    audit_body,
    next_audit_hash,
    next_hash,
)
from bot.journal.codec import EventText, stamp
from bot.journal.statements import statements
from bot.runs.events import RunId
from bot.runs.plan import Artifact

ROW_EDITION = "row edition"
"""The property that says by which rules the rebuildable rows were last made as a whole."""


@dataclass(frozen=True, kw_only=True)
class TextWrite:
    """A `base.Write` with its events as text."""

    stream: str
    expected_version: int
    events: tuple[EventText, ...]


def head(connection: sqlite3.Connection, stream: str) -> tuple[int, str]:
    """Version and hash of a stream's last event; (0, GENESIS) where there is none."""
    row = connection.execute(statements()["head"], (stream,)).fetchone()
    return (0, GENESIS) if row is None else (row[0], row[1])


def audit_head(connection: sqlite3.Connection) -> tuple[int, str]:
    """The same of the audit chain."""
    row = connection.execute(statements()["audit_head"]).fetchone()
    return (0, GENESIS) if row is None else (row[0], row[1])


def add_events(
    connection: sqlite3.Connection,
    writes: Sequence[TextWrite],
    *,
    artifacts: Sequence[Artifact],
    key: bytes | None,
) -> list[EventRecord]:
    """Append to every stream and to the audit chain; `VersionConflict` where a stream is not as expected."""
    added: list[EventRecord] = []
    heads: dict[str, tuple[int, str]] = {}
    position = connection.execute(statements()["last_position"]).fetchone()[0]
    for write in writes:
        version, previous = head(connection, write.stream)
        if version != write.expected_version:
            raise VersionConflict(
                f"stream {write.stream!r} is at version {version}, not at {write.expected_version}",
                hint="another writer was first: read the stream again and decide anew",
            )
        for text in write.events:
            position += 1
            version += 1
            record = EventRecord(write.stream, version, position, text.name, text.v, text.at, text.body, "")
            previous = next_hash(previous, record=record, key=key)
            added.append(record._replace(hash=previous))
            heads[write.stream] = (version, previous)
    connection.executemany(statements()["add_event"], added)
    if added or artifacts:
        body = audit_body(heads, (artifact.digest for artifact in artifacts))
        _add_audit(connection, position, body, at=max((one.at for one in added), default=""), key=key)
    return added


def _add_audit(
    connection: sqlite3.Connection, position: int, body: str, *, at: str, key: bytes | None
) -> None:
    version, previous = audit_head(connection)
    record = AuditRecord(version + 1, position, at, body, "")
    record = record._replace(hash=next_audit_hash(previous, record=record, key=key))
    connection.execute(statements()["add_audit"], record)


def put_incident(connection: sqlite3.Connection, row: IncidentRow) -> None:
    """Insert or replace an incident's row and its origins."""
    connection.execute(
        statements()["put_incident"],
        (
            row.incident_id,
            row.service,
            row.environment,
            row.title,
            row.symptom,
            row.status,
            int(row.is_open),
            stamp(row.opened_at),
            stamp(row.updated_at),
            row.channel,
            row.thread_ts,
            row.permalink,
        ),
    )
    connection.execute(statements()["drop_origins"], (row.incident_id,))
    if row.origins:
        connection.executemany(
            statements()["add_origin"],
            [(row.incident_id, place, key) for place, key in enumerate(row.origins)],
        )


def put_run(connection: sqlite3.Connection, row: RunRow) -> None:
    """Insert or replace a run's row."""
    connection.execute(
        statements()["put_run"],
        (
            row.run_id,
            row.incident_id,
            row.runbook,
            row.version,
            row.service,
            row.tenant,
            row.environment,
            row.status,
            int(row.is_open),
            stamp(row.opened_at),
            stamp(row.updated_at),
            _stamp_or_none(row.finished_at),
            row.requester,
            row.decided_by,
            row.symptom,
            int(row.dry_run),
            row.step_count,
        ),
    )


def put_step(connection: sqlite3.Connection, row: StepRow) -> None:
    """Insert or replace the row of one step."""
    connection.execute(
        statements()["put_step"],
        (
            row.run_id,
            row.step,
            row.name,
            row.action,
            row.type,
            row.service,
            row.tenant,
            row.environment,
            row.runbook,
            row.version,
            row.status,
            stamp(row.at),
            row.actor,
            row.reason,
            row.proposals,
            row.edits,
            int(row.is_unattended),
            int(row.is_unchanged),
            int(row.is_rejected),
            int(row.is_skipped),
            int(row.is_overridden),
            int(row.is_expired),
            int(row.is_cancelled),
            int(row.has_failed),
            int(row.was_unknown),
            int(row.is_rolled_back),
            row.decide_s,
        ),
    )


def put_rows(connection: sqlite3.Connection, rows: Rows) -> None:
    """Insert or replace all of these."""
    for incident in rows.incidents:
        put_incident(connection, incident)
    for run in rows.runs:
        put_run(connection, run)
    for step in rows.steps:
        put_step(connection, step)


def replace_rows(
    connection: sqlite3.Connection, rows: Rows, *, as_of: Mapping[str, int], edition: int
) -> None:
    """Drop every rebuildable row and write these; `VersionConflict` when the streams are not `as_of`."""
    if streams(connection) != as_of:
        raise VersionConflict(
            "events were appended while the rows were rebuilt", hint="rebuild once more; nothing was replaced"
        )
    for name in ("drop_all_origins", "drop_incidents", "drop_runs", "drop_steps"):
        connection.execute(statements()[name])
    put_rows(connection, rows)
    connection.execute(statements()["put_property"], (ROW_EDITION, str(edition)))


def streams(connection: sqlite3.Connection) -> dict[str, int]:
    """Every stream with its version."""
    return dict(connection.execute(statements()["streams"]).fetchall())


def add_artifact(connection: sqlite3.Connection, artifact: Artifact) -> None:
    """Store a file under its digest; one that is there already is the same."""
    connection.execute(
        statements()["add_artifact"], (artifact.digest, artifact.name, artifact.media_type, artifact.body)
    )


def accept(connection: sqlite3.Connection, item: InboxItem) -> bool:
    """Whether the inbox did not know this id."""
    row = (item.inbox_id, item.kind, item.body, stamp(item.received_at))
    return connection.execute(statements()["accept"], row).rowcount == 1


def put_delivery(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """Insert or replace by incident and key."""
    connection.execute(
        statements()["put_delivery"],
        (
            delivery.key,
            delivery.incident_id,
            delivery.place,
            delivery.state,
            delivery.channel,
            delivery.ts,
            delivery.content,
            delivery.attempts,
            _stamp_or_none(delivery.updated_at),
        ),
    )


def take_holds(connection: sqlite3.Connection, run_id: RunId, names: Sequence[str]) -> Hold | None:
    """All names or none; gives back the first hold of another run, in the order asked for."""
    for name in names:
        row = connection.execute(statements()["hold"], (name,)).fetchone()
        if row is not None and row[0] != run_id:
            return Hold(name=name, run_id=RunId(row[0]))
    connection.executemany(statements()["add_hold"], [(name, run_id) for name in names])
    return None


def take_lease(
    connection: sqlite3.Connection, name: str, *, owner: str, until: datetime, now: datetime
) -> bool:
    """Whether the lease is the owner's now."""
    row = (name, owner, stamp(until), stamp(now))
    return connection.execute(statements()["take_lease"], row).rowcount == 1


def _stamp_or_none(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)
