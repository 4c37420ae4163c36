"""One page played to its end: what would be suggested, who would be asked, what would run and be undone.

The story is told as scenes: the folds after every step forward and who did what, from which a thread can be drawn as
it would have grown. Everything is decided by the engine that serves; this only turns the pages, and acts for people:

    a proposal waits        stand-ins for those whom it names approve, as many as it needs, a minute apart
    an outcome is unknown   settled as the fixture says, else stopped
    a check asks            kept, unless the fixture says undo
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from uuid import uuid4

from bot.catalog.schema import Catalog, Service
from bot.engine.attending import Idle, next_for
from bot.engine.ledger import Change
from bot.engine.ports import ClickRef
from bot.engine.simulation.cast import approvers
from bot.engine.simulation.fixture import NOTHING_KNOWN, Fixture, KnownStep
from bot.engine.simulation.stage import Stage, staged
from bot.engine.simulation.world import HandClock, World
from bot.engine.suggesting import starters_for
from bot.errors import BadInput
from bot.intake.incident import Candidate, Facts, Incident, Origin
from bot.intake.matching import Excluded, matches
from bot.intake.signal import Signal
from bot.intake.triage import decide as triage
from bot.runs.events import IncidentId, StepKey, UndoFinished
from bot.runs.next import AskHuman, Done, Sleep, what_next
from bot.runs.policy import Caller
from bot.runs.state import Checked, Proposal, Run, asked_with

SOURCE = "simulation"
THINKING = timedelta(minutes=1)
"""How long people take to decide."""

MOST_TURNS = 1000
"""A run ends long before; whatever would not is a bug that must not hang a terminal."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How things stood at one moment. `by` and `deed` say who did what to get there; empty for the bot itself."""

    at: datetime
    incident: Incident
    runs: tuple[Run, ...]
    by: str = ""
    deed: str = ""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A page and everything that would come of it."""

    incident: Incident
    runs: tuple[Run, ...]
    """At most one."""
    scenes: tuple[Scene, ...]
    """Oldest first; the last one is how it ended."""
    candidates: tuple[Candidate, ...]
    """What fits, best first, with why."""
    excluded: tuple[Excluded, ...]
    """Every other runbook with why it does not fit."""
    unused: tuple[str, ...] = ()
    """What the fixture tells and nothing asked for."""

    @property
    def walked_back(self) -> tuple[str, ...]:
        """The steps whose undo ran, in the order in which it did."""
        return tuple(
            run.steps[one.step].step.name
            for run in self.runs
            for one in run.events
            if isinstance(one, UndoFinished)
        )

    @property
    def played(self) -> str:
        """The name of the runbook that was played; "" where none could be."""
        return self.runs[0].runbook.name if self.runs else ""


async def simulate(
    catalog: Catalog,
    service: str,
    symptom: str,
    *,
    environment: str = "",
    fail_at: str = "",
    fixture: Fixture = NOTHING_KNOWN,
    now: datetime | None = None,
) -> Simulation:
    """Play a page through; touches nothing. BadInput for a service, environment or step that does not exist.

    `service` is a name or alias of the catalog, `fail_at` the name of a step that is to fail, `now` when it happens.
    """
    if not symptom.strip():
        raise BadInput(
            "nothing is said to be wrong", hint="give the symptom in a few words, as an alert would"
        )
    known = _service(catalog, service)
    if environment and environment not in catalog.environments:
        raise BadInput(
            f"there is no environment {environment!r}", hint=_hint(environment, list(catalog.environments))
        )
    clock = HandClock(now or datetime.now(UTC))
    world = World(fixture=fixture, clock=clock, catalog=catalog, service=known.name, fail_at=fail_at)
    async with staged(world) as stage:
        return await _Story(stage, known, symptom, environment).play()


def _service(catalog: Catalog, name: str) -> Service:
    found = catalog.service_named(name)
    if found is None:
        names = [*catalog.services, *(alias for one in catalog.services.values() for alias in one.aliases)]
        raise BadInput(f"there is no service {name!r} in the catalog", hint=_hint(name, names))
    return found


def _hint(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"


class _Story:
    def __init__(self, stage: Stage, service: Service, symptom: str, environment: str) -> None:
        self._stage = stage
        self._clock = stage.world.clock
        self._service = service
        self._symptom = symptom.strip()
        self._environment = environment
        self._scenes: list[Scene] = []

    async def play(self) -> Simulation:
        """From the page to the end of the run."""
        incident = await self._opened()
        found = matches(self._stage.world.catalog, facts=incident.facts, source=SOURCE)
        await self._saw(incident.incident_id)
        for _ in range(MOST_TURNS):
            if not await self._turn(incident.incident_id):
                break
        else:
            raise AssertionError("the simulation did not come to an end")
        last = self._scenes[-1]
        return Simulation(
            incident=last.incident,
            runs=last.runs,
            scenes=tuple(self._scenes),
            candidates=found.candidates,
            excluded=found.excluded,
            unused=self._stage.world.unused,
        )

    async def _opened(self) -> Incident:
        known, now = self._stage.world.fixture.incident, self._clock.now()
        facts = Facts(
            title=known.title or self._symptom,
            symptom=self._symptom,
            service_text=self._service.name,
            environment=self._environment,
            urgency=known.urgency,
            priority=known.priority,
            metric_name=known.metric_name,
            value=known.value,
            anomaly_score=known.anomaly_score,
        )
        signal = Signal(
            kind="triggered",
            account="source",
            origins=(Origin(key=f"{SOURCE}:{uuid4().hex}", source=SOURCE),),
            facts=facts,
            occurred_at=now,
            service_names=(self._service.name,),
        )
        events = triage(
            signal,
            existing=None,
            catalog=self._stage.world.catalog,
            now=now,
            new_id=IncidentId(uuid4().hex),
        )
        incident, _ = await self._stage.ledger.append(Change(incident_events=events))
        assert incident is not None
        return incident

    async def _saw(self, incident_id: IncidentId, *, by: str = "", deed: str = "") -> None:
        incident = await self._stage.ledger.incident(incident_id)
        runs = await self._stage.ledger.runs_of(incident)
        self._scenes.append(Scene(at=self._clock.now(), incident=incident, runs=runs, by=by, deed=deed))

    # ------------------------------------------------------------ turning the pages

    async def _turn(self, incident_id: IncidentId) -> bool:
        """One step forward; False when nothing is left to come."""
        incident, runs = self._scenes[-1].incident, self._scenes[-1].runs
        if runs:
            return await self._go_on(runs[0])
        effect = next_for(incident, runs, self._clock.now())
        if not isinstance(effect, Idle):
            await self._stage.attendant.perform(incident, effect)
            await self._saw(incident_id)
            self._check_fail_at()
            return True
        suggestion = incident.open_suggestion
        if suggestion is None:
            return False
        made = suggestion.made
        ref = ClickRef(incident_id=incident_id, proposal_id=made.suggestion_id, digest=made.digest)
        asked = asked_with(made.asked, [one.to for one in suggestion.escalations])
        if await self._approve(ref, asked.approvers, given=0):
            return True
        if effect.until is None:
            return False
        self._clock.until(effect.until)
        await self._saw(incident_id)
        return True

    def _check_fail_at(self) -> None:
        """Say at once that there is no such step, before anybody reads a story in which nothing fails."""
        name, scene = self._stage.world.fail_at, self._scenes[-1]
        catalog = self._stage.world.catalog
        suggested = [str(one.made.runbook["name"]) for one in scene.incident.suggestions]
        played = [run.runbook.name for run in scene.runs] or suggested
        if not name or not played:
            return
        runbook = catalog.runbooks[played[0]]
        names = [step.name for step in (*runbook.steps, *runbook.on_reject)]
        if name not in names:
            raise BadInput(f"runbook {runbook.name} has no step {name!r}", hint=_hint(name, names))

    async def _go_on(self, run: Run) -> bool:
        effect = what_next(run, self._clock.now())
        match effect:
            case Done():
                return False
            case AskHuman():
                return await self._settle(run)
            case Sleep():
                if not await self._decide(run) and not await self._settle(run):
                    self._clock.until(effect.until)
                    await self._saw(run.incident_id)
            case _:
                await self._stage.driver.perform(run, effect)
                await self._saw(run.incident_id)
        return True

    # ------------------------------------------------------------ acting for people

    async def _decide(self, run: Run) -> bool:
        """Approve what is open; False where nothing is, or nobody is left who could (then its time runs out)."""
        proposal = run.open_proposal
        if proposal is None or proposal.has_quorum:
            return False
        asked = proposal.asked
        return await self._approve(_ref(run, proposal), asked.approvers, given=len(proposal.approvals))

    async def _approve(self, ref: ClickRef, entries: Sequence[str], *, given: int) -> bool:
        people = await approvers(entries, self._stage.people)
        if given >= len(people):
            return False
        who = people[given]
        self._clock.pass_time(THINKING)
        await self._stage.operations.approve(ref, who)
        await self._saw(ref.incident_id, by=who.actor.called, deed="Approve")
        return True

    async def _settle(self, run: Run) -> bool:
        """Answer the question that the run asks; False where it stays with people."""
        checked = next((one for one in run.checks.items() if run.is_asked_about(one[1])), None)
        if checked is not None:
            return await self._settle_check(run, *checked)
        state = run.current
        proposal = state.proposal if state is not None else None
        if state is None or proposal is None or not proposal.is_unknown:
            return False
        known = self._stage.world.fixture.steps.get(state.step.name, KnownStep())
        who = await self._anybody(run, state.key)
        if who is None:
            return False
        self._clock.pass_time(THINKING)
        await self._stage.operations.settle(_ref(run, proposal), who, choice=known.settle)
        await self._saw(run.incident_id, by=who.actor.called, deed=_SETTLED[known.settle])
        return True

    async def _settle_check(self, run: Run, step: StepKey | None, checked: Checked) -> bool:
        metric = self._stage.world.fixture.metrics.get(checked.judged.series.metric)
        choice = metric.settle if metric is not None else "keep"
        who = await self._anybody(run, step or run.with_effect[0].key)
        if who is None:
            return False
        self._clock.pass_time(THINKING)
        await self._stage.operations.settle_check(run.id, step, who, choice=choice)
        await self._saw(run.incident_id, by=who.actor.called, deed=_KEPT[choice])
        return True

    async def _anybody(self, run: Run, key: StepKey) -> Caller | None:
        """Somebody who may decide this step, as those who serve would find them; None where there is nobody."""
        entries = self._stage.operations.maker.policy(run, key).approvers or starters_for(
            self._stage.world.catalog, run.runbook, run.opened.service, run.environment
        )
        return next(iter(await approvers(entries, self._stage.people)), None)


def _ref(run: Run, proposal: Proposal) -> ClickRef:
    return ClickRef(
        incident_id=run.incident_id,
        proposal_id=proposal.id,
        digest=proposal.made.digest,
        run_id=run.id,
    )


_SETTLED = {"done": "It is done", "again": "Try again", "undo": "Undo", "stop": "Stop here"}
_KEPT = {"keep": "Keep it", "undo": "Undo"}
