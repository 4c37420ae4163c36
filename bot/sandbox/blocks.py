"""Blocks as Slack keeps them: named, with the fields it fills in, and the elements a person can use in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bot.sandbox.protocol import Json, NotThere

STATEFUL = {
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "rich_text_input",
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "multi_static_select",
    "multi_external_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "radio_buttons",
    "checkboxes",
    "datepicker",
    "timepicker",
    "datetimepicker",
}
"""Elements that keep what was chosen, so that later payloads carry it in `state.values`."""

CHOICE_KEYS = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
"""Where an element's choice stands in a payload; text inputs and buttons use `value`."""

INITIAL_KEYS = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "value": "initial_value",
}


def as_kept(blocks: list[Json], *, new_id: Callable[[], str]) -> list[Json]:
    """A copy with the ids and text flags Slack adds where the app gave none."""
    return [_kept_block(block, new_id) for block in blocks]


def _kept_block(block: Json, new_id: Callable[[], str]) -> Json:
    kept: Json = {key: _kept(value, new_id) for key, value in block.items()}
    kept.setdefault("block_id", new_id())
    return kept


def _kept(value: Any, new_id: Callable[[], str]) -> Any:
    if isinstance(value, list):
        return [_kept(one, new_id) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _kept(one, new_id) for key, one in value.items()}
    kind = str(kept.get("type"))
    if kind == "mrkdwn":
        kept.setdefault("verbatim", False)
    elif kind == "plain_text":
        kept.setdefault("emoji", True)
    elif kind == "button" or kind in CHOICE_KEYS or kind in STATEFUL:
        kept.setdefault("action_id", new_id())
    return kept


def elements_of(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each (block, element) a person can use."""
    for block in blocks:
        candidates = [block.get("accessory"), block.get("element"), *block.get("elements", ())]
        for element in candidates:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def find(blocks: list[Json], *, action_id: str, block_id: str | None) -> tuple[Json, Json]:
    """The (block, element) with these ids; raises NotThere, naming what is there."""
    for block, element in elements_of(blocks):
        if element["action_id"] == action_id and block_id in (None, block["block_id"]):
            return block, element
    shown = ", ".join(sorted({element["action_id"] for _, element in elements_of(blocks)})) or "nothing"
    where = "" if block_id is None else f" in block {block_id!r}"
    raise NotThere(f"no element {action_id!r}{where}; there is: {shown}")


def option_with(element: Json, value: str) -> Json:
    """The element's option of this value; raises NotThere. An external menu is taken at its word."""
    groups = element.get("option_groups", ())
    options = [*element.get("options", ()), *(one for group in groups for one in group["options"])]
    for option in options:
        if option["value"] == value:
            return dict(option)
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": value, "emoji": True}, "value": value}
    shown = ", ".join(option["value"] for option in options)
    raise NotThere(f"{element['action_id']!r} has no option {value!r}; it has: {shown}")


def chosen(element: Json, choice: Any) -> Json:
    """A person's choice in the shape of `state.values`: `{type, value}` or `{type, selected_option}` and so on.

    `choice` is a plain value (an option is found by its value) or already `{selected_option: …}`.
    """
    kind = element["type"]
    key = CHOICE_KEYS.get(kind, "value")
    if isinstance(choice, dict) and (choice.get("type") == kind or (key != "value" and key in choice)):
        choice = choice.get(key)
    if key == "selected_option":
        choice = _option(element, choice)
    elif key == "selected_options":
        choice = [_option(element, one) for one in choice or ()]
    return {"type": kind, key: choice}


def _option(element: Json, choice: Any) -> Json | None:
    if isinstance(choice, dict):
        choice = choice["value"]
    return None if choice is None else option_with(element, str(choice))


def state_of(blocks: list[Json], choices: dict[tuple[str, str], Json]) -> Json:
    """`{values: {block_id: {action_id: …}}}`: what was chosen, else what the app preset, else nothing."""
    values: dict[str, Json] = {}
    for block, element in elements_of(blocks):
        if element["type"] not in STATEFUL:
            continue
        block_id, action_id = block["block_id"], element["action_id"]
        state = choices.get((block_id, action_id))
        if state is None:
            key = CHOICE_KEYS.get(element["type"], "value")
            empty: Any = [] if key.endswith("s") else None
            state = {"type": element["type"], key: element.get(INITIAL_KEYS[key], empty)}
        values.setdefault(block_id, {})[action_id] = state
    return {"values": values}
