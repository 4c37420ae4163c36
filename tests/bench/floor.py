"""What the disk itself takes: bare commits of `sqlite3`, WAL and full sync, one row each, on the same disk.

The file is written past its first checkpoint before anything counts, because a log that still grows costs the file
system twice.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

WARM_UP_COMMITS = 1200


class Floor:
    """A file of rows, one transaction for each."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE rows (position INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        for _ in range(WARM_UP_COMMITS):
            self.commit(1500)

    def commit(self, *sizes: int) -> None:
        """One transaction for each row of that many characters."""
        for size in sizes:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO rows (body) VALUES (?)", ("x" * size,))
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
