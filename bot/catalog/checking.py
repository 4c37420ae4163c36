"""Data from a file checked against a pydantic model; every error becomes a problem at its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.catalog.source import Document, Location

_Model = TypeVar("_Model", bound=BaseModel)

_WORDS: Mapping[str, str] = {
    "string_type": "text is expected here",
    "int_type": "a whole number is expected here",
    "int_parsing": "a whole number is expected here",
    "int_from_float": "a whole number is expected here",
    "float_type": "a number is expected here",
    "float_parsing": "a number is expected here",
    "bool_type": "true or false is expected here",
    "bool_parsing": "true or false is expected here",
    "list_type": "a list is expected here",
    "tuple_type": "a list is expected here",
    "dict_type": "a mapping is expected here",
    "mapping_type": "a mapping is expected here",
    "model_type": "a mapping is expected here",
    "model_attributes_type": "a mapping is expected here",
}
_QUOTE_IT = "put it in quotes to make it text"


class FileModel(BaseModel):
    """The base of what a file may say: nothing unknown is let through."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def checked(
    model: type[_Model], data: Any, document: Document, location: Sequence[str | int] = ()
) -> _Model | None:
    """`data` as a `model`, or None with every error noted in the document below `location`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        report(error, document, location, known=field_names(model), model=model)
        return None


def report(
    error: ValidationError,
    document: Document,
    location: Sequence[str | int],
    *,
    known: Collection[str] = (),
    skip: Collection[Location] = (),
    model: type[BaseModel] | None = None,
) -> int:
    """Note each error of a validation at its place, apart from those at or below `skip`; answers how many."""
    reported: set[tuple[Location, str]] = set()
    for item in error.errors(include_url=False, include_context=True, include_input=True):
        place = _existing(document, (*location, *item["loc"]))
        if any(place[: len(skipped)] == tuple(skipped) for skipped in skip):
            continue
        there = known if len(item["loc"]) == 1 else _fields_within(model, item["loc"][:-1])
        code, message, hint = _sentence(item, there)
        # A union reports once for each of its members; a person made one mistake.
        if (place, code) in reported:
            continue
        reported.add((place, code))
        document.report(code, message, place, hint=hint, of_key=item["type"] == "extra_forbidden")
    return len(reported)


def _fields_within(model: type[BaseModel] | None, place: Sequence[str | int]) -> list[str]:
    """The keys taken at a place within a model; [] where that is not one kind of mapping alone."""
    for part in place:
        if model is None:
            return []
        field = next((one for name, one in model.model_fields.items() if part in (name, one.alias)), None)
        if field is None:  # an index, or the name of a union's member
            continue
        models = [kind for kind in _kinds(field.annotation) if isinstance(kind, type)]
        models = [kind for kind in models if issubclass(kind, BaseModel)]
        model = models[0] if len(models) == 1 else None
    return field_names(model) if model is not None else []


def _kinds(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [kind for one in inner for kind in _kinds(one)] if inner else [annotation]


def field_names(model: type[BaseModel]) -> list[str]:
    """The keys a model takes in a file."""
    return [info.alias or name for name, info in model.model_fields.items()]


def closest(word: str, known: Collection[str]) -> str:
    """A hint with the known word that was most likely meant, or ""."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]}?" if matches else ""


def unknown_field(name: str, known: Collection[str]) -> tuple[str, str]:
    """Message and hint for a key that nothing here takes."""
    hint = closest(name, known) or (f"known here: {', '.join(sorted(known))}" if known else "")
    return f"unknown field {name!r}", hint


def _existing(document: Document, location: Location) -> Location:
    """The location without the names of union members that pydantic puts in between."""
    found: Location = ()
    for part in location:
        if (*found, part) in document.values:
            found = (*found, part)
    return found


_A_NAME = "letters, digits, dots, dashes and underscores, no spaces: clear-cache"


def _sentence(item: Any, known: Collection[str]) -> tuple[str, str, str]:
    kind = item["type"]
    name = str(item["loc"][-1]) if item["loc"] else ""
    if kind == "extra_forbidden":
        message, hint = unknown_field(name, known)
        return "RB010", message, hint
    if kind == "missing":
        return "RB011", f"the field {name!r} is missing", ""
    if kind == "value_error":
        return "RB013", str(item["ctx"]["error"]), ""
    if kind in _WORDS:
        is_number = kind == "string_type" and isinstance(item["input"], int | float | bool)
        return "RB012", _WORDS[kind], _QUOTE_IT if is_number else ""
    if kind == "string_pattern_mismatch":
        hint = _A_NAME if item["ctx"]["pattern"].startswith("^[A-Za-z0-9][A-Za-z0-9._-]") else ""
        return "RB012", f"{item['input']!r} does not have the form {item['ctx']['pattern']}", hint
    text = re.sub(r"^(Input|Value|String|List|Tuple) should ", "it should ", item["msg"])
    return "RB012", text[0].lower() + text[1:], ""
