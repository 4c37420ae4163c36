"""JSON Schema (draft 2020-12) of the catalog's files, for editors: made from the very models that read them.

Editors check while one types; lint says what is wrong. So where the two could differ the schema is the milder one: it
knows every field and its kind, and lets through what only a look at other files can judge. A value that may be a
placeholder is allowed to be one, and an undo may leave out what it takes over from its step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.catalog.dialect import ActionHead, ReferenceHead, RunbookHead, StepHead
from bot.catalog.inventory import CatalogFile
from bot.catalog.parts import InputModels
from bot.catalog.promotion import PromotionsFile

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"
_PLACEHOLDER = {"type": "string", "pattern": r"\{\{.*\}\}"}
Schema = dict[str, Any]


def schema_of(kind: str, input_models: InputModels) -> Schema:
    """The schema of one kind of file, a name of `KINDS`."""
    return {"$schema": DRAFT, "title": f"runbook-bot: {kind}", **KINDS[kind](input_models)}


def _runbook(input_models: InputModels) -> Schema:
    made = _Made([RunbookHead, StepHead, ReferenceHead, *input_models.values()])
    steps = {"type": "array", "items": {"$ref": "#/$defs/Step"}}
    head = made.taken(RunbookHead)
    head["properties"]["steps"] = {**steps, "minItems": 1, "maxItems": 100}
    head["properties"]["on_reject"] = {**steps, "maxItems": 100}
    made.defs["Step"] = _step(made, StepHead, input_models, reference=made.taken(ReferenceHead))
    made.defs["Rollback"] = _rollback(made, input_models)
    return {**head, "$defs": made.defs}


def _action(input_models: InputModels) -> Schema:
    made = _Made([ActionHead, StepHead, ReferenceHead, *input_models.values()])
    action = _step(made, ActionHead, input_models)
    made.defs["Rollback"] = _rollback(made, input_models)
    return {**action, "$defs": made.defs}


def _catalog(input_models: InputModels) -> Schema:  # noqa: ARG001 - all kinds are made alike
    made = _Made([CatalogFile])
    return {**made.taken(CatalogFile), "$defs": made.defs}


def _promotions(input_models: InputModels) -> Schema:  # noqa: ARG001
    made = _Made([PromotionsFile])
    return {**made.taken(PromotionsFile), "$defs": made.defs}


KINDS: Mapping[str, Callable[[InputModels], Schema]] = MappingProxyType(
    {"runbook": _runbook, "action": _action, "catalog": _catalog, "promotions": _promotions}
)


class _Made:
    """Definitions of several models that name each other, and the schemas taken out of them."""

    def __init__(self, models: list[type[BaseModel]]) -> None:
        names, whole = models_json_schema(
            [(model, "validation") for model in models], by_alias=True, ref_template=_REF
        )
        self.defs: Schema = whole.get("$defs", {})
        self._names = {model: names[(model, "validation")]["$ref"].rpartition("/")[2] for model in models}

    def taken(self, model: type[BaseModel]) -> Schema:
        """A model's own schema, no longer among the definitions."""
        schema: Schema = self.defs[self._names[model]]
        self.defs = {name: one for name, one in self.defs.items() if one is not schema}
        schema.pop("description", None)  # what the class is, which is nothing to whoever writes a file
        schema.pop("title", None)
        return schema


def _step(
    made: _Made, head: type[BaseModel], input_models: InputModels, *, reference: Schema | None = None
) -> Schema:
    """A step by its type; without one it is a command, or (in a runbook) names an action."""
    common = made.taken(head)
    kinds = {name: _typed(common, name, made, model) for name, model in input_models.items()}
    made.defs.update({f"{name}-step": schema for name, schema in kinds.items()})
    choices: list[Schema] = [
        {"if": _says("type", {"const": name}), "then": {"$ref": f"#/$defs/{name}-step"}} for name in kinds
    ]
    without = {"not": {"required": ["type"]}}
    choices.append({"if": {**without, "required": ["command"]}, "then": {"$ref": "#/$defs/shell-step"}})
    ways: list[Schema] = [{"required": ["type"]}, {"required": ["command"]}]
    if reference is not None:
        reference["properties"]["rollback"] = {"$ref": "#/$defs/Rollback"}
        made.defs["reference-step"] = reference
        ways.append({"required": ["action"]})
        choices.append(
            {
                "if": {**without, "required": ["action"]},
                "then": {"$ref": "#/$defs/reference-step"},
            }
        )
    known = {"type": {"enum": sorted(input_models)}}
    return {"type": "object", "properties": known, "anyOf": ways, "allOf": choices}


def _says(name: str, schema: Schema) -> Schema:
    return {"properties": {name: schema}, "required": [name]}


def _typed(common: Schema, name: str, made: _Made, model: type[BaseModel]) -> Schema:
    """Everything that a step of one type may say."""
    own = made.defs[made._names[model]]
    return {
        "type": "object",
        "properties": {
            **{key: _or_placeholder(schema) for key, schema in own.get("properties", {}).items()},
            **common["properties"],
            "type": {"const": name},
            "rollback": {"$ref": "#/$defs/Rollback"},
        },
        "required": [*common.get("required", ()), *own.get("required", ())],
        "additionalProperties": False,
    }


def _or_placeholder(schema: Schema) -> Schema:
    """A value or `{{ params.x }}`; what an editor shows beside it stays in front."""
    is_anything = not {"type", "anyOf", "enum"} & set(schema)
    if is_anything or schema.get("type") == "string":
        return schema
    shown: Schema = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in shown}
    return {
        **shown,
        "anyOf": [*rest["anyOf"], _PLACEHOLDER] if set(rest) == {"anyOf"} else [rest, _PLACEHOLDER],
    }


def _rollback(made: _Made, input_models: InputModels) -> Schema:
    """A command, words for a person, or a step that may leave out what it takes over."""
    properties: dict[str, list[Schema]] = {}
    for name in (*(f"{one}-step" for one in input_models), "reference-step"):
        for key, schema in made.defs.get(name, {}).get("properties", {}).items():
            if schema not in properties.setdefault(key, []):
                properties[key].append(schema)
    properties.setdefault("action", []).append({"type": "string"})
    properties.setdefault("with", []).append({"type": "object"})
    for key in ("rollback", "check", "type", "id", "params"):
        properties.pop(key, None)
    step = {
        "type": "object",
        "properties": {
            "type": {"enum": sorted(input_models)},
            **{key: one[0] if len(one) == 1 else {"anyOf": one} for key, one in properties.items()},
        },
        "additionalProperties": False,
    }
    manual = {
        "type": "object",
        "properties": {"manual": {"type": "string", "minLength": 1}},
        "required": ["manual"],
        "additionalProperties": False,
    }
    return {"anyOf": [{"type": "string"}, manual, step]}
