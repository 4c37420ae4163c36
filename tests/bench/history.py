"""History and statistics over a journal of 1,000,000 events, beside the bare statement on the same file.

The file is filled by plain inserts, because a million appends would measure the disk and nothing else: 71,428 runs of
14 events with real bodies, over two years, 40 services, 60 runbooks, and every row that an append would have written.
The hash chain is left out; nothing that is measured here reads it. Counted: the call as the API makes it, through the
journal's reading thread and back as values. Beside it: the same SQL on a connection of its own, rows only fetched.
The promise is about the slowest twentieth of all calls.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from bot.engine.records import Records
from bot.engine.rows import run_row, step_rows
from bot.engine.stored import codec
from bot.journal.base import HistoryQuery, NumbersQuery, RunRow, StepRow
from bot.journal.codec import stamp
from bot.journal.reads import history
from bot.journal.sqlite import SqliteJournal, records
from bot.journal.statements import statements
from bot.runs.events import Event, RunFinished, RunId
from bot.runs.fold import fold
from tests.bench.harness import Row, figures
from tests.core.given import ALICE, NOW, opened, ran, runbook

EVENTS = 1_000_000
SERVICES, RUNBOOKS, DAYS = 40, 60, 730
SAMPLES, WARM_UPS = 200, 10
PROMISED_P95_MS = 50.0
END = datetime(2026, 11, 1, tzinfo=UTC)
RUN = RunId("r1")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One measured call and what stands beside it."""

    what: str
    ours: Callable[[], Awaitable[object]]
    beside: Callable[[], object]
    beside_what: str = "the bare statement"
    samples: int = SAMPLES


async def measure(folder: Path) -> list[Row]:
    """Fill one file, then every kind in turns with its floor."""
    path = folder / "bot.db"
    await (await SqliteJournal.open(path, serve=True, codec=codec())).close()
    fill(path)
    journal = await SqliteJournal.open(path, serve=False, codec=codec())
    bare = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [await _row(kind) for kind in _kinds(journal, bare)]
    finally:
        bare.close()
        await journal.close()


async def _row(kind: Kind) -> Row:
    ours: list[float] = []
    beside: list[float] = []
    for turn in range(kind.samples + WARM_UPS):
        began = perf_counter()
        await kind.ours()
        between = perf_counter()
        kind.beside()
        if turn >= WARM_UPS:
            ours.append(between - began)
            beside.append(perf_counter() - between)
    return Row(
        what=kind.what,
        ours=figures(ours),
        beside_what=kind.beside_what,
        beside=figures(beside),
        promised_p95_ms=PROMISED_P95_MS if kind.what.startswith("history") else None,
    )


def _kinds(journal: SqliteJournal, bare: sqlite3.Connection) -> Iterator[Kind]:
    chance = random.Random(7)
    runs = statements()["runs"]
    order = "ORDER BY opened_at DESC, run_id DESC LIMIT 51"

    def any_service() -> str:
        return f"service-{chance.randrange(SERVICES)}"

    def any_moment() -> datetime:
        return END - timedelta(days=chance.uniform(1, DAYS))

    yield Kind(
        what="history, newest 50",
        ours=lambda: history(journal, HistoryQuery()),
        beside=lambda: bare.execute(f"{runs} {order}").fetchall(),
    )
    yield Kind(
        what="history, of a service, failed, since",
        ours=lambda: history(
            journal, HistoryQuery(service=any_service(), status="failed", since=any_moment())
        ),
        beside=lambda: bare.execute(
            f"{runs} WHERE service = ? AND status = 'failed' AND opened_at >= ? {order}",
            (any_service(), stamp(any_moment())),
        ).fetchall(),
    )
    yield Kind(
        what="history, of a runbook, a page far back",
        ours=lambda: history(journal, HistoryQuery(runbook="runbook-7", before=any_moment())),
        beside=lambda: bare.execute(
            f"{runs} WHERE runbook = 'runbook-7' AND opened_at < ? {order}", (stamp(any_moment()),)
        ).fetchall(),
    )
    told = Records(journal=journal)
    yield Kind(
        what="history as 20 whole records",
        ours=lambda: told.page(HistoryQuery(service=any_service(), before=any_moment(), limit=20)),
        beside=lambda: _events_of_20(bare, any_service(), any_moment()),
        beside_what="their rows and events, fetched",
    )
    yield Kind(
        what=f"stats over {EVENTS // 14 * 2:,} steps",
        ours=lambda: told.statistics(NumbersQuery()),
        beside=lambda: bare.execute("SELECT action, COUNT(*) FROM steps GROUP BY action").fetchall(),
        beside_what="one count by action",
        samples=20,
    )
    yield Kind(
        what="stats of a service, 90 days",
        ours=lambda: told.statistics(NumbersQuery(service=any_service(), since=END - timedelta(days=90))),
        beside=lambda: bare.execute(
            "SELECT action, COUNT(*) FROM steps WHERE service = ? AND at >= ? GROUP BY action",
            (any_service(), stamp(END - timedelta(days=90))),
        ).fetchall(),
        beside_what="one count by action",
    )


