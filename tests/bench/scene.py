"""A local workspace in this process with one program of interest in a process of its own: the bot, or a bare Bolt app.

Both programs get the same: the same sandbox, the same signed webhook over a kept connection, the same Socket Mode, the
same disk. What the workspace itself costs is therefore in both figures, and the stopwatch is here, outside of either.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bot.sandbox import acme
from bot.sandbox.changes import Change
from bot.sandbox.server import Sandbox
from tests.sandbox.apps import serving
from tests.stories import pages

QUIET_S = 0.1
"""A program that has not called Slack for this long is done with what it was doing."""
LOOK_EVERY_S = 0.00005
LOOKING_SOON_S = 0.01
PATIENCE_S = 20.0
ROOT = Path(__file__).parents[2]
Json = dict[str, Any]

CATALOG = """\
environments: {{ staging: {{ approvers: [S0ONCALL] }} }}
urls: {{ "127.0.0.1:{port}": {{ environment: staging, allow_private: true, allow_plain_http: true }} }}
services:
  checkout: {{ aliases: [PF9KMXH, checkout-api], channel: "#incidents", environment: staging }}
default_channel: "#incidents"
"""
RUNBOOK = """\
name: relieve-checkout
description: Turn the heavy parts of the checkout off.
trigger: {{ service_id: checkout, symptoms: [latency] }}
steps:
  - name: relieve
    type: http
    method: POST
    url: http://127.0.0.1:{port}/relief
    body: {{ level: 2 }}
    rollback: {{ manual: Turn them on again when it is quiet. }}
safety: {{ scopes: [staging] }}
"""


LOOKING = """\
environments: { prod: { approvers: [S0ONCALL] } }
clusters: { standin: { namespaces: { payments: prod } } }
services:
  checkout:
    aliases: [PF9KMXH, checkout-api]
    channel: "#incidents"
    environment: prod
    workload: { namespace: payments, deployment: api }
    diagnose: auto
default_channel: "#incidents"
"""


@dataclass
class Scene:
    """One workspace and its program."""

    slack: Sandbox
    web: aiohttp.ClientSession
    port: int
    database: Path
    _pages: int = 0

    async def page(self) -> tuple[float, Json]:
        """Send a signed webhook; how long until the root of its thread stood in the workspace, and that message."""
        self._pages += 1
        body = pages.webhook("triggered", at=datetime.now(UTC), incident=f"Q{self._pages:013d}")
        first: asyncio.Future[tuple[float, Json]] = asyncio.get_running_loop().create_future()

        def told(change: Change) -> None:
            # A root: what is still said in the thread of the page before is none of this one's.
            if change.kind == "message" and "thread_ts" not in change.body and not first.done():
                first.set_result((time.perf_counter(), change.body))

        forget = self.slack.workspace.changes.listen(told)
        url = f"http://127.0.0.1:{self.port}/webhooks/pagerduty"
        headers = pages.signed(body)
        began = time.perf_counter()
        async with self.web.post(url, data=body, headers=headers) as answer:
            assert answer.status == 202, await answer.text()
        ended, message = await asyncio.wait_for(first, PATIENCE_S)
        forget()
        return ended - began, message

    async def click(self, message: Json, label: str, *, until: str) -> float:
        """Alice uses a button; how long until the row that `until` asks for stood durably in the program's file."""
        block_id, action_id = _button(message, label) or ("", "")
        with closing(_reading(self.database)) as connection:
            last = connection.execute(
                f"SELECT COALESCE(MAX(position), 0) FROM {until.split()[0]}"
            ).fetchone()[0]
            looking = asyncio.create_task(asyncio.to_thread(_seen, connection, until, last))
            await asyncio.sleep(LOOKING_SOON_S)
            began = time.perf_counter()
            await self.slack.user(acme.ALICE).click(acme.INCIDENTS, message["ts"], action_id, block_id)
            return await looking - began

    async def offered(self, root: Json, label: str) -> Json:
        """The message with such a button in the thread of this root, once it is there."""

        def found() -> Json | None:
            thread = self.slack.thread(acme.INCIDENTS, root["ts"])
            return next((one for one in thread if _button(one, label)), None)

        message = await self.slack.until(found, timeout_s=PATIENCE_S, what=f"a message with {label!r}")
        assert message is not None
        return message

    async def said(self, root: Json, words: str) -> float:
        """When a message that begins with these words stood in the thread of this root."""

        def found() -> bool:
            return any(
                str(one["text"]).startswith(words) for one in self.slack.thread(acme.INCIDENTS, root["ts"])
            )

        await self.slack.until(found, timeout_s=PATIENCE_S, what=f"a message that begins with {words!r}")
        return time.perf_counter()

    async def settle(self) -> None:
        """Wait until the program has nothing more to say for now."""
        calls = -1
        while calls != len(self.slack.calls):
            calls = len(self.slack.calls)
            await asyncio.sleep(QUIET_S)
        self.slack.calls.clear()


