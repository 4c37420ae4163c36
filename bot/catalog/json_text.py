"""JSON with places: the standard grammar, read by hand because the standard library forgets where things stood."""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONDecodeError, decoder
from typing import Any

from bot.catalog.source import DEPTH_LIMIT, Builder, Document, Lines, Location, NotReadable

_SPACE = re.compile(r"[ \t\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_NUMBER_LIMIT_CHARACTERS = 40
_scan_string: Callable[[str, int], tuple[str, int]] = vars(decoder)["scanstring"]
"""The standard library's own reader of quoted text, which type stubs do not know."""


def read(text: str, document: Document) -> None:
    """Read `text` into `document`. Raises NotReadable at the first place that is not JSON."""
    reader = _Reader(text, document)
    document.data = reader.value(())
    reader.skip_space()
    if reader.at < len(text):
        raise reader.wrong("something stands behind the end of the document")


class _Reader:
    def __init__(self, text: str, document: Document) -> None:
        self.text = text
        self.at = 0
        self.lines = Lines(text)
        self.builder = Builder(document)

    def wrong(self, message: str, *, hint: str = "") -> NotReadable:
        return NotReadable("RB002", f"this is not valid JSON: {message}", self.lines.mark(self.at), hint=hint)

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def peek(self) -> str:
        self.skip_space()
        return self.text[self.at : self.at + 1]

    def value(self, location: Location) -> Any:
        char = self.peek()
        # Checked before going down, so that no depth of brackets can exhaust the stack.
        if len(location) > DEPTH_LIMIT:
            raise NotReadable("RB004", f"nested deeper than {DEPTH_LIMIT} levels", self.lines.mark(self.at))
        self.builder.enter(location, self.lines.mark(self.at))
        if char == "{":
            return self._object(location)
        if char == "[":
            return self._array(location)
        if char == '"':
            return self._string()
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        return self._number()

    def _object(self, location: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        if self._ends("}"):
            return found
        while True:
            if self.peek() != '"':
                raise self.wrong('a key in "quotes" is expected', hint="there is no comma before a closing }")
            mark = self.lines.mark(self.at)
            key = self._string()
            is_new = self.builder.key(found, location, key, mark)
            if self.peek() != ":":
                raise self.wrong("a : is expected after the key")
            self.at += 1
            value = self.value((*location, key))
            if is_new:
                found[key] = value
            if self._ends("}"):
                return found
            self._comma("}")

    def _array(self, location: Location) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        if self._ends("]"):
            return found
        while True:
            found.append(self.value((*location, len(found))))
            if self._ends("]"):
                return found
            self._comma("]")

    def _ends(self, closing: str) -> bool:
        if self.peek() == closing:
            self.at += 1
            return True
        return False

    def _comma(self, closing: str) -> None:
        if self.peek() != ",":
            raise self.wrong(f"a , or {closing} is expected here")
        self.at += 1

    def _string(self) -> str:
        try:
            text, end = _scan_string(self.text, self.at + 1)
        except JSONDecodeError as error:
            self.at = error.pos
            raise self.wrong(error.msg[0].lower() + error.msg[1:]) from error
        if any("\ud800" <= char <= "\udfff" for char in text) or "\0" in text:
            raise self.wrong("the text has half a character or a NUL in it")
        self.at = end
        return text

    def _number(self) -> int | float:
        found = _NUMBER.match(self.text, self.at)
        if found is None or found.end() - self.at > _NUMBER_LIMIT_CHARACTERS:
            raise self.wrong(
                "a value is expected here", hint="text needs double quotes; comments do not exist in JSON"
            )
        self.at = found.end()
        return float(found.group()) if found.group(1) or found.group(2) else int(found.group())
