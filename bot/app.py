"""The composition root: every object is built here from `Settings`, started in order, and stopped in reverse.

    journal (holds the file) → catalog → clients → engine → Slack's door and the API on one server → worker → delivery

The server listens before the worker starts: a signal that arrives in between is persisted and waits. Stopping goes the
other way: nobody is let in any more, running steps are left to be found unknown, words under way arrive, and the
journal closes last.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from uuid import uuid4

import structlog
from aiohttp import web

from bot.actions.base import Action
from bot.actions.registry import build, input_models
from bot.actions.tools import Tools
from bot.api.auth import TokenCheck
from bot.api.doors import Doors
from bot.api.published import PublishedKeys
from bot.api.routes import SERVER_OPTIONS, create_app
from bot.catalog.in_force import CatalogInForce
from bot.catalog.schema import Catalog
from bot.clients.http import HttpClient
from bot.clients.kubernetes import Clusters
from bot.clients.pagerduty import PagerDutyReader, PagerDutyWriter
from bot.clients.prometheus import PrometheusReader
from bot.clients.ssh import SshPool
from bot.diagnosis.agent import Agent
from bot.diagnosis.agent.agent import NOT_INSTALLED, is_installed
from bot.diagnosis.agent.opinions import Opinions
from bot.engine.admission import Admission
from bot.engine.attending import Attendant
from bot.engine.clock import Clock, SystemClock
from bot.engine.consulting import Consulting
from bot.engine.counting import Counting
from bot.engine.driver import Driver
from bot.engine.execution import Execution
from bot.engine.ledger import Ledger
from bot.engine.looking import Looker, waits_to_be_asked
from bot.engine.making import Maker
from bot.engine.measuring import Measuring
from bot.engine.operations import Operations
from bot.engine.opining import Opining
from bot.engine.pager import Pager
from bot.engine.people import People
from bot.engine.reception import Reception
from bot.engine.rows import bring_up
from bot.engine.starting import Starting
from bot.engine.stored import codec
from bot.engine.suggesting import Suggester
from bot.engine.timetable import Timetable
from bot.engine.trusting import Trusting
from bot.engine.worker import Worker
from bot.intake.inbox import Self
from bot.intake.incident import Incident
from bot.intake.offering import offers
from bot.journal.base import NumbersQuery
from bot.journal.sqlite import SqliteJournal
from bot.runs.state import Run
from bot.runs.statistics import summary
from bot.settings import Settings
from bot.slack.delivery import Courier
from bot.slack.directory import SlackDirectory
from bot.slack.door import Access, SlackDoor, check_bot_token
from bot.slack.gateway import Gateway
from bot.slack.message import Message
from bot.slack.posting import StepPosts
from bot.slack.thread import messages
from bot.telemetry import Redactor, configure_logging
from bot.telemetry.metrics import Metrics

log = structlog.get_logger()

CATALOG_LOOK_EVERY_S = 3.0
HOME_NUMBERS = 5
"""Actions told of at Home; all of them by `/runbook stats`."""
HOME_NUMBERS_SINCE = timedelta(days=90)


@dataclass
class App:
    """The whole bot in one process. `build`, `start`, `stop`; or `serve` until a signal ends it."""

    settings: Settings
    catalog: CatalogInForce
    journal: SqliteJournal
    gateway: Gateway
    operations: Operations
    worker: Worker
    courier: Courier
    pager: Pager | None
    timetable: Timetable
    door: SlackDoor
    server: web.Application
    ssh: SshPool
    clusters: Clusters
    reader: PagerDutyReader | None
    writer: PagerDutyWriter | None
    metrics: PrometheusReader | None
    port: int = 0
    """Where the server listens, once started (settings may ask for any free port with 0)."""
    _runner: web.AppRunner | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def build(cls, settings: Settings, *, clock: Clock | None = None) -> App:
        """Everything wired, nothing started. Raises `SettingsError`, `CatalogError` or `JournalUnavailable`.

        `clock` is the machine's own unless another is handed in.
        """
        redactor = Redactor(settings.secret_values())
        configure_logging(redactor, level=settings.log_level, as_json=settings.log_format == "json")
        catalog = await asyncio.to_thread(CatalogInForce, settings.catalog_path, input_models())
        settings.journal_path.parent.mkdir(parents=True, exist_ok=True)
        journal = await SqliteJournal.open(
            settings.journal_path,
            serve=True,
            codec=codec(),
            holder="runbook-bot",
            audit_key=settings.audit_key_bytes,
        )
        try:
            if await bring_up(journal):
                log.info("rows-made-anew", journal=str(settings.journal_path))
        except BaseException:
            await journal.close()
            raise
        return await _wire(cls, settings, catalog, journal, redactor, clock or SystemClock())

    async def start(self) -> None:
        """Listen, take up what the journal says is open, then speak."""
        await check_bot_token(self.gateway)
        self._runner = web.AppRunner(self.server, access_log=None, shutdown_timeout=2.0, **SERVER_OPTIONS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.http_host, self.settings.http_port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        await self.worker.start()
        self._tasks = [
            asyncio.create_task(self.courier.run(), name="slack-delivery"),
            asyncio.create_task(self._watch_catalog(), name="catalog-watch"),
            asyncio.create_task(self.timetable.run(), name="timetable"),
        ]
        if self.pager is not None:
            self._tasks.append(asyncio.create_task(self.pager.run(), name="pagerduty"))
        await self.door.start()
        for reason in half_connected(self.settings, self.catalog.current):
            log.warning("pagerduty-half-connected", reason=reason)
        log.info("serving", host=self.settings.http_host, port=self.port, slack=self.settings.slack_mode)

    async def stop(self) -> None:
        """Let nobody in, let go of what runs, let words under way arrive, close the journal. Safe to call twice."""
        await self.door.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self.worker.stop()
        await self.courier.stop()
        if self.pager is not None:
            await self.pager.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ssh.aclose()
        await self.clusters.aclose()
        if self.reader is not None:
            await self.reader.close()
        if self.writer is not None:
            await self.writer.close()
        if self.metrics is not None:
            await self.metrics.close()
        await self.gateway.close()
        await self.journal.close()

    async def serve(self) -> None:
        """Run until SIGTERM or SIGINT."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, ended.set)
        try:
            await self.start()
            await ended.wait()
        finally:
            await self.stop()

    async def _watch_catalog(self) -> None:
        while True:
            await asyncio.sleep(CATALOG_LOOK_EVERY_S)
            try:
                await asyncio.to_thread(self.catalog.read)
            except (
                Exception
            ):  # whatever a file did: the old catalog stays, and the next change is looked at too
                log.exception("catalog-not-read", reference=uuid4().hex[:8])


