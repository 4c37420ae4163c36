"""What signals do to incidents: open, link, change, or nothing, in whatever order they come."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.intake.anomaly import read_anomaly
from bot.intake.anomaly import signal_of as signal_of_anomaly
from bot.intake.inbox import from_slack, read_item
from bot.intake.incident import (
    Facts,
    Incident,
    IncidentChanged,
    IncidentOpened,
    Origin,
    OriginLinked,
    Place,
    ThreadOpened,
    fold,
)
from bot.intake.pagerduty import read_incident, read_webhook
from bot.intake.signal import Account, Kind, Signal, started_by_hand
from bot.intake.triage import decide, place_of, service_of
from bot.journal.base import InboxItem
from bot.runs.events import Actor, IncidentId
from tests.intake.given import (
    KEY,
    NOW,
    US,
    after,
    at,
    catalog,
    news,
    opened,
    signal_of,
    slack_payload,
    webhook_bytes,
)

ROOT = Place(channel="C0INC", thread_ts="1793697162.118259")


def webhook(name: str) -> Signal:
    return signal_of(read_webhook(webhook_bytes(f"incident.{name}"), received_at=NOW))


def post(name: str, **event: Any) -> Signal:
    payload = slack_payload(name)
    payload["event"].update(event)
    item = from_slack(payload, received_at=NOW, us=US)
    assert isinstance(item, InboxItem), item
    return signal_of(read_item(item, us=US))


def posted(incident: Incident, ts: str = "1793697170.000001") -> Incident:
    """Slack took the root of our own."""
    return fold(
        [ThreadOpened(at=NOW, channel=incident.place.channel, ts=ts, permalink="https://x")], incident
    )


def test_a_webhook_opens_an_incident_in_its_services_channel() -> None:
    incident = opened(webhook("triggered"))
    assert incident.place == Place(channel="C0PAY")
    assert (incident.facts.service, incident.facts.environment) == ("checkout", "prod-eu")
    assert incident.origin_keys == {KEY}
    assert incident.facts.status == "triggered"


def test_a_forwarded_message_opens_one_under_itself() -> None:
    incident = opened(post("pd_slack_app_triggered"))
    assert incident.place == ROOT
    assert incident.origin_keys == {KEY, "slack:C0INC/1793697162.118259"}
    assert incident.facts.from_text
    assert incident.facts.service == "checkout"


def test_the_webhook_that_comes_second_replaces_words_by_the_sources_own_facts() -> None:
    incident = opened(post("pd_slack_app_triggered"))
    (changed,) = news(incident, webhook("triggered"))
    assert isinstance(changed, IncidentChanged)
    assert changed.kind == "updated"
    incident = fold([changed], incident)
    assert not incident.facts.from_text
    assert incident.place == ROOT
    assert news(incident, webhook("triggered")) == ()


def test_the_message_that_comes_second_is_linked_and_not_answered_twice() -> None:
    incident = posted(opened(webhook("triggered")))
    (linked,) = news(incident, post("pd_slack_app_triggered"))
    assert linked == OriginLinked(
        at=NOW, origin=Origin(key="slack:C0INC/1793697162.118259", source="slack"), place=ROOT
    )
    incident = fold([linked], incident)
    assert incident.place == Place(channel="C0PAY", thread_ts="1793697170.000001")
    assert news(incident, post("pd_slack_app_triggered")) == ()


def test_a_message_known_before_our_own_root_stands_takes_the_thread() -> None:
    incident = after(opened(webhook("triggered")), post("pd_slack_app_triggered"))
    assert incident.place == ROOT
    second = after(incident, post("pd_slack_v1_legacy_attachment"))
    assert second.place == ROOT
    assert len(second.origin_keys) == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acknowledged", "acknowledged"),
        ("escalated", "escalated"),
        ("reassigned", "reassigned"),
        ("priority_updated", "priority_updated"),
        ("annotated", "annotated"),
        ("status_update_published", "status_update"),
        ("resolved", "resolved"),
        ("resolved_merge", "merged"),
    ],
)
def test_each_kind_of_webhook_is_told_once(name: str, kind: str) -> None:
    incident = opened(webhook("triggered"))
    (changed,) = news(incident, webhook(name))
    assert isinstance(changed, IncidentChanged)
    assert changed.kind == kind
    assert changed.occurred_at == webhook(name).occurred_at
    incident = fold([changed], incident)
    assert news(incident, webhook(name)) == ()
    assert news(incident, webhook("triggered")) == ()


def test_notes_never_touch_the_facts() -> None:
    incident = opened(webhook("triggered"))
    assert after(incident, webhook("annotated")).facts == incident.facts


def test_a_reopened_incident_stays_the_same_one() -> None:
    incident = after(opened(webhook("triggered")), webhook("resolved"), webhook("reopened"))
    assert incident.facts.status == "triggered"
    assert [event.kind for event in incident.events if isinstance(event, IncidentChanged)] == [
        "resolved",
        "reopened",
    ]


def test_triggered_again_after_resolved_reopens_and_a_late_triggered_does_not() -> None:
    incident = after(opened(webhook("triggered")), webhook("resolved"))
    again = replace(
        webhook("triggered"), occurred_at=at(70), facts=replace(webhook("triggered").facts, as_of=at(70))
    )
    (changed,) = news(incident, again)
    assert isinstance(changed, IncidentChanged)
    assert changed.kind == "reopened"
    assert news(incident, webhook("triggered")) == ()


def test_late_news_changes_nothing() -> None:
    incident = after(opened(webhook("triggered")), webhook("resolved"))
    for name in ("acknowledged", "reassigned", "priority_updated", "escalated", "unacknowledged"):
        assert news(incident, webhook(name)) == (), name


def test_an_incident_that_is_over_or_only_talked_about_is_not_opened() -> None:
    for name in ("resolved", "resolved_merge", "annotated", "status_update_published"):
        assert decide(webhook(name), existing=None, catalog=catalog(), now=NOW, new_id=IncidentId("i")) == ()


def test_one_first_heard_of_when_acknowledged_is_opened_so() -> None:
    incident = opened(webhook("acknowledged"))
    assert incident.facts.status == "acknowledged"
    assert news(incident, webhook("triggered")) == ()


def test_a_quick_message_and_a_slow_webhook_agree_on_who_was_last() -> None:
    incident = after(opened(webhook("triggered")), post("pd_slack_app_resolved"))
    assert incident.facts.status == "resolved"
    assert not incident.facts.from_text
    slow = after(incident, webhook("acknowledged"))
    assert slow.facts.status == "resolved"
    assert slow.facts.assignees == ("Bob Ito",)
    stale = after(
        after(opened(webhook("triggered")), webhook("resolved")), post("pd_slack_app_acknowledged_thread")
    )
    assert stale.facts.status == "resolved"


def test_an_edited_message_acknowledges_once() -> None:
    incident = opened(post("pd_slack_app_triggered"))
    incident = after(incident, post("pd_slack_app_message_changed"))
    assert incident.facts.status == "acknowledged"
    assert news(incident, post("pd_slack_app_acknowledged_thread")) == ()


def test_a_slow_triggered_message_undoes_no_acknowledgement() -> None:
    incident = after(opened(webhook("triggered")), webhook("acknowledged"))
    late = post("pd_slack_app_triggered", ts="1793699000.000100")
    assert after(incident, late).facts.status == "acknowledged"


def test_an_unknown_service_is_said_and_never_guessed() -> None:
    empty = catalog().model_copy(update={"services": {}})
    incident = opened(webhook("triggered"), using=empty)
    assert (incident.facts.service, incident.facts.service_text) == ("", "checkout-api")
    assert incident.place == Place(channel="C0DEFAULT")
    assert incident.facts.environment == ""


def test_names_that_mean_two_services_mean_none() -> None:
    signal = replace(webhook("triggered"), service_names=("PF9KMXH", "payment-api"))
    assert service_of(signal, catalog()) is None


def test_the_channel_is_the_services_else_the_default_else_the_messages() -> None:
    assert place_of(webhook("triggered"), catalog()).channel == "C0PAY"
    assert place_of(webhook("triggered"), catalog(channel="")).channel == "C0DEFAULT"
    assert place_of(webhook("triggered"), catalog(channel="", default_channel="")).channel == ""
    assert place_of(post("pd_slack_app_triggered"), catalog()) == ROOT


def anomaly(environment: str = "") -> Signal:
    body = (
        '{"anomaly_id":"a-17","service_id":"checkout-api","metric_name":"cpu","value":97,'
        f'"anomaly_score":0.93,"environment":"{environment}"}}'
    )
    return signal_of_anomaly(read_anomaly(body), received_at=NOW)


def test_an_anomaly_opens_once_and_keeps_its_numbers() -> None:
    incident = opened(anomaly())
    assert (incident.facts.metric_name, incident.facts.value, incident.facts.anomaly_score) == (
        "cpu",
        97.0,
        0.93,
    )
    assert incident.facts.environment == "prod-eu"
    assert news(incident, anomaly()) == ()


def test_an_environment_the_source_claims_beats_the_services_and_an_unknown_one_is_none() -> None:
    assert opened(anomaly("staging")).facts.environment == "staging"
    assert opened(anomaly("mars")).facts.environment == ""


def test_the_symptom_read_later_is_added_and_outlives_every_webhook() -> None:
    incident = after(opened(webhook("triggered")), webhook("acknowledged"))
    rest = {
        "id": "Q1ZK4T8W2R6B3N",
        "title": "checkout-api p99 latency > 2s in prod-eu (5m)",
        "status": "triggered",
        "last_status_change_at": "2026-11-03T09:12:41Z",
    }
    signal = signal_of(read_incident(rest, alerts=[{"summary": "p99 above 2 s"}], read_at=NOW))
    incident = after(incident, signal)
    assert incident.facts.symptom == "p99 above 2 s"
    assert incident.facts.status == "acknowledged"
    assert after(incident, webhook("resolved")).facts.symptom == "p99 above 2 s"


def alert(title: str, ts: str) -> Signal:
    payload = slack_payload("alertmanager_default")
    payload["event"]["ts"] = ts
    payload["event"]["attachments"][0].update({"title": title, "fallback": title})
    item = from_slack(payload, received_at=NOW, us=US)
    assert isinstance(item, InboxItem)
    return signal_of(read_item(item, us=US))


def test_an_alert_group_that_fires_again_once_it_is_over_is_a_new_incident() -> None:
    words = "CheckoutP99High prod-eu (checkout-api critical)"
    firing, repeated = (
        alert(f"[FIRING:1] {words}", "1793697100.000100"),
        alert(f"[FIRING:2] {words}", "1793697200.000100"),
    )
    over, again = (
        alert(f"[RESOLVED] {words}", "1793697300.000100"),
        alert(f"[FIRING:1] {words}", "1793697400.000100"),
    )
    incident = opened(firing)
    assert (incident.facts.service, incident.facts.environment) == ("checkout", "prod-eu")
    assert [type(event) for event in news(incident, repeated)] == [OriginLinked]
    incident = after(incident, repeated, over)
    assert incident.is_resolved
    assert news(incident, repeated) == ()
    fresh = news(incident, again)
    assert isinstance(fresh[0], IncidentOpened)
    assert fresh[0].place.thread_ts == "1793697400.000100"


def test_a_start_by_hand_opens_one_where_it_was_asked_for() -> None:
    actor = Actor(kind="slack", id="U1", person="ann@acme.example", name="Ann")
    signal = started_by_hand(
        "s1",
        title="Clear the cache",
        service_name="checkout",
        actor=actor,
        now=NOW,
        place=Place(channel="C9"),
    )
    incident = opened(signal)
    assert (incident.opened.origin.source, incident.opened.by) == ("manual", actor)
    assert incident.place == Place(channel="C9")
    assert incident.facts.environment == "prod-eu"


TIMELINE = ["triggered", "acknowledged", "priority_updated", "unacknowledged", "reassigned", "resolved"]


def test_whatever_order_webhooks_come_in_the_newest_decides() -> None:
    """Every order that does not start with the end: an incident first heard of when over is not opened."""
    for order in itertools.permutations(TIMELINE):
        if order[0] == "resolved":
            continue
        incident = after(opened(webhook(order[0])), *(webhook(name) for name in order[1:]))
        assert incident.facts.status == "resolved", order
        assert incident.facts.assignees == (), order


signals = st.builds(
    Signal,
    kind=st.sampled_from([*get_args(get_args(Kind)[0]), "triggered"]),
    account=st.sampled_from(get_args(Account)),
    origins=st.lists(
        st.sampled_from(
            [Origin(key=KEY, source="pagerduty"), Origin(key="slack:C1/1.000000", source="slack")]
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda origin: origin.key,
    ).map(tuple),
    facts=st.builds(
        Facts,
        title=st.sampled_from(["one", "two", ""]),
        service_text=st.sampled_from(["", "checkout", "mystery"]),
        symptom=st.sampled_from(["", "slow"]),
        environment=st.sampled_from(["", "staging", "mars"]),
        status=st.sampled_from(["triggered", "acknowledged", "resolved"]),
        assignees=st.sampled_from([(), ("Ann",)]),
        value=st.none() | st.floats(0, 1),
        from_text=st.booleans(),
    ),
    occurred_at=st.integers(0, 50).map(lambda minute: at(minute)),
    service_names=st.sampled_from([(), ("checkout",), ("mystery",), ("checkout", "payment-api")]),
    place=st.none() | st.just(Place(channel="C1", thread_ts="1.000000")),
    by=st.sampled_from(["", "Ann"]),
    text=st.sampled_from(["", "words"]),
    recurs=st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(given_signals=st.lists(signals, max_size=12), moments=st.lists(st.integers(0, 9), max_size=12))
def test_folding_any_signals_never_raises_and_a_duplicate_changes_nothing(
    given_signals: list[Signal], moments: list[int]
) -> None:
    incident: Incident | None = None
    clock: datetime = NOW
    for number, signal in enumerate(given_signals):
        clock += timedelta(seconds=moments[number] if number < len(moments) else 1)
        new_id = IncidentId(f"i{number}")
        events = decide(signal, existing=incident, catalog=catalog(), now=clock, new_id=new_id)
        if events and isinstance(events[0], IncidentOpened):
            incident = fold(events)
        elif incident is None:
            assert events == ()
        else:
            incident = fold(events, incident)
        if incident is not None:
            again = decide(
                signal, existing=incident, catalog=catalog(), now=clock, new_id=IncidentId("again")
            )
            assert again == (), again
            assert len(incident.origins) == len(incident.origin_keys)
