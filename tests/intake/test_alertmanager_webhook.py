"""Alertmanager's webhook: whose alerts are one incident, which are news, and what junk does (nothing)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import BadInput
from bot.intake.alertmanager_webhook import read_part, split
from bot.intake.inbox import from_alertmanager, read_item
from bot.intake.incident import Incident
from bot.intake.signal import Ignored, Signal
from bot.intake.triage import service_of
from tests.intake.given import NOW, US, after, catalog, news, opened, signal_of, slack_payload


def alert(
    name: str = "a1", *, status: str = "firing", service: str = "checkout-api", **more: Any
) -> dict[str, Any]:
    """One alert as Alertmanager sends it."""
    found: dict[str, Any] = {
        "status": status,
        "labels": {"alertname": "CheckoutP99High", "service": service, "severity": "critical"},
        "annotations": {"summary": "p99 of checkout is over 2 s", "description": "latency since 11:58"},
        "startsAt": "2026-11-03T11:58:00Z",
        "endsAt": "2026-11-03T11:59:30Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example/graph?g0.expr=x",
        "fingerprint": name,
    }
    return {**found, **more}


def notification(*alerts: dict[str, Any], **more: Any) -> bytes:
    """A whole group."""
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="CheckoutP99High"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "slack",
        "groupLabels": {"alertname": "CheckoutP99High", "cluster": "prod-eu"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
    }
    return json.dumps({**body, **more}).encode()


def signals(body: bytes) -> list[Signal]:
    return [signal_of(read_part(part.body, received_at=NOW)) for part in split(body)]


def only(body: bytes) -> Signal:
    (found,) = signals(body)
    return found


def test_a_firing_group_opens_one_incident_with_what_its_first_alert_says() -> None:
    signal = only(notification(alert("a1"), alert("a2", startsAt="2026-11-03T11:59:00Z")))
    incident = opened(signal)
    facts = incident.facts
    assert (facts.service, facts.environment, facts.status) == ("checkout", "prod-eu", "triggered")
    assert facts.title == "p99 of checkout is over 2 s (and 1 more)"
    assert facts.symptom == "CheckoutP99High · p99 of checkout is over 2 s · latency since 11:58"
    assert facts.urgency == "critical"
    assert facts.url == "https://prometheus.example/graph?g0.expr=x"
    assert not facts.from_text


def test_numbers_that_annotations_carry_reach_conditions() -> None:
    said = {"metric_name": "p99", "value": "2.4", "anomaly_score": "0.93"}
    facts = only(notification(alert(annotations=said))).facts
    assert (facts.metric_name, facts.value, facts.anomaly_score) == ("p99", 2.4, 0.93)
    for wrong in ("NaN", "inf", "2.4s", ""):
        assert only(notification(alert(annotations={"value": wrong}))).facts.value is None


def test_a_group_about_two_services_is_an_incident_for_each() -> None:
    found = signals(notification(alert("a1"), alert("a2", service="payment-api"), alert("a3")))
    assert [service_of(one, catalog()).name for one in found] == ["checkout", "payment-api"]  # type: ignore[union-attr]
    assert found[0].facts.title.endswith("(and 1 more)")
    assert not set(found[0].keys) & set(found[1].keys)


def test_a_label_that_the_catalog_does_not_know_names_no_service() -> None:
    signal = only(notification(alert(service="nobody's")))
    assert service_of(signal, catalog()) is None
    assert opened(signal).facts.service_text == "nobody's"


def test_the_incident_is_over_when_no_alert_of_it_fires_any_more() -> None:
    incident = opened(only(notification(alert("a1"), alert("a2"))))
    part = only(notification(alert("a1", status="resolved"), alert("a2")))
    assert not after(incident, part).is_resolved
    whole = only(notification(alert("a1", status="resolved"), alert("a2", status="resolved")))
    assert after(incident, part, whole).is_resolved


def over() -> Incident:
    return after(opened(only(notification(alert()))), only(notification(alert(status="resolved"))))


def test_a_firing_after_the_end_is_a_new_incident_and_an_old_one_heard_late_is_not() -> None:
    again = only(notification(alert(startsAt="2026-11-03T11:59:50Z")))
    assert type(news(over(), again)[0]).__name__ == "IncidentOpened"
    assert news(over(), only(notification(alert()))) == ()


def test_a_repeat_is_known_whatever_else_in_it_moved() -> None:
    first = from_alertmanager(notification(alert("a1"), alert("a2")), received_at=NOW)
    moved = {"receiver": "other", "externalURL": "http://second.example:9093", "truncatedAlerts": 3}
    again = from_alertmanager(notification(alert("a2"), alert("a1"), **moved), received_at=NOW)
    assert [one.inbox_id for one in first] == [one.inbox_id for one in again]
    for other in (
        notification(alert("a1")),
        notification(alert("a1"), alert("a2", status="resolved")),
        notification(alert("a1"), alert("a2", startsAt="2026-11-03T11:58:01Z")),
        notification(alert("a1"), alert("a2"), groupKey="another"),
    ):
        assert from_alertmanager(other, received_at=NOW)[0].inbox_id != first[0].inbox_id


def test_the_second_of_a_pair_speaks_of_the_same_incident() -> None:
    signal = only(notification(alert("a1"), externalURL="http://second.example:9093"))
    assert set(signal.keys) & set(opened(only(notification(alert("a1")))).origin_keys)


def test_the_message_of_its_slack_receiver_is_the_same_incident() -> None:
    posted = inbox_signal(slack_payload("alertmanager_default"))
    assert set(only(notification(alert())).keys) & set(posted.keys)


def inbox_signal(payload: dict[str, Any]) -> Signal:
    from bot.intake.inbox import from_slack

    item = from_slack(payload, received_at=NOW, us=US)
    assert not isinstance(item, Ignored)
    return signal_of(read_item(item, us=US))


def test_a_stored_item_is_read_back_after_a_crash() -> None:
    (item,) = from_alertmanager(notification(alert()), received_at=NOW)
    assert read_item(item, us=US) == only(notification(alert()))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"alerts": []}',
        b'{"groupKey": 7, "alerts": []}',
        b'{"groupKey": "k", "alerts": {}}',
    ],
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        split(body)


def test_no_alerts_are_nothing_to_do() -> None:
    assert from_alertmanager(notification(), received_at=NOW) == ()


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    alerts=st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint", "generatorURL"),
                _JUNK,
            ),
        )
        | _JUNK,
        max_size=4,
    ),
    labels=_JUNK,
    url=_JUNK,
)
def test_junk_inside_never_raises_and_reads_the_same_twice(alerts: list[Any], labels: Any, url: Any) -> None:
    body = notification(groupLabels=labels, externalURL=url, receiver=url, **{"alerts": alerts})
    for item in from_alertmanager(body, received_at=NOW):
        first = read_item(item, us=US)
        assert first == read_item(item, us=US)
        if isinstance(first, Signal):
            assert first.occurred_at <= NOW
            json.dumps(item.body).encode()
