"""Who may start and decide what, by the catalog of today: the same rules as at a click, asked beforehand.

Nothing is decided here. `runs.policy` says who a step asks; this looks at each place a runbook may run in, puts steps
with the same rules together, and reads the people behind the entries. A group that cannot be read is said to be so:
nobody in it could decide at this moment either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.catalog.schema import Catalog, Runbook, Service, Step
from bot.engine.clock import Clock
from bot.engine.ports import Directory
from bot.engine.proposing import memberships_of
from bot.engine.suggesting import nearest, starters_for
from bot.errors import BadInput, NotPermitted, Refused
from bot.intake.incident import Facts
from bot.intake.matching import never_applies
from bot.runs.policy import Caller, Membership, has_scopes, is_group, owners, permit, policy_of


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is asked for some steps of a runbook in one place."""

    steps: tuple[str, ...]
    asks: bool
    approvers: tuple[str, ...] = ()
    min_approvals: int = 1
    allow_self_approval: bool = False
    source: str = ""
    escalate_to: tuple[str, ...] = ()
    """Who is asked next when nobody decides, as written in the catalog."""
    override: tuple[str, ...] = ()
    """Who may break glass."""
    may_decide: bool | None = None
    """Whether whoever asks may; None where nobody was named to look for, or a group could not be read."""


@dataclass(frozen=True, kw_only=True)
class Entitled:
    """The rules of one runbook for one service in one environment."""

    runbook: str
    service: str
    environment: str
    rules: tuple[Rule, ...]
    starters: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Who may do what, and the people behind the entries that stand in it."""

    entitled: tuple[Entitled, ...]
    ids: Mapping[str, str]
    """Email to Slack id, where Slack knows one."""
    groups: Mapping[str, Membership]


@dataclass(frozen=True, kw_only=True)
class Entitlement:
    """Answers who may. Reads, never writes."""

    directory: Directory
    catalog: Callable[[], Catalog]
    clock: Clock

    async def of_services(self, services: Sequence[Service], caller: Caller) -> Answer:
        """Everything that may run for these services."""
        catalog = self.catalog()
        found = [
            one
            for service in services
            for runbook in catalog.runbooks.values()
            if service in owners(catalog, runbook, service)
            for one in entitled(catalog, runbook, service)
        ]
        return await self._answered(found, caller)

    async def of_runbook(self, runbook: Runbook, caller: Caller) -> Answer:
        """Everywhere this runbook may run."""
        catalog = self.catalog()
        services = owners(catalog, runbook, None) or (None,)
        found = [one for service in services for one in entitled(catalog, runbook, service)]
        return await self._answered(found, caller)

    def service_named(self, name: str) -> Service:
        """The service of that name or alias; `BadInput` names the nearest one."""
        catalog = self.catalog()
        found = catalog.service_named(name)
        if found is None:
            near = nearest(name, list(catalog.services))
            known = ", ".join(sorted(catalog.services)[:12]) or "none"
            hint = f"did you mean {near!r}?" if near else f"known: {known}"
            raise BadInput(f"there is no service {name[:60]!r} in the catalog", hint=hint)
        return found

    async def _answered(self, found: Sequence[Entitled], caller: Caller) -> Answer:
        entries = {entry for one in found for rule in one.rules for entry in rule.approvers}
        entries |= {entry for one in found for rule in one.rules for entry in rule.override}
        entries |= {entry for one in found for entry in one.starters}
        emails = sorted(entry for entry in entries if "@" in entry)
        ids = await asyncio.gather(*(self.directory.user_id_of(email) for email in emails))
        groups = await memberships_of(sorted(entries), self.directory)
        may: dict[tuple[str, ...], bool | None] = {}
        for one in found:
            for rule in one.rules:
                if rule.approvers not in may:
                    may[rule.approvers] = self._may(rule.approvers, caller, groups)
        return Answer(
            entitled=tuple(_seen_by(one, may) for one in found),
            ids={email: user for email, user in zip(emails, ids, strict=True) if user},
            groups=groups,
        )

    def _may(self, entries: tuple[str, ...], caller: Caller, groups: Mapping[str, Membership]) -> bool | None:
        if not entries:
            return None
        try:
            permit(entries, caller, groups, now=self.clock.now(), to="approve this")
        except NotPermitted:
            unread = [name for name in entries if is_group(name) and groups[name].error]
            return None if unread and not caller.barred else False
        return True


def _seen_by(one: Entitled, may: Mapping[tuple[str, ...], bool | None]) -> Entitled:
    rules = tuple(replace(rule, may_decide=may[rule.approvers] if rule.asks else None) for rule in one.rules)
    return replace(one, rules=rules)


def entitled(catalog: Catalog, runbook: Runbook, service: Service | None) -> tuple[Entitled, ...]:
    """The rules of a runbook for a service, in each environment where every step of it may run."""
    found = []
    for place in _places(catalog, runbook, service):
        starters = starters_for(catalog, runbook, service.name if service else "", place)
        found.append(
            Entitled(
                runbook=runbook.name,
                service=service.name if service else "",
                environment=place,
                rules=_rules(catalog, runbook, service, place, starters),
                starters=starters,
            )
        )
    return tuple(found)


def _places(catalog: Catalog, runbook: Runbook, service: Service | None) -> list[str]:
    name = service.name if service else ""
    own = [service.environment] if service and service.environment else list(catalog.environments)
    fitting = [
        place
        for place in own
        if not never_applies(catalog, runbook, Facts(title="", service=name, environment=place))
    ]
    return [str(place) for place in fitting]


def _rules(
    catalog: Catalog, runbook: Runbook, service: Service | None, place: str, starters: tuple[str, ...]
) -> tuple[Rule, ...]:
    """One rule for all steps that ask for the same; in the order of their first steps."""
    grouped: dict[Rule, list[str]] = {}
    for step in (*runbook.steps, *runbook.on_reject):
        rule = _rule(catalog, runbook, step, service, place, starters)
        grouped.setdefault(rule, []).append(step.name)
    return tuple(replace(rule, steps=tuple(names)) for rule, names in grouped.items())


def _rule(
    catalog: Catalog,
    runbook: Runbook,
    step: Step,
    service: Service | None,
    place: str,
    starters: tuple[str, ...],
) -> Rule:
    try:
        policy = policy_of(catalog, runbook, step, service=service, environment=place)
    except Refused:
        return Rule(steps=(), asks=True)
    # A step that changes something goes unattended only where somebody wrote down where it may.
    if not policy.asks and (has_scopes(runbook, step) or _only_looks(step)):
        return Rule(steps=(), asks=False)
    return Rule(
        steps=(),
        asks=True,
        approvers=policy.approvers or starters,
        min_approvals=policy.min_approvals,
        allow_self_approval=policy.allow_self_approval,
        source=policy.source or ("starters" if starters else ""),
        escalate_to=policy.escalate_to,
        override=policy.override,
    )


def _only_looks(step: Step) -> bool:
    """Whether it changes nothing, as far as the files alone can tell; what only a plan knows counts as a change."""
    return (
        step.type in ("slack", "diagnose")
        or bool(step.input.get("read_only"))
        or (step.type == "http" and str(step.input.get("method", "GET")).upper() in ("GET", "HEAD"))
    )
