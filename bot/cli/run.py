"""`runbookctl run …`: one run, looked at closely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.history import STYLES
from bot.cli.journal import journal_option, reading, run_named
from bot.cli.main import LazyGroup
from bot.cli.output import (
    Cell,
    Marked,
    Style,
    json_option,
    put_facts,
    put_heading,
    put_json,
    put_line,
)

if TYPE_CHECKING:
    from bot.engine.records import Records
    from bot.journal.sqlite import SqliteJournal
    from bot.runs.record import RunRecord
    from bot.runs.record_shape import DecisionRecord, OutcomeRecord, ProposalRecord, StepRecord


@click.group(
    cls=LazyGroup,
    table={"show": ("bot.cli.run:show", "Tell one run: its steps, who decided, what came of it.")},
)
def run() -> None:
    """Look at one run."""


@click.command()
@click.argument("run_id", metavar="RUN")
@journal_option
@json_option
def show(*, run_id: str, path: Path | None, as_json: bool) -> None:
    """Tell one run: its steps, who decided what and why, what came of it, what was undone.

    RUN is its id, or as many of its first letters as no other run shares.
    """
    record = record_named(path, run_id)
    if as_json:
        put_json(record.to_json())
        return
    put_run(record)


def put_run(record: RunRecord) -> None:
    """A run as a person reads it."""
    put_facts(_facts(record))
    for place, step in enumerate(record.steps, start=1):
        if step.phase == "steps" or step.proposals or step.not_planned:
            put_line()
            _put_step(place, step)
    for check in record.checks:
        put_line()
        put_heading(f"check of {check.metric}: {check.verdict}")
        put_line(f"  {check.sentence}")
        if check.decision is not None:
            put_line(f"  {_told(check.decision)}")
    if record.rollback.status != "none":
        put_line()
        put_heading(f"undo: {record.rollback.status}")
        for decision in record.rollback.decisions:
            put_line(f"  {_told(decision)}")
    if record.rollback.left:
        put_line("still standing: ", Marked(", ".join(record.rollback.left), "careful"))


def record_named(path: Path | None, typed: str) -> RunRecord:
    """The record of the run with this id, or the one that begins so."""

    async def work(journal: SqliteJournal, records: Records) -> RunRecord:
        return await records.record(await run_named(journal, typed))

    return reading(path, work)


def _facts(record: RunRecord) -> Iterator[tuple[str, Cell]]:
    from bot.runs.duration import duration
    from bot.runs.words import RUN_WORDS

    dry = " (dry run)" if record.dry_run else ""
    yield "run", record.run_id
    yield "runbook", f"{record.runbook} (version {record.version[:12]}{_commit(record)})"
    yield (
        "status",
        Marked(f"{RUN_WORDS.get(record.status, record.status)}{dry}", STYLES.get(record.status, "")),
    )
    yield "because", record.reason or None
    yield "incident", f"{record.trigger.title or record.incident_id}{_source(record)}"
    yield "thread", record.trigger.thread or None
    yield "on", " in ".join(part for part in (record.service, record.environment) if part) or None
    yield "started by", record.requester.called if record.requester else "the incident"
    yield "parameters", ", ".join(f"{name}={value}" for name, value in record.params.items()) or None
    yield "opened", f"{record.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    ended = "took" if record.finished_at else "so far"
    yield ended, duration(record.duration_s)
    yield "in line for", record.waiting_for or None
    yield "cancelled", _told(record.cancelled) if record.cancelled else None


def _commit(record: RunRecord) -> str:
    return f", commit {record.catalog_commit[:12]}" if record.catalog_commit else ""


def _source(record: RunRecord) -> str:
    return f" (from {record.trigger.source})" if record.trigger.source else ""


_STEP_STYLES: dict[str, Style] = {
    "succeeded": "good",
    "failed": "bad",
    "undo_failed": "bad",
    "undo_unknown": "bad",
    "undo_blocked": "bad",
    "undo_left": "careful",
    "unknown": "bad",
    "not_planned": "bad",
    "rejected": "careful",
    "skipped": "careful",
    "expired": "careful",
    "stopped": "careful",
    "proposed": "careful",
}


def _put_step(place: int, step: StepRecord) -> None:
    from bot.runs.report import STEP_WORDS

    word = STEP_WORDS.get(step.status, step.status)
    put_line(Marked(f"{place}. {step.name}", "strong"), ": ", Marked(word, _STEP_STYLES.get(step.status, "")))
    if step.not_planned:
        put_line(f"   {step.not_planned}")
    for proposal in step.proposals:
        _put_proposal(proposal)
    if step.undo is not None:
        state = STEP_WORDS.get(step.undo.status, step.undo.status) if step.undo.status else "not tried"
        put_line("   undo: ", step.undo.text, Marked(f" ({state})", "quiet"))
        if step.undo.reason and step.undo.reason not in step.undo.text:
            put_line(f"     {step.undo.reason}")
        for decision in step.undo.decisions:
            put_line(f"     {_told(decision)}")


def _put_proposal(proposal: ProposalRecord) -> None:
    part = f" ({proposal.part})" if proposal.part else ""
    put_line(f"   {proposal.text}{part}")
    for line in proposal.will_run:
        if line != proposal.text:
            put_line(Marked(f"     $ {line}" if proposal.changes else f"     {line}", "quiet"))
    if proposal.unattended:
        put_line("   asked nobody: a reviewed tag lets it run unattended")
    for decision in proposal.decisions:
        put_line(f"   {_told(decision)}")
    if proposal.outcome is not None:
        _put_outcome(proposal.outcome)


def _put_outcome(outcome: OutcomeRecord) -> None:
    style: Style = {"succeeded": "good", "failed": "bad"}.get(outcome.verdict, "careful")  # type: ignore[assignment]  # a literal of Style
    put_line("   ", Marked(outcome.verdict, style), f" (effect {outcome.effect}): {outcome.summary}")
    lines = outcome.output.strip("\n").split("\n") if outcome.output.strip() else []
    for line in lines[-MOST_OUTPUT_LINES:]:
        put_line(Marked(f"     | {line}", "quiet"))


MOST_OUTPUT_LINES = 12
"""The end of the output; all that is stored of it is in `export` and `--json`."""


def _told(decision: DecisionRecord) -> str:
    from bot.runs.report import DECISION_WORDS

    words = DECISION_WORDS[decision.kind]
    told = f"{words}: {decision.choice}" if decision.choice else words
    told += f" by {decision.by.called}" if decision.by else ""
    told += f" via {decision.via}" if decision.via else ""
    told += f" at {decision.at:%H:%M:%S}"
    told += f" ({', '.join(decision.changes)})" if decision.changes else ""
    return f"{told}: {decision.reason}" if decision.reason else told
