"""Asking for a diagnosis of an incident's service, saying whether it was right, and proposing what it recommends.

Looking only reads, but what it quotes stands in the thread for everybody there. So whoever asks in person is one of
those who may start something for the service, and a service whose catalog entry says `diagnose: off` is not looked
into. The same people say whether a diagnosis was right: what the bot is trusted with later rests on their word.

Nothing is read here. `looking` reads what was asked for; a step that fits is proposed like one from the menu, by the
same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from bot.catalog.schema import Catalog, Service
from bot.diagnosis.findings.classes import CLASSES, called
from bot.engine.clock import Clock
from bot.engine.ledger import Change, Ledger
from bot.engine.looking import place_of
from bot.engine.proposing import memberships_of
from bot.engine.starting import Starting, again
from bot.engine.suggesting import starters_of
from bot.errors import AlreadyDecided, BadInput, NotFound, NotPermitted
from bot.intake.diagnosed import (
    OTHER,
    Cause,
    DiagnosisAsked,
    DiagnosisId,
    DiagnosisJudged,
    DiagnosisMade,
    IncidentDiagnosis,
    Verdict,
)
from bot.intake.incident import Facts, Incident, Place, fold
from bot.intake.signal import started_by_hand
from bot.intake.triage import decide as triage
from bot.runs.events import IncidentId, Permission
from bot.runs.policy import OPERATOR, Caller, permit

WORDS_LIMIT = 1000
"""What is kept of what it really was."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where the answer to a question will stand."""

    incident: Incident
    diagnosis_id: DiagnosisId
    subject: str
    """`deployment shop/checkout`."""


