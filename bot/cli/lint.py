"""`runbookctl lint`: every problem of a catalog, as people, editors and CI read it, and the page of each code."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli.catalog import path_argument
from bot.cli.completion import codes
from bot.cli.output import (
    COULD_NOT_RUN,
    FINE,
    FOUND_PROBLEMS,
    Column,
    Marked,
    is_terminal,
    json_option,
    put_markdown,
    put_table,
    tell,
)
from bot.errors import BadInput

ALL = "all"


@click.command()
@path_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="github: annotations of a pull request; sarif: SARIF 2.1.0 for code scanning.",
)
@json_option
@click.option("--strict", is_flag=True, help="Let warnings count as problems.")
@click.option(
    "--explain",
    metavar="CODE",
    shell_complete=codes,
    help="Show the page of one code (`all` lists them) instead of checking.",
)
@click.pass_context
def lint(
    context: click.Context, path: Path, *, form: str, as_json: bool, strict: bool, explain: str | None
) -> None:
    """Check the catalog in PATH (that of BOT_CATALOG or ./runbooks when left out).

    Prints `path:line:column: CODE message` for each problem and exits with 1 if there is any, with 0 if there
    are only warnings, and with 2 if there is no catalog to check.
    """
    if explain is not None:
        _explain(explain)
        return
    if not path.is_dir():
        what = "is a file, not the catalog's folder" if path.exists() else "does not exist"
        tell(f"cannot check {str(path)!r}: it {what}")
        tell("hint: name the catalog's folder, or set BOT_CATALOG")
        context.exit(COULD_NOT_RUN)

    from bot.actions.registry import input_models
    from bot.catalog.loader import check
    from bot.cli.lint_formats import FORMATS

    found = check(path, input_models())
    FORMATS["json" if as_json else form](path, found)
    tell(
        f"{path}: {_count(found.files, 'file')}, {_count(len(found.problems), 'problem')}, "
        f"{_count(len(found.warnings), 'warning')}"
    )
    if is_terminal(sys.stderr) and (found.problems or found.warnings):
        code = (*found.problems, *found.warnings)[0].code
        tell(f"`runbookctl lint --explain {code}` tells why that matters and how it is written instead")
    context.exit(FOUND_PROBLEMS if found.problems or (strict and found.warnings) else FINE)


def _explain(code: str) -> None:
    from bot.catalog.codes import CODES, page

    if code.lower() == ALL:
        rows = [
            (name, Marked(known.severity, "careful" if known.severity == "warning" else "bad"), known.title)
            for name, known in CODES.items()
        ]
        put_table((Column("code"), Column("severity"), Column("what")), rows)
        return
    if code.upper() not in CODES:
        raise BadInput(f"there is no code {code!r}", hint="`runbookctl lint --explain all` lists them")
    put_markdown(page(code.upper()))


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
