"""The journal's file: who may serve it, who may read it, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import JournalUnavailable
from bot.journal.base import Batch, InboxItem, Journal, Rows, Write
from bot.journal.sqlite import SqliteJournal
from bot.journal.sqlite.file import migrate, open_for_writing, schema_version, unavailable
from bot.journal.statements import schema_steps, statements
from bot.runs.plan import Artifact
from tests.journal.samples import NOON, codec, reminded

NOT_AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write whatever the mode says")

ROOT = Path(__file__).parents[2]


async def serving(path: Path, *, holder: str = "the test") -> SqliteJournal:
    return await SqliteJournal.open(path, serve=True, codec=codec(), holder=holder)


async def reading(path: Path) -> SqliteJournal:
    return await SqliteJournal.open(path, serve=False, codec=codec())


def one(stream: str, version: int) -> Batch:
    return Batch(writes=(Write(stream=stream, expected_version=version, events=(reminded(version),)),))


def a_program(text: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def modes_in(place: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()}


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = await serving(tmp_path / "bot.db")
    yield journal
    await journal.close()


# --- serving


async def test_a_second_server_is_told_who_serves(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable) as caught:
        await serving(tmp_path / "bot.db", holder="another")
    assert f"is served by the test (process {os.getpid()} on " in caught.value.message
    await journal.append(one("run-1", 0))


async def test_the_next_server_may_start_when_the_first_has_closed(tmp_path: Path) -> None:
    first = await serving(tmp_path / "bot.db")
    await first.append(one("run-1", 0))
    await first.close()
    second = await serving(tmp_path / "bot.db")
    assert await second.streams() == {"run-1": 1}
    await second.close()


async def test_a_server_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from bot.journal.sqlite import SqliteJournal\n"
        "from tests.journal.samples import codec\n"
        "async def main():\n"
        "    await SqliteJournal.open(pathlib.Path(sys.argv[1]), serve=True, codec=codec(), holder='the other')\n"
        "    print('serving', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "bot.db"
    with a_program(program, str(path)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "serving\n"
        with pytest.raises(JournalUnavailable, match=rf"served by the other \(process {other.pid} "):
            await serving(path)
        other.kill()
    await (await serving(path)).close()


async def test_the_file_is_its_owners_alone(journal: Journal, tmp_path: Path) -> None:
    await journal.append(one("run-1", 0))
    assert modes_in(tmp_path) == dict.fromkeys(("bot.db", "bot.db-lock", "bot.db-shm", "bot.db-wal"), 0o600)


# --- reading


async def test_a_reader_beside_a_server_sees_each_commit(journal: Journal, tmp_path: Path) -> None:
    reader = await reading(tmp_path / "bot.db")
    for version in range(3):
        await journal.append(one("run-1", version))
        assert await reader.streams() == {"run-1": version + 1}
    assert (await reader.verify()).problems == ()
    await reader.close()


async def test_a_reader_never_writes(journal: Journal, tmp_path: Path) -> None:
    await journal.append(one("run-1", 0))
    await journal.close()
    before = (tmp_path / "bot.db").read_bytes()
    reader = await reading(tmp_path / "bot.db")
    for refused in (
        reader.append(one("run-2", 0)),
        reader.accept(InboxItem(inbox_id="x", kind="x", body="", received_at=NOON)),
        reader.replace_rows(Rows(), as_of={}, edition=1),
        reader.forget_seen(before=NOON),
    ):
        with pytest.raises(JournalUnavailable, match="opened to read"):
            await refused
    await reader.close()
    assert (tmp_path / "bot.db").read_bytes() == before


@NOT_AS_ROOT
async def test_a_copy_in_a_place_that_cannot_be_written_can_be_read(journal: Journal, tmp_path: Path) -> None:
    await journal.append(one("run-1", 0))
    await journal.close()
    place = tmp_path / "archive"
    place.mkdir()
    shutil.copy(tmp_path / "bot.db", place / "bot.db")
    (place / "bot.db").chmod(0o400)
    place.chmod(0o500)
    reader = await reading(place / "bot.db")
    assert await reader.streams() == {"run-1": 1}
    assert (await reader.verify()).problems == ()
    await reader.close()
    place.chmod(0o700)


async def test_what_a_killed_server_left_in_the_log_is_read(tmp_path: Path) -> None:
    journal = await serving(tmp_path / "bot.db")
    await journal.append(one("run-1", 0))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("bot.db", "bot.db-wal"):
        shutil.copy(tmp_path / name, crashed)
    await journal.close()
    reader = await reading(crashed / "bot.db")
    assert await reader.streams() == {"run-1": 1}
    await reader.close()


# --- what is said when it cannot be used


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"directory '.*nowhere' does not exist"):
        await serving(tmp_path / "nowhere" / "bot.db")


async def test_whoever_only_reads_is_told_where_to_look_and_not_to_make_a_directory(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"there is no journal at '.*nowhere/bot.db'") as refused:
        await reading(tmp_path / "nowhere" / "bot.db")
    assert "--journal" in refused.value.hint


@pytest.mark.parametrize("how", [serving, reading], ids=["serve", "read"])
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, how: object) -> None:
    assert callable(how)
    path = tmp_path / "bot.db"
    path.write_bytes(b"this is a letter, not a journal\n" * 200)
    with pytest.raises(JournalUnavailable, match="is not a SQLite file"):
        await how(path)
    assert path.read_bytes() == b"this is a letter, not a journal\n" * 200


@pytest.mark.parametrize("how", [serving, reading], ids=["serve", "read"])
async def test_another_programs_database_is_left_alone(tmp_path: Path, how: object) -> None:
    assert callable(how)
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalUnavailable, match="is not a journal of this program"):
        await how(path)
    assert path.read_bytes() == before


async def test_a_directory_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="is a directory"):
        await reading(tmp_path)


async def test_reading_makes_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="there is no journal at"):
        await reading(tmp_path / "bot.db")
    assert modes_in(tmp_path) == {}


@NOT_AS_ROOT
async def test_a_read_only_file_is_named(journal: Journal, tmp_path: Path) -> None:
    await journal.close()
    (tmp_path / "bot.db").chmod(0o400)
    with pytest.raises(JournalUnavailable, match="cannot be opened for writing: Permission denied"):
        await serving(tmp_path / "bot.db")


async def test_a_damaged_file_is_told_from_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    journal = await serving(path)
    for version in range(200):
        await journal.append(one("run-1", version))
    await journal.close()
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(JournalUnavailable, match="is damaged"):
        await reading(path)


async def test_a_full_disk_refuses_appends_and_takes_them_again_when_there_is_room(
    journal: Journal, tmp_path: Path
) -> None:
    await journal.append(one("run-1", 0))
    large = Artifact(name="big", media_type="application/octet-stream", body=os.urandom(4_000_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(JournalUnavailable, match="nothing half-written was kept"):
            await journal.append(Batch(writes=one("run-1", 1).writes, artifacts=(large,)))
        assert await journal.streams() == {"run-1": 1}
        await journal.append(one("run-2", 0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await journal.append(Batch(writes=one("run-1", 1).writes, artifacts=(large,)))
    found = await journal.verify()
    assert (found.events, found.problems) == (3, ())


async def test_when_the_transaction_is_lost_everyone_in_it_is_told_and_nothing_is_kept(
    journal: Journal, tmp_path: Path
) -> None:
    blocker = sqlite3.connect(tmp_path / "bot.db", isolation_level=None)
    await journal.append(one("run-0", 0))
    writer = journal._writer  # type: ignore[attr-defined]  # the test makes its transaction fail
    await writer.perform(lambda connection: connection.execute("PRAGMA busy_timeout = 20"))
    blocker.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(
        *(journal.append(one(f"run-{n}", 0)) for n in range(1, 6)), return_exceptions=True
    )
    blocker.close()
    assert all(isinstance(answer, JournalUnavailable) for answer in answers)
    assert all("is locked by another program" in str(answer) for answer in answers)
    await journal.append(one("run-9", 0))
    assert await journal.streams() == {"run-0": 1, "run-9": 1}


def test_a_full_disk_has_its_own_sentence(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert "the disk is full" in unavailable(caught.value, tmp_path).message


# --- the schema


def test_the_schema_moves_forward_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.touch()
    steps = (*schema_steps("sqlite"), "CREATE TABLE extra (x TEXT) STRICT;")
    with closing(open_for_writing(path, audit_key=None)) as connection:
        connection.execute(statements()["add_hold"], ("host:a", "run-1"))
        assert schema_version(connection) == len(steps) - 1
    with closing(open_for_writing(path, audit_key=None, steps=steps)) as connection:
        assert schema_version(connection) == len(steps)
        assert connection.execute("SELECT COUNT(*) FROM extra").fetchone() == (0,)
        assert connection.execute(statements()["holds"]).fetchall() == [("host:a", "run-1")]


def test_a_schema_script_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.touch()
    with closing(open_for_writing(path, audit_key=None)) as connection:
        before = schema_version(connection)
        steps = (*schema_steps("sqlite"), "CREATE TABLE extra (x TEXT); CREATE TABLE extra (x TEXT);")
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, path, steps)
        assert schema_version(connection) == before
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchone() is None


async def test_a_journal_of_a_newer_program_is_not_touched(journal: Journal, tmp_path: Path) -> None:
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    for how in (serving, reading):
        with pytest.raises(JournalUnavailable, match="has schema version 99, and this program knows"):
            await how(tmp_path / "bot.db")


def test_every_named_statement_fits_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.touch()
    with closing(open_for_writing(path, audit_key=None)) as connection:
        for text in statements().values():
            connection.execute(f"EXPLAIN {text}", [None] * text.count("?"))
