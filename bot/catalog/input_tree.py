"""An action's input walked beside its model: every text in it, with the place that the model's annotations give it."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

from pydantic import BaseModel

from bot.catalog.encoding import Place

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Site:
    """One text in an input tree: where it is, where it goes, and whether a value may keep its type there."""

    location: Location
    text: str
    place: Place
    keeps_type: bool = False
    is_key: bool = False
    is_nested: bool = False


def walk(
    value: Any,
    annotation: Any,
    place: Place,
    location: Location,
    visit: Callable[[Site], Any],
    *,
    is_nested: bool = False,
) -> Any:
    """A copy of `value` in which each text is what `visit` makes of it; `annotation` says what is expected there."""
    members, place = _unpack(annotation, place)
    if isinstance(value, str):
        keeps_type = any(member not in (str, type(None)) for member in members)
        return visit(Site(location, value, place, keeps_type=keeps_type, is_nested=is_nested))
    if isinstance(value, Mapping):
        for key in value:
            if isinstance(key, str) and "{{" in key:
                visit(Site((*location, key), key, place, is_key=True))
        walked = {}
        for key, item in value.items():
            inner, inner_place, is_field = _field(members, key, place)
            walked[key] = walk(item, inner, inner_place, (*location, key), visit, is_nested=not is_field)
        return walked
    if isinstance(value, list | tuple):
        inner = next((_arguments(member)[0] for member in members if len(_arguments(member)) in (1, 2)), Any)
        return [
            walk(item, inner, place, (*location, index), visit, is_nested=True)
            for index, item in enumerate(value)
        ]
    return value


def _field(members: list[Any], key: Any, place: Place) -> tuple[Any, Place, bool]:
    """Annotation and place for `key` of a mapping that `members` describe, and whether it is a model's field."""
    for member in members:
        if isinstance(member, type) and issubclass(member, BaseModel):
            for name, info in member.model_fields.items():
                if key in (name, info.alias):
                    return info.annotation, _place_in(info.metadata, Place.PLAIN), True
    for member in members:
        arguments = _arguments(member)
        if len(arguments) == 2:
            return arguments[1], place, False
    return Any, place, False


def _unpack(annotation: Any, place: Place) -> tuple[list[Any], Place]:
    """The types an annotation allows, unions opened, and the innermost place it names."""
    if hasattr(annotation, "__metadata__"):
        place = _place_in(annotation.__metadata__, place)
        return _unpack(annotation.__origin__, place)
    if typing.get_origin(annotation) in (Union, types.UnionType):
        members: list[Any] = []
        for argument in typing.get_args(annotation):
            inner, place = _unpack(argument, place)
            members.extend(inner)
        return members, place
    return [annotation], place


def _place_in(metadata: Any, default: Place) -> Place:
    return next((item for item in metadata if isinstance(item, Place)), default)


def _arguments(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) is not typing.Literal else ()
