"""The picture of a check: the same bytes each time, whatever names and values there are."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.engine.picture import Level, Mark, Picture, _with_gaps, draw

START = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)
ZERO = START.timestamp()
PICTURE = Picture(
    title="payments · error_rate: Answers with a 5xx status per second",
    sentence="error_rate is better: 12 before, 0.4 after",
    verdict="better",
    points=[(ZERO + 5 * at, 12.0 if at < 8 else 0.4) for at in range(-120, 60)],
    changed_at=START,
    marks=[Mark(name="restart", started_at=START, ended_at=START + timedelta(seconds=20))],
    before=Level(start=ZERO - 150, end=ZERO, value=12),
    after=Level(start=ZERO + 145, end=ZERO + 295, value=0.4),
    limit=2.5,
)


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_same_picture_is_the_same_bytes() -> None:
    first = draw(PICTURE)
    assert first == draw(replace(PICTURE))
    assert size(first) == (1200, 600)
    assert len(first) < 300_000
    assert b"Software" not in first
    assert b"matplotlib" not in first


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from bot.engine.picture import draw; from tests.engine.test_picture import PICTURE; "
        "print(hashlib.sha256(draw(PICTURE)).hexdigest())"
    )
    import hashlib

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == hashlib.sha256(draw(PICTURE)).hexdigest()


async def test_pictures_drawn_at_once_do_not_mix() -> None:
    others = [replace(PICTURE, verdict="worse", title=f"metric {number}", marks=()) for number in range(4)]
    alone = [draw(one) for one in others]
    assert await asyncio.gather(*(asyncio.to_thread(draw, one) for one in others)) == alone


@pytest.mark.parametrize(
    "picture",
    [
        replace(
            PICTURE, points=[(ZERO, 1.0), (ZERO + 1, 1.0)], marks=(), before=None, after=None, limit=None
        ),
        replace(PICTURE, points=[(ZERO, 0.0), (ZERO, 0.0)]),
        replace(PICTURE, points=[(ZERO + at, -5.0 * at) for at in range(9)]),
        replace(PICTURE, points=[(ZERO + at * 3600, 1e18 * at) for at in range(48)]),
        replace(PICTURE, title="$\\frac{1}{2}$ _^ {" * 30, sentence="\x00\u202e\n$x$" * 60),
        replace(PICTURE, title="", sentence="", verdict="inconclusive"),
        replace(
            PICTURE,
            marks=[
                Mark(name=f"step-{number}" * 9, started_at=START + timedelta(seconds=number))
                for number in range(40)
            ],
        ),
    ],
    ids=["two points", "one moment", "below zero", "days and huge", "odd words", "no words", "many steps"],
)
def test_whatever_there_is_can_be_drawn(picture: Picture) -> None:
    assert size(draw(picture)) == (1200, 600)


def test_a_stretch_without_data_is_a_gap() -> None:
    points = [(float(at), 1.0) for at in (0, 1, 2, 3, 30, 31, 32)]
    times, values = _with_gaps(points)
    assert [at for at, value in zip(times, values, strict=True) if value != value] == [30.0]
    assert all(later >= earlier for earlier, later in pairwise(times))
    assert _with_gaps([]) == ([], [])
