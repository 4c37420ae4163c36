"""`/runbook …`: what was typed, as a value; what does not fit is refused with what would have.

A command is quoted like in a shell. Slack's clients turn straight quotes and double dashes into typographic ones while
people type, and escape `& < >`; all of that is turned back first.
"""

from __future__ import annotations

import difflib
import html
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from bot.errors import BadInput

COMMAND = "/runbook"

Verb = Literal[
    "start", "list", "show", "status", "cancel", "diagnose", "history", "stats", "simulate", "who", "help"
]
VERBS: tuple[Verb, ...] = get_args(Verb)

_STRAIGHT = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "\u00a0": " ", "\u202f": " "}
)
_APOSTROPHE = re.compile(r"(?<=\w)[’'](?=\w)")
_MASK = "\ue000"
"""Stands for an apostrophe inside a word (`isn't`) while quotes are read: nobody means a quote there."""
_SHOWN = 60
_NEAR = 0.75
_AS_NEAR = 0.1
"""`stauts` is `stats` with a letter too many, and `status` with two swapped."""

_IN_THE_THREAD = "a step is decided with the buttons of its message, in its thread or in my Home"
_UNDO = "what a run did is undone with the button at its end, in its thread"
_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("approve", "reject", "skip", "edit", "override"), _IN_THE_THREAD),
    **dict.fromkeys(("undo", "rollback", "revert"), _UNDO),
    **dict.fromkeys(("stop", "abort", "kill"), "did you mean `/runbook cancel`?"),
    **dict.fromkeys(("run", "execute"), "did you mean `/runbook start`?"),
    **dict.fromkeys(("dry-run", "plan"), "did you mean `/runbook start NAME --dry-run`?"),
    **dict.fromkeys(("approvers", "oncall"), "did you mean `/runbook who`?"),
    "ls": "did you mean `/runbook list`?",
    "export": "the button Export stands at the end of a run, in its thread",
}
"""What people type for it elsewhere, and where it is here: no spelling is near to these."""

