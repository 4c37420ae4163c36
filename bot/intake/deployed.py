"""What was deployed: a service's record of what its delivery pipeline reported, the bad and the good.

A good deployment opens no incident, and yet it is the first thing asked about in the next one: what changed? So each
report is an event in a stream of its service. There is a stream for each month, so that looking back a few days reads
a few events, however long a pipeline has been reporting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.diagnosis.evidence import Item
from bot.runs.events import Actor, Event

Status = Literal["failed", "succeeded"]

LOOK_BACK = timedelta(days=7)
"""What was deployed longer ago is no news in an incident."""
MOST_TOLD = 10


@dataclass(frozen=True, kw_only=True)
class DeploymentReported(Event):
    """A pipeline said how a deployment ended."""

    deployment_id: str
    service: str
    """Catalog name."""
    version: str
    status: Status
    link: str = ""
    reason: str = ""
    place: str = ""
    """The workload as the report named it, "" where it named none: `deployment shop/checkout`."""
    occurred_at: datetime | None = None
    """When it ended by the pipeline's clock; `at` is when it was heard."""
    by: Actor | None = None


EVENTS: Mapping[tuple[str, int], type[Event]] = {("deployment-reported", 1): DeploymentReported}


def stream_of(service: str, at: datetime) -> str:
    """The journal stream of a service's deployments in the month of `at`."""
    return f"deployments-{at.astimezone(UTC):%Y-%m}-{service}"


def streams_before(service: str, now: datetime) -> tuple[str, ...]:
    """The streams that hold what was deployed in the last days, oldest first."""
    return tuple(dict.fromkeys((stream_of(service, now - LOOK_BACK), stream_of(service, now))))


def as_evidence(reported: Iterable[DeploymentReported], *, now: datetime) -> tuple[Item, ...]:
    """The reports of the last days as a diagnosis may quote them, newest first."""
    recent = [one for one in reported if _when(one) >= now - LOOK_BACK]
    recent.sort(key=_when, reverse=True)
    return tuple(
        Item(
            id=f"delivery/{one.deployment_id}",
            kind="Delivery",
            source="what the delivery pipeline reported",
            at=_when(one).isoformat(),
            text=_words(one),
        )
        for one in recent[:MOST_TOLD]
    )


def _when(one: DeploymentReported) -> datetime:
    return one.occurred_at or one.at


def _words(one: DeploymentReported) -> str:
    where = f" to {one.place}" if one.place else ""
    why = f": {one.reason}" if one.reason else ""
    link = f" ({one.link})" if one.link else ""
    return f"{_when(one):%Y-%m-%d %H:%M} UTC: {one.service} {one.version}{where} {one.status}{why}{link}"
