"""Everything of the demo put together, started in order and stopped in reverse.

    payments service → its host (SSH) → payment-api in its cluster → PagerDuty's API → catalog and settings
    → local Slack → bot → PagerDuty's webhook and anomaly detection → monitoring

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
from functools import partial

from bot.api.auth import EVERY_TEAM, OPERATOR, mint
from bot.app import App
from bot.sandbox.demo import acme
from bot.sandbox.demo.anomalies import AnomalyDetection
from bot.sandbox.demo.folder import PAYMENT_API_PORT, PAYMENTS_PORT, Folder
from bot.sandbox.demo.host import PaymentsHost
from bot.sandbox.demo.http import payment_api_http, payments_http
from bot.sandbox.demo.pagerduty import PAYMENT_API, USERS, PagerDuty
from bot.sandbox.demo.payment_api import BAD_RELEASE, PaymentApi
from bot.sandbox.demo.payments import Payments
from bot.sandbox.demo.watch import EVERY_S, State, Watch
from bot.sandbox.page_routes import Scenario
from bot.sandbox.pagerduty import Change, PagerDutyApi
from bot.sandbox.protocol import NotThere
from bot.sandbox.server import Sandbox
from bot.settings import Settings

TITLE = "payments failing: 5xx on /pay, workers hang"
API_TITLE = "payment-api: checkouts answer 503, pods of a new release are not ready"
TOKEN_LIFETIME = timedelta(hours=12)
"""Longer than anybody tries a demo."""
PAGE_PORT = 3000
NEXT_PORTS = 20


class World:
    """One demo in one folder. `await start()`, then things happen; `await stop()`."""

    def __init__(
        self,
        folder: Folder,
        *,
        payments: Payments | None = None,
        payment_api: PaymentApi | None = None,
        watch_every_s: float = EVERY_S,
    ) -> None:
        self.folder = folder
        self.payments = payments or Payments()
        self.http = payments_http(self.payments)
        self.payment_api = payment_api or PaymentApi()
        self.api_http = payment_api_http(self.payment_api)
        self.host = PaymentsHost(self.payments, folder=folder.ssh)
        self.slack = Sandbox(acme.workspace(), you=acme.ALICE)
        self._webhook_secret = secrets.token_urlsafe(32)
        self._jwt_secret = secrets.token_urlsafe(48)
        self._pager_token = secrets.token_urlsafe(24)
        self.pager_api = PagerDutyApi(USERS, token=self._pager_token)
        self.pagerduty = PagerDuty(self.slack, self.pager_api, secret=self._webhook_secret)
        self.api_pagerduty = PagerDuty(
            self.slack, self.pager_api, secret=self._webhook_secret, service=PAYMENT_API
        )
        self._anomalies = AnomalyDetection(secret=self._jwt_secret)
        self._watch_every_s = watch_every_s
        self._things = AsyncExitStack()
        self._app: App | None = None
        self._watches: dict[str, Watch] = {}

    @property
    def app(self) -> App:
        """The bot, once started."""
        assert self._app is not None
        return self._app

    @property
    def watch(self) -> Watch:
        """The monitoring of payments, once started."""
        return self._watches["payments"]

    @property
    def api_watch(self) -> Watch:
        """The monitoring of payment-api, once started."""
        return self._watches["payment-api"]

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
        self._things.push_async_callback(self.payment_api.stop)
        await self.payment_api.start(kubeconfig=self.folder.kubeconfig)
        self._things.push_async_callback(self.api_http.stop)
        await self.api_http.start()
        self._things.push_async_callback(self.pager_api.stop)
        await self.pager_api.start()
        self.pager_api.on_change = self._heard_by_pagerduty
        self.folder.copy_catalog({PAYMENTS_PORT: self.http.port, PAYMENT_API_PORT: self.api_http.port})
        self._things.push_async_callback(self.slack.stop)
        await self.slack.start(port=page_port)
        self._app = await App.build(self.settings())
        self._things.push_async_callback(self._app.stop)
        await self._app.start()
        self._listen_to_the_world(self.bot_url)
        self.folder.keep_token(self._token())
        for scenario in self._scenarios():
            self.slack.add_scenario(scenario)

    @property
    def bot_url(self) -> str:
        """Where the bot's own server is, once started."""
        return f"http://127.0.0.1:{self.app.port}"

    def _token(self) -> str:
        """For whoever tries the API out: it reads and starts, and decides nothing."""
        return mint(
            self._jwt_secret.encode(),
            issuer="runbook-bot",
            audience="runbook-bot",
            subject="demo",
            name="A program of yours",
            now=datetime.now(UTC),
            lifetime=TOKEN_LIFETIME,
            roles=(OPERATOR,),
            teams=(EVERY_TEAM,),
        )

    async def _heard_by_pagerduty(self, change: Change) -> None:
        for pagerduty in (self.pagerduty, self.api_pagerduty):
            await pagerduty.heard(change)

    def _listen_to_the_world(self, bot: str) -> None:
        self.pagerduty.webhook_url = self.api_pagerduty.webhook_url = f"{bot}/webhooks/pagerduty"
        self._anomalies.url = f"{bot}/api/v1/events"
        for name, http, pagerduty, title in (
            ("payments", self.http, self.pagerduty, TITLE),
            ("payment-api", self.api_http, self.api_pagerduty, API_TITLE),
        ):
            watch = self._watches[name] = Watch(
                http.url,
                name=name,
                path=http.path,
                show=partial(self._show, name),
                page=partial(pagerduty.trigger, title),
                resolve=pagerduty.resolve,
                every_s=self._watch_every_s,
            )
            self._things.push_async_callback(watch.stop)
            watch.start()

    def _show(self, name: str, text: str, state: State) -> None:
        self.slack.status(text, state=state, of=name)

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
                "KUBECONFIG": str(self.folder.kubeconfig),
                "BOT_JWT_SECRET": self._jwt_secret,
                "PAGERDUTY_WEBHOOK_SECRETS": self._webhook_secret,
                "PAGERDUTY_WRITE_TOKEN": self._pager_token,
                "PAGERDUTY_API_URL": self.pager_api.url,
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
        cpu = self.payments.cpu
        await self._anomalies.tell_cpu(
            "payments", cpu, title=f"payments: CPU at {cpu} %, four times the usual load"
        )

    async def overload_payment_api(self) -> None:
        """More checkouts than three pods bear with ease; anomaly detection tells the bot's API about it."""
        if self.payment_api.is_surging:
            raise NotThere("the load is unusual already: see the thread, or /runbook start scale-payment-api")
        self.payment_api.surge()
        cpu = self.payment_api.cpu
        await self._anomalies.tell_cpu(
            "payment-api", cpu, title=f"payment-api: CPU of its pods at {cpu} %, checkouts are slow"
        )
        self.api_watch.now()

    async def deploy_badly(self) -> None:
        """Roll out a release whose pods never get ready. The monitoring finds out by itself, and pages."""
        if self.payment_api.release == BAD_RELEASE:
            raise NotThere("the bad release is out already: the thread in #incidents says what to do next")
        self.payment_api.deploy_badly()
        self.api_watch.now()

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
            Scenario(
                id="overload-payment-api",
                label="Overload payment-api",
                hint="More checkouts than the pods of payment-api bear; anomaly detection tells the bot",
                run=self.overload_payment_api,
            ),
            Scenario(
                id="bad-deploy",
                label="Bad deploy",
                hint="Rolls out a release of payment-api that never gets ready; monitoring pages through PagerDuty",
                style="danger",
                run=self.deploy_badly,
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
