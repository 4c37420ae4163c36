"""The reference run, cut off before and after every write of it, then taken up by a new house on the same file.

No effect twice, no decision lost, every in-flight step unknown and asked about, no undo twice. Each case is one
write: `kill -9` just before it reached the file, or just after it did and before anybody heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.journal.sqlite import SqliteJournal
from tests.engine.house import House
from tests.engine.killing import Cut, When
from tests.engine.reference import (
    TURNS,
    Told,
    assert_asked_about,
    assert_nothing_held,
    assert_told_true,
    files,
    in_flight,
    play,
)
from tests.fakes.dials import World

STRIDE = 4
"""The writes are killed in as many tests, each taking every fourth, so that they can run side by side."""

AT_LEAST = 50
"""Fewer writes than this, and the reference run is not what it was meant to be."""


async def begin(path: Path, world: World, told: Told, *, at: int = 0, when: When = "before") -> Cut:
    """Play until the end or until the cut, then let everything fall as it stands."""
    opened: asyncio.Future[Cut] = asyncio.get_running_loop().create_future()

    def wrap(journal: SqliteJournal) -> Any:
        opened.set_result(Cut(journal, at=at, when=when))
        return opened.result()

    async def all_of_it() -> None:
        house = await House.open(path, files(), world=world, wrap=wrap)
        houses.append(house)
        await play(house, told)
        await assert_nothing_held(house)

    houses: list[House] = []
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


async def test_the_run_that_nobody_kills(tmp_path: Path) -> None:
    world, told = World(), Told()
    cut = await begin(tmp_path / "journal.db", world, told)
    assert world.turns == TURNS
    assert len(cut.writes) >= AT_LEAST, cut.writes
    house = await House.open(tmp_path / "journal.db", files(), world=world)
    await assert_told_true(house, told, world)
    await house.close()


async def take_up(path: Path, world: World, told: Told) -> None:
    """A new house on what is left: it asks about what was in flight, people go on, and everything comes right."""
    turned = list(world.turns)
    steps, undos = await in_flight(path)
    house = await House.open(path, files(), world=world)
    try:
        await assert_asked_about(house, steps, undos)
        assert world.turns == turned
        await play(house, told)
        await assert_told_true(house, told, world)
    finally:
        await house.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
async def test_killed_at_every_write_and_started_again(tmp_path: Path, first: int, when: When) -> None:
    for at in range(first, 10 * AT_LEAST, STRIDE):
        path, world, told = tmp_path / f"{at}.db", World(), Told()
        cut = await begin(path, world, told, at=at, when=when)
        with noted(f"killed {when} write {at}: {cut.writes[-1]}"):
            await take_up(path, world, told)
        if not cut.dead.is_set():
            break
    assert at >= AT_LEAST


@pytest.mark.parametrize("again", [1, 2, 5])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
async def test_killed_at_a_write_and_again_soon_after_the_start(
    tmp_path: Path, first: int, again: int
) -> None:
    for at in range(2 * first, AT_LEAST - 6, 2 * STRIDE):
        path, world, told = tmp_path / f"{at}.db", World(), Told()
        await begin(path, world, told, at=at, when="after")
        cut = await begin(path, world, told, at=again, when="after")
        with noted(f"killed after write {at}, then at write {again}: {cut.writes[-1]}"):
            assert cut.dead.is_set()
            await take_up(path, world, told)


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Say with every failure where the bot was killed."""
    try:
        yield
    except BaseException as trouble:
        trouble.add_note(where)
        raise
