"""What somebody who asks in words is advised: the next safe step for a service and a symptom, concrete, not proposed.

Nothing is written and nothing is opened: an answer to a question is no suggestion, holds nothing and expires never. The
same matching and the same first step are used as for a page, so that people can ask beforehand what a page would bring.
Reading the state of a target to make the step concrete is all that is done in the world.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from bot.catalog.schema import Catalog, Service
from bot.engine.clock import Clock
from bot.engine.ledger import Ledger
from bot.engine.suggesting import Suggester
from bot.errors import NotPermitted
from bot.intake.incident import Facts, Incident, NothingSuggested, Place, RunbookSuggested
from bot.intake.incident import fold as fold_incident
from bot.intake.signal import started_by_hand
from bot.intake.triage import decide as triage
from bot.runs.events import IncidentId
from bot.runs.policy import Caller

WORDS_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The answer to a question in words."""

    words: str
    """What was asked, as it was written."""
    service: str
    """"" where nobody named one and the place tells of none, or of several."""
    found: RunbookSuggested | NothingSuggested
    going_on: str = ""
    """The runbook of the open suggestion or run in this thread, which comes before any other."""


@dataclass(frozen=True, kw_only=True)
class Advising:
    """Answers questions; reads, never writes."""

    ledger: Ledger
    suggester: Suggester
    catalog: Callable[[], Catalog]
    clock: Clock

    async def advise(
        self, words: str, caller: Caller, *, here: Sequence[Service], incident: Incident | None
    ) -> Advice:
        """The next safe step for these words. `here` are the services of the place where it is asked, `incident` the
        one of its thread; refused for whoever may never decide."""
        if caller.barred:
            raise NotPermitted(f"you may not ask for a next step: {caller.barred}")
        named, symptom = _service_in(self.catalog(), words)
        words, symptom = " ".join(words.split())[:WORDS_LIMIT], symptom[:WORDS_LIMIT]
        only = here[0] if len(here) == 1 else None
        if incident is not None and named is None:
            facts = incident.facts if not symptom else replace(incident.facts, title=words, symptom=symptom)
            draft = replace(incident, facts=facts)
        else:
            draft = self._draft(words, symptom, named or only, caller)
        return Advice(
            words=words if symptom else "",
            service=draft.facts.service,
            found=await self.suggester.best(draft),
            going_on=await self._going_on(incident) if incident is not None else "",
        )

    def _draft(self, words: str, symptom: str, service: Service | None, caller: Caller) -> Incident:
        """The incident that would be opened for these words, if one was."""
        now = self.clock.now()
        signal = started_by_hand(
            uuid4().hex,
            title=words or "a question",
            service_name=service.name if service is not None else "",
            actor=caller.actor,
            now=now,
            place=Place(channel=service.channel if service is not None else ""),
            facts=Facts(title=words, symptom=symptom),
        )
        events = triage(
            signal, existing=None, catalog=self.catalog(), now=now, new_id=IncidentId(uuid4().hex)
        )
        return fold_incident(events)

    async def _going_on(self, incident: Incident) -> str:
        for run in reversed(await self.ledger.runs_of(incident)):
            if not run.is_finished:
                return run.runbook.name
        suggestion = incident.open_suggestion
        return str(suggestion.made.runbook["name"]) if suggestion is not None else ""


def _service_in(catalog: Catalog, words: str) -> tuple[Service | None, str]:
    """The first service that is named in the words, by name or alias, and the words without it."""
    by_name = {service.name.lower(): service for service in catalog.services.values()}
    by_name |= {alias.lower(): one for one in catalog.services.values() for alias in one.aliases}
    for found in re.finditer(r"\S+", words):
        known = by_name.get(found[0].strip(".,:;!?\"'`()").lower())
        if known is not None:
            rest = f"{words[: found.start()]} {words[found.end() :]}"
            return known, " ".join(rest.split())
    return None, " ".join(words.split())
