"""The inbox: what a door persists before it answers, and how that is read again when it is handled.

A door makes an `InboxItem` (cheap, pure, and refusing what cannot be read), accepts it into the journal, answers its
sender and wakes the engine; the engine reads it with `read_item`, also after a crash. The body is kept as it came, so
a better reader of tomorrow reads what was accepted today.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bot.errors import BadInput
from bot.intake import anomaly as anomalies
from bot.intake import deployment as deployments
from bot.intake import ticks
from bot.intake.alertmanager import read_alertmanager_post
from bot.intake.alertmanager_webhook import read_part, split
from bot.intake.foreign import load_object, text_at
from bot.intake.pagerduty import Ours, open_envelope, read_incident, read_webhook
from bot.intake.pagerduty_posts import read_pagerduty_post
from bot.intake.posts import read_post
from bot.intake.signal import Ignored, Signal, anomaly_key
from bot.intake.ticks import Tick
from bot.journal.base import InboxItem
from bot.runs.events import Actor

PAGERDUTY_WEBHOOK = "pagerduty-webhook"
SLACK_MESSAGE = "slack-message"
ANOMALY_EVENT = "anomaly-event"
DEPLOYMENT_EVENT = "deployment-event"
PAGERDUTY_INCIDENT = "pagerduty-incident"
SCHEDULE_TICK = "schedule-tick"
ALERTMANAGER_WEBHOOK = "alertmanager-webhook"


@dataclass(frozen=True, kw_only=True)
class Self:
    """How this program is known where its own words come back to it."""

    slack_app_id: str = ""
    """Where empty, the app id that Slack addresses the event to."""
    pagerduty: Ours = field(default_factory=Ours)


def from_webhook(body: bytes, *, received_at: datetime, us: Self) -> InboxItem | Ignored:
    """A PagerDuty webhook, its signature already checked, remembered by its event id; `BadInput` when malformed."""
    event_id = open_envelope(body).event_id
    read = read_webhook(body, received_at=received_at, ours=us.pagerduty)
    if isinstance(read, Ignored):
        return read
    return InboxItem(
        inbox_id=f"pagerduty:{event_id}",
        kind=PAGERDUTY_WEBHOOK,
        body=body.decode("utf-8"),
        received_at=received_at,
    )


def from_pagerduty(incident: Mapping[str, Any], *, read_at: datetime) -> InboxItem:
    """An incident as PagerDuty's API shows it, remembered by what it says: the same picture counts once."""
    body = json.dumps(incident, sort_keys=True)
    digest = hashlib.sha256(body.encode()).hexdigest()[:32]
    return InboxItem(
        inbox_id=f"pagerduty-read:{digest}", kind=PAGERDUTY_INCIDENT, body=body, received_at=read_at
    )


def from_slack(payload: Mapping[str, Any], *, received_at: datetime, us: Self) -> InboxItem | Ignored:
    """A Slack `event_callback` with a message, remembered by its `event_id`; `Ignored` unless it is an alert."""
    event_id = text_at(dict(payload), "event_id")
    if not event_id:
        return Ignored(reason="an event without an id")
    read = _slack_signal(payload, received_at=received_at, us=us)
    if isinstance(read, Ignored):
        return read
    return InboxItem(
        inbox_id=f"slack:{event_id}", kind=SLACK_MESSAGE, body=json.dumps(payload), received_at=received_at
    )


def from_anomaly(body: bytes, *, received_at: datetime, actor: Actor) -> InboxItem:
    """An anomaly of an authenticated caller, remembered by its id; `BadInput` when it does not fit."""
    anomaly = anomalies.read_anomaly(body)
    return InboxItem(
        inbox_id=anomaly_key(anomaly.anomaly_id),
        kind=ANOMALY_EVENT,
        body=json.dumps({"event": anomaly.model_dump(mode="json"), "actor": asdict(actor)}),
        received_at=received_at,
    )


def from_deployment(body: bytes, *, received_at: datetime, actor: Actor) -> InboxItem:
    """What an authenticated pipeline reports, remembered by deployment and outcome; `BadInput` when it does not fit."""
    one = deployments.read_deployment(body)
    return InboxItem(
        inbox_id=one.report_id,
        kind=DEPLOYMENT_EVENT,
        body=json.dumps({"event": one.model_dump(mode="json"), "actor": asdict(actor)}),
        received_at=received_at,
    )


def from_alertmanager(body: bytes, *, received_at: datetime) -> tuple[InboxItem, ...]:
    """An Alertmanager notification, its sender already known, as one item for each service it speaks of; remembered
    by its alerts and their state. `BadInput` when malformed."""
    return tuple(
        InboxItem(
            inbox_id=f"alertmanager:{part.part_id}",
            kind=ALERTMANAGER_WEBHOOK,
            body=part.body,
            received_at=received_at,
        )
        for part in split(body)
    )


def from_schedule(tick: Tick, *, received_at: datetime) -> InboxItem:
    """A tick of a schedule, remembered by runbook and time: whoever notices it again is told that it is known."""
    return InboxItem(
        inbox_id=tick.key, kind=SCHEDULE_TICK, body=tick.model_dump_json(), received_at=received_at
    )


def read_item(item: InboxItem, *, us: Self) -> Signal | Ignored:
    """The signal in an accepted item. Never raises: what cannot be read any more is `Ignored` with the reason."""
    try:
        match item.kind:
            case "pagerduty-webhook":
                return read_webhook(item.body, received_at=item.received_at, ours=us.pagerduty)
            case "slack-message":
                return _slack_signal(load_object(item.body), received_at=item.received_at, us=us)
            case "anomaly-event":
                stored = load_object(item.body)
                return anomalies.signal_of(
                    anomalies.read_anomaly(json.dumps(stored.get("event"))),
                    received_at=item.received_at,
                    actor=_actor(stored.get("actor")),
                )
            case "deployment-event":
                stored = load_object(item.body)
                return deployments.signal_of(
                    deployments.read_deployment(json.dumps(stored.get("event"))),
                    received_at=item.received_at,
                    actor=_actor(stored.get("actor")),
                )
            case "alertmanager-webhook":
                return read_part(item.body, received_at=item.received_at)
            case "pagerduty-incident":
                return read_incident(load_object(item.body), read_at=item.received_at)
            case "schedule-tick":
                return ticks.signal_of(ticks.read_tick(item.body), received_at=item.received_at)
            case _:
                return Ignored(reason="an inbox item of a kind this version does not know")
    except BadInput as error:
        return Ignored(reason=f"an inbox item that cannot be read: {error.message}")


def _slack_signal(payload: Mapping[str, Any], *, received_at: datetime, us: Self) -> Signal | Ignored:
    own_app_id = us.slack_app_id or text_at(dict(payload), "api_app_id")
    post = read_post(payload.get("event"), own_app_id=own_app_id, received_at=received_at)
    if isinstance(post, Ignored):
        return post
    read = read_pagerduty_post(post)
    return read_alertmanager_post(post) if isinstance(read, Ignored) else read


def _actor(stored: object) -> Actor | None:
    if not isinstance(stored, dict):
        return None
    return Actor(
        kind="api",
        id=text_at(stored, "id"),
        person=text_at(stored, "person"),
        name=text_at(stored, "name"),
    )
