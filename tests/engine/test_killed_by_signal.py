"""`kill -9` for real: a process playing the reference run over a file ends itself before or after the n-th append.

Another process takes the file up, people go on, and the world of both (a file written with fsync) must show every dial
turned exactly as often as if nobody had been killed. Between the two nothing is shared but what is on disk.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.killed_child import turns_of
from tests.engine.reference import TURNS

ROOT = Path(__file__).parents[2]
APPENDS_OF_THE_REFERENCE = 51
"""How many there are when nobody kills; the first test says what it is now."""


class Nursery:
    """Forks children and tells how each ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def play(self, folder: Path, *, at: int = 0, when: str = "before") -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "at": at, "when": when}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def play_to_the_end(self, folder: Path) -> None:
        code = self.play(folder)
        trouble = folder / "trouble"
        assert code == 0, trouble.read_text() if trouble.exists() else code
        assert turns_of(folder / "world") == TURNS


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.killed_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield Nursery(process)


def test_the_run_that_nobody_kills(nursery: Nursery, tmp_path: Path) -> None:
    nursery.play_to_the_end(tmp_path)
    assert int((tmp_path / "appends").read_text()) == APPENDS_OF_THE_REFERENCE


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(1, APPENDS_OF_THE_REFERENCE + 1))
def test_killed_at_this_append_and_started_again(
    nursery: Nursery, tmp_path: Path, at: int, when: str
) -> None:
    assert nursery.play(tmp_path, at=at, when=when) == -signal.SIGKILL
    nursery.play_to_the_end(tmp_path)
