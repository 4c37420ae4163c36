"""The reference run that is killed everywhere: people who go on from whatever they find, and what must hold after.

Three chapters, each decided by people who look at the journal and do the next thing, so that the story can be taken
up at any point: a page healed by three steps of which the last is applied and fails (all is walked back); a step whose
answer is lost and is settled by hand; two runs that want the same dial, one behind the other.

What the people do about an unknown outcome is what a careful person does: look at what is seen now, then say done
where it happened and try again where it did not. So whatever was killed wherever, every dial must have been turned
exactly as often as in the run that nobody killed.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.catalog.schema import Catalog, Rules
from bot.engine.driver import INTERRUPTED
from bot.engine.rows import rows_of
from bot.errors import Refused
from bot.intake import incident as incidents
from bot.intake.inbox import from_anomaly
from bot.journal.base import HistoryQuery, Journal
from bot.journal.codec import Codec
from bot.journal.reads import derive
from bot.journal.sqlite import SqliteJournal
from bot.runs import events as run_events
from bot.runs.events import (
    ProposalId,
    StepApproved,
    StepFinished,
    StepKey,
    StepStarted,
    UndoStarted,
    UnknownSettled,
)
from bot.runs.fold import fold
from bot.runs.policy import Caller
from bot.runs.state import Proposal, Run, StepState, stream_of
from tests.core.lawful import assert_lawful
from tests.engine.house import ALICE, BOB, House, catalog, dial_step, runbook
from tests.fakes.dials import World
from tests.fakes.patience import PATIENCE_S

KEY = "anomaly:a-17"
TWO = Rules(approvers=("U0ALICE", "bob@acme.example"), min_approvals=2)
TURNS = [
    *(("a", 1), ("b", 2), ("c", 3), ("c", 0), ("b", 0), ("a", 0)),
    ("lost", 7),
    *(("shared", 5), ("last", 6), ("shared", 8)),
]
"""What really happened in the run that nobody killed."""


def files() -> Catalog:
    return catalog(
        runbook(
            "heal",
            dial_step("a", value=1),
            dial_step("b", value=2, rules=TWO),
            dial_step("c", value=3, mode="applied_then_fail"),
            rollback_on_failure=True,
        ),
        runbook("doubt", dial_step("lost", value=7, mode="lost"), trigger={}),
        runbook("first", dial_step("shared", value=5), dial_step("last", value=6), trigger={}),
        runbook("second", dial_step("later", dial="shared", value=8), trigger={}),
    )


@dataclass
class Told:
    """What people were told had worked; none of it may be lost. Kept in a file where a process may die."""

    path: Path | None = None
    decisions: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, kind: str, about: str, person: str) -> None:
        self.decisions.append((kind, about, person))
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps([kind, about, person]) + "\n")

    def read(self) -> None:
        if self.path is not None and self.path.exists():
            self.decisions = [tuple(json.loads(line)) for line in self.path.read_text().splitlines()]


async def play(house: House, told: Told) -> None:
    """Everybody does the next thing until all three chapters are over."""
    await page(house, told)
    await until_over(house, told, "heal")
    await _start(house, told, "doubt")
    await until_over(house, told, "doubt")
    await _start(house, told, "first")
    await _until_asked(house, told, "first", step=1)
    await _start(house, told, "second")
    await _until_queued(house, told)
    await until_over(house, told, "first")
    await until_over(house, told, "second")


async def page(house: House, told: Told) -> None:
    """The anomaly arrives (again), and Alice approves what is suggested if nobody has."""
    body = json.dumps(
        {
            "anomaly_id": "a-17",
            "service_id": "payments",
            "metric_name": "cpu",
            "value": 0.9,
            "anomaly_score": 0.8,
            "title": "dial stuck",
        }
    ).encode()
    item = from_anomaly(body, received_at=house.clock.now(), actor=ALICE.actor)
    await house.journal.accept(item)
    told.tell("page", item.inbox_id, "")
    house.reception.wake()
    changes = house.journal.changes()
    while (row := await house.journal.incident_by_origin(KEY)) is None:
        await anext(changes)
    incident = await house.until_incident(row.incident_id, lambda one: bool(one.suggestions))
    if incident.open_suggestion is not None:
        ref = house.ref(incident)
        with suppress(Refused):
            await house.operations.approve(ref, ALICE)
            told.tell("approve", ref.proposal_id, ALICE.actor.person)


async def run_of(house: House, name: str) -> Run | None:
    rows = await house.journal.runs(HistoryQuery(runbook=name))
    return await house.ledger.run(rows[0].run_id) if rows else None


async def _start(house: House, told: Told, name: str) -> None:
    if await run_of(house, name) is None:
        told.tell("start", await house.start(name, ALICE), "")


async def until_over(house: House, told: Told, name: str) -> None:
    """People decide whatever the run of this runbook asks, until it is over."""
    run = await run_of(house, name)
    assert run is not None
    while not run.is_finished:
        run = await house.until_run(run.id, lambda one: one.is_finished or _wants_people(one))
        if not run.is_finished:
            await _decide(house, told, run)
            run = await house.ledger.run(run.id)


async def _until_asked(house: House, told: Told, name: str, *, step: int) -> None:
    run = await run_of(house, name)
    assert run is not None

    def is_there(one: Run) -> bool:
        return one.is_finished or (
            one.current is not None and one.current.key.index >= step and _wants_people(one)
        )

    while not is_there(run):
        run = await house.until_run(run.id, lambda one: is_there(one) or _wants_people(one))
        if not is_there(run):
            await _decide(house, told, run)
            run = await house.ledger.run(run.id)


async def _until_queued(house: House, told: Told) -> None:
    """The second is approved and waits; unless the first is over already (then it was killed later than this)."""
    run, first = await run_of(house, "second"), await run_of(house, "first")
    assert run is not None
    assert first is not None

    def is_there(one: Run) -> bool:
        return one.queued is not None or one.admitted is not None or one.is_finished

    while not is_there(run) and not first.is_finished:
        run = await house.until_run(run.id, lambda one: is_there(one) or _wants_people(one))
        if not is_there(run):
            await _decide(house, told, run)
            run = await house.ledger.run(run.id)


def _wants_people(run: Run) -> bool:
    return bool(_undo_in_question(run)) or _in_question(run) is not None or _undecided(run) is not None


def _undecided(run: Run) -> Proposal | None:
    proposal = run.open_proposal
    return proposal if proposal is not None and not proposal.has_quorum and not run.is_undoing else None


def _in_question(run: Run) -> Proposal | None:
    """A step whose outcome is unknown and was looked at."""
    proposal = run.current.proposal if run.current else None
    return proposal if proposal is not None and proposal.is_unknown and proposal.probed else None


def _undo_in_question(run: Run) -> StepState | None:
    return next((one for one in run.steps.values() if one.status == "undo_unknown"), None)


async def _decide(house: House, told: Told, run: Run) -> None:
    """One thing that one person does now; who is refused was not first, or clicked twice."""
    undo, unknown, proposal = _undo_in_question(run), _in_question(run), _undecided(run)
    with suppress(Refused):
        if undo is not None:
            await _settle_undo(house, told, run, undo)
        elif unknown is not None:
            await _settle(house, told, run, unknown)
        elif proposal is not None:
            who = _who(run, proposal)
            await house.operations.approve(house.ref_of(run), who)
            told.tell("approve", proposal.id, who.actor.person)


def _who(run: Run, proposal: Proposal) -> Caller:
    """Whoever has not agreed yet and did not start it."""
    agreed = {one.actor.person for one in proposal.approvals}
    barred = {run.requester.person} if run.requester else set()
    return next(one for one in (ALICE, BOB) if one.actor.person not in agreed | barred)


async def _settle(house: House, told: Told, run: Run, proposal: Proposal) -> None:
    assert proposal.started is not None
    assert proposal.probed is not None
    assert run.current is not None
    plan = proposal.started.plan
    has_happened = proposal.probed.state.get(plan.input["dial"]) == plan.input["value"]
    choice = "again"
    if has_happened:
        choice = "undo" if run.current.step.name == "c" else "done"
    await house.operations.settle(house.ref_of(run), BOB, choice=choice)  # type: ignore[arg-type]  # a Choice
    told.tell("settle", proposal.id, BOB.actor.person)


async def _settle_undo(house: House, told: Told, run: Run, state: StepState) -> None:
    assert state.undoing is not None
    assert state.undoing.started is not None
    given = state.undoing.started.plan.input
    has_happened = house.world.dials.get(given["dial"], 0) == given["value"]
    await house.operations.settle_undo(run.id, state.key, BOB, choice="done" if has_happened else "again")
    told.tell("settle-undo", str(state.key), BOB.actor.person)


# ---------------------------------------------------------------- what must hold


async def assert_rows_are_those_of_a_rebuild(journal: Journal) -> None:
    made = await derive(journal, rows_of)
    assert set(await journal.runs(HistoryQuery(limit=1000))) == set(made.runs)
    assert set(await journal.incidents(limit=1000)) == set(made.incidents)
    there = [await journal.steps(row.run_id) for row in made.runs]
    assert {row for rows in there for row in rows} == set(made.steps)


async def all_runs(house: House) -> list[Run]:
    rows = await house.journal.runs(HistoryQuery(limit=1000))
    return [await house.ledger.run(row.run_id) for row in rows]


async def in_flight(path: Path) -> tuple[list[tuple[str, ProposalId]], list[tuple[str, StepKey]]]:
    """Steps and undos that the file says were started and did not end."""
    codec = Codec([run_events.EVENTS, incidents.EVENTS])
    journal = await SqliteJournal.open(path, serve=False, codec=codec)
    steps: list[tuple[str, ProposalId]] = []
    undos: list[tuple[str, StepKey]] = []
    for row in await journal.runs(HistoryQuery(limit=1000)):
        run = fold([one.event for one in await journal.read(stream_of(row.run_id))])
        for state in run.steps.values():
            steps += [(run.id, one.id) for one in state.proposals if one.is_interrupted]
            if state.status == "undoing":
                undos.append((run.id, state.key))
    await journal.close()
    return steps, undos


async def assert_asked_about(
    house: House, steps: Sequence[tuple[str, ProposalId]], undos: Sequence[tuple[str, StepKey]]
) -> None:
    """Every step that was in flight is unknown and put to people; nothing of it was sent again."""
    for run_id, proposal_id in steps:

        def is_probed(one: Run, proposal_id: ProposalId = proposal_id) -> bool:
            found = one.proposal(proposal_id)
            return found is not None and found[1].probed is not None

        run = await house.until_run(run_id, is_probed)  # type: ignore[arg-type]  # a RunId
        found = run.proposal(proposal_id)
        assert found is not None
        assert found[1].result is not None
        assert found[1].result.summary == INTERRUPTED
        assert run.status == "waiting"
    for run_id, key in undos:
        run = await house.until_run(run_id, lambda one, key=key: one.steps[key].status == "undo_unknown")  # type: ignore[arg-type,misc]
        assert run.status == "waiting"


async def assert_told_true(house: House, told: Told, world: World) -> None:
    """The end: nothing twice, nothing lost, the chains whole, every row what a rebuild would make."""
    runs = await all_runs(house)
    await assert_rows_are_those_of_a_rebuild(house.journal)
    assert Counter(run.runbook.name for run in runs) == Counter(["heal", "doubt", "first", "second"])
    assert {run.runbook.name: run.status for run in runs} == {
        "heal": "rolled_back",
        "doubt": "succeeded",
        "first": "succeeded",
        "second": "succeeded",
    }
    assert world.turns == TURNS
    for run in runs:
        assert_lawful(run.events)
    _assert_kept(runs, told)
    assert len(await house.journal.incidents()) == 4
    assert not await house.journal.unanswered()
    await assert_nothing_held(house)
    assert (await house.journal.verify()).problems == ()
    _assert_turns_have_intents(runs, world)


async def assert_nothing_held(house: House) -> None:
    """Slots and locks come back right after the end of a run; nothing announces it, so it is looked for."""
    async with asyncio.timeout(PATIENCE_S):
        while await house.journal.holds():  # noqa: ASYNC110 - nothing announces a release
            await asyncio.sleep(0.005)


def _assert_kept(runs: Sequence[Run], told: Told) -> None:
    kept = Counter(
        (type(event), event.proposal_id, event.actor.person)
        for run in runs
        for event in run.events
        if isinstance(event, StepApproved | UnknownSettled)
    )
    for kind, about, person in told.decisions:
        match kind:
            case "approve":
                assert kept[StepApproved, ProposalId(about), person] == 1
            case "settle":
                assert kept[UnknownSettled, ProposalId(about), person] == 1
            case "start":
                assert about in {run.id for run in runs}


def _assert_turns_have_intents(runs: Sequence[Run], world: World) -> None:
    """Nothing was turned that the journal did not first say would be."""
    intents = Counter(
        (event.plan.input["dial"], event.plan.input["value"])
        for run in runs
        for event in run.events
        if isinstance(event, StepStarted | UndoStarted)
    )
    assert not Counter(world.turns) - intents
    assert all(
        event.result.verdict != "unknown"
        or run.runbook.name == "doubt"
        or event.result.summary == INTERRUPTED
        for run in runs
        for event in run.events
        if isinstance(event, StepFinished)
    )