async def _wire(
    make: type[App],
    settings: Settings,
    in_force: CatalogInForce,
    journal: SqliteJournal,
    redactor: Redactor,
    clock: Clock,
) -> App:
    numbers = Metrics()
    ledger = Ledger(journal, watcher=Counting(metrics=numbers, catalog=lambda: in_force.current))
    gateway = Gateway.open(
        settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        clock=clock,
        met=numbers.slack_call,
    )
    directory = SlackDirectory(gateway, clock=clock)
    ssh = SshPool(config=settings.ssh_config, known_hosts=settings.ssh_known_hosts)
    clusters = Clusters(
        kubeconfig=settings.kubeconfig,
        requests_per_s=settings.kubernetes_requests_per_s,
        burst=settings.kubernetes_burst,
    )
    reader = _reader(settings)
    writer = _writer(settings)
    metrics = _metrics(settings)
    us = Self()
    opining = _opining(settings, redactor, in_force, journal, metrics, clusters, clock)

    def catalog() -> Catalog:
        return in_force.current

    tools = Tools(
        catalog=catalog,
        ssh=lambda: ssh,
        http=cache(HttpClient),
        post=StepPosts(gateway, clock=clock),
        secret=settings.secret,
        kubernetes=lambda: clusters,
        redactor=lambda: redactor,
        opinion=opining.on if opining is not None else None,
    )

    @cache
    def action(name: str) -> Action:
        return build(name, tools)

    people = People(slack=directory, on_call=reader, catalog=catalog, clock=clock)
    maker = Maker(catalog=catalog, action=action)
    execution = Execution(action=action, redactor=redactor, ledger=ledger)
    admission = Admission(journal=journal, catalog=catalog)
    suggester = Suggester(maker=maker, directory=people, catalog=catalog, clock=clock)
    starting = Starting(ledger=ledger, suggester=suggester, directory=people, catalog=catalog, clock=clock)
    operations = Operations(
        ledger=ledger,
        maker=maker,
        starting=starting,
        execution=execution,
        directory=people,
        catalog=catalog,
        clock=clock,
    )
    reception = Reception(
        ledger=ledger,
        catalog=catalog,
        clock=clock,
        us=us,
        redactor=redactor,
        reader=reader,
        heard=numbers.signal,
    )
    worker = Worker(
        ledger=ledger,
        driver=Driver(
            ledger=ledger,
            maker=maker,
            admission=admission,
            execution=execution,
            measuring=Measuring(metrics=metrics, catalog=catalog, clock=clock, redactor=redactor),
            directory=people,
            catalog=catalog,
            action=action,
            clock=clock,
        ),
        attendant=Attendant(
            ledger=ledger, suggester=suggester, admission=admission, catalog=catalog, clock=clock
        ),
        admission=admission,
        reception=reception,
        trusting=Trusting(ledger=ledger, maker=maker, catalog=catalog, clock=clock),
        looker=Looker(
            ledger=ledger,
            catalog=catalog,
            clusters=lambda: clusters,
            redactor=redactor,
            clock=clock,
            numbers=metrics,
            opining=opining,
        ),
        clock=clock,
        erred=lambda where: numbers.count("runbook_worker_errors_total", where=where),
    )

    consulting = Consulting(clusters=clusters, redactor=redactor, clock=clock)

    def compose(incident: Incident, runs: Sequence[Run]) -> Sequence[Message]:
        files = catalog()
        service = files.services.get(incident.facts.service)
        return messages(
            incident,
            runs,
            execution.tails.by_run,
            [(one.name, one.description) for one in operations.runbooks()],
            links=service.links if service else {},
            asks=waits_to_be_asked(incident, files),
        )

    courier = Courier(
        journal=journal,
        ledger=ledger,
        tails=execution.tails,
        gateway=gateway,
        clock=clock,
        compose=compose,
        told=lambda result: numbers.count("runbook_slack_deliveries_total", result=result),
    )
    pager = None
    if reader is not None and writer is not None:
        pager = Pager(
            journal=journal,
            ledger=ledger,
            catalog=catalog,
            clock=clock,
            reader=reader,
            writer=writer,
            fallback=settings.pagerduty_from,
            told=lambda result: numbers.count("runbook_pagerduty_deliveries_total", result=result),
        )

    async def in_brief() -> Sequence[str]:
        since = clock.now() - HOME_NUMBERS_SINCE
        return summary(await operations.records.statistics(NumbersQuery(since=since)), most=HOME_NUMBERS)

    door = SlackDoor(
        Access(
            mode=settings.slack_mode,
            base_url=settings.slack_api_url,
            app_token=settings.slack_app_token.get_secret_value(),
            signing_secret=settings.slack_signing_secret.get_secret_value(),
        ),
        gateway=gateway,
        directory=directory,
        operations=operations,
        journal=journal,
        clock=clock,
        wake=reception.wake,
        numbers=in_brief,
    )
    return make(
        settings=settings,
        catalog=in_force,
        journal=journal,
        gateway=gateway,
        operations=operations,
        worker=worker,
        courier=courier,
        pager=pager,
        timetable=Timetable(journal=journal, catalog=catalog, clock=clock, wake=reception.wake),
        door=door,
        server=_server(
            settings, journal, door, reception, in_force, clock, operations, consulting, directory, numbers
        ),
        ssh=ssh,
        clusters=clusters,
        reader=reader,
        writer=writer,
        metrics=metrics,
    )


