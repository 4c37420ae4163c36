"""What a signal does to an incident: opens one, links a second source to it, changes it, or nothing. Pure.

Deliveries repeat, overtake each other and come from two sides, so three rules decide what counts:

1. *The source beats a text about it.* A message's words open an incident and fill what is not known yet; of what
   the source said they move only the status.
2. *Late news is no news.* What the source said before its newest statement (`Facts.as_of`) changes nothing it has
   said since; it may still tell what is not known (the symptom, which only alerts carry). A status is as old as
   whoever announced it (`Facts.status_at`), so a slow webhook does not undo a quick message, nor the other way.
3. *Twice is once.* A kind that speaks of status is news only if the status moves; notes, escalations and the like are
   news unless the incident already holds the same words by the same person at the same moment.

Whichever of webhook and forwarded message comes first opens the incident; the other links. The thread is under the
forwarded message where that is known before a root of our own stands (see `OriginLinked.place`).

A PagerDuty incident that comes back keeps its id: it is reopened. An alert group that fires again after it was
resolved is a new incident with the same key. An incident that is first heard of when it is over is not opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from bot.catalog.schema import Catalog, EnvironmentName, Service
from bot.intake.incident import (
    ChangeKind,
    Facts,
    Incident,
    IncidentChanged,
    IncidentOpened,
    LastTime,
    OriginLinked,
    Place,
    Whereabouts,
)
from bot.intake.signal import STATUS_AFTER, Kind, Signal
from bot.runs.events import IncidentId

TriageEvent = IncidentOpened | OriginLinked | IncidentChanged

_Value = TypeVar("_Value")

_SPEAKS_OF_STATUS = frozenset({"triggered", "acknowledged", "unacknowledged", "resolved", "reopened"})
_ONLY_WORDS = frozenset({"annotated", "status_update"})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def decide(
    signal: Signal,
    *,
    existing: Incident | None,
    catalog: Catalog,
    now: datetime,
    new_id: IncidentId,
    last_times: tuple[LastTime, ...] = (),
) -> tuple[TriageEvent, ...]:
    """The events this signal adds: to a new stream when the first is `IncidentOpened`, else to `existing`'s.

    `existing` is the newest incident that any of `signal.keys` finds. Never raises; an empty answer means nothing new.
    """
    facts = placed_facts(signal, catalog)
    if existing is None or _starts_over(signal, existing):
        return _open(signal, facts, catalog, now=now, new_id=new_id, last_times=last_times)
    changed = _change(signal, facts, existing, now=now)
    return (*_links(signal, existing.origin_keys, now=now), *((changed,) if changed else ()))


def service_of(signal: Signal, catalog: Catalog) -> Service | None:
    """The one service of the catalog that the signal's names mean exactly; None where none does, or several do."""
    found = {
        service.name: service for name in signal.service_names if (service := catalog.service_named(name))
    }
    return next(iter(found.values())) if len(found) == 1 else None


def placed_facts(signal: Signal, catalog: Catalog) -> Facts:
    """The signal's facts with service and environment as the catalog knows them; what it does not know stays "".

    An environment that the signal itself claims wins over the service's, and so does one that exactly one of its
    words names: a runbook for the other one is then left out instead of suggested for the wrong place.
    """
    service = service_of(signal, catalog)
    claimed = signal.facts.environment or _environment_of(signal.facts.whereabouts, catalog)
    named = {claimed} if claimed else {one for one in signal.environment_names if _is_known(one, catalog)}
    environment = next(iter(named)) if len(named) == 1 else ""
    if not named and service is not None:
        environment = service.environment or ""
    return replace(
        signal.facts,
        service=service.name if service else "",
        service_text=signal.facts.service_text or (service.name if service else ""),
        environment=environment if _is_known(environment, catalog) else "",
    )


def _environment_of(where: Whereabouts | None, catalog: Catalog) -> str:
    """The environment of the namespace that the source names, "" where the catalog does not list it."""
    if where is None:
        return ""
    only = next(iter(catalog.clusters)) if len(catalog.clusters) == 1 else ""
    cluster = catalog.clusters.get(where.cluster or only)
    return cluster.namespaces.get(where.namespace, "") if cluster is not None else ""


def _is_known(environment: str, catalog: Catalog) -> bool:
    return EnvironmentName(environment) in catalog.environments


def place_of(signal: Signal, catalog: Catalog) -> Place:
    """Where the thread goes: under the signal's own message, else its service's channel, else the default one."""
    if signal.place is not None and signal.place.thread_ts:
        return signal.place
    service = service_of(signal, catalog)
    given = signal.place.channel if signal.place else ""
    return Place(channel=given or (service.channel if service else "") or catalog.default_channel)


def _starts_over(signal: Signal, existing: Incident) -> bool:
    ended_at = existing.facts.status_at or _LONG_AGO
    return (
        signal.recurs
        and existing.is_resolved
        and signal.kind == "triggered"
        and signal.occurred_at > ended_at
        and not _same_message(signal, existing)
    )


def _same_message(signal: Signal, existing: Incident) -> bool:
    """Whether the message it stands in is one the incident knows already (it was seen twice)."""
    held = existing.origin_keys
    return all(key in held for key in signal.keys)


