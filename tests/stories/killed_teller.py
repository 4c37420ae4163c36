"""The process that is killed while it tells Slack: engine and delivery over one file, a workspace elsewhere.

It plays a page that is healed by two approved steps, the first of which says so much that it ends as a file, and ends
itself with SIGKILL at the record it was given. Delivery's own time runs by itself here, so nothing waits for a second
between two edits or for Slack to share a file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.catalog.schema import Catalog
from bot.engine.execution import Tails
from bot.intake.incident import Incident
from bot.journal.base import Delivery
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import IncidentId
from bot.runs.state import Run
from bot.slack.delivery import Courier
from bot.slack.finding import file_title
from bot.slack.gateway import Gateway
from bot.slack.message import Message
from bot.slack.thread import messages
from tests.engine.house import House, catalog, dial_step, runbook
from tests.engine.killed_child import FileWorld, die
from tests.engine.killing import Cut, When
from tests.engine.nursery import raise_children
from tests.engine.reference import KEY, Told, page, run_of, until_over
from tests.fakes.clock import VirtualClock

LOOK_EVERY_S = 0.02


class HastyClock(VirtualClock):
    """Time passes for whoever waits for a moment, as far as to it: a second, however long Slack takes to answer.

    Slack has the wall's clock, and what was said is looked for around the time it was said at: this one must not run
    ahead of it for as long as the machine is busy.
    """

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:
        if until is None:
            await signal.wait()
            return
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await signal.wait()
        except TimeoutError:
            self.pass_time(max(until - self.now(), timedelta(0)))


def files() -> Catalog:
    return catalog(runbook("heal", dial_step("a", say="turned\n" * 400), dial_step("b")))


def compose(incident: Incident, runs: Sequence[Run]) -> Sequence[Message]:
    return messages(incident, runs, {}, ())


def is_told(write: str) -> bool:
    """What delivery writes: its own records, and that the thread is open."""
    return write.startswith("record_delivery") or write == "append ThreadOpened"


async def tell(folder: Path, *, base_url: str, token: str, at: int = 0, when: When = "before") -> None:
    """Play and tell from wherever it stands; `said` is then what the thread must show, `told` what was recorded."""
    cuts: list[Cut] = []

    def wrap(journal: SqliteJournal) -> Any:
        cuts.append(Cut(journal, at=at, when=when, kill=die, counts=is_told))
        return cuts[0]

    time = HastyClock(datetime.now(UTC))
    house = await House.open(
        folder / "journal.db", files(), world=FileWorld(path=folder / "world"), wrap=wrap
    )
    gateway = Gateway.open(token, base_url=base_url, clock=time)
    courier = Courier(
        journal=house.journal,
        ledger=house.ledger,
        tails=Tails(),
        gateway=gateway,
        clock=time,
        compose=compose,
    )
    telling = asyncio.create_task(courier.run())
    await page(house, Told())
    row = await house.journal.incident_by_origin(KEY)
    assert row is not None
    run = await run_of(house, "heal")
    assert run is not None
    await house.until_run(run.id, lambda one: one.is_finished or one.status == "waiting")
    await _until_all_is_said(
        house, row.incident_id
    )  # who decides has read it; so their buttons are taken away again
    await until_over(house, Told(), "heal")
    wanted = await _until_all_is_said(house, row.incident_id)
    (folder / "said").write_text(json.dumps([_shown(one, row.incident_id) for one in wanted]))
    (folder / "told").write_text("\n".join(cuts[0].writes))
    await courier.stop()
    await telling
    await gateway.close()
    await house.close()


def _shown(message: Message, incident_id: IncidentId) -> dict[str, str]:
    """Its key, its words, and for a file how the title ends that it is found by."""
    title = file_title("", incident_id=incident_id, key=message.key) if message.is_file else ""
    return {"key": message.key, "text": message.text, "title": title}


async def _until_all_is_said(house: House, incident_id: IncidentId) -> Sequence[Message]:
    """What the thread must show, once there is a record that it does."""
    while True:
        incident = await house.ledger.incident(incident_id)
        wanted = compose(incident, await house.ledger.runs_of(incident))
        records = {one.key: one for one in await house.journal.deliveries(incident_id)}
        if incident.permalink and all(_is_said(one, records.get(one.key)) for one in wanted):
            return wanted
        await asyncio.sleep(LOOK_EVERY_S)


def _is_said(message: Message, record: Delivery | None) -> bool:
    return record is not None and record.state == "sent" and not message.is_changed(record.content)


if __name__ == "__main__":
    raise_children(tell)
