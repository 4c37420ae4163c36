"""What PagerDuty did while nobody here listened, as inbox items: opened, acknowledged, resolved, merged.

Two questions are asked: what is open there, and what became of that which is open here and no longer there. What was
never heard of is taken up only for services of the catalog and only if it opened within the last day: a key reads the
whole account, and a bot that is new to it must not open a thread for everything that was ever left lying.

An item is named by what PagerDuty says, so a restart that finds nothing new accepts nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.catalog.schema import Catalog
from bot.errors import BadInput, NotFound
from bot.intake.enrichment import Reader
from bot.intake.foreign import moment
from bot.intake.inbox import from_pagerduty
from bot.intake.pagerduty import read_incident
from bot.intake.signal import PAGERDUTY, Ignored
from bot.intake.triage import service_of
from bot.journal.base import InboxItem, Journal
from bot.runs.plan import JsonObject

log = structlog.get_logger()

HEARD_OF_LATE = timedelta(days=1)
MOST_ASKED = 500
"""Incidents that are open here and not there are asked for one by one; PagerDuty allows 960 requests a minute."""


async def missed(
    *, reader: Reader, journal: Journal, catalog: Catalog, read_at: datetime
) -> tuple[InboxItem, ...]:
    """An item for each incident that may have changed, the oldest first; raises `BotError` when it cannot be asked."""
    open_here = {
        key.partition(":")[2]
        for row in await journal.incidents(open_only=True, limit=10_000)
        if row.status != "resolved"
        for key in row.origins
        if key.startswith(f"{PAGERDUTY}:")
    }
    open_there = {str(one.get("id")): one for one in await reader.open_incidents()}
    found: list[JsonObject] = []
    for incident in open_there.values():
        if str(incident.get("id")) in open_here or _is_to_be_heard_of(incident, catalog, read_at=read_at):
            found.append(incident)
    for pagerduty_id in sorted(open_here - open_there.keys())[:MOST_ASKED]:
        try:
            found.append(await reader.incident(pagerduty_id))
        except (NotFound, BadInput):
            log.info("open-incident-gone", pagerduty_id=pagerduty_id)
    log.info("caught-up", open_there=len(open_there), open_here=len(open_here), looked_at=len(found))
    found.sort(key=lambda one: str(one.get("created_at", "")))
    return tuple(from_pagerduty(one, read_at=read_at) for one in found)


def _is_to_be_heard_of(incident: JsonObject, catalog: Catalog, *, read_at: datetime) -> bool:
    signal = read_incident(incident, read_at=read_at)
    if isinstance(signal, Ignored) or service_of(signal, catalog) is None:
        return False
    return moment(incident.get("created_at"), received_at=read_at) > read_at - HEARD_OF_LATE
