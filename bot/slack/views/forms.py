"""The modals: why not, other parameters, start a runbook. And what people typed into them, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.catalog.params import BadParams
from bot.catalog.schema import Param
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import (
    INPUT_VALUE,
    MODAL_BLOCKS,
    OPTION,
    OPTIONS,
    context,
    entry,
    modal,
    option,
    plain_text,
    section,
    select,
)
from bot.slack.views.menu import Menu

REASON_CHARACTERS = 1000
"""What a decision keeps of a reason."""
MOST_PARAMS = MODAL_BLOCKS - 6
PARAMS_BYTES = 150_000
"""Slack takes 250 kB for a whole view; a menu of runbooks stands beside the parameters."""


def reject_form(ref: ids.FormRef, *, step: str) -> JsonObject:
    """Why not? `step` is a sentence part like `step 2 of 3 (scale)`."""
    reason = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": True,
        "min_length": 1,
        "max_length": REASON_CHARACTERS,
        "placeholder": plain_text("What speaks against it, for whoever reads the thread next", 150),
    }
    return modal(
        title="Reject this step",
        blocks=[
            section(f"You reject {text.value(step, 300)}. The run halts there; what was done can be undone."),
            entry("Reason", reason, block_id=ids.REASON_BLOCK),
        ],
        callback_id=ids.REJECT_FORM,
        metadata=ids.form_metadata(ref),
        submit="Reject",
    )


def edit_form(
    ref: ids.FormRef, *, runbook: str, step: str, params: Sequence[Param], values: Mapping[str, Any]
) -> JsonObject:
    """The runbook's parameters with the values they have now."""
    blocks = [
        section(
            f"Parameters of runbook {text.value(runbook, 120)}, for step {text.value(step, 120)}. "
            "A new proposal follows, and another person may have to approve it."
        ),
        *param_entries(params, values),
    ]
    return modal(
        title="Edit parameters",
        blocks=blocks,
        callback_id=ids.EDIT_FORM,
        metadata=ids.form_metadata(ref),
        submit="Propose again",
    )


def start_form(
    ref: ids.StartRef, *, menu: Menu, params: Sequence[Param] = (), values: Mapping[str, Any] | None = None
) -> JsonObject:
    """Choose a runbook (each choice sends a `CHOOSE` action, so that its parameters can be shown), then start it."""
    options = [
        option(name, value=name, description=words)
        for name, words in menu
        if text.size(name) <= ids.OPTION_VALUE_LIMIT
    ]
    if not options:
        return modal(
            title="Start a runbook",
            blocks=[section("The catalog has no runbook to start.")],
            callback_id=ids.START_FORM,
            metadata=ids.start_metadata(ref),
            submit="",
        )
    menu_of = _grouped(options, ref.runbook)
    blocks = [entry("Runbook", menu_of, block_id=ids.RUNBOOK_BLOCK, dispatches=True)]
    if ref.runbook:
        described = dict(menu).get(ref.runbook, "")
        blocks += [context(text.value(described, 500))] if described else []
        blocks += param_entries(params, values or {})
        blocks.append(_dry_run())
    blocks.append(context("Nothing runs before somebody who may decide approves the first step."))
    return modal(
        title="Start a runbook",
        blocks=blocks,
        callback_id=ids.START_FORM,
        metadata=ids.start_metadata(ref),
        submit="Start",
    )


def _grouped(options: list[JsonObject], initial: str) -> JsonObject:
    """A menu of up to 10,000: beyond 100 options Slack takes groups of 100."""
    element = select(options, action_id=ids.CHOOSE, placeholder="Choose a runbook", initial=initial)
    if len(options) <= OPTIONS:
        return element
    del element["options"]
    groups = [
        options[start : start + OPTIONS] for start in range(0, min(len(options), OPTIONS * OPTIONS), OPTIONS)
    ]
    element["option_groups"] = [
        {
            "label": plain_text(f"{group[0]['value'][:30]} – {group[-1]['value'][:30]}", OPTION),
            "options": group,
        }
        for group in groups
    ]
    chosen = next((one for one in options if one["value"] == initial), None)
    return element if chosen is None else {**element, "initial_option": chosen}


def _dry_run() -> JsonObject:
    box = {
        "type": "checkboxes",
        "action_id": ids.INPUT,
        "options": [option("Only say what would happen, change nothing", value="yes")],
    }
    return entry("Dry run", box, block_id=ids.DRY_RUN_BLOCK, is_optional=True)


# ------------------------------------------------------------ parameters


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
    return entry(
        param.name,
        _element(param, value),
        block_id=ids.PARAM_BLOCK + param.name,
        hint=_hint(param),
        is_optional=not param.required,
    )


def _element(param: Param, value: object) -> JsonObject:
    given = _as_text(value)
    match param.type:
        case "int":
            return _number(param, given)
        case "bool":
            options = [option("yes", value="true"), option("no", value="false")]
            return select(options, action_id=ids.INPUT, placeholder="yes or no", initial=given or None)
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


# ------------------------------------------------------------ what was typed


def given_params(state: Mapping[str, Any]) -> dict[str, str]:
    """Parameter name to what was typed, from a view's `state`; what was left empty is not in it."""
    given = {}
    for block_id, inputs in _values(state).items():
        if not block_id.startswith(ids.PARAM_BLOCK):
            continue
        typed = _typed(inputs)
        if typed is not None:
            given[block_id.removeprefix(ids.PARAM_BLOCK)] = typed
    return given


def given_reason(state: Mapping[str, Any]) -> str:
    """The reason of the reject form."""
    return (_typed(_values(state).get(ids.REASON_BLOCK, {})) or "").strip()


def given_runbook(state: Mapping[str, Any]) -> str:
    """The runbook chosen in the start form, "" where none is."""
    return _typed(_values(state).get(ids.RUNBOOK_BLOCK, {})) or ""


def is_dry_run(state: Mapping[str, Any]) -> bool:
    """Whether the start form's box was ticked."""
    inputs = _values(state).get(ids.DRY_RUN_BLOCK, {})
    return any(bool(one.get("selected_options")) for one in inputs.values() if isinstance(one, Mapping))


def param_errors(refusal: BadParams) -> dict[str, str]:
    """Block id to sentence, for the `errors` of a view's answer: each stands at the field it is about."""
    return {ids.PARAM_BLOCK + name: sentence for name, sentence in refusal.by_name.items()}


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    values = state.get("values")
    return values if isinstance(values, Mapping) else {}


def _typed(inputs: object) -> str | None:
    for one in inputs.values() if isinstance(inputs, Mapping) else ():
        if not isinstance(one, Mapping):
            continue
        chosen = one.get("selected_option")
        typed = chosen.get("value") if isinstance(chosen, Mapping) else one.get("value")
        if isinstance(typed, str) and typed:
            return typed
    return None
