"""Reading files: any bytes give data or a problem with a place, and both syntaxes mean the same data."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.catalog.reading import FILE_LIMIT_BYTES, parse_document
from bot.catalog.source import Document

NICE_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
)
DATA = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**15), 10**15),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12),
        NICE_TEXT,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NICE_TEXT, inner, max_size=4)),
    max_leaves=15,
)


def read(content: str | bytes, name: str = "a.yaml") -> Document:
    document = Document(path=name)
    parse_document(document, content.encode() if isinstance(content, str) else content)
    return document


class TestAnything:
    @given(st.binary(max_size=200), st.sampled_from(["a.yaml", "a.json"]))
    def test_any_bytes_give_data_or_a_problem_and_never_break(self, content: bytes, name: str) -> None:
        document = read(content, name)
        assert document.data is not None or document.problems or content.strip() in (b"null", b"~")

    @given(st.text(st.sampled_from("abc:-,[]{}&*!|>'\"#%@`? \n\t0~<{}="), max_size=60))
    def test_any_yaml_like_text_gives_places_inside_the_file(self, text: str) -> None:
        lines = text.split("\n")
        for problem in read(text).problems:
            assert 1 <= problem.line <= len(lines) + 1
            assert problem.column >= 1

    @given(DATA)
    def test_json_is_read_as_the_standard_library_reads_it(self, data: Any) -> None:
        for text in (json.dumps(data), json.dumps(data, indent=2, ensure_ascii=False)):
            document = read(text, "a.json")
            assert not document.problems
            assert document.data == json.loads(text)

    @given(DATA)
    def test_what_json_says_yaml_says_too(self, data: Any) -> None:
        text = json.dumps(data, ensure_ascii=False)
        as_yaml = read(text)
        assert not as_yaml.problems
        assert as_yaml.data == data

    @given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), DATA, min_size=1, max_size=5))
    def test_written_yaml_is_read_back(self, data: dict[str, Any]) -> None:
        written = yaml.safe_dump(data, allow_unicode=True, width=1000)
        # 1e-7 without a dot is text to PyYAML's dumper, and a number to YAML 1.2, JSON and us.
        assume(not re.search(r"\d[eE][-+]\d", written))
        document = read(written)
        assert not document.problems
        assert document.data == data

    @given(DATA)
    def test_every_value_has_a_place(self, data: Any) -> None:
        document = read(json.dumps(data, indent=1), "a.json")

        def count(value: Any) -> int:
            if isinstance(value, dict):
                return 1 + sum(count(item) for item in value.values())
            return 1 + sum(count(item) for item in value) if isinstance(value, list) else 1

        assert len(document.values) == count(data)


class TestWords:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("no", "no"),
            ("on", "on"),
            ("true", True),
            ("FALSE", False),
            ("~", None),
            ("010", "010"),
            ("22:22", "22:22"),
            ("0x1f", "0x1f"),
            ("-3", -3),
            ("1_000", "1_000"),
            ("1e3", "1e3"),
            ("1e+3", 1000.0),
            ("1.5", 1.5),
            (".5", 0.5),
            (".inf", ".inf"),
            ("2024-01-01", "2024-01-01"),
            ("!!str 5", "5"),
            ("9" * 40, "9" * 40),
            ("'5'", "5"),
            ("=", "="),
        ],
    )
    def test_only_plain_numbers_and_switches_are_not_text(self, written: str, meant: Any) -> None:
        document = read(f"a: {written}")
        assert document.problems == []
        assert document.data == {"a": meant}
        assert type(document.data["a"]) is type(meant)

    def test_merge_keys_are_followed_and_what_stands_there_wins(self) -> None:
        document = read(
            "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nall: {<<: [*b, *m], x: 9}\nlate: {x: 8, <<: *b}\n"
        )
        assert document.problems == []
        assert document.data["all"] == {"x": 9, "y": 2, "z": 4}
        assert document.data["late"] == {"x": 8, "y": 2}

    def test_windows_line_ends_and_a_byte_order_mark_are_no_concern(self) -> None:
        assert read(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  x\r\n  y\r\n").data == {"a": 1, "b": "x\ny\n"}


class TestBounds:
    def test_a_file_that_is_too_large_is_not_parsed(self) -> None:
        (problem,) = read(b"#" * (FILE_LIMIT_BYTES + 1)).problems
        assert problem.code == "RB001"

    @pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 30_000, "- " * 100_000, "? " * 100_000])
    def test_no_depth_of_nesting_ends_the_process(self, text: str) -> None:
        (problem,) = read(text).problems
        assert problem.code in ("RB002", "RB004")

    def test_aliases_of_aliases_cannot_stand_for_a_billion_values(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
        (problem,) = read("\n".join(lines)).problems
        assert (problem.code, problem.message) == ("RB004", "the file stands for more than 20,000 values")

    def test_merging_over_and_over_is_bounded_too(self) -> None:
        lines = ["a0: &a0 {k: v}"] + [
            f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}, <<: *a{i - 1}}}" for i in range(1, 30)
        ]
        assert [problem.code for problem in read("\n".join(lines)).problems] == ["RB004"]


class TestRepairs:
    @pytest.mark.parametrize(
        ("line", "hint"),
        [
            ('- pattern: "x", allow_failure: true', '- {pattern: "x", allow_failure: true}'),
            ("- pattern: x, allow_failure: true", "- {pattern: x, allow_failure: true}"),
            ("- pattern: '[a, b]', allow_failure: true", "- {pattern: '[a, b]', allow_failure: true}"),
            (
                "- pattern: ^\\[ok\\]$, allow_failure: true # why",
                '- {pattern: "^\\\\[ok\\\\]$", allow_failure: true}',
            ),
        ],
    )
    def test_a_list_item_with_commas_gets_the_corrected_line_as_hint(self, line: str, hint: str) -> None:
        document = read(f"expect:\n  {line}\n  - pattern: y\nlater: 1\nlater: 2\n")
        first, second = document.problems
        assert (first.line, first.code, first.hint) == (2, "RB002", f"write: {hint}")
        # Reading went on: what stands below the broken line is told in the same report.
        assert (second.line, second.code) == (5, "RB003")
        assert document.data["expect"][0]["allow_failure"] is True

    def test_the_hint_is_itself_right(self) -> None:
        document = read('expect:\n  - pattern: "a: b", allow_failure: true\n')
        fixed = document.problems[0].hint.removeprefix("write: ")
        again = read(f"expect:\n  {fixed}\n")
        assert again.problems == []
        assert again.data == {"expect": [{"pattern": "a: b", "allow_failure": True}]}

    def test_a_colon_in_a_text_gets_quotes(self) -> None:
        document = read("message: take care: it is hot # really\nx: 1\n")
        assert [problem.hint for problem in document.problems] == [
            'write: message: "take care: it is hot" # really'
        ]
        assert document.data == {"message": "take care: it is hot", "x": 1}


def test_words_inside_a_long_value_are_found_at_their_line() -> None:
    document = read("a: |\n  first\n  second {{ x.y }}\nb: '{{ x.y }}'\n")
    assert document.mark_of(("a",), "x.y") == (3, 13)
    assert document.mark_of(("b",), "x.y") == (4, 8)
    assert document.mark_of(("a",), "nowhere") == (1, 4)
    assert document.mark_in(("a",), 2, 3) == (3, 5)
