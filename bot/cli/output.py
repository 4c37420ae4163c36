"""How every command prints: results on stdout, words about them on stderr, one promise for the exit code.

    0     fine
    1     it ran and found problems
    2     it could not run
    130   ended by Ctrl-C, 141 by a reader that went away: what a shell says of a program ended by that signal

A table has rules and colour on a terminal, and is plain text in aligned columns anywhere else, so that `grep`,
`awk` and a golden file see the same on every machine. `--json` prints one JSON value instead. Colour is never the
only bearer of meaning, and goes away with NO_COLOR, on a dumb terminal and in a pipe; rich, which knows all that,
is imported only when something is printed on a terminal. Text from outside (titles, output of hosts) cannot steer
the terminal: control characters are made visible here, whatever command prints them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

import click

from bot.errors import BotError, CatalogError

if TYPE_CHECKING:
    from rich.console import Console

FINE, FOUND_PROBLEMS, COULD_NOT_RUN = 0, 1, 2
INTERRUPTED, NOBODY_READS = 130, 141

Style = Literal["", "good", "bad", "careful", "quiet", "strong"]
Cell: TypeAlias = "str | int | float | Marked | None"

_STYLES = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "careful": "yellow",
    "quiet": "dim",
    "strong": "bold",
}
# C0 and C1 controls apart from tab and newline, and the marks that reorder text (Unicode TR36).
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_GAP = "  "
_RULED_GAP = "   "
_LONGEST_UNBROKEN = 30

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
"""The one spelling of the option; the command gets `as_json`."""


@dataclass(frozen=True)
class Marked:
    """Text with a meaning that colour supports where there is colour."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Column:
    """One column of a table: its heading, and whether it holds numbers (then it is set to the right)."""

    name: str
    is_number: bool = False


def put(text: str, *, end: str = "\n") -> None:
    """A result, exactly as it is but for control characters."""
    click.echo(visible(text) + end, nl=False, color=False)


def tell(text: str) -> None:
    """Words about a result, to stderr."""
    click.echo(visible(text), err=True, color=False)


def put_json(value: Any) -> None:
    """A result as one JSON value, indented; what JSON does not know (times, paths) as text."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    click.echo(_STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text), color=False)


def put_line(*parts: str | Marked, to_stderr: bool = False) -> None:
    """One line of parts, the marked ones in colour on a terminal."""
    stream = sys.stderr if to_stderr else sys.stdout
    if not is_terminal(stream):
        click.echo("".join(_text(part) for part in parts), err=to_stderr, color=False)
        return
    from rich.text import Text

    line = Text()
    for part in parts:
        line.append(_text(part), style=_style(part))
    _console(stream).print(line, soft_wrap=True)


def put_table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, empty: str = "") -> None:
    """A table as a result; with no rows, `empty` is told instead and stdout stays without a line."""
    cells = [list(row) for row in rows]
    if not cells:
        if empty:
            tell(empty)
        return
    if is_terminal(sys.stdout):
        _put_seen(columns, cells)
    else:
        _put_aligned(columns, cells)


def put_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Names and values, one a line, the values under each other; a value of several lines stays in its column."""
    known = [(name, value) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        first, *rest = _text(value).split("\n")
        put_line(Marked(f"{name:<{width}}", "quiet"), _GAP, Marked(first, _own_style(value)))
        for line in rest:
            put_line(" " * (width + len(_GAP)), line)


def put_markdown(text: str) -> None:
    """A page: laid out on a terminal, as it is written anywhere else."""
    if not is_terminal(sys.stdout):
        put(text, end="")
        return
    from rich.markdown import Markdown

    _console(sys.stdout).print(Markdown(visible(text), code_theme="ansi_dark"))


def put_heading(text: str) -> None:
    """A line above what belongs together."""
    put_line(Marked(text, "strong"))


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person looks at this stream; nobody does where it was closed before we began."""
    return stream is not None and stream.isatty()


def visible(text: str) -> str:
    """Text whose control characters are written out, so that it cannot move the cursor or hide what follows."""
    return _STEERING.sub(lambda found: f"\\x{ord(found.group()):02x}", text.replace("\r\n", "\n"))


def report(error: BotError) -> int:
    """Say an expected error on stderr, its problems first and its hint last; the exit code that fits."""
    problems = error.problems if isinstance(error, CatalogError) else ()
    for problem in problems:
        tell(str(problem))
    put_line(Marked(error.message, "bad"), to_stderr=True)
    if error.hint and not problems:  # a catalog's hint is how to see the problems, which were just shown
        put_line(Marked("hint: ", "quiet"), error.hint, to_stderr=True)
    return COULD_NOT_RUN


def _text(cell: Cell) -> str:
    match cell:
        case Marked():
            return visible(cell.text)
        case None:
            return "-"
        case float():
            return f"{cell:g}"
        case _:
            return visible(str(cell))


def _own_style(cell: Cell) -> Style:
    return cell.style if isinstance(cell, Marked) else ""


def _style(cell: Cell) -> str:
    return _STYLES[_own_style(cell)]


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _put_seen(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """A table where its words fit beside each other; where they do not, each row in lines of its own."""
    widths = _widths(columns, rows, room=_console(sys.stdout).width - len(_RULED_GAP) * (len(columns) - 1))
    if widths is None:
        _put_listed(columns, rows)
    else:
        _put_ruled(columns, rows, widths)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, room: int) -> list[int] | None:
    """How wide each column is, so that no word is broken; None where there is no room for that.

    rich would shrink what is wide until it fits, through the middle of dates and names, or leave a column out.
    """
    cells = [[_text(row[at]) for row in rows] for at in range(len(columns))]
    texts = [[column.name, *below] for column, below in zip(columns, cells, strict=True)]
    widths = [min(max(map(_longest_word, column)), _LONGEST_UNBROKEN) for column in texts]
    if sum(widths) > room:
        return None
    for seen in (cells, texts):  # a heading may take two lines where that keeps a cell in one
        _grow(widths, [max(len(line) for text in one for line in text.split("\n")) for one in seen], room)
    return widths


def _grow(widths: list[int], wanted: Sequence[int], room: int) -> None:
    """Hand out the room; what lacks least is done first: a date in one line is worth more than a sentence in two."""
    while sum(widths) < room:
        lacking = [at for at, width in enumerate(widths) if width < wanted[at]]
        if not lacking:
            return
        widths[min(lacking, key=lambda at: wanted[at] - widths[at])] += 1


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _put_ruled(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], widths: Sequence[int]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        table.add_column(column.name, justify=justify, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(Text(_text(cell), style=_style(cell)) for cell in row))
    _console(sys.stdout).print(table)


def _put_listed(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """The first column as a heading, the others named below it; what is empty is left out."""
    from rich.padding import Padding
    from rich.text import Text

    console = _console(sys.stdout)
    for first, *others in rows:
        console.print(Text(_text(first), style=f"bold {_style(first)}".strip()))
        told = Text()
        for column, cell in zip(columns[1:], others, strict=True):
            if cell is not None and _text(cell) not in ("", "-"):
                told.append(f"{', ' if told else ''}{column.name} ", style=_STYLES["quiet"])
                told.append(_text(cell), style=_style(cell))
        console.print(Padding(told, (0, 0, 0, len(_GAP))))


def _put_aligned(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    """One line a row: a pipe has no width, so nothing is cut and nothing wraps."""
    lines = [[column.name for column in columns]]
    lines += [[" ".join(_text(cell).split()) or "-" for cell in row] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        padded = (
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        )
        click.echo(_GAP.join(padded).rstrip(), color=False)
