"""Runs one plan and watches it: tail, stop, time limit, and every way it can end made into one stored result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import structlog

from bot.actions.base import Action
from bot.catalog.schema import Expect
from bot.engine.ledger import Ledger
from bot.engine.ports import Tail
from bot.engine.recording import result_of
from bot.errors import ActionError, ActionFailed, ActionRetry, ActionUnknown, Refused
from bot.runs.events import Result, RunId
from bot.runs.plan import Artifact, Outcome, Plan
from bot.runs.state import Run
from bot.telemetry import Redactor

log = structlog.get_logger()

GRACE_S = 30.0
"""An action keeps to its own time limit; one that does not is cut off this much later, and its outcome is unknown."""

PROBE_TIMEOUT_S = 20.0

REHEARSAL_S = 60.0


class StepProgress:
    """What a running step says: redacted as whole lines, kept as a short tail, drawn and forgotten."""

    def __init__(self, tail: Tail, redactor: Redactor, changed: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self._tail = tail
        self._redactor = redactor
        self._changed = changed
        self._lines = redactor.lines()

    def write(self, text: str) -> None:
        """Add output; only whole lines are shown, so that a secret cut in two is never shown in halves."""
        shown = self._lines.feed(text)
        if shown:
            self._tail.add(shown)
            self._changed()

    def note(self, text: str) -> None:
        """Replace the one-line state."""
        self._tail.note = self._redactor.redact(text)[0]
        self._changed()


@dataclass
class Tails:
    """The tails of all running steps, and an event that is set whenever one of them moves."""

    by_run: dict[RunId, Tail] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: set[RunId] = field(default_factory=set)

    def move(self, run_id: RunId) -> None:
        """Say that a run's tail is not what it was."""
        self._changed.add(run_id)
        self._moved.set()

    async def moved(self) -> frozenset[RunId]:
        """Wait for the next movement; the runs whose tails moved since the last call."""
        await self._moved.wait()
        self._moved.clear()
        changed, self._changed = frozenset(self._changed), set()
        return changed


@dataclass(kw_only=True)
class Execution:
    """Executes plans. One per process."""

    action: Callable[[str], Action]
    redactor: Redactor
    ledger: Ledger
    tails: Tails = field(default_factory=Tails)
    _stops: dict[RunId, StepProgress] = field(default_factory=dict)

    def stop(self, run_id: RunId) -> None:
        """Ask the step that runs for this run to end, where one does."""
        if run_id in self._stops:
            self._stops[run_id].stop.set()

    async def run(
        self, run: Run, plan: Plan, *, expect: Sequence[Expect], name: str, dry_run: bool
    ) -> tuple[Result, tuple[Artifact, ...]]:
        """What came of the plan, whatever happened; raises only when this process is told to end."""
        tail = Tail(run_id=run.id)
        self.tails.by_run[run.id] = tail
        progress = StepProgress(tail, self.redactor, lambda: self.tails.move(run.id))
        self._stops[run.id] = progress
        if run.cancel is not None and not run.is_undoing:
            progress.stop.set()
        began = time.monotonic()
        try:
            outcome = await self._outcome(plan, progress, dry_run=dry_run)
        finally:
            self._stops.pop(run.id, None)
            self.tails.by_run.pop(run.id, None)
        return result_of(
            outcome,
            plan,
            () if dry_run else expect,
            redactor=self.redactor,
            duration_s=time.monotonic() - began,
            name=name,
        )

    async def rehearse(self, plan: Plan) -> Result:
        """What the plan would do, asked of the other side without changing anything; nobody's run, and no record.

        A minute at most: it answers a person who waits for it.
        """
        began = time.monotonic()
        progress = StepProgress(Tail(run_id=RunId("")), self.redactor, lambda: None)
        brief = replace(plan, timeout_s=min(plan.timeout_s, REHEARSAL_S - GRACE_S))
        outcome = await self._outcome(brief, progress, dry_run=True)
        duration_s = time.monotonic() - began
        return result_of(outcome, plan, (), redactor=self.redactor, duration_s=duration_s, name="dry-run")[0]

    async def _outcome(self, plan: Plan, progress: StepProgress, *, dry_run: bool) -> Outcome:
        try:
            async with asyncio.timeout(plan.timeout_s + GRACE_S):
                action = self.action(plan.type)
                if dry_run:
                    return replace(await action.dry_run(plan), effect="none")
                return await action.execute(plan, progress)
        except TimeoutError:
            return _unknown("it did not end within its time limit, and was let go")
        except ActionRetry as problem:
            return Outcome(verdict="failed", effect="none", summary=f"not done: {_sentence(problem)}")
        except ActionFailed as problem:
            return Outcome(
                verdict="failed",
                effect=problem.effect,  # type: ignore[arg-type]  # the error tree does not import the core's words
                summary=_sentence(problem),
                output=problem.output,
            )
        except ActionUnknown as problem:
            return _unknown(_sentence(problem), output=problem.output)
        except Refused as problem:
            return Outcome(verdict="failed", effect="none", summary=f"not done: {_sentence(problem)}")
        except Exception:  # a bug in an action must not lose the run: what it did is unknown, and said so
            reference = uuid4().hex[:8]
            log.exception("action-broke", reference=reference, type=plan.type)
            return _unknown(f"something broke inside the bot while this ran (reference {reference})")

    async def probe(self, plan: Plan) -> tuple[str, Mapping[str, Any]]:
        """What is seen now, in words; what cannot be read is said."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                seen = await self.action(plan.type).probe(plan)
        except TimeoutError:
            return "nothing answered within 20 s, so the state is not known", {}
        except (ActionError, Refused) as problem:
            return self.redactor.redact(f"the state could not be read: {_sentence(problem)}")[0], {}
        except Exception:  # reading is a courtesy to the people who decide; it must never stop the run
            reference = uuid4().hex[:8]
            log.exception("probe-broke", reference=reference, type=plan.type)
            return f"the state could not be read (reference {reference})", {}
        return self.redactor.redact(seen.text)[0], dict(self.redactor.tree(seen.state))


def _sentence(problem: ActionError | Refused) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message


def _unknown(summary: str, *, output: str = "") -> Outcome:
    return Outcome(verdict="unknown", effect="unknown", summary=summary, output=output)
