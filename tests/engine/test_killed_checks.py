"""A run with checks, cut off before and after every write of it and taken up again: each check is made once.

The first change helps, so its check goes on by itself. The second makes things worse: in one runbook it is undone by
itself, in the other people say so. Wherever the bot dies, the end is the same, and no step or undo is done twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Metric, MetricCheck
from bot.errors import Refused
from bot.journal.base import HistoryQuery
from bot.journal.sqlite import SqliteJournal
from bot.runs.due import next_check
from bot.runs.events import BaselineTaken, CheckJudged, CheckSettled
from bot.runs.state import Run
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, House, catalog, dial_step, runbook
from tests.engine.killing import Cut, When
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import World
from tests.fakes.metrics import Gauge

CHECK = MetricCheck(metric_name="errors", check_after_s=300)
LEVELS = {("a", 1): 2.0, ("b", 2): 30.0}
"""What the metric comes to after each turn; before the first it is 12."""

TURNS = [("a", 1), ("b", 2), ("b", 0), ("a", 0)]
AT_LEAST = 12


def files(*, by_itself: bool) -> Catalog:
    steps = (dial_step("a", value=1, check=CHECK), dial_step("b", value=2))
    book = runbook("heal", *steps, metric_check=CHECK, rollback_on_failure=by_itself)
    return catalog(book, metrics={"errors": Metric(name="errors", query="errors")})


@dataclass
class Life:
    """What outlives the bot: the world, the time, Prometheus."""

    path: Path
    by_itself: bool
    world: World = field(default_factory=World)
    clock: VirtualClock = field(default_factory=VirtualClock)
    gauge: Gauge = field(default_factory=lambda: Gauge.at(12))
    shown: int = 0

    async def open(self, wrap: Any = lambda journal: journal) -> House:
        return await House.open(
            self.path,
            files(by_itself=self.by_itself),
            world=self.world,
            clock=self.clock,
            metrics=self.gauge,
            wrap=wrap,
        )

    def notice(self) -> None:
        """Prometheus shows what the last turns did from now on."""
        for turn in self.world.turns[self.shown :]:
            if turn in LEVELS:
                self.gauge.show(LEVELS[turn], since=self.clock.now())
        self.shown = len(self.world.turns)


async def play(life: Life, house: House) -> Run:
    """People and time do the next thing until the run is over."""
    rows = await house.journal.runs(HistoryQuery())
    run_id = rows[0].run_id if rows else await house.start("heal", ALICE)
    while True:
        run = await house.until_run(run_id, lambda one: one.is_finished or _stands(one))
        if run.is_finished:
            return run
        with suppress(Refused):
            await _go_on(life, house, run)


def _stands(run: Run) -> bool:
    """Whether nothing more happens without people or time."""
    state, due = run.current, next_check(run)
    undo_asks = any(one.status == "undo_unknown" and run.is_undoing for one in run.steps.values())
    is_unknown = state is not None and state.proposal is not None and state.proposal.is_unknown
    probed = is_unknown and state is not None and state.proposal is not None and state.proposal.probed
    if undo_asks or probed:
        return True
    if run.is_undoing or is_unknown:
        return False
    is_due = due is not None and (due.checked is None or run.is_asked_about(due.checked))
    return is_due or run.status == "waiting"


async def _go_on(life: Life, house: House, run: Run) -> None:
    life.notice()
    state, due = run.current, next_check(run)
    unknown = next((one for one in run.steps.values() if one.status == "undo_unknown"), None)
    if run.is_undoing and unknown is not None:
        assert unknown.undoing is not None
        assert unknown.undoing.started is not None
        given = unknown.undoing.started.plan.input
        done = life.world.dials.get(given["dial"]) == given["value"]
        await house.operations.settle_undo(run.id, unknown.key, BOB, choice="done" if done else "again")
    elif state is not None and state.proposal is not None and state.proposal.is_unknown:
        done = life.world.dials.get(state.step.name) == state.step.input["value"]
        await house.operations.settle(house.ref_of(run), BOB, choice="done" if done else "again")
    elif due is not None and due.checked is not None:
        await house.operations.settle_check(run.id, due.step, BOB, choice="undo")
    elif due is not None:
        life.clock.pass_time(max(due.at - life.clock.now(), due.at - due.at))
        await house.until_run(run.id, lambda one: one.version > run.version)
    else:
        await house.operations.approve(house.ref_of(run), BOB)
        await house.until_run(run.id, lambda one: one.version > run.version + 1)


async def begin(life: Life, *, at: int, when: When) -> Cut:
    """Play until the end or until the cut, then let everything fall as it stands."""
    opened: asyncio.Future[Cut] = asyncio.get_running_loop().create_future()
    houses: list[House] = []

    def wrap(journal: SqliteJournal) -> Any:
        opened.set_result(Cut(journal, at=at, when=when))
        return opened.result()

    async def all_of_it() -> None:
        houses.append(await life.open(wrap))
        await play(life, houses[0])

    others = asyncio.all_tasks()
    playing = asyncio.create_task(all_of_it())
    cut = await opened
    dead = asyncio.create_task(cut.dead.wait())
    await asyncio.wait([playing, dead], return_when=asyncio.FIRST_COMPLETED)
    if playing.done():
        playing.result()
    for house in houses:
        await house.worker.stop()
    fallen = asyncio.all_tasks() - others
    for task in fallen:
        task.cancel()
    await asyncio.gather(*fallen, return_exceptions=True)
    await cut.close()
    return cut


def assert_told_whole(life: Life, run: Run) -> None:
    assert run.status == "rolled_back"
    assert life.world.turns == TURNS
    assert_lawful(run.events)
    kinds = [type(event) for event in run.events]
    assert kinds.count(BaselineTaken) == 1
    assert kinds.count(CheckJudged) == 2
    assert kinds.count(CheckSettled) == (0 if life.by_itself else 1)
    verdicts = [event.verdict for event in run.events if isinstance(event, CheckJudged)]
    assert verdicts == ["better", "worse"]


@pytest.mark.parametrize("by_itself", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_every_write_each_check_is_made_once(
    tmp_path: Path, by_itself: bool, when: When
) -> None:
    for at in range(1, 200):
        life = Life(path=tmp_path / f"{at}.db", by_itself=by_itself)
        cut = await begin(life, at=at, when=when)
        house = await life.open()
        try:
            assert_told_whole(life, await play(life, house))
        except BaseException as trouble:
            trouble.add_note(f"killed {when} write {at}: {cut.writes[-1]}")
            raise
        finally:
            await house.close()
        if not cut.dead.is_set():
            break
    assert at >= AT_LEAST
