"""Which events the journal holds: the tables of all rooms that store any, and the codec made of them."""

from __future__ import annotations

from bot.intake import deployed, incident
from bot.journal.codec import Codec
from bot.runs import events

TABLES = (events.EVENTS, incident.EVENTS, deployed.EVENTS)


def codec() -> Codec:
    """The codec of the whole program; whoever opens a journal opens it with this."""
    return Codec(TABLES)
