"""The world of a simulation: a clock moved by hand, what comes of steps and undos, what things and metrics show."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.actions.base import Outcome, Plan
from bot.catalog.schema import Catalog
from bot.clients.series import Answer, Series
from bot.engine.measuring import as_asked
from bot.engine.simulation.fixture import TOOK_S, Fixture, KnownMetric, KnownStep, KnownTarget
from bot.errors import ActionFailed
from bot.runs.state import Run

NOT_KNOWN = "not known in a simulation"
ASSUMED = "assumed to succeed"

_OUTPUT_OF = re.compile(r"\{\{\s*steps\.([\w-]+)\.output\s*\}\}")


class HandClock:
    """Stands still until the simulation moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The moment."""
        return self._now

    def pass_time(self, by: timedelta) -> None:
        """Go on."""
        self._now += by

    def until(self, moment: datetime) -> None:
        """Go on to a moment, never back."""
        self._now = max(self._now, moment)

    async def wait(self, signal: asyncio.Event, until: datetime | None) -> None:  # noqa: ARG002 - see below
        """Nothing in a simulation waits: what is to come is gone to by hand."""
        raise AssertionError("nothing may wait in a simulation")


@dataclass
class World:
    """What is pretended, and what has been acted on so far."""

    fixture: Fixture
    clock: HandClock
    catalog: Catalog
    service: str = ""
    fail_at: str = ""
    step: str = ""
    """The step that runs now."""
    is_undo: bool = False
    acted_at: datetime | None = None
    """When something was changed first; metrics move from then on."""
    acted: set[str] = field(default_factory=set)
    """Names of things that are in their state after."""
    used: set[str] = field(default_factory=set)
    """What of the fixture was looked at, as `targets: NAME`."""
    _tried: set[str] = field(default_factory=set)
    _quoted: frozenset[str] = frozenset()

    def begin(self, run: Run, name: str) -> None:
        """A step (or, walking back, the undo of one) runs now."""
        self.step, self.is_undo = (name.removeprefix("undo-"), True) if run.is_undoing else (name, False)
        self._quoted = frozenset(_OUTPUT_OF.findall(run.runbook.model_dump_json()))

    @property
    def told(self) -> KnownStep | None:
        """What the fixture says of the step that runs now."""
        known = self.fixture.steps.get(self.step)
        if known is not None:
            self.used.add(f"steps: {self.step}")
        return known

    @property
    def is_output_known(self) -> bool:
        """Whether `expect` can be held against something."""
        return not self.is_undo and self.told is not None and self.told.output is not None

    @property
    def took_s(self) -> float:
        """How long what runs now takes."""
        return self.told.seconds if self.told is not None else TOOK_S

    def acts(self, plan: Plan, things: tuple[str, ...]) -> Outcome:
        """Pretend: what the fixture says comes of it, else that it succeeds."""
        self.clock.pass_time(timedelta(seconds=self.took_s))
        outcome = self._undone() if self.is_undo else self._done(plan)
        if plan.changes and outcome.effect != "none":
            self.acted_at = self.acted_at or self.clock.now()
            if self.is_undo:
                self.acted.difference_update(things)
            else:
                self.acted.update(things)
        return outcome

    def rehearses(self, plan: Plan) -> Outcome:
        """Pretend to ask: what is to fail would fail dry as well."""
        self.clock.pass_time(timedelta(seconds=self.took_s))
        if self.step == self.fail_at:
            return Outcome(verdict="failed", effect="none", summary="assumed to fail here")
        return Outcome(verdict="succeeded", effect="none", summary=f"would {plan.text}; nothing ran")

    def _undone(self) -> Outcome:
        known = self.told.undo if self.told is not None else None
        if known is not None and known.verdict == "failed":
            return Outcome(verdict="failed", effect="unknown", summary=known.summary or "assumed to fail")
        return Outcome(
            verdict="succeeded", effect="applied", summary=_or_assumed(known.summary if known else "")
        )

    def _done(self, plan: Plan) -> Outcome:
        known = self.told or KnownStep()
        is_first = self.step not in self._tried
        self._tried.add(self.step)
        output = self._output(known)
        if self.step == self.fail_at:
            effect = known.effect or ("partial" if plan.changes else "none")
            return Outcome(verdict="failed", effect=effect, summary="assumed to fail here", output=output)
        # Chosen again after an unknown outcome, it is taken to succeed: else the same question came for ever.
        verdict = known.verdict if is_first or known.settle != "again" else "succeeded"
        usual = {"succeeded": "applied", "failed": "partial", "unknown": "unknown"}[verdict]
        effect = known.effect or (usual if plan.changes or verdict == "unknown" else "none")  # type: ignore[assignment]  # words of Effect
        if verdict == "succeeded":
            return Outcome(verdict=verdict, effect=effect, summary=_or_assumed(known.summary), output=output)
        summary = known.summary or f"assumed to be {verdict}"
        return Outcome(verdict=verdict, effect=effect, summary=summary, output=output)

    def _output(self, known: KnownStep) -> str:
        if known.output is not None:
            return known.output
        return f"(output of {self.step}: {NOT_KNOWN})" if self.step in self._quoted else ""

    def state_of(self, thing: str) -> KnownTarget | None:
        """What is known of a thing as it is now: `before` is now, and `after` what a step would make of it."""
        known = self.fixture.targets.get(thing)
        if known is None:
            return None
        self.used.add(f"targets: {thing}")
        if thing in self.acted:
            now = {**known.before, **known.after}
            return KnownTarget(before=now, after=now)
        return known

    def metric(self, query: str) -> KnownMetric | None:
        """What is known of the metric behind a query."""
        for name, known in self.fixture.metrics.items():
            if as_asked(self.catalog, self.service, name).query == query:
                self.used.add(f"metrics: {name}")
                return known
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Parts of the fixture that nothing asked for: a name that is not quite the one it is meant for."""
        parts = {
            "targets": self.fixture.targets,
            "steps": self.fixture.steps,
            "metrics": self.fixture.metrics,
        }
        named = [f"{part}: {name}" for part, found in parts.items() for name in found]
        return tuple(name for name in named if name not in self.used)


def _or_assumed(summary: str) -> str:
    return summary or ASSUMED


class KnownMetrics:
    """Metrics as the fixture tells them: one value until the first change, another from then on."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def over(
        self,
        query: str,
        *,
        start: datetime,
        end: datetime,
        step_s: float,
        deadline_s: float | None = None,  # noqa: ARG002 - the port's signature
    ) -> Answer:
        """One series; ActionFailed where nothing is known of it."""
        known = self._world.metric(query)
        if known is None:
            raise ActionFailed(f"what it shows is {NOT_KNOWN}")
        changed = self._world.acted_at
        count = int((end - start).total_seconds() / step_s) + 1
        moments = (start + timedelta(seconds=step_s * place) for place in range(count))
        points = tuple(
            (at.timestamp(), known.after if changed is not None and at > changed else known.before)
            for at in moments
        )
        return Answer(series=(Series(points=points),), count=1)
