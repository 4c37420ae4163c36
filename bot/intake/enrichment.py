"""Facts from PagerDuty's REST API, where a token is set: what neither a webhook nor a message carries.

A webhook has no alert in it and so no symptom; a forwarded message has only words. Reading more happens after the
incident is opened and never delays its first answer: what comes back is one more signal for `triage.decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.errors import BotError
from bot.intake.incident import Incident
from bot.intake.pagerduty import read_incident
from bot.intake.signal import PAGERDUTY, Ignored, Signal


class Reader(Protocol):
    """What is needed of `clients.pagerduty.PagerDutyReader`."""

    async def incident(self, pagerduty_id: str) -> dict[str, Any]:
        """One incident."""

    async def alerts(self, pagerduty_id: str) -> Sequence[dict[str, Any]]:
        """Its alerts."""

    async def open_incidents(self) -> Sequence[dict[str, Any]]:
        """All that are open."""


async def read_more(incident: Incident, *, reader: Reader, read_at: datetime) -> Signal | Ignored:
    """What PagerDuty itself says of this incident now; `Ignored` with the reason where it cannot be asked.

    The alerts are an extra: without them the incident still counts.
    """
    key = next((one.key for one in incident.origins if one.source == PAGERDUTY), "")
    if not key:
        return Ignored(reason="an incident that PagerDuty does not know")
    pagerduty_id = key.partition(":")[2]
    try:
        found = await reader.incident(pagerduty_id)
    except BotError as error:
        return Ignored(reason=error.message)
    try:
        alerts = await reader.alerts(pagerduty_id)
    except BotError:
        alerts = ()
    return read_incident(found, alerts=alerts, read_at=read_at)
