"""A run that begins by itself on a diagnosis: earned trust, written down in Git, for one class and one runbook.

Nothing starts from a diagnosis alone. All of this must hold, and each is looked at again when the step is executed:

    the diagnosis   was just made, names the class for certain, and nobody has said that it was wrong
    the catalog     promotes exactly this runbook, as it is now, for this class in this environment; the environment
                    lets runs begin by themselves; the runbook is for this service and never leaves its environment
    the incident    is open, comes from a source and not from words in a channel, and has had no run yet
    the first step  would run unattended by every other rule: nothing in Git insists on a person, where it may run is
                    written down, what it changes can be taken back by a step, and its risk is not high

Where one does not, everything stays as it is: what fits is a button below the report. Only the first step runs on
trust; the next ones are decided like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from bot.catalog.params import parse_params
from bot.catalog.schema import Catalog, Runbook, RunbookName
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.making import Maker, NotMade
from bot.engine.opening import opened
from bot.errors import BadInput
from bot.intake.diagnosed import DiagnosisMade, IncidentDiagnosis
from bot.intake.incident import Incident, RunStarted, SuggestionWithdrawn
from bot.intake.matching import never_applies
from bot.intake.signal import MANUAL, SCHEDULE
from bot.intake.trust import CERTAIN
from bot.runs.events import Event, OnFinding, RunId, RunOpened, StepKey
from bot.runs.fold import fold
from bot.runs.policy import owners

FRESH = timedelta(minutes=10)
"""How long a diagnosis is news: what was wrong earlier may have been put right by now."""


@dataclass(frozen=True, kw_only=True)
class Trusting:
    """Begins runs that a promotion trusts. Holds no state."""

    ledger: Ledger
    maker: Maker
    catalog: Callable[[], Catalog]
    clock: Clock

    async def begins(self, incident: Incident) -> bool:
        """Begin the run that is trusted for what was found, where there is one; whether there was.

        Raises `VersionConflict` when somebody else was first.
        """
        now, catalog = self.clock.now(), self.catalog()
        found = newest(incident, now)
        if found is None:
            return False
        on_finding = OnFinding(diagnosis_id=found.diagnosis_id, finding=found.finding)
        for runbook in trusted(incident, found.finding, catalog):
            run_opened = await self._opened(incident, runbook, on_finding, now)
            if run_opened is not None:
                await self._begin(incident, run_opened, found)
                return True
        return False

    async def _opened(
        self, incident: Incident, runbook: Runbook, on_finding: OnFinding, now: datetime
    ) -> RunOpened | None:
        """The run, where its first step would run without a decision."""
        try:
            run_opened = opened(
                incident,
                runbook,
                run_id=RunId(uuid4().hex),
                params=parse_params(runbook.params, {}),
                catalog=self.catalog(),
                now=now,
                requester=None,
            )
            run_opened = replace(run_opened, environment=incident.facts.environment, on_finding=on_finding)
            made = await self.maker.make(fold([run_opened]), StepKey())
        except (NotMade, BadInput):
            return None
        return run_opened if made.is_unattended and made.policy.trust is not None else None

    async def _begin(self, incident: Incident, run_opened: RunOpened, found: DiagnosisMade) -> None:
        started = RunStarted(at=run_opened.at, run_id=run_opened.run_id)
        events: tuple[Event, ...] = (started,)
        if (suggestion := incident.open_suggestion) is not None:
            name = Runbook.model_validate(run_opened.runbook).name
            withdrawn = SuggestionWithdrawn(
                at=run_opened.at,
                suggestion_id=suggestion.made.suggestion_id,
                reason="replaced",
                detail=f"{name} begins by itself: the diagnosis is certain that it is {found.finding}",
            )
            events = (withdrawn, started)
        await self.ledger.append(Change(incident=incident, incident_events=events, run_events=(run_opened,)))


def newest(incident: Incident, now: datetime) -> DiagnosisMade | None:
    """The incident's newest diagnosis, where a run may begin on it at all."""
    facts = incident.facts
    is_asked_for = incident.opened.origin.source in (MANUAL, SCHEDULE)
    if incident.is_resolved or incident.run_ids or facts.from_text or is_asked_for or not facts.environment:
        return None
    made = [one for one in incident.diagnoses if one.made is not None]
    if not made or any(_is_wrong(one) for one in made):
        return None
    newest_made = made[-1]
    found = newest_made.made
    assert found is not None
    is_fresh = now - found.at < FRESH
    is_certain = newest_made.has_found_trouble and found.confidence == CERTAIN
    return found if is_fresh and is_certain else None


def _is_wrong(one: IncidentDiagnosis) -> bool:
    return one.judged is not None and one.judged.verdict == "wrong"


def trusted(incident: Incident, finding: str, catalog: Catalog) -> Sequence[Runbook]:
    """The runbooks of today that are promoted for this class where the incident is, and are for its service."""
    facts = incident.facts
    service = catalog.services.get(facts.service)
    if service is None:
        return ()
    found = []
    for one in catalog.trusts:
        runbook = catalog.runbooks.get(RunbookName(one.runbook))
        if runbook is None or (one.finding, one.digest) != (finding, runbook.digest):
            continue
        is_for_it = service in owners(catalog, runbook, service)
        if one.environment == facts.environment and is_for_it and not never_applies(catalog, runbook, facts):
            found.append(runbook)
    return tuple(found)
