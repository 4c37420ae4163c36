"""The real engine wired for one simulation, over a journal of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.catalog.schema import Catalog, Expect
from bot.engine.admission import Admission
from bot.engine.attending import Attendant
from bot.engine.driver import Driver
from bot.engine.execution import Execution
from bot.engine.ledger import Ledger
from bot.engine.making import Maker
from bot.engine.measuring import Measuring
from bot.engine.operations import Operations
from bot.engine.people import People
from bot.engine.simulation.cast import Cast
from bot.engine.simulation.pretending import pretended
from bot.engine.simulation.world import KnownMetrics, World
from bot.engine.starting import Starting
from bot.engine.stored import codec
from bot.engine.suggesting import Suggester
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import Result
from bot.runs.plan import Artifact, Plan
from bot.runs.state import Run
from bot.telemetry import Redactor


@dataclass(kw_only=True)
class PretendedExecution(Execution):
    """Tells the world which step it is, and gives every step the time it is said to take.

    Where the output of a step is not known, its `expect` cannot be held against anything and is taken to hold.
    """

    world: World

    async def run(
        self, run: Run, plan: Plan, *, expect: Sequence[Expect], name: str, dry_run: bool
    ) -> tuple[Result, tuple[Artifact, ...]]:
        """As the real one, apart from that."""
        self.world.begin(run, name)
        held = expect if self.world.is_output_known else ()
        result, artifacts = await super().run(run, plan, expect=held, name=name, dry_run=dry_run)
        return replace(result, duration_s=self.world.took_s), artifacts


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a story is played with."""

    world: World
    people: People
    ledger: Ledger
    operations: Operations
    attendant: Attendant
    admission: Admission
    driver: Driver


@asynccontextmanager
async def staged(world: World) -> AsyncIterator[Stage]:
    """The engine over a journal in a temporary folder; both are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="runbook-simulation-") as folder:
        journal = await SqliteJournal.open(
            Path(folder) / "journal.db",
            serve=True,
            codec=codec(),
            holder="a simulation",
        )
        try:
            yield _wired(world, journal)
        finally:
            await journal.close()


def _wired(world: World, journal: SqliteJournal) -> Stage:
    clock, redactor, ledger = world.clock, Redactor(), Ledger(journal)
    cast = Cast(clock)
    people = People(slack=cast, on_call=cast, catalog=lambda: world.catalog, clock=clock)
    action = pretended(world)

    def catalog() -> Catalog:
        return world.catalog

    maker = Maker(catalog=catalog, action=action)
    execution = PretendedExecution(action=action, redactor=redactor, ledger=ledger, world=world)
    admission = Admission(journal=journal, catalog=catalog)
    suggester = Suggester(maker=maker, directory=people, catalog=catalog, clock=clock)
    starting = Starting(ledger=ledger, suggester=suggester, directory=people, catalog=catalog, clock=clock)
    return Stage(
        world=world,
        people=people,
        ledger=ledger,
        operations=Operations(
            ledger=ledger,
            maker=maker,
            starting=starting,
            execution=execution,
            directory=people,
            catalog=catalog,
            clock=clock,
        ),
        attendant=Attendant(
            ledger=ledger, suggester=suggester, admission=admission, catalog=catalog, clock=clock
        ),
        admission=admission,
        driver=Driver(
            ledger=ledger,
            maker=maker,
            admission=admission,
            execution=execution,
            measuring=Measuring(metrics=KnownMetrics(world), catalog=catalog, clock=clock, redactor=redactor),
            directory=people,
            catalog=catalog,
            action=action,
            clock=clock,
        ),
    )
