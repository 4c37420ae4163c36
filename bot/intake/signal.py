"""A signal: one inbound fact, normalised, before anything is decided about it.

Every reader in this package turns something foreign (a webhook, a post of another app, an API body) into a `Signal`
or says why there is none (`Ignored`); only an envelope that cannot be read at all is `BadInput`. What a signal is
worth depends on its `account`:

- `source`: the source itself gave the whole picture (a webhook with the incident in it, REST, an API call);
- `text`: somebody's message about it was read. It opens incidents and moves their status, but never overwrites
  what the source said;
- `reference`: only the incident's name and some words (a note, a status update).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.intake.deployed import DeploymentReported
from bot.intake.incident import ChangeKind, Facts, Origin, Place, Status
from bot.runs.events import Actor

Kind = ChangeKind | Literal["triggered"]
Account = Literal["source", "text", "reference"]

PAGERDUTY = "pagerduty"
SLACK = "slack"
ALERTMANAGER = "alertmanager"
ANOMALY = "anomaly"
DEPLOYMENT = "deployment"
MANUAL = "manual"
SCHEDULE = "schedule"

STATUS_AFTER: Mapping[str, Status] = {
    "triggered": "triggered",
    "acknowledged": "acknowledged",
    "unacknowledged": "triggered",
    "reopened": "triggered",
    "resolved": "resolved",
    "merged": "resolved",
}
"""The status that a kind of signal means where nobody says it in so many words."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One inbound fact. `occurred_at` is never later than when it was received."""

    kind: Kind
    account: Account
    origins: tuple[Origin, ...]
    """Outside names of the incident, the one that finds it first."""
    facts: Facts
    occurred_at: datetime
    service_names: tuple[str, ...] = ()
    """What the catalog may know the service by; only exact names count."""
    environment_names: tuple[str, ...] = ()
    """Words that may name an environment; only exact names count. What the source claims in so many words stands
    in `facts.environment`."""
    place: Place | None = None
    """The Slack message it stands in; `thread_ts` is the root of its thread."""
    by: str = ""
    text: str = ""
    actor: Actor | None = None
    deployment: DeploymentReported | None = None
    """What it says was deployed; kept with the service's record, whatever it does to an incident."""
    recurs: bool = False
    """Whether the same key comes back for a new incident once the old one is over (an alert group does,
    a PagerDuty incident is reopened instead)."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The outside keys to look an incident up by, in this order."""
        return tuple(origin.key for origin in self.origins)


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """Well-formed, but nothing to do; `reason` is for logs, without a word of the input's."""

    reason: str


def pagerduty_key(pagerduty_id: str) -> str:
    """The outside key of a PagerDuty incident."""
    return f"{PAGERDUTY}:{pagerduty_id}"


def slack_key(channel: str, ts: str) -> str:
    """The outside key of a Slack message."""
    return f"{SLACK}:{channel}/{ts}"


def anomaly_key(anomaly_id: str) -> str:
    """The outside key of a metric anomaly."""
    return f"{ANOMALY}:{anomaly_id}"


def deployment_key(service: str, known_as: str) -> str:
    """The outside key of a deployment of a service."""
    return f"{DEPLOYMENT}:{service}/{known_as}"


def schedule_key(runbook: str, tick: datetime, *, service: str = "") -> str:
    """The outside key of one tick of a runbook's schedule; of one of its services where it has several."""
    part = f"/{service}" if service else ""
    return f"{SCHEDULE}:{runbook}{part}:{tick:%Y-%m-%dT%H:%MZ}"


def started_by_hand(
    start_id: str,
    *,
    title: str,
    service_name: str,
    actor: Actor,
    now: datetime,
    place: Place | None = None,
    facts: Facts | None = None,
) -> Signal:
    """The signal of a person or program that starts a runbook without an incident; it opens one of its own.

    `facts` is what whoever starts it knows besides: symptom, metric, scores; the title counts where they gave one.
    """
    known = facts or Facts(title="")
    return Signal(
        kind="triggered",
        account="source",
        origins=(Origin(key=f"{MANUAL}:{start_id}", source=MANUAL),),
        facts=replace(known, title=known.title or title, service_text=service_name),
        occurred_at=now,
        service_names=(service_name,) if service_name else (),
        place=place,
        by=actor.name or actor.id,
        actor=actor,
    )
