"""Runs over HTTP: their records, their events, their report, history; and cancelling and deciding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from bot.api.auth import APPROVER, OPERATOR, VIEWER
from bot.api.doors import Doors
from bot.api.people import person, person_or_program
from bot.api.routing import Answer, Ask, Nothing, Returns, route
from bot.api.shapes import AfterVersion, Cancel, Decide, Events, EventShown, History, RunPage
from bot.api.sight import run_for
from bot.engine.ports import ClickRef
from bot.engine.records import trigger_of
from bot.errors import BadInput, NotPermitted, Stale
from bot.intake.incident import fold as fold_incident
from bot.journal.base import HistoryQuery, Recorded
from bot.runs.events import EVENTS, Event, ProposalId, RunId
from bot.runs.fold import fold
from bot.runs.record import record_of
from bot.runs.record_shape import RunRecord
from bot.runs.report import report
from bot.runs.state import Run, stream_of

_NAMES: Mapping[type[Event], str] = {kind: name for (name, _), kind in EVENTS.items()}
_RECORD = Returns(200, RunRecord, "the run as it is now")


def run_address(run_id: RunId) -> str:
    """Where a run is read."""
    return f"/api/v1/runs/{run_id}"


async def opened_record(doors: Doors, run: Run) -> RunRecord:
    """The record of a run as it was when it was opened: the same for ever, whenever it is asked for again."""
    first = fold(run.events[:1])
    incident = await doors.engine.incident(run.incident_id)
    return record_of(first, trigger=trigger_of(fold_incident(incident.events[:1]), first))


@route(
    "GET",
    "/api/v1/runbooks/history",
    summary="List runs",
    section="Runs",
    role=VIEWER,
    query=History,
    answers=(Returns(200, RunPage, "runs, newest first"),),
)
async def history(doors: Doors, ask: Ask[Nothing, History]) -> Answer:
    """Each run whole: runbook and version, trigger, steps with outputs, who approved, what was undone, total time.

    Where `next_cursor` is not empty there are more: ask again with it as `cursor`. Runs that are opened meanwhile shift
    nothing.
    """
    asked = ask.query
    service = doors.engine.catalog().service_named(asked.service_id) if asked.service_id else None
    page = await doors.records.page(
        HistoryQuery(
            service=service.name if service is not None else asked.service_id,
            runbook=asked.runbook,
            environment=asked.environment,
            status=asked.status or "",
            since=asked.since,
            limit=asked.limit,
            cursor=asked.cursor,
            tenants=ask.caller.tenants,
        )
    )
    return Answer(content=RunPage(runs=list(page.runs), next_cursor=page.next_cursor))


@route(
    "GET",
    "/api/v1/runs/{run_id}",
    summary="Show a run",
    section="Runs",
    role=VIEWER,
    answers=(_RECORD,),
    refuses=(404,),
)
async def show_run(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """Everything about one run: steps with proposals, decisions and outputs, checks, and what was undone."""
    run = await run_for(doors, ask.caller, ask.path["run_id"])
    return Answer(content=await doors.records.record(run.id))


@route(
    "GET",
    "/api/v1/runs/{run_id}/events",
    summary="List the events of a run",
    section="Runs",
    role=VIEWER,
    query=AfterVersion,
    answers=(Returns(200, Events, "events in order"),),
    refuses=(404,),
)
async def list_events(doors: Doors, ask: Ask[Nothing, AfterVersion]) -> Answer:
    """What the journal holds of it, oldest first, with the head of the hash chain after each event."""
    run = await run_for(doors, ask.caller, ask.path["run_id"])
    after, limit = ask.query.after, ask.query.limit
    stored = await doors.engine.ledger.journal.read(stream_of(run.id), after_version=after)
    has_more = len(stored) > limit
    shown = [_event(one) for one in stored[:limit]]
    next_after = shown[-1].version if has_more else None
    return Answer(content=Events(run_id=run.id, events=shown, next_after=next_after))


def _event(one: Recorded) -> EventShown:
    kind = type(one.event)
    body: dict[str, Any] = TypeAdapter(kind).dump_python(one.event, mode="json")
    at = one.event.at
    return EventShown(
        version=one.version,
        name=_NAMES[kind],
        at=at,
        hash=one.hash,
        body={name: value for name, value in body.items() if name != "at"},
    )


@route(
    "GET",
    "/api/v1/runs/{run_id}/report.md",
    summary="Tell a run as a document",
    section="Runs",
    role=VIEWER,
    answers=(Returns(200, str, "the report", "text/markdown"),),
    refuses=(404,),
)
async def show_report(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """The run as one Markdown document, for a ticket or a post-mortem."""
    run = await run_for(doors, ask.caller, ask.path["run_id"])
    return Answer(content=report(await doors.records.record(run.id)))


@route(
    "POST",
    "/api/v1/runs/{run_id}/cancel",
    summary="Stop a run",
    section="Runs",
    role=OPERATOR,
    body=Cancel,
    answers=(Returns(202, RunRecord, "the run as it is now; it stops as soon as it can"),),
    refuses=(404, 409, 422),
)
async def cancel(doors: Doors, ask: Ask[Cancel, Nothing]) -> Answer:
    """It stops where it can be stopped; what it did stays done, and the thread offers to undo it."""
    run = await run_for(doors, ask.caller, ask.path["run_id"])
    caller = await person_or_program(doors, ask.caller)
    await doors.engine.cancel(run.id, caller, reason=ask.body.reason)
    return Answer(status=202, content=await doors.records.record(run.id))


@route(
    "POST",
    "/api/v1/runs/{run_id}/decisions",
    summary="Decide a proposal",
    section="Runs",
    role=APPROVER,
    body=Decide,
    answers=(_RECORD,),
    refuses=(404, 409, 410, 422),
)
async def decide(doors: Doors, ask: Ask[Decide, Nothing]) -> Answer:
    """Off unless `catalog.yaml` says `api_decisions: true`.

    The token must carry the email of one member of the Slack workspace. The decision is theirs as if they had clicked:
    the same rules hold, they count once, and the thread shows it. It holds for exactly the digest it names. After an
    edit there is a fresh proposal, which whoever edited may not approve.

    What stays in Slack, where everybody sees what is asked: breaking glass, and the questions about undos and metric
    checks.
    """
    if not doors.engine.catalog().api_decisions:
        raise NotPermitted(
            "decisions over the API are off here, so nothing was decided",
            hint="decide in Slack, or set `api_decisions: true` in catalog.yaml",
        )
    run = await run_for(doors, ask.caller, ask.path["run_id"])
    caller = await person(doors, ask.caller)
    body = ask.body
    ref = ClickRef(
        incident_id=run.incident_id,
        proposal_id=ProposalId(body.proposal_id),
        digest=body.digest,
        run_id=run.id,
    )
    _refuse_another_digest(run, ref)
    _refuse_idle_params(body)
    match body.verdict:
        case "approve":
            await doors.engine.approve(ref, caller)
        case "reject":
            await doors.engine.reject(ref, caller, reason=body.reason)
        case "skip":
            await doors.engine.skip(ref, caller, reason=body.reason)
        case "edit":
            await doors.engine.edit(ref, caller, given=body.params or {})
        case choice:
            await doors.engine.settle(ref, caller, choice=choice, reason=body.reason)
    return Answer(content=await doors.records.record(run.id))


def _refuse_idle_params(body: Decide) -> None:
    """Parameters that change nothing, or an edit without any: somebody meant something else."""
    if (body.verdict == "edit") != bool(body.params):
        raise BadInput(
            "an edit needs `params`, and nothing else takes them, so nothing was decided",
            hint='send `"verdict": "edit"` with the parameters that change',
        )


def _refuse_another_digest(run: Run, ref: ClickRef) -> None:
    """A rejection or a skip of something else than what was shown is as wrong as an approval of it."""
    found = run.proposal(ref.proposal_id)
    if found is not None and found[1].made.digest != ref.digest:
        raise Stale(
            "the digest is not this proposal's, so nothing was decided",
            hint="read the run again and look at it",
        )
