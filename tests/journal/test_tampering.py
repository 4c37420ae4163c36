"""Whatever is done to the file behind the journal's back shows in an audit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import JournalUnavailable
from bot.journal import chain
from bot.journal.base import Batch, Verification, Write
from bot.journal.sqlite import SqliteJournal
from bot.runs.plan import Artifact
from tests.journal.samples import codec, reminded

KEY = b"a key that only the bot knows ...."
FILE = Artifact(name="out.txt", media_type="text/plain", body=b"what it said")


@pytest.fixture(params=[None, KEY], ids=["no key", "key"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    given: bytes | None = request.param
    return given


@pytest.fixture
async def path(tmp_path: Path, key: bytes | None) -> Path:
    """A journal of two streams, written in turns: run-a has 4 events, run-b has 2."""
    path = tmp_path / "bot.db"
    journal = await SqliteJournal.open(path, serve=True, codec=codec(), audit_key=key)
    for stream, version in [
        ("run-a", 0),
        ("run-b", 0),
        ("run-a", 1),
        ("run-a", 2),
        ("run-b", 1),
        ("run-a", 3),
    ]:
        await journal.append(
            Batch(
                writes=(Write(stream=stream, expected_version=version, events=(reminded(version),)),),
                artifacts=(FILE,) if version == 2 else (),
            )
        )
    await journal.close()
    return path


def edit(path: Path, *statements: str) -> None:
    """What somebody with a shell and the sqlite3 program could do."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0


async def audit(
    path: Path, key: bytes | None, *, witnessed: dict[str, tuple[int, str]] | None = None
) -> Verification:
    journal = await SqliteJournal.open(path, serve=False, codec=codec(), audit_key=key)
    try:
        return await journal.verify(witnessed=witnessed)
    finally:
        await journal.close()


async def test_untouched_it_verifies(path: Path, key: bytes | None) -> None:
    found = await audit(path, key)
    assert (found.streams, found.events, found.problems) == (2, 6, ())


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'pro-1', 'pro-7')",
        "name = 'proposal-expired'",
        "v = 2",
        "at = '2020-01-01T00:00:00.000000Z'",
        "position = 99",
        "hash = '00' || substr(hash, 3)",
    ],
)
async def test_an_edited_event_shows(path: Path, key: bytes | None, change: str) -> None:
    edit(path, f"UPDATE events SET {change} WHERE stream = 'run-a' AND version = 2")
    (problem,) = (await audit(path, key)).problems
    assert problem.startswith("run-a: event 2 ")
    assert problem.endswith("was changed after it was written")


async def test_two_events_that_changed_places_show(path: Path, key: bytes | None) -> None:
    edit(
        path,
        "UPDATE events SET version = 10 WHERE stream = 'run-a' AND version = 2",
        "UPDATE events SET version = 2 WHERE stream = 'run-a' AND version = 3",
        "UPDATE events SET version = 3 WHERE stream = 'run-a' AND version = 10",
    )
    assert (await audit(path, key)).problems == (
        "run-a: event 2 (approval-reminded) was changed after it was written",
    )


async def test_an_event_taken_out_of_the_middle_shows(path: Path, key: bytes | None) -> None:
    edit(path, "DELETE FROM events WHERE stream = 'run-a' AND version = 2")
    assert (await audit(path, key)).problems == ("run-a: event 2 is missing",)


async def test_the_cut_end_of_a_stream_shows(path: Path, key: bytes | None) -> None:
    edit(path, "DELETE FROM events WHERE stream = 'run-a' AND version > 2")
    assert (await audit(path, key)).problems == ("run-a: its end is missing: 2 of 4 events are there",)


async def test_a_missing_stream_shows(path: Path, key: bytes | None) -> None:
    edit(path, "DELETE FROM events WHERE stream = 'run-b'")
    assert (await audit(path, key)).problems == ("run-b: the whole stream is missing; it had 2 events",)


async def test_the_cut_end_of_the_audit_chain_shows(path: Path, key: bytes | None) -> None:
    edit(path, "DELETE FROM audit WHERE version > 4")
    assert (await audit(path, key)).problems == (
        "run-a: 1 event at its end are in no audit record: the audit chain was cut, or they were added by another hand",
        "run-b: 1 event at its end are in no audit record: the audit chain was cut, or they were added by another hand",
    )


async def test_an_edited_audit_record_shows(path: Path, key: bytes | None) -> None:
    edit(path, "UPDATE audit SET body = replace(body, 'run-b', 'run-c') WHERE version = 2")
    assert "audit: record 2 was changed after it was written" in (await audit(path, key)).problems


