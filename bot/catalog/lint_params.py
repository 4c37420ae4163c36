"""Params: are they sensible by themselves, is each one used, and does every argument fit the param it is for."""

from __future__ import annotations

from typing import Any

from bot.catalog.checking import closest
from bot.catalog.params import parse_value, what_fits
from bot.catalog.parts import Action, Book, Part
from bot.catalog.patterns import compile_pattern
from bot.catalog.placeholders import parse, references
from bot.catalog.schema import Param
from bot.catalog.source import Location
from bot.errors import BadInput


def lint(owner: Action | Book) -> None:
    """Note what is wrong with the params of an action or runbook and with what its steps give to their actions."""
    for param in owner.params:
        _sensible(owner, param)
    used = _used(owner)
    for param in owner.params:
        if param.name not in used:
            owner.document.report(
                "RB036", f"nothing uses the param {param.name!r}", ("params", param.name), of_key=True
            )
    for part in owner.parts:
        if part.is_reference and part.is_sound:
            _arguments(part)


def _sensible(owner: Action | Book, param: Param) -> None:
    place: Location = ("params", param.name)
    document = owner.document
    if param.type == "choice" and not param.choices:
        document.report("RB037", f"the choice param {param.name!r} has no choices", place)
        return
    if param.minimum is not None and param.maximum is not None and param.minimum > param.maximum:
        document.report("RB037", f"no number is from {param.minimum} to {param.maximum}", place)
        return
    bounds = {"pattern": ("string",), "minimum": ("int",), "maximum": ("int",), "choices": ("choice",)}
    for name, types in bounds.items():
        if getattr(param, name) not in (None, ()) and param.type not in types:
            document.report("RB037", f"{name} means nothing for a param of type {param.type}", place)
    if param.pattern is not None:
        try:
            compile_pattern(param.pattern)
        except BadInput as refusal:
            document.report("RB032", refusal.message, (*place, "pattern"), hint=refusal.hint)
            return
    if param.default is not None:
        try:
            parse_value(param, param.default)
        except BadInput as refusal:
            document.report("RB037", f"the default of {param.name!r}: {refusal.message}", (*place, "default"))


def _used(owner: Action | Book) -> set[str]:
    texts: list[Any] = [owner.head.safety.message]
    for part in owner.parts:
        texts.extend((part.step.arguments if part.is_reference else part.step.input, part.step.rules.message))
    names = set()
    for path in (path for tree in texts for path in _paths(tree)):
        root, _, rest = path.partition(".")
        if root == "params":
            names.add(rest.split(".")[0])
    return names


def _paths(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return references(tree) if "{{" in tree else []
    if isinstance(tree, dict):
        return [path for value in tree.values() for path in _paths(value)]
    if isinstance(tree, list):
        return [path for value in tree for path in _paths(value)]
    return []


def _arguments(part: Part) -> None:
    given = part.step.arguments
    declared = {param.name: param for param in part.step.params}
    for name, value in given.items():
        param = declared.get(name)
        place = part.at("with", name)
        if param is None:
            hint = closest(name, declared) or (
                f"it takes {', '.join(declared)}" if declared else "it takes no params"
            )
            message = f"the action {part.step.action!r} has no param {name!r}"
            part.document.report("RB037", message, place, hint=hint, of_key=True)
        elif not (isinstance(value, str) and parse(value).placeholders):
            _fits(part, param, value, place)
    missing = [name for name, param in declared.items() if param.required and param.default is None]
    for name in [name for name in missing if name not in given]:
        part.document.report(
            "RB037",
            f"the action {part.step.action!r} needs {name!r}: {what_fits(declared[name])}",
            part.at("with"),
            hint=f"add with: {{{name}: …}}",
        )


def _fits(part: Part, param: Param, value: Any, place: Location) -> None:
    if not isinstance(value, str | int | bool):
        part.document.report("RB037", f"{param.name!r} takes {what_fits(param)}", place)
        return
    try:
        parse_value(param, value)
    except BadInput as refusal:
        part.document.report("RB037", f"{param.name!r}: {refusal.message}", place)
