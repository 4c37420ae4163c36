"""Block Kit's limits inside a block: texts, buttons, menus, inputs and the ids that name them.

Errors are collected, never raised one by one: Slack answers with all of them, each with a JSON pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from bot.sandbox.protocol import Json

_TEXT_KEYS = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
_CONFIRM_KEYS = {"title", "text", "confirm", "deny", "style"}
_COMMON = {"type", "action_id", "confirm", "focus_on_load"}
_MENU = _COMMON | {"placeholder"}

_ELEMENT_KEYS: dict[str, set[str]] = {
    "button": _COMMON | {"text", "value", "url", "style", "accessibility_label"},
    "overflow": _COMMON | {"options"},
    "static_select": _MENU | {"options", "option_groups", "initial_option"},
    "external_select": _MENU | {"min_query_length", "initial_option"},
    "users_select": _MENU | {"initial_user"},
    "conversations_select": _MENU | {"initial_conversation", "default_to_current_conversation", "filter",
                                     "response_url_enabled"},
    "channels_select": _MENU | {"initial_channel", "response_url_enabled"},
    "multi_static_select": _MENU | {"options", "option_groups", "initial_options", "max_selected_items"},
    "multi_external_select": _MENU | {"min_query_length", "initial_options", "max_selected_items"},
    "multi_users_select": _MENU | {"initial_users", "max_selected_items"},
    "multi_conversations_select": _MENU | {"initial_conversations", "default_to_current_conversation", "filter",
                                           "max_selected_items"},
    "multi_channels_select": _MENU | {"initial_channels", "max_selected_items"},
    "radio_buttons": _COMMON | {"options", "initial_option"},
    "checkboxes": _COMMON | {"options", "initial_options"},
    "datepicker": _MENU | {"initial_date"},
    "timepicker": _MENU | {"initial_time", "timezone"},
    "datetimepicker": _COMMON | {"initial_date_time"},
    "plain_text_input": _MENU | {"initial_value", "multiline", "min_length", "max_length",
                                 "dispatch_action_config"},
    "email_text_input": _MENU | {"initial_value", "dispatch_action_config"},
    "url_text_input": _MENU | {"initial_value", "dispatch_action_config"},
    "number_input": _MENU | {"is_decimal_allowed", "initial_value", "min_value", "max_value",
                             "dispatch_action_config"},
    "rich_text_input": _MENU | {"initial_value", "dispatch_action_config"},
    "image": {"type", "image_url", "alt_text", "slack_file"},
}  # fmt: skip

_TEXT_INPUTS = {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"}
_IN_ACTIONS = set(_ELEMENT_KEYS) - _TEXT_INPUTS - {"image"} | {"rich_text_input"}
_IN_SECTION = _IN_ACTIONS | {"image"}
_IN_INPUT = set(_ELEMENT_KEYS) - {"button", "overflow", "image"}
_MOST_OPTIONS = {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}

_RICH_TEXT_PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")

_BLOCK_KEYS: dict[str, set[str]] = {
    "section": {"text", "fields", "accessory", "expand"},
    "divider": set(),
    "header": {"text", "level"},
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "slack_file", "alt_text", "title"},
    "input": {"label", "element", "dispatch_action", "hint", "optional"},
    "rich_text": {"elements"},
    "video": {"alt_text", "author_name", "description", "provider_icon_url", "provider_name", "title",
              "title_url", "thumbnail_url", "video_url"},
    "markdown": {"text"},
    "table": {"rows", "column_settings"},
    "file": {"external_id", "source"},
}  # fmt: skip


class Checker:
    """Walks blocks and collects what Slack would refuse. `allowed` are the block types of this surface."""

    def __init__(self, *, allowed: Collection[str]) -> None:
        self.errors: list[str] = []
        self._allowed = allowed
        self._checks: dict[str, Callable[[Json, str], None]] = {
            "section": self._section,
            "header": self._header,
            "context": self._context,
            "actions": self._actions,
            "image": self._image,
            "input": self._input,
            "markdown": self._markdown,
            "table": self._table,
            "rich_text": self._rich_text,
        }

    def blocks(self, blocks: list[Any], at: str, *, most: int) -> None:
        """All blocks of a message or view."""
        if len(blocks) > most:
            self._no(f"no more than {most} items allowed", at)
        seen: set[str] = set()
        for number, block in enumerate(blocks):
            where = f"{at}/{number}"
            if not isinstance(block, dict):
                self._no("must be an object", where)
                continue
            kind = block.get("type")
            if not isinstance(kind, str) or kind not in self._allowed:
                self._no(f"unsupported type: {kind}", f"{where}/type")
                continue
            self.keys(block, where, allowed=_BLOCK_KEYS[kind] | {"type", "block_id"})
            self._once(block.get("block_id"), where, seen=seen, name="block_id")
            if check := self._checks.get(kind):
                check(block, where)

    def keys(self, value: Json, at: str, *, allowed: Collection[str]) -> None:
        """Fields Slack does not know."""
        for key in value:
            if key not in allowed:
                self._no(f"invalid additional property: {key}", at)

    def string(self, value: Any, at: str, *, most: int, is_required: bool = False, least: int = 0) -> None:
        """A plain string."""
        if value is None:
            if is_required:
                self._missing(at)
            return
        if not isinstance(value, str):
            self._no("must be a string", at)
        elif len(value) > most:
            self._no(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            self._no(f"must be more than {least - 1} characters", at)

    def text(
        self,
        value: Any,
        at: str,
        *,
        most: int,
        kinds: tuple[str, ...] = ("plain_text", "mrkdwn"),
        is_required: bool = False,
    ) -> None:
        """A text object."""
        if value is None:
            if is_required:
                self._missing(at)
            return
        if not isinstance(value, dict) or value.get("type") not in kinds:
            self._no(f"must be a text object of type {' or '.join(kinds)}", at)
            return
        self.keys(value, at, allowed=_TEXT_KEYS[value["type"]])
        self.string(value.get("text"), f"{at}/text", most=most, is_required=True, least=1)

    # blocks

    def _section(self, block: Json, at: str) -> None:
        if block.get("text") is None and not block.get("fields"):
            self._no("missing required field: text or fields", at)
        self.text(block.get("text"), f"{at}/text", most=3000)
        for number, field in enumerate(self._list(block.get("fields"), f"{at}/fields", most=10)):
            self.text(field, f"{at}/fields/{number}", most=2000, is_required=True)
        if "accessory" in block:
            self._element(block["accessory"], f"{at}/accessory", allowed=_IN_SECTION)

    def _header(self, block: Json, at: str) -> None:
        self.text(block.get("text"), f"{at}/text", most=150, kinds=("plain_text",), is_required=True)

    def _context(self, block: Json, at: str) -> None:
        for number, element in enumerate(
            self._list(block.get("elements"), f"{at}/elements", most=10, least=1)
        ):
            where = f"{at}/elements/{number}"
            if isinstance(element, dict) and element.get("type") == "image":
                self._image(element, where)
            else:
                self.text(element, where, most=3000, is_required=True)

    def _actions(self, block: Json, at: str) -> None:
        seen: set[str] = set()
        for number, element in enumerate(
            self._list(block.get("elements"), f"{at}/elements", most=25, least=1)
        ):
            where = f"{at}/elements/{number}"
            self._element(element, where, allowed=_IN_ACTIONS)
            if isinstance(element, dict):
                self._once(element.get("action_id"), where, seen=seen, name="action_id")

    def _image(self, block: Json, at: str) -> None:
        if not block.get("slack_file"):
            self.string(block.get("image_url"), f"{at}/image_url", most=3000, is_required=True, least=1)
        self.string(block.get("alt_text"), f"{at}/alt_text", most=2000, is_required=True, least=1)

    def _input(self, block: Json, at: str) -> None:
        self.text(block.get("label"), f"{at}/label", most=2000, kinds=("plain_text",), is_required=True)
        self.text(block.get("hint"), f"{at}/hint", most=2000, kinds=("plain_text",))
        self._element(block.get("element"), f"{at}/element", allowed=_IN_INPUT)

    def _markdown(self, block: Json, at: str) -> None:
        self.string(block.get("text"), f"{at}/text", most=12_000, is_required=True, least=1)

    def _table(self, block: Json, at: str) -> None:
        for number, row in enumerate(self._list(block.get("rows"), f"{at}/rows", most=100, least=1)):
            self._list(row, f"{at}/rows/{number}", most=20, least=1)

    def _rich_text(self, block: Json, at: str) -> None:
        for number, part in enumerate(
            self._list(block.get("elements"), f"{at}/elements", most=1000, least=1)
        ):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in _RICH_TEXT_PARTS:
                self._no(f"unsupported type: {kind}", f"{at}/elements/{number}/type")

    # elements

    def _element(self, element: Any, at: str, *, allowed: Collection[str]) -> None:
        kind = element.get("type") if isinstance(element, dict) else None
        if not isinstance(kind, str) or kind not in allowed:
            self._no(f"unsupported type: {kind}", f"{at}/type")
            return
        self.keys(element, at, allowed=_ELEMENT_KEYS[kind])
        if kind == "image":
            self._image(element, at)
            return
        self.string(element.get("action_id"), f"{at}/action_id", most=255)
        self.text(element.get("placeholder"), f"{at}/placeholder", most=150, kinds=("plain_text",))
        if "confirm" in element:
            self._confirm(element["confirm"], f"{at}/confirm")
        if kind == "button":
            self._button(element, at)
        elif kind in _TEXT_INPUTS:
            self._text_input(element, at)
        elif "options" in _ELEMENT_KEYS[kind]:
            self._options_of(element, at)

    def _button(self, element: Json, at: str) -> None:
        self.text(element.get("text"), f"{at}/text", most=75, kinds=("plain_text",), is_required=True)
        self.string(element.get("value"), f"{at}/value", most=2000)
        self.string(element.get("url"), f"{at}/url", most=3000)
        self.string(element.get("accessibility_label"), f"{at}/accessibility_label", most=75)
        if element.get("style", "primary") not in ("primary", "danger"):
            self._no("must be one of: primary, danger", f"{at}/style")

    def _text_input(self, element: Json, at: str) -> None:
        if element["type"] != "rich_text_input":
            self.string(element.get("initial_value"), f"{at}/initial_value", most=3000)
        for key, most in (("min_length", 3000), ("max_length", 3000)):
            if isinstance(element.get(key), int) and element[key] > most:
                self._no(f"must be less than {most + 1}", f"{at}/{key}")

    def _options_of(self, element: Json, at: str) -> None:
        most = _MOST_OPTIONS.get(element["type"], 100)
        if "option_groups" in element:
            groups = self._list(element["option_groups"], f"{at}/option_groups", most=100, least=1)
            options = []
            for number, group in enumerate(groups):
                where = f"{at}/option_groups/{number}"
                if not isinstance(group, dict):
                    self._no("must be an object", where)
                    continue
                self.text(
                    group.get("label"), f"{where}/label", most=75, kinds=("plain_text",), is_required=True
                )
                options += self._options(group.get("options"), f"{where}/options", most=most)
        else:
            options = self._options(element.get("options"), f"{at}/options", most=most)
        initial = [element["initial_option"]] if "initial_option" in element else []
        for option in [
            *initial,
            *self._list(element.get("initial_options"), f"{at}/initial_options", most=most),
        ]:
            if option not in options:
                self._no("initial option must be one of the options", at)

    def _options(self, value: Any, at: str, *, most: int) -> list[Any]:
        options = self._list(value, at, most=most, least=1)
        for number, option in enumerate(options):
            where = f"{at}/{number}"
            if not isinstance(option, dict):
                self._no("must be an object", where)
                continue
            self.keys(option, where, allowed={"text", "value", "description", "url"})
            self.text(option.get("text"), f"{where}/text", most=75, is_required=True)
            self.string(option.get("value"), f"{where}/value", most=150, is_required=True, least=1)
            self.text(option.get("description"), f"{where}/description", most=75)
        return options

    def _confirm(self, confirm: Any, at: str) -> None:
        if not isinstance(confirm, dict):
            self._no("must be an object", at)
            return
        self.keys(confirm, at, allowed=_CONFIRM_KEYS)
        self.text(confirm.get("title"), f"{at}/title", most=100, kinds=("plain_text",), is_required=True)
        self.text(confirm.get("text"), f"{at}/text", most=300, is_required=True)
        self.text(confirm.get("confirm"), f"{at}/confirm", most=30, kinds=("plain_text",), is_required=True)
        self.text(confirm.get("deny"), f"{at}/deny", most=30, kinds=("plain_text",), is_required=True)

    # words

    def _list(self, value: Any, at: str, *, most: int, least: int = 0) -> list[Any]:
        if value is None and not least:
            return []
        if not isinstance(value, list):
            self._no("must be an array", at)
            return []
        if len(value) > most:
            self._no(f"no more than {most} items allowed", at)
        if len(value) < least:
            self._no(f"no less than {least} items allowed", at)
        return value

    def _once(self, value: Any, at: str, *, seen: set[str], name: str) -> None:
        self.string(value, f"{at}/{name}", most=255)
        if not isinstance(value, str):
            return
        if value in seen:
            self._no(f"`{name}` {value} already exists", f"{at}/{name}")
        seen.add(value)

    def _missing(self, at: str) -> None:
        parent, _, key = at.rpartition("/")
        self._no(f"missing required field: {key}", parent)

    def _no(self, why: str, at: str) -> None:
        self.errors.append(f"{why} [json-pointer:{at}]")
