"""Asking the next: nobody decided in time, and the catalog says whose turn it is then.

One entry of `escalate_to` is asked at a time, each gets as long as those before, and those before may still decide. A
timeout approves nothing: where the last was asked in vain, or nobody can be found behind an entry, the proposal ends as
it would have without anybody to escalate to, and the thread says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.engine.making import Maker
from bot.engine.people import ids_behind
from bot.engine.ports import Directory
from bot.engine.proposing import memberships_of
from bot.errors import NotPermitted
from bot.runs.events import Escalation, StepKey
from bot.runs.policy import expand, is_on_call, owners
from bot.runs.state import Run


async def next_asked(
    run: Run,
    key: StepKey,
    entry: str,
    *,
    maker: Maker,
    directory: Directory,
    now: datetime,
    lasts: timedelta,
) -> Escalation:
    """Who is asked now and until when; with `trouble`, and over at once, where it turns out that this is nobody."""
    try:
        policy = maker.policy(run, key)
    except NotPermitted as refusal:
        return _nobody(entry, now, refusal.message)
    if entry not in policy.escalate_to:
        return _nobody(entry, now, "today's catalog does not escalate to it any more")
    catalog = maker.catalog()
    runbook = catalog.runbooks[run.runbook.name]
    services = owners(catalog, runbook, catalog.services.get(run.opened.service))
    approvers, direct = expand(catalog, (entry,), services=services)
    trouble = await _unknown_on_call(approvers, directory)
    kept = tuple(one for one in approvers if one not in trouble)
    if not kept:
        return _nobody(entry, now, "; ".join(trouble.values()) or "nobody is behind it")
    told = tuple(one for one in direct if one in kept)
    return Escalation(
        entry=entry,
        approvers=kept,
        expires_at=now + lasts,
        remind_at=now + lasts / 2,
        mention=await ids_behind(kept, directory),
        direct_message=await ids_behind(told, directory, opened=True),
        trouble="; ".join(trouble.values()),
    )


async def _unknown_on_call(approvers: Sequence[str], directory: Directory) -> dict[str, str]:
    """Of those who are whoever is on call: the ones with nobody behind them, and why."""
    read = await memberships_of([one for one in approvers if is_on_call(one)], directory)
    return {
        entry: f"who is on call could not be read: {one.error}" if one.error else "nobody is on call now"
        for entry, one in read.items()
        if one.error or not one.emails
    }


def _nobody(entry: str, now: datetime, trouble: str) -> Escalation:
    return Escalation(entry=entry, approvers=(), expires_at=now, trouble=trouble)
