"""`runbookctl lint`: every problem of a catalog, one per line, as editors and CI understand them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli.main import COULD_NOT_RUN, FINE, FOUND_PROBLEMS


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("runbooks"))
@click.option("--strict", is_flag=True, help="Let warnings count as problems.")
def lint(path: Path, *, strict: bool) -> None:
    """Check the catalog in PATH (./runbooks when left out).

    Prints `path:line:column: CODE message` for each problem and exits with 1 if there is any, with 0 if there
    are only warnings, and with 2 if there is no catalog to check.
    """
    if not path.is_dir():
        what = "is a file, not the catalog's folder" if path.exists() else "does not exist"
        click.echo(f"cannot check {str(path)!r}: it {what}", err=True)
        sys.exit(COULD_NOT_RUN)

    from bot.actions.registry import input_models
    from bot.catalog.loader import check

    found = check(path, input_models())
    warnings = set(found.warnings)
    lines = []
    for problem in sorted((*found.problems, *found.warnings)):
        kind = "warning: " if problem in warnings else ""
        lines.append(
            f"{problem.path}:{problem.line}:{problem.column}: {problem.code} {kind}{problem.message}"
            + (f"\n    hint: {problem.hint}" if problem.hint else "")
        )
    if lines:
        click.echo("\n".join(lines))
    click.echo(
        f"{path}: {_count(found.files, 'file')}, {_count(len(found.problems), 'problem')}, "
        f"{_count(len(found.warnings), 'warning')}",
        err=True,
    )
    sys.exit(FOUND_PROBLEMS if found.problems or (strict and found.warnings) else FINE)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
