"""The action protocol: the product's most important interface.

A type is one class with an `Input` model and four verbs. `plan` reads and never writes; `execute` does exactly
what the plan says; `probe` looks, after a crash or a lost answer, at what is there now; `dry_run` says what
`execute` would do, asking the other side where it can answer without changing anything.

    Input ──plan──▶ Plan ──(digest, approval, state read again)──▶ execute ──▶ Outcome
                      └── undo (kind and target frozen here; holes filled by Outcome.undo_fill)

What an `execute` may do:
- return an `Outcome`: whatever it knows, including a verdict of `failed` with effect `applied` or `partial`
  (scaled but never ready), which is undone like any other step with an effect;
- raise `ActionRetry` (nothing was sent), `ActionFailed` (known reason, known effect) or `ActionUnknown` (sent,
  answer lost). Anything else that escapes is treated as unknown.
- watch `progress.stop`: when it is set a human wants it ended. End what can be ended on the other side, then
  return an outcome that says how far it came. Cancellation of the asyncio call itself means the process is going
  down: no outcome is recorded, and the next start finds it unknown.
`Plan.input` is itself a valid `Input` with everything resolved, so that an undo frozen as type and input can be
planned again later. An action keeps to `plan.timeout_s` by itself and ends what it started on the other side.

`plan` raises `Refused` (bad names, a target without environment, out of scope) or `ActionError` (could not read).
Every target a plan names must carry the environment that the catalog gives it (`environment_of_*` below);
whether that is the run's environment and in scope is the engine's question.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from bot.catalog.schema import Catalog, Service
from bot.runs.plan import Artifact, Effect, Hole, JsonObject, Outcome, Plan, Seen, Target, Undo, Verdict

__all__ = [
    "Action",
    "ActionInput",
    "Artifact",
    "Effect",
    "Hole",
    "InputModel",
    "Outcome",
    "Plan",
    "PlanScope",
    "Progress",
    "Seen",
    "Target",
    "Undo",
    "Verdict",
]

OUTPUT_LIMIT_BYTES = 1024 * 1024


class ActionInput(BaseModel):
    """The base of every type's input: frozen, nothing unknown accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


InputModel = type[ActionInput]
"""Named here because a class with an attribute called `type` cannot spell it."""


INCIDENT_THREAD = "incident:"
"""Begins the name of an incident's thread in a plan: it may not be open when a step is approved, and an approval must
not change when it opens."""


@dataclass(frozen=True, kw_only=True)
class PlanScope:
    """What a plan may look at besides its input: the catalog in force and the service the run is for."""

    catalog: Catalog
    service: Service | None = None
    timeout_s: float = 60.0
    risk: str | None = None
    key: str = ""
    """Names this step of this run (`<run id>/steps/0`), the same for every proposal of it: what a message is
    kept from being posted twice by."""
    channel: str = ""
    """The incident's channel and thread, for steps that speak where they are."""
    thread_ts: str = ""
    after: JsonObject = field(default_factory=dict)
    """`Plan.more` of the part of this step that succeeded last: what is planned now is what that one left."""
    in_parts: bool = True
    """False where it is planned whole: an undo, a dry run."""


class Progress(Protocol):
    """How a running action speaks: drawn in the card's tail and forgotten."""

    stop: asyncio.Event

    def write(self, text: str) -> None:
        """Add output as it arrives (unredacted; the receiver redacts before showing)."""

    def note(self, text: str) -> None:
        """Replace the one-line state: `3 of 5 ready`."""


@runtime_checkable
class Action(Protocol):
    """One type of action. Instances are made once, with the clients they need, and hold no run's state."""

    type: ClassVar[str]
    Input: ClassVar[InputModel]

    async def plan(self, given: Any, scope: PlanScope) -> Plan:
        """What would happen, read without writing. `given` is an instance of this type's `Input`."""

    async def execute(self, plan: Plan, progress: Progress) -> Outcome:
        """Do exactly what the plan says, once."""

    async def dry_run(self, plan: Plan) -> Outcome:
        """Say what `execute` would do; changes nothing."""

    async def probe(self, plan: Plan) -> Seen:
        """Look at what is there now; never writes."""
