"""Block Kit, as small constructors that keep Slack's limits by cutting with a mark, never by failing at send time.

Texts given as `mrkdwn` are composed by `views` from parts that `text` made inert; here they are only measured.
`total` counts what Slack counts (every text of every block, and the blocks themselves): the documented limits are per
block, but a message whose blocks hold about 12,000 characters together is refused, so we stay under 10,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from bot.runs.plan import JsonObject
from bot.slack import text

MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
MESSAGE_TOTAL = 9_900
BLOCK_COST = 20
SHORTEST_CUT = 200
SECTION = 3000
FIELD = 2000
FIELDS = 10
HEADER = 150
CONTEXT_ELEMENTS = 10
ELEMENTS = 25
BUTTON = 75
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
OPTION = 75
OPTIONS = 100
MODAL_TITLE = 24
LABEL = 2000
PLACEHOLDER = 150
INPUT_VALUE = 3000

Style = Literal["", "primary", "danger"]


def plain_text(words: str, limit: int) -> JsonObject:
    """A `plain_text` object: nothing in it is markup."""
    return {"type": "plain_text", "text": text.plain(words, limit)}


def mrkdwn(markup: str, limit: int) -> JsonObject:
    """A `mrkdwn` object. `verbatim`: Slack makes no links and no mentions of its own."""
    return {"type": "mrkdwn", "text": text.cut_markup(markup, limit).strip() or text.EMPTY, "verbatim": True}


def header(words: str) -> JsonObject:
    """A heading."""
    return {"type": "header", "text": plain_text(words, HEADER)}


def section(markup: str, *, accessory: JsonObject | None = None) -> JsonObject:
    """A paragraph."""
    block: JsonObject = {"type": "section", "text": mrkdwn(markup, SECTION)}
    return block if accessory is None else {**block, "accessory": accessory}


def fields(markups: Sequence[str]) -> JsonObject:
    """Short facts in two columns (one on a phone)."""
    return {"type": "section", "fields": [mrkdwn(one, FIELD) for one in markups[:FIELDS]]}


def context(*markups: str) -> JsonObject:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(one, SECTION) for one in markups[:CONTEXT_ELEMENTS]]}


def divider() -> JsonObject:
    """A line."""
    return {"type": "divider"}


def actions(elements: Sequence[JsonObject], *, block_id: str = "") -> JsonObject:
    """A row of buttons or menus."""
    named = {"block_id": block_id} if block_id else {}
    return {"type": "actions", **named, "elements": list(elements[:ELEMENTS])}


def confirm(*, title: str, words: str, yes: str, no: str = "Not yet", style: Style = "") -> JsonObject:
    """The question a click is asked back. Plain text: it may hold words from outside."""
    dialog: JsonObject = {
        "title": plain_text(title, CONFIRM_TITLE),
        "text": plain_text(words, CONFIRM_TEXT),
        "confirm": plain_text(yes, CONFIRM_BUTTON),
        "deny": plain_text(no, CONFIRM_BUTTON),
    }
    return {**dialog, "style": style} if style else dialog


def button(
    words: str, *, action_id: str, value: str, style: Style = "", asks: JsonObject | None = None
) -> JsonObject:
    """A button; `asks` is its `confirm` dialog. `value` is one of `ids` and already checked for length."""
    element: JsonObject = {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(words, BUTTON),
        "value": value,
    }
    if style:
        element["style"] = style
    if asks is not None:
        element["confirm"] = asks
    return element


def option(words: str, *, value: str, description: str = "") -> JsonObject:
    """One choice of a menu."""
    one: JsonObject = {"text": plain_text(words, OPTION), "value": value}
    return {**one, "description": plain_text(description, OPTION)} if description.strip() else one


def select(
    options: Sequence[JsonObject], *, action_id: str, placeholder: str, initial: str | None = None
) -> JsonObject:
    """A menu to choose one from; needs at least one option."""
    shown = list(options[:OPTIONS])
    element: JsonObject = {
        "type": "static_select",
        "action_id": action_id,
        "placeholder": plain_text(placeholder, PLACEHOLDER),
        "options": shown,
    }
    chosen = next((one for one in shown if one["value"] == initial), None)
    return element if chosen is None else {**element, "initial_option": chosen}


def entry(
    label: str,
    element: JsonObject,
    *,
    block_id: str,
    hint: str = "",
    is_optional: bool = False,
    dispatches: bool = False,
) -> JsonObject:
    """One labelled input of a modal; `dispatches` sends an action at each change."""
    block: JsonObject = {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label, LABEL),
        "element": element,
        "optional": is_optional,
    }
    if dispatches:
        block["dispatch_action"] = True
    return {**block, "hint": plain_text(hint, LABEL)} if hint.strip() else block


def modal(
    *, title: str, blocks: Sequence[JsonObject], callback_id: str, metadata: str, submit: str
) -> JsonObject:
    """A form over the conversation; `submit` "" makes one that can only be closed."""
    view: JsonObject = {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": metadata,
        "title": plain_text(title, MODAL_TITLE),
        "close": plain_text("Close", MODAL_TITLE),
        "blocks": list(blocks[:MODAL_BLOCKS]),
    }
    return {**view, "submit": plain_text(submit, MODAL_TITLE)} if submit else view


def notice(title: str, words: str) -> JsonObject:
    """A form with nothing to fill in; `words` are markup."""
    return modal(
        title=text.plain(title, MODAL_TITLE),
        blocks=[section(words)],
        callback_id="notice",
        metadata="",
        submit="",
    )


def total(blocks: Sequence[JsonObject]) -> int:
    """What Slack counts against a whole message."""
    return sum(text.size(one["text"]) for one in _texts(blocks)) + BLOCK_COST * len(blocks)


def _texts(value: Any) -> Iterator[JsonObject]:
    """Every text object, nested ones too."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value
        for one in value.values():
            yield from _texts(one)


def fit(blocks: Sequence[JsonObject], *, kept: Sequence[JsonObject] = ()) -> list[JsonObject]:
    """The last guard: the same blocks under Slack's limits for a message, the longest paragraphs cut first.

    Views keep within these limits for ordinary words by themselves; this is for the others. `kept` blocks are left
    as they are. Buttons stand at the end, so of too many blocks the ones in the middle give way.
    """
    fitted = list(blocks)
    if len(fitted) > MESSAGE_BLOCKS:
        note = context(f"{len(fitted) - MESSAGE_BLOCKS + 1} parts are left out here {text.CUT_MARK}")
        fitted = [*fitted[: MESSAGE_BLOCKS - 6], note, *fitted[-5:]]
    untouched = {id(block) for block in kept}
    while (over := total(fitted) - MESSAGE_TOTAL) > 0:
        sizes = [0 if id(block) in untouched else _cuttable(block) for block in fitted]
        longest = max(sizes)
        if longest <= SHORTEST_CUT:
            break
        index = sizes.index(longest)
        fitted[index] = _shortened(fitted[index], max(SHORTEST_CUT, longest - over, longest // 2))
    return fitted


def _cuttable(block: JsonObject) -> int:
    words = block.get("text")
    return text.size(words["text"]) if isinstance(words, dict) and words.get("type") == "mrkdwn" else 0


def _shortened(block: JsonObject, limit: int) -> JsonObject:
    return {**block, "text": mrkdwn(block["text"]["text"], limit)}
