"""PagerDuty's own account: V3 webhooks, their signatures, and incidents as its REST API shows them.

Facts relied on: one event per POST; `data.type` tells the shape (`incident`, `incident_note`,
`incident_status_update`, `ping`, …); the signature is an HMAC-SHA256 over the raw body, several while a secret is
rotated; there is no timestamp in it, so a replay is stopped by remembering the event's id.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from bot.errors import BadInput
from bot.intake.foreign import (
    TITLE_LIMIT,
    at,
    load_object,
    moment,
    number_of,
    objects_at,
    paragraph,
    text_at,
)
from bot.intake.incident import ChangeKind, Facts, Origin, Status
from bot.intake.signal import PAGERDUTY, STATUS_AFTER, Ignored, Kind, Signal, pagerduty_key

SIGNATURE_HEADER = "X-PagerDuty-Signature"
NOTE_MARK = "[runbook-bot]"
"""Stands in every note that this program writes, so that the note is known when it comes back."""

_ID = re.compile(r"[A-Z0-9]{7,14}")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}")
_SIGNATURE = re.compile(r"v1=([0-9a-fA-F]{64})")
_MAX_SIGNATURES = 16
_KINDS: dict[str, Kind] = {
    **{
        f"incident.{kind}": kind
        for kind in get_args(ChangeKind)
        if kind not in {"merged", "updated", "status_update"}
    },
    "incident.triggered": "triggered",
    "incident.status_update_published": "status_update",
}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """How notes of this program are known when PagerDuty sends them back."""

    agent_ids: frozenset[str] = frozenset()
    """PagerDuty ids of users that only this program writes as."""
    marks: tuple[str, ...] = (NOTE_MARK,)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A webhook body that could be opened; `event` is still foreign."""

    event_id: str
    event: dict[str, Any]


def is_signed(body: bytes, *, header: str, secrets: Sequence[str]) -> bool:
    """Whether any v1 signature in the header was made over these raw bytes with any of the secrets.

    Every pair is compared, each in constant time. Versions other than v1 are passed over, an empty secret never
    counts, and of a header with a great many signatures only the first few are looked at.
    """
    given = [
        found.group(1).lower().encode("ascii")
        for part in header.split(",", _MAX_SIGNATURES)[:_MAX_SIGNATURES]
        if (found := _SIGNATURE.fullmatch(part.strip(" \t")))
    ]
    matched = False
    for secret in secrets:
        if not secret.strip():
            continue
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode("ascii")
        for one in given:
            matched |= hmac.compare_digest(expected, one)
    return matched


def open_envelope(body: bytes | str) -> Envelope:
    """The event in a webhook body; `BadInput` where there is none or it has no id to remember it by."""
    event = load_object(body).get("event")
    if not isinstance(event, dict):
        raise BadInput("the webhook has no `event` object", hint="send PagerDuty V3 webhooks here")
    event_id = event.get("id")
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        raise BadInput("the webhook's event has no usable `id`", hint="send PagerDuty V3 webhooks here")
    return Envelope(event_id=event_id, event=event)


def read_webhook(body: bytes | str, *, received_at: datetime, ours: Ours | None = None) -> Signal | Ignored:
    """The signal in a webhook body; unknown types, pings and our own notes are `Ignored`."""
    event = open_envelope(body).event
    event_type = event.get("event_type")
    kind = _KINDS.get(event_type) if isinstance(event_type, str) else None
    if kind is None:
        return Ignored(reason="an event type that changes nothing here")
    occurred_at = moment(event.get("occurred_at"), received_at=received_at)
    by = text_at(event, "agent", "summary")
    data = event.get("data")
    if kind in {"annotated", "status_update"}:
        return _words(event, data, kind=kind, occurred_at=occurred_at, by=by, ours=ours or Ours())
    if at(data, "type") not in ("incident", None):
        return Ignored(reason="an incident event about something that is no incident")
    read = _whole(data, kind=kind, occurred_at=occurred_at)
    return read if isinstance(read, Ignored) else replace(read, by=by)


def _words(
    event: object, data: object, *, kind: Kind, occurred_at: datetime, by: str, ours: Ours
) -> Signal | Ignored:
    """A note or a status update: it names its incident and says something, nothing more."""
    pagerduty_id = text_at(data, "incident", "id")
    if not _ID.fullmatch(pagerduty_id):
        return Ignored(reason="a note without the id of its incident")
    words = at(data, "content" if kind == "annotated" else "message")
    text = paragraph(words) if isinstance(words, str) else ""
    if text_at(event, "agent", "id") in ours.agent_ids or any(mark in text for mark in ours.marks):
        return Ignored(reason="a note that this program wrote itself")
    return Signal(
        kind=kind,
        account="reference",
        origins=(_origin(pagerduty_id, text_at(data, "incident", "html_url")),),
        facts=Facts(title=text_at(data, "incident", "summary", limit=TITLE_LIMIT)),
        occurred_at=occurred_at,
        by=by,
        text=text,
    )


