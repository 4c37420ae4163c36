"""What each read asks of the file, and columns as values again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.errors import JournalUnavailable
from bot.journal.base import (
    Delivery,
    HistoryQuery,
    Hold,
    InboxItem,
    IncidentRow,
    NumbersQuery,
    RunRow,
    StepRow,
)
from bot.journal.chain import AUDIT, AuditRecord, EventRecord
from bot.journal.codec import moment, stamp
from bot.journal.cursor import read as read_cursor
from bot.journal.sqlite.file import schema_version
from bot.journal.sqlite.records import ROW_EDITION, audit_head, head
from bot.journal.statements import statements
from bot.runs.events import IncidentId, RunId
from bot.runs.plan import Artifact
from bot.runs.statistics import ActionNumbers


def stream_events(connection: sqlite3.Connection, stream: str, *, after_version: int) -> list[EventRecord]:
    """The records of one stream, in order."""
    rows = connection.execute(statements()["read_stream"], (stream, after_version))
    return [EventRecord(*row) for row in rows]


def diagnoses(connection: sqlite3.Connection, *, since: datetime | None) -> list[EventRecord]:
    """The records of what diagnoses said and what was said of them, in order."""
    rows = connection.execute(statements()["diagnoses"], ("" if since is None else stamp(since),))
    return [EventRecord(*row) for row in rows]


def all_events(connection: sqlite3.Connection) -> Iterator[EventRecord]:
    """Every record, streams one after another."""
    return (EventRecord(*row) for row in connection.execute(statements()["all_events"]))


def all_audit(connection: sqlite3.Connection) -> Iterator[AuditRecord]:
    """The audit chain in order."""
    return (AuditRecord(*row) for row in connection.execute(statements()["all_audit"]))


def all_artifacts(connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Every stored file: digest and bytes."""
    return ((row[0], row[1]) for row in connection.execute(statements()["all_artifacts"]))


