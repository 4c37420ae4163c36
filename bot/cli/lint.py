"""`runbookctl lint`: every problem of a catalog, one per line, as editors and CI understand them."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.output import COULD_NOT_RUN, FINE, FOUND_PROBLEMS, Marked, put_line, tell
from bot.errors import Problem


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("runbooks"))
@click.option("--strict", is_flag=True, help="Let warnings count as problems.")
@click.pass_context
def lint(context: click.Context, path: Path, *, strict: bool) -> None:
    """Check the catalog in PATH (./runbooks when left out).

    Prints `path:line:column: CODE message` for each problem and exits with 1 if there is any, with 0 if there
    are only warnings, and with 2 if there is no catalog to check.
    """
    if not path.is_dir():
        what = "is a file, not the catalog's folder" if path.exists() else "does not exist"
        tell(f"cannot check {str(path)!r}: it {what}")
        context.exit(COULD_NOT_RUN)

    from bot.actions.registry import input_models
    from bot.catalog.loader import check

    found = check(path, input_models())
    warnings = set(found.warnings)
    for problem in sorted((*found.problems, *found.warnings)):
        _put(problem, is_warning=problem in warnings)
    tell(
        f"{path}: {_count(found.files, 'file')}, {_count(len(found.problems), 'problem')}, "
        f"{_count(len(found.warnings), 'warning')}"
    )
    context.exit(FOUND_PROBLEMS if found.problems or (strict and found.warnings) else FINE)


def _put(problem: Problem, *, is_warning: bool) -> None:
    put_line(
        Marked(f"{problem.path}:{problem.line}:{problem.column}:", "strong"),
        " ",
        Marked(problem.code, "careful" if is_warning else "bad"),
        " warning: " if is_warning else " ",
        problem.message,
    )
    if problem.hint:
        put_line(Marked(f"    hint: {problem.hint}", "quiet"))


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
