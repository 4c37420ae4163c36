"""Where a placeholder stands in a shell command: decided once, so that its value can only ever be a word.

A value goes into a command as one single-quoted piece, `'like this'`. That is safe exactly where the shell
reads the piece as a word of its own or as part of one, and nowhere else: inside `"…"` the quotes would be
text and `$(…)` in the value would run; after a `$` they would become `$'…'`, which has escapes of its own; in a
comment a newline in the value would end the comment. So the command is read here as POSIX sh would read it,
and a placeholder anywhere but in plain sight is a problem with a sentence.

Reading shell completely is not the aim. Where the grammar gets clever (backticks, here-documents, `$'…'`,
`case` inside `$(…)`, quotes inside `${…}`) and the command has a placeholder at all, the answer is a problem
too: what cannot be read with certainty is not approved. A command without placeholders is never judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_SIMPLE_EXPANSION = re.compile(r"\$\{[A-Za-z0-9_@*#?!-]+(?::?[-+=?][\w./:@%, -]*)?\}")
_SIMPLE_ARITHMETIC = re.compile(r"\$\(\([\w\s+*/%<>=!&|^~,?:-]*\)\)")
_WORD_BREAKS = frozenset(" \t\n;&|()<>")
_SHELL_PROGRAM = re.compile(r"(?:^|[/\s;&|('\"])(?:(?:ba|da|k|z|a)?sh|su)\s+(?:\S+\s+)*?-[A-Za-z]*c\s+\S*$")
# bash runs `$(…)` found in an array subscript, also when it arrives as data to one of these.
_EVAL = re.compile(
    r"(?:^|[\s;&|(])(?:(?:eval|trap|let|unset|read|declare|typeset|local|alias|source)\s"
    r"|(?:test|\[|printf)\s+-v\s)[^;&|\n]*$"
)
_SUBSCRIPT = re.compile(r"\w\[\S*$")


@dataclass(frozen=True)
class Slot:
    """The hole a placeholder leaves; `name` is only used in sentences."""

    name: str


@dataclass
class Reading:
    """What reading one command found."""

    problems: list[str] = field(default_factory=list)
    starts_word: list[bool] = field(default_factory=list)
    """One for each slot in order: no literal text stands before it in its word, so a dash would be an option."""


Piece = str | Slot
Char = str | Slot


def read(pieces: Sequence[Piece]) -> Reading:
    """Read a command with holes. Without any hole there is nothing to judge."""
    chars: list[Char] = []
    for piece in pieces:
        if isinstance(piece, Slot):
            chars.append(piece)
        else:
            chars.extend(piece)
    reader = _Reader(chars)
    if any(isinstance(char, Slot) for char in chars):
        reader.unquoted(closing="")
        _refuse_code(pieces, reader.reading)
    return reader.reading


def _refuse_code(pieces: Sequence[Piece], reading: Reading) -> None:
    """A quoted word is still run as code where a program is told to run its argument."""
    before = ""
    for piece in pieces:
        if isinstance(piece, str):
            before += piece
            continue
        if _SHELL_PROGRAM.search(before) or _EVAL.search(before) or _SUBSCRIPT.search(before):
            reading.problems.append(
                f"{{{{ {piece.name} }}}} would be run as code by the shell before it; pass it as a later argument"
            )
        before += "x"
    whole = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
    if re.search(r"\[\[\s|\(\(", whole.replace("$((", "")):
        reading.problems.append(
            "[[ … ]] and ((…)) beside a placeholder can run what the value says; use [ … ]"
        )


class _Reader:
    """A cursor over the characters; each method reads one context and leaves the cursor behind it."""

    def __init__(self, chars: list[Char]) -> None:
        self.chars = chars
        self.at = 0
        self.word_begun = False
        self.reading = Reading()

    def unquoted(self, *, closing: str, inside: str = "") -> None:
        """Plain shell up to `closing` (")" for a substitution, "" for the end of the text)."""
        self.word_begun, word_is_empty = False, True
        while self.at < len(self.chars):
            char = self.chars[self.at]
            if isinstance(char, Slot):
                self._slot(char, inside=inside, starts_word=word_is_empty)
                self.word_begun = True
                continue
            if closing and char == closing:
                self.at += 1
                self.word_begun = True
                return
            if char == "#" and not self.word_begun:
                self._comment()
            elif char == "(" and closing:
                # A group inside a substitution has a `)` of its own.
                self.at += 1
                self.unquoted(closing=")", inside=inside)
                self.word_begun, word_is_empty = False, True
            elif char in _WORD_BREAKS:
                self._break(char)
                self.word_begun, word_is_empty = False, True
            else:
                word_is_empty = self._word_piece(char, inside=inside) and word_is_empty
        if closing:
            self._problem("a `$(` is never closed")

    def _word_piece(self, char: str, *, inside: str) -> bool:
        """One piece of a word; True when it puts no text of its own into the word (quotes alone)."""
        if char == "\\" and self._peek(1) == "\n":
            self.at += 2
            return True
        if inside and not self.word_begun and self._is_case_word():
            self._problem("`case` inside $(…) beside a placeholder cannot be read with certainty")
        self.word_begun = True
        if char == "'":
            return self._single(inside=inside)
        if char == '"':
            return self._double(inside=inside)
        if char == "\\":
            self._escape()
            return False
        if char == "`":
            self._problem("backticks beside a placeholder cannot be read with certainty; write $(…)")
            self.at += 1
            return False
        if char == "$":
            self._dollar(in_double=False)
            return False
        self.at += 1
        return False

    def _escape(self) -> None:
        if isinstance(self._peek(1), Slot):
            self._problem("a backslash stands right before a placeholder")
            self.at += 1
        else:
            self.at += 2

    def _slot(self, slot: Slot, *, inside: str, starts_word: bool) -> None:
        self.reading.starts_word.append(starts_word)
        if inside:
            self._problem(f"{{{{ {slot.name} }}}} stands inside {inside}; move it out, as a word of its own")
        self.at += 1

    def _single(self, *, inside: str) -> bool:
        self.at += 1
        is_empty = True
        while self.at < len(self.chars):
            char = self.chars[self.at]
            if isinstance(char, Slot):
                self._slot(char, inside=inside or "'…' quotes", starts_word=False)
                continue
            self.at += 1
            if char == "'":
                return is_empty
            is_empty = False
        self._problem("a ' is never closed")
        return is_empty

    def _double(self, *, inside: str) -> bool:
        self.at += 1
        is_empty = True
        while self.at < len(self.chars):
            char = self.chars[self.at]
            if isinstance(char, Slot):
                self._slot(char, inside=inside or '"…" quotes', starts_word=False)
            elif char == '"':
                self.at += 1
                return is_empty
            elif char == "\\":
                self._escape()
            elif char == "`":
                self._problem("backticks beside a placeholder cannot be read with certainty; write $(…)")
                self.at += 1
            elif char == "$":
                self._dollar(in_double=True)
            else:
                self.at += 1
            is_empty = False
        self._problem('a " is never closed')
        return is_empty

    def _dollar(self, *, in_double: bool) -> None:
        following = self._peek(1)
        if isinstance(following, Slot):
            self._problem(f"a $ stands right before {{{{ {following.name} }}}}; quote or escape it")
            self.at += 1
        elif following == "(" and self._peek(2) == "(":
            self._whole(_SIMPLE_ARITHMETIC, "$((…))")
        elif following == "(":
            self.at += 2
            self.unquoted(closing=")", inside="$(…)")
        elif following == "{":
            self._whole(_SIMPLE_EXPANSION, "${…}")
        elif following in ("'", '"') and not in_double:
            self._problem(f"${following}…{following} beside a placeholder cannot be read with certainty")
            self.at += 1
        else:
            self.at += 1

    def _whole(self, pattern: re.Pattern[str], what: str) -> None:
        """Step over an expansion that is simple enough to be known whole."""
        text = "".join(char if isinstance(char, str) else "\0" for char in self.chars[self.at :])
        found = pattern.match(text)
        if found:
            self.at += found.end()
            return
        self._problem(f"this {what} beside a placeholder cannot be read with certainty; make it simpler")
        self.at += 2

    def _comment(self) -> None:
        while self.at < len(self.chars):
            char = self.chars[self.at]
            if isinstance(char, Slot):
                self._slot(char, inside="a comment", starts_word=False)
                continue
            if char == "\n":
                return
            self.at += 1

    def _break(self, char: str) -> None:
        if char == "<" and self._peek(1) == "<":
            self._problem("a here-document beside a placeholder cannot be read with certainty")
            self.at += 1
        self.at += 1

    def _is_case_word(self) -> bool:
        word = "".join(char for char in self.chars[self.at : self.at + 4] if isinstance(char, str))
        return word == "case"

    def _peek(self, distance: int) -> Char | None:
        position = self.at + distance
        return self.chars[position] if position < len(self.chars) else None

    def _problem(self, text: str) -> None:
        if text not in self.reading.problems:
            self.reading.problems.append(text)