def _tokens(settings: Settings, clock: Clock) -> TokenCheck | None:
    secret, url = settings.jwt_secret.get_secret_value(), settings.jwt_jwks_url
    if not secret and not url:
        return None
    return TokenCheck(
        secret=secret.encode(),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        published=PublishedKeys(url=url, now=clock.now) if url else None,
    )


def half_connected(settings: Settings, catalog: Catalog) -> tuple[str, ...]:
    """What writing to PagerDuty still lacks, where one half of it was asked for: nothing is written then."""
    has_token = bool(settings.pagerduty_write_token.get_secret_value())
    asking = sorted(name for name, service in catalog.services.items() if service.pagerduty_write)
    if asking and not has_token:
        return (f"{', '.join(asking)}: pagerduty_write is true, and PAGERDUTY_WRITE_TOKEN is not set",)
    if has_token and not asking:
        return ("PAGERDUTY_WRITE_TOKEN is set, and no service of the catalog says `pagerduty_write: true`",)
    return ()


def _opining(
    settings: Settings,
    redactor: Redactor,
    in_force: CatalogInForce,
    journal: SqliteJournal,
    metrics: PrometheusReader | None,
    clusters: Clusters,
    clock: Clock,
) -> Opining | None:
    """None without a key: then no model is ever asked."""
    agent = Agent.of(settings, redactor)
    if agent is None:
        return None
    if not is_installed():
        log.warning("model-not-installed", reason=NOT_INSTALLED)
    opinions = Opinions(
        agent=agent,
        catalog=lambda: in_force.current,
        offers=offers,
        now=clock.now,
        metrics=metrics,
        runs=journal,
    )
    return Opining(opinions=opinions, clusters=lambda: clusters, catalog=lambda: in_force.current)


