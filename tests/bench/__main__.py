"""`python -m tests.bench [NAME…]`: measure and print a table; the exit code says only whether it could be measured."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import (
    click,
    diagnosis,
    fleet,
    help_text,
    history,
    home,
    kubernetes,
    lint,
    report,
    step,
    webhook,
)
from tests.bench.harness import Row, noise, table

MEASURES: dict[str, Callable[[Path], Awaitable[list[Row]]]] = {
    "webhook": webhook.measure,
    "click": click.measure,
    "step": step.measure,
    "fleet": fleet.measure,
    "help": help_text.measure,
    "home": home.measure,
    "lint": lint.measure,
    "kubernetes": kubernetes.measure,
    "history": history.measure,
    "diagnosis": diagnosis.measure,
    "report": report.measure,
}


async def run(names: list[str], root: Path | None) -> None:
    """Measure one after the other, each in a folder of its own on the same disk."""
    print(f"before: {noise()}")
    rows: list[Row] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=root) as folder:
            print(f"measuring {name} …", flush=True)
            rows += await MEASURES[name](Path(folder))
    print(f"after:  {noise()}\n")
    print(table(rows))
    print("\nTimes in ms; own = ours less what stands beside it, both medians of this run.")


def main() -> None:
    """Read the names; all of them when none is given."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in MEASURES]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}; there are {', '.join(MEASURES)}")
    asyncio.run(run(given.names or list(MEASURES), given.folder))


if __name__ == "__main__":
    main()
