"""Block Kit's limits for whole messages and views, refused in the words Slack uses.

`elements.py` knows what stands inside a block. The limits are from Slack's reference; two are not in it: fields
Slack does not know are refused, and all blocks of a message together may hold about 12,000 characters.
"""

from __future__ import annotations

import json
from typing import Any

from bot.sandbox.elements import Checker
from bot.sandbox.protocol import Json, SlackError

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 40_000
UPDATE_TEXT = 4_000
ATTACHMENTS = 100
TOTAL_CHARS = 12_000
BLOCK_OVERHEAD = 20
"""Slack counts the containers too: 45 blocks with 11,341 characters were refused, 50 with 9,597 were not."""
METADATA_BYTES = 16_384
VIEW_BYTES = 250_000
PRIVATE_METADATA = 3000

_SHARED_BLOCKS = {
    "section",
    "divider",
    "header",
    "context",
    "actions",
    "image",
    "input",
    "rich_text",
    "video",
}
MESSAGE_TYPES = _SHARED_BLOCKS | {"markdown", "table", "file"}
MODAL_TYPES = _SHARED_BLOCKS
HOME_TYPES = _SHARED_BLOCKS

_VIEW_KEYS = {
    "type", "blocks", "title", "submit", "close", "private_metadata", "callback_id", "clear_on_close",
    "notify_on_close", "external_id", "submit_disabled",
}  # fmt: skip


def check_blocks(blocks: Any) -> None:
    """Raises `invalid_blocks_format`, `invalid_blocks` or `msg_blocks_too_long` for a message's blocks."""
    if blocks is None:
        return
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    checker = Checker(allowed=MESSAGE_TYPES)
    checker.blocks(blocks, "/blocks", most=MESSAGE_BLOCKS)
    if sum(1 for block in blocks if isinstance(block, dict) and block.get("type") == "table") > 1:
        raise SlackError("invalid_attachments", "only_one_table_allowed")
    if checker.errors:
        raise SlackError("invalid_blocks", *checker.errors)
    if _chars(blocks) + BLOCK_OVERHEAD * len(blocks) > TOTAL_CHARS:
        raise SlackError("msg_blocks_too_long")


def check_attachments(attachments: Any) -> None:
    """Raises for attachments that are no list, too many, or hold blocks that break a limit."""
    if attachments is None:
        return
    if not isinstance(attachments, list):
        raise SlackError("invalid_attachments")
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    for attachment in attachments:
        if not isinstance(attachment, dict):
            raise SlackError("invalid_attachments")
        check_blocks(attachment.get("blocks"))


def check_metadata(metadata: Any) -> None:
    """Raises unless it is `{event_type: str, event_payload: object}` of a size Slack keeps."""
    if metadata is None or metadata == {}:
        return
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format", "missing required field: event_type")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format", "missing required field: event_payload")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        raise SlackError("metadata_too_large")


def check_view(view: Any, *, kind: str) -> None:
    """Raises `invalid_arguments` or `view_too_large`; `kind` is `modal` or `home`."""
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", "must provide an object [json-pointer:/view]")
    checker = Checker(allowed=MODAL_TYPES if kind == "modal" else HOME_TYPES)
    if view.get("type") != kind:
        checker.errors.append(f"must be one of: {kind} [json-pointer:/view/type]")
    checker.keys(view, "/view", allowed=_VIEW_KEYS)
    if isinstance(view.get("blocks"), list):
        checker.blocks(view["blocks"], "/view/blocks", most=VIEW_BLOCKS)
    else:
        checker.errors.append("missing required field: blocks [json-pointer:/view]")
    checker.string(view.get("private_metadata"), "/view/private_metadata", most=PRIVATE_METADATA)
    checker.string(view.get("callback_id"), "/view/callback_id", most=255)
    checker.string(view.get("external_id"), "/view/external_id", most=255)
    if kind == "modal":
        _check_modal(view, checker)
    if checker.errors:
        raise SlackError("invalid_arguments", *checker.errors)
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")


def _check_modal(view: Json, checker: Checker) -> None:
    checker.text(view.get("title"), "/view/title", most=24, kinds=("plain_text",), is_required=True)
    checker.text(view.get("submit"), "/view/submit", most=24, kinds=("plain_text",))
    checker.text(view.get("close"), "/view/close", most=24, kinds=("plain_text",))
    has_input = any(isinstance(one, dict) and one.get("type") == "input" for one in view.get("blocks") or ())
    if has_input and not view.get("submit"):
        checker.errors.append("missing required field: submit [json-pointer:/view]")


def _chars(value: Any) -> int:
    """All characters under a `text` key, nested ones too."""
    if isinstance(value, list):
        return sum(map(_chars, value))
    if not isinstance(value, dict):
        return 0
    return sum(
        len(one) if key == "text" and isinstance(one, str) else _chars(one) for key, one in value.items()
    )