def _reader(settings: Settings) -> PagerDutyReader | None:
    """With the key that only reads, where there is one."""
    token = settings.pagerduty_api_token.get_secret_value()
    token = token or settings.pagerduty_write_token.get_secret_value()
    return PagerDutyReader(token, base_url=settings.pagerduty_api_url) if token else None


def _writer(settings: Settings) -> PagerDutyWriter | None:
    token = settings.pagerduty_write_token.get_secret_value()
    return PagerDutyWriter(token, base_url=settings.pagerduty_api_url) if token else None


def _metrics(settings: Settings) -> PrometheusReader | None:
    if not settings.prometheus_url:
        return None
    return PrometheusReader(settings.prometheus_url, token=settings.prometheus_token.get_secret_value())


def _server(
    settings: Settings,
    journal: SqliteJournal,
    door: SlackDoor,
    reception: Reception,
    in_force: CatalogInForce,
    clock: Clock,
    operations: Operations,
    consulting: Consulting,
    directory: SlackDirectory,
    numbers: Metrics,
) -> web.Application:
    """One HTTP server: webhooks, API and health, with Slack's routes beside them in HTTP mode."""

    async def readiness() -> Mapping[str, str]:
        missing = {}
        if not door.is_healthy:
            missing["slack"] = "no frame came from Slack for a minute"
        if in_force.problems:
            missing["catalog"] = (
                f"the files have {len(in_force.problems)} problems; an older catalog is in force"
            )
        return missing

    server = create_app(
        Doors(
            inbox=journal,
            wake=reception.wake,
            operations=operations,
            consulting=consulting,
            members=directory,
            webhook_secrets=[one.get_secret_value() for one in settings.pagerduty_webhook_secrets],
            alertmanager_secrets=[one.get_secret_value() for one in settings.alertmanager_secrets],
            tokens=_tokens(settings, clock),
            us=reception.us,
            readiness=readiness,
            metrics=numbers,
            metrics_are_open=settings.metrics_access == "open",
            now=clock.now,
        )
    )
    slack = door.web_app()
    if slack is not None:
        for route in slack.router.routes():
            server.router.add_route(route.method, route.resource.canonical, route.handler)  # type: ignore[union-attr]  # plain routes have one
    return server
