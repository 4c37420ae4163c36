"""Triggers: can a runbook ever be suggested, and can it be told from every other one.

A condition is tried out on values at and between all the numbers and texts it compares with, which decides it: between
two such values no comparison changes its answer. That holds for comparisons alone, so a condition with arithmetic, a
function or a text in order (`title < "b"`) is left without a verdict. What the catalog lists is all there can be of
services and environments: an incident's are looked up in it, and what it does not know stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, product

from bot.catalog.checking import closest
from bot.catalog.expressions import VARIABLES, Condition, ConditionError
from bot.catalog.parts import Book
from bot.catalog.places import environments_by_service, environments_of
from bot.catalog.schema import Catalog, Runbook, Step

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<text>'[^'\\\n]*'|"[^"\\\n]*")"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||[<>!(),\[\]-]))"""
)
_ORDERS = ("<", ">", "<=", ">=")
_MOST_TRIALS = 4096
_FOREIGN = "something-else"
_Values = Sequence[float | str | None]


def lint(books: Mapping[str, Book], catalog: Catalog) -> None:
    """Note runbooks that nothing can bring up, and pairs that always come up together."""
    seen: dict[object, str] = {}
    for name, book in books.items():
        if book.runbook is None:
            continue
        _never(book, book.runbook, catalog)
        shape = _shape(book.runbook, catalog)
        first = seen.setdefault(shape, name) if shape else name
        if first != name:
            book.document.report(
                "RB064",
                f"this matches exactly when {first!r} does, so only the name decides which is suggested first",
                ("trigger",),
                hint="give one of them symptoms, a condition or scopes of its own, or make them one runbook",
                of_key=True,
            )


# ---------------------------------------------------------------- never


def _never(book: Book, runbook: Runbook, catalog: Catalog) -> None:
    trigger = runbook.trigger
    allowed = _allowed(runbook, catalog)
    if not allowed and catalog.environments:
        book.document.report(
            "RB063",
            "no environment allows all of its steps, so it fits no incident whose environment is known",
            ("name",),
            hint="compare the scopes of the runbook and its actions with where their targets are",
        )
        return
    is_by_words = trigger.symptoms and not (trigger.metric_name or trigger.condition)
    if is_by_words and not any(re.search(r"[^\W_]", phrase) for phrase in trigger.symptoms):
        book.document.report(
            "RB063", "none of its symptoms holds a word that could be found", ("trigger", "symptoms")
        )
    if trigger.condition is not None:
        _condition(book, runbook, catalog, allowed)


def _condition(book: Book, runbook: Runbook, catalog: Catalog, allowed: set[str]) -> None:
    trigger = runbook.trigger
    named = [service.name for one in trigger.services if (service := catalog.service_named(one))]
    listed: dict[str, Sequence[str]] = {
        "environment": sorted(allowed),
        "service": named or sorted(catalog.services),
    }
    if trigger.metric_name:
        listed["metric_name"] = [trigger.metric_name]
    answer = can_hold(trigger.condition or "", listed)
    if answer is None or answer:
        return
    slips = [
        closest(text, listed[name]) or f"{name} can be {', '.join(listed[name]) or 'nothing'} here"
        for name, text in _compared(trigger.condition or "")
        if name in listed and text not in listed[name]
    ]
    book.document.report(
        "RB063",
        f"no incident fulfils the condition `{trigger.condition}`",
        ("trigger", "condition"),
        hint=slips[0] if slips else _why(trigger.condition or ""),
    )


def _why(condition: str) -> str:
    is_fixed = not set(VARIABLES) & set(_tokens(condition) or ())
    return "it is false whatever happens" if is_fixed else "its parts exclude each other"


def _allowed(runbook: Runbook, catalog: Catalog) -> set[str]:
    """The environments in which matching leaves the runbook in: those that every step may run in."""
    found: set[str] = set(catalog.environments)
    for step in runbook.steps:
        if step.type == "slack":
            continue
        for scopes, digest in (
            (step.rules.scopes, runbook.digest),
            (step.action_rules.scopes, step.digest),
            (runbook.rules.scopes, runbook.digest),
        ):
            if scopes is not None:
                found &= {*scopes, *catalog.promotions.get(digest, ())}
        places = _places(step, runbook, catalog)
        if places is not None:
            found &= places
    return found


