"""What every test runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.fakes.idle_time import IdleTimeLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """No coroutine's patience runs out because the machine is busy."""
    return {"idle-time": IdleTimeLoop}
