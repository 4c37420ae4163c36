"""A stand-in for the engine that remembers what it was asked and answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.catalog.params import parse_params
from bot.catalog.schema import Param, Runbook, RunbookName, Step
from bot.engine.operations import DecisionForm, EditForm, Rehearsal, StartForm
from bot.errors import NotFound
from bot.journal.base import IncidentRow, RunRow
from bot.runs.events import IncidentId, Result, RunId
from bot.runs.plan import Plan
from bot.runs.policy import Caller


def runbook(name: str, *params: Param, description: str = "") -> Runbook:
    step = Step(name="restart", type="shell", input={"command": "true"})
    return Runbook(name=RunbookName(name), description=description, params=params, steps=(step,))


REPLICAS = Param(name="replicas", type="int", minimum=1, maximum=9)


def incident_row(row: RunRow, *, channel: str) -> IncidentRow:
    return IncidentRow(
        incident_id=row.incident_id,
        service=row.service,
        environment=row.environment,
        title="",
        symptom="",
        status="triggered",
        is_open=True,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        channel=channel,
        permalink="https://acme.slack.com/archives/C0INC/p1",
    )


@dataclass
class Recording:
    """`engine.operations.Operations` as far as a door uses it."""

    asked: list[tuple[str, Caller | None, Any]] = field(default_factory=list)
    refusal: Exception | None = None
    pause: asyncio.Event | None = None
    books: tuple[Runbook, ...] = (
        runbook("restart-payments", description="Restart the payments service."),
        runbook("scale-out", REPLICAS, description="Add replicas."),
    )
    rows: tuple[RunRow, ...] = ()
    services: tuple[str, ...] = ()
    channel: str = "C0INC"
    """Where every run has its thread."""

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]

    async def _take(self, name: str, caller: Caller | None, what: Any) -> None:
        self.asked.append((name, caller, what))
        if self.pause is not None:
            await self.pause.wait()
        if self.refusal is not None:
            raise self.refusal

    async def approve(self, ref: Any, caller: Caller) -> None:
        await self._take("approve", caller, ref)

    async def skip(self, ref: Any, caller: Caller, *, reason: str = "") -> None:
        await self._take("skip", caller, ref)

    async def reject(self, ref: Any, caller: Caller, *, reason: str) -> None:
        await self._take("reject", caller, (ref, reason))

    async def reject_form(self, ref: Any, caller: Caller) -> DecisionForm:
        await self._take("reject_form", caller, ref)
        plan = Plan(type="shell", input={}, targets=(), text="restart it", will_run=("web-1: restart <it>",))
        return DecisionForm(runbook="scale-out", step="scale", environment="prod", plan=plan)

    async def settle(self, ref: Any, caller: Caller, *, choice: str, reason: str = "") -> None:
        await self._take("settle", caller, (ref, choice))

    async def settle_undo(self, run_id: Any, step: Any, caller: Caller, *, choice: str) -> None:
        await self._take("settle_undo", caller, (run_id, step, choice))

    async def settle_check(self, run_id: Any, step: Any, caller: Caller, *, choice: str) -> None:
        await self._take("settle_check", caller, (run_id, step, choice))

    async def cancel(self, run_id: Any, caller: Caller, *, reason: str = "") -> None:
        await self._take("cancel", caller, run_id)

    async def export(self, run_id: Any, caller: Caller) -> None:
        await self._take("export", caller, run_id)

    async def undo(self, run_id: Any, caller: Caller, *, reason: str = "") -> None:
        await self._take("undo", caller, run_id)

    async def choose(self, incident_id: Any, runbook: str, caller: Caller) -> None:
        await self._take("choose", caller, (incident_id, runbook))

    async def edit_form(self, ref: Any, caller: Caller) -> EditForm:
        await self._take("edit_form", caller, ref)
        return EditForm(runbook="scale-out", step="scale", params=(REPLICAS,), values={"replicas": 3})

    async def rehearse(self, ref: Any, caller: Caller) -> Rehearsal:
        await self._take("rehearse", caller, ref)
        plan = Plan(type="shell", input={}, targets=(), text="restart it", will_run=("web-1: restart <it>",))
        result = Result(
            verdict="succeeded", effect="none", summary="would run 'restart <it>'", output="reached"
        )
        return Rehearsal(step="restart", plan=plan, changes=("replicas: 3 → 4",), result=result)

    async def edit(self, ref: Any, caller: Caller, *, given: Mapping[str, Any]) -> None:
        await self._take("edit", caller, (ref, parse_params((REPLICAS,), given)))

    async def incident_in(self, channel: str, thread_ts: str) -> None:
        await self._take("incident_in", None, (channel, thread_ts))

    def runbook(self, runbook: str) -> Runbook:
        for book in self.books:
            if book.name == runbook:
                return book
        raise NotFound(f"there is no runbook {runbook!r}", hint="did you mean scale-out?")

    def start_form(self, runbook: str) -> StartForm:
        return StartForm(params=self.runbook(runbook).params, services=self.services)

    async def start(self, runbook: str, caller: Caller, start: Any) -> RunId:
        parse_params(self.start_form(runbook).params, start.given)
        await self._take("start", caller, (runbook, start))
        return RunId("r-1")

    def runbooks(self) -> tuple[Runbook, ...]:
        return self.books

    async def status(self) -> tuple[RunRow, ...]:
        return self.rows

    async def history(self, *, service: str = "", runbook: str = "", limit: int) -> tuple[RunRow, ...]:
        await self._take("history", None, (service, runbook))
        return self.rows[:limit]

    async def threads(self, rows: Sequence[RunRow]) -> Mapping[IncidentId, IncidentRow]:
        return {row.incident_id: incident_row(row, channel=self.channel) for row in rows}

    async def incident(self, incident_id: Any) -> Any:
        raise NotFound("there is none")
