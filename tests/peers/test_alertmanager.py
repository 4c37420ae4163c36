"""A real Alertmanager posts to the webhook: fired, joined, over, fired again; and one that does not know the secret."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.patience import PATIENCE_S
from tests.peers.conftest import free_port, program
from tests.stories.catalogs import FLUSH
from tests.stories.stage import ALERTMANAGER_SECRET, Stage

pytestmark = pytest.mark.peer

LOOK_EVERY_S = 0.05


class Alertmanager:
    """A running Alertmanager with one receiver."""

    def __init__(self, url: str, web: aiohttp.ClientSession) -> None:
        self._url = url
        self._web = web

    async def tell(self, *, started: datetime, ended: datetime | None = None, **labels: str) -> None:
        """What Prometheus would tell it."""
        alert: dict[str, Any] = {
            "labels": {"alertname": "CheckoutP99High", "severity": "critical", **labels},
            "annotations": {"summary": "p99 over 2 s", "description": "latency since the deploy"},
            "startsAt": started.isoformat(),
            "generatorURL": "http://prometheus.example/graph",
        }
        if ended is not None:
            alert["endsAt"] = ended.isoformat()
        async with self._web.post(f"{self._url}/api/v2/alerts", json=[alert]) as answer:
            assert answer.status == 200, await answer.text()

    async def failures(self) -> float:
        """How many of its notifications were refused, by its own count."""
        async with self._web.get(f"{self._url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        name = 'alertmanager_notifications_failed_total{integration="webhook"'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@asynccontextmanager
async def alertmanager(folder: Path, receiver: str, *, secret: str) -> AsyncIterator[Alertmanager]:
    """A real one, with the receiver's address and what it shows there."""
    binary = program("alertmanager", "/usr/bin/prometheus-alertmanager")
    (folder / "alertmanager.yml").write_text(
        "route: { receiver: bot, group_by: [alertname], group_wait: 100ms, group_interval: 200ms, "
        "repeat_interval: 600ms }\n"
        "receivers:\n"
        "  - name: bot\n"
        "    webhook_configs:\n"
        f"      - url: {receiver}\n"
        "        http_config: { authorization: { credentials: " + secret + " } }\n"
    )
    port = free_port()
    process = _started(binary, folder, port)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as web:
            await _ready(f"{url}/-/ready", process, web)
            yield Alertmanager(url, web)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _started(binary: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            binary,
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url=http://127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def _ready(url: str, process: subprocess.Popen[bytes], web: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while process.poll() is None:
            try:
                async with web.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(LOOK_EVERY_S)
    pytest.fail(f"alertmanager ended with {process.returncode}")


async def until(is_true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await is_true():
                return
            await asyncio.sleep(LOOK_EVERY_S)


async def test_alerts_of_one_group_and_service_are_one_incident_until_all_are_over(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        receiver = f"http://127.0.0.1:{stage.app.port}/webhooks/alertmanager"
        async with alertmanager(tmp_path, receiver, secret=ALERTMANAGER_SECRET) as source:
            began = datetime.now(UTC) - timedelta(minutes=1)

            async def statuses() -> list[str]:
                return [one.status for one in reversed(await stage.app.journal.incidents())]

            async def shows(*wanted: str) -> bool:
                return await statuses() == list(wanted)

            await source.tell(started=began, service="checkout-api", pod="a")
            await until(lambda: shows("triggered"))
            await source.tell(started=began, service="checkout-api", pod="b")
            await stage.shows("and 1 more")
            assert await shows("triggered")
            assert any("Next safe step: flush-cache" in text or "flush" in text for text in stage.texts())
            for pod in "ab":
                await source.tell(started=began, ended=datetime.now(UTC), service="checkout-api", pod=pod)
            await until(lambda: shows("resolved"))
            await source.tell(started=datetime.now(UTC), service="checkout-api", pod="a")
            await until(lambda: shows("resolved", "triggered"))
            rows = await stage.app.journal.incidents()
            assert {row.service for row in rows} == {"checkout"}
            assert await source.failures() == 0
            await stage.rest()


async def test_one_that_shows_another_secret_is_refused_and_opens_nothing(tmp_path: Path) -> None:
    async with Stage.open(tmp_path, runbooks={"flush": FLUSH}) as stage:
        receiver = f"http://127.0.0.1:{stage.app.port}/webhooks/alertmanager"
        async with alertmanager(tmp_path, receiver, secret="x" * 40) as source:
            await source.tell(started=datetime.now(UTC), service="checkout-api")

            async def is_refused() -> bool:
                return await source.failures() > 0

            await until(is_refused)
            assert await stage.app.journal.incidents() == ()
            assert await stage.app.journal.unanswered() == ()
