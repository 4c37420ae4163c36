"""A world of dials that steps can turn: observable, undoable, and as treacherous as a test asks for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bot.actions.base import ActionInput, Outcome, Plan, PlanScope, Progress, Seen, Target, Undo
from bot.errors import ActionFailed, ActionRetry, ActionUnknown, BadInput

Mode = Literal["ok", "fail", "applied_then_fail", "lost", "not_sent", "hang", "break", "look"]


class DialInput(ActionInput):
    dial: str
    value: int = 0
    mode: Mode = "ok"
    environment: str = "staging"
    say: str = ""


@dataclass
class World:
    """What the dials show, and every turn that really happened, in order."""

    dials: dict[str, int] = field(default_factory=dict)
    turns: list[tuple[str, int]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def turn(self, dial: str, value: int) -> None:
        self.dials[dial] = value
        self.turns.append((dial, value))


class DialAction:
    """Turns one dial. `mode` says how it ends."""

    type: ClassVar[str] = "dial"
    Input: ClassVar[type[ActionInput]] = DialInput

    def __init__(self, world: World) -> None:
        self.world = world

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        assert isinstance(given, DialInput)
        if given.dial == "missing":
            raise BadInput("there is no dial 'missing'")
        now = self.world.dials.get(given.dial, 0)
        changes = given.mode != "look"
        undo = Undo()
        target = Target(kind="host", name=given.dial, environment=given.environment)
        if changes:
            back = {**given.model_dump(mode="json"), "value": now, "mode": "ok"}
            undo = Undo(
                kind="step",
                text=f"turn {given.dial} back to {now}",
                type="dial",
                input=back,
                targets=(target,),
                will_run=(f"turn {given.dial} to {now}",),
                guarded={given.dial: given.value},
            )
        return Plan(
            type="dial",
            input=given.model_dump(mode="json"),
            targets=(target,),
            text=f"turn {given.dial} to {given.value}",
            will_run=(f"turn {given.dial} to {given.value}",),
            shown={given.dial: f"{now} → {given.value}"},
            guarded={given.dial: now},
            undo=undo,
            changes=changes,
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:  # noqa: C901 - one arm per mode
        given = DialInput.model_validate(plan.input)
        progress.write(f"turning {given.dial}\n")
        match given.mode:
            case "fail":
                raise ActionFailed("the dial is stuck", effect="none", output="stuck")
            case "not_sent":
                raise ActionRetry("nobody answers at the dial")
            case "break":
                raise RuntimeError("password=hunter2")
            case "look":
                return Outcome(
                    verdict="succeeded",
                    effect="none",
                    summary="looked",
                    output=f"{self.world.dials.get(given.dial, 0)}\n",
                )
            case "hang":
                self.world.turn(given.dial, given.value)
                self.world.hanging.set()
                waits = [asyncio.create_task(one.wait()) for one in (progress.stop, self.world.release)]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                    await asyncio.gather(*waits, return_exceptions=True)
                if progress.stop.is_set():
                    return Outcome(verdict="failed", effect="partial", summary="stopped half way")
        if given.mode != "hang":
            self.world.turn(given.dial, given.value)
        match given.mode:
            case "lost":
                raise ActionUnknown("the line went dead after the turn")
            case "applied_then_fail":
                return Outcome(verdict="failed", effect="applied", summary="turned, but never settled")
        return Outcome(
            verdict="succeeded",
            effect="applied",
            summary=f"{given.dial} shows {given.value}",
            output=given.say or f"{given.dial}={given.value}\n",
        )

    async def dry_run(self, plan: Plan) -> Outcome:
        return Outcome(verdict="succeeded", effect="none", summary=f"would {plan.text}")

    async def probe(self, plan: Plan) -> Seen:
        given = DialInput.model_validate(plan.input)
        now = self.world.dials.get(given.dial, 0)
        return Seen(text=f"{given.dial} shows {now}", state={given.dial: now})
