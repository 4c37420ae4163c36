"""Everything of the demo put together, started in order and stopped in reverse.

    payments service → its host (SSH) → catalog and settings → local Slack → bot → PagerDuty's webhook → monitoring

The bot is the real `App`, given settings that name the sandbox; it is told nothing else. Everything listens on
127.0.0.1, on free ports but for the page.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp

from bot.api.auth import mint
from bot.app import App
from bot.sandbox.demo import acme
from bot.sandbox.demo.folder import Folder
from bot.sandbox.demo.host import PaymentsHost
from bot.sandbox.demo.pagerduty import PagerDuty
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.payments_http import PaymentsHttp
from bot.sandbox.demo.watch import EVERY_S, Watch
from bot.sandbox.page_routes import Scenario
from bot.sandbox.protocol import NotThere
from bot.sandbox.server import Sandbox
from bot.settings import Settings

TITLE = "payments failing: 5xx on /pay, workers hang"
PAGE_PORT = 3000
NEXT_PORTS = 20


class World:
    """One demo in one folder. `await start()`, then things happen; `await stop()`."""

    def __init__(
        self, folder: Folder, *, payments: Payments | None = None, watch_every_s: float = EVERY_S
    ) -> None:
        self.folder = folder
        self.payments = payments or Payments()
        self.http = PaymentsHttp(self.payments)
        self.host = PaymentsHost(self.payments, folder=folder.ssh)
        self.slack = Sandbox(acme.workspace(), you=acme.ALICE)
        self._webhook_secret = secrets.token_urlsafe(32)
        self._jwt_secret = secrets.token_urlsafe(48)
        self.pagerduty = PagerDuty(self.slack, secret=self._webhook_secret)
        self._watch_every_s = watch_every_s
        self._things = AsyncExitStack()
        self._app: App | None = None
        self._watch: Watch | None = None

    @property
    def app(self) -> App:
        """The bot, once started."""
        assert self._app is not None
        return self._app

    @property
    def watch(self) -> Watch:
        """The monitoring, once started."""
        assert self._watch is not None
        return self._watch

    async def start(self, *, page_port: int = 0) -> None:
        """Start everything; what was started is stopped again when the rest cannot be."""
        try:
            await self._start(page_port)
        except BaseException:
            await self.stop()
            raise

    async def _start(self, page_port: int) -> None:
        self._things.push_async_callback(self.http.stop)
        await self.http.start()
        self._things.push_async_callback(self.host.stop)
        await self.host.start()
        self.folder.copy_catalog(port=self.http.port)
        self._things.push_async_callback(self.slack.stop)
        await self.slack.start(port=page_port)
        self._app = await App.build(self.settings())
        self._things.push_async_callback(self._app.stop)
        await self._app.start()
        self.pagerduty.webhook_url = f"http://127.0.0.1:{self._app.port}/webhooks/pagerduty"
        self._watch = Watch(
            self.http.url,
            show=lambda text, state: self.slack.status(text, state=state),
            page=lambda: self.pagerduty.trigger(TITLE),
            resolve=self.pagerduty.resolve,
            every_s=self._watch_every_s,
        )
        self._things.push_async_callback(self._watch.stop)
        self._watch.start()
        for scenario in self._scenarios():
            self.slack.add_scenario(scenario)

    async def stop(self) -> None:
        """Stop everything that was started, last first. Safe to call twice."""
        await self._things.aclose()

    def settings(self) -> Settings:
        """What the bot is told; no variable of the real environment plays a part."""
        return Settings.load(
            {
                "SLACK_BOT_TOKEN": self.slack.bot_token,
                "SLACK_APP_TOKEN": self.slack.app_token,
                "SLACK_API_URL": self.slack.base_url,
                "BOT_HTTP_HOST": "127.0.0.1",
                "BOT_HTTP_PORT": "0",
                "BOT_CATALOG": str(self.folder.runbooks),
                "BOT_DATABASE_URL": f"sqlite:///{self.folder.journal}",
                "BOT_SSH_CONFIG": str(self.host.config),
                "BOT_SSH_KNOWN_HOSTS": str(self.host.known_hosts),
                "BOT_JWT_SECRET": self._jwt_secret,
                "PAGERDUTY_WEBHOOK_SECRETS": self._webhook_secret,
                "BOT_LOG_LEVEL": "warning",
                "BOT_LOG_FORMAT": "console",
            }
        )

    # what can happen

    async def break_payments(self) -> None:
        """Poison the rates and let customers meet them. The monitoring finds out by itself, and pages."""
        if not self.payments.health().is_good:
            raise NotThere("payments is broken already: the thread in #incidents says what to do next")
        self.payments.poison()
        await asyncio.gather(*(self.watch.look() for _ in range(self.payments.worker_count)))
        self.watch.now()

    async def cpu_anomaly(self) -> None:
        """Four times the load, and anomaly detection that tells the bot's API about it."""
        if self.payments.is_surging:
            raise NotThere("the load is unusual already: add workers, and it is gone")
        self.payments.surge()
        token = mint(
            self._jwt_secret.encode(),
            issuer="runbook-bot",
            audience="runbook-bot",
            subject="anomaly-detection",
            name="Anomaly detection",
            now=datetime.now(UTC),
            lifetime=timedelta(minutes=5),
        )
        event = {
            "anomaly_id": f"demo-{uuid4().hex[:12]}",
            "service_id": "payments",
            "metric_name": "cpu_usage",
            "value": float(self.payments.cpu),
            "anomaly_score": 0.93,
            "title": f"payments: CPU at {self.payments.cpu} %, four times the usual load",
        }
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.post(
                f"http://127.0.0.1:{self.app.port}/api/v1/events",
                json=event,
                headers={"Authorization": f"Bearer {token}"},
            ) as answer,
        ):
            answer.raise_for_status()

    def _scenarios(self) -> tuple[Scenario, ...]:
        return (
            Scenario(
                id="break-payments",
                label="Break payments",
                hint="Poisons the cache of the payments service; monitoring pages through PagerDuty",
                style="danger",
                run=self.break_payments,
            ),
            Scenario(
                id="cpu-anomaly",
                label="CPU spike",
                hint="Four times the load on the payments service; anomaly detection tells the bot",
                run=self.cpu_anomaly,
            ),
        )


def free_page_port(wanted: int) -> int:
    """`wanted`, or the next one that is free; 0 where none nearby is."""
    for port in range(wanted, min(wanted + NEXT_PORTS, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as taken:
                if taken.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return port
    return 0
