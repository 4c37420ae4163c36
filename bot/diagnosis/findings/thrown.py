"""What a program threw first, in the manner of its language: the cause of a chain, not where it was noticed last."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PREFIX = re.compile(
    r"^(?:\S*\d\d:\d\d:\d\d\S*\s+|\[[^\]]{0,60}\]:?\s*|(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL):?\s+|\d{4}[-/]\d\d[-/]\d\d\s+){1,5}"
)
"""A time, a level, a name in brackets: what a logging library puts before the words."""
_PYTHON = re.compile(r"^Traceback \(most recent call last\):")
_NATIVE = re.compile(
    r"^(panic: |fatal error: |terminate called after throwing|PHP Fatal error: |Unhandled exception\. "
    r"|\*\*\* stack smashing|Segmentation fault|SIGSEGV: )"
)
_RUST = re.compile(r"^thread '.*' (?:\(\d+\) )?panicked at (?P<place>.*?):?$")
_JAVA = re.compile(r"^(Exception in thread |Caused by: |(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error)\b)")
_JAVASCRIPT = re.compile(r"^(?:Uncaught )?\w*(?:Error|Exception)(?: \[\w+\])?: ")
_RUBY = re.compile(r"^\S+\.rb:\d+:in .*\((?:\w+::)*\w*(?:Error|Exception)\)$")
_FIELDS = ("exc_info", "exception", "stack_trace", "stacktrace", "stack", "error", "err", "msg", "message")


@dataclass(frozen=True, kw_only=True)
class Thrown:
    """What was thrown, in words, and the line of the log that says so."""

    words: str
    line: str


def plain(line: str) -> str:
    """Without colours."""
    return _ESCAPES.sub("", line)


def thrown(lines: Sequence[str]) -> Thrown | None:
    """The first exception or panic; None where the log shows none.

    Python prints the first exception of a chain first, Java the deepest cause last; Go and Rust begin with it.
    """
    flat = list(_flat(lines))
    for place, (text, line) in enumerate(flat):
        rest = flat[place + 1 :]
        if _PYTHON.match(text):
            return _python(rest) or Thrown(words=text, line=line)
        if rust := _RUST.match(text):
            said = next((one for one, _ in rest[:1] if one and not one.startswith("note: ")), "")
            words = f"{said} ({rust['place']})" if said else text
            return Thrown(words=words, line=rest[0][1] if said else line)
        if _NATIVE.match(text) or _RUBY.match(text):
            return Thrown(words=text, line=line)
        if _JAVA.match(text) and _has_frames(rest):
            deepest = [one for one in ((text, line), *rest) if one[0].startswith("Caused by: ")]
            words, said = deepest[-1] if deepest else (text, line)
            return Thrown(words=words.removeprefix("Caused by: "), line=said)
        if _JAVASCRIPT.match(text) and _has_frames(rest):
            return Thrown(words=text, line=line)
    return None


def _python(rest: Sequence[tuple[str, str]]) -> Thrown | None:
    """The line after the frames."""
    for text, line in rest:
        raw = plain(line)
        if text and not raw.startswith((" ", "\t", "|")) and not text.startswith(("File ", "^", "~")):
            return Thrown(words=text, line=line)
    return None


def _has_frames(rest: Sequence[tuple[str, str]]) -> bool:
    return any(text.startswith("at ") for text, _ in rest[:4])


def _flat(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every line as its words, with the line of the log it is from; of a line of JSON, the lines of its texts."""
    for line in lines:
        for text in _unfolded(plain(line)):
            yield _PREFIX.sub("", text).strip(), line


def _unfolded(line: str) -> list[str]:
    if not line.lstrip().startswith("{"):
        return [line]
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return [line]
    texts = (
        [told[field] for field in _FIELDS if isinstance(told.get(field), str)]
        if isinstance(told, dict)
        else []
    )
    return [part for text in texts for part in text.splitlines()] or [line]
