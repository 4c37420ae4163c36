"""`runbookctl cancel`: stop a run through the running bot."""

from __future__ import annotations

from typing import Any

import click

from bot.cli.output import json_option, put_facts, put_json
from bot.cli.server import Server, asking, server_options
from bot.errors import BadInput, NotFound

ID_LENGTH = 32
LOOK_BACK = 100


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--reason", default="", help="Why, for whoever reads the thread.")
@server_options
@json_option
def cancel(*, run_id: str, reason: str, url: str, token: str, as_json: bool) -> None:
    """Stop RUN where it can be stopped; what it did stays done, and its thread offers to undo it.

    RUN is its id, or as many of its first letters as none of the latest runs shares.
    """

    async def work(server: Server) -> Any:
        whole = await _whole(server, run_id)
        _, told = await server.call("POST", f"/api/v1/runs/{whole}/cancel", body={"reason": reason})
        return told

    told = asking(url, token, work)
    if as_json:
        put_json(told)
        return
    left = told["rollback"]["left"]
    put_facts(
        [
            ("run", told["run_id"]),
            ("runbook", told["runbook"]),
            ("status", "it stops as soon as it can"),
            ("still standing", ", ".join(left) or None),
        ]
    )


async def _whole(server: Server, typed: str) -> str:
    """The id that begins with what was typed; refused where several do."""
    if not typed.isalnum() or not typed.isascii():
        raise BadInput(f"{typed!r} is no run", hint="`runbookctl history` lists them")
    if len(typed) >= ID_LENGTH:
        return typed
    _, told = await server.call("GET", f"/api/v1/runbooks/history?limit={LOOK_BACK}")
    found = [run["run_id"] for run in told["runs"] if run["run_id"].startswith(typed)]
    if not found:
        raise NotFound(f"none of the latest runs begins with {typed!r}", hint="give the whole id")
    if len(found) > 1:
        raise BadInput(f"{len(found)} runs begin with {typed!r}", hint="give more of its letters")
    return str(found[0])
