"""One file of the catalog as plain data in which every value still knows its line and column.

YAML and JSON end up alike: dicts with text keys, lists, text, numbers, true, false and null. What a file may
cost is bounded (nesting, nodes after aliases are followed) before anything looks at its content.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.errors import Problem

DEPTH_LIMIT = 40
NODE_LIMIT = 20_000

Location = tuple[str | int, ...]
Mark = tuple[int, int]
"""Line and column, both from 1."""


@dataclass
class Document:
    """A file's data, where each value and key stands, and what was wrong with it so far."""

    path: str
    """As shown in problems: relative to the catalog's folder, with the folder's name as given."""
    data: Any = None
    values: dict[Location, Mark] = field(default_factory=dict)
    keys: dict[Location, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    text: str = ""
    """What the file says, for finding a place inside a long value."""

    def mark(self, location: Sequence[str | int], *, of_key: bool = False) -> Mark:
        """The place of a value (or of its key); of the closest thing around it when it is not there."""
        known: Location = ()
        for part in location:
            deeper = (*known, part)
            if deeper in self.values:
                known = deeper
        if of_key and known in self.keys:
            return self.keys[known]
        return self.values.get(known, (1, 1))

    def mark_of(self, location: Sequence[str | int], words: str) -> Mark:
        """The place of `words` inside a value's own text; the value's place when they are not found there."""
        start = self.mark(location)
        lines = Lines(self.text)
        found = self.text.find(words, lines.offset(start))
        if found < 0:
            return start
        mark = lines.mark(found)
        nearest = min((other for other in self.values.values() if other > start), default=None)
        return mark if nearest is None or mark < nearest else start

    def mark_in(self, location: Sequence[str | int], line: int, column: int) -> Mark:
        """The place of a line and column (from 1) of a value that is text."""
        value: Any = self.data
        for part in location:
            value = value[part]
        written = str(value).split("\n")[line - 1 : line]
        words = written[0].strip() if written else ""
        start = self.mark(location)
        found = self.mark_of(location, words) if words else start
        if found == start and line > 1:
            return start
        indent = len(written[0]) - len(written[0].lstrip()) if written else 0
        return found[0], found[1] + max(0, column - 1 - indent)

    def report(
        self,
        code: str,
        message: str,
        location: Sequence[str | int] = (),
        *,
        hint: str = "",
        of_key: bool = False,
    ) -> None:
        """Note a problem at a place in this file."""
        self.report_at(code, message, self.mark(location, of_key=of_key), hint=hint)

    def report_at(self, code: str, message: str, mark: Mark, *, hint: str = "") -> None:
        """Note a problem at a line and column."""
        self.problems.append(
            Problem(path=self.path, line=mark[0], column=mark[1], code=code, message=message, hint=hint)
        )


class NotReadable(Exception):
    """Raised by the readers to stop at a place; `read_document` turns it into a problem."""

    def __init__(self, code: str, message: str, mark: Mark, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.mark = mark
        self.hint = hint


class Builder:
    """What both readers fill: data is theirs to make, counting and placing is done here."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def enter(self, location: Location, mark: Mark) -> None:
        """Count one value and remember its place. Raises NotReadable past the bounds."""
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            raise NotReadable("RB004", f"the file stands for more than {NODE_LIMIT:,} values", mark)
        if len(location) > DEPTH_LIMIT:
            raise NotReadable("RB004", f"nested deeper than {DEPTH_LIMIT} levels", mark)
        self.document.values[location] = mark

    def key(self, mapping: Mapping[str, Any], location: Location, key: str, mark: Mark) -> bool:
        """Remember a key's place; False, with a problem, when the mapping has it already."""
        if key in mapping:
            first = self.document.keys[(*location, key)]
            self.document.report_at(
                "RB003",
                f"{key!r} stands twice in this mapping",
                mark,
                hint=f"the first one is in line {first[0]}",
            )
            return False
        self.document.keys[(*location, key)] = mark
        return True


class Lines:
    """Offsets into a text as line and column."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def mark(self, offset: int) -> Mark:
        """The place of a character."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, mark: Mark) -> int:
        """The other way round."""
        line, column = mark
        return self._starts[min(line, len(self._starts)) - 1] + column - 1
