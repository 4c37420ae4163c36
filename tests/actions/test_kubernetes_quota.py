"""Quantities, and how many more pods fit under a namespace's quotas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions.kubernetes.quota import amount, room_for


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", "2"),
        ("100m", "0.1"),
        ("1.5Gi", "1610612736"),
        ("2e3", "2000"),
        ("3k", "3000"),
        (4, "4"),
        ("1E", "1e18"),
    ],
)
def test_a_quantity_is_read_as_the_api_writes_it(text: object, number: str) -> None:
    assert amount(text) == Decimal(number)


@given(st.text(max_size=8))
def test_whatever_is_no_quantity_is_told_by_one_error(text: str) -> None:
    try:
        amount(text)
    except ValueError:
        return


def template(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "spec": {
            "containers": [{"name": str(n), "resources": one} for n, one in enumerate(containers)],
            "initContainers": [{"name": f"i{n}", "resources": one} for n, one in enumerate(init)],
        }
    }


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}


def test_the_tightest_quota_decides() -> None:
    quotas = [quota({"pods": "10"}, {"pods": "3"}), quota({"requests.cpu": "1"}, {"requests.cpu": "500m"})]
    assert room_for(template({"requests": {"cpu": "200m"}}), quotas) == 2


def test_a_container_with_only_a_limit_requests_as_much() -> None:
    assert room_for(template({"limits": {"memory": "1Gi"}}), [quota({"requests.memory": "4Gi"}, {})]) == 4


def test_a_starting_container_counts_where_it_needs_more_than_all_that_run() -> None:
    made = template(
        {"requests": {"cpu": "1"}}, {"requests": {"cpu": "1"}}, init=({"requests": {"cpu": "3"}},)
    )
    assert room_for(made, [quota({"cpu": "9"}, {})]) == 3


def test_nothing_limits_where_no_quota_counts_what_the_pod_needs() -> None:
    assert room_for(template({}), [quota({"requests.cpu": "1", "services": "0"}, {})]) is None
    assert room_for(template({}), []) is None


def test_a_quota_for_only_some_pods_is_left_to_the_server() -> None:
    assert room_for(template({}), [quota({"pods": "0"}, {}, scopes=["BestEffort"])]) is None


def test_a_quota_that_is_overdrawn_leaves_no_room_and_not_less() -> None:
    assert room_for(template({}), [quota({"pods": "2"}, {"pods": "5"})]) == 0
