"""An input for each parameter of a runbook, in the shape of its type, with what it takes said beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.catalog.params import parse_value
from bot.catalog.schema import Param
from bot.errors import BadInput
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import (
    INPUT_VALUE,
    MODAL_BLOCKS,
    OPTION,
    OPTIONS,
    context,
    entry,
    option,
    select,
)

MOST_PARAMS = MODAL_BLOCKS - 6
PARAMS_BYTES = 150_000
"""Slack takes 250 kB for a whole view; a menu of runbooks stands beside the parameters."""


def param_entries(params: Sequence[Param], values: Mapping[str, Any]) -> list[JsonObject]:
    """An input for each parameter, in its type; those a form cannot hold are named."""
    usable = [param for param in params if _fits(param, values.get(param.name, param.default))]
    blocks: list[JsonObject] = []
    shown: set[str] = set()
    room = PARAMS_BYTES
    for param in usable[:MOST_PARAMS]:
        block = _param_entry(param, values.get(param.name, param.default))
        room -= len(json.dumps(block))
        if room < 0:
            break
        blocks.append(block)
        shown.add(param.name)
    left_out = [param.name for param in params if param.name not in shown]
    if left_out:
        named = text.listed([text.code(name, 60) for name in left_out], most=8)
        blocks.append(context(f"Too long or too many for a form, they stay as they are: {named}."))
    return blocks


def _fits(param: Param, value: object) -> bool:
    return (
        text.size(str(value or "")) <= INPUT_VALUE
        and text.size(ids.PARAM_BLOCK + param.name) <= ids.BLOCK_ID_LIMIT
    )


def _param_entry(param: Param, value: object) -> JsonObject:
    hint = _hint(param)
    if not _is_fitting(param, value):
        hint = f"you typed {text.cut(repr(str(value)), 80)}, which does not fit; {hint}".removesuffix("; ")
        value = param.default if _is_fitting(param, param.default) else None
    return entry(
        param.name,
        _element(param, value),
        block_id=ids.PARAM_BLOCK + param.name,
        hint=hint,
        is_optional=not param.required,
    )


def _is_fitting(param: Param, value: object) -> bool:
    """Whether Slack would show it as what the field holds: a form with one value that does not fit never opens."""
    if not isinstance(value, str | int | bool) or value == "":
        return True
    try:
        parse_value(param, value)
    except BadInput:
        return False
    return True


def _element(param: Param, value: object) -> JsonObject:
    given = _as_text(value)
    match param.type:
        case "int":
            return _number(param, given)
        case "bool":
            return _yes_or_no(param, given)
        case "choice" if _can_be_chosen(param):
            options = [option(choice, value=choice) for choice in param.choices]
            return select(options, action_id=ids.INPUT, placeholder="Choose one", initial=given or None)
        case _:
            element: JsonObject = {
                "type": "plain_text_input",
                "action_id": ids.INPUT,
                "max_length": INPUT_VALUE,
            }
            return {**element, "initial_value": given} if given else element


def _yes_or_no(param: Param, given: str) -> JsonObject:
    """Two dots, not a box: an empty box could not be told from an answer that was never given."""
    options = [option("yes", value="true"), option("no", value="false")]
    element: JsonObject = {"type": "radio_buttons", "action_id": ids.INPUT, "options": options}
    if not given:
        return element
    return {**element, "initial_option": options[0 if parse_value(param, given) else 1]}


def _can_be_chosen(param: Param) -> bool:
    return 0 < len(param.choices) <= OPTIONS and all(
        0 < text.size(choice) <= OPTION for choice in param.choices
    )


def _number(param: Param, given: str) -> JsonObject:
    element: JsonObject = {"type": "number_input", "action_id": ids.INPUT, "is_decimal_allowed": False}
    if param.minimum is not None:
        element["min_value"] = str(param.minimum)
    if param.maximum is not None:
        element["max_value"] = str(param.maximum)
    return {**element, "initial_value": given} if given else element


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _hint(param: Param) -> str:
    bounds = {
        (True, True): f"from {param.minimum} to {param.maximum}",
        (True, False): f"at least {param.minimum}",
        (False, True): f"at most {param.maximum}",
        (False, False): "",
    }[(param.minimum is not None, param.maximum is not None)]
    shape = f"must match {param.pattern}" if param.pattern else ""
    choices = f"one of {', '.join(param.choices)}" if param.choices and not _can_be_chosen(param) else ""
    return "; ".join(part for part in (text.one_line(param.description), bounds, shape, choices) if part)[
        :1900
    ]
