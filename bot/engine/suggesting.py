"""What is suggested on an incident: the best runbook whose first step can be made concrete, or why there is none.

Nothing runs from a match alone: the first step of a suggestion asks for a click even where a tag lets it run
unattended, and then those who may start runs may give it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from uuid import uuid4

from bot.catalog.params import parse_params
from bot.catalog.schema import Catalog, Runbook
from bot.engine.clock import Clock
from bot.engine.making import Maker, NotMade
from bot.engine.opening import opened
from bot.engine.ports import Directory
from bot.engine.proposing import proposed
from bot.errors import BadInput
from bot.intake.incident import Candidate, Incident, NothingSuggested, RunbookSuggested
from bot.intake.matching import matches, next_steps
from bot.runs.events import Actor, ProposalId, RunId, StepKey
from bot.runs.fold import fold
from bot.runs.policy import expand, in_all, owners

FIRST = StepKey()


@dataclass(frozen=True, kw_only=True)
class Suggester:
    """Makes suggestions; reads, never writes."""

    maker: Maker
    directory: Directory
    catalog: Callable[[], Catalog]
    clock: Clock

    async def best(self, incident: Incident) -> RunbookSuggested | NothingSuggested:
        """The best candidate that can be proposed now, or why there is none."""
        found = next_steps(self.catalog(), facts=incident.facts, source=incident.opened.origin.source)
        candidates = [one for one in found if one.evaluable]
        unsure = [one for one in found if not one.evaluable]
        problems: list[str] = []
        for place, candidate in enumerate(candidates):
            others = (*candidates[:place], *candidates[place + 1 :], *unsure)
            try:
                return await self.one(
                    incident,
                    candidate.runbook,
                    why=candidate.why,
                    others=others,
                    requester=None,
                    reason="; ".join(problems),
                )
            except (NotMade, BadInput) as problem:
                problems.append(f"{candidate.runbook} fits, but cannot be proposed: {problem.message}")
        reason = "; ".join(problems) or self._no_match(incident, unsure)
        return NothingSuggested(at=self.clock.now(), reason=reason, others=(*candidates, *unsure))

    def _no_match(self, incident: Incident, unsure: Sequence[Candidate]) -> str:
        facts = incident.facts
        if facts.runbook:
            return self._not_named(incident)
        if not facts.service:
            return f"{facts.service_text or 'the service'} is not in the catalog, so no runbook can be matched with it"
        if unsure:
            return "no runbook matches for certain"
        return "no runbook matches this service and symptom"

    def _not_named(self, incident: Incident) -> str:
        facts, catalog = incident.facts, self.catalog()
        found = matches(catalog, facts=facts, source=incident.opened.origin.source)
        why = next((one.reason for one in found.excluded if one.runbook == facts.runbook), "")
        return f"runbook {facts.runbook} " + (
            f"does not fit: {why}" if why else "is no longer in the catalog"
        )

    async def one(
        self,
        incident: Incident,
        name: str,
        *,
        why: Sequence[str],
        others: Sequence[Candidate],
        requester: Actor | None,
        reason: str = "",
    ) -> RunbookSuggested:
        """This runbook, this first step; raises `NotMade` or `BadInput` when it cannot be proposed."""
        catalog = self.catalog()
        runbook = runbook_named(catalog, name)
        params = parse_params(runbook.params, {})
        now = self.clock.now()
        draft = fold(
            [
                opened(
                    incident,
                    runbook,
                    run_id=RunId(uuid4().hex),
                    params=params,
                    catalog=catalog,
                    now=now,
                    requester=requester,
                )
            ]
        )
        made = await self.maker.make(draft, FIRST)
        approvers = (
            ()
            if made.policy.approvers
            else starters_for(catalog, runbook, incident.facts.service, made.environment)
        )
        if not made.policy.approvers and not approvers:
            raise NotMade(
                "nobody is named who may start it",
                hint="add `starters` or `approvers` to the service or its environment",
            )
        proposal = await proposed(
            made,
            key=FIRST,
            step=runbook.steps[0],
            proposal_id=ProposalId(uuid4().hex),
            reason=reason,
            unattended=False,
            directory=self.directory,
            now=now,
            approvers=approvers,
        )
        return RunbookSuggested(
            at=now,
            suggestion_id=proposal.proposal_id,
            runbook=draft.opened.runbook,
            params=params,
            plan=proposal.plan,
            digest=proposal.digest,
            asked=proposal.asked,
            expires_at=proposal.expires_at,
            remind_at=proposal.remind_at,
            why=tuple(why),
            others=tuple(others),
            requester=requester,
            reason=reason,
            catalog_digest=catalog.digest,
            catalog_commit=catalog.commit,
            environment=made.environment,
            run_id=draft.id,
        )


def runbook_named(catalog: Catalog, name: str) -> Runbook:
    """The runbook of that name; `BadInput` names the nearest ones."""
    found = catalog.runbooks.get(name)
    if found is None:
        near = nearest(name, list(catalog.runbooks))
        hint = f"did you mean {near!r}?" if near else "`/runbook list` shows them all"
        raise BadInput(f"there is no runbook {name[:60]!r}", hint=hint)
    return found


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word most like this one, or ""."""
    matches = get_close_matches(word, known, n=1, cutoff=0.5)
    return matches[0] if matches else ""


def starters_for(catalog: Catalog, runbook: Runbook, service: str, environment: str) -> tuple[str, ...]:
    """Who may start this runbook for a service; for one that is not among its own, those entitled for all its own."""
    today = catalog.runbooks.get(runbook.name, runbook)
    names = [str(one.name) for one in owners(catalog, today, catalog.services.get(service))] or [service]
    return in_all([starters_of(catalog, name, environment) for name in names])


def starters_of(catalog: Catalog, service: str, environment: str) -> tuple[str, ...]:
    """Who may start runs for a service, groups expanded: its starters, else its approvers, else the environment's."""
    known = catalog.services.get(service)
    place = catalog.environments.get(environment or (known.environment or "" if known else ""))
    for entries in (
        known.starters if known else (),
        known.approvers if known else (),
        place.approvers if place else (),
    ):
        if entries:
            return expand(catalog, entries, services=[known] if known else ())[0]
    return ()
