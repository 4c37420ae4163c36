"""The process that is killed: warm once, it forks a child per case, and each child plays the reference run.

A child opens the real file, keeps its world in another that is written with O_APPEND and fsync, and ends itself with
SIGKILL at the append it was given. Cases come in as JSON lines, exit statuses go out; so a kill costs a fork instead
of a start of Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.journal.sqlite import SqliteJournal
from tests.engine.house import House
from tests.engine.killing import Cut
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

PATIENCE_S = 30


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


async def play_once(folder: Path, *, at: int, when: str) -> int:
    """The whole story from wherever it stands; ends this process at the given append. How many appends there were."""
    path, told = folder / "journal.db", Told(path=folder / "told")
    told.read()
    world = FileWorld(path=folder / "world")
    turned = list(world.turns)
    steps, undos = await in_flight(path) if path.exists() else ([], [])
    cuts: list[Cut] = []

    def wrap(journal: SqliteJournal) -> Any:
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        cuts.append(Cut(journal, at=at, when=when, kill=kill, only_appends=True))  # type: ignore[arg-type]
        return cuts[0]

    house = await House.open(path, files(), world=world, wrap=wrap)
    await assert_asked_about(house, steps, undos)
    assert world.turns == turned
    await play(house, told)
    await assert_nothing_held(house)
    await assert_told_true(house, told, world)
    await house.close()
    return len(cuts[0].writes)


def _child(case: dict[str, Any]) -> None:
    """Never returns. Its words go to a file: the pipe belongs to the parent's lines."""
    folder = Path(case["folder"])
    try:
        appends = asyncio.run(
            asyncio.wait_for(play_once(folder, at=case["at"], when=case["when"]), PATIENCE_S)
        )
        (folder / "appends").write_text(str(appends))
    except BaseException:  # noqa: BLE001 - a child must tell why it ended, whatever it was
        (folder / "trouble").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
