"""The process that is killed while it plays the reference run over the real file.

Its world is another file, written with O_APPEND and fsync, and it ends itself with SIGKILL at the append it was given.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.journal.sqlite import SqliteJournal
from tests.engine.house import House
from tests.engine.killing import Cut, When
from tests.engine.nursery import raise_children
from tests.engine.reference import (
    Told,
    assert_asked_about,
    assert_nothing_held,
    assert_told_true,
    files,
    in_flight,
    play,
)
from tests.fakes.dials import World


@dataclass
class FileWorld(World):
    """A world that outlives whoever turns it."""

    path: Path = field(default_factory=Path)

    def __post_init__(self) -> None:
        self.turns = turns_of(self.path)
        self.dials = dict(self.turns)

    def turn(self, dial: str, value: int) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, (json.dumps([dial, value]) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)
        super().turn(dial, value)


def turns_of(path: Path) -> list[tuple[str, int]]:
    """Every turn that really happened, in order."""
    if not path.exists():
        return []
    return [(dial, value) for dial, value in map(json.loads, path.read_text().splitlines())]


def die() -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


async def play_once(folder: Path, *, at: int = 0, when: When = "before") -> None:
    """The whole story from wherever it stands, or to the given append; `appends` says how many there were."""
    path, told = folder / "journal.db", Told(path=folder / "told")
    told.read()
    world = FileWorld(path=folder / "world")
    turned = list(world.turns)
    steps, undos = await in_flight(path) if path.exists() else ([], [])
    cuts: list[Cut] = []

    def wrap(journal: SqliteJournal) -> Any:
        cuts.append(
            Cut(journal, at=at, when=when, kill=die, counts=lambda write: write.startswith("append "))
        )
        return cuts[0]

    house = await House.open(path, files(), world=world, wrap=wrap)
    await assert_asked_about(house, steps, undos)
    assert world.turns == turned
    await play(house, told)
    await assert_nothing_held(house)
    await assert_told_true(house, told, world)
    await house.close()
    (folder / "appends").write_text("\n".join(cuts[0].writes))


if __name__ == "__main__":
    raise_children(play_once)
