"""Whoever is asked next, or may break glass: is it somebody, somebody else, and can on-call be found out."""

from __future__ import annotations

from collections.abc import Sequence

from bot.catalog.lint_inventory import ON_CALL, approvers
from bot.catalog.parts import Action, Book, Part
from bot.catalog.schema import Catalog, Service
from bot.catalog.source import Document, Location


def lint_inventory(catalog: Catalog, document: Document) -> None:
    """Note in `catalog.yaml` escalations that ask nobody new, and on-call of services without a PagerDuty id."""
    for known in catalog.environments.values():
        place: Location = ("environments", known.name)
        approvers(catalog, document, known.override, (*place, "override"))
        _asks_somebody_new(catalog, document, known.escalate_to, known.approvers, (*place, "escalate_to"))
    for service in catalog.services.values():
        place = ("services", service.name)
        approvers(catalog, document, service.override, (*place, "override"))
        _asks_somebody_new(catalog, document, service.escalate_to, service.approvers, (*place, "escalate_to"))
        for key in ("approvers", "escalate_to", "override", "starters"):
            _can_be_found(catalog, document, getattr(service, key), (*place, key), [service])


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """The same for what actions, runbooks and steps say."""
    document, head = owner.document, owner.head
    safety = head.safety
    _asks_somebody_new(catalog, document, safety.escalate_to, safety.approvers, ("safety", "escalate_to"))
    services = _services(owner, catalog)
    for key in ("approvers", "escalate_to"):
        _can_be_found(catalog, document, getattr(safety, key), ("safety", key), services)
    for part in owner.parts:
        if part.is_sound:
            _part(part, catalog, services)


def _part(part: Part, catalog: Catalog, services: Sequence[Service]) -> None:
    """What stands at a step itself, or in its own `safety:`."""
    written = part.document.data
    for key in part.location:
        written = written[key]
    if not isinstance(written, dict):
        return
    rules, own = part.step.rules, ("approvers", "escalate_to")
    if isinstance(part.owner, Action) and not part.location:
        rules = part.step.action_rules
    inside = written.get("safety") if part.location else None
    for key in own:
        place = _place(part, written, inside, key)
        if place is None:
            continue
        if key == "escalate_to":
            _asks_somebody_new(catalog, part.document, rules.escalate_to, rules.approvers, place)
        _can_be_found(catalog, part.document, getattr(rules, key), place, services)


def _place(part: Part, written: dict[str, object], inside: object, key: str) -> Location | None:
    if key in written:
        return part.at(key)
    return part.at("safety", key) if isinstance(inside, dict) and key in inside else None


def _services(owner: Action | Book, catalog: Catalog) -> list[Service]:
    """The services it is for, where it says so."""
    if isinstance(owner, Action) or owner.runbook is None:
        return []
    named = owner.runbook.trigger.services
    return [service for name in named if (service := catalog.service_named(name)) is not None]


def _asks_somebody_new(
    catalog: Catalog, document: Document, entries: Sequence[str], before: Sequence[str], place: Location
) -> None:
    """Each entry in turn must bring in somebody whom neither the approvers nor an earlier entry is."""
    approvers(catalog, document, entries, place)
    known = {one for entry in before for one in _members(catalog, entry)}
    for index, entry in enumerate(entries):
        members = _members(catalog, entry)
        if not members:
            document.report(
                "RB066",
                f"{entry!r} is nobody, so escalating to it only lets the time pass",
                (*place, index),
                hint="put people into the group, or leave it out",
            )
        elif members <= known:
            document.report(
                "RB066",
                f"escalating to {entry!r} asks nobody who was not asked before",
                (*place, index),
                hint=f"name others, or {ON_CALL}",
            )
        known |= members


def _members(catalog: Catalog, entry: str) -> set[str]:
    group = catalog.groups.get(entry.removeprefix("@"))
    return {member.lower() for member in (group.members if group else (entry,))}


def _can_be_found(
    catalog: Catalog,
    document: Document,
    entries: Sequence[str],
    place: Location,
    services: Sequence[Service],
) -> None:
    """On call is asked of PagerDuty for the service's ids there; a service without one has nobody on call."""
    without = [service.name for service in services if not service.pagerduty_ids]
    if not without:
        return
    for index, entry in enumerate(entries):
        if ON_CALL in _members(catalog, entry):
            document.report(
                "RB067",
                f"nobody can tell who is on call for {', '.join(without)}: no PagerDuty id is given",
                (*place, index),
                hint="give the service its pagerduty_id in catalog.yaml",
            )