def _places(step: Step, runbook: Runbook, catalog: Catalog) -> set[str] | None:
    """Where a command or workload stands, as far as it is written out; None where only a run knows.

    A command on hosts of several environments is refused in each: one step may not touch two.
    """
    places = environments_of(step, catalog) if step.type in ("shell", "kubernetes") else None
    if step.type == "shell" and places is not None and len(places) > 1:
        return set()
    return places or environments_by_service(step, runbook, catalog) or None


# ---------------------------------------------------------------- always together


def _shape(runbook: Runbook, catalog: Catalog) -> object:
    """What decides when a runbook is suggested; None where nothing does."""
    trigger = runbook.trigger
    if not (trigger.services or trigger.metric_name or trigger.condition or trigger.symptoms):
        return None
    services = frozenset(
        service.name if (service := catalog.service_named(name)) else name for name in trigger.services
    )
    symptoms = frozenset(" ".join(phrase.casefold().split()) for phrase in trigger.symptoms)
    condition = "".join(_tokens(trigger.condition) or [trigger.condition]) if trigger.condition else ""
    return services, trigger.metric_name, condition, symptoms, frozenset(_allowed(runbook, catalog))


# ---------------------------------------------------------------- conditions


def can_hold(condition: str, listed: Mapping[str, Sequence[str]]) -> bool | None:
    """Whether some values make a condition true; None where that cannot be told.

    `listed` gives all the values that a variable can have; the others can have any.
    """
    return _can_hold(condition, tuple(sorted((name, tuple(values)) for name, values in listed.items())))


@lru_cache(maxsize=4096)
def _can_hold(condition: str, listed: tuple[tuple[str, tuple[str, ...]], ...]) -> bool | None:
    tokens = _tokens(condition)
    if tokens is None or not _is_plain(tokens):
        return None
    try:
        compiled = Condition.compile(condition)
    except ConditionError:
        return None
    names = [name for name in VARIABLES if name in tokens]
    domains = [_domain(name, tokens, dict(listed)) for name in names]
    trials = 1
    for domain in domains:
        trials *= len(domain)
    if trials > _MOST_TRIALS:
        return None
    return any(
        compiled.evaluate(dict(zip(names, values, strict=True))) is True for values in product(*domains)
    )


def _tokens(condition: str) -> list[str] | None:
    """The words and signs of a condition; None when it holds more than comparisons are made of."""
    found: list[str] = []
    at = 0
    text = condition.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        found.append(match.group().strip())
        at = match.end()
    return found


def _is_plain(tokens: Sequence[str]) -> bool:
    """Whether there are only comparisons of variables with values and with each other."""
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if token[0].isalpha() and token not in (*VARIABLES, "true", "false", "in"):
            return False
        is_reckoned = before[-1:].isalnum() or before in (")", "]") or not after[:1].isdigit()
        if token == "-" and is_reckoned:  # noqa: S105 - a sign, no password
            return False
        if token in _ORDERS and any(_is_text(side) for side in (before, after)):
            return False
    return True


def _is_text(token: str) -> bool:
    return token[:1] in ("'", '"') or VARIABLES.get(token) == "text"


def _domain(name: str, tokens: Sequence[str], listed: Mapping[str, Sequence[str]]) -> _Values:
    if name in listed:
        return list(listed[name]) or [None]
    if VARIABLES[name] == "text":
        return [*dict.fromkeys(token[1:-1] for token in tokens if token[0] in "'\""), _FOREIGN]
    return _points(
        -float(token) if before == "-" else float(token)
        for before, token in zip(["", *tokens], tokens, strict=False)
        if token[0].isdigit() or token[0] == "."
    )


def _points(numbers: Iterable[float]) -> list[float]:
    """Each number, two in every gap (two variables may be compared with each other) and beyond; high first."""
    known = sorted(set(numbers)) or [0.0]
    below, above = max(1.0, abs(known[0])), max(1.0, abs(known[-1]))
    found = [known[0] - 2 * below, known[0] - below, *known, known[-1] + above, known[-1] + 2 * above]
    for low, high in pairwise(known):
        found += [low + (high - low) / 3, low + (high - low) * 2 / 3]
    return sorted(found, reverse=True)


def _compared(condition: str) -> list[tuple[str, str]]:
    """Which variable is held against which text, either way round."""
    tokens = _tokens(condition) or []
    found = []
    for left, sign, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if sign == "==" and {left in VARIABLES, right in VARIABLES} == {True, False}:
            name, text = (left, right) if left in VARIABLES else (right, left)
            if text[0] in "'\"":
                found.append((name, text[1:-1]))
    return found
