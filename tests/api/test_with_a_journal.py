"""The routes in front of the real journal: what was answered 202 is on disk, also for the next process."""

from __future__ import annotations

from pathlib import Path

from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

from bot.api.doors import Doors
from bot.api.routes import create_app
from bot.intake import incident
from bot.intake.inbox import Self, read_item
from bot.intake.signal import Signal
from bot.journal.codec import Codec
from bot.journal.sqlite import SqliteJournal
from bot.runs import events
from tests.api.test_routes import BODY, CURRENT, sign


def codec() -> Codec:
    return Codec([events.EVENTS, incident.EVENTS])


async def post(session: ClientSession, server: BaseTestServer) -> tuple[int, str]:
    headers = {"X-PagerDuty-Signature": sign(BODY)}
    async with session.post(server.make_url("/webhooks/pagerduty"), data=BODY, headers=headers) as response:
        return response.status, (await response.json()).get("status", "")


async def test_an_accepted_webhook_is_there_after_a_restart_and_known_when_it_comes_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    for expected in ("accepted", "duplicate"):
        journal = await SqliteJournal.open(path, serve=True, codec=codec())
        try:
            doors = Doors(inbox=journal, wake=lambda: None, webhook_secrets=(CURRENT,))
            async with TestServer(create_app(doors)) as server, ClientSession() as session:
                assert await post(session, server) == (202, expected)
            (item,) = await journal.unanswered()
            assert item.body.encode() == BODY
            assert isinstance(read_item(item, us=Self()), Signal)
        finally:
            await journal.close()


async def test_with_the_journal_closed_the_sender_is_asked_to_come_again(tmp_path: Path) -> None:
    journal = await SqliteJournal.open(tmp_path / "journal.db", serve=True, codec=codec())
    await journal.close()
    doors = Doors(inbox=journal, wake=lambda: None, webhook_secrets=(CURRENT,))
    async with TestServer(create_app(doors)) as server, ClientSession() as session:
        assert (await post(session, server))[0] == 503
