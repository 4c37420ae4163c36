"""Houses on one journal file, one after the other, each closed when the next opens or the test ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.catalog.schema import Catalog
from tests.engine.house import House

Opened = Callable[..., Awaitable[House]]


@asynccontextmanager
async def houses_on(path: Path) -> AsyncIterator[Opened]:
    """Opens houses; opening the next one ends the one before, as a restart does."""
    houses: list[House] = []

    async def open_house(files: Catalog, **more: Any) -> House:
        for house in houses:
            await house.close()
        house = await House.open(path, files, **more)
        houses.append(house)
        return house

    try:
        yield open_house
    finally:
        for house in houses:
            await house.close()
