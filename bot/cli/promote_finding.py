"""What `promote --finding` asks of a class of failure and of a runbook before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from bot.cli.output import FOUND_PROBLEMS, tell
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.catalog.promotion import Promotion
    from bot.catalog.schema import Catalog, Runbook
    from bot.engine.records import Records
    from bot.intake.trust import ClassNumbers


def promotion(catalog: Catalog, finding: str, runbook_name: str, environment: str) -> Promotion:
    """What is to be written, without its record; refused where it would have no effect, with why."""
    from bot.catalog.checking import closest
    from bot.catalog.promotion import Promotion
    from bot.diagnosis.findings import HEALTHY
    from bot.diagnosis.findings.classes import CLASSES

    if finding not in CLASSES or finding == HEALTHY:
        known = [name for name in CLASSES if name != HEALTHY]
        raise BadInput(
            f"there is no class of failure {finding!r}",
            hint=closest(finding, known) or f"known: {', '.join(sorted(known))}",
        )
    runbook = catalog.runbooks.get(runbook_name)
    if runbook is None:
        known = sorted(map(str, catalog.runbooks))
        raise BadInput(
            f"there is no runbook {runbook_name!r}",
            hint=closest(runbook_name, known) or f"known: {', '.join(known) or 'none'}",
        )
    place = catalog.environments.get(environment)
    if place is None:
        known = sorted(map(str, catalog.environments))
        raise BadInput(
            f"there is no environment {environment!r}",
            hint=closest(environment, known) or f"known: {', '.join(known) or 'none'}",
        )
    for reason, hint in _obstacles(catalog, runbook, environment):
        raise BadInput(f"{runbook_name!r} cannot begin by itself in {environment}: {reason}", hint=hint)
    # The record is attached when it is known to be enough; until then the entry is no promotion yet.
    return Promotion.model_construct(
        runbook=runbook_name, finding=finding, digest=runbook.digest, environment=environment
    )


def _obstacles(catalog: Catalog, runbook: Runbook, environment: str) -> Sequence[tuple[str, str]]:
    """Each rule of today that would keep its first step waiting for people, with what would change that."""
    from bot.runs.policy import has_scopes, policy_of

    place, first = catalog.environments[environment], runbook.steps[0]
    found = []
    if not place.auto_start:
        found.append(("no run begins by itself there", f"say `auto_start: true` for {environment} first"))
    if place.confirm_every_step:
        found.append(("every step is confirmed there", "nothing runs without a decision there"))
    said = [rules.requires_approval for rules in (first.rules, first.action_rules)]
    policy = policy_of(catalog, runbook, first, service=None, environment=environment)
    if True in said or policy.min_approvals > 1:
        found.append(
            (f"its step {first.name} says that people approve it", "take that back first, in a review")
        )
    if (policy.risk or "") == "high":
        found.append((f"its step {first.name} is of high risk", "choose a first step of less risk"))
    if first.irreversible or (first.rollback is not None and first.rollback.step is None):
        found.append((f"its step {first.name} cannot be undone by a step", "give it a rollback"))
    allowed = [
        {*rules.scopes, *catalog.promotions.get(digest, ())}
        for rules, digest in (
            (first.rules, runbook.digest),
            (first.action_rules, first.digest),
            (runbook.rules, runbook.digest),
        )
        if rules.scopes is not None
    ]
    if not has_scopes(runbook, first) or any(environment not in scopes for scopes in allowed):
        found.append(
            ("it is not written down that it may run there", "say so in its scopes, or promote it there")
        )
    return found


async def record_of(records: Records, finding: str, days: int) -> ClassNumbers:
    """What people said of the class in these days, on all services."""
    from bot.intake.trust import ClassNumbers

    found = await records.trust(since=datetime.now(UTC) - timedelta(days=days))
    return next((one for one in found if one.finding == finding), ClassNumbers(finding=finding, made=0))


def refuse_below(record: ClassNumbers, *, min_right: int, max_wrong: int, days: int) -> None:
    """Leave with what the record lacks, where it lacks anything; a lower bar than that of the house is not taken."""
    from bot.catalog.promotion import MIN_RIGHT
    from bot.intake.trust import in_short

    shortfalls = record.shortfalls(min_right=max(min_right, MIN_RIGHT), max_wrong=max_wrong)
    if not shortfalls:
        return
    tell(f"{record.finding!r} is not trusted: in the last {days} days it was {'; '.join(shortfalls)}")
    tell(f"it was named {record.made} times, {in_short(record)}")
    tell("hint: judge diagnoses with Right and Wrong in their threads; each incident counts once")
    raise click.exceptions.Exit(FOUND_PROBLEMS)
