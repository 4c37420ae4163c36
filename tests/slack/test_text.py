"""Values from outside stay data in Slack's markup, whatever they hold and however long they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import text
from tests.slack.limits import units
from tests.slack.words import NASTY, words

_MARKUP = re.compile(r"<[^>]*>")


@given(words(), st.integers(0, 3000))
def test_a_value_is_one_inert_line_within_its_limit(given_text: str, limit: int) -> None:
    shown = text.value(given_text, limit)
    assert units(shown) <= max(limit, 1)
    assert not _MARKUP.search(shown)
    assert "\n" not in shown
    assert not set("*`~") & set(shown)


@given(words(), st.integers(60, 3000))
def test_a_paragraph_is_inert_within_its_limit(given_text: str, limit: int) -> None:
    shown = text.paragraph(given_text, limit)
    assert units(shown) <= limit
    assert "<" not in shown
    assert ">" not in shown
    assert not set("*`~") & set(shown)
    assert not re.search(r"(?m)^&gt;", shown)


@given(words(), st.integers(20, 500))
def test_a_code_span_cannot_be_left(given_text: str, limit: int) -> None:
    shown = text.code(given_text, limit)
    assert units(shown) <= limit
    assert shown[0] == shown[-1] == "`"
    assert "`" not in shown[1:-1]
    assert "\n" not in shown


@given(words(longest=20_000), st.integers(200, 6000))
def test_a_fence_cannot_be_left_and_its_pieces_fit(given_text: str, limit: int) -> None:
    fenced = text.fenced(given_text, limit)
    assert sum(map(units, fenced.texts)) <= limit
    for piece in fenced.texts:
        assert units(piece) <= 3000
        body = piece.removeprefix("```\n").removesuffix("\n```")
        assert len(body) == len(piece) - 8
        assert "```" not in body
        assert "<" not in body


@given(words(longest=4000))
def test_a_whole_fence_holds_every_character(given_text: str) -> None:
    fenced = text.fenced(given_text, 50_000)
    assert fenced.is_whole
    bodies = "\n".join(piece[4:-4] for piece in fenced.texts)
    shown = bodies.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("`\u2060", "`")
    wanted = text.exact(given_text).strip("\n") or text.EMPTY
    assert shown.replace("\n", "") == wanted.replace("\n", "")


def test_a_fence_that_is_not_whole_says_so() -> None:
    fenced = text.fenced("x" * 5000, 1000)
    assert not fenced.is_whole
    assert text.CUT_MARK in fenced.texts[-1]


@given(words(longest=20_000), st.integers(100, 3000))
def test_the_end_of_an_output_fits_its_fence(given_text: str, limit: int) -> None:
    shown = text.fence_end(given_text, limit)
    assert units(shown) <= limit
    assert "```" not in shown[3:-3]


@given(words(), st.integers(0, 400))
def test_a_cut_keeps_the_beginning_and_shows_its_mark(given_text: str, limit: int) -> None:
    shown = text.cut(given_text, limit)
    assert units(shown) <= limit
    if shown != given_text and limit >= 7:
        assert shown.endswith(text.CUT_MARK)
        assert given_text.startswith(shown.removesuffix(text.CUT_MARK))


def test_a_cut_does_not_part_a_letter_from_its_accent() -> None:
    assert text.cut("ae\u0301" + "b" * 20, 9) == "a" + text.CUT_MARK


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200f", "\x1b", "\x00"])
def test_a_character_that_changes_what_is_seen_is_shown(hidden: str) -> None:
    assert "\ufffd" in text.value(f"a{hidden}b")
    assert f"⟨U+{ord(hidden):04X}⟩" in text.code(f"a{hidden}b")


def test_zero_width_characters_vanish_from_prose_and_are_spelled_in_code() -> None:
    assert text.value("pay\u200bments") == "payments"
    assert text.code("rm\u200b -rf") == "`rm⟨U+200B⟩ -rf`"


def test_names_with_underscores_stay_readable() -> None:
    assert text.value("cpu_usage_total is high") == "cpu_usage_total is high"
    assert "_it_" not in text.value("an _it_ word")


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_nasty_makes_a_mention_or_a_link(nasty: str) -> None:
    shown = text.value(nasty)
    assert "<" not in shown
    assert "://" not in shown
    assert "@here" not in shown
    assert "@channel" not in shown


@given(words())
def test_composed_markup_is_cut_without_half_an_entity_or_an_open_fence(given_text: str) -> None:
    markup = f"*Head* {text.value(given_text)} <@U0ANN> {text.code(given_text)}\n" + "".join(
        text.fenced(given_text, 4000).texts
    )
    shown = text.cut_markup(markup, 900)
    assert units(shown) <= 900
    assert shown.count("```") % 2 == 0
    assert not re.search(r"&[a-z]{0,3}(…|$)", shown)
    assert not re.search(r"<[^>]*$", shown)


def test_only_web_addresses_become_links() -> None:
    assert text.link("https://a.example/x?y=1&z=2", "see") == "<https://a.example/x?y=1&amp;z=2|see>"
    for url in ("javascript:alert(1)", "https://a.example/|evil>", "https://a b", "", "mailto:a@b.c"):
        assert text.link(url, "see") == "see"
    assert text.link("https://a.example", "<!channel>") == "<https://a.example|&lt;!channel&gt;>"


def test_only_slack_ids_become_mentions() -> None:
    assert text.mention("U0ANN") == "<@U0ANN>"
    assert text.mention("S0ONCALL") == "<!subteam^S0ONCALL>"
    assert text.mention("C0INC") == "<#C0INC>"
    assert text.mention("!channel") == "!channel"
    assert "<" not in text.mention("U0ANN> <!here")


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [
        (0.0, "0.0 s"),
        (0.42, "0.4 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (300_000, "3 days"),
        (-1, "0.0 s"),
    ],
)
def test_durations_read_like_a_person_would_say_them(seconds: float, words_: str) -> None:
    assert text.duration(seconds) == words_


def test_a_moment_carries_utc_for_whoever_cannot_see_local_time() -> None:
    at = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)
    assert text.moment(at) == "<!date^1773453600^{date_short_pretty} {time}|2026-03-14 02:00 UTC>"


def test_lists_count_what_they_leave_out() -> None:
    assert text.listed([]) == ""
    assert text.listed(["a"]) == "a"
    assert text.listed(["a", "b", "c"], last="or") == "a, b or c"
    assert text.listed([str(number) for number in range(20)], most=2) == "0, 1 and 18 more"
