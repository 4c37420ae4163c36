"""The way back of a run: one undo at a time, frozen with its step, held against the state of now, and then sent.

Which step is next is not decided here (`runs.next`: strict reverse order, or the one that was chosen). The order inside
one undo is that of a step:

    frozen inverse  →  planned against the state of now, no drift?  →  slot and locks  →  UndoStarted committed
                                                                    →  execute  →  UndoFinished committed

The process dying between the two commits leaves an undo whose outcome is unknown: it is put to people and never sent
again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.actions.base import Action
from bot.catalog.schema import Expect
from bot.engine.admission import lockable
from bot.engine.execution import Execution
from bot.engine.making import Maker, parse_input
from bot.engine.planning import plan_of
from bot.engine.run_writer import RunWriter
from bot.errors import ActionError, Refused
from bot.runs.events import StepKey, UndoBlocked, UndoFinished, UndoStarted
from bot.runs.plan import Plan, Undo
from bot.runs.state import Run


@dataclass(frozen=True, kw_only=True)
class Walking:
    """Performs undos. Holds no state."""

    writer: RunWriter
    maker: Maker
    execution: Execution
    action: Callable[[str], Action]

    async def undo(self, run: Run, key: StepKey) -> asyncio.Event | None:
        """Undo one step. None: look again at once; an event: the run waits for its turn, look again when it is set.

        A person must look (`UndoBlocked`) where nothing can be undone by the bot, where the state is no more what the
        step left behind, or where the undo would do something else than was approved with the step.
        """
        state = run.steps[key]
        undo = state.undo or Undo(text="nothing was captured before it ran")
        if undo.kind != "step":
            words = undo.text if undo.kind == "none" else f"by hand: {undo.text}"
            await self.writer.append(run, UndoBlocked(at=self.writer.clock.now(), step=key, reason=words))
            return None
        try:
            plan = await self._plan(run, key, undo)
        except (Refused, ActionError) as problem:
            await self.writer.append(
                run, UndoBlocked(at=self.writer.clock.now(), step=key, reason=problem.message)
            )
            return None
        freed = self.writer.admission.freed()
        entered = await self.writer.let_in(run, lockable(plan))
        if entered is None:
            return freed
        in_the_way = await self.writer.let_in_more(run, lockable(plan), entered)
        if in_the_way is not None:
            holder = await self.writer.admission.name_of(in_the_way.run_id)
            reason = f"{in_the_way.name.replace(':', ' ', 1)} is held by {holder} now"
            blocked = UndoBlocked(at=self.writer.clock.now(), step=key, reason=reason)
            await self.writer.append(run, *entered, blocked)
            return None
        run = await self.writer.append(
            run, *entered, UndoStarted(at=self.writer.clock.now(), step=key, plan=plan)
        )
        expect = tuple(Expect.model_validate(one) for one in undo.expect)
        result, artifacts = await self.execution.run(
            run, plan, expect=expect, name=f"undo-{state.step.name}", dry_run=False
        )
        await self.writer.append_fact(
            run, UndoFinished(at=self.writer.clock.now(), step=key, result=result), artifacts
        )
        return None

    async def _plan(self, run: Run, key: StepKey, undo: Undo) -> Plan:
        """The frozen inverse against the state of now; `Refused` when it would do something else than was shown."""
        action = self.action(undo.type)
        scope = self.maker.scope(run, key=f"undo/{key}", timeout_s=undo.timeout_s)
        plan = await plan_of(action, parse_input(action, undo.input, step_name="undo"), scope)
        if plan.targets != undo.targets or plan.will_run != undo.will_run:
            raise Refused(
                f"the undo would now run {' '.join(plan.will_run)!r} instead of what was approved with the step"
            )
        drift = _drift(undo.guarded, plan.guarded)
        if drift:
            raise Refused(f"the state is not what the step left behind: {drift}")
        return replace(plan, undo=Undo(text="an undo is not undone by the bot"))


def _drift(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    changes = [
        f"{name} is {found.get(name)!r}, expected {value!r}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    return "; ".join(changes)
