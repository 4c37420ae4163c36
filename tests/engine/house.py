"""The engine in one piece over a real journal file, with a world of dials, a virtual clock and a small directory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.catalog.schema import (
    ApproverGroup,
    Catalog,
    Environment,
    Rules,
    Runbook,
    RunbookName,
    Service,
    Step,
    Trigger,
)
from bot.clients.kubernetes import Clusters
from bot.engine.admission import Admission
from bot.engine.attending import Attendant
from bot.engine.driver import Driver
from bot.engine.execution import Execution
from bot.engine.ledger import Ledger, Nobody, Watcher
from bot.engine.looking import Looker
from bot.engine.making import Maker
from bot.engine.measuring import Measuring
from bot.engine.operations import Operations
from bot.engine.ports import ClickRef, Metrics
from bot.engine.reception import Reception
from bot.engine.starting import Start, Starting
from bot.engine.stored import codec
from bot.engine.suggesting import Suggester
from bot.engine.trusting import Trusting
from bot.engine.worker import Worker
from bot.errors import ActionFailed
from bot.intake.enrichment import Reader
from bot.intake.inbox import Self
from bot.intake.incident import Facts, Incident, Origin, Place
from bot.intake.signal import Signal
from bot.journal.base import HistoryQuery
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import Actor, RunId
from bot.runs.policy import Caller, Membership
from bot.runs.state import Run
from bot.telemetry import Redactor
from tests.fakes.clock import VirtualClock
from tests.fakes.dials import DialAction, World
from tests.fakes.patience import PATIENCE_S


def caller(name: str, **more: Any) -> Caller:
    return Caller(
        actor=Actor(kind="slack", id=f"U0{name.upper()}", person=f"{name}@acme.example", name=name),
        email=f"{name}@acme.example",
        **more,
    )


ALICE, BOB, EVE = caller("alice"), caller("bob"), caller("eve")


def dial_step(name: str, dial: str = "", value: Any = 1, *, mode: str = "ok", **more: Any) -> Step:
    say = more.pop("say", "")
    environment = more.pop("environment", "staging")
    given = {"dial": dial or name, "value": value, "mode": mode, "environment": environment, "say": say}
    rules = more.pop("rules", Rules(approvers=("U0ALICE", "bob@acme.example")))
    return Step(name=name, type="dial", input=given, rules=rules, digest=f"digest-{name}", **more)


UNATTENDED = Rules(requires_approval=False, scopes=("staging",))  # type: ignore[arg-type]


def runbook(name: str, *steps: Step, **more: Any) -> Runbook:
    return Runbook(
        name=RunbookName(name),
        steps=steps,
        trigger=more.pop("trigger", Trigger(symptoms=("dial stuck",), services=("payments",))),
        digest=f"v-{name}",
        **more,
    )


def catalog(*runbooks: Runbook, **more: Any) -> Catalog:
    return Catalog(
        environments={
            "staging": Environment(name="staging", approvers=("U0ALICE",)),  # type: ignore[arg-type]
            "prod": Environment(name="prod", approvers=("U0ALICE",), confirm_every_step=True),  # type: ignore[arg-type]
        },
        services={
            "payments": Service(
                name="payments",  # type: ignore[arg-type]
                team="payments-team",
                aliases=("PF9KMXH",),
                channel="C0INC",
                environment="staging",  # type: ignore[arg-type]
                approvers=("U0ALICE", "bob@acme.example"),
            )
        },
        groups={"leads": ApproverGroup(name="leads", members=("S0LEADS",))},
        runbooks={one.name: one for one in runbooks},
        **more,
    )


def no_clusters() -> Clusters:
    raise ActionFailed("this house has no cluster")


@dataclass
class FixedDirectory:
    """Groups and emails as a test sets them."""

    groups: dict[str, Membership] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=lambda: {"bob@acme.example": "U0BOB"})

    async def membership(self, group: str) -> Membership:
        return self.groups.get(group, Membership(group=group, error="Slack does not answer"))

    async def user_id_of(self, email: str) -> str:
        return self.emails.get(email, "")


@dataclass
class House:
    """Everything, wired as the composition root does it, and what a test wants to ask of it."""

    path: Path
    catalog: Catalog
    world: World
    clock: VirtualClock
    directory: FixedDirectory
    journal: SqliteJournal
    operations: Operations
    worker: Worker
    ledger: Ledger
    reception: Reception

    @classmethod
    async def open(
        cls,
        path: Path,
        catalog: Catalog,
        *,
        world: World | None = None,
        clock: VirtualClock | None = None,
        directory: FixedDirectory | None = None,
        action: DialAction | None = None,
        metrics: Metrics | None = None,
        reader: Reader | None = None,
        retry_journal_s: float = 0.01,
        wrap: Callable[[SqliteJournal], Any] = lambda journal: journal,
        watcher: Watcher | None = None,
        clusters: Callable[[], Clusters] = no_clusters,
    ) -> House:
        world, clock, directory = world or World(), clock or VirtualClock(), directory or FixedDirectory()
        real = await SqliteJournal.open(path, serve=True, codec=codec())
        journal = wrap(real)
        ledger = Ledger(journal, watcher=watcher or Nobody())
        action = action or DialAction(world)
        now_catalog = [catalog]
        get = lambda: now_catalog[0]  # noqa: E731
        maker = Maker(catalog=get, action=lambda _: action)
        execution = Execution(action=lambda _: action, redactor=Redactor(), ledger=ledger)
        admission = Admission(journal=journal, catalog=get)
        suggester = Suggester(maker=maker, directory=directory, catalog=get, clock=clock)
        starting = Starting(ledger=ledger, suggester=suggester, directory=directory, catalog=get, clock=clock)
        operations = Operations(
            ledger=ledger,
            maker=maker,
            starting=starting,
            execution=execution,
            directory=directory,
            catalog=get,
            clock=clock,
        )
        driver = Driver(
            ledger=ledger,
            maker=maker,
            admission=admission,
            execution=execution,
            measuring=Measuring(metrics=metrics, catalog=get, clock=clock, redactor=Redactor()),
            directory=directory,
            catalog=get,
            action=lambda _: action,
            clock=clock,
            retry_journal_s=retry_journal_s,
        )
        attendant = Attendant(
            ledger=ledger, suggester=suggester, admission=admission, catalog=get, clock=clock
        )
        reception = Reception(
            ledger=ledger, catalog=get, clock=clock, us=Self(), reader=reader, redactor=Redactor()
        )
        worker = Worker(
            ledger=ledger,
            driver=driver,
            attendant=attendant,
            admission=admission,
            reception=reception,
            trusting=Trusting(ledger=ledger, maker=maker, catalog=get, clock=clock),
            looker=Looker(
                ledger=ledger,
                catalog=get,
                clusters=clusters,
                redactor=Redactor(),
                clock=clock,
            ),
            clock=clock,
        )
        house = cls(
            path=path,
            catalog=catalog,
            world=world,
            clock=clock,
            directory=directory,
            journal=journal,
            operations=operations,
            worker=worker,
            ledger=ledger,
            reception=reception,
        )
        house._now_catalog = now_catalog  # type: ignore[attr-defined]
        await worker.start()
        return house

    def put_in_force(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._now_catalog[0] = catalog  # type: ignore[attr-defined]

    async def close(self) -> None:
        await self.worker.stop()
        await self.journal.close()

    async def page(self, key: str = "pagerduty:Q1", title: str = "dial stuck", **facts: Any) -> Incident:
        """An incident arrives; returns it once something was suggested or refused."""
        await self.reception.take(self.signal(key, title, **facts))
        row = await self.journal.incident_by_origin(key)
        assert row is not None
        return await self.until_incident(
            row.incident_id, lambda one: bool(one.suggestions or one.nothing or one.run_ids)
        )

    def signal(self, key: str, title: str, kind: str = "triggered", **facts: Any) -> Signal:
        now = self.clock.now()
        return Signal(
            kind=kind,  # type: ignore[arg-type]
            account="source",
            origins=(Origin(key=key, source="pagerduty"),),
            facts=Facts(title=title, service_text="payments", as_of=now, **facts),
            occurred_at=now,
            service_names=("payments",),
            place=Place(channel="C0INC"),
        )

    async def start(self, name: str, by: Caller = ALICE, **more: Any) -> RunId:
        return await self.operations.start(name, by, Start(channel="C0INC", **more))

    def ref(self, incident: Incident) -> ClickRef:
        suggestion = incident.open_suggestion
        assert suggestion is not None
        return ClickRef(
            incident_id=incident.incident_id,
            proposal_id=suggestion.made.suggestion_id,
            digest=suggestion.made.digest,
        )

    def ref_of(self, run: Run) -> ClickRef:
        state = run.current
        assert state is not None
        assert state.proposal is not None
        return ClickRef(
            incident_id=run.incident_id,
            proposal_id=state.proposal.id,
            digest=state.proposal.made.digest,
            run_id=run.id,
        )

    async def the_run(self) -> Run:
        rows = await self.journal.runs(HistoryQuery())
        assert rows
        return await self.ledger.run(rows[0].run_id)

    async def until_run(self, run_id: RunId, holds: Callable[[Run], bool]) -> Run:
        return await self._until(lambda: self.ledger.run(run_id), holds)

    async def until_incident(self, incident_id: Any, holds: Callable[[Incident], bool]) -> Incident:
        return await self._until(lambda: self.ledger.incident(incident_id), holds)

    async def _until(self, read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
        """Follow the journal until it holds; fails with what there is when nothing more happens."""
        changes = self.journal.changes()
        value = await read()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds(value):
                    await anext(changes)
                    value = await read()
        except TimeoutError:
            raise AssertionError(f"it did not come to that: {value!r}") from None
        return value

    async def asked(self, run_id: RunId, step: int = 0) -> Run:
        """Wait until this step of the run is proposed and waits for people."""
        return await self.until_run(
            run_id,
            lambda run: (
                run.current is not None
                and run.current.key.index == step
                and run.open_proposal is not None
                and not run.open_proposal.has_quorum
            ),
        )

    async def finished(self, run_id: RunId) -> Run:
        return await self.until_run(run_id, lambda run: run.is_finished)
