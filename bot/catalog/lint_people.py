"""Approvers: is everybody named somebody, and does each step that asks have someone who may answer."""

from __future__ import annotations

from collections.abc import Sequence

from bot.catalog.lint_inventory import approvers, is_countable
from bot.catalog.parts import Action, Book, Part
from bot.catalog.places import environments_of
from bot.catalog.schema import Catalog, Runbook, Service, Step
from bot.catalog.source import Location


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note approvers that name nobody, and steps nobody could ever approve."""
    document = owner.document
    approvers(catalog, document, owner.head.safety.approvers, ("safety", "approvers"))
    if isinstance(owner, Action):
        approvers(catalog, document, owner.head.approvers, ("approvers",))
        _enough(
            owner.parts[0], catalog, owner.step.action_rules.approvers, owner.step.action_rules.min_approvals
        )
        return
    for part in owner.parts:
        own = document.data
        for key in part.location:
            own = own[key]
        if not isinstance(own, dict) or not part.is_sound:
            continue
        if "approvers" in own:
            approvers(catalog, document, part.step.rules.approvers, part.at("approvers"))
        elif part.step.rules.approvers:
            approvers(catalog, document, part.step.rules.approvers, part.at("safety", "approvers"))
        if owner.runbook is not None and not part.is_rollback:
            _answered(part, owner.runbook, catalog)


def asks(step: Step) -> bool:
    """Whether a step wants a decision wherever no environment insists on one."""
    if step.type == "diagnose":
        return False
    said = (step.rules.requires_approval, step.action_rules.requires_approval)
    return True in said or False not in said


def _answered(part: Part, runbook: Runbook, catalog: Catalog) -> None:
    step = part.step
    if not asks(step):
        return
    levels = (step.rules, step.action_rules, runbook.rules)
    least = max(rules.min_approvals or 1 for rules in levels)
    for level in levels:
        if level.approvers:
            if level is not step.action_rules or least != level.min_approvals:
                _enough(part, catalog, level.approvers, least)
            return
    lonely = _lonely(step, runbook, catalog)
    if lonely:
        part.document.report(
            "RB040",
            f"{step.name!r} asks for approval, and nobody may give it{lonely}",
            part.location,
            hint="name approvers: at the step, action, runbook, service or environment, "
            "or tag it require_approval: false",
        )
        return
    few = _too_few(step, runbook, catalog, least)
    if few is not None:
        _report_too_few(part, least, few)


def _too_few(step: Step, runbook: Runbook, catalog: Catalog, least: int) -> int | None:
    """How many may approve at most, where services and environments name too few everywhere; None where some do not."""
    counts: list[int] = []
    for service in _services(runbook, catalog):
        entries = service.approvers if service is not None else ()
        places = _places(step, service, catalog)
        known = catalog.environments
        for place in known if places is None else places:
            count = _people(catalog, entries or known[place].approvers) if place in known else None
            if count is None or count >= least:
                return None
            counts.append(count)
    return max(counts, default=None)


def _services(runbook: Runbook, catalog: Catalog) -> Sequence[Service | None]:
    """The services whose people may be asked: those named, else any there is and none."""
    named = [found for name in runbook.trigger.services if (found := catalog.service_named(name)) is not None]
    return named or [None, *catalog.services.values()]


def _places(step: Step, service: Service | None, catalog: Catalog) -> set[str] | None:
    """The environments the step would be in for this service; None where only a run knows."""
    places = environments_of(step, catalog)
    if places is None or not places:
        host = catalog.hosts.get(service.host) if service is not None else None
        own = service.environment if service is not None else None
        return {host.environment} if host is not None and step.type == "shell" else {own} if own else None
    return places


def _lonely(step: Step, runbook: Runbook, catalog: Catalog) -> str:
    """For whom nobody is named, as the end of a sentence; "" when everybody has someone.

    For services and environments that are known beforehand each must have someone; where they are not, one
    place that has someone is enough for the step to be of use.
    """
    services = _services(runbook, catalog)
    named = None not in services
    lonely = [service for service in services if not _has_someone(step, service, catalog)]
    if named and lonely:
        return f" for {', '.join(service.name for service in lonely if service)}"
    return " anywhere" if not named and len(lonely) == len(services) else ""


def _has_someone(step: Step, service: Service | None, catalog: Catalog) -> bool:
    if service is not None and service.approvers:
        return True
    places = _places(step, service, catalog)
    known = catalog.environments
    if places is None:
        return any(environment.approvers for environment in known.values())
    return all(known[name].approvers for name in places if name in known)


def _enough(part: Part, catalog: Catalog, entries: Sequence[str], least: int | None) -> None:
    """More approvals than people can never come together."""
    count = _people(catalog, entries)
    if least and entries and count is not None and least > count:
        _report_too_few(part, least, count)


def _report_too_few(part: Part, asked: int, may: int) -> None:
    part.document.report(
        "RB041",
        f"{asked} approvals are asked for, but only {may} may approve",
        _place_of_count(part),
        hint=f"name {asked - may} more who may approve, or ask for {may or 1}",
    )


def _people(catalog: Catalog, entries: Sequence[str]) -> int | None:
    """How many people these are; None with a user group or on-call among them, which nobody can count beforehand."""
    people: set[str] = set()
    for entry in entries:
        group = catalog.groups.get(entry.removeprefix("@"))
        for member in group.members if group else (entry,):
            if not is_countable(member):
                return None
            people.add(member.lower())
    return len(people)


def _place_of_count(part: Part) -> Location:
    for path in (("min_approvals",), ("safety", "min_approvals")):
        if part.at(*path) in part.document.values:
            return part.at(*path)
    if ("safety", "min_approvals") in part.document.values:
        return ("safety", "min_approvals")
    return part.location
