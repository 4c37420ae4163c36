"""What one step costs in the journal: intent and outcome, both committed, beside two bare commits on the same disk.

Counted: the two appends of a step as the driver makes them, each from the call until it is known to be durable: the
fold, the encoding, the hash chain, the row of the run, the way to the writer's thread and back, the sync. Not counted:
what lies between the two, which is the step itself.

The engine is whole and drives real runs of five unattended steps in this process, on a world of dials that turn at
once; Slack is not connected. Beside it, in turns: `sqlite3` alone, WAL and full sync, two transactions that insert
one row each, as long as the bodies of the two events. The runs that warm up take the journal, too, past its first
checkpoint.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.engine.ledger import Change, Ledger
from bot.runs.events import StepFinished, StepStarted
from tests.bench.floor import Floor
from tests.bench.harness import Row, figures, timed
from tests.engine.house import ALICE, UNATTENDED, House, catalog, dial_step, runbook

STEPS = 5
WARM_UP_RUNS = 40
RUNS = 60
LOOK_EVERY_S = 0.005


@dataclass
class StopWatch(Ledger):
    """A ledger that notes how long the appends of intents and outcomes take."""

    intents_s: list[float] = field(default_factory=list)
    outcomes_s: list[float] = field(default_factory=list)

    async def append(self, change: Change) -> Any:
        """As any ledger appends."""
        began = time.perf_counter()
        answer = await super().append(change)
        took_s = time.perf_counter() - began
        match change.run_events:
            case (*_, StepStarted()):
                self.intents_s.append(took_s)
            case (*_, StepFinished()):
                self.outcomes_s.append(took_s)
        return answer


async def measure(folder: Path) -> list[Row]:
    """Runs and bare commits in turns."""
    steps = (dial_step(f"dial-{n}", rules=UNATTENDED) for n in range(STEPS))
    house = await House.open(folder / "journal.db", catalog(runbook("turn", *steps)))
    watch = StopWatch(house.journal)
    house.worker.driver = replace(house.worker.driver, ledger=watch)
    beside: list[float] = []
    try:
        with closing(Floor(folder / "floor.db")) as floor:
            for _ in range(WARM_UP_RUNS):
                await _one_run(house)
            sizes = _sizes(folder / "journal.db")
            watch.intents_s.clear()
            watch.outcomes_s.clear()
            for _ in range(RUNS):
                await _one_run(house)
                beside += [timed(lambda: floor.commit(*sizes)) for _ in range(STEPS)]
    finally:
        await house.close()
    pairs = zip(watch.intents_s, watch.outcomes_s, strict=True)
    return [
        Row(
            what="step: intent and outcome",
            ours=figures([intent + outcome for intent, outcome in pairs]),
            beside_what="two bare commits",
            beside=figures(beside),
            promised_ms=1.0,
        )
    ]


async def _one_run(house: House) -> None:
    run_id = await house.start("turn", ALICE)
    # Looked at now and then: whoever followed every change would read beside what is measured.
    while (row := await house.journal.run_row(run_id)) is None or row.is_open:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)


def _sizes(path: Path) -> tuple[int, ...]:
    """How long the bodies of an intent and an outcome are."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        sql = "SELECT CAST(AVG(LENGTH(body)) AS INTEGER) FROM events WHERE name = ?"
        return tuple(
            connection.execute(sql, (name,)).fetchone()[0] for name in ("step-started", "step-finished")
        )
