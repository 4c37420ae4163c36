"""The three kinds of patch, by example and by property; none of them changes what it is given."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.cluster.patches import json_patched, merged, strategically_merged
from bot.sandbox.cluster.quantities import amount, share, shown
from bot.sandbox.cluster.refusals import Refusal

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), PLAIN, max_size=4)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "foo"}, "bar", "bar"),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_is_that_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_twice_is_once_and_leaves_its_target(target: Any, patch: Any) -> None:
    before = deepcopy(target)
    once = merged(target, patch)
    assert merged(once, patch) == once
    assert target == before


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/list/1", "value": 9}, {"list": [1, 9, 2], "a/b": {"~": 3}}),
        ({"op": "add", "path": "/list/-", "value": 9}, {"list": [1, 2, 9], "a/b": {"~": 3}}),
        ({"op": "remove", "path": "/a~1b/~0"}, {"list": [1, 2], "a/b": {}}),
        ({"op": "replace", "path": "/list/0", "value": 7}, {"list": [7, 2], "a/b": {"~": 3}}),
        ({"op": "move", "from": "/list/0", "path": "/first"}, {"list": [2], "a/b": {"~": 3}, "first": 1}),
        (
            {"op": "copy", "from": "/list", "path": "/again"},
            {"list": [1, 2], "a/b": {"~": 3}, "again": [1, 2]},
        ),
        ({"op": "test", "path": "/list", "value": [1, 2]}, {"list": [1, 2], "a/b": {"~": 3}}),
    ],
)
def test_a_json_patch_is_that_of_rfc_6902(operation: Any, result: Any) -> None:
    target = {"list": [1, 2], "a/b": {"~": 3}}
    before = deepcopy(target)
    assert json_patched(target, [operation]) == result
    assert target == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "replace", "path": "/nowhere", "value": 2},
        {"op": "remove", "path": "/nowhere"},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/b"},
    ],
)
def test_an_operation_that_does_not_apply_is_unprocessable(operation: Any) -> None:
    with pytest.raises(Refusal) as caught:
        json_patched({"a": 1, "list": []}, [operation])
    assert caught.value.code == 422


@pytest.mark.parametrize("patch", [{}, [1], [{"op": "nothing", "path": "/a"}], [{"op": "add", "path": 1}]])
def test_what_is_no_json_patch_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(Refusal) as caught:
        json_patched({}, patch)
    assert caught.value.code == 400


CONTAINERS = {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        (
            {"containers": [{"name": "b", "image": "b:2"}, {"name": "c"}]},
            {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"}, {"name": "c"}]},
        ),
        (
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [{"name": "b", "image": "b:1"}]},
        ),
        (
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
            {"containers": [{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}]},
        ),
        ({"containers": [{"$patch": "replace"}, {"name": "z"}]}, {"containers": [{"name": "z"}]}),
        ({"$patch": "replace", "x": 1}, {"x": 1}),
        ({"containers": None}, {}),
        ({"$retainKeys": []}, {}),
        ({"args": ["x"]}, {**CONTAINERS, "args": ["x"]}),
        ({"finalizers": ["x"]}, {**CONTAINERS, "finalizers": ["x"]}),
    ],
)
def test_a_strategic_patch_knows_lists_by_name_and_obeys_directives(patch: Any, result: Any) -> None:
    before = deepcopy(CONTAINERS)
    assert strategically_merged(CONTAINERS, patch) == result
    assert before == CONTAINERS


def test_members_of_a_set_are_added_and_dropped() -> None:
    patch = {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}
    assert strategically_merged({"finalizers": ["a", "b"]}, patch) == {"finalizers": ["b", "c"]}


def test_an_unknown_directive_is_a_bad_request() -> None:
    with pytest.raises(Refusal) as caught:
        strategically_merged({}, {"$patch": "explode"})
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", "0.25"), ("2", "2"), ("1Gi", "1073741824"), ("1.5k", "1500"), ("1e3", "1000"), (4, "4")],
)
def test_quantities_are_exact(text: str | int, number: str) -> None:
    assert amount(text) == Decimal(number)


@given(st.integers(min_value=0, max_value=10**15))
def test_a_quantity_reads_back_as_it_was_shown(value: int) -> None:
    assert amount(shown(Decimal(value))) == value


@pytest.mark.parametrize("text", ["", "x", "1Qi", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must look like"):
        amount(text)


def test_a_percentage_is_rounded_as_it_is_told() -> None:
    assert share("25%", of=10, default=0, rounds_up=True) == 3
    assert share("25%", of=10, default=0, rounds_up=False) == 2
    assert share(None, of=10, default="50%", rounds_up=True) == 5
    assert share(4, of=10, default=0, rounds_up=True) == 4
