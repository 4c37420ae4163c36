"""The journal in one SQLite file: the default, and the only place that knows sqlite3.

journal.py   the contract of `journal.base`, over one writer and one reader
writer.py    the one thread that writes: group commit
reader.py    the one thread that reads
records.py   what each operation does inside a transaction
file.py      opening the file, its schema, and what its errors mean
lock.py      one serving process per file
"""

from bot.journal.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal"]
