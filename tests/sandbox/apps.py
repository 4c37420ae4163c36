"""Apps that talk to the sandbox as they would to Slack: the real SDK's clients, Bolt over sockets and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.clock import ManualClock
from bot.sandbox.server import Sandbox


def client_of(sandbox: Sandbox, **options: Any) -> AsyncWebClient:
    """The SDK's client with the bot token and, unless asked otherwise, no retries of its own."""
    options.setdefault("retry_handlers", [])
    return AsyncWebClient(token=sandbox.bot_token, base_url=sandbox.base_url, **options)


async def refusal(answer: Awaitable[Any]) -> Any:
    """The body of a refused call."""
    try:
        body = (await answer).data
    except SlackApiError as refused:
        return refused.response.data
    raise AssertionError(f"Slack said yes: {body}")


async def error_of(answer: Awaitable[Any]) -> str:
    """Slack's word of a refused call."""
    return str((await refusal(answer))["error"])


@asynccontextmanager
async def connected(
    sandbox: Sandbox, app: AsyncApp, *, count: int = 1
) -> AsyncIterator[AsyncSocketModeHandler]:
    """A Bolt app on Socket Mode, connected."""
    handler = AsyncSocketModeHandler(
        app, sandbox.app_token, web_client=AsyncWebClient(token=sandbox.app_token, base_url=sandbox.base_url)
    )
    await handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK has no types here
    await sandbox.until(lambda: sandbox.sockets.connection_count >= count)
    try:
        yield handler
    finally:
        await close(handler.client)


async def close(client: SocketModeClient) -> None:
    """Close an SDK socket client and wait for the tasks it leaves behind."""
    tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
    await client.close()  # type: ignore[no-untyped-call]  # the SDK has no types here
    for task in tasks:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await client.aiohttp_client_session.close()


@asynccontextmanager
async def listening(app: AsyncApp) -> AsyncIterator[str]:
    """A Bolt app in HTTP mode; gives its request URL."""
    async with serving(app.web_app("/slack/events")) as root:
        yield f"{root}/slack/events"


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Any aiohttp application on a free port; gives its root."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def settled(clock: ManualClock, *, timers: int) -> None:
    """Wait until this many timers are set, so that advancing the clock meets them."""
    for _ in range(2000):
        if clock.waiting >= timers:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"{clock.waiting} timers are set, {timers} were expected")


def toasts_of(sandbox: Sandbox) -> list[str]:
    """What Slack itself will say to people from now on."""
    toasts: list[str] = []
    sandbox.workspace.changes.listen(
        lambda change: toasts.append(change.body["text"]) if change.kind == "toast" else None
    )
    return toasts