USAGE = (
    "list | status | start NAME [key=value …] [--env E] [--dry-run] | show NAME | cancel | diagnose SERVICE | "
    'history | stats | simulate SERVICE "SYMPTOM" | who | help'
)
HELP = (
    "*What I can do*\n"
    "• `/runbook list` shows every runbook, `/runbook show NAME` what one does, who may approve it and how it went\n"
    "• `/runbook start NAME` starts one; what it must know is asked for. The first step is put before its "
    "approvers, nothing runs by itself\n"
    "• `/runbook start NAME param=value --env staging` with parameters; `--env` only checks the environment\n"
    "• `/runbook start NAME --dry-run` shows what would run and runs nothing\n"
    "• `/runbook status` shows the runs that are not over, `/runbook cancel` stops one of this channel\n"
    "• `/runbook diagnose SERVICE` reads what is wrong with it and reports in its thread; it changes nothing\n"
    "• `/runbook history` or `/runbook history SERVICE` shows how runs ended and who decided\n"
    "• `/runbook stats` or `/runbook stats SERVICE` counts how often people took each action as it was\n"
    '• `/runbook simulate SERVICE "SYMPTOM"` plays a page through and touches nothing; `--fail-at STEP` lets one fail\n'
    "• `/runbook who` shows who may approve what in this channel, `/runbook who SERVICE` for one service\n"
    "In a thread, where Slack offers no commands, mention me with what is wrong, or use the message shortcut "
    "*Start a runbook*."
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
    run: str = ""
    """The beginning of a run's id."""
    symptom: str = ""
    fail_at: str = ""
    """The name of a step."""


def parse(typed: str, *, runbooks: Sequence[str] = ()) -> Command:
    """What follows `/runbook`; raises `BadInput` that says what would have fitted. `runbooks` are those there are."""
    words = _words(typed)
    if not words:
        return Command(verb="help")
    verb = words[0].lower()
    read = _READERS.get(verb)
    if read is None:
        raise BadInput(f"there is no command {words[0][:_SHOWN]!r}", hint=_meant(words[0], runbooks))
    return read(words[1:])


def _meant(word: str, runbooks: Sequence[str]) -> str:
    if word.lower() in _INSTEAD:
        return _INSTEAD[word.lower()]
    if word in runbooks:
        return f"`/runbook start {word}` starts that runbook, `/runbook show {word}` tells about it"
    begun = [verb for verb in VERBS if len(word) > 1 and verb.startswith(word.lower())]
    near = begun or _as_near(word.lower())
    meant = " or ".join(f"`/runbook {verb}`" for verb in near[:2])
    return f"did you mean {meant}?" if near else "`/runbook help` shows what there is"


def _as_near(word: str) -> list[Verb]:
    """The verbs most like this word, best first; two that are nearly as near both, as a guess helps nobody."""
    ratio = {verb: difflib.SequenceMatcher(None, verb, word).ratio() for verb in VERBS}
    best = max(ratio.values())
    near = [verb for verb in VERBS if ratio[verb] >= max(_NEAR, best - _AS_NEAR)]
    return sorted(near, key=lambda verb: -ratio[verb])


def _words(typed: str) -> list[str]:
    plain = _APOSTROPHE.sub(_MASK, html.unescape(typed).replace(_MASK, "")).translate(_STRAIGHT)
    try:
        words = shlex.split(plain)
    except ValueError as wrong:
        raise BadInput("a quote in this command is never closed", hint="close it, or leave it out") from wrong
    return [_dashes(word.replace(_MASK, "'")) for word in words]


def _dashes(word: str) -> str:
    """`—env` and `–env` as people meant them; a dash inside a word stays what it is."""
    return f"--{word[1:]}" if word[:1] in "—–" and len(word) > 1 else word


# ------------------------------------------------------------ what each verb takes


def _alone(verb: Verb) -> Callable[[Sequence[str]], Command]:
    def read(words: Sequence[str]) -> Command:
        if words and verb != "help":
            raise BadInput(f"/runbook {verb} takes nothing after it")
        return Command(verb=verb)

    return read


def _show(words: Sequence[str]) -> Command:
    if not words:
        raise BadInput("it is not said which runbook to show", hint="`/runbook list` shows them all")
    return Command(verb="show", runbook=_one(words, "show takes the name of one runbook"))


def _diagnose(words: Sequence[str]) -> Command:
    if words[:1] == ["--service"]:
        words = words[1:]
    if not words:
        raise BadInput("it is not said what to look into", hint="like `/runbook diagnose payments`")
    service = _one(words, "diagnose takes the name of one service")
    return Command(verb="diagnose", service=service.removeprefix("--service="))


def _of_service(verb: Verb) -> Callable[[Sequence[str]], Command]:
    def read(words: Sequence[str]) -> Command:
        if words[:1] == ["--service"]:
            words = words[1:]
        service = _one(words, f"{verb} takes the name of one service, or nothing") if words else ""
        return Command(verb=verb, service=service.removeprefix("--service="))

    return read


def _cancel(words: Sequence[str]) -> Command:
    return Command(
        verb="cancel", run=_one(words, "cancel takes the id of one run, or nothing") if words else ""
    )


def _one(words: Sequence[str], what: str) -> str:
    if len(words) > 1:
        raise BadInput(f"it is not clear what {words[1][:_SHOWN]!r} is", hint=f"/runbook {what}")
    return words[0]


def _simulate(words: Sequence[str]) -> Command:
    rest, flags = _options(words, named=("env", "service", "symptom", "fail-at"))
    service, said = (flags["service"], rest) if "service" in flags else ("".join(rest[:1]), rest[1:])
    symptom = flags.get("symptom") or " ".join(said)
    if not service or not symptom:
        raise BadInput(
            "a simulation needs a service and what is wrong with it",
            hint='like `/runbook simulate payments "elevated 5xx"`',
        )
    return Command(
        verb="simulate",
        service=service,
        symptom=symptom,
        environment=flags.get("env", ""),
        fail_at=flags.get("fail-at", ""),
    )


def _options(
    words: Sequence[str], *, named: Sequence[str], alone: Sequence[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """The words that are no options, and the options: `named` take a name after them or after a `=`."""
    plain: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, sign, value = word[2:].partition("=")
        if not word.startswith("--"):
            plain.append(word)
        elif name in alone and not sign:
            flags[name] = "yes"
        elif name in named:
            flags[name] = value if sign else next(rest, "")
            if not flags[name] or flags[name].startswith("--"):
                raise BadInput(f"--{name} needs a name after it")
        else:
            *others, last = (f"--{one}" for one in (*named, *alone))
            raise BadInput(
                f"there is no option {word[:_SHOWN]!r}", hint=f"there are {', '.join(others)} and {last}"
            )
    return plain, flags


def _start(words: Sequence[str]) -> Command:
    rest, flags = _options(words, named=("env", "service"), alone=("dry-run",))
    names: list[str] = []
    given: dict[str, str] = {}
    for word in rest:
        if "=" in word and names:
            name, _, value = word.partition("=")
            if name in given:
                raise BadInput(f"{name[:_SHOWN]!r} is given twice")
            given[name] = value
        else:
            names.append(word)
    if len(names) > 1:
        raise BadInput(
            f"it is not clear what {names[1][:_SHOWN]!r} is",
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


_READERS: Mapping[str, Callable[[Sequence[str]], Command]] = {
    "start": _start,
    "list": _alone("list"),
    "show": _show,
    "status": _alone("status"),
    "cancel": _cancel,
    "diagnose": _diagnose,
    "history": _of_service("history"),
    "stats": _of_service("stats"),
    "simulate": _simulate,
    "who": _of_service("who"),
    "help": _alone("help"),
}
