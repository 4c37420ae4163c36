"""The whole bot between real programs: a page in, a click, and what it changed in a real Redis behind a real sshd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from bot.app import App
from bot.journal.base import HistoryQuery
from bot.sandbox import acme
from bot.sandbox.server import Sandbox
from bot.settings import Settings
from bot.slack import ids
from tests.fakes.patience import PATIENCE_S
from tests.peers.conftest import Redis, Sshd
from tests.stories import pages

pytestmark = pytest.mark.peer

CATALOG = """\
environments: {{ staging: {{ approvers: [S0ONCALL] }} }}
hosts:
  cache-1: {{ environment: staging, address: 127.0.0.1, port: {port}, user: {user} }}
services:
  checkout: {{ aliases: [PF9KMXH, checkout-api], channel: "#incidents", host: cache-1 }}
"""
RUNBOOK = """\
name: clear-cache
description: Empty the cache when checkout is slow.
trigger: {{ service_id: checkout, symptoms: [latency] }}
steps:
  - name: flush
    command: redis-cli -s {socket} FLUSHDB
    expect: ["^OK$"]
    irreversible: true
safety: {{ scopes: [staging] }}
"""


@dataclass
class Night:
    """A bot that serves, a workspace, and one page a night."""

    app: App
    slack: Sandbox

    async def page(self) -> None:
        body = pages.webhook("triggered", at=datetime.now(UTC))
        url = f"http://127.0.0.1:{self.app.port}/webhooks/pagerduty"
        async with (
            aiohttp.ClientSession() as web,
            web.post(url, data=body, headers=pages.signed(body)) as answer,
        ):
            assert answer.status == 202

    async def approve(self) -> None:
        ts, block_id = await self.offered()
        await self.slack.user(acme.ALICE).click(acme.INCIDENTS, ts, ids.APPROVE, block_id)

    async def offered(self) -> tuple[str, str]:
        """Where the Approve button is, once there is one."""

        def found() -> tuple[str, str] | None:
            return next(
                (
                    (message["ts"], block["block_id"])
                    for message in self.slack.messages(acme.INCIDENTS)
                    for block in message.get("blocks", ())
                    for element in block.get("elements", ())
                    if element.get("action_id") == ids.APPROVE
                ),
                None,
            )

        return await self.slack.until(found, what="something to approve") or ("", "")

    async def said(self, words: str) -> str:
        """The first message with these words in it."""

        def found() -> str | None:
            texts = [str(message["text"]) for message in self.slack.messages(acme.INCIDENTS)]
            return next((text for text in texts if words in text), None)

        return await self.slack.until(found, timeout_s=PATIENCE_S, what=f"{words!r} to be said") or ""

    async def status(self) -> str:
        (row,) = await self.app.journal.runs(HistoryQuery())
        return row.status


@pytest.fixture
async def night(tmp_path: Path, sshd: Sshd, redis: Redis) -> AsyncIterator[Night]:
    files: dict[str, str] = {
        "runbooks/catalog.yaml": CATALOG.format(port=sshd.port, user=sshd.user),
        "runbooks/clear-cache.yaml": RUNBOOK.format(socket=redis.socket),
        "ssh_config": f"Host *\n  IdentityFile {sshd.client_key}\n",
    }
    (tmp_path / "runbooks").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    async with Sandbox(retry_delays_s=()) as slack:
        environment: dict[str, str] = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.base_url,
            "PAGERDUTY_WEBHOOK_SECRETS": pages.SECRET,
            "BOT_CATALOG": str(tmp_path / "runbooks"),
            "BOT_DATABASE_URL": f"sqlite:///{tmp_path / 'journal.db'}",
            "BOT_HTTP_HOST": "127.0.0.1",
            "BOT_HTTP_PORT": "0",
            "BOT_SSH_CONFIG": str(tmp_path / "ssh_config"),
            "BOT_SSH_KNOWN_HOSTS": str(sshd.known_hosts),
            "BOT_LOG_LEVEL": "error",
        }
        app = await App.build(Settings.load(environment))
        try:
            await app.start()
            yield Night(app=app, slack=slack)
        finally:
            await app.stop()


async def test_a_page_is_answered_and_one_click_empties_the_cache(night: Night, redis: Redis) -> None:
    redis.call("SET", "session:1", "stale")
    await night.page()
    await night.approve()
    await night.said("succeeded")
    assert redis.call("DBSIZE") == "0"
    assert await night.status() == "succeeded"


async def test_nothing_reaches_the_host_before_the_click(night: Night, redis: Redis, sshd: Sshd) -> None:
    redis.call("SET", "session:1", "stale")
    await night.page()
    await night.offered()
    assert redis.call("DBSIZE") == "1"
    assert sshd.sessions() == []


async def test_a_cache_that_is_down_ends_the_run_as_failed_and_the_thread_shows_why(
    night: Night, redis: Redis
) -> None:
    redis.process.kill()
    redis.process.wait()
    await night.page()
    await night.approve()
    await night.said("failed: exit status 1")
    assert await night.status() == "failed"


async def test_a_host_that_shows_another_key_is_refused_and_nothing_is_run(
    night: Night, redis: Redis, sshd: Sshd
) -> None:
    redis.call("SET", "session:1", "stale")
    sshd.trust("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0hJmjBVN3dCWcSRMtaoJQLCNOKJUgKHJIbyvCYPYxP other")
    await night.page()
    await night.approve()
    await night.said("the host key of cache-1 is not the one in known_hosts; nothing was sent")
    assert redis.call("DBSIZE") == "1"
    assert await night.status() == "failed"
