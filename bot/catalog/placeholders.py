"""The template syntax alone: `{{ a.dotted.path }}`, and `\\{{` for the braces themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(r"(\\*)\{\{")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_REST = re.compile(r"[ \t]*(" + _PATH.pattern + r")[ \t]*\}\}")


@dataclass(frozen=True)
class Placeholder:
    """One `{{ path }}` and where it stands in the text."""

    path: str
    start: int


Segment = str | Placeholder


@dataclass(frozen=True)
class Template:
    """A text taken apart: literal pieces with placeholders between them, and what is wrong with it."""

    segments: tuple[Segment, ...]
    problems: tuple[str, ...] = ()

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Every placeholder, in order, repeats included."""
        return tuple(segment for segment in self.segments if isinstance(segment, Placeholder))

    @property
    def lone(self) -> Placeholder | None:
        """The placeholder when it is the whole text, and only then."""
        only = self.segments[0] if len(self.segments) == 1 else None
        return only if isinstance(only, Placeholder) else None


def parse(text: str) -> Template:
    """Take `text` apart once. What is not a dotted path between braces is a problem, never a guess."""
    segments: list[Segment] = []
    problems: list[str] = []
    literal = ""
    position = 0
    while found := _OPENING.search(text, position):
        literal += text[position : found.start()]
        slashes = found.group(1)
        if len(slashes) % 2:
            # An odd backslash belongs to the braces and goes away with its work done.
            literal += slashes[1:] + "{{"
            position = found.end()
            continue
        literal += slashes
        rest = _REST.match(text, found.end())
        if rest is None:
            problems.append(_not_a_path(text, found.end()))
            literal += "{{"
            position = found.end()
            continue
        if literal:
            segments.append(literal)
            literal = ""
        segments.append(Placeholder(path=rest.group(1), start=found.start() + len(slashes)))
        position = rest.end()
    literal += text[position:]
    if literal:
        segments.append(literal)
    return Template(segments=tuple(segments), problems=tuple(problems))


def references(text: str) -> list[str]:
    """The dotted paths that `text` asks for, each once, in the order they appear."""
    return list(dict.fromkeys(placeholder.path for placeholder in parse(text).placeholders))


def _not_a_path(text: str, position: int) -> str:
    end = text.find("}}", position)
    inner = text[position : end if end >= 0 else position + 40].strip()
    if end < 0:
        return f"{{{{ {inner} is never closed with }}}}"
    return (
        f"{{{{ {inner} }}}} is not a dotted path such as params.replicas;"
        " nothing else can stand there, and \\{{ writes the braces themselves"
    )
