"""`runbookctl start`: open a run through the running bot, or see what it would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bot.cli.completion import environments, runbooks, services
from bot.cli.output import (
    FINE,
    FOUND_PROBLEMS,
    Marked,
    json_option,
    put_facts,
    put_heading,
    put_json,
    put_line,
    tell,
)
from bot.cli.server import Server, asking, server_options
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.runs.record import RunRecord

LOOK_EVERY_S = 1.0


@click.command()
@click.argument("name", shell_complete=runbooks)
@click.argument("given", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--env",
    "environment",
    shell_complete=environments,
    default="",
    help="Only checked: where it runs follows from its targets.",
)
@click.option(
    "--service",
    default="",
    shell_complete=services,
    help="The service it is for; needed unless the runbook names one.",
)
@click.option("--title", default="", help="What is wrong, for whoever reads the thread.")
@click.option("--dry-run", is_flag=True, help="Print what it would do; nothing is opened, written or said.")
@click.option(
    "--wait", "waits", is_flag=True, help="Wait until the run is over; exit with 1 unless it succeeded."
)
@server_options
@json_option
@click.pass_context
def start(
    context: click.Context,
    *,
    name: str,
    given: Sequence[str],
    environment: str,
    service: str,
    title: str,
    dry_run: bool,
    waits: bool,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """Start the runbook NAME; its steps are decided in Slack like those of any other run."""
    body: dict[str, Any] = {
        "runbook_name": name,
        "dry_run": dry_run,
        "environment": environment,
        "context": {"service_id": service or None, "title": title},
        "params": _params(given),
    }

    async def work(server: Server) -> tuple[int, Any]:
        from uuid import uuid4

        key = {"Idempotency-Key": uuid4().hex}  # so that a connection that breaks can be tried again
        status, told = await server.call("POST", "/api/v1/runbooks/execute", body=body, headers=key)
        if status == 202 and waits:
            tell(f"run {told['run_id']} of {name} is open")
            return status, await _over(server, told["run_id"])
        return status, told

    status, told = asking(url, token, work)
    if as_json:
        put_json(told)
    elif status == 200:
        _put_plan(told)
    elif waits:
        _put_record(told)
    else:
        put_facts([("run", told["run_id"]), ("incident", told["incident_id"])])
        tell("its steps are put before people in Slack")
    if waits and status == 202:
        context.exit(FINE if told["status"] == "succeeded" else FOUND_PROBLEMS)


def _params(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in given:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise BadInput(f"it is not clear what {word!r} is", hint="parameters are given as name=value")
        if key in found:
            raise BadInput(f"{key!r} is given twice")
        found[key] = value
    return found


async def _over(server: Server, run_id: str) -> Any:
    """The run when it is over; says on the way what it waits for."""
    import asyncio

    said = ""
    while True:
        _, told = await server.call("GET", f"/api/v1/runs/{run_id}")
        if told["finished_at"] is not None:
            return told
        words = _words(told)
        if words != said:
            tell(words)
            said = words
        await asyncio.sleep(LOOK_EVERY_S)


def _words(told: Any) -> str:
    waiting = [step["name"] for step in told["steps"] if step["status"] == "proposed"]
    if waiting:
        thread = told["trigger"]["thread"]
        return f"{waiting[0]} waits for a decision{f': {thread}' if thread else ' in Slack'}"
    running = [step["name"] for step in told["steps"] if step["status"] == "running"]
    return f"{running[0]} is running" if running else f"it is {told['status']}"


def _put_record(told: Any) -> None:
    from bot.cli.run import put_run

    put_run(_record(told))


def _record(told: Any) -> RunRecord:
    from bot.runs.record import RunRecord

    return RunRecord.model_validate(told)


def _put_plan(told: Any) -> None:
    put_facts(
        [
            ("runbook", f"{told['runbook_name']} (version {told['version'][:12]})"),
            ("on", " in ".join(part for part in (told["service_id"], told["environment"]) if part) or None),
            ("parameters", ", ".join(f"{name}={value}" for name, value in told["params"].items()) or None),
        ]
    )
    for number, step in enumerate(told["steps"], start=1):
        put_line()
        put_heading(f"{number}. {step['name']}")
        plan = step["plan"]
        if plan is None:
            put_line("   ", Marked("not known yet: ", "careful"), step["problem"])
            continue
        put_line(f"   {plan['text']}")
        for one in plan["will_run"]:
            put_line("   ", Marked(one, "strong"))
        for label, state in plan["state"].items():
            put_line(f"   {label}: {state}")
        put_line(f"   undo: {plan['undo']}")
        put_line(f"   {_who(plan)}")
    tell("nothing was opened, written or said")


def _who(plan: Any) -> str:
    if plan["unattended"]:
        return "runs without a decision"
    people = " or ".join(plan["approvers"]) or "nobody"
    needed = plan["min_approvals"]
    return f"asks {people}; {'one of them decides' if needed <= 1 else f'{needed} people must agree'}"
