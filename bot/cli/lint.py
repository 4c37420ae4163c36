"""`runbookctl lint`: every problem of a catalog, as people, editors and CI read it, and the page of each code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from bot.catalog.loader import Checked

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

    PATH may also be one of its files: the whole is read, for nothing in it stands alone, and that file's problems are
    shown. Prints `path:line:column: CODE message` for each problem and exits with 1 if there is any, with 0 if there
    are only warnings, and with 2 if there is no catalog to check.
    """
    if explain is not None:
        _explain(explain)
        return
    folder = _folder_of(path)
    if folder is None:
        what = "is in no catalog's folder" if path.is_file() else "does not exist"
        tell(f"cannot check {str(path)!r}: it {what}")
        tell("hint: name the catalog's folder, or set BOT_CATALOG")
        context.exit(COULD_NOT_RUN)

    from bot.actions.registry import input_models
    from bot.catalog.loader import check
    from bot.cli.lint_formats import FORMATS

    whole = check(folder, input_models())
    found = whole if folder == path else _of(path, whole)
    FORMATS["json" if as_json else form](path, found)
    tell(
        f"{path}: {_count(found.files, 'file')}, {_count(len(found.problems), 'problem')}, "
        f"{_count(len(found.warnings), 'warning')}"
    )
    if elsewhere := len(whole.problems) - len(found.problems):
        tell(f"{folder}: {_count(elsewhere, 'problem')} in other files, so this catalog is not loaded")
    if is_terminal(sys.stderr) and (found.problems or found.warnings):
        code = (*found.problems, *found.warnings)[0].code
        tell(f"`runbookctl lint --explain {code}` tells why that matters and how it is written instead")
    context.exit(FOUND_PROBLEMS if found.problems or (strict and found.warnings) else FINE)


def _folder_of(path: Path) -> Path | None:
    """The catalog that a path is, or that it is a file of; None where there is none."""
    if path.is_dir():
        return path
    folder = path.parent.parent if path.parent.name == "actions" else path.parent
    is_one = any((folder / f"catalog{suffix}").is_file() for suffix in (".yaml", ".yml", ".json"))
    return folder if path.is_file() and is_one else None


def _of(file: Path, whole: Checked) -> Checked:
    """What was found in one of the files."""
    from dataclasses import replace

    at = file.resolve()
    problems, warnings = (
        tuple(one for one in some if Path(one.path).resolve() == at)
        for some in (whole.problems, whole.warnings)
    )
    return replace(whole, problems=problems, warnings=warnings, files=1)


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
