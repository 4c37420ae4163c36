"""One more step put before people until it stands on the App Home of somebody who looks, with 1,000 open runs.

Counted: the stream that moved read and folded, what waits for this person found among all open runs with today's rules
and a user group, the view drawn, compared, published and answered. Not counted: what is read once when the first person
opens their Home.

Beside it the same views published by the bare Slack SDK: the way to the workspace and back. The promise is about our
own time, what is left when that is taken away.
"""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from slack_sdk.web.async_client import AsyncWebClient

from bot.app import App
from bot.engine.board import Board
from bot.engine.clock import SystemClock
from bot.engine.ledger import Change
from bot.engine.proposing import proposed
from bot.engine.starting import Start
from bot.runs.events import Actor, ProposalId, StepKey
from bot.runs.policy import Caller
from bot.sandbox import acme
from bot.sandbox.server import Sandbox
from bot.settings import Settings
from bot.slack.directory import SlackDirectory
from bot.slack.home import Home
from tests.bench.harness import Row, figures

OPEN_RUNS = 1000
WARM_UPS = 10
SAMPLES = 60
BOB = Caller(
    actor=Actor(kind="slack", id=acme.BOB, person="bob@acme.example", name="Bob"), email="bob@acme.example"
)
CATALOG = """\
environments: { prod: { approvers: [S0ONCALL] } }
hosts: { web-1: { environment: prod, address: 127.0.0.1, user: runbook } }
services: { checkout: { channel: "#incidents", host: web-1, environment: prod } }
default_channel: "#incidents"
"""
RUNBOOK = """\
name: flush
description: Empty the cache.
trigger: { service_id: checkout, symptoms: [latency] }
steps:
  - { name: flush, command: redis-cli FLUSHDB, rollback: redis-cli RESTORE, approval_timeout_minutes: 600 }
safety: { scopes: [prod], min_approvals: 2 }
"""


async def measure(folder: Path) -> list[Row]:
    """Ours and the bare SDK in turns, the same view each time."""
    ours: list[float] = []
    beside: list[float] = []
    async with Sandbox(retry_delays_s=()) as slack:
        app = await App.build(_settings(folder, slack))
        try:
            board = Board(operations=app.operations)
            home = Home(
                board=board,
                gateway=app.gateway,
                directory=SlackDirectory(app.gateway, clock=SystemClock()),
                clock=SystemClock(),
                numbers=_no_numbers,
            )
            for _ in range(OPEN_RUNS):
                await _put_before_people(app)
            await board.open()
            bare = AsyncWebClient(token=slack.bot_token, base_url=slack.base_url)
            bare.proxy = None
            for count in range(WARM_UPS + SAMPLES):
                board.stir([await _put_before_people(app)])
                home.opened(acme.ALICE)
                began = time.perf_counter()
                await home.publish_due()
                took_s = time.perf_counter() - began
                view = await home.draw(acme.ALICE)
                began = time.perf_counter()
                await bare.views_publish(user_id=acme.ALICE, view=view)
                bare_s = time.perf_counter() - began
                assert f"{OPEN_RUNS + count + 1} things wait" in str(slack.workspace.views.home(acme.ALICE))
                if count >= WARM_UPS:
                    ours.append(took_s)
                    beside.append(bare_s)
        finally:
            await app.gateway.close()
            await app.ssh.aclose()
            await app.clusters.aclose()
            await app.journal.close()
    return [
        Row(
            what=f"a change → App Home, {OPEN_RUNS} open runs",
            ours=figures(ours),
            beside_what="the same view by the SDK",
            beside=figures(beside),
            promised_ms=20.0,
        )
    ]


async def _put_before_people(app: App) -> str:
    """One more run whose first step waits; gives its stream."""
    operations = app.operations
    run_id = await operations.start("flush", BOB, Start(channel=acme.INCIDENTS))
    run = await operations.run(run_id)
    made = await operations.maker.make(run, StepKey())
    event = await proposed(
        made,
        key=StepKey(),
        step=run.runbook.steps[0],
        proposal_id=ProposalId(uuid4().hex),
        reason="",
        unattended=False,
        directory=operations.directory,
        now=operations.clock.now(),
    )
    await operations.ledger.append(Change(run=run, run_events=(event,)))
    return f"run-{run_id}"


async def _no_numbers() -> tuple[str, ...]:
    return ()


def _settings(folder: Path, slack: Sandbox) -> Settings:
    books = folder / "runbooks"
    books.mkdir(parents=True)
    (books / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (books / "flush.yaml").write_text(RUNBOOK, encoding="utf-8")
    return Settings.load(
        {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.base_url,
            "BOT_CATALOG": str(books),
            "BOT_DATABASE_URL": f"sqlite:///{folder}/journal.db",
            "BOT_LOG_LEVEL": "error",
        }
    )
