"""`runbookctl show`: one runbook or action told whole: what it does, when, where, who approves, how it is undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.catalog import catalog_option, load_catalog
from bot.cli.completion import things
from bot.cli.output import (
    Cell,
    Column,
    Marked,
    json_option,
    put,
    put_facts,
    put_heading,
    put_json,
    put_table,
)
from bot.errors import NotFound

if TYPE_CHECKING:
    from bot.catalog.schema import Catalog, MetricCheck, Param, Rules, Runbook, Step
    from bot.engine.entitlement import Entitled, Rule

_STEPS = (Column("step"), Column("does"), Column("undo"))
_RIGHTS = (Column("service"), Column("environment"), Column("steps"), Column("who approves"))


@click.command()
@click.argument("name", shell_complete=things)
@catalog_option
@json_option
def show(name: str, *, folder: Path, as_json: bool) -> None:
    """Tell the runbook or action NAME: its steps and params, its trigger, who approves, where it may run, its undo."""
    catalog = load_catalog(folder)
    if name in catalog.runbooks:
        told = runbook_told(catalog, catalog.runbooks[name])
    elif name in catalog.actions:
        told = action_told(catalog, catalog.actions[name])
    else:
        raise _unknown(catalog, name)
    if as_json:
        put_json(told)
    elif name in catalog.runbooks:
        _put_runbook(told)
    else:
        _put_action(told)


def _unknown(catalog: Catalog, name: str) -> NotFound:
    from bot.catalog.checking import closest

    known = [*catalog.runbooks, *catalog.actions]
    return NotFound(
        f"there is no runbook or action {name!r}",
        hint=closest(name, known) or "`runbookctl list` shows what there is",
    )


# ---------------------------------------------------------------- what is told


def runbook_told(catalog: Catalog, runbook: Runbook) -> dict[str, Any]:
    """Everything about a runbook, as plain data."""
    from bot.catalog.describing import when_it_fits
    from bot.engine.entitlement import entitled
    from bot.runs.policy import owners

    services = owners(catalog, runbook, None) or (None,)
    rights = [one for service in services for one in entitled(catalog, runbook, service)]
    return {
        "kind": "runbook",
        "name": runbook.name,
        "description": runbook.description,
        "file": f"{runbook.path}:{runbook.line}",
        "digest": runbook.digest,
        "fits": list(when_it_fits(runbook)),
        "next": _next(runbook),
        "auto_start": runbook.trigger.auto_start,
        "params": [_param(param) for param in runbook.params],
        "steps": [_step(step) for step in runbook.steps],
        "on_reject": [_step(step) for step in runbook.on_reject],
        "where": _where(catalog, runbook.rules, runbook.digest),
        "approval": [_right(one, rule) for one in rights for rule in one.rules],
        "check": _check(runbook.metric_check),
        "rollback_on_failure": runbook.rollback_on_failure,
        "dry_run": runbook.dry_run,
        "pagerduty_resolve": runbook.pagerduty_resolve,
    }


def action_told(catalog: Catalog, action: Step) -> dict[str, Any]:
    """Everything about an action, as plain data; who approves depends on the runbook where it says nothing itself."""
    rules = action.action_rules
    return {
        "kind": "action",
        "description": action.description,
        **_step(action),
        "params": [_param(param) for param in action.params],
        "where": _where(catalog, rules, action.digest),
        "requires_approval": rules.requires_approval,
        "approvers": list(rules.approvers),
        "min_approvals": rules.min_approvals,
        "risk": rules.risk or "",
        "message": rules.message,
        "expect": [expect.pattern for expect in action.expect if not expect.allow_failure],
        "timeout_seconds": action.timeout_s,
        "digest": action.digest,
        "used_by": [
            runbook.name
            for runbook in catalog.runbooks.values()
            if any(step.action == action.action for step in (*runbook.steps, *runbook.on_reject))
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "type": step.type,
        "action": step.action or "",
        "arguments": step.arguments,
        "does": _does(step),
        "undo": _undo(step),
        "check": _check(step.check),
    }


def _does(step: Step) -> str:
    """What it does, after what it is given: two uses of one action differ in nothing else."""
    from bot.catalog.binding import in_terms_of
    from bot.catalog.describing import what_it_does

    if not step.arguments:
        return what_it_does(step)
    defaults = {param.name: param.default for param in step.params if param.default is not None}
    bound = step.model_copy(update={"input": in_terms_of(step.input, {**defaults, **step.arguments})})
    given = ", ".join(f"{name}: {_value(value)}" for name, value in step.arguments.items())
    return f"{step.action} ({given}): {what_it_does(bound)}"


def _undo(step: Step) -> str:
    from bot.catalog.describing import how_it_is_undone

    way_back = step.rollback.step if step.rollback is not None else None
    return _does(way_back) if way_back is not None else how_it_is_undone(step)


def _value(value: object) -> str:
    """As a catalog file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _param(param: Param) -> dict[str, Any]:
    from bot.catalog.params import what_fits

    return {
        "name": param.name,
        "takes": what_fits(param),
        "default": param.default,
        "required": param.required,
        "description": param.description,
    }


def _where(catalog: Catalog, rules: Rules, digest: str) -> dict[str, Any]:
    return {
        "scopes": None if rules.scopes is None else list(rules.scopes),
        "promoted_to": list(catalog.promotions.get(digest, ())),
    }