def _events_of_20(bare: sqlite3.Connection, service: str, before: datetime) -> int:
    rows = bare.execute(
        f"{statements()['runs']} WHERE service = ? AND opened_at < ? ORDER BY opened_at DESC, run_id DESC LIMIT 21",
        (service, stamp(before)),
    ).fetchall()
    return sum(
        len(bare.execute(statements()["read_stream"], (f"run-{row[0]}", 0)).fetchall()) for row in rows[:20]
    )


# ------------------------------------------------------------ a million events


def typical() -> tuple[Event, ...]:
    """A run of two steps, each approved: fourteen events."""
    book = runbook("a", "b")
    head = opened(book, requester=ALICE.actor, environment="prod")
    steps = [*ran("p1", 0, "a"), *ran("p2", 1, "b", "failed", "none"), *ran("p3", 1, "b")]
    return (head, *steps, RunFinished(at=NOW, status="succeeded"))


def fill(path: Path) -> None:
    """The streams and the rows of all runs, in one transaction."""
    events = typical()
    texts = [codec().encode(event)[0] for event in events]
    run = fold(events)
    template, steps = run_row(run), step_rows(run)
    count = EVENTS // len(events)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    chance = random.Random(3)
    for number in range(count):
        run_id = RunId(f"{chance.getrandbits(128):032x}")
        at = END - timedelta(days=DAYS) * (1 - number / count)
        row, lines = _rows_of(template, steps, run_id, at, chance)
        records.put_run(connection, row)
        for line in lines:
            records.put_step(connection, line)
        connection.executemany(
            statements()["add_event"],
            [
                (
                    f"run-{run_id}",
                    version,
                    number * len(texts) + version,
                    text.name,
                    text.v,
                    text.at,
                    text.body.replace('"r1"', f'"{run_id}"'),
                    "",
                )
                for version, text in enumerate(texts, start=1)
            ],
        )
    connection.execute("COMMIT")
    connection.close()


def _rows_of(
    template: RunRow, steps: tuple[StepRow, ...], run_id: RunId, at: datetime, chance: random.Random
) -> tuple[RunRow, list[StepRow]]:
    service = f"service-{chance.randrange(SERVICES)}"
    name = f"runbook-{chance.randrange(RUNBOOKS)}"
    status = chance.choices(["succeeded", "failed", "rejected", "rolled_back"], [80, 8, 8, 4])[0]
    row = replace(
        template,
        run_id=run_id,
        service=service,
        tenant=f"team-{chance.randrange(7)}",
        runbook=name,
        status=status,
        opened_at=at,
        updated_at=at + timedelta(minutes=4),
        finished_at=at + timedelta(minutes=4),
    )
    lines = [
        replace(
            step,
            run_id=run_id,
            service=service,
            runbook=name,
            action=f"{name}/{step.name}",
            at=at,
            decide_s=chance.expovariate(1 / 60),
        )
        for step in steps
    ]
    return row, lines
