"""`kill -9` for real: a process playing the reference run over a file ends itself before or after the n-th append.

Another process takes the file up, people go on, and the world of both (a file written with fsync) must show every dial
turned exactly as often as if nobody had been killed. Between the two nothing is shared but what is on disk.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.killed_child import turns_of
from tests.engine.killing import When
from tests.engine.nursery import Nursery, nursery_of
from tests.engine.reference import TURNS

STRIDE = 4
AT_LEAST = 40
"""Fewer appends than this, and the reference run is not what it was meant to be."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with nursery_of("tests.engine.killed_child") as nursery:
        yield nursery


def test_the_run_that_nobody_kills(nursery: Nursery, tmp_path: Path) -> None:
    nursery.see_it_through(tmp_path)
    assert turns_of(tmp_path / "world") == TURNS
    assert len((tmp_path / "appends").read_text().splitlines()) >= AT_LEAST


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_killed_at_every_append_and_started_again(
    nursery: Nursery, tmp_path: Path, first: int, when: When
) -> None:
    for at in range(first, 10 * AT_LEAST, STRIDE):
        folder = tmp_path / str(at)
        folder.mkdir()
        code = nursery.raise_one(folder, at=at, when=when)
        if code == 0:  # the story was over before it came to that append
            break
        assert code == -signal.SIGKILL, f"{when} append {at}"
        nursery.see_it_through(folder)
        assert turns_of(folder / "world") == TURNS
    assert at >= AT_LEAST
