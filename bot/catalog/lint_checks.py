"""Metric checks: does the metric exist, does its limit fit the way it gets better, can the check ever be made."""

from __future__ import annotations

import re

from bot.catalog import lint_inventory
from bot.catalog.parts import Action, Book, Part
from bot.catalog.schema import Catalog, Metric, MetricCheck, Step
from bot.catalog.source import Document, Location

_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_RANGE = re.compile(r"\[\s*((?:[0-9]+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note every check of an action or runbook that cannot be made as it is written."""
    for part in owner.parts:
        if part.step.check is not None and part.at("check", "metric_name") in part.document.values:
            _check(part.document, part.at("check"), part.step.check, catalog)
            _is_ever_made(part)
    if not isinstance(owner, Book):
        return
    _proves_what_it_resolves(owner)
    if owner.head.rollback_metric_check is None:
        return
    place: Location = ("rollback_metric_check",)
    _check(owner.document, place, owner.head.rollback_metric_check.as_check, catalog)
    if owner.head.dry_run:
        owner.document.report(
            "RB048", "this runbook only runs dry, so nothing is checked", place, of_key=True
        )
        return
    steps = [part.step for part in owner.parts if part.phase == "steps" and not part.is_rollback]
    if steps and not any(may_change(step) for step in steps):
        owner.document.report(
            "RB048",
            "no step of this runbook changes anything, so there is no before and after to check",
            place,
            of_key=True,
        )


def _proves_what_it_resolves(book: Book) -> None:
    has_check = book.head.rollback_metric_check is not None
    has_check = has_check or any(part.step.check is not None for part in book.parts)
    if book.head.pagerduty_resolve and not has_check:
        book.document.report(
            "RB013",
            "nothing is checked in this runbook, so nothing would show that the incident is over",
            ("pagerduty_resolve",),
            hint="add `rollback_metric_check` (or a step's `check`), or leave `pagerduty_resolve` out",
            of_key=True,
        )


def _check(document: Document, place: Location, check: MetricCheck, catalog: Catalog) -> None:
    metric = catalog.metrics.get(check.metric_name)
    if metric is None:
        known = sorted(catalog.metrics)
        name: Location = (*place, "metric_name")
        lint_inventory.unknown(document, "RB029", "metric", check.metric_name, name, known, listed="metrics")
    elif metric.better == "higher" and check.rollback_if_value_exceeds is not None:
        document.report(
            "RB013",
            f"{check.metric_name!r} is better when higher, so a high value is no reason to roll back",
            (*place, "rollback_if_value_exceeds"),
            hint="leave the limit out: a fall is found by comparing with before",
        )
    else:
        _is_clean(document, place, check, metric)


def _is_clean(document: Document, place: Location, check: MetricCheck, metric: Metric) -> None:
    """The last half of the wait is compared; a metric that looks back further mixes before and after there."""
    looks_back_s = max((_seconds(found) for found in _RANGE.findall(metric.query)), default=0.0)
    if looks_back_s <= check.check_after_s / 2:
        return
    least = f"{looks_back_s * 2 / 60:g}" if looks_back_s >= 30 else ""
    keys = ("check_after_minutes", "check_after_seconds", "metric_name")
    key = next(key for key in keys if (*place, key) in document.values)
    document.report(
        "RB062",
        f"{metric.name!r} looks {_span(looks_back_s)} back, longer than half of this wait, so what is compared"
        " is partly from before the change",
        (*place, key),
        hint=f"wait twice as long as it looks back: check_after_minutes: {least}"
        if least
        else f"wait twice as long as it looks back: check_after_seconds: {looks_back_s * 2:g}",
    )


def _seconds(written: str) -> float:
    """A PromQL duration: `1h30m`."""
    parts = re.findall(r"([0-9]+)(ms|[smhdwy])", written)
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"


def _is_ever_made(part: Part) -> None:
    if not may_change(part.step):
        part.document.report(
            "RB048",
            f"a {part.step.type} step like this changes nothing, so it is never checked",
            part.at("check"),
            hint="put the check on the step that changes something",
            of_key=True,
        )


def may_change(step: Step) -> bool:
    """Whether a step can have an effect, as far as the files tell."""
    if step.type == "http":
        return str(step.input.get("method", "GET")).upper() not in _READING_METHODS
    if step.type == "shell":
        return step.input.get("read_only") is not True
    return step.type not in ("slack", "diagnose")
