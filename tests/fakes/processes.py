"""Waiting for programs of somebody else's, which cannot be told to tell us."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from tests.fakes.patience import PATIENCE_S


def wait_for(is_ready: Callable[[], bool], what: str, *, seconds: float = PATIENCE_S) -> None:
    """Poll until `is_ready`, or TimeoutError that says what did not happen. Blocks: use a thread in coroutines."""
    end = monotonic() + seconds
    while not is_ready():
        if monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        sleep(0.02)