def _open(
    signal: Signal,
    facts: Facts,
    catalog: Catalog,
    *,
    now: datetime,
    new_id: IncidentId,
    last_times: tuple[LastTime, ...],
) -> tuple[TriageEvent, ...]:
    is_talk = signal.account == "reference" or signal.kind in _ONLY_WORDS
    if is_talk or facts.status == "resolved" or not signal.origins:
        return ()
    if signal.kind in _SPEAKS_OF_STATUS and signal.kind != "triggered":
        facts = replace(facts, status_at=signal.occurred_at)
    if signal.account == "source":
        facts = replace(facts, as_of=signal.occurred_at)
    opened = IncidentOpened(
        at=now,
        occurred_at=signal.occurred_at,
        incident_id=new_id,
        origin=signal.origins[0],
        facts=facts,
        place=place_of(signal, catalog),
        last_times=last_times,
        by=signal.actor,
    )
    return (opened, *_links(signal, frozenset({signal.origins[0].key}), now=now))


def _links(signal: Signal, held: Iterable[str], *, now: datetime) -> tuple[OriginLinked, ...]:
    known = set(held)
    return tuple(
        OriginLinked(at=now, origin=origin, place=signal.place if origin.source == "slack" else None)
        for origin in signal.origins
        if origin.key not in known
    )


def _change(signal: Signal, facts: Facts, existing: Incident, *, now: datetime) -> IncidentChanged | None:
    merged = _merge(signal, facts, existing.facts)
    kind = _news(signal, merged, existing)
    if kind is None:
        return None
    return IncidentChanged(
        at=now,
        kind=kind,
        facts=merged,
        by=signal.by,
        text=signal.text,
        occurred_at=signal.occurred_at,
    )


def _news(signal: Signal, merged: Facts, existing: Incident) -> ChangeKind | None:
    """Under which name this is worth an event, None where it is not."""
    kind = _kind_of_change(signal, existing)
    if kind in _SPEAKS_OF_STATUS:
        is_news = merged.status != existing.facts.status
    elif kind == "updated" or (kind not in _ONLY_WORDS and _is_late(signal, existing.facts)):
        is_news = False
    else:
        is_news = not _was_told(kind, signal, existing)
    if is_news:
        return kind
    return None if _without_times(merged) == _without_times(existing.facts) else "updated"


def _kind_of_change(signal: Signal, existing: Incident) -> ChangeKind:
    kind: Kind = signal.kind
    if kind == "triggered":
        return "reopened" if existing.is_resolved else "updated"
    return kind


def _was_told(kind: ChangeKind, signal: Signal, existing: Incident) -> bool:
    if kind not in _ONLY_WORDS and existing.opened.occurred_at == signal.occurred_at:
        return True
    return any(
        isinstance(event, IncidentChanged)
        and event.kind == kind
        and event.occurred_at == signal.occurred_at
        and event.by == signal.by
        and event.text == signal.text
        for event in existing.events
    )


def _is_late(signal: Signal, held: Facts) -> bool:
    return signal.occurred_at < (held.as_of or _LONG_AGO)


def _merge(signal: Signal, said: Facts, held: Facts) -> Facts:
    """The whole picture after this signal, by the rules above."""
    match signal.account:
        case "reference":
            return held
        case "text":
            facts = _filled(held, said)
        case "source":
            facts = _from_source(signal, said, held)
    return _with_status(signal, said, facts, held)


def _from_source(signal: Signal, said: Facts, held: Facts) -> Facts:
    if _is_late(signal, held):
        return _with_measurements(held, said)
    taken = replace(said, status=held.status, status_at=held.status_at, as_of=signal.occurred_at)
    taken = replace(taken, title=said.title or held.title, url=said.url or held.url)
    taken = replace(taken, number=said.number or held.number)
    if not said.service_text:
        taken = replace(
            taken, service=held.service, service_text=held.service_text, environment=held.environment
        )
    return _with_measurements(taken, held)


def _with_status(signal: Signal, said: Facts, facts: Facts, held: Facts) -> Facts:
    """The status moves only by newer word; a text moves it only where it announces something."""
    if signal.account == "text" and (signal.kind not in STATUS_AFTER or signal.kind == "triggered"):
        return facts
    newest = held.status_at or _LONG_AGO
    if signal.account == "text":
        newest = max(newest, held.as_of or _LONG_AGO)
    late = signal.occurred_at < newest or (signal.account == "source" and _is_late(signal, held))
    if late or said.status == held.status:
        return facts
    return replace(facts, status=said.status, status_at=signal.occurred_at)


def _filled(held: Facts, said: Facts) -> Facts:
    """What is known, with gaps filled from words; still the source's account if it was."""
    filled = replace(
        held,
        title=held.title or said.title,
        urgency=held.urgency or said.urgency,
        priority=held.priority or said.priority,
        url=held.url or said.url,
        number=held.number or said.number,
    )
    if held.from_text:
        filled = replace(filled, assignees=said.assignees or held.assignees)
    if not held.service and not held.service_text:
        filled = replace(
            filled, service=said.service, service_text=said.service_text, environment=said.environment
        )
    return _with_measurements(filled, said)


def _with_measurements(facts: Facts, other: Facts) -> Facts:
    """What only alerts, anomalies and pipelines carry is never lost and never replaced by another account."""
    return replace(
        facts,
        symptom=facts.symptom or other.symptom,
        metric_name=facts.metric_name or other.metric_name,
        value=_either(facts.value, other.value),
        anomaly_score=_either(facts.anomaly_score, other.anomaly_score),
        whereabouts=_either(facts.whereabouts, other.whereabouts),
    )


def _either(first: _Value | None, second: _Value | None) -> _Value | None:
    return first if first is not None else second


def _without_times(facts: Facts) -> Facts:
    return replace(facts, as_of=None, status_at=None)
