"""Conditions: what they may say, what is refused when loaded, and what an absent variable means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.expressions import Condition, ConditionError, NotEvaluable
from bot.errors import BadInput


@pytest.mark.parametrize(
    ("text", "variables", "answer"),
    [
        ("anomaly_score > 0.7", {"anomaly_score": 0.91}, True),
        ("anomaly_score > 0.7", {"anomaly_score": 1}, True),
        ("value > 90", {"value": 90.5}, True),
        ("value == 5", {"value": 5}, True),
        (
            "metric_name == 'cpu' && environment in ['prod']",
            {"metric_name": "cpu", "environment": "dev"},
            False,
        ),
        ("title.contains('5xx')", {"title": "many 5xx"}, True),
        ("urgency == 'high' || value > 1", {"urgency": "high"}, True),
    ],
)
def test_a_condition_is_true_or_false(text: str, variables: dict[str, object], answer: bool) -> None:
    assert Condition.compile(text).evaluate(variables) is answer


def test_an_absent_variable_makes_it_not_evaluable_and_is_named() -> None:
    assert Condition.compile("anomaly_score > 0.7").evaluate(
        {"anomaly_score": None, "title": "x"}
    ) == NotEvaluable(missing="anomaly_score", reason="anomaly_score is not known")


def test_an_error_while_evaluating_never_counts_as_met() -> None:
    for text in ("1 / 0 == 1", "title.matches('a(')", "title.matches(source)"):
        outcome = Condition.compile(text).evaluate({"title": "x", "source": "a("})
        assert isinstance(outcome, NotEvaluable)
        assert not outcome
        assert outcome.reason


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("anomaly_score >", 1, 16, "it ends too early"),
        ("true &&\nfoo > 1", 2, 1, "undeclared reference to 'foo'"),
        ("title > 3", 1, 7, "no matching overload"),
        ("anomaly_score > 'a'", 1, 1, "'>' between a number and text"),
        ("value + 1 > 2", 1, 1, "never fit"),
        ("open('/etc/passwd')", 1, 5, "undeclared reference"),
    ],
)
def test_a_bad_condition_is_refused_at_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ConditionError) as refusal:
        Condition.compile(text)
    assert (refusal.value.line, refusal.value.column) == (line, column)
    assert words in refusal.value.message


@pytest.mark.parametrize(
    "text", ["anomaly_score", "'yes'", "1", "", "(" * 5000, "!" * 5000, "\ud800", "a\0b"]
)
def test_what_is_not_a_yes_or_no_question_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Condition.compile(text)


@given(st.text(max_size=40))
def test_any_text_either_compiles_or_is_refused(text: str) -> None:
    try:
        condition = Condition.compile(text)
    except BadInput:
        return
    assert isinstance(condition.evaluate({"title": text}), bool | NotEvaluable)


def test_text_that_is_not_valid_unicode_is_still_comparable() -> None:
    assert Condition.compile("size(title) > 0").evaluate({"title": "\ud83d"}) is True


def test_nested_loops_end_by_their_budget() -> None:
    numbers = "[1,2,3,4,5,6,7,8,9,10]"
    text = "true"
    for name in "abcdefg":
        text = f"{numbers}.all({name}, {text})"
    assert isinstance(Condition.compile(text).evaluate({}), NotEvaluable)
