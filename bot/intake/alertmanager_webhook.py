"""Prometheus Alertmanager's own account: its webhook (version 4), one notification for a whole group of alerts.

The alerts of a group that are about one service are one incident. They are told apart by the first of these labels that
they carry: `service`, `service_name`, `service_id`, `app`, `application`, `job`; what it says must be a name or alias
in the catalog. The incident is over when none of its alerts fires any more, and a firing after that is a new one.

An alert is known by fingerprint and start: a notification whose alerts were all seen in the state it tells (a repeat,
or the same from the second Alertmanager of a pair) is a duplicate, whatever else in it moved. Where the receiver also
posts to Slack with the default template, that message is the same incident (see `alertmanager.group_key`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from bot.errors import BadInput
from bot.intake.alertmanager import group_key
from bot.intake.foreign import TITLE_LIMIT, at, line, load_object, moment, number_of, objects_at, text_at
from bot.intake.incident import Facts, Origin
from bot.intake.signal import ALERTMANAGER, Ignored, Kind, Signal

SERVICE_LABELS = ("service", "service_name", "service_id", "app", "application", "job")
ENVIRONMENT_LABELS = ("environment", "env")
MOST_ALERTS = 1000


@dataclass(frozen=True, kw_only=True)
class Part:
    """The alerts of one notification that are about one service, as a notification of their own."""

    part_id: str
    body: str


def split(body: bytes | str) -> tuple[Part, ...]:
    """The notification's parts, each known by what its alerts are and say; `BadInput` for what is none."""
    notification = load_object(body)
    alerts = notification.get("alerts")
    if not isinstance(alerts, list) or not isinstance(notification.get("groupKey"), str):
        raise BadInput(
            "this is no notification of Alertmanager: it has no `groupKey` and `alerts`",
            hint="point a `webhook_configs` receiver here",
        )
    by_service: dict[str, list[dict[str, Any]]] = {}
    for alert in objects_at(notification, "alerts")[:MOST_ALERTS]:
        by_service.setdefault(_service(alert), []).append(alert)
    return tuple(_part(notification, those, is_whole=len(by_service) == 1) for those in by_service.values())


def _part(notification: Mapping[str, Any], alerts: Sequence[dict[str, Any]], *, is_whole: bool) -> Part:
    states = sorted(f"{_alert_key(one)} {_is_firing(one)}" for one in alerts)
    named = json.dumps([text_at(dict(notification), "groupKey", limit=4000), states])
    return Part(
        part_id=hashlib.sha256(named.encode()).hexdigest()[:40],
        body=json.dumps({**notification, "alerts": list(alerts), "isWhole": is_whole}),
    )


def read_part(body: str, *, received_at: datetime) -> Signal | Ignored:
    """The signal in one part."""
    part = load_object(body)
    alerts = objects_at(part, "alerts")
    if not alerts:
        return Ignored(reason="a notification without alerts")
    firing = [one for one in alerts if _is_firing(one)]
    kind: Kind = "triggered" if firing else "resolved"
    speaking = sorted(firing or alerts, key=lambda one: (_started(one, received_at), _alert_key(one)))
    return Signal(
        kind=kind,
        account="source",
        origins=tuple(_origins(part, speaking)),
        facts=_facts(part, speaking, kind=kind),
        occurred_at=max((_changed(one, received_at) for one in alerts), default=received_at),
        service_names=tuple(dict.fromkeys(name for one in speaking for name in _names(one))),
        recurs=True,
    )


