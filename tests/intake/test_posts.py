"""Messages that other apps post in Slack: PagerDuty's in every layout seen, Alertmanager's, and nobody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.intake.inbox import from_slack, read_item
from bot.intake.incident import Place
from bot.intake.posts import links_in, plain, unescape
from bot.intake.signal import Ignored, Signal
from bot.journal.base import InboxItem
from tests.intake.given import KEY, NOW, SAMPLES, US, at, signal_of, slack_payload
from tests.intake.test_pagerduty_webhooks import json_values, places, replaced

TRIGGERED = "pd_slack_app_triggered"
ROOT_KEY = "slack:C0INC/1793697162.118259"
SAMPLES_OF_SLACK = sorted(path.stem for path in (SAMPLES / "slack").glob("*.json"))


def accepted(payload: dict[str, Any]) -> Signal | Ignored:
    """What the engine will read of it: through the inbox and back."""
    item = from_slack(payload, received_at=NOW, us=US)
    return read_item(item, us=US) if isinstance(item, InboxItem) else item


def read(name: str) -> Signal:
    return signal_of(accepted(slack_payload(name)))


def test_a_post_of_pagerdutys_app_is_read_by_its_link_and_marked_as_text() -> None:
    signal = read(TRIGGERED)
    assert (signal.kind, signal.account) == ("triggered", "text")
    assert signal.keys == (KEY, ROOT_KEY)
    assert signal.place == Place(channel="C0INC", thread_ts="1793697162.118259")
    facts = signal.facts
    assert facts.from_text
    assert (facts.number, facts.title) == (4127, "checkout-api p99 latency > 2s in prod-eu (5m)")
    assert facts.url == "https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N"
    assert (facts.service_text, facts.urgency, facts.assignees) == ("checkout-api", "high", ("Bob Ito",))
    assert signal.service_names == ("PF9KMXH", "checkout-api")


@pytest.mark.parametrize(
    ("name", "kind", "root", "said_at"),
    [
        ("pd_slack_app_triggered", "triggered", "1793697162.118259", at(12, 42.118259)),
        ("pd_slack_app_acknowledged_thread", "acknowledged", "1793697162.118259", at(14, 2.0001)),
        ("pd_slack_app_message_changed", "acknowledged", "1793697162.118259", at(14, 3.0002)),
        ("pd_slack_app_resolved", "resolved", "1793699899.204100", at(58, 19.2041)),
        ("pd_slack_v1_legacy_attachment", "triggered", "1793697162.200000", at(12, 42.2)),
    ],
)
def test_every_layout_gives_the_incident_its_status_and_the_root_of_its_thread(
    name: str, kind: str, root: str, said_at: Any
) -> None:
    signal = read(name)
    assert signal.kind == kind
    assert signal.keys == (KEY, f"slack:C0INC/{root}")
    assert signal.place == Place(channel="C0INC", thread_ts=root)
    assert signal.occurred_at == said_at
    assert signal.facts.title == "checkout-api p99 latency > 2s in prod-eu (5m)"
    assert signal.facts.number == 4127
    assert signal.facts.assignees == ("Bob Ito",)
    assert "checkout-api" in signal.service_names


def test_an_edit_that_leaves_the_status_word_announces_no_status() -> None:
    payload = slack_payload("pd_slack_app_message_changed")
    payload["event"]["message"]["text"] = payload["event"]["previous_message"]["text"]
    payload["event"]["message"]["blocks"] = payload["event"]["previous_message"]["blocks"]
    assert signal_of(accepted(payload)).kind == "updated"


def test_people_our_own_app_and_other_apps_open_nothing() -> None:
    for change in (
        {"bot_id": None},
        {"app_id": "A0RUNBOT"},
        {"app_id": "A222", "bot_profile": {"app_id": "A222", "name": "PagerDuty"}},
        {"app_id": None, "bot_profile": None},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"type": "app_mention"},
        {"channel": "D0DIRECT"},
        {"channel": None},
        {"ts": "now"},
        {"ts": None},
        {"thread_ts": "../../x"},
    ):
        payload = slack_payload(TRIGGERED)
        payload["event"].update(change)
        assert isinstance(accepted(payload), Ignored), change
    assert isinstance(accepted(slack_payload("granular_bot_message_no_subtype")), Ignored)


def test_our_own_app_is_known_by_the_envelope_where_no_setting_says_so() -> None:
    payload = slack_payload(TRIGGERED)
    payload["api_app_id"] = "A1FKYAUUX"
    assert isinstance(from_slack(payload, received_at=NOW, us=type(US)()), Ignored)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N", True),
        ("https://acme.eu.pagerduty.com/incidents/Q1ZK4T8W2R6B3N/", True),
        (
            "https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N?utm_source=slack&amp;utm_campaign=channel",
            True,
        ),
        ("https://acme.pagerduty.com/incidents/P123ABC", True),
        ("http://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N", False),
        ("https://pagerduty.com.evil.example/incidents/Q1ZK4T8W2R6B3N", False),
        ("https://evil.example/acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N", False),
        ("https://evilpagerduty.com/incidents/Q1ZK4T8W2R6B3N", False),
        ("https://user@acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N", False),
        ("https://acme.pagerduty.com/services/Q1ZK4T8W2R6B3N", False),
        ("https://acme.pagerduty.com/incidents/Q1", False),
        ("https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3NQQQ", False),
    ],
)
def test_only_a_link_to_an_incident_at_pagerduty_names_one(url: str, found: bool) -> None:
    payload = slack_payload(TRIGGERED)
    text = f"*Triggered* <{url}|#1: x>"
    payload["event"].update({"text": text, "blocks": [], "attachments": []})
    assert isinstance(accepted(payload), Signal) is found


def test_escapes_are_undone_once_and_only_slacks_three() -> None:
    assert unescape("a &amp;amp; b &lt;!channel&gt; &quot;") == "a &amp; b <!channel> &quot;"
    assert plain("*Resolved* <https://x.example|a &lt; b>") == "Resolved* a < b"
    assert [link.url for link in links_in("<https://x.example/?a=1&amp;b=2|x>")] == [
        "https://x.example/?a=1&b=2"
    ]


def test_alertmanagers_default_message_is_read_as_text() -> None:
    signal = read("alertmanager_default")
    assert (signal.kind, signal.account, signal.recurs) == ("triggered", "text", True)
    assert signal.facts.title == "CheckoutP99High prod-eu (checkout-api critical)"
    assert signal.facts.from_text
    assert signal.facts.urgency == "critical"
    assert signal.facts.url == "http://alertmanager.example:9093/#/alerts?receiver=slack"
    assert signal.service_names == ("CheckoutP99High", "prod-eu", "checkout-api", "critical")
    assert signal.keys[0].startswith("alertmanager:")
    assert signal.place == Place(channel="C0INC", thread_ts="1793697100.000300")


def test_a_resolved_alert_group_has_the_key_it_fired_with() -> None:
    payload = slack_payload("alertmanager_default")
    attachment = payload["event"]["attachments"][0]
    for key in ("title", "fallback"):
        attachment[key] = (
            attachment[key].replace("[FIRING:1]", "[RESOLVED]").replace("critical", "critical eu")
        )
    signal = signal_of(accepted(payload))
    assert (signal.kind, signal.facts.status) == ("resolved", "resolved")
    assert signal.keys[0] == read("alertmanager_default").keys[0]


def test_an_edit_of_an_alert_that_says_nothing_new_is_ignored() -> None:
    payload = slack_payload("alertmanager_default")
    message = dict(payload["event"])
    message.pop("subtype")
    payload["event"] = {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C0INC",
        "ts": "1793699999.000100",
        "message": message,
        "previous_message": message,
    }
    assert isinstance(accepted(payload), Ignored)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_slack_sample_is_a_signal_or_ignored_and_nothing_else(data: st.DataObject) -> None:
    payload: Any = slack_payload(data.draw(st.sampled_from(SAMPLES_OF_SLACK)))
    for _ in range(data.draw(st.integers(1, 3))):
        payload = replaced(payload, data.draw(st.sampled_from(places(payload))), data.draw(json_values))
    if isinstance(payload, dict):
        found = accepted(payload)
        if isinstance(found, Signal):
            repr(found).encode()


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["pagerduty-webhook", "slack-message", "anomaly-event", "other"]), body=json_values
)
def test_whatever_lies_in_the_inbox_can_be_read_without_an_error(kind: str, body: Any) -> None:
    item = InboxItem(inbox_id="x", kind=kind, body=json.dumps(body), received_at=NOW)
    assert isinstance(read_item(item, us=US), Signal | Ignored)
    assert isinstance(
        read_item(InboxItem(inbox_id="x", kind=kind, body="{", received_at=NOW), us=US), Ignored
    )
