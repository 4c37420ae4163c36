"""Values that intake tests start from: the samples, a small catalog, signals with the parts a test cares about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.catalog.schema import (
    Catalog,
    Environment,
    EnvironmentName,
    Host,
    Rules,
    Runbook,
    RunbookName,
    Service,
    ServiceName,
    Step,
    Trigger,
)
from bot.intake.inbox import Self
from bot.intake.incident import Facts, Incident, fold
from bot.intake.signal import Ignored, Signal
from bot.intake.triage import TriageEvent, decide
from bot.runs.events import IncidentId

SAMPLES = Path(__file__).parent.parent / "samples"
NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
US = Self(slack_app_id="A0RUNBOT")
PAGERDUTY_ID = "Q1ZK4T8W2R6B3N"
KEY = f"pagerduty:{PAGERDUTY_ID}"


def webhook_bytes(name: str) -> bytes:
    """A PagerDuty sample, byte for byte."""
    return (SAMPLES / "pagerduty" / f"{name}.json").read_bytes()


def slack_payload(name: str) -> dict[str, Any]:
    """A Slack sample."""
    loaded: dict[str, Any] = json.loads((SAMPLES / "slack" / f"{name}.json").read_bytes())
    return loaded


def at(minute: int, second: float = 0.0) -> datetime:
    """A moment of the sample incident's morning."""
    return datetime(2026, 11, 3, 9, tzinfo=UTC) + timedelta(minutes=minute, seconds=second)


def catalog(*runbooks: Runbook, default_channel: str = "C0DEFAULT", channel: str = "C0PAY") -> Catalog:
    """Two services, two environments, and these runbooks."""
    return Catalog(
        environments={name: Environment(name=EnvironmentName(name)) for name in ("prod-eu", "staging")},
        hosts={
            "web-1": Host(name="web-1", environment=EnvironmentName("prod-eu")),
            "web-9": Host(name="web-9", environment=EnvironmentName("staging")),
        },
        services={
            "checkout": Service(
                name=ServiceName("checkout"),
                aliases=("PF9KMXH", "checkout-api"),
                environment=EnvironmentName("prod-eu"),
                channel=channel,
            ),
            "payment-api": Service(name=ServiceName("payment-api"), aliases=("PAY1234",)),
        },
        default_channel=default_channel,
        runbooks={runbook.name: runbook for runbook in runbooks},
    )


def runbook(name: str, *, trigger: Trigger, step: Step | None = None, rules: Rules | None = None) -> Runbook:
    """A runbook of one step."""
    step = step or Step(name="one", type="slack", input={"message": "hello"})
    return Runbook(name=RunbookName(name), trigger=trigger, steps=(step,), rules=rules or Rules())


def signal_of(read: Signal | Ignored) -> Signal:
    """The signal, or a failing test with the reason there is none."""
    assert isinstance(read, Signal), read
    return read


def opened(signal: Signal, *, using: Catalog | None = None, incident_id: str = "i1") -> Incident:
    """The incident a signal opens."""
    events = decide(
        signal, existing=None, catalog=using or catalog(), now=NOW, new_id=IncidentId(incident_id)
    )
    return fold(events)


def after(incident: Incident, *signals: Signal, using: Catalog | None = None) -> Incident:
    """The incident after these signals, in this order."""
    for signal in signals:
        incident = fold(news(incident, signal, using=using), incident)
    return incident


def news(incident: Incident, signal: Signal, *, using: Catalog | None = None) -> tuple[TriageEvent, ...]:
    """The events one more signal adds."""
    return decide(signal, existing=incident, catalog=using or catalog(), now=NOW, new_id=IncidentId("other"))


def facts(**known: Any) -> Facts:
    """Facts with a title."""
    return Facts(**{"title": "payment-api: elevated 5xx", **known})