@asynccontextmanager
async def bot(folder: Path) -> AsyncIterator[Scene]:
    """The whole bot as it is served, with a catalog of one runbook whose only step is a request to this process."""
    async with serving(_relief()) as relief:
        port = urlsplit(relief).port
        _write(folder / "runbooks" / "catalog.yaml", CATALOG.format(port=port))
        _write(folder / "runbooks" / "relieve-checkout.yaml", RUNBOOK.format(port=port))
        async with _scene(folder, ["-m", "bot"]) as scene:
            yield scene


@asynccontextmanager
async def looking(folder: Path, kubeconfig: Path) -> AsyncIterator[Scene]:
    """The whole bot as it is served, with no runbook and a service that is looked into by itself."""
    _write(folder / "runbooks" / "catalog.yaml", LOOKING)
    async with _scene(folder, ["-m", "bot"], {"KUBECONFIG": str(kubeconfig)}) as scene:
        yield scene


@asynccontextmanager
async def bare(folder: Path, *, first: Json, offer: Json) -> AsyncIterator[Scene]:
    """The peer: a Bolt app that posts `first` for each webhook; `offer` stands in the channel to be clicked."""
    _write(folder / "messages.json", json.dumps({"first": _as_sent(first), "offer": _as_sent(offer)}))
    async with _scene(folder, ["-m", "tests.bench.bare_bolt", str(folder)]) as scene:
        yield scene


@asynccontextmanager
async def _scene(
    folder: Path, arguments: Sequence[str], more: Mapping[str, str] | None = None
) -> AsyncIterator[Scene]:
    async with Sandbox(retry_delays_s=()) as slack, aiohttp.ClientSession() as session:
        database = folder / "journal.db"
        said = folder / "said.log"
        program = _start(arguments, {**_environment(slack, folder, database), **(more or {})}, said)
        try:
            port = await asyncio.to_thread(_served, said, program)
            await slack.until(
                lambda: slack.sockets.connection_count, timeout_s=PATIENCE_S, what="Socket Mode"
            )
            yield Scene(slack=slack, web=session, port=port, database=database)
        finally:
            program.terminate()
            await asyncio.to_thread(program.wait)


def _start(arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> subprocess.Popen[bytes]:
    """A program of ours, with everything it says in a file."""
    with said.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _environment(slack: Sandbox, folder: Path, database: Path) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.base_url,
        "PAGERDUTY_WEBHOOK_SECRETS": pages.SECRET,
        "BOT_CATALOG": str(folder / "runbooks"),
        "BOT_DATABASE_URL": f"sqlite:///{database}",
        "BOT_HTTP_HOST": "127.0.0.1",
        "BOT_HTTP_PORT": "0",
    }


def _served(said: Path, program: subprocess.Popen[bytes]) -> int:
    """The port a program says it serves on, in a line of JSON."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and program.poll() is None:
        for line in said.read_text(encoding="utf-8").splitlines():
            if '"serving"' in line and line.endswith("}"):
                return int(json.loads(line)["port"])
        time.sleep(QUIET_S)
    raise RuntimeError(f"the program did not begin to serve:\n{said.read_text(encoding='utf-8')}")


def _reading(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True, check_same_thread=False)


def _seen(connection: sqlite3.Connection, until: str, last: int) -> float:
    """When the row was there. SQLite shows others a commit once it is synced, so what is seen is durable."""
    sql = f"SELECT EXISTS(SELECT 1 FROM {until} AND position > {last})"
    end = time.monotonic() + PATIENCE_S
    while not connection.execute(sql).fetchone()[0]:
        if time.monotonic() > end:
            raise TimeoutError(f"no row came: {until}")
        time.sleep(LOOK_EVERY_S)
    return time.perf_counter()


def _button(message: Json, label: str) -> tuple[str, str] | None:
    return next(
        (
            (block["block_id"], element["action_id"])
            for block in message.get("blocks", ())
            for element in block.get("elements", ())
            if block["type"] == "actions" and element.get("text", {}).get("text") == label
        ),
        None,
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _as_sent(message: Json) -> Json:
    return {name: message[name] for name in ("text", "blocks", "metadata") if name in message}


def _relief() -> web.Application:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_post("/relief", take)
    return app
