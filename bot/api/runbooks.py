"""Runbooks over HTTP: which there are, what one of them is, and starting one or seeing what it would do."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from bot.api.auth import OPERATOR, VIEWER
from bot.api.doors import Doors
from bot.api.people import person_or_program
from bot.api.routing import Answer, Ask, Nothing, Returns, route
from bot.api.runs import opened_record, run_address
from bot.api.shapes import (
    Context,
    Execute,
    ParamShown,
    Planned,
    PlannedStep,
    RunbookLine,
    Runbooks,
    RunbookShown,
    StepPlan,
    StepShown,
    TriggerShown,
)
from bot.api.sight import runbook_for, runbooks_for, service_for
from bot.catalog.schema import Step
from bot.engine.foreseeing import Foreseen, ForeseenStep
from bot.engine.starting import Repeatable, Start
from bot.errors import BadInput
from bot.intake.foreign import line
from bot.intake.incident import Facts
from bot.runs.events import RunId
from bot.runs.plan import canonical, digest_of
from bot.runs.record_shape import RunRecord

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@route(
    "GET",
    "/api/v1/runbooks",
    summary="List runbooks",
    section="Runbooks",
    role=VIEWER,
    answers=(Returns(200, Runbooks, "every runbook that is there for you"),),
)
async def list_runbooks(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """Those of your teams' services, and those of no service."""
    lines = [
        RunbookLine(
            name=one.name,
            version=one.digest,
            description=one.description,
            service_ids=list(one.trigger.services),
            steps=len(one.steps),
        )
        for one in runbooks_for(doors, ask.caller)
    ]
    return Answer(content=Runbooks(runbooks=lines))


@route(
    "GET",
    "/api/v1/runbooks/{name}",
    summary="Show a runbook",
    section="Runbooks",
    role=VIEWER,
    answers=(Returns(200, RunbookShown, "the runbook as the catalog has it now"),),
    refuses=(404,),
)
async def show_runbook(doors: Doors, ask: Ask[Nothing, Nothing]) -> Answer:
    """Its trigger, its parameters and its steps, whose templates are not filled in. Secrets stand as `$NAME`."""
    runbook = runbook_for(doors, ask.caller, ask.path["name"])
    trigger = runbook.trigger
    shown = RunbookShown(
        name=runbook.name,
        version=runbook.digest,
        description=runbook.description,
        trigger=TriggerShown(
            service_ids=list(trigger.services),
            metric_name=trigger.metric_name,
            condition=trigger.condition,
            symptoms=list(trigger.symptoms),
            schedule=f"{trigger.schedule.cron} {trigger.schedule.timezone}" if trigger.schedule else None,
            auto_start=trigger.auto_start,
        ),
        params=[
            ParamShown(**one.model_dump(exclude={"allow_leading_dash", "choices"}), choices=list(one.choices))
            for one in runbook.params
        ],
        steps=[_step(one) for one in runbook.steps],
        on_reject=[_step(one) for one in runbook.on_reject],
        rollback_on_failure=runbook.rollback_on_failure,
        dry_run=runbook.dry_run,
    )
    return Answer(content=shown)


def _step(step: Step) -> StepShown:
    rollback = step.rollback
    return StepShown(
        name=step.name,
        type=step.type,
        action=step.action,
        description=step.description,
        input=step.input,
        rollback="none" if rollback is None else "step" if rollback.step is not None else "manual",
        irreversible=step.irreversible,
        idempotent=step.idempotent,
        timeout_s=step.timeout_s,
        approval_timeout_s=step.approval_timeout_s,
    )


@route(
    "POST",
    "/api/v1/runbooks/execute",
    summary="Start a runbook, or see what it would do",
    section="Runbooks",
    role=OPERATOR,
    body=Execute,
    answers=(
        Returns(200, Planned, "what it would do, where `dry_run` asks for no more"),
        Returns(
            202, RunRecord, "the run that was opened; its first step is put before its approvers in Slack"
        ),
    ),
    refuses=(404, 409, 422),
    takes={KEY_HEADER: "repeat the request with the same key and it starts nothing twice"},
)
async def execute(doors: Doors, ask: Ask[Execute, Nothing]) -> Answer:
    """Starting approves nothing: steps are decided in Slack like those of any other run.

    The run belongs to an incident of its own, in the channel of the service. With an `Idempotency-Key` the same request
    is answered with the same run however often it comes, also after a restart; the same key with another request is
    409. Keys are yours alone and never run out. A dry run changes nothing, so it keeps no key.
    """
    body = ask.body
    runbook = runbook_for(doors, ask.caller, body.runbook_name)
    service = service_for(doors, ask.caller, runbook, body.context.service_id or "")
    repeatable = _repeatable(ask)
    caller = await person_or_program(doors, ask.caller)
    start = Start(
        given=body.params,
        environment=body.environment,
        service=service,
        facts=_facts(body.context),
        repeatable=repeatable,
    )
    if body.dry_run or runbook.dry_run:
        return Answer(content=_planned(await doors.engine.foresee(runbook.name, caller, start)))
    run_id = await doors.engine.start(runbook.name, caller, start)
    run = await doors.engine.run(run_id)
    return Answer(
        status=202, content=await opened_record(doors, run), headers={"Location": run_address(run_id)}
    )


def _repeatable(ask: Ask[Execute, Any]) -> Repeatable | None:
    """The run that this caller's key stands for, and what it stands for."""
    given = ask.headers.getall(KEY_HEADER, [])
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise BadInput(
            f"the {KEY_HEADER} header cannot be used", hint="give one, of 1 to 255 visible ASCII characters"
        )
    named = canonical(["execute", ask.caller.issuer, ask.caller.subject, given[0]])
    return Repeatable(
        run_id=RunId(hashlib.sha256(named).hexdigest()[:32]),
        request=digest_of(ask.body.model_dump(mode="json")),
    )


def _facts(context: Context) -> Facts:
    return Facts(
        title=line(context.title, limit=500),
        symptom=line(context.symptom, limit=500),
        metric_name=line(context.metric_name),
        value=context.value,
        anomaly_score=context.anomaly_score,
    )


def _planned(foreseen: Foreseen) -> Planned:
    run = foreseen.run
    return Planned(
        runbook_name=run.runbook.name,
        version=run.runbook.digest,
        service_id=run.opened.service,
        environment=foreseen.environment,
        params=run.params,
        steps=[_planned_step(one) for one in foreseen.steps],
    )


def _planned_step(foreseen: ForeseenStep) -> PlannedStep:
    step, made = foreseen.step, foreseen.made
    if made is None:
        return PlannedStep(
            name=step.name, type=step.type, plan=None, problem=foreseen.problem, hint=foreseen.hint
        )
    plan, policy = made.plan, made.policy
    return PlannedStep(
        name=step.name,
        type=step.type,
        plan=StepPlan(
            text=plan.text,
            targets=[target.key for target in plan.targets],
            will_run=list(plan.will_run),
            state={str(label): str(text) for label, text in plan.shown.items()},
            observable=plan.observable,
            changes=plan.changes,
            undo=plan.undo.text,
            risk=plan.risk,
            approvers=[] if made.is_unattended else list(policy.approvers),
            min_approvals=0 if made.is_unattended else policy.min_approvals,
            unattended=made.is_unattended,
        ),
    )
