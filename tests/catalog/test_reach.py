"""Whether a condition can ever hold: sure where it says no, silent where it cannot tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.expressions import Condition
from bot.catalog.lint_reach import can_hold

LISTED = {"environment": ["prod", "staging"], "service": ["payments"]}


@pytest.mark.parametrize(
    "condition",
    [
        "false",
        "value > 5 && value < 5",
        "value > 5.5 && !(value >= -3)",
        "anomaly_score > value && value > anomaly_score",
        "environment == 'production'",
        "!(environment in ['prod', 'staging'])",
        "title == 'a' && title == 'b'",
        "service != 'payments' && urgency == \"high\"",
    ],
)
def test_what_can_never_hold_is_seen(condition: str) -> None:
    assert can_hold(condition, LISTED) is False


@pytest.mark.parametrize(
    "condition",
    [
        "value > 5 && value < 5.001",
        "value == -3.0",
        "1e300 < value",
        "anomaly_score > 1 && anomaly_score < value && value < 2",
        "environment != 'prod'",
        "title != 'a'",
    ],
)
def test_what_can_hold_is_left_alone(condition: str) -> None:
    assert can_hold(condition, LISTED) is True


@pytest.mark.parametrize(
    "condition",
    [
        "title.contains('x')",
        "value * 2.0 > 3.0",
        "title > 'b'",
        "value - 1.0 > 2.0",
        "'a\\n' == title",
        "x",
        "(",
    ],
)
def test_what_cannot_be_told_gets_no_verdict(condition: str) -> None:
    assert can_hold(condition, LISTED) is None


NUMBERS = st.sampled_from([-2.5, -1, 0, 0.5, 1, 7])
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
FIGURES = st.sampled_from(["value", "anomaly_score"])
COMPARISONS = st.one_of(
    st.builds(lambda name, sign, number: f"{name} {sign} {number}", FIGURES, SIGNS, NUMBERS),
    st.builds(lambda one, sign, other: f"{one} {sign} {other}", FIGURES, SIGNS, FIGURES),
    st.builds(
        lambda name, sign, text: f"{name} {sign} '{text}'",
        st.sampled_from(["title", "urgency", "environment"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["prod", "high", "x"]),
    ),
    st.sampled_from(
        ["title in ['x', 'y']", "environment in ['staging', 'moon']", "value in [0.5, 3.0]", "true"]
    ),
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(lambda one, other: f"({one}) && ({other})", inner, inner),
        st.builds(lambda one, other: f"({one}) || ({other})", inner, inner),
        st.builds(lambda one: f"!({one})", inner),
    ),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {
        "value": st.floats(-10, 10),
        "anomaly_score": st.one_of(NUMBERS, st.floats(-10, 10)),
        "title": st.sampled_from(["prod", "high", "x", "y", ""]),
        "urgency": st.sampled_from(["high", "low"]),
        "environment": st.sampled_from(LISTED["environment"]),
    }
)


@given(condition=CONDITIONS, values=VALUES)
def test_no_condition_that_an_incident_fulfils_is_called_hopeless(
    condition: str, values: dict[str, Any]
) -> None:
    if Condition.compile(condition).evaluate(values) is True:
        assert can_hold(condition, LISTED) is not False
