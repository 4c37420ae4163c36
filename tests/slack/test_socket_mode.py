"""The way in by WebSocket: a bad token ends the start, a dead address is forgotten, and health is a frame."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from bot.errors import SettingsError
from bot.sandbox.acme import ALICE
from bot.sandbox.server import Sandbox
from bot.slack import ids
from bot.slack.door import check_bot_token
from bot.slack.gateway import Gateway
from bot.slack.socket_mode import SocketMode
from tests.fakes.patience import PATIENCE_S
from tests.slack.desk import CHANNEL, Desk, HandClock
from tests.slack.entrance import Door
from tests.slack.recording import Recording


@pytest.fixture
async def socket(door: Door) -> AsyncIterator[SocketMode]:
    """A second connection of the same app, watched closely."""
    socket = SocketMode(
        door.door.bolt,
        app_token=door.slack.app_token,
        base_url=door.slack.base_url,
        clock=door.desk.clock,
        look_every_s=0.02,
        ping_every_s=0.05,
    )
    yield socket
    await socket.stop()


async def test_a_wrong_app_token_is_one_clear_sentence(slack: Sandbox, door: Door) -> None:
    wrong = SocketMode(
        door.door.bolt, app_token="xapp-sandbox-wrong", base_url=slack.base_url, clock=door.desk.clock
    )
    with pytest.raises(SettingsError, match="slack refuses SLACK_APP_TOKEN"):
        await wrong.start(timeout_s=2)
    await wrong.stop()


async def test_a_wrong_bot_token_is_one_clear_sentence(slack: Sandbox, clock: HandClock) -> None:
    gateway = Gateway.open("xoxb-sandbox-wrong", base_url=slack.base_url, clock=clock)
    with pytest.raises(SettingsError, match="slack refuses SLACK_BOT_TOKEN"):
        await check_bot_token(gateway)
    await gateway.close()


def test_a_stray_oauth_client_in_the_environment_is_named(
    desk: Desk, operations: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "x")
    with pytest.raises(SettingsError, match="SLACK_CLIENT_ID"):
        Door(desk, operations, mode="http")


async def test_a_slack_that_cannot_be_reached_does_not_keep_us_from_starting(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="bot.slack.socket_mode")
    desk.slack.faults.is_down = True
    assert await check_bot_token(desk.gateway) is False


async def test_a_dead_address_is_forgotten_and_the_connection_heals(
    door: Door, socket: SocketMode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="bot.slack.socket_mode")
    door.slack.faults.refuse_sockets = True
    assert await socket.start(timeout_s=0.1) is False
    assert not socket.is_healthy
    door.slack.faults.refuse_sockets = False
    door.desk.clock.pass_(11)
    await asyncio.wait_for(_connected(socket), PATIENCE_S)


async def test_slack_away_at_the_start_is_connected_to_when_it_is_back(
    door: Door, socket: SocketMode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="bot.slack.socket_mode")
    door.slack.faults.is_down = True
    assert await socket.start(timeout_s=0.1) is False
    door.slack.faults.is_down = False
    await asyncio.wait_for(_connected(socket), PATIENCE_S)


async def _connected(socket: SocketMode) -> None:
    while not socket.is_healthy:  # noqa: ASYNC110 - the SDK tells nobody when it has connected
        await asyncio.sleep(0.01)


async def test_it_is_healthy_while_frames_come_and_not_a_minute_later(door: Door) -> None:
    await door.slack.user(ALICE).post(CHANNEL, "hello")
    await door.slack.until(lambda: door.slack.deliveries)
    assert door.door.is_healthy
    door.desk.clock.pass_(61)
    assert not door.door.is_healthy


async def test_a_connection_slack_announces_to_end_is_replaced_before_it_does(door: Door) -> None:
    await door.slack.sockets.warn()
    await door.slack.until(lambda: door.slack.sockets.connection_count == 0, what="the old one to be left")
    await door.slack.until(lambda: door.slack.sockets.connection_count == 1, what="the new one")
    await door.click(ALICE, ids.APPROVE)
    await door.asked("approve")


async def test_a_connection_cut_without_a_word_is_replaced(
    door: Door, socket: SocketMode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="bot.slack.socket_mode")
    assert await socket.start(timeout_s=2) is True
    await asyncio.wait_for(_connected(socket), PATIENCE_S)
    before = door.slack.sockets.connection_count
    door.slack.sockets.cut()
    await door.slack.until(lambda: door.slack.sockets.connection_count < before)
    await door.slack.until(lambda: door.slack.sockets.connection_count >= 1, what="a new connection")