def _next(runbook: Runbook) -> str | None:
    """When its schedule comes round next, on the schedule's own clock."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from bot.catalog.schedule import next_tick

    schedule = runbook.trigger.schedule
    tick = next_tick(schedule, after=datetime.now(UTC)) if schedule else None
    if schedule is None or tick is None:
        return None
    return tick.astimezone(ZoneInfo(schedule.timezone)).isoformat(timespec="minutes")


def _right(one: Entitled, rule: Rule) -> dict[str, Any]:
    return {
        "service": one.service,
        "environment": one.environment,
        "steps": list(rule.steps),
        "asks": rule.asks,
        "approvers": list(rule.approvers),
        "min_approvals": rule.min_approvals if rule.asks else 0,
        "by": rule.source,
        "escalate_to": list(rule.escalate_to),
        "override": list(rule.override),
    }


def _check(check: MetricCheck | None) -> dict[str, Any] | None:
    return None if check is None else check.model_dump(mode="json")


# ---------------------------------------------------------------- how it looks


def _put_runbook(told: Mapping[str, Any]) -> None:
    put_heading(told["name"])
    put_facts(
        [
            ("what", told["description"] or None),
            ("file", told["file"]),
            ("digest", told["digest"]),
            ("fits", "\n".join(told["fits"]) or "only when somebody chooses it"),
            ("next", told["next"]),
            ("begins", "by itself, where the environment allows it" if told["auto_start"] else None),
            ("where", _where_in_words(told["where"])),
            ("params", "\n".join(map(_param_in_words, told["params"])) or None),
            ("check", _check_in_words(told["check"])),
            (
                "on failure",
                "undoes every step that had an effect, last first" if told["rollback_on_failure"] else None,
            ),
            (
                "PagerDuty",
                "resolved after a run whose checks all came out better"
                if told["pagerduty_resolve"]
                else None,
            ),
            ("dry run", "always: it only says what would happen" if told["dry_run"] else None),
        ]
    )
    put("")
    put_table(_STEPS, map(_step_row, told["steps"]))
    if told["on_reject"]:
        put("")
        put_heading("if a step is rejected, or nobody decides in time")
        put_table(_STEPS, map(_step_row, told["on_reject"]))
    put("")
    put_table(_RIGHTS, map(_right_row, told["approval"]), empty="no environment allows every step of it")


def _put_action(told: Mapping[str, Any]) -> None:
    put_heading(told["name"])
    approvers = ", ".join(told["approvers"]) or "whoever the runbook, service or environment names"
    asks = f"{told['min_approvals'] or 1} of {approvers}" if told["approvers"] else approvers
    put_facts(
        [
            ("what", told["description"] or None),
            ("type", told["type"]),
            ("does", told["does"]),
            ("undo", told["undo"] or "nothing to undo"),
            ("params", "\n".join(map(_param_in_words, told["params"])) or None),
            ("where", _where_in_words(told["where"])),
            ("approval", "nobody is asked" if told["requires_approval"] is False else asks),
            ("risk", told["risk"] or None),
            ("says", told["message"] or None),
            ("expects", "\n".join(told["expect"]) or None),
            ("ends in", f"{told['timeout_seconds']:g} s at most"),
            ("check", _check_in_words(told["check"])),
            ("digest", told["digest"]),
            ("used by", ", ".join(told["used_by"]) or "no runbook"),
        ]
    )


def _step_row(step: Mapping[str, Any]) -> Sequence[Cell]:
    check = f"; then {_check_in_words(step['check'])}" if step["check"] else ""
    return Marked(step["name"], "strong"), step["does"] + check, step["undo"] or "-"


def _right_row(right: Mapping[str, Any]) -> Sequence[Cell]:
    people = ", ".join(right["approvers"]) or "nobody"
    by = f" ({right['by']})" if right["by"] else ""
    asked: Cell = (
        f"{right['min_approvals']} of {people}{by}" if right["asks"] else Marked("nobody is asked", "careful")
    )
    if isinstance(asked, str):
        asked += f", then {', then '.join(right['escalate_to'])}" if right["escalate_to"] else ""
        asked += f"; {', '.join(right['override'])} may break glass" if right["override"] else ""
    return right["service"] or "any", right["environment"], ", ".join(right["steps"]), asked


def _where_in_words(where: Mapping[str, Any]) -> str:
    said = "wherever its targets are" if where["scopes"] is None else ", ".join(where["scopes"]) or "nowhere"
    promoted = ", ".join(where["promoted_to"])
    return f"{said}; promoted to {promoted}" if promoted else said


def _param_in_words(param: Mapping[str, Any]) -> str:
    default = "" if param["default"] is None else f", {param['default']!r} unless said"
    described = f": {param['description']}" if param["description"] else ""
    return f"{param['name']} ({param['takes']}{default}){described}"


def _check_in_words(check: Mapping[str, Any] | None) -> str | None:
    if check is None:
        return None
    limit = check["rollback_if_value_exceeds"]
    worse = "" if limit is None else f", worse above {limit:g}"
    return f"{check['metric_name']} is checked after {check['check_after_s'] / 60:g} min{worse}"
