"""What every type of action promises, as one abstract test: subclass it, say how to make one, and run it.

A subclass gives a bench with a prepared world, a valid input, what counts as a write in that world, and its
faults: each a way to break things with the outcome that must come of it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from bot.actions.base import Action, ActionInput, Outcome, Plan, PlanScope
from bot.errors import ActionError, ActionFailed, ActionRetry, ActionUnknown
from bot.runs.plan import Plan as StoredPlan
from bot.runs.plan import Target, Undo, canonical
from tests.fakes.actions import Told, short


@dataclass
class World:
    """One action with everything around it."""

    action: Action
    given: Mapping[str, Any]
    scope: PlanScope
    writes: Callable[[], int]
    """How often the world was changed so far."""
    changes_something: bool = True
    around: Any = None
    """What a subclass's faults take hold of."""


@dataclass(frozen=True)
class Fault:
    """A way to break the world before executing, and what must be said of it."""

    name: str
    breaks: Callable[[World], Any]
    verdict: str
    effects: tuple[str, ...]
    is_retry: bool = False
    timeout_s: float = 5.0
    stops_at_once: bool = False


class ActionContract(ABC):
    """Inherit and name the class Test…"""

    faults: tuple[Fault, ...] = ()

    @abstractmethod
    def world(self, tmp_path: Any) -> AbstractAsyncContextManager[World]:
        """A fresh world in which executing succeeds."""

    @pytest.fixture
    async def prepared(self, tmp_path: Any) -> AsyncIterator[World]:
        async with self.world(tmp_path) as made:
            yield made

    async def plan(self, world: World) -> Plan:
        given = world.action.Input.model_validate(world.given)
        return await world.action.plan(given, world.scope)

    async def test_it_follows_the_protocol(self, prepared: World) -> None:
        assert isinstance(prepared.action, Action)
        assert issubclass(prepared.action.Input, ActionInput)
        assert prepared.action.Input.model_json_schema()["type"] == "object"

    async def test_an_unknown_field_is_refused(self, prepared: World) -> None:
        with pytest.raises(ValidationError):
            prepared.action.Input.model_validate({**prepared.given, "surprise": 1})

    async def test_planning_twice_gives_the_same_digest_and_writes_nothing(self, prepared: World) -> None:
        first, second = await self.plan(prepared), await self.plan(prepared)
        assert first.digest == second.digest
        assert prepared.writes() == 0

    async def test_a_plan_survives_json_unchanged(self, prepared: World) -> None:
        plan = await self.plan(prepared)
        read = _from_json(json.loads(canonical(asdict(plan))))
        assert read == plan
        assert read.digest == plan.digest

    async def test_a_plan_says_what_where_and_how_it_is_undone(self, prepared: World) -> None:
        plan = await self.plan(prepared)
        assert plan.type == prepared.action.type
        assert plan.text
        assert plan.will_run
        assert plan.targets
        assert plan.undo.text
        assert plan.changes is prepared.changes_something
        assert all(target.environment or target.kind == "channel" for target in plan.targets)

    async def test_its_input_can_be_planned_again(self, prepared: World) -> None:
        plan = await self.plan(prepared)
        again = await prepared.action.plan(prepared.action.Input.model_validate(plan.input), prepared.scope)
        assert again.digest == plan.digest

    async def test_a_dry_run_changes_nothing(self, prepared: World) -> None:
        outcome = await prepared.action.dry_run(await self.plan(prepared))
        assert (outcome.verdict, outcome.effect) == ("succeeded", "none")
        assert outcome.summary
        assert prepared.writes() == 0

    async def test_a_probe_only_reads(self, prepared: World) -> None:
        plan = await self.plan(prepared)
        seen = await prepared.action.probe(plan)
        assert seen.text
        assert prepared.writes() == 0
        assert plan.observable or not seen.observable

    async def test_executing_does_it_once(self, prepared: World) -> None:
        plan = await self.plan(prepared)
        outcome = await prepared.action.execute(plan, Told())
        assert outcome.verdict == "succeeded", outcome
        assert outcome.effect == ("applied" if prepared.changes_something else "none")
        assert prepared.writes() == 1

    async def test_each_fault_is_told_for_what_it_is(self, tmp_path: Any) -> None:
        for index, fault in enumerate(self.faults):
            async with self.world(tmp_path / str(index)) as world:
                plan = short(await self.plan(world), fault.timeout_s)
                broken = fault.breaks(world)
                if hasattr(broken, "__await__"):
                    await broken
                told = Told()
                if fault.stops_at_once:
                    told.stop.set()
                outcome, error = await _executed(world.action, plan, told)
                assert (outcome.verdict, outcome.effect in fault.effects) == (fault.verdict, True), (
                    fault,
                    outcome,
                )
                assert isinstance(error, ActionRetry) is fault.is_retry, (fault, error)


async def _executed(action: Action, plan: Plan, told: Told) -> tuple[Outcome, ActionError | None]:
    """The outcome, errors turned into outcomes as the engine does."""
    try:
        return await action.execute(plan, told), None
    except ActionRetry as error:
        return Outcome(verdict="failed", effect="none", summary=error.message), error
    except ActionFailed as error:
        return Outcome(verdict="failed", effect=error.effect, summary=error.message), error  # type: ignore[arg-type]
    except ActionUnknown as error:
        return Outcome(verdict="unknown", effect="unknown", summary=error.message), error


def _from_json(data: dict[str, Any]) -> StoredPlan:
    undo = data.pop("undo")
    targets = tuple(Target(**one) for one in data.pop("targets"))
    undo_targets = tuple(Target(**one) for one in undo.pop("targets"))
    for key in ("will_run", "expect"):
        undo[key] = tuple(undo[key])
    return StoredPlan(
        **{**data, "will_run": tuple(data["will_run"])},
        targets=targets,
        undo=Undo(**undo, targets=undo_targets),
    )