def heads(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Version and hash of each that exists."""
    found = {name: audit_head(connection) if name == AUDIT else head(connection, name) for name in names}
    return {name: at for name, at in found.items() if at[0] > 0}


def artifact(connection: sqlite3.Connection, digest: str) -> Artifact | None:
    """The stored file with this digest."""
    row = connection.execute(statements()["artifact"], (digest,)).fetchone()
    return None if row is None else Artifact(name=row[0], media_type=row[1], body=row[2])


def incident(connection: sqlite3.Connection, incident_id: IncidentId) -> IncidentRow | None:
    """The row of one incident."""
    row = connection.execute(statements()["incident"], (incident_id,)).fetchone()
    return None if row is None else _incident(connection, row)


def some_incidents(
    connection: sqlite3.Connection, incident_ids: Sequence[IncidentId]
) -> tuple[IncidentRow, ...]:
    """The rows of many incidents by two statements, however many there are."""
    these = f"WHERE incident_id IN ({', '.join('?' * len(incident_ids))})"
    origins: dict[str, list[str]] = {}
    sql = f"{statements()['some_origins']} {these} ORDER BY incident_id, place"
    for incident_id, key in connection.execute(sql, incident_ids):
        origins.setdefault(incident_id, []).append(key)
    rows = connection.execute(f"{statements()['some_incidents']} {these}", incident_ids)
    return tuple(_incident_with(row, origins.get(row[0], ())) for row in rows)


def incident_by_origin(connection: sqlite3.Connection, key: str) -> IncidentRow | None:
    """The newest incident that carries this outside key."""
    row = connection.execute(statements()["incident_by_origin"], (key,)).fetchone()
    return None if row is None else _incident(connection, row)


def incidents(connection: sqlite3.Connection, *, open_only: bool, limit: int) -> tuple[IncidentRow, ...]:
    """Incidents, newest first."""
    rows = connection.execute(
        statements()["open_incidents" if open_only else "incidents"], (limit,)
    ).fetchall()
    return tuple(_incident(connection, row) for row in rows)


def _incident(connection: sqlite3.Connection, row: Sequence[Any]) -> IncidentRow:
    origins = connection.execute(statements()["origins"], (row[0],)).fetchall()
    return _incident_with(row, [origin[0] for origin in origins])


def _incident_with(row: Sequence[Any], origins: Sequence[str]) -> IncidentRow:
    return IncidentRow(
        incident_id=IncidentId(row[0]),
        service=row[1],
        environment=row[2],
        title=row[3],
        symptom=row[4],
        status=row[5],
        is_open=bool(row[6]),
        opened_at=moment(row[7]),
        updated_at=moment(row[8]),
        channel=row[9],
        thread_ts=row[10],
        permalink=row[11],
        origins=tuple(origins),
    )


def run(connection: sqlite3.Connection, run_id: RunId) -> RunRow | None:
    """The row of one run."""
    row = connection.execute(statements()["run"], (run_id,)).fetchone()
    return None if row is None else _run(row)


def runs(connection: sqlite3.Connection, query: HistoryQuery) -> tuple[RunRow, ...]:
    """Runs that fit, newest first."""
    asked = {
        "service = ?": query.service or None,
        "runbook = ?": query.runbook or None,
        "status = ?": query.status or None,
        "symptom = ?": query.symptom or None,
        "tenant = ?": query.tenant or None,
        "environment = ?": query.environment or None,
        "run_id >= ?": query.id_prefix or None,
        "run_id < ?": query.id_prefix + _AFTER_ALL if query.id_prefix else None,
        "opened_at >= ?": None if query.since is None else stamp(query.since),
        "opened_at < ?": None if query.before is None else stamp(query.before),
    }
    given = {clause: value for clause, value in asked.items() if value is not None}
    values: list[Any] = list(given.values())
    clauses = [*given, *(["is_open = 1"] if query.open_only else [])]
    if query.tenants is not None:
        clauses.append(f"tenant IN ({', '.join('?' * len(query.tenants))})")
        values += query.tenants
    if query.cursor:
        last = read_cursor(query.cursor)
        clauses.append("(opened_at, run_id) < (?, ?)")
        values += [stamp(last.opened_at), last.run_id]
    sql = _where(statements()["runs"], clauses) + " ORDER BY opened_at DESC, run_id DESC LIMIT ?"
    return tuple(_run(row) for row in connection.execute(sql, (*values, query.limit)))


_AFTER_ALL = "\U0010ffff"
"""Sorts after every letter an id can have."""


def _where(sql: str, clauses: Sequence[str]) -> str:
    return f"{sql} WHERE {' AND '.join(clauses)}" if clauses else sql


def _run(row: Sequence[Any]) -> RunRow:
    return RunRow(
        run_id=RunId(row[0]),
        incident_id=IncidentId(row[1]),
        runbook=row[2],
        version=row[3],
        service=row[4],
        tenant=row[5],
        environment=row[6],
        status=row[7],
        is_open=bool(row[8]),
        opened_at=moment(row[9]),
        updated_at=moment(row[10]),
        finished_at=_moment_or_none(row[11]),
        requester=row[12],
        decided_by=row[13],
        symptom=row[14],
        dry_run=bool(row[15]),
        step_count=row[16],
    )


def row_edition(connection: sqlite3.Connection) -> int:
    """By which rules the rebuildable rows were last made; 0 where never."""
    row = connection.execute(statements()["property"], (ROW_EDITION,)).fetchone()
    return 0 if row is None else int(row[0])


def steps(connection: sqlite3.Connection, run_id: RunId) -> tuple[StepRow, ...]:
    """The step rows of one run."""
    _require_steps(connection)
    return tuple(_step(row) for row in connection.execute(statements()["steps_of_run"], (run_id,)))


def _step(row: Sequence[Any]) -> StepRow:
    return StepRow(
        run_id=RunId(row[0]),
        step=row[1],
        name=row[2],
        action=row[3],
        type=row[4],
        service=row[5],
        tenant=row[6],
        environment=row[7],
        runbook=row[8],
        version=row[9],
        status=row[10],
        at=moment(row[11]),
        actor=row[12],
        reason=row[13],
        proposals=row[14],
        edits=row[15],
        is_unattended=bool(row[16]),
        is_unchanged=bool(row[17]),
        is_rejected=bool(row[18]),
        is_skipped=bool(row[19]),
        is_overridden=bool(row[20]),
        is_expired=bool(row[21]),
        is_cancelled=bool(row[22]),
        has_failed=bool(row[23]),
        was_unknown=bool(row[24]),
        is_rolled_back=bool(row[25]),
        decide_s=row[26],
    )


def numbers(connection: sqlite3.Connection, query: NumbersQuery) -> tuple[ActionNumbers, ...]:
    """The steps that fit, counted by action."""
    _require_steps(connection)
    asked = {
        "at >= ?": None if query.since is None else stamp(query.since),
        "service = ?": query.service or None,
        "action = ?": query.action or None,
    }
    given = {clause: value for clause, value in asked.items() if value is not None}
    times = _decide_times(connection, given)
    sql = _where(statements()["count_steps"], list(given)) + " GROUP BY action"
    return tuple(
        ActionNumbers(
            action=row[0],
            steps=row[1],
            unattended=row[2],
            unchanged=row[3],
            edited=row[4],
            rejected=row[5],
            skipped=row[6],
            overridden=row[7],
            expired=row[8],
            cancelled=row[9],
            succeeded=row[10],
            failed=row[11],
            unknown=row[12],
            rolled_back=row[13],
            manual=row[14],
            waiting=row[15],
            median_decide_s=times.get((row[0], _MEDIAN)),
            p90_decide_s=times.get((row[0], _P90)),
        )
        for row in connection.execute(sql, list(given.values()))
    )


_MEDIAN, _P90 = 50, 90


def _decide_times(connection: sqlite3.Connection, given: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Median and p90 of each action: the smallest time that so many in a hundred do not exceed."""
    ordered = _where(statements()["ordered_decide_times"], [*given, "decide_s IS NOT NULL"])
    places = {percent: f"(times * {percent} + 99) / 100" for percent in (_MEDIAN, _P90)}
    sql = (
        f"SELECT action, decide_s, place = {places[_MEDIAN]}, place = {places[_P90]} "  # noqa: S608 - our own words
        f"FROM ({ordered}) AS t WHERE place IN ({', '.join(places.values())})"
    )
    found: dict[tuple[str, int], float] = {}
    for action, decide_s, is_median, is_p90 in connection.execute(sql, list(given.values())):
        found |= {(action, _MEDIAN): decide_s} if is_median else {}
        found |= {(action, _P90): decide_s} if is_p90 else {}
    return found


def _require_steps(connection: sqlite3.Connection) -> None:
    """A file that no bot of this version has served yet has no such rows, and a reader cannot make them."""
    if schema_version(connection) < STEPS_SINCE:
        raise JournalUnavailable(
            "this journal was written by an older version, which did not count steps",
            hint="start this version's bot on it once; it counts what is there",
        )


STEPS_SINCE = 2
"""The schema version that brought the table `steps`."""


def unanswered(connection: sqlite3.Connection) -> tuple[InboxItem, ...]:
    """Signals accepted and not done, oldest first."""
    rows = connection.execute(statements()["unanswered"])
    return tuple(
        InboxItem(inbox_id=row[0], kind=row[1], body=row[2], received_at=moment(row[3])) for row in rows
    )


def deliveries(connection: sqlite3.Connection, incident_id: IncidentId) -> tuple[Delivery, ...]:
    """What Slack has of an incident."""
    rows = connection.execute(statements()["deliveries"], (incident_id,))
    return tuple(
        Delivery(
            key=row[0],
            incident_id=IncidentId(row[1]),
            place=row[2],
            state=row[3],
            channel=row[4],
            ts=row[5],
            content=row[6],
            attempts=row[7],
            updated_at=_moment_or_none(row[8]),
        )
        for row in rows
    )


def holds(connection: sqlite3.Connection) -> tuple[Hold, ...]:
    """Everything held now, by name."""
    return tuple(Hold(name=row[0], run_id=RunId(row[1])) for row in connection.execute(statements()["holds"]))


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
