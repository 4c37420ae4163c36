"""PagerDuty V3 webhooks: every sample, signatures, and whatever else may arrive."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import BadInput
from bot.intake.foreign import load_object
from bot.intake.pagerduty import NOTE_MARK, Ours, is_signed, open_envelope, read_incident, read_webhook
from bot.intake.signal import Ignored, Signal
from tests.intake.given import KEY, NOW, SAMPLES, at, signal_of, webhook_bytes

VECTORS = json.loads((SAMPLES / "pagerduty" / "_signatures.json").read_bytes())
CURRENT, NEXT = VECTORS["secrets"]["current"], VECTORS["secrets"]["next"]
NAMES = sorted(VECTORS["vectors"])

KINDS = {
    "incident.triggered": ("triggered", "triggered"),
    "incident.acknowledged": ("acknowledged", "acknowledged"),
    "incident.unacknowledged": ("unacknowledged", "triggered"),
    "incident.escalated": ("escalated", "triggered"),
    "incident.reassigned": ("reassigned", "acknowledged"),
    "incident.priority_updated": ("priority_updated", "acknowledged"),
    "incident.reopened": ("reopened", "triggered"),
    "incident.resolved": ("resolved", "resolved"),
    "incident.resolved_merge": ("merged", "resolved"),
}


def signed(body: bytes, secret: str, version: str = "v1") -> str:
    return f"{version}={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_signed_by_the_current_secret_and_during_rotation_by_either(name: str) -> None:
    vector = VECTORS["vectors"][name]
    body = (SAMPLES / "pagerduty" / vector["file"]).read_bytes()
    header = vector["headers"]["X-PagerDuty-Signature"]
    assert is_signed(body, header=header, secrets=[CURRENT])
    assert not is_signed(body, header=header, secrets=[NEXT])
    for secrets in ([CURRENT], [NEXT], [NEXT, CURRENT]):
        assert is_signed(body, header=vector["rotation_header"], secrets=secrets)
    assert not is_signed(body + b" ", header=header, secrets=[CURRENT])


BODY = webhook_bytes("incident.triggered")
GOOD = signed(BODY, CURRENT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ",",
        "v1=",
        "v1",
        GOOD.removeprefix("v1="),
        GOOD.replace("v1=", "v0="),
        GOOD.replace("v1=", "v2="),
        GOOD.replace("v1=", "V1="),
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("=", " = "),
        f'"{GOOD}"',
        GOOD.replace(",", ";") + ";v1=" + "0" * 64,
        "v1=" + "0" * 64,
        "v1=" + "é" * 64,
        "v1=" + "\u0664" * 64,
        signed(BODY, ""),
        signed(BODY, NEXT),
        signed(BODY + b"\n", CURRENT),
        signed(BODY.decode().upper().encode(), CURRENT),
        ",".join(["v1=" + "0" * 64] * 5000) + "," + GOOD,
        "v1=" + "a" * 100_000,
        "\x00" + GOOD,
    ],
)
def test_a_signature_that_is_not_exactly_right_counts_for_nothing(header: str) -> None:
    assert not is_signed(BODY, header=header, secrets=[CURRENT, ""])


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        f"{signed(BODY, NEXT, 'v2')},{GOOD}",
        f"v1={'0' * 64}, {GOOD}",
        f"{GOOD},nonsense",
        GOOD.upper().replace("V1=", "v1="),
    ],
)
def test_one_good_v1_among_others_is_enough(header: str) -> None:
    assert is_signed(BODY, header=header, secrets=["other", CURRENT])


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed(BODY, header=signed(BODY, ""), secrets=[])
    assert not is_signed(BODY, header=signed(BODY, ""), secrets=["", "  "])


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_incident_event_becomes_the_kind_and_status_it_means(name: str) -> None:
    signal = signal_of(read_webhook(webhook_bytes(name), received_at=NOW))
    assert (signal.kind, signal.facts.status) == KINDS[name]
    assert signal.account == "source"
    assert signal.keys == (KEY,)
    assert signal.facts.title == "checkout-api p99 latency > 2s in prod-eu (5m)"
    assert signal.facts.number == 4127
    assert signal.facts.url == "https://acme.pagerduty.com/incidents/Q1ZK4T8W2R6B3N"
    assert signal.service_names == ("PF9KMXH", "checkout-api")
    assert not signal.facts.from_text


def test_people_priority_and_times_are_read() -> None:
    acknowledged = signal_of(read_webhook(webhook_bytes("incident.acknowledged"), received_at=NOW))
    assert acknowledged.by == "Bob Ito"
    assert acknowledged.facts.assignees == ("Bob Ito",)
    assert acknowledged.occurred_at == at(14, 2.771)
    assert signal_of(read_webhook(webhook_bytes("incident.escalated"), received_at=NOW)).by == ""
    priority = signal_of(read_webhook(webhook_bytes("incident.priority_updated"), received_at=NOW))
    assert priority.facts.priority == "P1"
    assert signal_of(read_webhook(webhook_bytes("incident.resolved"), received_at=NOW)).facts.assignees == ()


def test_a_merge_names_its_parent() -> None:
    merged = signal_of(read_webhook(webhook_bytes("incident.resolved_merge"), received_at=NOW))
    assert merged.text == "checkout-api p99 latency > 2s in prod-eu (5m) (Q0PARENT00AAAA)"


def test_notes_and_status_updates_carry_words_only() -> None:
    note = signal_of(read_webhook(webhook_bytes("incident.annotated"), received_at=NOW))
    assert (note.kind, note.account, note.by) == ("annotated", "reference", "Bob Ito")
    assert note.text.startswith("Runbook rb-checkout-latency")
    update = signal_of(read_webhook(webhook_bytes("incident.status_update_published"), received_at=NOW))
    assert (update.kind, update.text) == (
        "status_update",
        "Mitigation in progress: traffic shifted to prod-us",
    )
    assert note.keys == update.keys == (KEY,)


def test_our_own_note_coming_back_is_ignored_by_its_mark_or_its_author() -> None:
    body = json.loads(webhook_bytes("incident.annotated"))
    assert isinstance(
        read_webhook(json.dumps(body), received_at=NOW, ours=Ours(agent_ids=frozenset({"PTUXL6G"}))), Ignored
    )
    body["event"]["data"]["content"] += f"\n{NOTE_MARK}"
    assert isinstance(read_webhook(json.dumps(body), received_at=NOW), Ignored)


def test_pings_and_unknown_types_are_ignored() -> None:
    assert isinstance(read_webhook(webhook_bytes("pagey.ping"), received_at=NOW), Ignored)
    unknown: list[object] = [
        "incident.responder.added",
        "service.updated",
        "",
        None,
        7,
        ["incident.triggered"],
        {},
    ]
    for event_type in unknown:
        body = json.dumps({"event": {"id": "01X", "event_type": event_type, "data": {}}})
        assert isinstance(read_webhook(body, received_at=NOW), Ignored)


@pytest.mark.parametrize("wrong", [[], {}, 7, True, "service"])
def test_data_of_another_type_is_ignored_whatever_stands_for_the_type(wrong: object) -> None:
    body = json.loads(webhook_bytes("incident.triggered"))
    body["event"]["data"]["type"] = wrong
    assert isinstance(read_webhook(json.dumps(body), received_at=NOW), Ignored)


def test_a_time_ahead_of_ours_or_unreadable_counts_as_now() -> None:
    body = json.loads(webhook_bytes("incident.acknowledged"))
    for said in (
        "2099-01-01T00:00:00Z",
        "yesterday",
        None,
        12,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ):
        body["event"]["occurred_at"] = said
        assert signal_of(read_webhook(json.dumps(body), received_at=NOW)).occurred_at == NOW


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"event":[]}',
        b'{"event":{}}',
        b'{"event":{"id":""}}',
        b'{"event":{"id":7}}',
        b'{"event":{"id":"a b"}}',
        b'{"event":{"id":"\\u0000"}}',
        b'{"event":{"id":"' + b"x" * 129 + b'"}}',
        b'{"event":{"id":"a","id":"b"}}',
        b'{"event":{"id":"a","data":NaN}}',
        b'{"event":{"id":"a","data":' + b"9" * 5000 + b"}}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"event":"\xe9"}',
        b'{"event":' * 300 + b"1" + b"}" * 300,
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_broken_envelope_is_bad_input_without_a_word_of_it_repeated(body: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        open_envelope(body)
    assert len(str(refused.value)) < 200


def test_text_is_clean_whatever_the_source_sends() -> None:
    body = json.loads(webhook_bytes("incident.triggered"))
    body["event"]["data"]["title"] = "evil\ud800\x00 \u202etxt\n<!channel>" + "x" * 9999
    signal = signal_of(read_webhook(json.dumps(body), received_at=NOW))
    assert signal.facts.title.startswith("evil txt <!channel>xxx")
    assert len(signal.facts.title) == 500
    assert signal.facts.title.endswith("…")
    signal.facts.title.encode()


def test_an_incident_read_over_rest_brings_the_symptom_of_its_alerts() -> None:
    incident = json.loads(webhook_bytes("incident.triggered"))["event"]["data"]
    incident["incident_number"] = incident.pop("number")
    incident["assignments"] = [{"at": "…", "assignee": person} for person in incident.pop("assignees")]
    incident["last_status_change_at"] = "2026-11-03T09:12:41Z"
    alerts: list[object] = [
        "junk",
        {
            "summary": "p99 high",
            "body": {"details": {"metric_name": "p99", "value": "2.4", "anomaly_score": 0.93}},
        },
    ]
    signal = signal_of(read_incident(incident, alerts=alerts, read_at=NOW))
    assert signal.occurred_at == at(12, 41)
    assert (signal.facts.number, signal.facts.assignees) == (4127, ("Bob Ito",))
    assert (signal.facts.symptom, signal.facts.metric_name) == ("p99 high", "p99")
    assert (signal.facts.value, signal.facts.anomaly_score) == (2.4, 0.93)
    assert isinstance(read_incident({"id": "x"}, read_at=NOW), Ignored)
    assert isinstance(read_incident(None, read_at=NOW), Ignored)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    found = [path]
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        found.extend(places(child, (*path, key)))
    return found


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The value with one place in it exchanged."""
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], by)
    return copy


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_sample_is_a_signal_or_ignored_or_bad_input_and_nothing_else(data: st.DataObject) -> None:
    body: Any = json.loads(webhook_bytes(data.draw(st.sampled_from(NAMES))))
    for _ in range(data.draw(st.integers(1, 3))):
        body = replaced(body, data.draw(st.sampled_from(places(body))), data.draw(json_values))
    try:
        read = read_webhook(json.dumps(body), received_at=NOW)
    except BadInput:
        return
    if isinstance(read, Signal):
        assert read.origins
        assert read.facts.title or read.account == "reference"
        repr(read).encode()


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_random_bytes_are_bad_input_or_an_object(body: bytes) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(load_object(body), dict)
    with contextlib.suppress(BadInput):
        read_webhook(body, received_at=NOW)


@settings(max_examples=100, deadline=None)
@given(incident=json_values, alerts=st.lists(json_values, max_size=3))
def test_random_rest_answers_never_raise(incident: Any, alerts: list[Any]) -> None:
    read_incident(incident, alerts=alerts, read_at=NOW)


@settings(max_examples=200, deadline=None)
@given(header=st.text(max_size=200), secrets=st.lists(st.text(max_size=40), max_size=3))
def test_random_signature_headers_are_never_accepted_and_never_raise(header: str, secrets: list[str]) -> None:
    assert not is_signed(BODY, header=header, secrets=secrets)
