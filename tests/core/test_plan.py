"""A plan survives JSON, its digest covers what an approval is bound to, and an undo's holes are filled or named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bot.runs.plan import Hole, Plan, Target, Undo, digest_of
from tests.core.given import plan

PLANS = TypeAdapter(Plan)
UNDOS = TypeAdapter(Undo)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
targets = st.builds(Target, kind=texts, name=texts, environment=texts)
undos = st.builds(
    Undo,
    kind=st.sampled_from(["step", "manual", "none"]),
    text=texts,
    type=texts,
    input=objects,
    targets=st.lists(targets, max_size=2).map(tuple),
    will_run=st.lists(texts, max_size=2).map(tuple),
    guarded=objects,
    expect=st.lists(objects, max_size=2).map(tuple),
    timeout_s=st.floats(0, 1e6),
)
plans = st.builds(
    Plan,
    type=texts,
    input=objects,
    targets=st.lists(targets, max_size=2).map(tuple),
    text=texts,
    will_run=st.lists(texts, max_size=2).map(tuple),
    shown=objects,
    guarded=objects,
    observable=st.booleans(),
    changes=st.booleans(),
    undo=undos,
    risk=texts,
    timeout_s=st.floats(0, 1e6),
)


@given(plans)
def test_a_plan_comes_back_from_json_as_it_was_with_the_same_digest(made: Plan) -> None:
    back = PLANS.validate_json(PLANS.dump_json(made))
    assert back == made
    assert back.digest == made.digest


@given(undos)
def test_an_undo_comes_back_from_json_as_it_was(made: Undo) -> None:
    assert UNDOS.validate_json(UNDOS.dump_json(made)) == made


@pytest.mark.parametrize(
    ("change", "is_bound"),
    [
        ({"input": {"dial": "a", "value": 2}}, True),
        ({"targets": (Target(kind="host", name="b", environment="staging"),)}, True),
        ({"targets": (Target(kind="host", name="a", environment="prod"),)}, True),
        ({"will_run": ("turn a to 1 twice",)}, True),
        ({"guarded": {"a": 3}}, True),
        ({"undo": Undo(kind="manual", text="turn it back")}, True),
        ({"timeout_s": 5.0}, True),
        ({"shown": {"ready": "2 of 3"}}, False),
        ({"risk": "high"}, False),
        ({"text": "in other words"}, False),
    ],
)
def test_an_approval_is_bound_to_what_would_run_not_to_how_it_is_told(
    change: dict[str, Any], is_bound: bool
) -> None:
    assert (replace(plan(), **change).digest != plan().digest) is is_bound


@given(objects)
def test_a_digest_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert digest_of(turned) == digest_of(value)
    assert digest_of(json.loads(json.dumps(value))) == digest_of(value)


def test_holes_are_filled_wherever_they_stand_and_a_missing_one_is_named() -> None:
    hole = Hole(name="pod").as_json()
    undo = Undo(kind="step", input={"pods": [hole, "b"], "deep": {"one": hole}}, guarded={"pod": hole})
    filled = undo.filled({"pod": "a"})
    assert filled.input == {"pods": ["a", "b"], "deep": {"one": "a"}}
    assert filled.guarded == {"pod": "a"}
    with pytest.raises(KeyError, match="pod"):
        undo.filled({})


@given(objects)
def test_an_undo_without_holes_is_the_same_filled(given_input: dict[str, Any]) -> None:
    undo = Undo(kind="step", input={"given": given_input})
    if "$hole" not in json.dumps(given_input):
        assert undo.filled({}) == undo