def _origins(part: Mapping[str, Any], speaking: Sequence[dict[str, Any]]) -> Iterator[Origin]:
    external = text_at(dict(part), "externalURL", limit=TITLE_LIMIT).rstrip("/")
    console = f"{external}/#/alerts?receiver={quote_plus(text_at(dict(part), 'receiver'))}"
    named = json.dumps([external, text_at(dict(part), "groupKey", limit=4000), _service(speaking[0])])
    digest = hashlib.sha256(named.encode()).hexdigest()[:24]
    yield Origin(key=f"{ALERTMANAGER}:{digest}", source=ALERTMANAGER, url=console)
    # This one is new with each firing: by it a firing after the end is known to be none that was heard before.
    yield Origin(key=f"{ALERTMANAGER}:{_alert_key(speaking[0])}", source=ALERTMANAGER, url=console)
    if part.get("isWhole") is True:
        yield Origin(key=group_key(_group_words(part), console), source=ALERTMANAGER, url=console)


def _group_words(part: Mapping[str, Any]) -> str:
    """The group as the default template of the Slack receiver words it: the alert's name, then by label."""
    labels = at(dict(part), "groupLabels")
    if not isinstance(labels, dict):
        return ""
    names = sorted(labels, key=lambda name: (name != "alertname", name))
    return line(" ".join(str(labels[name]) for name in names), limit=TITLE_LIMIT)


def _facts(part: Mapping[str, Any], speaking: Sequence[dict[str, Any]], *, kind: Kind) -> Facts:
    first = speaking[0]
    title = (
        _said(first, "summary", "title") or text_at(first, "labels", "alertname") or "an alert without a name"
    )
    more = f" (and {len(speaking) - 1} more)" if len(speaking) > 1 else ""
    symptom = " · ".join(
        dict.fromkeys(
            filter(
                None,
                (text_at(first, "labels", "alertname"), _said(first, "summary"), _said(first, "description")),
            )
        )
    )
    return Facts(
        title=line(title, limit=TITLE_LIMIT - len(more)) + more,
        service_text=_service(first),
        environment=next(filter(None, (text_at(first, "labels", name) for name in ENVIRONMENT_LABELS)), ""),
        symptom=line(symptom, limit=TITLE_LIMIT),
        urgency=text_at(first, "labels", "severity"),
        status="resolved" if kind == "resolved" else "triggered",
        url=text_at(first, "generatorURL", limit=TITLE_LIMIT)
        or text_at(dict(part), "externalURL", limit=TITLE_LIMIT),
        metric_name=_said(first, "metric_name") or text_at(first, "labels", "metric_name"),
        value=_number(first, "value"),
        anomaly_score=_number(first, "anomaly_score"),
    )


def _said(alert: dict[str, Any], *names: str) -> str:
    return next(filter(None, (text_at(alert, "annotations", name, limit=TITLE_LIMIT) for name in names)), "")


def _number(alert: dict[str, Any], name: str) -> float | None:
    """Annotations and labels are always text."""
    text = _said(alert, name) or text_at(alert, "labels", name)
    try:
        return number_of(float(text)) if text else None
    except ValueError:
        return None


def _names(alert: dict[str, Any]) -> tuple[str, ...]:
    return tuple(filter(None, (text_at(alert, "labels", name) for name in SERVICE_LABELS)))


def _service(alert: dict[str, Any]) -> str:
    return next(iter(_names(alert)), "")


def _alert_key(alert: dict[str, Any]) -> str:
    """Fingerprint and start; of an Alertmanager before 0.20, which sends no fingerprint, the labels instead."""
    labels = json.dumps(at(alert, "labels"), sort_keys=True)
    name = text_at(alert, "fingerprint") or hashlib.sha256(labels.encode()).hexdigest()[:16]
    return f"{name}/{text_at(alert, 'startsAt')}"


def _is_firing(alert: dict[str, Any]) -> bool:
    return text_at(alert, "status") != "resolved"


def _started(alert: dict[str, Any], received_at: datetime) -> datetime:
    return moment(alert.get("startsAt"), received_at=received_at)


def _changed(alert: dict[str, Any], received_at: datetime) -> datetime:
    """When it came to be in the state it is told in."""
    name = "startsAt" if _is_firing(alert) else "endsAt"
    return moment(alert.get(name), received_at=received_at)
