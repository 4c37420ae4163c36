"""One broken thing stays one broken thing: a signal, a stream, a plan or a file that nobody can read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import Catalog, Trigger
from bot.errors import UnreadableEvent
from bot.intake import inbox
from bot.intake.inbox import ANOMALY_EVENT
from bot.intake.incident import stream_of as incident_stream
from bot.journal.base import InboxItem
from bot.runs.events import Actor, StepFinished, StepNotPlanned, StepProbed
from bot.runs.plan import Artifact, Outcome, Plan, Seen
from bot.runs.state import stream_of as run_stream
from tests.engine.house import BOB, House, catalog, dial_step, runbook
from tests.fakes.dials import DialAction, World
from tests.fakes.patience import PATIENCE_S

Opened = Callable[..., Awaitable[House]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    houses: list[House] = []

    async def open_house(files: Catalog, **more: Any) -> House:
        house = await House.open(tmp_path / "journal.db", files, **more)
        houses.append(house)
        return house

    yield open_house
    for house in houses:
        await house.close()


@dataclass
class Spoiled:
    """A journal some of whose streams were written by a newer version."""

    real: Any
    streams: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def read(self, stream: str, *, after_version: int = 0) -> Sequence[Any]:
        if stream in self.streams:
            raise UnreadableEvent(f"{stream} holds an event this version does not know")
        return await self.real.read(stream, after_version=after_version)  # type: ignore[no-any-return]


class CursedAction(DialAction):
    """A type with a bug: planning one dial breaks."""

    async def plan(self, given: Any, scope: Any) -> Plan:
        if given.dial == "cursed":
            raise KeyError("token=hunter2hunter2")
        return await super().plan(given, scope)


def anomaly(anomaly_id: str, house: House, *, inbox_id: str = "") -> InboxItem:
    event = {
        "anomaly_id": anomaly_id,
        "service_id": "payments",
        "metric_name": "cpu",
        "value": 99.0,
        "anomaly_score": 0.9,
        "title": f"dial stuck {anomaly_id}",
    }
    actor = Actor(kind="api", id="monitor", person="api:monitor")
    item = inbox.from_anomaly(json.dumps(event).encode(), received_at=house.clock.now(), actor=actor)
    assert item.kind == ANOMALY_EVENT
    return item if not inbox_id else InboxItem(**{**vars(item), "inbox_id": inbox_id})


async def accept(house: House, *items: InboxItem) -> None:
    for item in items:
        assert await house.journal.accept(item)
    house.reception.wake()


async def until_known(house: House, key: str) -> Any:
    changes = house.journal.changes()
    async with asyncio.timeout(PATIENCE_S):
        while (row := await house.journal.incident_by_origin(key)) is None:
            await anext(changes)
    return row


async def test_a_signal_for_an_incident_nobody_can_read_holds_up_no_other(opened: Opened) -> None:
    spoiled: list[Spoiled] = []

    def wrap(journal: Any) -> Any:
        spoiled.append(Spoiled(journal))
        return spoiled[0]

    house = await opened(catalog(runbook("turn", dial_step("a"))), wrap=wrap)
    await accept(house, anomaly("one", house))
    row = await until_known(house, "anomaly:one")
    await house.until_incident(row.incident_id, lambda one: bool(one.suggestions))
    spoiled[0].streams.add(incident_stream(row.incident_id))
    await accept(house, anomaly("one", house, inbox_id="again"), anomaly("two", house))
    assert await until_known(house, "anomaly:two")
    left = {item.inbox_id for item in await house.journal.unanswered()}
    assert left == {"again"}


async def test_a_run_nobody_can_read_keeps_the_bot_from_no_other(opened: Opened, tmp_path: Path) -> None:
    files = catalog(runbook("turn", dial_step("a")), runbook("other", dial_step("b")))
    house = await opened(files)
    lost = await house.asked(await house.start("turn"))
    kept = await house.asked(await house.start("other"))
    await house.close()
    house = await opened(files, wrap=lambda journal: Spoiled(journal, {run_stream(lost.id)}))
    await house.operations.approve(house.ref_of(kept), BOB)
    assert (await house.finished(kept.id)).status == "succeeded"


class TalkativeAction(DialAction):
    """A type that shows too much when it is looked at, and in a file."""

    async def probe(self, plan: Plan) -> Seen:
        return Seen(text="env: password=hunter2hunter2", state={"env": ["password=hunter2hunter2"]})

    async def execute(self, plan: Plan, progress: Any) -> Outcome:
        outcome = await super().execute(plan, progress)
        body = b'{"password": "hunter2hunter2"}'
        return replace(
            outcome, artifacts=(Artifact(name="x.json", media_type="application/json", body=body),)
        )


async def test_what_a_probe_or_a_file_shows_is_redacted_before_it_is_stored(opened: Opened) -> None:
    world = World()
    files = catalog(runbook("turn", dial_step("a"), dial_step("b", mode="lost")))
    house = await opened(files, world=world, action=TalkativeAction(world))
    run = await house.asked(await house.start("turn"))
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.asked(run.id, step=1)
    await house.operations.approve(house.ref_of(run), BOB)
    run = await house.until_run(
        run.id, lambda one: any(isinstance(event, StepProbed) for event in one.events)
    )
    assert "hunter2" not in repr(run)
    finished = next(event for event in run.events if isinstance(event, StepFinished))
    stored = await house.journal.artifact(finished.result.artifacts[0].digest)
    assert stored is not None
    assert b"hunter2" not in stored.body


async def test_a_plan_that_breaks_ends_the_run_with_a_reference(opened: Opened) -> None:
    world = World()
    house = await opened(
        catalog(runbook("turn", dial_step("cursed"))), world=world, action=CursedAction(world)
    )
    run = await house.finished(await house.start("turn"))
    assert run.status == "failed"
    not_planned = run.events[-2]
    assert isinstance(not_planned, StepNotPlanned)
    assert "reference" in not_planned.message
    assert "hunter2" not in repr(run)


async def test_a_runbook_that_breaks_leaves_the_next_one_to_be_suggested(opened: Opened) -> None:
    world = World()
    better = Trigger(services=("payments",), symptoms=("dial stuck", "dial"))
    files = catalog(runbook("cursed", dial_step("cursed"), trigger=better), runbook("turn", dial_step("a")))
    house = await opened(files, world=world, action=CursedAction(world))
    incident = await house.page()
    assert incident.open_suggestion is not None
    assert incident.open_suggestion.made.runbook["name"] == "turn"
    assert "cursed fits, but cannot be proposed" in incident.open_suggestion.made.reason
