"""Typed parameters: what a person typed in a modal or on a command line, checked against what the catalog declares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.catalog.patterns import compile_pattern
from bot.catalog.schema import Param
from bot.errors import BadInput

ParamValue = str | int | bool

TEXT_LIMIT_CHARACTERS = 2000
"""Longer texts do not fit a modal's input and are no parameter."""

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


class BadParams(BadInput):
    """Values that do not fit; `by_name` has one sentence for each, for the field it belongs to."""

    def __init__(self, by_name: Mapping[str, str]) -> None:
        self.by_name = dict(by_name)
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in by_name.items()))


def parse_params(params: Sequence[Param], given: Mapping[str, ParamValue | None]) -> dict[str, ParamValue]:
    """Every param with a value: the given one in its type, else its default; optional ones without are left out.

    Text from Slack or a command line is read as the type wants it ("5" is 5 for an int). Raises BadParams that
    names every bad, missing and unknown one at once.
    """
    found: dict[str, ParamValue] = {}
    wrong: dict[str, str] = {}
    declared = {param.name: param for param in params}
    for name in given:
        if name not in declared:
            names = ", ".join(declared)
            wrong[name] = (
                f"is not a param here; there is {names}" if names else "is not a param; there are none here"
            )
    for name, param in declared.items():
        value = given.get(name)
        if value is None or (value == "" and param.type != "string"):
            value = param.default
        if value is None:
            if param.required:
                wrong[name] = f"is missing; give {what_fits(param)}"
            continue
        try:
            found[name] = parse_value(param, value)
        except BadInput as refusal:
            wrong[name] = refusal.message
    if wrong:
        raise BadParams(wrong)
    return found


def parse_value(param: Param, value: ParamValue) -> ParamValue:
    """One value in the param's type; BadInput says what would fit."""
    match param.type:
        case "int":
            return _whole_number(param, value)
        case "bool":
            return _yes_or_no(param, value)
        case "choice":
            text = _written(value)
            if text not in param.choices:
                raise _misfit(param, value)
            return text
        case "string":
            return _text(param, value)


def what_fits(param: Param) -> str:
    """The values a param takes, as part of a sentence: `a whole number from 1 to 10`."""
    match param.type:
        case "int":
            low, high = param.minimum, param.maximum
            if low is not None and high is not None:
                return f"a whole number from {low} to {high}"
            if low is not None:
                return f"a whole number, {low} or more"
            return f"a whole number, {high} or less" if high is not None else "a whole number"
        case "bool":
            return "true or false"
        case "choice":
            return f"one of {', '.join(param.choices)}"
        case "string":
            return f"text that matches {param.pattern}" if param.pattern else "a text"


def dash_allowed(params: Sequence[Param], *, prefix: str = "params") -> frozenset[str]:
    """The paths of params whose values may start a shell word with a dash; for `templating.render`."""
    return frozenset(f"{prefix}.{param.name}" for param in params if param.allow_leading_dash)


def _whole_number(param: Param, value: ParamValue) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not _WHOLE_NUMBER.fullmatch(text):
        raise _misfit(param, value)
    number = int(text)
    too_low = param.minimum is not None and number < param.minimum
    too_high = param.maximum is not None and number > param.maximum
    if too_low or too_high:
        raise _misfit(param, value)
    return number


def _yes_or_no(param: Param, value: ParamValue) -> bool:
    word = _written(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise _misfit(param, value)


def _text(param: Param, value: ParamValue) -> str:
    text = _written(value)
    if len(text) > TEXT_LIMIT_CHARACTERS:
        raise BadInput(f"is longer than {TEXT_LIMIT_CHARACTERS} characters")
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadInput("is not valid text")
    if param.pattern and not compile_pattern(param.pattern).fullmatch(text):
        raise _misfit(param, value)
    if param.required and not text:
        raise BadInput(f"is empty; give {what_fits(param)}")
    return text


def _written(value: ParamValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _misfit(param: Param, value: ParamValue) -> BadInput:
    shown = repr(value if not isinstance(value, str) or len(value) <= 60 else value[:60] + "…")
    return BadInput(f"{shown} does not fit; give {what_fits(param)}")
