"""Conditions of triggers: the one place that knows CEL (Google's C++ implementation).

Its traps, met here so that nobody else has to:
- A runtime error comes back as a truthy string, so only a result of type BOOL counts; anything else, and
  anything raised, is `NotEvaluable`.
- Numbers are declared DYN, or `value > 0` would be refused for being neither clearly int nor clearly double.
  They are handed over as doubles: comparing with whole numbers works (`value > 90`), arithmetic wants `1.0`.
- An absent variable is an error only where it is really needed: `true || value > 1` is true without a value.
- Nesting and loops have budgets of their own in the library (32 levels, bounded iterations).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from cel_expr_python import cel

from bot.errors import BadInput

VARIABLES: Mapping[str, str] = {
    "anomaly_score": "number",
    "value": "number",
    "metric_name": "text",
    "service": "text",
    "environment": "text",
    "urgency": "text",
    "priority": "text",
    "title": "text",
    "source": "text",
}
"""What a condition may speak of; each is absent where the incident does not have it."""

_OVERLOAD = re.compile(r"No matching overloads found : ([^\s(]+)(?:\(([^)]*)\))?")
_KINDS = {"double": "a number", "int": "a whole number", "string": "text", "bool": "true or false"}
_LENGTH_LIMIT = 2000
_LARGEST = 1.7e308
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_MISSING = re.compile(r'No value with name "([^"]+)"')


class ConditionError(BadInput):
    """A condition that does not compile; line and column count from 1 within its own text."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column


@dataclass(frozen=True)
class NotEvaluable:
    """The condition has no answer here: a variable is absent, or the values do not fit."""

    missing: str = ""
    """The absent variable, or ""."""
    reason: str = ""

    def __bool__(self) -> bool:
        """Never counts as met."""
        return False


class Condition:
    """A compiled condition; cheap to evaluate (microseconds) and safe to share."""

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    @classmethod
    def compile(cls, text: str) -> Self:
        """Check grammar and types. Raises ConditionError (a BadInput) at the place that is wrong."""
        if len(text) > _LENGTH_LIMIT:
            raise ConditionError(f"the condition is longer than {_LENGTH_LIMIT} characters")
        if any("\ud800" <= char <= "\udfff" for char in text) or "\0" in text:
            raise ConditionError("the condition is not valid text")
        try:
            program = _environment().compile(text)
        except RuntimeError as error:
            raise _compile_error(str(error)) from error
        kind = program.return_type()
        if kind != cel.Type.BOOL:
            raise ConditionError(
                f"the condition gives {_type_name(kind)}, not true or false",
                hint="compare it with something: anomaly_score > 0.7",
            )
        condition = cls(text, program)
        trial = condition.evaluate(
            {name: 1.5 if kind == "number" else "x" for name, kind in VARIABLES.items()}
        )
        if isinstance(trial, NotEvaluable) and "No matching overloads" in trial.reason:
            raise ConditionError(
                f"the condition mixes kinds that never fit: {_in_words(trial.reason)}",
                hint="text stands in quotes, numbers without; numbers are decimals, so reckon with 1.0 instead of 1",
            )
        return condition

    def evaluate(self, variables: Mapping[str, Any]) -> bool | NotEvaluable:
        """True, False, or why there is no answer. Names it does not know are ignored, None counts as absent."""
        given = {name: _value(name, variables[name]) for name in VARIABLES if variables.get(name) is not None}
        try:
            result = self._program.eval(
                data={name: value for name, value in given.items() if value is not None}
            )
        except RuntimeError as error:
            return NotEvaluable(reason=_first_line(str(error)))
        if result.type() == cel.Type.BOOL:
            return bool(result.value())
        text = str(result.value())
        missing = _MISSING.search(text)
        if missing:
            return NotEvaluable(missing=missing.group(1), reason=f"{missing.group(1)} is not known")
        return NotEvaluable(reason=_first_line(text))


@lru_cache(maxsize=1)
def _environment() -> Any:
    types = {"number": cel.Type.DYN, "text": cel.Type.STRING}
    return cel.NewEnv(variables={name: types[kind] for name, kind in VARIABLES.items()})


def _value(name: str, value: Any) -> float | str | None:
    """The value as CEL takes it, None when it is not of the variable's kind."""
    if VARIABLES[name] == "number":
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
            return None
        return float(value)
    return str(value).encode("utf-8", "replace").decode()


def _compile_error(text: str) -> ConditionError:
    found = _PLACE.search(text)
    if found is None:
        return ConditionError(f"the condition cannot be read: {_first_line(text)}")
    line, column, words = int(found.group(1)), int(found.group(2)), found.group(3)
    words = words.replace(" [INVALID_ARGUMENT]", "").replace(" (in container '')", "")
    words = words.split(" expecting {")[0].replace("mismatched input '<EOF>'", "it ends too early")
    hint = f"it may speak of {', '.join(VARIABLES)}" if "undeclared reference" in words else ""
    return ConditionError(f"the condition cannot be read: {words}", line=line, column=column, hint=hint)


def _type_name(kind: Any) -> str:
    return {"STRING": "text", "INT": "a number", "DOUBLE": "a number", "DYN": "a bare value"}.get(
        str(kind.name() if callable(kind.name) else kind.name), "something else"
    )


def _in_words(reason: str) -> str:
    """`'>' between a number and text` for the library's `No matching overloads found : _>_(double, string)`."""
    called = _OVERLOAD.search(reason)
    if called is None:
        return reason
    operator = called.group(1).strip("_") or called.group(1)
    if not called.group(2):
        return repr(operator)
    kinds = [_KINDS.get(kind.strip(), kind.strip()) for kind in called.group(2).split(",")]
    return f"{operator!r} between {' and '.join(kinds)}" if len(kinds) > 1 else f"{operator!r} of {kinds[0]}"


def _first_line(text: str) -> str:
    return text.split("\n")[0].removesuffix(" [INTERNAL]")[:200]
