"""`runbookctl --help` until it has ended, beside an interpreter that does nothing.

Counted: the whole process, from being started to being gone. Not counted: the first runs, which write byte code and
fill the page cache. The promise is about the whole time.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.harness import Row, figures, timed

WARM_UPS = 3
SAMPLES = 40
RUNBOOKCTL = Path(sys.executable).with_name("runbookctl")


async def measure(folder: Path) -> list[Row]:
    """In turns."""
    return [
        beside(
            [str(RUNBOOKCTL), "--help"],
            [sys.executable, "-c", "pass"],
            what="runbookctl --help",
            beside_what="python -c pass",
            promised_ms=150,
            samples=SAMPLES,
            folder=folder,
        )
    ]


def beside(
    command: Sequence[str],
    other: Sequence[str],
    *,
    what: str,
    beside_what: str,
    promised_ms: float,
    samples: int,
    folder: Path,
) -> Row:
    """Two programs run in turns in this folder; both must end well."""

    def run(arguments: Sequence[str]) -> float:
        return timed(lambda: subprocess.run(arguments, cwd=folder, check=True, capture_output=True))

    taken = [(run(command), run(other)) for _ in range(WARM_UPS + samples)][WARM_UPS:]
    return Row(
        what=what,
        ours=figures([ours for ours, _ in taken]),
        beside_what=beside_what,
        beside=figures([others for _, others in taken]),
        promised_ms=promised_ms,
        is_own=False,
    )
