"""A run told as one Markdown document: what happened, who decided it and why, what came of it.

Made from the record alone, so the same run is told in the same words wherever it is exported. Every value from outside
goes through `markdown`; no address from outside becomes a link.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.runs.check import number
from bot.runs.duration import duration
from bot.runs.markdown import EMPTY, code, fenced, prose
from bot.runs.record_shape import (
    DecisionRecord,
    OutcomeRecord,
    PersonRecord,
    ProposalRecord,
    RunRecord,
    StepRecord,
    UndoRecord,
)
from bot.runs.words import RUN_WORDS

STEP_WORDS = {
    "pending": "not started",
    "proposed": "waiting for a decision",
    "approved": "approved",
    "voided": "proposed again",
    "not_planned": "could not be proposed",
    "expired": "nobody decided in time",
    "unknown": "outcome unknown",
    "stopped": "outcome unknown, stopped there",
    "undoing": "being undone",
    "undo_failed": "its undo failed",
    "undo_unknown": "the outcome of its undo is unknown",
    "undo_blocked": "its undo did not run",
    "undo_left": "left as it is",
}
UNDO_WORDS = {
    "undoing": "is under way",
    "undone": "was done",
    "undo_failed": "failed",
    "undo_unknown": "ended with an unknown outcome",
    "undo_blocked": "did not run",
    "undo_left": "was not wanted: left as it is",
}
DECISION_WORDS = {
    "approved": "approved",
    "overridden": "OVERRIDE: ran without its approvers",
    "escalated": "escalated",
    "approval_voided": "an approval no longer counts",
    "rejected": "rejected",
    "skipped": "skipped",
    "edited": "edited the parameters",
    "proposal_voided": "the proposal is off",
    "expired": "nobody decided in time",
    "outcome_settled": "settled the unknown outcome",
    "undo_requested": "undo asked for",
    "undo_settled": "settled the undo",
    "check_settled": "decided about the check",
    "cancelled": "cancelled",
}


def report(record: RunRecord) -> str:
    """The whole document; ends with one line break."""
    parts = [
        *_head(record),
        "## Steps",
        *(line for place, step in enumerate(record.steps, start=1) for line in _step(place, step, record)),
        *_checks(record),
        *_rollback(record),
        *_foot(record),
    ]
    return "\n\n".join(parts) + "\n"


def moment(at: datetime) -> str:
    """`2026-11-21 08:04:09 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def person(who: PersonRecord | None) -> str:
    """A person as the report names them: their name, and in code what tells them apart."""
    if who is None:
        return "the bot"
    told = who.person if "@" in who.person else f"{who.kind} {who.id}"
    return f"{prose(who.called, 80)} ({code(told, 120)})"


# ------------------------------------------------------------ the run


def _head(record: RunRecord) -> Iterator[str]:
    dry = " (dry run)" if record.dry_run else ""
    yield f"# {prose(record.runbook, 120)}: {RUN_WORDS.get(record.status, record.status)}{dry}"
    if record.reason:
        yield prose(record.reason)
    yield "\n".join(["| | |", "|---|---|", *(f"| {name} | {told} |" for name, told in _facts(record))])


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    trigger = record.trigger
    yield "Run", code(record.run_id)
    yield "Incident", prose(trigger.title or record.incident_id, 200)
    if trigger.symptom and trigger.symptom != trigger.title:
        yield "Symptom", prose(trigger.symptom, 200)
    if trigger.source:
        yield (
            "From",
            " ".join([prose(trigger.source, 40), code(trigger.key, 120) if trigger.key else ""]).strip(),
        )
    if trigger.why:
        yield "Suggested because", prose("; ".join(trigger.why), 300)
    yield "Service", prose(record.service, 80) if record.service else EMPTY
    yield "Environment", prose(record.environment, 80) if record.environment else EMPTY
    commit = f" at commit {code(record.catalog_commit[:12])}" if record.catalog_commit else ""
    yield "Runbook version", f"{code(record.version[:12])}{commit}"
    yield "Started by", person(record.requester) if record.requester else "the incident"
    if record.params:
        yield "Parameters", ", ".join(code(f"{name}={value}") for name, value in record.params.items())
    yield "Opened", moment(record.opened_at)
    yield "Finished", moment(record.finished_at) if record.finished_at else "not yet"
    yield "Took", duration(record.duration_s)
    if record.cancelled is not None:
        yield "Cancelled", _told(record.cancelled)


def _foot(record: RunRecord) -> Iterator[str]:
    yield "---"
    head = f"; the last one's hash is {code(record.head)}" if record.head else ""
    yield (
        f"Told from {record.events} journal events{head}. "
        "Times are UTC; output is as stored: redacted, and cut where long."
    )


# ------------------------------------------------------------ steps


def _step(place: int, step: StepRecord, record: RunRecord) -> Iterator[str]:
    after = " (after the rejection)" if step.phase == "on_reject" else ""
    if step.phase == "on_reject" and not step.proposals and not step.not_planned:
        return  # never reached, and not meant to be
    word = STEP_WORDS.get(step.status, step.status)
    if record.finished_at is not None and step.status in ("proposed", "approved", "voided"):
        word = "not done"
    yield f"### {place}. {prose(step.name, 80)}: {word}{after}"
    if step.not_planned:
        yield prose(step.not_planned)
    for proposal in step.proposals:
        yield from _proposal(proposal)
    if step.undo is not None:
        yield from _undo(step.undo, stands=step.stands)


def _proposal(proposal: ProposalRecord) -> Iterator[str]:
    part = f" ({prose(proposal.part, 120)})" if proposal.part else ""
    again = f" Proposed anew: {prose(proposal.reason)}." if proposal.reason else ""
    yield f"{prose(proposal.text)}{part}.{again}"
    if proposal.will_run:
        yield fenced("\n".join(proposal.will_run))
    yield "\n".join(f"- {line}" for line in _proposal_lines(proposal))
    if proposal.outcome is not None:
        yield from _outcome(proposal.outcome, started_at=proposal.started_at)
    if proposal.seen:
        yield f"Seen afterwards: {prose(proposal.seen)}"


def _proposal_lines(proposal: ProposalRecord) -> Iterator[str]:
    if proposal.targets:
        yield f"on {', '.join(code(target, 120) for target in proposal.targets)}"
    for label, told in proposal.state.items():
        yield f"{prose(label, 60)}: {code(told)}"
    if not proposal.observable:
        yield "state not observable"
    yield f"risk {prose(proposal.risk, 40)}, digest {code(proposal.digest)}"
    if proposal.unattended:
        yield "asked nobody: a reviewed tag lets it run unattended"
    else:
        count = f"{proposal.min_approvals} of " if proposal.min_approvals > 1 else ""
        level = f" (named by the {prose(proposal.approvers_from, 40)})" if proposal.approvers_from else ""
        names = ", ".join(code(name, 120) for name in proposal.approvers) or EMPTY
        yield f"asked {count}{names}{level} at {moment(proposal.at)}"
    for decision in proposal.decisions:
        yield _told(decision)


def _told(decision: DecisionRecord) -> str:
    """One decision: who, what, when, by which permission, why."""
    words = DECISION_WORDS[decision.kind]
    if decision.choice:
        words = f"{words}: {decision.choice}"
    told = f"**{words}**"
    if decision.by is not None:
        told += f" by {person(decision.by)}"
    if decision.via:
        told += f" via {code(decision.via, 120)}"
    told += f" at {moment(decision.at)}"
    if decision.changes:
        told += f", {', '.join(code(change) for change in decision.changes)}"
    return f"{told}: {prose(decision.reason)}" if decision.reason else told


def _outcome(outcome: OutcomeRecord, *, started_at: datetime | None) -> Iterator[str]:
    took = duration(outcome.duration_s)
    since = f" Started at {moment(started_at)}, took {took}." if started_at else ""
    effect = {"none": "nothing was changed", "unknown": "what it changed is unknown"}.get(
        outcome.effect, f"effect {outcome.effect}"
    )
    yield f"**{outcome.verdict.capitalize()}**, {effect}: {prose(outcome.summary)}.{since}"
    for one in outcome.expectations:
        found = "found" if one.found else "missing, which is allowed" if one.allow_failure else "missing"
        yield f"- expected {code(one.pattern)}: {found}"
    if outcome.output.strip():
        cut = "Output (its end):" if outcome.output_cut else "Output:"
        yield f"{cut}\n\n{fenced(outcome.output)}"
    for file in outcome.files:
        yield f"- file {code(file.name)}, {file.size:,} bytes, sha256 {code(file.digest)}"


def _undo(undo: UndoRecord, *, stands: bool) -> Iterator[str]:
    how = {"manual": "by hand: ", "none": "none: "}.get(undo.kind, "")
    yield f"**Undo**: {how}{prose(undo.text)}" + ("" if undo.status else " (not done)" if stands else "")
    if undo.status is not None:
        why = f": {prose(undo.reason)}" if undo.reason and undo.reason not in undo.text else ""
        yield f"It {UNDO_WORDS.get(undo.status, undo.status)}{why}."
    if undo.outcome is not None:
        yield from _outcome(undo.outcome, started_at=undo.started_at)
    for decision in undo.decisions:
        yield f"- {_told(decision)}"


# ------------------------------------------------------------ checks and the walk back


def _checks(record: RunRecord) -> Iterator[str]:
    if not record.checks:
        return
    yield "## Checks"
    for check in record.checks:
        after = f"after {prose(check.step, 80)}" if check.step else "after the last step"
        limit = f", limit {number(check.limit)}" if check.limit is not None else ""
        levels = f"{_level(check.before)} before, {_level(check.after)} after{limit}"
        yield f"- {code(check.metric)} {after}: **{check.verdict}**, {levels}. {prose(check.sentence)}"
        if check.decision is not None:
            yield f"- {_told(check.decision)}"


def _level(value: float | None) -> str:
    return "unknown" if value is None else number(value)


def _rollback(record: RunRecord) -> Iterator[str]:
    rollback = record.rollback
    if rollback.status == "none" and not rollback.left:
        return
    yield "## Undo"
    if rollback.status != "none":
        words = {"running": "going on", "waiting": "waiting for people"}.get(rollback.status, rollback.status)
        yield f"The walk back is {words}."
    for decision in rollback.decisions:
        yield f"- {_told(decision)}"
    if rollback.left:
        yield f"Still standing: {', '.join(code(name, 80) for name in rollback.left)}."
