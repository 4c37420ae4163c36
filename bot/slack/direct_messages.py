"""What one person is told directly, because their group in the catalog asks for it: a decision or an answer is needed.

Such a message is read on a locked phone, away from its thread. So it says what is wrong, what would run and until when,
and leads to the thread; deciding happens there, where all of it can be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bot.intake.incident import Incident
from bot.runs.events import Asked
from bot.slack import text
from bot.slack.message import Message, metadata_of
from bot.slack.views import history
from bot.slack.views.drawn import Drawn
from bot.slack.views.offer import Offer, asked_for, planned


def decision_wanted(
    one: Offer, *, incident: Incident, metadata: Mapping[str, Any], reminder: str = ""
) -> Iterator[Message]:
    """One for each who asks to be told, while there is something to decide and a thread to link to.

    `reminder` is the key of the reminder it goes with; whoever has approved by then is left in peace.
    """
    if not incident.permalink or not one.is_open:
        return
    view = history.direct(
        what=asked_for(one),
        about=_about(incident),
        place=one.environments,
        does=planned(one),
        until=one.expires_at,
        permalink=incident.permalink,
        is_again=bool(reminder),
    )
    begin = f"dm:{reminder}" if reminder else f"dm:{one.ref.proposal_id}"
    agreed = {actor.id for actor in one.approved_by} if reminder else set()
    yield from _to_each(one.asked, begin, view, metadata, without=agreed)


def answer_wanted(
    asked: Asked, *, incident: Incident, key: str, what: str, metadata: Mapping[str, Any]
) -> Iterator[Message]:
    """The same for a question that only people can answer; `key` is what the keys begin with."""
    if incident.permalink:
        view = history.direct_question(what=what, about=_about(incident), permalink=incident.permalink)
        yield from _to_each(asked, key, view, metadata)


def _to_each(
    asked: Asked, key: str, view: Drawn, metadata: Mapping[str, Any], *, without: Collection[str] = ()
) -> Iterator[Message]:
    for person in filter(text.is_member, asked.direct_message):
        if person in without:
            continue
        yield Message(
            key=f"{key}:{person}",
            place=f"user:{person}",
            text=view.text,
            blocks=view.blocks,
            metadata=metadata_of(f"{key}:{person}", **metadata),
        )


def _about(incident: Incident) -> str:
    """`checkout in prod: p99 latency > 2 s`, as markup."""
    facts = incident.facts
    place = " in ".join(
        text.value(part, 60) for part in (facts.service or facts.service_text, facts.environment) if part
    )
    return ": ".join(filter(None, [place, text.value(facts.title, 200)]))
