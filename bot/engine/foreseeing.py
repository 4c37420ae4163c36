"""What a start would do, step by step, as far as it can be known before anything ran; touches nothing.

Each step is made concrete from the state of now, as a proposal would be. A step that uses what an earlier one prints
cannot be known before that one ran, and says so; whatever else keeps a step from being proposed is said just the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.catalog.schema import Step
from bot.engine.making import Made, Maker, NotMade, awaited
from bot.engine.starting import Draft
from bot.runs.fold import fold
from bot.runs.state import Run


@dataclass(frozen=True, kw_only=True)
class ForeseenStep:
    """One step: what it would be, or why that is not known."""

    step: Step
    made: Made | None = None
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A run that is not, and its steps in order."""

    run: Run
    steps: tuple[ForeseenStep, ...]
    environment: str
    """Where it would run; "" where none of its steps says."""


async def foresee(draft: Draft, maker: Maker) -> Foreseen:
    """The steps of the run this start would open. Raises only what reading the catalog of today may raise."""
    run = fold([draft.opened])
    steps: list[ForeseenStep] = []
    environment = run.environment
    for key, state in run.steps.items():
        if key.phase != "steps":
            continue
        try:
            made = await maker.make(run, key)
        except NotMade as problem:
            steps.append(_unforeseen(state.step, problem))
            continue
        environment = environment or made.environment
        steps.append(ForeseenStep(step=state.step, made=made))
    return Foreseen(run=run, steps=tuple(steps), environment=environment)


def _unforeseen(step: Step, problem: NotMade) -> ForeseenStep:
    """A step that cannot be made concrete now; that it waits for an earlier one is no fault of anybody's."""
    later = awaited(step)
    if not later:
        return ForeseenStep(step=step, problem=problem.message, hint=problem.hint)
    names = ", ".join(f"{{{{ {path} }}}}" for path in later)
    return ForeseenStep(
        step=step,
        problem=f"it uses {names}, which an earlier step gives",
        hint="it is planned when that step has run",
    )
