"""The journal's file: how it is opened for writing or reading, brought to today's schema, and what its errors mean.

WAL with full sync: a commit that returned survives a power cut, and readers never wait for the writer. A reading
connection is opened read-only, so the command line cannot write whatever it does.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from bot.errors import JournalUnavailable
from bot.journal.chain import key_check
from bot.journal.statements import schema_steps, statements

APPLICATION_ID = 0x52756E62
"""Stands in the file's header, so that another program's database is never taken for ours ("Runb")."""
BUSY_TIMEOUT_S = 5.0


def make(path: Path) -> None:
    """See to it that the file is there, and its owner's alone: incidents are nobody else's business.

    SQLite gives its side files the same mode.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise JournalUnavailable(
            f"the journal {str(path)!r} cannot be opened for writing: {error.strerror}",
            hint="give the user the bot runs as write access to it and its directory",
        ) from error


def open_for_writing(
    path: Path, *, audit_key: bytes | None, steps: Sequence[str] | None = None
) -> sqlite3.Connection:
    """The file brought to today's schema and checked to belong to this audit key; `make` it first.

    Never makes one: a file that vanished under a running bot must not come back empty.
    """
    with translated(path):
        connection = _connect(path, "rw")
        try:
            _check_ours(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection, path, schema_steps("sqlite") if steps is None else steps)
            _bind_key(connection, path, audit_key)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, beside a serving process or alone; the file must exist."""
    if not path.exists():
        raise JournalUnavailable(
            f"there is no journal at {str(path)!r}",
            hint="start the bot once, name another file with --journal, or set BOT_DATABASE_URL as the bot has it",
        )
    check_place(path)
    with translated(path):
        connection = _connect_to_read(path)
        try:
            _check_ours(connection, path, may_be_empty=False)
            _check_not_newer(connection, path, newest=len(schema_steps("sqlite")))
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # WAL needs its side files, and a read-only directory has no room for them. With no log beside it nobody
        # writes the file and nothing is missing from it, so it can be read as it lies there.
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return _connect(path, "ro&immutable=1")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
    )


def check_place(path: Path) -> None:
    """Raise `JournalUnavailable` where no file can be."""
    if path.is_dir():
        raise JournalUnavailable(
            f"the journal {str(path)!r} is a directory", hint="give BOT_DATABASE_URL the path of a file"
        )
    if not path.parent.is_dir():
        raise JournalUnavailable(
            f"the journal's directory {str(path.parent)!r} does not exist",
            hint="create it, or point BOT_DATABASE_URL elsewhere",
        )


def _check_ours(connection: sqlite3.Connection, path: Path, *, may_be_empty: bool = True) -> None:
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0
    if found != APPLICATION_ID and not (is_empty and may_be_empty):
        raise JournalUnavailable(
            f"{str(path)!r} is not a journal of this program", hint="point BOT_DATABASE_URL at the right file"
        )


def schema_version(connection: sqlite3.Connection) -> int:
    """How many schema scripts the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_not_newer(connection: sqlite3.Connection, path: Path, *, newest: int) -> None:
    found = schema_version(connection)
    if found > newest:
        raise JournalUnavailable(
            f"the journal {str(path)!r} has schema version {found}, and this program knows {newest}",
            hint="a newer runbook-bot wrote it: run that version or a later one",
        )


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    """Bring the schema forward, each script in a transaction of its own; never back."""
    _check_not_newer(connection, path, newest=len(steps))
    for version in range(schema_version(connection) + 1, len(steps) + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{steps[version - 1]}\n"
                f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def stored_key_check(connection: sqlite3.Connection) -> str | None:
    """What `chain.key_check` gave for the key this journal was begun with."""
    row = connection.execute(statements()["property"], ("audit key",)).fetchone()
    return None if row is None else str(row[0])


def _bind_key(connection: sqlite3.Connection, path: Path, audit_key: bytes | None) -> None:
    """The key of a journal is that of its first start: a chain half keyed and half not would prove nothing."""
    mine = key_check(audit_key)
    begun_with = stored_key_check(connection)
    if begun_with is None:
        connection.execute(statements()["add_property"], ("audit key", mine))
    elif begun_with != mine:
        how = "without" if begun_with == "none" else "with another"
        raise JournalUnavailable(
            f"the journal {str(path)!r} was begun {how} BOT_AUDIT_KEY",
            hint="start with what it was begun with, or begin a new file and keep this one for reading",
        )


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def unavailable(error: sqlite3.Error, path: Path) -> JournalUnavailable:
    """What an error of SQLite means for who runs the bot."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    what, hint = _MEANINGS.get(code, ("cannot be used", "see the cause in the log"))
    return JournalUnavailable(f"the journal {str(path)!r} {what} ({error})", hint=hint)


_MEANINGS = {
    sqlite3.SQLITE_FULL: (
        "has no room to grow: the disk is full",
        "free some space; nothing half-written was kept",
    ),
    sqlite3.SQLITE_IOERR: (
        "could not be read or written by the operating system",
        "look at the disk (space, quota, health); nothing half-written was kept",
    ),
    sqlite3.SQLITE_READONLY: (
        "is read-only",
        "give the user the bot runs as write access to it and its directory",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "make it and its directory readable for the user the bot runs as",
    ),
    sqlite3.SQLITE_PERM: ("may not be opened", "make it readable for the user the bot runs as"),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "stop the bot, keep a copy, and restore a backup or recover it with the sqlite3 shell's `.recover`",
    ),
    sqlite3.SQLITE_NOTADB: ("is not a SQLite file", "point BOT_DATABASE_URL at the right file"),
    sqlite3.SQLITE_BUSY: (
        "is locked by another program",
        "find who holds it open for writing (a backup, a database browser) and let it finish",
    ),
}
