"""Checks against a real Prometheus that scrapes a small service five times a second: healed, made worse, gone."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.catalog.schema import Metric, MetricCheck
from bot.clients.prometheus import PrometheusReader
from bot.engine.clock import SystemClock
from bot.errors import BotError
from bot.runs.events import StepKey
from tests.core.lawful import assert_lawful
from tests.engine.house import BOB, House, catalog, dial_step, runbook
from tests.fakes.dials import World
from tests.fakes.patience import PATIENCE_S
from tests.peers.conftest import free_port, program

pytestmark = pytest.mark.peer

WAIT_S = 4.0
CHECK = MetricCheck(metric_name="error_rate", check_after_s=WAIT_S, rollback_if_value_exceeds=20)
ERROR_RATE = Metric(
    name="error_rate",
    query="sum(deriv(failed_total{service={{ service }}}[2s]))",
    description="Answers with a 5xx status per second",
)
"""The slope over half of the wait. `rate` over so few scrapes reads low when some of them come late, since it guesses
what happened at the ends of its window; a slope takes every scrape at its own time."""


@dataclass
class Service(World):
    """Counts its errors; how many there are per second is what the dial `heal` (or `harm`) says."""

    rate: float = 0.0
    after: dict[tuple[str, int], float] = field(default_factory=dict)
    _count: float = 0.0
    _counted_at: float = field(default_factory=monotonic)

    def turn(self, dial: str, value: int) -> None:
        super().turn(dial, value)
        self.have(self.after.get((dial, value), self.rate))

    def have(self, rate: float) -> None:
        self._counts()
        self.rate = rate

    def _counts(self) -> float:
        now = monotonic()
        self._count += (now - self._counted_at) * self.rate
        self._counted_at = now
        return self._count

    async def metrics(self, _: web.Request) -> web.Response:
        lines = ["# TYPE failed_total counter", f'failed_total{{service="payments"}} {self._counts()}', ""]
        return web.Response(text="\n".join(lines))


@dataclass
class Prometheus:
    """A running Prometheus and the service it watches."""

    url: str
    process: subprocess.Popen[bytes]
    service: Service
    reader: PrometheusReader

    async def until(self, low: float, high: float) -> None:
        """Wait until the rate has been within these bounds for as long as a baseline looks back to be compared."""
        query = f"min_over_time(sum(deriv(failed_total[2s]))[{round(WAIT_S * 500) + 500}ms:200ms])"
        async with asyncio.timeout(PATIENCE_S):
            while True:
                series = (await self.reader.now(query)).series
                if series and low <= series[0].points[-1][1] <= high:
                    return
                await asyncio.sleep(0.1)


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A real Prometheus with an empty store of its own."""
    binary = program("prometheus")
    service = Service()
    app = web.Application()
    app.router.add_get("/metrics", service.metrics)
    async with TestServer(app) as running:
        port = free_port()
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
            "scrape_configs:\n"
            f"  - {{job_name: demo, static_configs: [{{targets: ['127.0.0.1:{running.port}']}}]}}\n"
        )
        process = _started(binary, tmp_path, port)
        url = f"http://127.0.0.1:{port}"
        try:
            await _ready(f"{url}/-/ready", process)
            async with PrometheusReader(url, deadline_s=3) as reader:
                yield Prometheus(url=url, process=process, service=service, reader=reader)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def _started(binary: str, root: Path, port: int) -> subprocess.Popen[bytes]:
    arguments = [
        f"--config.file={root}/prometheus.yml",
        f"--storage.tsdb.path={root}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    return subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _ready(url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
        while process.poll() is None:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    pytest.fail(f"prometheus ended with {process.returncode}")


async def open_house(path: Path, prometheus: Prometheus) -> House:
    book = runbook("heal", dial_step("a", value=1), metric_check=CHECK, rollback_on_failure=True)
    return await House.open(
        path / "journal.db",
        catalog(book, metrics={"error_rate": ERROR_RATE}),
        world=prometheus.service,
        clock=SystemClock(),  # type: ignore[arg-type]  # real time: Prometheus has no other
        metrics=prometheus.reader,
    )


async def test_broken_then_healed_is_better(tmp_path: Path, prometheus: Prometheus) -> None:
    service = prometheus.service
    service.after = {("a", 1): 2.0}
    await prometheus.until(0, 0)
    service.have(40)
    await prometheus.until(35, 45)
    house = await open_house(tmp_path, prometheus)
    try:
        run = await house.asked(await house.start("heal"))
        await house.operations.approve(house.ref_of(run), BOB)
        run = await house.finished(run.id)
        assert run.status == "succeeded", run.checks
        found = run.checks[None].judged
        assert found.verdict == "better"
        assert found.before == pytest.approx(40, rel=0.15)
        assert found.after == pytest.approx(2, rel=0.3)
        picture = await house.journal.artifact(found.artifacts[0].digest)
        assert picture is not None
        assert picture.body.startswith(b"\x89PNG")
        assert_lawful(run.events)
    finally:
        await house.close()


async def test_made_worse_is_rolled_back_by_itself(tmp_path: Path, prometheus: Prometheus) -> None:
    service = prometheus.service
    service.after = {("a", 1): 60.0, ("a", 0): 4.0}
    service.have(4)
    await prometheus.until(3, 5)
    house = await open_house(tmp_path, prometheus)
    try:
        run = await house.asked(await house.start("heal"))
        await house.operations.approve(house.ref_of(run), BOB)
        run = await house.finished(run.id)
        assert run.status == "rolled_back", run.checks
        found = run.checks[None].judged
        assert found.verdict == "worse"
        assert found.sentence.startswith("error_rate is above its limit of 20: ")
        assert service.turns == [("a", 1), ("a", 0)]
        assert service.rate == 4
        await prometheus.until(3, 5)
    finally:
        await house.close()


async def test_gone_in_between_is_put_to_people(tmp_path: Path, prometheus: Prometheus) -> None:
    prometheus.service.have(4)
    await prometheus.until(3, 5)
    house = await open_house(tmp_path, prometheus)
    try:
        run = await house.asked(await house.start("heal"))
        await house.operations.approve(house.ref_of(run), BOB)
        await house.until_run(run.id, lambda one: one.steps[StepKey()].status == "succeeded")
        prometheus.process.kill()
        run = await house.until_run(run.id, lambda one: None in one.checks)
        found = run.checks[None].judged
        assert found.verdict == "inconclusive"
        assert "Prometheus was not reached" in found.sentence
        assert run.status == "waiting"
        await house.operations.settle_check(run.id, None, BOB, choice="keep")
        assert (await house.finished(run.id)).status == "succeeded"
    finally:
        await house.close()


async def test_what_prometheus_really_answers(prometheus: Prometheus) -> None:
    prometheus.service.have(10)
    await prometheus.until(8, 12)
    reader, now = prometheus.reader, datetime.now(UTC)
    absent = await reader.now("nothing_is_called_so")
    assert (absent.series, absent.count) == ((), 0)
    [ratio] = (await reader.now("vector(0) / vector(0)")).series
    assert (ratio.points, ratio.dropped) == ((), 1)
    [answer] = (await reader.now("scalar(vector(42))")).series
    assert [value for _, value in answer.points] == [42.0]
    several = await reader.over("prometheus_http_requests_total or up", start=now, end=now, step_s=1)
    assert several.count >= 1
    span = await reader.over("up", start=now - timedelta(seconds=1), end=now, step_s=0.25)
    assert 1 <= len(span.series[0].points) <= 5
    for query, words in (("rate(", "parse error"), ("up + on() group_left up{", "parse error")):
        with pytest.raises(BotError, match=words) as caught:
            await reader.now(query)
        assert caught.value.stable_code == "prometheus-query"
