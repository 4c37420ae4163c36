"""The peer as a program: a Bolt app that only posts, and on a click only acknowledges and commits one row.

What it leaves out is what the bot is for: no signature is checked, nothing is remembered of a webhook, nobody is asked
who may click. It is written as fast as Bolt lets it be: one kept session, and no retries.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.acme import INCIDENTS


async def serve(folder: Path) -> None:
    """Post the offer, then serve until killed."""
    words = json.loads((folder / "messages.json").read_text(encoding="utf-8"))
    database = sqlite3.connect(folder / "journal.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE clicks (position INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    url = os.environ["SLACK_API_URL"]
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=os.environ["SLACK_BOT_TOKEN"], base_url=url, session=session, retry_handlers=[]
        )
        app = AsyncApp(client=client, request_verification_enabled=False)
        _listen(app, database)
        handler = AsyncSocketModeHandler(
            app,
            os.environ["SLACK_APP_TOKEN"],
            web_client=AsyncWebClient(token=os.environ["SLACK_APP_TOKEN"], base_url=url),
        )
        await handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK has no types here
        await client.chat_postMessage(channel=INCIDENTS, **words["offer"])

        async def post(request: web.Request) -> web.Response:
            await request.read()
            await client.chat_postMessage(channel=INCIDENTS, **words["first"])
            return web.Response(status=202)

        server = web.Application()
        server.router.add_post("/webhooks/pagerduty", post)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"event": "serving", "port": runner.addresses[0][1]}), flush=True)
        await asyncio.Event().wait()


def _listen(app: AsyncApp, database: sqlite3.Connection) -> None:
    @app.event("message")
    async def heard() -> None:
        """Messages are not what it is for."""

    @app.action(re.compile(""))
    async def clicked(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        database.execute("INSERT INTO clicks (body) VALUES (?)", (json.dumps(body["actions"]),))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
