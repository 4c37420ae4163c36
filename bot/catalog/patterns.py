"""Regular expressions of the catalog: the one place that knows RE2, which searches in linear time whatever it is given.

`^` and `$` mean the start and end of a line, because outputs are lines.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from bot.errors import BadInput

_LENGTH_LIMIT = 1000
_LINES = "(?m)"
_MEMORY_LIMIT_BYTES = 4 * 1024 * 1024


class Pattern:
    """One compiled expression; `text` is as written."""

    def __init__(self, text: str, compiled: Any) -> None:
        self.text = text
        self._compiled = compiled

    def search(self, text: str) -> bool:
        """Whether the pattern occurs anywhere in `text`."""
        return self._compiled.search(_valid(text)) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether the pattern is the whole of `text`."""
        return self._compiled.fullmatch(_valid(text)) is not None


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Compile once; BadInput says in a sentence what this engine does not do."""
    if len(text) > _LENGTH_LIMIT:
        raise BadInput(f"the pattern is longer than {_LENGTH_LIMIT} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_LIMIT_BYTES
    try:
        return Pattern(text, re2.compile(_LINES + _valid(text), options))
    except re2.error as error:
        raise _refusal(text, error) from error


def _refusal(text: str, error: Exception) -> BadInput:
    words = error.args[0] if error.args else ""
    reason = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    if "(?" in reason and any(mark in text for mark in ("(?=", "(?!", "(?<=", "(?<!")):
        return BadInput(
            f"the pattern {text!r} looks ahead or behind, which patterns searched in linear time cannot do",
            hint="match the surrounding text as part of the pattern",
        )
    if "invalid escape sequence" in reason and any(f"\\{digit}" in text for digit in "123456789"):
        return BadInput(
            f"the pattern {text!r} refers back to a group, which patterns searched in linear time cannot do",
            hint="write the repeated text out, or use two patterns",
        )
    return BadInput(f"the pattern {text!r} cannot be read: {reason.replace(_LINES, '')}")


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
