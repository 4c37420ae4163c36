"""One serving process per journal file: a lock beside the file that says who holds it.

The lock is `flock` on `<file>-lock`, so a crash gives it back whatever happened; the text inside is only for the
sentence a second process shows. The file itself stays: removing it would let two processes lock two files.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import JournalUnavailable


class ServingLock:
    """Held from construction to `release`; raises `JournalUnavailable` naming the holder when another has it."""

    def __init__(self, journal: Path, *, holder: str) -> None:
        path = journal.with_name(journal.name + "-lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnavailable(
                f"the lock file {str(path)!r} cannot be opened: {error.strerror}",
                hint="make its directory exist and writable for the user the bot runs as",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            held_by = _read(self._file)
            os.close(self._file)
            raise JournalUnavailable(
                f"the journal {str(journal)!r} is served by {held_by}",
                hint="one process serves a SQLite journal: stop that one, or give this one its own BOT_DATABASE_URL",
            ) from error
        _write(self._file, holder)

    def release(self) -> None:
        """Let another process serve."""
        os.close(self._file)


def _write(file: int, holder: str) -> None:
    text = json.dumps(
        {
            "holder": holder,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)


def _read(file: int) -> str:
    try:
        found = json.loads(os.pread(file, 4096, 0))
        return f"{found['holder']} (process {found['pid']} on {found['host']}, since {found['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
