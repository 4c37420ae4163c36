"""The incident's card and its one-line news: what is known, from where, and how it ended last time."""

from __future__ import annotations

from collections.abc import Mapping

from bot.intake.incident import Facts, Incident, IncidentChanged, LastTime, Origin, OriginLinked
from bot.runs.words import RUN_WORDS
from bot.slack import text
from bot.slack.blocks import context, fields, header, section
from bot.slack.views.diagnosis import look_button
from bot.slack.views.drawn import Drawn, drawn, said
from bot.slack.views.people import who

SOURCES = {
    "pagerduty": "PagerDuty",
    "slack": "the message in Slack",
    "anomaly": "anomaly detection",
    "deployment": "the delivery pipeline",
    "manual": "a person",
    "schedule": "a schedule",
    "alertmanager": "Alertmanager",
}
CHANGE_WORDS = {
    "acknowledged": "Acknowledged",
    "unacknowledged": "No longer acknowledged",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "escalated": "Escalated",
    "delegated": "Delegated",
    "reassigned": "Reassigned",
    "priority_updated": "Priority changed",
    "service_updated": "Service changed",
    "annotated": "Note",
    "status_update": "Status update",
    "merged": "Merged into another incident",
}
"""Kinds that get a line of their own; any other change shows on the card alone."""


def incident_card(incident: Incident, *, links: Mapping[str, str], asks: bool = False) -> Drawn:
    """What is known of the incident now; `links` are those of its service in the catalog, `asks` whether somebody may
    have it looked into."""
    facts = incident.facts
    blocks = [
        header(facts.title or "Incident without a title"),
        fields(_facts(facts, is_paged=any(one.source == "pagerduty" for one in incident.origins))),
    ]
    shown = _links(incident, links)
    if shown:
        blocks.append(section("*Links:* " + " · ".join(shown)))
    if facts.symptom and facts.symptom.strip() != facts.title.strip():
        blocks.append(section(f"*Symptom:* {text.value(facts.symptom, 400)}"))
    if incident.opened.last_times:
        lines = [f"• {_last_time(one)}" for one in incident.opened.last_times[:5]]
        blocks.append(
            section("*Tried before on this service, the closest symptom first:*\n" + "\n".join(lines))
        )
    if asks:
        blocks.append(look_button(incident.incident_id))
    blocks.append(context(*_small_print(incident)))
    return drawn(_sentence(facts), blocks)


def _sentence(facts: Facts) -> str:
    urgency = f"{facts.urgency} urgency incident" if facts.urgency else "incident"
    place = f" in {text.value(facts.environment, 60)}" if facts.environment else ""
    title = text.value(facts.title, 300) if facts.title else "without a title"
    return text.sentence(
        f"{text.value(urgency, 60)} on {_service(facts)}{place}: {title} (status: {facts.status})"
    )


def _service(facts: Facts) -> str:
    if facts.service:
        return text.value(facts.service, 120)
    if facts.service_text:
        return f"{text.value(facts.service_text, 120)} (not in the catalog)"
    return "a service nobody named"


def _facts(facts: Facts, *, is_paged: bool) -> list[str]:
    """`is_paged`: a source that assigns people speaks of it, so that nobody assigned is worth saying."""
    since = f", since {text.clock(facts.status_at)}" if facts.status_at else ""
    urgency = ", ".join(filter(None, (facts.urgency, facts.priority)))
    shown = [
        f"*Service*\n{_service(facts)}",
        f"*Environment*\n{text.value(facts.environment, 80) if facts.environment else 'not known'}",
        f"*Status*\n{facts.status}{since}",
    ]
    if urgency or is_paged:
        shown.append(f"*Urgency*\n{text.value(urgency or 'not said', 120)}")
    if facts.assignees or is_paged:
        assigned = text.listed([text.value(name, 80) for name in facts.assignees], most=6)
        shown.append(f"*Assigned*\n{assigned or 'nobody'}")
    if facts.metric_name or facts.value is not None:
        shown.append(f"*Metric*\n{text.code(facts.metric_name or 'value')}{_number(' = ', facts.value)}")
    if facts.anomaly_score is not None:
        shown.append(f"*Anomaly score*\n{facts.anomaly_score:.6g}")
    return shown


def _number(before: str, value: float | None) -> str:
    return "" if value is None else f"{before}{value:.6g}"


def _links(incident: Incident, links: Mapping[str, str]) -> list[str]:
    number = f" #{incident.facts.number}" if incident.facts.number is not None else ""
    found: dict[str, str] = {}
    for origin in incident.origins:
        if origin.url:
            found.setdefault(origin.url, f"{_source(origin)}{number if origin.source == 'pagerduty' else ''}")
    if incident.facts.url:
        is_alert = incident.opened.origin.source == "alertmanager"
        found.setdefault(incident.facts.url, "What fires" if is_alert else f"Incident{number}")
    for label, url in links.items():
        found.setdefault(url, label)
    return [text.link(url, label) for url, label in list(found.items())[:8] if len(url) <= 300]


def _source(origin: Origin) -> str:
    return SOURCES.get(origin.source, origin.source)


def _last_time(last: LastTime) -> str:
    name = text.link(last.permalink, last.runbook) if last.permalink else text.value(last.runbook, 120)
    decided = f", decided by {text.value(last.decided_by, 120)}" if last.decided_by else ""
    return (
        f"{text.moment(last.at)}: {name} {RUN_WORDS.get(last.status, text.value(last.status, 40))}{decided}"
    )


def _small_print(incident: Incident) -> list[str]:
    opened = incident.opened
    by = f" by {who(opened.by)}" if opened.by else f" by {text.value(_source(opened.origin), 60)}"
    shown = [f"Opened {text.moment(opened.at)}{by} · incident {text.short_id(incident.incident_id)}"]
    if incident.facts.from_text:
        shown.append("Read from the message's text, not from the source itself: check it there.")
    return shown


def change_line(event: IncidentChanged) -> Drawn | None:
    """One line of news from the source; None for a change that only the card shows."""
    words = CHANGE_WORDS.get(event.kind)
    if words is None:
        return None
    by = f" by {text.value(event.by, 120)}" if event.by else ""
    detail = _detail(event)
    return said(f"*{words}*{by}{detail}: {_words(event)}" if event.text else f"*{words}*{by}{detail}.")


def _words(event: IncidentChanged) -> str:
    return text.stopped(text.paragraph(event.text, 800))


def _detail(event: IncidentChanged) -> str:
    facts = event.facts
    match event.kind:
        case "reassigned" | "delegated" | "escalated" if facts.assignees:
            return f" to {text.listed([text.value(name, 80) for name in facts.assignees], most=6)}"
        case "priority_updated":
            return f" to {text.value(facts.priority, 60)}" if facts.priority else " (removed)"
        case "service_updated":
            return f" to {_service(facts)}"
        case _:
            return ""


def linked_line(event: OriginLinked) -> Drawn:
    """A second source speaks of the same incident."""
    name = SOURCES.get(event.origin.source, event.origin.source)
    where = text.link(event.origin.url, name) if event.origin.url else text.value(name, 80)
    return said(f"*Linked:* {where} speaks of this incident too. It goes on here.")


def pointer_line(permalink: str) -> Drawn:
    """Under another message of the same incident: where people are working on it."""
    return said(f"This incident has its thread already: {text.link(permalink, 'go on there')}.")
