"""A real Prometheus scrapes a running bot with a token, reads every question of the dashboard, and answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.patience import PATIENCE_S
from tests.peers.conftest import free_port, program
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALICE, Stage
from tests.telemetry.dashboard import questions

pytestmark = pytest.mark.peer


class Scraper:
    """A running Prometheus that watches one bot."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def ask(self, question: str) -> tuple[str, Any]:
        """What it says: `success` with the series, or `error` with why."""
        async with self._session.get(f"{self._url}/api/v1/query", params={"query": question}) as answer:
            told = await answer.json()
        return told["status"], told["data"]["result"] if told["status"] == "success" else told["error"]

    async def until(self, question: str, value: float) -> None:
        """Wait until the one series it answers with has this value."""
        seen: Any = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    _, seen = await self.ask(question)
                    if seen and float(seen[0]["value"][1]) == value:
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(f"{question} never became {value}: {json.dumps(seen)}")


@asynccontextmanager
async def watching(folder: Path, *, port: int, token: str) -> AsyncIterator[Scraper]:
    own = free_port()
    process = _started(folder, watches=port, listens=own, token=token)
    url = f"http://127.0.0.1:{own}"
    try:
        async with aiohttp.ClientSession() as session:
            await _ready(f"{url}/-/ready", session, process)
            yield Scraper(url, session)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _started(folder: Path, *, watches: int, listens: int, token: str) -> subprocess.Popen[bytes]:
    binary = program("prometheus")
    folder.mkdir()
    (folder / "token").write_text(token)
    (folder / "prometheus.yml").write_text(
        "global: { scrape_interval: 300ms, scrape_timeout: 300ms }\n"
        "scrape_configs:\n"
        "  - job_name: runbook-bot\n"
        f"    authorization: {{ credentials_file: {folder}/token }}\n"
        f"    static_configs: [{{ targets: ['127.0.0.1:{watches}'] }}]\n"
    )
    arguments = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{listens}",
        "--log.level=error",
    ]
    return subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _ready(url: str, session: aiohttp.ClientSession, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while process.poll() is None:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    pytest.fail(f"prometheus ended with {process.returncode}")


async def test_a_night_can_be_asked_for_afterwards(tmp_path: Path) -> None:
    program("prometheus")
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        stage.host.prints("redis-cli FLUSHDB", "OK\n")
        token = stage.token("viewer", subject="prometheus")
        async with watching(tmp_path / "prometheus", port=stage.app.port, token=token) as prometheus:
            await prometheus.until('up{job="runbook-bot"}', 1)
            await stage.event(
                anomaly_id="a-17",
                service_id="PF9KMXH",
                metric_name="p99_latency",
                value=2.4,
                anomaly_score=0.93,
            )
            await stage.rest()
            await prometheus.until('sum(runbook_approvals_pending{service="checkout"})', 1)
            await prometheus.until('sum(runbook_decisions_total{service="checkout"})', 0)
            await stage.click(ALICE, "Approve")
            await stage.rest()
            await prometheus.until(
                'runbook_steps_executed_total{service="checkout",action="flush/flush-cache",result="succeeded"}',
                1,
            )
            await prometheus.until('sum(runbook_approvals_pending{service="checkout"})', 0)
            status, grown = await prometheus.ask(
                'increase(runbook_decisions_total{verdict="approved"}[1m]) > 0'
            )
            assert (status, len(grown)) == ("success", 1), grown
            for title, question in questions():
                status, told = await prometheus.ask(question)
                assert status == "success", (title, question, told)


async def test_promtool_finds_nothing_to_say_about_the_metrics(tmp_path: Path) -> None:
    binary = program("promtool")
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        token = stage.token("viewer", subject="prometheus")
        _, told = await stage.call("GET", "/metrics", token=token)
    done = await asyncio.to_thread(
        subprocess.run, [binary, "check", "metrics"], input=told, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
