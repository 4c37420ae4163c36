"""Everything read, looked at as a whole: does each name exist, can each step run somewhere, may somebody approve it.

Each question has its own module; this one asks them in turn. Every finding is noted in the document where a
person would mend it, with a code of `codes.CODES`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.catalog import (
    lint_checks,
    lint_escalation,
    lint_fleets,
    lint_inventory,
    lint_params,
    lint_people,
    lint_places,
    lint_reach,
    lint_scopes,
    lint_secrets,
    lint_texts,
)
from bot.catalog.expressions import Condition, ConditionError
from bot.catalog.parts import Action, Book, Part
from bot.catalog.patterns import compile_pattern
from bot.catalog.promotion import Promotion
from bot.catalog.schedule import check_cron, check_timezone
from bot.catalog.schema import Catalog
from bot.catalog.source import Document, Location
from bot.catalog.writing import Writing
from bot.errors import BadInput


def lint(
    catalog: Catalog,
    writing: Writing,
    *,
    settings: Document | None,
    promotions: Document | None,
    evidence: Sequence[Promotion],
    documents: Sequence[Document],
    knows_inventory: bool,
) -> None:
    """Note every problem of a catalog that was read.

    `knows_inventory` is False when `catalog.yaml` is missing or broken; then nothing is called unknown that it
    would have named.
    """
    for owner in (*writing.owners, *writing.unsound):
        lint_params.lint(owner)
        for part in owner.parts:
            _patterns(part)
            lint_texts.lint(part, writing.input_models)
            lint_secrets.lint_names(part, catalog, writing.input_models, knows_inventory=knows_inventory)
    for book in writing.books.values():
        _trigger(book)
    for document in documents:
        lint_secrets.lint_plain_text(document)
    if not knows_inventory:
        return
    if settings is not None:
        lint_inventory.lint(catalog, settings)
        lint_escalation.lint_inventory(catalog, settings)
    for owner in writing.owners:
        lint_places.lint(owner, catalog)
        lint_scopes.lint(owner, catalog)
        lint_people.lint(owner, catalog)
        lint_escalation.lint(owner, catalog)
        lint_checks.lint(owner, catalog)
        lint_fleets.lint(owner, catalog)
    for book in writing.books.values():
        _names_in(book, catalog)
    lint_reach.lint(writing.books, catalog)
    if promotions is not None:
        _promotions(catalog, promotions, evidence)


def _patterns(part: Part) -> None:
    own = part.step.expect[part.inherited_expectations :]
    for index, expect in enumerate(own):
        try:
            compile_pattern(expect.pattern)
        except BadInput as refusal:
            place = _expect_place(part, index)
            part.document.report("RB032", refusal.message, place, hint=refusal.hint)


def _expect_place(part: Part, index: int) -> Location:
    for path in (("expect", index, "pattern"), ("expect", index), ("expect", "pattern"), ("expect",)):
        if part.at(*path) in part.document.values:
            return part.at(*path)
    return part.location


def _trigger(book: Book) -> None:
    trigger = book.head.trigger
    if trigger.condition is not None:
        try:
            Condition.compile(trigger.condition)
        except ConditionError as error:
            mark = book.document.mark_in(("trigger", "condition"), error.line, error.column)
            book.document.report_at("RB031", error.message, mark, hint=error.hint)
    if trigger.schedule is not None:
        for check, value, key in (
            (check_cron, trigger.schedule.cron, "cron"),
            (check_timezone, trigger.schedule.timezone, "timezone"),
        ):
            try:
                check(value)
            except BadInput as refusal:
                book.document.report(
                    "RB033", refusal.message, ("trigger", "schedule", key), hint=refusal.hint
                )


def _names_in(book: Book, catalog: Catalog) -> None:
    """Services that a runbook speaks of."""
    for index, name in enumerate(book.head.trigger.service_id):
        if catalog.service_named(name) is None:
            place: Location = ("trigger", "service_id", index)
            lint_inventory.unknown(
                book.document, "RB027", "service", name, place, sorted(catalog.services), listed="services"
            )


def _promotions(catalog: Catalog, document: Document, evidence: Sequence[Promotion]) -> None:
    for index, promotion in enumerate(evidence):
        place: Location = ("promotions", index)
        lint_inventory.environment(catalog, document, promotion.environment, (*place, "environment"))
        kind, name = ("action", promotion.action) if promotion.action else ("runbook", promotion.runbook)
        current: Action | object | None = (
            catalog.actions.get(name) if promotion.action else catalog.runbooks.get(name)
        )
        if current is None:
            document.report("RB060", f"there is no {kind} {name!r} any more", (*place, kind))
        elif getattr(current, "digest", "") != promotion.digest:
            document.report(
                "RB061",
                f"the {kind} {name!r} has changed since it was promoted, so this no longer lets it in",
                (*place, "digest"),
                hint="look at what changed and promote it again: runbookctl promote",
            )
