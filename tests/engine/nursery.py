"""Processes that may be killed: a warm one forks a child per case, so a kill costs a fork instead of a start of Python.

`Nursery` is the test's side. `raise_children` is the main loop of a warm process: cases come in as JSON lines, exit
statuses go out, and what a child has to say about its end it writes into its folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
TROUBLE = "trouble"


class Nursery:
    """Forks children and tells how each ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def raise_one(self, folder: Path, **case: Any) -> int:
        """The exit status of a child that was given this case; negative is the signal that ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), **case}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def see_it_through(self, folder: Path, **case: Any) -> None:
        """A child that nobody kills and that must end well."""
        code = self.raise_one(folder, **case)
        trouble = folder / TROUBLE
        assert code == 0, f"{folder.name}: {trouble.read_text() if trouble.exists() else code}"


@contextmanager
def nursery_of(module: str) -> Iterator[Nursery]:
    """A warm process running `module`, until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        yield Nursery(process)


def raise_children(live: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """The warm process: fork, let the child live its case, say how it ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(live, json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _live(live: Callable[..., Coroutine[Any, Any, None]], case: dict[str, Any]) -> None:
    """Never returns."""
    folder = Path(case.pop("folder"))
    os.dup2(2, 1)  # the pipe belongs to the lines above
    try:
        asyncio.run(asyncio.wait_for(live(folder, **case), PATIENCE_S))
    except BaseException:  # noqa: BLE001 - a child must tell why it ended, whatever it was
        (folder / TROUBLE).write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)
