"""The body of `POST /api/v1/events`: strict, finite, and honest about what does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import BadInput
from bot.intake.anomaly import read_anomaly, signal_of
from bot.intake.inbox import from_anomaly, read_item
from bot.intake.signal import Signal
from bot.runs.events import Actor
from tests.intake.given import NOW, US, at
from tests.intake.test_pagerduty_webhooks import json_values, places, replaced

GOOD: dict[str, Any] = {
    "anomaly_id": "a-17",
    "service_id": "payment-api",
    "metric_name": "cpu_usage",
    "value": 97,
    "anomaly_score": 0.93,
}
DETECTOR = Actor(kind="api", id="detector", person="api:detector", name="Detector")


def with_(**change: Any) -> bytes:
    return json.dumps({**GOOD, **change}).encode()


def test_a_good_event_survives_the_inbox_as_a_signal_that_opens() -> None:
    body = with_(
        title="CPU is odd", symptom="cpu saturated", environment="prod-eu", occurred_at="2026-11-03T09:12:41Z"
    )
    item = from_anomaly(body, received_at=NOW, actor=DETECTOR)
    assert item.inbox_id == "anomaly:a-17"
    signal = read_item(item, us=US)
    assert isinstance(signal, Signal)
    assert signal == signal_of(read_anomaly(body), received_at=NOW, actor=DETECTOR)
    assert (signal.kind, signal.account, signal.keys) == ("triggered", "source", ("anomaly:a-17",))
    assert (signal.facts.value, signal.facts.anomaly_score) == (97.0, 0.93)
    assert signal.facts.environment == "prod-eu"
    assert signal.occurred_at == at(12, 41)
    assert signal.actor == DETECTOR


def test_the_title_says_metric_and_service_where_none_is_given() -> None:
    signal = signal_of(read_anomaly(with_()), received_at=NOW)
    assert signal.facts.title == "cpu_usage of payment-api is anomalous"
    assert signal.occurred_at == NOW


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"value": "97"}, "value"),
        ({"value": True}, "value"),
        ({"value": None}, "value"),
        ({"anomaly_score": "0.9"}, "anomaly_score"),
        ({"anomaly_score": [0.9]}, "anomaly_score"),
        ({"anomaly_id": 17}, "anomaly_id"),
        ({"anomaly_id": ""}, "anomaly_id"),
        ({"anomaly_id": "a b"}, "anomaly_id"),
        ({"anomaly_id": "a\n"}, "anomaly_id"),
        ({"anomaly_id": "x" * 129}, "anomaly_id"),
        ({"service_id": ""}, "service_id"),
        ({"service_id": "a\x00"}, "service_id"),
        ({"metric_name": None}, "metric_name"),
        ({"occurred_at": "2026-11-03T09:12:41"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"title": 7}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_field_that_does_not_fit_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=f"`{named}`"):
        read_anomaly(with_(**change))


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        read_anomaly(b"{}")
    for name in GOOD:
        assert f"`{name}`" in refused.value.message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("name", ["value", "anomaly_score"])
def test_only_finite_numbers_are_taken(name: str, number: str) -> None:
    body = json.dumps({**GOOD, name: "HERE"}).replace('"HERE"', number).encode()
    with pytest.raises(BadInput):
        read_anomaly(body)


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="twice"):
        read_anomaly(with_()[:-1] + b', "value": 1}')


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_random_bodies_are_an_anomaly_or_bad_input(data: st.DataObject) -> None:
    body: Any = {**GOOD, "occurred_at": "2026-11-03T09:12:41Z"}
    for _ in range(data.draw(st.integers(1, 2))):
        body = replaced(body, data.draw(st.sampled_from(places(body))), data.draw(json_values))
    try:
        item = from_anomaly(json.dumps(body).encode(), received_at=NOW, actor=DETECTOR)
    except BadInput:
        return
    signal = read_item(item, us=US)
    assert isinstance(signal, Signal)
    repr(signal).encode()
