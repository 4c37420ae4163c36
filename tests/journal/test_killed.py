"""`kill -9` in the middle of appending: whatever was reported as written is there, and the chains are whole."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bot.journal.base import Batch, Write
from bot.journal.sqlite import SqliteJournal
from tests.journal.samples import codec, reminded

WRITERS = 4
ROOT = Path(__file__).parents[2]


async def append_for_ever(path: Path) -> None:
    """The child: several writers at once, each reporting `stream version` after its append returned."""
    journal = await SqliteJournal.open(path, serve=True, codec=codec())

    async def write(stream: str) -> None:
        version = len(await journal.read(stream))
        while True:
            event = reminded(version)
            await journal.append(
                Batch(writes=(Write(stream=stream, expected_version=version, events=(event,)),))
            )
            version += 1
            sys.stdout.write(f"{stream} {version}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write(f"run-{number}") for number in range(WRITERS)))


def appending(path: Path) -> subprocess.Popen[str]:
    program = (
        f"import asyncio, pathlib\nfrom {__name__} import append_for_ever\n"
        f"asyncio.run(append_for_ever(pathlib.Path({str(path)!r})))"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("reports", [1, 2, 50, 333])
async def test_every_reported_append_survives(tmp_path: Path, reports: int) -> None:
    path = tmp_path / "bot.db"
    reported: dict[str, int] = {}
    for _ in range(2):  # the second child goes on where the first was killed
        child = appending(path)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(reports)]
        child.kill()
        lines += child.stdout.read().splitlines()
        child.stdout.close()
        child.wait()
        for line in lines:
            stream, _, number = line.strip().partition(" ")
            if number.isdecimal():  # the kill may have cut the last line
                reported[stream] = max(reported.get(stream, 0), int(number))
        assert reported

    journal = await SqliteJournal.open(path, serve=True, codec=codec())
    stored = await journal.streams()
    for stream, version in reported.items():
        assert stored[stream] >= version
        events = [one.event for one in await journal.read(stream)]
        assert events == [reminded(number) for number in range(stored[stream])]
    assert (await journal.verify()).problems == ()
    await journal.append(
        Batch(writes=(Write(stream="run-0", expected_version=stored.get("run-0", 0), events=(reminded(),)),))
    )
    await journal.close()
