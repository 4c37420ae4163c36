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
STRIDE = 4
AT_LEAST = 40
"""Fewer appends than this, and the reference run is not what it was meant to be."""


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
        assert code == 0, f"{folder.name}: {trouble.read_text() if trouble.exists() else code}"
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
    assert int((tmp_path / "appends").read_text()) >= AT_LEAST


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_killed_at_every_append_and_started_again(
    nursery: Nursery, tmp_path: Path, first: int, when: str
) -> None:
    for at in range(first, 10 * AT_LEAST, STRIDE):
        folder = tmp_path / str(at)
        folder.mkdir()
        code = nursery.play(folder, at=at, when=when)
        if code == 0:  # the story was over before it came to that append
            break
        assert code == -signal.SIGKILL, f"{when} append {at}"
        nursery.play_to_the_end(folder)
    assert at >= AT_LEAST
