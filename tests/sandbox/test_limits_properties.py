"""Whatever an app sends as blocks, views or metadata is taken or refused in Slack's words; nothing else happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox import acme, blocks, limits
from bot.sandbox.elements import _BLOCK_KEYS, _ELEMENT_KEYS
from bot.sandbox.protocol import SlackError
from tests.sandbox.blocks import actions, button, confirm, menu, modal, mrkdwn, plain, question, section

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
KEYS = sorted(
    {key for keys in (*_BLOCK_KEYS.values(), *_ELEMENT_KEYS.values()) for key in keys} | {"label", "value"}
)
TYPES = st.sampled_from([*_BLOCK_KEYS, *_ELEMENT_KEYS, "plain_text", "mrkdwn", "nonsense"])


def _objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    bare = st.dictionaries(st.sampled_from(KEYS), children, max_size=4)
    return bare | st.builds(lambda kind, rest: {"type": kind, **rest}, TYPES, bare)


ANYTHING = st.recursive(
    SCALARS, lambda children: st.lists(children, max_size=3) | _objects(children), max_leaves=20
)
BLOCKS = st.lists(_objects(ANYTHING) | ANYTHING, max_size=4)

RUN = {"type": "text", "text": "a"}
GOOD: list[Any] = [
    section(accessory=menu(2)),
    {"type": "section", "fields": [mrkdwn("a"), plain("b")]},
    {"type": "header", "text": plain("a")},
    {
        "type": "context",
        "elements": [mrkdwn("a"), {"type": "image", "image_url": "http://a", "alt_text": "a"}],
    },
    actions(
        button(confirm=confirm(), value="1", style="danger"),
        menu(2),
        {**menu(2), "type": "overflow", "action_id": "o"},
    ),
    actions({"type": "checkboxes", "action_id": "c", "options": menu(2)["options"], "initial_options": []}),
    actions(
        {"type": "static_select", "option_groups": [{"label": plain("a"), "options": menu(1)["options"]}]}
    ),
    question(min_length=1, max_length=9),
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]},
    {"type": "markdown", "text": "a"},
    {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "a"}]}],
    },
]


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, one in items for path in _paths(one, (*at, key)))]


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(_paths(GOOD)[1:]), ANYTHING)
def test_blocks_with_one_thing_wrong_are_taken_or_refused(path: tuple[Any, ...], new: Any) -> None:
    workspace = acme.workspace()
    wrong = _changed(GOOD, path, new)
    with suppress(SlackError):
        limits.check_blocks(wrong)
        blocks.state_of(blocks.as_kept(wrong, new_id=workspace.new_block_id), {})
    with suppress(SlackError):
        limits.check_view(modal(*wrong), kind="modal")


@settings(max_examples=400, deadline=None)
@given(BLOCKS)
def test_blocks_are_taken_or_refused(given_blocks: list[Any]) -> None:
    workspace = acme.workspace()
    with suppress(SlackError):
        limits.check_blocks(given_blocks)
        kept = blocks.as_kept(given_blocks, new_id=workspace.new_block_id)
        blocks.state_of(kept, {})


@settings(max_examples=300, deadline=None)
@given(_objects(ANYTHING) | ANYTHING, BLOCKS, st.sampled_from(["modal", "home"]))
def test_views_are_taken_or_refused(view: Any, given_blocks: list[Any], kind: str) -> None:
    shown = {**view, "type": kind, "blocks": given_blocks} if isinstance(view, dict) else view
    with suppress(SlackError):
        limits.check_view(shown, kind=kind)


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_metadata_and_attachments_are_taken_or_refused(value: Any) -> None:
    with suppress(SlackError):
        limits.check_metadata(value)
    with suppress(SlackError):
        limits.check_attachments(value)
