"""`/runbook …`: what was typed as a value, and what is answered in words.

A command is quoted like in a shell. Slack's clients turn straight quotes and double dashes into typographic ones while
people type, and escape `& < >`; all of that is turned back first.
"""

from __future__ import annotations

import difflib
import html
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.catalog.schema import Runbook
from bot.errors import BadInput
from bot.journal.base import RunRow
from bot.runs.words import RUN_WORDS
from bot.slack import text

COMMAND = "/runbook"

Verb = Literal["start", "list", "status", "help"]
VERBS: tuple[Verb, ...] = ("start", "list", "status", "help")

MOST_LISTED = 40
ANSWER_LIMIT = 3500

_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})

HELP = (
    "*What I can do*\n"
    "• `/runbook list` shows every runbook\n"
    "• `/runbook start NAME` starts one; the first step is put before its approvers, nothing runs by itself\n"
    "• `/runbook start NAME param=value --env staging` with parameters; `--env` only checks the environment\n"
    "• `/runbook start NAME --dry-run` shows what would run and runs nothing\n"
    "• `/runbook status` shows the runs that are not over\n"
    "In a thread use the message shortcut *Start a runbook* instead: Slack offers no commands there."
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """What was asked for."""

    verb: Verb
    runbook: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    service: str = ""
    dry_run: bool = False


def parse(typed: str) -> Command:
    """What follows `/runbook`; raises `BadInput` that says what would have fitted."""
    words = _words(typed)
    if not words:
        return Command(verb="help")
    verb = words[0].lower()
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean /runbook {near[0]}?" if near else "/runbook help shows what there is"
        raise BadInput(f"there is no command {words[0]!r}", hint=hint)
    if verb != "start":
        if len(words) > 1:
            raise BadInput(f"/runbook {verb} takes nothing after it")
        return Command(verb=verb)
    return _start(words[1:])


def _words(typed: str) -> list[str]:
    plain = html.unescape(typed).translate(_STRAIGHT)
    try:
        words = shlex.split(plain)
    except ValueError as wrong:
        raise BadInput("a quote in this command is never closed", hint="close it, or leave it out") from wrong
    return [_dashes(word) for word in words]


def _dashes(word: str) -> str:
    """`—env` and `–env` as people meant them; a dash inside a word stays what it is."""
    return f"--{word[1:]}" if word[:1] in "—–" and len(word) > 1 else word


def _start(words: Sequence[str]) -> Command:
    names: list[str] = []
    given: dict[str, str] = {}
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word == "--dry-run":
            flags["dry-run"] = "yes"
        elif word.startswith("--"):
            name, sign, value = word[2:].partition("=")
            if name not in ("env", "service"):
                raise BadInput(
                    f"there is no option {word!r}", hint="there are --env, --service and --dry-run"
                )
            flags[name] = value if sign else next(rest, "")
            if not flags[name]:
                raise BadInput(f"--{name} needs a name after it")
        elif "=" in word and names:
            name, _, value = word.partition("=")
            if name in given:
                raise BadInput(f"{name!r} is given twice")
            given[name] = value
        else:
            names.append(word)
    if len(names) > 1:
        raise BadInput(
            f"it is not clear what {names[1]!r} is",
            hint="parameters are given as name=value, in quotes with spaces",
        )
    return Command(
        verb="start",
        runbook=names[0] if names else "",
        given=given,
        environment=flags.get("env", ""),
        service=flags.get("service", ""),
        dry_run="dry-run" in flags,
    )


def list_answer(runbooks: Sequence[Runbook]) -> str:
    """Every runbook with its first line of description."""
    if not runbooks:
        return "There is no runbook in the catalog."
    lines = [
        f"• {text.code(one.name)}" + (f" {text.value(one.description, 160)}" if one.description else "")
        for one in runbooks
    ]
    return _listed(f"*{text.count(len(lines), 'runbook')}*", lines)


def status_answer(rows: Sequence[tuple[RunRow, str]]) -> str:
    """The runs that are not over, each with the link to its thread where there is one."""
    if not rows:
        return "No run is open."
    return _listed(
        f"*{text.count(len(rows), 'run')} not over*", [_status_line(row, url) for row, url in rows]
    )


def _status_line(row: RunRow, url: str) -> str:
    name = text.link(url, row.runbook) if url else text.code(row.runbook)
    place = " in ".join(text.value(part, 80) for part in (row.service, row.environment) if part)
    what = f" on {place}" if place else ""
    mark = " (dry run)" if row.dry_run else ""
    return (
        f"• {name}{what}: {RUN_WORDS.get(row.status, row.status)}{mark}, since {text.moment(row.opened_at)}"
    )


def _listed(head: str, lines: Sequence[str]) -> str:
    shown = list(lines[:MOST_LISTED])
    while sum(map(text.size, shown)) + len(shown) > ANSWER_LIMIT:
        shown.pop()
    left = len(lines) - len(shown)
    more = [f"… and {left} more"] if left else []
    return "\n".join([head, *shown, *more])
