"""What `runbookctl lint` found, in the forms that people and programs read: text, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.catalog.codes import CODES, Severity, is_warning, page
from bot.cli.output import Marked, put, put_json, put_line
from bot.errors import Problem

if TYPE_CHECKING:
    from bot.catalog.loader import Checked

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def severity_of(problem: Problem) -> Severity:
    """Whether it keeps the catalog from being used."""
    return "warning" if is_warning(problem.code) else "error"


def everything(found: Checked) -> Sequence[Problem]:
    """Problems and warnings in the order of the files."""
    return sorted((*found.problems, *found.warnings))


def put_text(root: Path, found: Checked) -> None:  # noqa: ARG001 - all formats are called alike
    """`path:line:column: CODE message`, with its hint below."""
    for problem in everything(found):
        is_careful = is_warning(problem.code)
        put_line(
            Marked(f"{problem.path}:{problem.line}:{problem.column}:", "strong"),
            " ",
            Marked(problem.code, "careful" if is_careful else "bad"),
            " warning: " if is_careful else " ",
            problem.message,
        )
        if problem.hint:
            put_line(Marked(f"    hint: {problem.hint}", "quiet"))


def put_as_json(root: Path, found: Checked) -> None:
    """One object: what was read, and each problem with its severity and its code's title."""
    put_json(
        {
            "path": str(root),
            "files": found.files,
            "problems": [
                {
                    "path": problem.path,
                    "line": problem.line,
                    "column": problem.column,
                    "code": problem.code,
                    "severity": severity_of(problem),
                    "title": CODES[problem.code].title,
                    "message": problem.message,
                    "hint": problem.hint,
                }
                for problem in everything(found)
            ],
        }
    )


def put_github(root: Path, found: Checked) -> None:  # noqa: ARG001
    """Workflow commands, which GitHub shows at the lines of a pull request."""
    for problem in everything(found):
        where = {
            "file": _below_here(problem.path),
            "line": str(problem.line),
            "col": str(problem.column),
            "title": f"{problem.code} {CODES[problem.code].title}",
        }
        told = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
        properties = ",".join(f"{name}={_property(value)}" for name, value in where.items())
        put(f"::{severity_of(problem)} {properties}::{_data(told)}")


def put_sarif(root: Path, found: Checked) -> None:  # noqa: ARG001
    """One SARIF 2.1.0 log, for code scanning; the page of each code that was found is its rule's help."""
    problems = everything(found)
    codes = sorted({problem.code for problem in problems})
    driver = {"name": "runbookctl", "rules": [_rule(code) for code in codes]}
    if own := _version():
        driver["version"] = own
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, codes.index(problem.code)) for problem in problems],
    }
    put(json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2))


FORMATS: Mapping[str, Callable[[Path, Any], None]] = MappingProxyType(
    {"text": put_text, "json": put_as_json, "github": put_github, "sarif": put_sarif}
)


def _rule(code: str) -> dict[str, Any]:
    text = page(code)
    return {
        "id": code,
        "shortDescription": {"text": CODES[code].title},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": CODES[code].severity},
    }


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    told = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": severity_of(problem),
        # Braces hold places for arguments in a SARIF message, so literal ones are doubled (SARIF 2.1.0, 3.11.5).
        "message": {"text": told.replace("{", "{{").replace("}", "}}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(problem.path)},
                    "region": {"startLine": problem.line, "startColumn": problem.column},
                }
            }
        ],
    }


def _uri(path: str) -> str:
    """A path as SARIF names files: relative to where the tool ran, else a file URI."""
    shown = _below_here(path)
    return Path(shown).as_uri() if Path(shown).is_absolute() else quote(Path(shown).as_posix())


def _below_here(path: str) -> str:
    """The path as seen from the working directory, where it is below it: what a repository's viewer can open."""
    return str(Path(path).relative_to(Path.cwd())) if Path(path).is_relative_to(Path.cwd()) else path


def _data(text: str) -> str:
    """Text of a workflow command; a newline would end it and let the rest be read as another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _version() -> str:
    try:
        return version("runbook-bot")
    except PackageNotFoundError:  # run from a folder that was never installed
        return ""
