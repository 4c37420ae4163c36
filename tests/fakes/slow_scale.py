"""A throwaway type of action: scales something that exists only in memory, and that may never get ready.

It shows what the protocol must carry for a cluster: state now and after, guarded and shown parts, an undo with
the count from before, a step that is applied and then fails, drift, and an honest probe.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bot.actions.base import (
    ActionInput,
    InputModel,
    Outcome,
    Plan,
    PlanScope,
    Progress,
    Seen,
    Target,
    Undo,
)
from bot.errors import ActionRetry, ActionUnknown, NotFound


@dataclass
class World:
    """What there is to scale: name to (wanted, ready), and what goes wrong."""

    wanted: dict[str, int] = field(default_factory=lambda: {"payment-api": 3})
    ready: dict[str, int] = field(default_factory=lambda: {"payment-api": 3})
    never_ready: bool = False
    fault: str = ""
    writes: int = 0


class ScaleInput(ActionInput):
    """How many of what."""

    name: str
    replicas: Annotated[int, Field(ge=0)]


class SlowScaleAction:
    """Scales in a `World`."""

    type: ClassVar[str] = "slow-scale"
    Input: ClassVar[InputModel] = ScaleInput

    def __init__(self, tools: Any = None, *, world: World | None = None) -> None:
        self.world = world or World()

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        now = self._now(given.name)
        target = Target(kind="cluster", name=f"memory/{given.name}", environment="staging")
        return Plan(
            type=self.type,
            input=given.model_dump(),
            targets=(target,),
            text=f"scale {given.name} from {now} to {given.replicas}",
            will_run=(f"scale {given.name} --replicas={given.replicas}",),
            shown={
                "replicas": f"{now} → {given.replicas}",
                "ready": f"{self.world.ready[given.name]} of {now}",
            },
            guarded={"replicas": now},
            undo=Undo(
                kind="step",
                text=f"scale {given.name} back to {now}",
                type=self.type,
                input={"name": given.name, "replicas": now},
                targets=(target,),
                will_run=(f"scale {given.name} --replicas={now}",),
                guarded={"replicas": given.replicas},
            ),
            timeout_s=scope.timeout_s,
        )

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        if self.world.fault == "refused":
            raise ActionRetry("the cluster cannot be reached; nothing was sent")
        name, replicas = plan.input["name"], plan.input["replicas"]
        self.world.writes += 1
        self.world.wanted[name] = replicas
        if self.world.fault == "lost":
            raise ActionUnknown("the answer was lost")
        if self.world.never_ready:
            progress.note(f"{self.world.ready[name]} of {replicas} ready")
            try:
                async with asyncio.timeout(plan.timeout_s):
                    await progress.stop.wait()
            except TimeoutError:
                pass
            return Outcome(
                verdict="failed",
                effect="applied",
                summary=f"{self.world.ready[name]} of {replicas} ready when the time was up",
            )
        self.world.ready[name] = replicas
        return Outcome(verdict="succeeded", effect="applied", summary=f"{replicas} of {replicas} ready")

    async def dry_run(self, plan: Plan) -> Outcome:
        return Outcome(verdict="succeeded", effect="none", summary=f"would {plan.text}")

    async def probe(self, plan: Plan) -> Seen:
        now = self._now(plan.input["name"])
        return Seen(text=f"replicas: {now}", state={"replicas": now})

    def _now(self, name: str) -> int:
        if name not in self.world.wanted:
            raise NotFound(f"there is no {name!r}")
        return self.world.wanted[name]
