"""`runbookctl stats`: which actions people always take as they are, and which they do not."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.catalog import also_called
from bot.cli.completion import actions, services
from bot.cli.export import write
from bot.cli.journal import MOMENT, journal_option, reading
from bot.cli.output import (
    Cell,
    Column,
    Marked,
    is_terminal,
    json_option,
    put_heading,
    put_json,
    put_line,
    put_table,
    tell,
)

if TYPE_CHECKING:
    from bot.engine.records import Records
    from bot.intake.trust import ClassNumbers
    from bot.journal.sqlite import SqliteJournal
    from bot.runs.statistics import ActionNumbers, Statistics

_COUNTS = (
    ("steps", "steps"),
    ("unchanged", "unchanged"),
    ("edited", "edited"),
    ("rejected", "rejected"),
    ("skipped", "skipped"),
    ("overridden", "overridden"),
    ("unattended", "unattended"),
    ("failed", "failed"),
    ("unknown", "unknown"),
    ("rolled back", "rolled_back"),
    ("by hand", "manual"),
)
"""Heading and field; a count of nothing stays an empty cell's dash, so that what is there can be seen."""


@click.command()
@click.option("--service", default="", shell_complete=services, help="Only for this service.")
@click.option(
    "--action", default="", shell_complete=actions, help="Only this action (an inline step is RUNBOOK/STEP)."
)
@click.option("--since", type=MOMENT, help="Only steps since: 90d, 2026-10-01.")
@click.option(
    "--at-least", type=click.IntRange(1), help="Approvals before an action is a candidate.  [default: 10]"
)
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file, as a PNG."
)
@journal_option
@json_option
def stats(
    *,
    service: str,
    action: str,
    since: datetime | None,
    at_least: int | None,
    picture: Path | None,
    path: Path | None,
    as_json: bool,
) -> None:
    """Count what became of each action: approved unchanged, edited, rejected, undone, and how long people took.

    An action that people always approved unchanged, often enough and without any trouble, is named as a candidate for
    running without a decision; whether to tag it is decided in Git. Below stands how often diagnoses were right, by the
    class of failure they named.
    """
    from bot.journal.base import NumbersQuery
    from bot.runs.statistics import CANDIDATE_FROM

    query = NumbersQuery(since=since, service=service, action=action)

    async def work(_: SqliteJournal, records: Records) -> tuple[Statistics, tuple[ClassNumbers, ...]]:
        counted = await records.statistics(query, candidate_from=at_least or CANDIDATE_FROM)
        return counted, () if action else await records.trust(since=since, service=query.service)

    found, classes = reading(path, work)
    if not found.actions and not classes and (name := also_called(service)):
        query = replace(query, service=name)
        found, classes = reading(path, work)
    if picture is not None:
        _draw(found, picture)
    if as_json:
        put_json(
            {
                "actions": [asdict(one) for one in found.actions],
                "candidates": [one.action for one in found.candidates],
                "diagnoses": [asdict(one) for one in classes],
            }
        )
        return
    _put(found, empty="no step fits" if service or action or since else "no step yet")
    _put_classes(classes)


def _put_classes(classes: Sequence[ClassNumbers]) -> None:
    """How right diagnoses were, class by class; nothing where none was made."""
    if not classes:
        return
    put_line()
    put_heading("Diagnoses by what they named, and what people said of them")
    put_table(_CLASSES, [_class_row(one) for one in classes], empty="")
    enough = [one.finding for one in classes if not one.shortfalls()]
    if enough:
        put_line()
        put_heading("Right often enough to let a runbook begin by itself: runbookctl promote --finding")
        for name in enough:
            put_line("  ", Marked(name, "good"))


def _class_row(one: ClassNumbers) -> tuple[Cell, ...]:
    from bot.runs.statistics import bar

    share = f"{bar(one.right_share, width=6)} {one.right} of {one.judged}" if one.judged else None
    return (
        Marked(one.finding, "good" if not one.shortfalls() else ""),
        one.made,
        share,
        one.right_when_certain or None,
        one.missed or None,
        ", ".join(f"{count} × {name}" for name, count in one.really) or None,
    )


_CLASSES = (
    Column("named"),
    Column("made", is_number=True),
    Column("right, of those judged"),
    Column("when certain", is_number=True),
    Column("missed", is_number=True),
    Column("what it really was"),
)


def _draw(found: Statistics, file: Path) -> None:
    from bot.engine.chart import draw

    if not found.actions:
        tell(f"nothing to draw: {file} was not written")
        return
    write(file, draw(found))
    tell(f"wrote {file}")


def _put(found: Statistics, *, empty: str) -> None:
    if is_terminal(sys.stdout):
        put_table(_SEEN, [_seen(one, found) for one in found.actions], empty=empty)
    else:
        put_table(_COUNTED, [tuple(_counted(one)) for one in found.actions], empty=empty)
    if found.candidates:
        put_line()
        put_heading("Always approved unchanged, never any trouble: candidates to tag as safe")
        for one in found.candidates:
            put_line(
                "  ",
                Marked(one.action, "good"),
                f", {'once' if one.unchanged == 1 else f'{one.unchanged} times'}",
            )


_SEEN = (
    Column("action"),
    Column("steps", is_number=True),
    Column("approved unchanged"),
    Column("decided in (9 in 10)"),
    Column("what else"),
)
_COUNTED = (
    Column("action"),
    *(Column(name, is_number=True) for name, _ in _COUNTS),
    Column("median", is_number=True),
    Column("9 in 10", is_number=True),
)


def _seen(one: ActionNumbers, found: Statistics) -> tuple[Cell, ...]:
    """For a person: a bar for the share, words for the rest."""
    from bot.runs.duration import duration
    from bot.runs.statistics import bar, exceptions

    is_candidate = one.is_candidate(at_least=found.candidate_from)
    share = (
        f"{bar(one.unchanged_share, width=6)} {one.unchanged} of {one.decided}" if one.decided > 0 else None
    )
    return (
        Marked(one.action, "good" if is_candidate else ""),
        one.steps,
        share,
        f"{duration(one.median_decide_s)} ({duration(one.p90_decide_s or 0)})"
        if one.median_decide_s is not None
        else None,
        exceptions(one) or None,
    )


def _counted(one: ActionNumbers) -> Iterator[Cell]:
    """For a pipe: every count in a column of its own."""
    from bot.runs.duration import duration

    yield one.action
    for _, name in _COUNTS:
        yield getattr(one, name) or None
    for time_s in (one.median_decide_s, one.p90_decide_s):
        yield duration(time_s) if time_s is not None else None
