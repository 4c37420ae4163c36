"""A local Slack, a journal on disk and the door's gateway between them, made new for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.server import Sandbox
from bot.slack.gateway import Gateway
from tests.slack.desk import Desk, HandClock, journal_in
from tests.slack.entrance import Door
from tests.slack.recording import Recording


@pytest.fixture
async def slack() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def gateway(slack: Sandbox, clock: HandClock) -> AsyncIterator[Gateway]:
    async def no_time(_seconds: float) -> None:
        return None

    gateway = Gateway.open(slack.bot_token, base_url=slack.base_url, clock=clock, sleep=no_time)
    yield gateway
    await gateway.close()


@pytest.fixture
async def desk(tmp_path: Path, slack: Sandbox, gateway: Gateway, clock: HandClock) -> AsyncIterator[Desk]:
    async with journal_in(tmp_path) as journal:
        yield Desk(journal=journal, slack=slack, gateway=gateway, clock=clock)


@pytest.fixture
def operations() -> Recording:
    return Recording()


@pytest.fixture
async def door(desk: Desk, operations: Recording) -> AsyncIterator[Door]:
    """The whole door, come in by Socket Mode."""
    here = Door(desk, operations, mode="socket")
    await here.door.start()
    yield here
    await here.door.stop()
