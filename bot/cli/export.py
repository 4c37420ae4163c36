"""`runbookctl export`: a run as a Markdown document."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.journal import journal_option
from bot.cli.output import put, tell
from bot.cli.run import record_named
from bot.errors import BadInput


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write it here."
)
@journal_option
def export(*, run_id: str, file: Path | None, path: Path | None) -> None:
    """Tell a run as a Markdown document: what happened, who decided it and why, what came of it.

    RUN is its id, or as many of its first letters as no other run shares.
    """
    from bot.runs.report import report

    document = report(record_named(path, run_id))
    if file is None:
        put(document, end="")
        return
    write(file, document.encode())
    tell(f"wrote {file}")


def write(file: Path, body: bytes) -> None:
    """The file with this in it; `BadInput` says why it cannot be."""
    try:
        file.write_bytes(body)
    except OSError as error:
        raise BadInput(f"{str(file)!r} cannot be written: {error.strerror}") from error
