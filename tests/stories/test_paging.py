"""PagerDuty is told what is decided in the thread, in the name of people it knows and of people it does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.pagerduty import Change, Fault, PagerDutyApi, PagerUser
from tests.stories import pages
from tests.stories.catalogs import HEAL, INVENTORY
from tests.stories.stage import ALICE, BOB, Stage

TOKEN = "story-token-that-may-write"
INCIDENT = pages.INCIDENT
WRITING = INVENTORY.replace("  checkout:\n", "  checkout:\n    pagerduty_write: true\n")
USERS = (
    PagerUser(id="PALICE1", name="Alice Arendt", email="alice@acme.example"),
    PagerUser(id="PBOTBOT", name="Runbook bot", email="bot@acme.example"),
)


@dataclass
class Paging:
    """A stage with a PagerDuty beside it, where Alice has an account and Bob has none."""

    stage: Stage
    api: PagerDutyApi
    told: int = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, *, fallback: str = "") -> AsyncIterator[Paging]:
        async with PagerDutyApi(USERS, token=TOKEN) as api:
            settings = {
                "PAGERDUTY_WRITE_TOKEN": TOKEN,
                "PAGERDUTY_API_URL": api.url,
                "PAGERDUTY_FROM": fallback,
            }
            runbooks = {"heal-checkout": HEAL}
            async with Stage.open(folder, runbooks=runbooks, inventory=WRITING, settings=settings) as stage:
                one = cls(stage=stage, api=api)
                api.on_change = one.webhook
                yield one

    async def webhook(self, change: Change) -> None:
        """As the real one does for every change, whoever made it: also ours come back."""
        data = {"content": change.content} if change.kind == "annotated" else {}
        body = pages.webhook(change.kind, at=self.stage.clock.now(), agent=change.by.name, **data)
        await self.stage.deliver(body)

    async def page(self) -> None:
        """An incident is triggered."""
        body = pages.webhook("triggered", at=self.stage.clock.now())
        self.api.open(json.loads(body)["event"]["data"])
        await self.stage.deliver(body)

    async def tell(self, moment: str) -> None:
        """Write down what people see, and what PagerDuty was sent meanwhile."""
        await self.stage.tell(moment)
        await self.stage.rest()
        for line in self.api.written()[self.told :]:
            self.stage.reading.note(f"PagerDuty is sent: {line}")
        self.told = len(self.api.asked)


async def test_decisions_reach_pagerduty_once_and_its_own_word_of_them_changes_nothing(
    tmp_path: Path,
) -> None:
    async with Paging.open(tmp_path, fallback="bot@acme.example") as paging:
        stage = paging.stage
        flushing = stage.host.streams("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("curl -s localhost/health", "healthy\n")
        await paging.page()
        await paging.tell("a page arrives")
        paging.api.faults.append(Fault(status=500, after=True, only="POST"))
        await stage.click(ALICE, "Approve")
        await stage.shows("Acknowledged")
        flushing.go_on()
        flushing.go_on()
        await paging.tell("Alice approves; PagerDuty acknowledges, and loses an answer")
        await stage.click(BOB, "Reject")
        view = await stage.form(BOB)
        await stage.slack.user(BOB).submit(view["id"], {"reason": "support is on the phone with a customer"})
        await paging.tell("Bob, whom PagerDuty does not know, rejects the restart")
        stage.check("pagerduty_told")
        contents = [note["content"] for note in paging.api.notes[INCIDENT]]
        assert len(set(contents)) == len(contents) == 3
        assert paging.api.incidents[INCIDENT]["status"] == "acknowledged"


async def test_a_decider_whom_pagerduty_does_not_know_is_said_once_in_the_thread(tmp_path: Path) -> None:
    async with Paging.open(tmp_path) as paging:
        stage = paging.stage
        flushing = stage.host.streams("redis-cli FLUSHDB", "OK\n")
        stage.host.prints("curl -s localhost/health", "healthy\n")
        await paging.page()
        await stage.rest()
        await stage.click(BOB, "Approve")
        await stage.shows("was not told")
        flushing.go_on()
        flushing.go_on()
        await paging.tell("Bob approves; PagerDuty knows no Bob")
        stage.check("pagerduty_unknown_person")
        assert paging.api.notes[INCIDENT] == []
