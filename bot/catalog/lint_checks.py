"""Metric checks: does the metric exist, does its limit fit the way it gets better, can the check ever be made."""

from __future__ import annotations

from bot.catalog import lint_inventory
from bot.catalog.parts import Action, Book, Part
from bot.catalog.schema import Catalog, MetricCheck, Step
from bot.catalog.source import Document, Location

_READING_METHODS = ("GET", "HEAD", "OPTIONS")


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note every check of an action or runbook that cannot be made as it is written."""
    for part in owner.parts:
        if part.step.check is not None and part.at("check", "metric_name") in part.document.values:
            _check(part.document, part.at("check"), part.step.check, catalog)
            _is_ever_made(part)
    if not isinstance(owner, Book) or owner.head.rollback_metric_check is None:
        return
    place: Location = ("rollback_metric_check",)
    _check(owner.document, place, owner.head.rollback_metric_check.as_check, catalog)
    steps = [part.step for part in owner.parts if part.phase == "steps" and not part.is_rollback]
    if steps and not any(may_change(step) for step in steps):
        owner.document.report(
            "RB048",
            "no step of this runbook changes anything, so there is no before and after to check",
            place,
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
