"""What a step does, in one line of words for people who read the catalog: nothing rendered, nothing planned.

Placeholders stay as they were written, because nobody knows their values yet; what a proposal shows is made later, from
the state of that moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.catalog.places import changes
from bot.catalog.schema import Runbook, Step


def what_it_does(step: Step) -> str:
    """`runs redis-cli FLUSHDB on web-1`; for a type without words of its own, its input."""
    given = step.input
    match step.type:
        case "shell":
            return f"runs {_line(given.get('command'))}{_hosts(given)}"
        case "http":
            return f"sends {given.get('method') or 'GET'} {_line(given.get('url'))}"
        case "slack":
            place = f" in {given['channel']}" if given.get("channel") else " in the thread"
            return f"says {_line(given.get('message'))!r}{place}"
        case "kubernetes":
            return _kubernetes(given)
        case "python":
            return f"calls {given.get('function') or 'a function'} in Python"
        case "diagnose":
            return f"{_looks_into(given)}, changes nothing"
        case _:
            return f"{step.type} {json.dumps(given, ensure_ascii=False, sort_keys=True)}"


def how_it_is_undone(step: Step) -> str:
    """The declared way back, or that there is none; a type may know one of its own when it is planned."""
    if step.rollback is not None and step.rollback.step is not None:
        return what_it_does(step.rollback.step)
    if step.rollback is not None:
        return f"by hand: {_line(step.rollback.manual)}"
    if step.irreversible:
        return "cannot be undone"
    if step.type == "kubernetes" and step.input.get("action") != "restart":
        return "back to the state before"
    return "no undo is declared" if step.type == "kubernetes" or changes(step) else ""


def when_it_fits(runbook: Runbook) -> tuple[str, ...]:
    """Each part of the trigger in words; empty where only people start it."""
    trigger = runbook.trigger
    parts = [
        f"incidents of {' or '.join(trigger.services)}" if trigger.services else "",
        f"the metric {trigger.metric_name}" if trigger.metric_name else "",
        f"the condition {trigger.condition}" if trigger.condition else "",
        f"the words {' or '.join(map(repr, trigger.symptoms))}" if trigger.symptoms else "",
        f"the time {trigger.schedule.cron} ({trigger.schedule.timezone})" if trigger.schedule else "",
    ]
    return tuple(part for part in parts if part)


def _line(value: object) -> str:
    return " ".join(str(value if value is not None else "").split())


def _hosts(given: Mapping[str, Any]) -> str:
    named = given.get("hosts") or given.get("host")
    if not named:
        return " on the service's host"
    return f" on {named if isinstance(named, str) else ', '.join(map(str, named))}"


def _looks_into(given: Mapping[str, Any]) -> str:
    if given.get("namespace"):
        return _kubernetes({**given, "action": "looks into"})
    return f"looks into the workload of {given.get('service') or 'the service'}"


def _kubernetes(given: Mapping[str, Any]) -> str:
    verb = str(given.get("action") or "acts")
    kinds = ("deployment", "statefulset", "daemonset", "node")
    kind = next((one for one in kinds if given.get(one)), "")
    place = f" in namespace {given['namespace']}" if given.get("namespace") and kind != "node" else ""
    count = f" to {given['replicas']} replicas" if given.get("replicas") is not None else ""
    cluster = f" of cluster {given['cluster']}" if given.get("cluster") else ""
    return f"{verb} {kind} {given.get(kind, '')}{count}{place}{cluster}".replace("  ", " ").strip()
