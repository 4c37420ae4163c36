"""Slack's limits as its documents give them, for messages and modals, written down a second time and apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.limits import check_blocks, check_view
from bot.slack.message import Message

TEXT = {"section": 3000, "header": 150, "context": 3000}


def check(message: Message) -> None:
    """Assert that Slack would take this message."""
    assert message.text.strip()
    assert len(message.text) <= 4000
    assert len(message.blocks) <= 50
    _blocks(message.blocks)
    assert sum(units(one) for one in texts(message.blocks)) < 10_000
    check_blocks(message.blocks or None)


def check_modal(view: dict[str, Any]) -> None:
    """Assert that Slack would take this modal."""
    assert units(view["title"]["text"]) <= 24
    assert len(view["private_metadata"]) <= 3000
    assert 1 <= len(view["blocks"]) <= 100
    _blocks(view["blocks"])
    check_view(view, kind="modal")


def units(text: str) -> int:
    """UTF-16 units, the way of counting that comes to most."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def texts(value: Any) -> Iterator[str]:
    """Every text, nested ones too."""
    if isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "text" and isinstance(one, str):
                yield one
            else:
                yield from texts(one)


def _blocks(blocks: list[dict[str, Any]]) -> None:
    names = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(names) == len(set(names))
    assert all(units(name) <= 255 for name in names)
    for block in blocks:
        kind = block["type"]
        if kind in TEXT and "text" in block:
            assert 1 <= units(block["text"]["text"]) <= TEXT[kind]
        assert len(block.get("fields", ())) <= 10
        assert all(1 <= units(one["text"]) <= 2000 for one in block.get("fields", ()))
        if kind == "context":
            assert 1 <= len(block["elements"]) <= 10
        elements = block["elements"] if kind == "actions" else [block["element"]] if kind == "input" else []
        assert len(elements) <= 25
        assert len({one["action_id"] for one in elements}) == len(elements)
        for element in elements:
            _element(element)


def _element(element: dict[str, Any]) -> None:
    assert units(element["action_id"]) <= 255
    if element["type"] == "button":
        assert 1 <= units(element["text"]["text"]) <= 75
        assert len(element["value"]) <= 2000
    if "confirm" in element:
        dialog = element["confirm"]
        for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            assert 1 <= units(dialog[name]["text"]) <= most
    for option in element.get("options", ()):
        assert 1 <= units(option["text"]["text"]) <= 75
        assert 1 <= units(option["value"]) <= 150
    assert len(element.get("options", ())) <= 100
