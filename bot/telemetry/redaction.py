"""The redaction that text passes before it is kept, shown or logged.

`Redactor` knows two kinds of secrets: the values this process was given (in the forms in which programs print
them: plain, URL-encoded, JSON-escaped, base64 also in the middle of something longer), and text that has the
shape of a credential. It errs to one side on purpose: a word too many is hidden, and a redacted output cannot
be used in a later step. Every pattern runs in time linear in the text: no unbounded repeat can start at more
than one place of the same stretch of text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

REDACTED = "[redacted]"
SHORTEST_VALUE = 4
"""A shorter value is not looked for: it would stand everywhere by chance."""

LINE_LIMIT = 65_536
"""A stream's line that grows longer is handed on in pieces, each redacted."""

_PRIVATE_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

# A value behind `password=`: quoted, or up to white space or a separator. Words that are no secret are let through.
_VALUE = (
    r"(?!\[redacted\]|\*{3}|(?:true|false|null|none|nil|yes|no)\b)"
    r"(?:\"(?:[^\"\\\n]|\\.)++\"|'[^'\n]++'|[^\s\"',;&)]{3,})"
)

# (pattern, replacement): what is kept around a secret stands in groups.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_PRIVATE_KEY_BEGIN.pattern + r"[\s\S]*?(?:" + _PRIVATE_KEY_END.pattern + r"|\Z)"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp|xwfp)-[A-Za-z0-9-]{10,}"), REDACTED),
    (
        re.compile(r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9/_-]{10,}"),
        r"\1" + REDACTED,
    ),
    (re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-)[A-Za-z0-9_-]{16,}"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:sk|rk)[-_](?:live_|test_|ant-|proj-)?[A-Za-z0-9_-]{20,}"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"), REDACTED),
    (
        re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?"),
        REDACTED,
    ),
    (
        re.compile(r"(?i)(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[a-z-]{3,12}\s{1,3})?)[^\s\"',]+"),
        r"\1" + REDACTED,
    ),
    (re.compile(r"(?i)(?<![a-z0-9])(bearer\s{1,3})[A-Za-z0-9._~+/=-]{12,}"), r"\1" + REDACTED),
    (re.compile(r"(?i)((?<![a-z0-9])(?:set-)?cookie:\s{0,3})[^\n]+"), r"\1" + REDACTED),
    (re.compile(r"(://[^\s/@:]{0,128}:)[^\s/@]{1,256}(?=@)"), r"\1" + REDACTED),
    (
        re.compile(
            r"(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"
            r"[a-z0-9_-]{0,24}[\"']?\s{0,3}[=:]\s{0,3})" + _VALUE
        ),
        r"\1" + REDACTED,
    ),
    (re.compile(r"(?i)(--(?:password|token|secret|api-key)\s{1,3})" + _VALUE), r"\1" + REDACTED),
)


class Redactor:
    """Takes secrets out of text. Made once, with every value that must never be shown."""

    def __init__(self, values: Iterable[str] = (), *, patterns: Iterable[str] = ()) -> None:
        """`patterns` are further regular expressions whose whole match is hidden; keep them linear."""
        forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
        known = re.compile("|".join(re.escape(form) for form in forms)) if forms else None
        own = tuple((re.compile(pattern), REDACTED) for pattern in patterns)
        self._rules = (*(((known, REDACTED),) if known else ()), *own, *_SHAPES)

    def redact(self, text: str) -> tuple[str, bool]:
        """The text with every secret replaced, and whether there was any."""
        count = 0
        for pattern, replacement in self._rules:
            text, found = pattern.subn(replacement, text)
            count += found
        return text, bool(count)

    def lines(self) -> RedactedLines:
        """For text that arrives in pieces."""
        return RedactedLines(self)

    def tree(self, value: Any) -> Any:
        """The same for every text in a tree of mappings and lists; other values stay."""
        if isinstance(value, str):
            return self.redact(value)[0]
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value


class RedactedLines:
    """Redacts a stream without showing a secret in halves: whole lines only, private keys across lines."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._rest = ""
        self._is_in_key = False
        self.was_redacted = False

    def feed(self, text: str) -> str:
        """What can be shown by now, ending with a line's end (or a piece of an endless line)."""
        pending = self._rest + text
        end = pending.rfind("\n") + 1
        if len(pending) - end > LINE_LIMIT:
            # White space is no part of a credential, so a cut there cannot halve one.
            space = max(pending.rfind(" ", end), pending.rfind("\t", end)) + 1
            end = space or len(pending)
        ready, self._rest = pending[:end], pending[end:]
        return self._shown(ready)

    def finish(self) -> str:
        """What was still held back."""
        ready, self._rest = self._rest, ""
        return self._shown(ready)

    def _shown(self, text: str) -> str:
        if not text:
            return ""
        if self._is_in_key:
            end = _PRIVATE_KEY_END.search(text)
            if end is None:
                return ""
            text = text[end.end() :]
        begins = [match.end() for match in _PRIVATE_KEY_BEGIN.finditer(text)]
        self._is_in_key = bool(begins) and _PRIVATE_KEY_END.search(text, begins[-1]) is None
        shown, found = self._redactor.redact(text)
        self.was_redacted = self.was_redacted or found
        # An unfinished key swallows the end of its line; the reader still gets the line's end.
        return shown + "\n" if self._is_in_key and not shown.endswith("\n") else shown


def _forms(value: str) -> Iterator[str]:
    """The ways a program may print a secret value."""
    pieces = [value, *(line for line in value.splitlines() if len(line) >= 2 * SHORTEST_VALUE)]
    for piece in (one.strip() for one in pieces):
        if len(piece) < SHORTEST_VALUE:
            continue
        yield piece
        yield quote(piece, safe="")
        yield quote(piece)
        yield json.dumps(piece)[1:-1]
        yield json.dumps(piece, ensure_ascii=False)[1:-1]
        yield from (form for form in _base64_forms(piece.encode()) if len(form) >= 2 * SHORTEST_VALUE)


def _base64_forms(value: bytes) -> Iterator[str]:
    """The characters that only `value` decides, for each of the three places it can start at (`user:pass`)."""
    for offset in range(3):
        padded = b"\0" * offset + value
        first = (offset * 8 + 5) // 6
        last = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode()[first:last]
