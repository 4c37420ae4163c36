"""Text from outside in a Markdown document, held against a Markdown parser: it stays text, wherever it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.runs.markdown import EMPTY, code, fenced, prose

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
texts = st.text(st.sampled_from("ab1 \n\t`*_[]()<>&|#-+=~!$\\.:/@w\u202e\u200b\x1b") | st.characters())


def kinds(document: str) -> set[str]:
    """Every kind of block and inline that a parser sees."""
    return {kind.type for token in PARSER.parse(document) for kind in (token, *(token.children or ()))} - {
        "inline"
    }


PARAGRAPH = {"paragraph_open", "paragraph_close"}
ITEM = {*PARAGRAPH, "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
TEXT = {"text", "text_special"}


@given(texts)
def test_prose_is_nothing_but_text(text: str) -> None:
    assert kinds(prose(text)) - TEXT == PARAGRAPH
    assert kinds(f"- {prose(text)}") - TEXT == ITEM
    assert "\n" not in prose(text)


@given(texts, texts)
def test_prose_and_code_stay_in_their_cell(one: str, other: str) -> None:
    table = f"| a | b |\n|---|---|\n| {prose(one)} | {code(other)} |"
    cells = [token for token in PARSER.parse(table) if token.type == "td_open"]
    assert len(cells) == 2
    assert kinds(table) & {"link_open", "html_inline", "em_open", "strong_open", "image"} == set()


@given(texts)
def test_code_is_one_span(text: str) -> None:
    found = kinds(f"- x {code(text)} y")
    assert found - TEXT - ITEM <= {"code_inline"}


@given(texts)
def test_nothing_closes_a_fence_from_inside(text: str) -> None:
    tokens = PARSER.parse(f"{fenced(text)}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("restart payments-1", "restart payments-1"),
        ("127.0.0.1 answered 503", "127.0.0.1 answered 503"),
        ("1. first", "1\\. first"),
        ("# heading", "\\# heading"),
        ("see https://evil.example", "see https:\u2060//evil.example"),
        ("@here look", "@\u2060here look"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a\u202eb\u200bc\x1b[2J", "a\ufffdbc\ufffd\\[2J"),
        ("", EMPTY),
    ],
)
def test_prose_stays_readable(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_what_is_long_is_cut_with_a_mark() -> None:
    assert prose("x" * 600, 20) == "x" * 13 + "… (cut)"
    assert code("y" * 600, 20) == "`" + "y" * 13 + "… (cut)`"


def test_what_cannot_be_seen_is_spelled_out_in_code() -> None:
    assert code("rm\u202e -rf\x1b") == "`rm⟨U+202E⟩ -rf⟨U+001B⟩`"
    assert "a⟨U+0007⟩b\n\tc" in fenced("a\x07b\r\n\tc")
