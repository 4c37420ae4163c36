"""Patterns: linear time, lines, and a sentence for what the engine does not do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.patterns import compile_pattern
from bot.errors import BadInput


def test_a_pattern_is_searched_anywhere_and_knows_lines() -> None:
    assert compile_pattern("^OK$").search("redis\nOK\n")
    assert not compile_pattern("^OK$").search("NOT OK")


@pytest.mark.parametrize(("text", "words"), [(r"(a)\1", "refers back"), ("a(?=b)", "ahead or behind")])
def test_what_cannot_be_linear_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        compile_pattern(text)


@pytest.mark.parametrize("text", ["a(", "*a", "[z-a]", "((a{100}){100}){100}", "a" * 1001])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        compile_pattern(text)


def test_a_pattern_that_ruins_other_engines_ends_at_once() -> None:
    assert not compile_pattern("(a+)+$b").search("a" * 50_000)


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_pattern_either_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except BadInput:
        return
    assert compiled.search(text) in (True, False)