def _whole(data: object, *, kind: Kind, occurred_at: datetime) -> Signal | Ignored:
    """An incident as webhooks and REST show it (they differ in a few names)."""
    pagerduty_id = text_at(data, "id")
    if not _ID.fullmatch(pagerduty_id):
        return Ignored(reason="an incident event without an incident id")
    merged_into = ""
    if kind == "resolved" and at(data, "resolve_reason", "type") == "merge_resolve_reason":
        kind, merged_into = "merged", _merge_parent(data)
    url = text_at(data, "html_url", limit=TITLE_LIMIT)
    return Signal(
        kind=kind,
        account="source",
        origins=(_origin(pagerduty_id, url),),
        facts=Facts(
            title=text_at(data, "title", limit=TITLE_LIMIT)
            or text_at(data, "summary", limit=TITLE_LIMIT)
            or f"PagerDuty incident {pagerduty_id}",
            service_text=text_at(data, "service", "summary"),
            urgency=text_at(data, "urgency"),
            priority=text_at(data, "priority", "summary"),
            status=_status(data, kind),
            assignees=_assignees(data),
            url=url,
            number=_number(at(data, "number")) or _number(at(data, "incident_number")),
        ),
        occurred_at=occurred_at,
        service_names=tuple(
            filter(None, (text_at(data, "service", "id"), text_at(data, "service", "summary")))
        ),
        text=merged_into,
    )


def _origin(pagerduty_id: str, url: str) -> Origin:
    return Origin(key=pagerduty_key(pagerduty_id), source=PAGERDUTY, url=url)


def _merge_parent(data: object) -> str:
    parent = at(data, "resolve_reason", "incident")
    title, parent_id = text_at(parent, "summary", limit=TITLE_LIMIT), text_at(parent, "id")
    return f"{title} ({parent_id})" if title else parent_id


def _status(data: object, kind: Kind) -> Status:
    """What it says, else what the kind of event means."""
    match at(data, "status"):
        case "triggered":
            return "triggered"
        case "acknowledged":
            return "acknowledged"
        case "resolved":
            return "resolved"
        case _:
            return STATUS_AFTER.get(kind, "triggered")


def _assignees(data: object) -> tuple[str, ...]:
    people = objects_at(data, "assignees") or tuple(
        assignment["assignee"]
        for assignment in objects_at(data, "assignments")
        if isinstance(assignment.get("assignee"), dict)
    )
    return tuple(name for person in people[:50] if (name := text_at(person, "summary")))


def _number(value: object) -> int | None:
    found = number_of(value)
    return int(found) if found is not None and 0 < found < 2**53 else None


def read_incident(incident: object, *, alerts: Sequence[object] = (), read_at: datetime) -> Signal | Ignored:
    """An incident read over REST, with what its alerts say of symptom and metric.

    `occurred_at` is the last change that PagerDuty itself knows of, by PagerDuty's clock: by ours, being a little
    ahead, the webhooks of the next seconds would look late.
    """
    times = [at(incident, name) for name in ("created_at", "last_status_change_at", "updated_at")]
    known = [moment(time, received_at=read_at) for time in times if isinstance(time, str)]
    occurred_at = max(known, default=read_at)
    status = _status(incident, "triggered")
    kind: Kind = "triggered" if status == "triggered" else status
    read = _whole(incident, kind=kind, occurred_at=occurred_at)
    if isinstance(read, Ignored):
        return read
    return replace(read, facts=with_alert_details(read.facts, alerts))


def with_alert_details(facts: Facts, alerts: Sequence[object]) -> Facts:
    """The facts with symptom and metric from the first alert that names them (`body.details`)."""
    symptom, metric, value, score = facts.symptom, facts.metric_name, facts.value, facts.anomaly_score
    for alert in alerts[:20]:
        details = at(alert, "body", "details")
        symptom = symptom or _symptom(alert, details)
        metric = metric or text_at(details, "metric_name")
        value = value if value is not None else _figure(at(details, "value"))
        score = score if score is not None else _figure(at(details, "anomaly_score"))
    return replace(facts, symptom=symptom, metric_name=metric, value=value, anomaly_score=score)


def _symptom(alert: object, details: object) -> str:
    for name in ("symptom", "symptoms", "description", "summary", "error", "message"):
        if found := text_at(details, name, limit=TITLE_LIMIT):
            return found
    if isinstance(details, str) and details.strip():
        return text_at({"details": details}, "details", limit=TITLE_LIMIT)
    return text_at(alert, "summary", limit=TITLE_LIMIT)


def _figure(value: object) -> float | None:
    """Monitoring tools often send numbers as text."""
    if isinstance(value, str) and re.fullmatch(
        r"[+-]?\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?", value.strip()
    ):
        return float(value)
    return number_of(value)
