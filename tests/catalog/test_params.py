"""Params: text from people becomes typed values, or one sentence for each that does not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.params import BadParams, dash_allowed, parse_params, what_fits
from bot.catalog.schema import Param

REPLICAS = Param(name="replicas", type="int", minimum=1, maximum=10)
NAME = Param(name="name", pattern="[a-z]+", default="web")
REGION = Param(name="region", type="choice", choices=("eu", "us"))
FORCE = Param(name="force", type="bool", default=False)
NOTE = Param(name="note", required=False)
ALL = (REPLICAS, NAME, REGION, FORCE, NOTE)


def test_text_becomes_the_type_that_is_declared() -> None:
    assert parse_params(ALL, {"replicas": " 5 ", "region": "eu", "force": "Yes"}) == {
        "replicas": 5,
        "name": "web",
        "region": "eu",
        "force": True,
    }


def test_every_bad_missing_and_unknown_one_is_named_at_once() -> None:
    with pytest.raises(BadParams) as refusal:
        parse_params(ALL, {"replicas": "11", "name": "A1", "force": "maybe", "colour": "red"})
    assert refusal.value.by_name == {
        "colour": "is not a param here; there is replicas, name, region, force, note",
        "replicas": "'11' does not fit; give a whole number from 1 to 10",
        "name": "'A1' does not fit; give text that matches [a-z]+",
        "region": "is missing; give one of eu, us",
        "force": "'maybe' does not fit; give true or false",
    }


@pytest.mark.parametrize("value", ["1_0", "٣", "5.0", "1e3", "0x5", True, "", "9" * 30])
def test_only_plain_whole_numbers_are_numbers(value: str | bool) -> None:
    with pytest.raises(BadParams):
        parse_params((REPLICAS,), {"replicas": value})


@pytest.mark.parametrize("value", ["a\0", "\ud800", "x" * 2001])
def test_text_that_no_field_can_hold_is_refused(value: str) -> None:
    with pytest.raises(BadParams):
        parse_params((NOTE,), {"note": value})


def test_a_pattern_must_match_the_whole_text() -> None:
    with pytest.raises(BadParams):
        parse_params((NAME,), {"name": "web; rm"})
    with pytest.raises(BadParams):
        parse_params((NAME,), {"name": "web\nrm"})


@given(st.dictionaries(st.sampled_from([param.name for param in ALL]), st.text(max_size=20)))
def test_parsing_what_was_parsed_changes_nothing(given_texts: dict[str, str]) -> None:
    try:
        parsed = parse_params(ALL, given_texts)
    except BadParams:
        return
    assert parse_params(ALL, parsed) == parsed


def test_what_fits_is_said_for_open_ranges() -> None:
    assert what_fits(Param(name="n", type="int", minimum=1)) == "a whole number, 1 or more"
    assert what_fits(Param(name="n", type="int", maximum=9)) == "a whole number, 9 or less"


def test_params_that_may_start_with_a_dash_are_known_by_their_path() -> None:
    assert dash_allowed((NAME, Param(name="flags", allow_leading_dash=True))) == {"params.flags"}
