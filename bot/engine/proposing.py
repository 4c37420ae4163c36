"""How a concrete step is put before people: who is asked, until when, and what changed since the last time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.catalog.schema import Step
from bot.engine.making import Made
from bot.engine.people import ids_behind
from bot.engine.ports import Directory
from bot.runs.events import ProposalId, StepKey, StepProposed
from bot.runs.plan import Plan
from bot.runs.policy import Membership, is_group


async def proposed(
    made: Made,
    *,
    key: StepKey,
    step: Step,
    proposal_id: ProposalId,
    reason: str,
    unattended: bool,
    directory: Directory,
    now: datetime,
    approvers: Sequence[str] = (),
) -> StepProposed:
    """The proposal of a concrete step. `approvers` replaces those of the rules, for a step that would ask nobody."""
    asked = made.policy.decided_by(approvers).asked(unattended=unattended)
    if not unattended:
        direct = await ids_behind(asked.direct_message, directory, opened=True)
        asked = replace(asked, mention=await ids_behind(asked.approvers, directory), direct_message=direct)
    own_s = made.plan.decide_within_s
    timeout = timedelta(seconds=min(step.approval_timeout_s, own_s or step.approval_timeout_s))
    return StepProposed(
        at=now,
        proposal_id=proposal_id,
        step=key,
        plan=made.plan,
        digest=made.plan.digest,
        asked=asked,
        expires_at=now + timeout,
        remind_at=None if unattended else now + timeout / 2,
        reason=reason,
    )


async def memberships_of(entries: Sequence[str], directory: Directory) -> Mapping[str, Membership]:
    """The members of every group among the entries, each with when it was read or why it could not be."""
    groups = [entry for entry in entries if is_group(entry)]
    read = await asyncio.gather(*(directory.membership(group) for group in groups))
    return dict(zip(groups, read, strict=True))


def changes_between(before: Plan, after: Plan) -> tuple[str, ...]:
    """What makes two plans of one step differ, in words: `replicas: 3 → 4`."""
    changes: list[str] = []
    changes += _differences(before.guarded, after.guarded)
    changes += _differences(before.input, after.input)
    if before.targets != after.targets:
        changes.append(f"targets: {_targets(before)} → {_targets(after)}")
    if (before.undo.input, before.undo.text) != (after.undo.input, after.undo.text):
        changes.append(f"undo: {before.undo.text or 'none'} → {after.undo.text or 'none'}")
    if before.timeout_s != after.timeout_s:
        changes.append(f"time limit: {before.timeout_s:g} s → {after.timeout_s:g} s")
    return tuple(dict.fromkeys(changes))


def _targets(plan: Plan) -> str:
    return ", ".join(f"{target.key} ({target.environment or 'no environment'})" for target in plan.targets)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], *, of: str = "") -> list[str]:
    """One line for each value that differs, however deep it lies: `where web-1: a → b`."""
    changes: list[str] = []
    for name in sorted({*before, *after}):
        was, now = before.get(name, "not there"), after.get(name, "not there")
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            changes += _differences(was, now, of=f"{of}{name} ")
        elif was != now:
            changes.append(f"{of}{name}: {was} → {now}")
    return changes