async def test_an_audit_record_that_is_no_record_any_more_shows(path: Path, key: bytes | None) -> None:
    edit(path, "UPDATE audit SET body = '[]' WHERE version = 2")
    assert "audit: record 2 was changed after it was written" in (await audit(path, key)).problems


async def test_an_audit_record_taken_out_shows(path: Path, key: bytes | None) -> None:
    edit(path, "DELETE FROM audit WHERE version = 3")
    assert "audit: record 3 is missing" in (await audit(path, key)).problems


async def test_an_event_added_by_another_hand_shows(path: Path, key: bytes | None) -> None:
    edit(
        path,
        "INSERT INTO events SELECT 99, stream, 5, name, v, at, body, hash FROM events"
        " WHERE stream = 'run-a' AND version = 4",
    )
    assert (await audit(path, key)).problems == (
        "run-a: event 5 (approval-reminded) was changed after it was written",
    )


async def test_changed_and_missing_files_show(path: Path, key: bytes | None) -> None:
    edit(path, "UPDATE artifacts SET body = x'00'")
    assert (await audit(path, key)).problems == (
        f"artifact {FILE.digest}: its bytes were changed after they were written",
    )
    edit(path, "DELETE FROM artifacts")
    assert (await audit(path, key)).problems == (f"artifact {FILE.digest}: it is missing",)


async def test_cutting_both_ends_alike_shows_only_against_heads_kept_elsewhere(
    path: Path, key: bytes | None
) -> None:
    journal = await SqliteJournal.open(path, serve=False, codec=codec(), audit_key=key)
    heads = await journal.heads(["run-a", "audit"])
    await journal.close()
    edit(
        path,
        "DELETE FROM events WHERE stream = 'run-a' AND version = 4",
        "DELETE FROM audit WHERE version = 6",
    )
    assert (await audit(path, key)).problems == ()
    assert (await audit(path, key, witnessed=heads)).problems == (
        "audit: version 6 was seen elsewhere, and only 5 are there",
        "run-a: version 4 was seen elsewhere, and only 3 are there",
    )


def forge(path: Path, key: bytes | None) -> None:
    """Edit run-a's last event and compute every hash after it anew, as this program would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        event = chain.EventRecord(
            *connection.execute(
                "SELECT stream, version, position, name, v, at, replace(body, 'pro-3', 'pro-7'), '' FROM events"
                " WHERE stream = 'run-a' AND version = 4"
            ).fetchone()
        )
        before = connection.execute(
            "SELECT hash FROM events WHERE stream = 'run-a' AND version = 3"
        ).fetchone()[0]
        forged = chain.next_hash(before, record=event, key=key)
        connection.execute(
            "UPDATE events SET body = ?, hash = ? WHERE stream = 'run-a' AND version = 4",
            (event.body, forged),
        )
        record = chain.AuditRecord(
            *connection.execute(
                "SELECT version, position, at, body, '' FROM audit WHERE version = 6"
            ).fetchone()
        )._replace(body=chain.audit_body({"run-a": (4, forged)}, ()))
        before = connection.execute("SELECT hash FROM audit WHERE version = 5").fetchone()[0]
        connection.execute(
            "UPDATE audit SET body = ?, hash = ? WHERE version = 6",
            (record.body, chain.next_audit_hash(before, record=record, key=key)),
        )


async def test_without_the_key_the_hashes_cannot_be_computed_anew(path: Path, key: bytes | None) -> None:
    forge(path, None)
    problems = (await audit(path, key)).problems
    assert bool(problems) == (key is not None)


async def test_the_wrong_key_is_named_instead_of_blaming_every_event(path: Path, key: bytes | None) -> None:
    (problem,) = (await audit(path, b"another key, equally long.........")).problems
    assert "the key given is not the one this journal was begun with" in problem


async def test_serving_with_another_key_is_refused_before_anything_is_written(
    path: Path, key: bytes | None
) -> None:
    how = "without" if key is None else "with another"
    with pytest.raises(JournalUnavailable, match=f"was begun {how} BOT_AUDIT_KEY"):
        await SqliteJournal.open(
            path, serve=True, codec=codec(), audit_key=b"another key, equally long........."
        )
    assert (await audit(path, key)).problems == ()


async def test_a_key_check_put_back_to_fit_a_wrong_key_helps_nobody(path: Path, key: bytes | None) -> None:
    other = b"another key, equally long........."
    edit(path, f"UPDATE properties SET value = '{chain.key_check(other)}'")
    problems = (await audit(path, other)).problems
    assert {problem.partition(":")[0] for problem in problems} == {"audit", "run-a", "run-b"}
