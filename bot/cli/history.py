"""`runbookctl history`: which runs there were, newest first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.catalog import also_called
from bot.cli.completion import environments, runbooks, services
from bot.cli.journal import MOMENT, SHORT_ID, journal_option, reading
from bot.cli.output import Column, Marked, Style, json_option, put_json, put_table, tell

if TYPE_CHECKING:
    from bot.engine.records import Records
    from bot.journal.base import HistoryPage, RunRow
    from bot.journal.sqlite import SqliteJournal

STATUSES = (
    "queued",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "rejected",
    "expired",
    "cancelled",
    "rolled_back",
    "rollback_incomplete",
)
STYLES: dict[str, Style] = {
    "succeeded": "good",
    "failed": "bad",
    "rollback_incomplete": "bad",
    "queued": "careful",
    "running": "careful",
    "waiting": "careful",
}
_COLUMNS = (
    Column("run"),
    Column("opened (UTC)"),
    Column("runbook"),
    Column("service"),
    Column("environment"),
    Column("status"),
    Column("took", is_number=True),
    Column("decided by"),
)


@click.command()
@click.option("--service", default="", shell_complete=services, help="Only for this service.")
@click.option("--runbook", default="", shell_complete=runbooks, help="Only of this runbook.")
@click.option(
    "--environment", "--env", shell_complete=environments, default="", help="Only in this environment."
)
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand like this.")
@click.option("--since", type=MOMENT, help="Opened since: 7d, 36h, 2026-11-21.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.option("--cursor", default="", help="The page after the one that printed this.")
@journal_option
@json_option
def history(
    *,
    service: str,
    runbook: str,
    environment: str,
    status: str | None,
    since: datetime | None,
    limit: int,
    cursor: str,
    path: Path | None,
    as_json: bool,
) -> None:
    """List the runs, newest first; `runbookctl run show RUN` tells one of them.

    Reads the journal beside a running bot or without one, and never writes it.
    """
    from bot.journal.base import HistoryQuery
    from bot.journal.reads import history as page_of

    query = HistoryQuery(
        service=service,
        runbook=runbook,
        environment=environment,
        status=status or "",
        since=since,
        limit=limit,
        cursor=cursor,
    )

    async def work(journal: SqliteJournal, _: Records) -> HistoryPage:
        return await page_of(journal, query)

    page = reading(path, work)
    if not page.runs and (name := also_called(service)):
        query = replace(query, service=name)
        page = reading(path, work)
    if as_json:
        put_json({"runs": [_json(row) for row in page.runs], "next_cursor": page.next_cursor or None})
        return
    put_table(_COLUMNS, [_cells(row) for row in page.runs], empty="no run fits")
    if page.next_cursor:
        tell(f"there are more: --cursor {page.next_cursor}")


def _cells(row: RunRow) -> tuple[str | Marked, ...]:
    from bot.runs.duration import duration
    from bot.runs.words import RUN_WORDS

    dry = " (dry run)" if row.dry_run else ""
    took = duration((row.finished_at - row.opened_at).total_seconds()) if row.finished_at else "not over"
    return (
        row.run_id[:SHORT_ID],
        f"{row.opened_at:%Y-%m-%d %H:%M:%S}",
        row.runbook,
        row.service or "-",
        row.environment or "-",
        Marked(f"{RUN_WORDS.get(row.status, row.status)}{dry}", STYLES.get(row.status, "")),
        took,
        row.decided_by or "-",
    )


def _json(row: RunRow) -> dict[str, Any]:
    took = (row.finished_at - row.opened_at).total_seconds() if row.finished_at else None
    return {
        "run_id": row.run_id,
        "incident_id": row.incident_id,
        "runbook": row.runbook,
        "version": row.version,
        "service": row.service,
        "team": row.tenant,
        "environment": row.environment,
        "status": row.status,
        "dry_run": row.dry_run,
        "symptom": row.symptom,
        "requester": row.requester or None,
        "decided_by": row.decided_by or None,
        "opened_at": row.opened_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "duration_s": took,
        "steps": row.step_count,
    }
