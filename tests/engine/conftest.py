"""The engine's fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.keeping import Opened, houses_on


@pytest.fixture
async def restarted(tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens a house on the test's one journal; a second call is a restart."""
    async with houses_on(tmp_path / "journal.db") as opened:
        yield opened
