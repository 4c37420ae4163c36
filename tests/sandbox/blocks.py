"""The smallest blocks and views a test needs."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "hello", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(action_id: str = "go", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain("Go"), **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def menu(count: int, **more: Any) -> Json:
    options = [{"text": plain(f"Option {one}"), "value": str(one)} for one in range(count)]
    return {"type": "static_select", "action_id": "menu", "options": options, **more}


def confirm(**more: Any) -> Json:
    return {
        "title": plain("Sure?"),
        "text": plain("It will restart."),
        "confirm": plain("Run"),
        "deny": plain("No"),
    } | more


def question(block_id: str = "why", **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "text", **more}
    return {"type": "input", "block_id": block_id, "label": plain("Why?"), "element": element}


def modal(*blocks: Json, **more: Any) -> Json:
    shown = list(blocks) or [question()]
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": plain("Ask"),
        "submit": plain("Send"),
        "blocks": shown,
        **more,
    }


def home(*blocks: Json) -> Json:
    return {"type": "home", "blocks": list(blocks) or [section()]}
