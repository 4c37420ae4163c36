"""Templates: may a placeholder stand where it stands, and is there anything under the name it gives."""

from __future__ import annotations

import re
from typing import Any

from bot.catalog.checking import closest
from bot.catalog.parts import Book, InputModels, Part
from bot.catalog.source import Location
from bot.catalog.templating import Site, check_template, references, sites

_NAMED = re.compile(r"\{\{ ([\w.-]+) \}\}")
_ROOTS = ("incident", "params", "steps", "service", "run")
FACTS = {
    "incident": (
        *("id", "title", "symptom", "environment", "urgency", "priority", "status", "url", "number"),
        *("metric_name", "value", "anomaly_score"),
    ),
    "service": ("name", "team", "channel", "host", "environment"),
    "run": ("id", "runbook", "environment"),
}
"""What there is to look up besides params and outputs: a name beside these would only be missed at 2 a.m."""


def lint(part: Part, input_models: InputModels) -> None:
    """Note every placeholder of a step that could not be rendered."""
    if part.is_reference:
        tree: Any = {"with": part.step.arguments}
        model: Any = Any
    else:
        # A step of unknown type: whatever its texts are, their names can be looked up.
        tree, model = part.step.input, input_models.get(part.step.type, Any)
        tree = {key: value for key, value in tree.items() if key not in part.inherited}
    for site in sites(tree, model):
        if "{{" in site.text:
            _site(part, site)
    if "{{" in part.step.rules.message:
        for path in references(part.step.rules.message):
            _check_path(part, path, part.at("safety", "message"))


def _site(part: Part, site: Site) -> None:
    place = part.at(*site.location)
    if site.is_key:
        part.document.report("RB034", "a placeholder cannot stand in a name", place, of_key=True)
        return
    for problem in check_template(site.text, site.place, is_nested=site.is_nested):
        named = _NAMED.search(problem)
        mark = part.document.mark_of(place, named.group(1) if named else "{{")
        part.document.report_at("RB034", problem, mark)
    for path in references(site.text):
        _check_path(part, path, place)


def _report(part: Part, path: str, message: str, place: Location, *, hint: str = "") -> None:
    """Note a problem at the very placeholder, wherever it is in a long text."""
    part.document.report_at("RB035", message, part.document.mark_of(place, path), hint=hint)


def _check_path(part: Part, path: str, place: Location) -> None:
    root, *rest = path.split(".")
    if root not in _ROOTS:
        known = ", ".join(f"{name}.…" for name in _ROOTS)
        hint = closest(root, _ROOTS) or f"known: {known}"
        _report(part, path, f"nothing is known as {{{{ {path} }}}}", place, hint=hint)
    elif not rest:
        _report(part, path, f"{{{{ {path} }}}} names no single value", place)
    elif root == "params":
        _check_param(part, path, rest, place)
    elif root == "steps":
        _check_step(part, path, rest, place)
    elif rest[0] not in FACTS[root] or len(rest) > 1:
        hint = closest(rest[0], FACTS[root]) or f"known: {', '.join(FACTS[root])}"
        _report(part, path, f"nothing is known as {{{{ {path} }}}}", place, hint=hint)


def _check_param(part: Part, path: str, rest: list[str], place: Location) -> None:
    declared = [param.name for param in part.owner.params]
    if rest[0] not in declared or len(rest) > 1:
        hint = closest(rest[0], declared) or (
            f"declared: {', '.join(declared)}" if declared else f"add params: {{{rest[0]}: …}}"
        )
        _report(part, path, f"the param of {{{{ {path} }}}} is not declared", place, hint=hint)


def _check_step(part: Part, path: str, rest: list[str], place: Location) -> None:
    if not isinstance(part.owner, Book):
        _report(
            part,
            path,
            f"an action knows no steps, so {{{{ {path} }}}} is nothing here",
            place,
            hint="declare a param and let the step that uses the action pass the output",
        )
        return
    earlier = _earlier(part)
    if rest[0] not in earlier or rest[1:] not in (["output"], ["status"]):
        hint = f"steps before this one: {', '.join(earlier)}" if earlier else "no step comes before this one"
        if rest[0] in earlier:
            hint = f"write {{{{ steps.{rest[0]}.output }}}}"
        _report(part, path, f"{{{{ {path} }}}} is not the output of an earlier step", place, hint=hint)


def _earlier(part: Part) -> list[str]:
    """Steps whose output there is when this one runs; a rollback also knows the step it undoes."""
    found: list[str] = []
    for other in part.owner.parts:
        if other.is_rollback:
            continue
        is_before = other.phase == part.phase and _index(other) < _index(part)
        is_undone = part.is_rollback and other.phase == part.phase and _index(other) == _index(part)
        if is_before or is_undone or (part.phase == "on_reject" and other.phase == "steps"):
            found.append(other.step.name)
    return found


def _index(part: Part) -> int:
    index = part.location[1]
    return index if isinstance(index, int) else 0
