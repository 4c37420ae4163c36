"""`runbookctl audit …`: is the journal whole, and who allowed what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.export import write
from bot.cli.journal import MOMENT, journal_option, reading
from bot.cli.main import LazyGroup
from bot.cli.output import FINE, FOUND_PROBLEMS, json_option, put, put_json, put_line, tell
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.engine.records import Records
    from bot.journal.base import Verification
    from bot.journal.sqlite import SqliteJournal
    from bot.runs.audit import AuditReport
    from bot.runs.events import RunId

PAGE = 500


@click.group(
    cls=LazyGroup,
    table={
        "verify": ("bot.cli.audit:verify", "Recompute every chain: was anything changed, cut or removed?"),
        "export": (
            "bot.cli.audit:export",
            "Who allowed what, when, why, on which evidence, with what outcome.",
        ),
    },
)
def audit() -> None:
    """Look at the journal as an auditor does."""


@click.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="STREAM:VERSION:HASH",
    help="A head that was seen elsewhere (Slack's messages carry them) and must still hold; may be repeated.",
)
@journal_option
@json_option
@click.pass_context
def verify(context: click.Context, *, heads: tuple[str, ...], path: Path | None, as_json: bool) -> None:
    """Recompute every hash chain of the journal and say what does not fit.

    Exits with 0 when it is whole, with 1 when something was changed, cut or removed. With BOT_AUDIT_KEY the chains are
    keyed: give the key the journal was begun with.
    """
    witnessed = dict(_head(one) for one in heads)

    async def work(journal: SqliteJournal, _: Records) -> Verification:
        return await journal.verify(witnessed=witnessed)

    found = reading(path, work)
    if as_json:
        put_json({"streams": found.streams, "events": found.events, "problems": list(found.problems)})
    else:
        for problem in found.problems:
            put_line(problem)
        tell(f"{found.streams:,} streams, {found.events:,} events, {_count(len(found.problems))}")
    context.exit(FOUND_PROBLEMS if found.problems else FINE)


def _count(problems: int) -> str:
    return (
        "no problems: the journal is whole" if not problems else f"{problems} problem{'s' * (problems > 1)}"
    )


def _head(typed: str) -> tuple[str, tuple[int, str]]:
    stream, _, rest = typed.partition(":")
    version, _, digest = rest.partition(":")
    if not (stream and version.isdecimal() and digest):
        raise BadInput(f"{typed!r} is no head", hint="write it as run-4f2a…:12:9b1c…, stream, version, hash")
    return stream, (int(version), digest.lower())


@click.command()
@click.option("--since", type=MOMENT, help="Decided since: 30d, 2026-10-01.")
@click.option("--until", type=MOMENT, help="Decided before: 2026-11-01. Now when left out.")
@click.option(
    "--format", "form", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True, help="How."
)
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write it here."
)
@journal_option
@click.pass_context
def export(
    context: click.Context,
    *,
    since: datetime | None,
    until: datetime | None,
    form: str,
    file: Path | None,
    path: Path | None,
) -> None:
    """Write every decision with who made it, by which permission, why, on which evidence, and what came of it.

    The journal's chains are verified first; where they do not hold, the report says so and the exit code is 1.
    """
    from bot.runs.audit import WRITERS

    end = until or datetime.now(UTC)
    if since is not None and since >= end:
        raise BadInput("the stretch of time ends before it begins", hint="give --since the earlier moment")

    async def work(journal: SqliteJournal, records: Records) -> AuditReport:
        return await _report(journal, records, since=since, until=end)

    made = reading(path, work)
    written = WRITERS[form](made)
    if file is None:
        put(written, end="")
    else:
        write(file, written.encode())
        tell(f"wrote {file}")
    tell(f"{len(made.lines):,} decision{'s' * (len(made.lines) != 1)}, {_count(len(made.problems))}")
    context.exit(FOUND_PROBLEMS if made.problems else FINE)


async def _report(
    journal: SqliteJournal, records: Records, *, since: datetime | None, until: datetime
) -> AuditReport:
    from bot.runs.audit import AuditReport, audit_lines, sorted_lines

    found = await journal.verify()
    heads = await journal.heads(["audit"])
    lines = [
        line
        async for run_id in _runs_within(journal, since=since, until=until)
        for line in audit_lines(await records.record(run_id), since=since, until=until)
    ]
    return AuditReport(
        since=since,
        until=until,
        lines=sorted_lines(lines),
        streams=found.streams,
        events=found.events,
        audit_head=heads["audit"][1] if "audit" in heads else "",
        problems=found.problems,
    )


async def _runs_within(
    journal: SqliteJournal, *, since: datetime | None, until: datetime
) -> AsyncIterator[RunId]:
    """Runs in which something may have been decided in that time: a run may be decided on days after it was opened."""
    from bot.journal.base import HistoryQuery
    from bot.journal.reads import history

    query = HistoryQuery(before=until, limit=PAGE)
    while True:
        page = await history(journal, query)
        for row in page.runs:
            if since is None or row.updated_at >= since:
                yield row.run_id
        if not page.next_cursor:
            return
        query = replace(query, cursor=page.next_cursor)