@dataclass(frozen=True, kw_only=True)
class Diagnosing:
    """What people and programs may ask for about diagnoses. Holds no state."""

    ledger: Ledger
    starting: Starting
    catalog: Callable[[], Catalog]
    clock: Clock
    redact: Callable[[str], str]

    async def ask(self, incident_id: IncidentId, caller: Caller, *, cause: Cause = "click") -> Asked:
        """Have the service of an incident looked into. Refused for whoever may not, and while a look is under way."""

        async def once() -> Asked:
            incident = await self.ledger.incident(incident_id)
            service = self._service_of(incident)
            await self._permit(service, incident.facts.environment, caller, to="have this looked into")
            return await self._ask(incident, service, caller, cause=cause)

        return await again(once)

    async def ask_about(
        self, service: str, caller: Caller, *, channel: str = "", cause: Cause = "command"
    ) -> Asked:
        """Have a service looked into: in the thread of its newest open incident, or in one opened for it.

        `channel` is where a new thread goes when the service has no channel of its own.
        """
        known = self.catalog().service_named(service)
        if known is None:
            names = ", ".join(sorted(self.catalog().services)[:12]) or "none"
            raise BadInput(f"there is no service {service[:60]!r} in the catalog", hint=f"known: {names}")
        await self._permit(known, "", caller, to=f"have {known.name} looked into")

        async def once() -> Asked:
            rows = await self.ledger.journal.incidents(open_only=True)
            mine = [row for row in rows if row.service == known.name]
            if mine:
                newest = max(mine, key=lambda row: row.opened_at)
                incident = await self.ledger.incident(newest.incident_id)
                return await self._ask(incident, known, caller, cause=cause)
            return await self._open(known, caller, channel=channel, cause=cause)

        return await again(once)

    async def judge(
        self,
        incident_id: IncidentId,
        diagnosis_id: DiagnosisId,
        caller: Caller,
        *,
        verdict: Verdict,
        really: str = "",
        words: str = "",
    ) -> None:
        """Say whether a diagnosis was right and, where it was wrong, what it really was. Counts once."""
        words = self.redact(" ".join(words.split()))[:WORDS_LIMIT]
        if verdict == "wrong" and really not in CLASSES and not (really == OTHER and words):
            raise BadInput("it is not said what it really was", hint="choose it, or say it in words")

        async def once() -> None:
            incident = await self.ledger.incident(incident_id)
            found, made = _made(incident, diagnosis_id)
            service = self.catalog().services.get(incident.facts.service)
            permission = await self._permit(
                service, incident.facts.environment, caller, to="judge a diagnosis"
            )
            if found.judged is not None:
                raise AlreadyDecided(
                    f"{found.judged.by.called} said already that it was {found.judged.verdict}"
                )
            if not made.finding:
                raise BadInput("this diagnosis says nothing that could be right or wrong")
            if verdict == "wrong" and really == made.finding:
                raise BadInput(
                    f"that is what it says: {called(really)}", hint="click Right, or choose another"
                )
            event = DiagnosisJudged(
                at=self.clock.now(),
                diagnosis_id=diagnosis_id,
                by=caller.actor,
                verdict=verdict,
                really=really if verdict == "wrong" else "",
                words=words,
                permission=permission,
            )
            await self.ledger.append(Change(incident=incident, incident_events=(event,)))

        await again(once)

    async def finding(self, incident_id: IncidentId, diagnosis_id: DiagnosisId) -> DiagnosisMade:
        """What a diagnosis says, as long as nobody has judged it."""
        found, made = _made(await self.ledger.incident(incident_id), diagnosis_id)
        if found.judged is not None:
            raise AlreadyDecided(f"{found.judged.by.called} said already that it was {found.judged.verdict}")
        return made

    async def propose(
        self, incident_id: IncidentId, diagnosis_id: DiagnosisId, runbook: str, caller: Caller
    ) -> None:
        """Propose a runbook that a diagnosis recommends, once; by the rules of any choice from the menu."""

        async def once() -> None:
            incident = await self.ledger.incident(incident_id)
            found, made = _made(incident, diagnosis_id)
            fits = next((one for one in made.steps if one.runbook == runbook), None)
            opined = found.opinion.steps if found.opinion is not None else ()
            step = fits or next((one for one in opined if one.runbook == runbook), None)
            if step is None:
                raise BadInput(f"this diagnosis does not recommend {runbook[:60]!r}")
            if incident.was_proposed(runbook, since=made):
                raise AlreadyDecided(f"{runbook} is proposed already", hint="look further down in the thread")
            if fits:
                why = (f"fits the diagnosis: {called(made.finding)}", *step.why)
            else:
                why = ("a model would go on with it", *(f"it says: {words}" for words in step.why))
            await self.starting.choose_on(incident, runbook, caller, why=why)

        await again(once)

    # ------------------------------------------------------------ inside

    async def _ask(self, incident: Incident, service: Service, caller: Caller, *, cause: Cause) -> Asked:
        subject = self._subject_of(service, incident.facts)
        if any(one.is_open for one in incident.diagnoses):
            raise AlreadyDecided(f"{service.name} is being looked into", hint="the report comes in a moment")
        event = self._asked(caller, cause=cause)
        written, _ = await self.ledger.append(Change(incident=incident, incident_events=(event,)))
        assert written is not None
        return Asked(incident=written, diagnosis_id=event.diagnosis_id, subject=subject)

    async def _open(self, service: Service, caller: Caller, *, channel: str, cause: Cause) -> Asked:
        subject = self._subject_of(service, Facts(title="", service=service.name))
        now = self.clock.now()
        signal = started_by_hand(
            uuid4().hex,
            title=f"What is wrong with {service.name}?",
            service_name=service.name,
            actor=caller.actor,
            now=now,
            place=Place(channel=service.channel or channel),
        )
        opened = triage(
            signal, existing=None, catalog=self.catalog(), now=now, new_id=IncidentId(uuid4().hex)
        )
        if not fold(opened).place.channel:
            raise BadInput(
                "there is no channel where people would see it",
                hint=f"give {service.name} one, or set `default_channel` in catalog.yaml",
            )
        event = self._asked(caller, cause=cause)
        written, _ = await self.ledger.append(Change(incident_events=(*opened, event)))
        assert written is not None
        return Asked(incident=written, diagnosis_id=event.diagnosis_id, subject=subject)

    def _asked(self, caller: Caller, *, cause: Cause) -> DiagnosisAsked:
        return DiagnosisAsked(
            at=self.clock.now(), diagnosis_id=DiagnosisId(uuid4().hex), cause=cause, by=caller.actor
        )

    def _service_of(self, incident: Incident) -> Service:
        service = self.catalog().services.get(incident.facts.service)
        if service is None:
            raise BadInput(
                "the service of this incident is not in the catalog, so nobody knows where to look"
            )
        return service

    def _subject_of(self, service: Service, facts: Facts) -> str:
        if service.diagnose == "off":
            raise NotPermitted(f"{service.name} is not looked into: catalog.yaml says `diagnose: off` for it")
        return place_of(facts, self.catalog()).subject.words

    async def _permit(
        self, service: Service | None, environment: str, caller: Caller, *, to: str
    ) -> Permission:
        entries = starters_of(self.catalog(), service.name if service else "", environment)
        if OPERATOR in caller.grants:
            entries = (*entries, OPERATOR)
        memberships = await memberships_of(entries, self.starting.directory)
        return permit(
            entries,
            caller,
            memberships,
            now=self.clock.now(),
            to=to,
            named="those who may start something here",
        )


def _made(incident: Incident, diagnosis_id: DiagnosisId) -> tuple[IncidentDiagnosis, DiagnosisMade]:
    found = incident.diagnosis(diagnosis_id)
    if found is None or found.made is None:
        raise NotFound("this button belongs to no diagnosis that is there", hint="look at the newest message")
    return found, found.made
