"""What an auditor asks: who allowed what, when, why, on which evidence, and what came of it; one line per decision.

A step that a reviewed tag lets run without anybody is a decision too, made in Git: its line names the commit. So are
an expiry and a proposal that drift took off the table. Lines are made from records, written as Markdown, CSV or JSON.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from bot.runs.markdown import EMPTY, code, prose
from bot.runs.record_shape import (
    CheckRecord,
    DecisionKind,
    DecisionRecord,
    PersonRecord,
    ProposalRecord,
    RunRecord,
    StepRecord,
)
from bot.runs.words import RUN_WORDS

UNATTENDED = "unattended"
BY_TAG = "a reviewed tag"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), full-width forms included."""


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """One decision. The fields are the columns of the CSV, in this order."""

    at: datetime
    decision: str
    choice: str = ""
    who: str = ""
    account: str = ""
    """`slack U0ANA`, `api ci`; where it was a tag, empty."""
    via: str = ""
    """The approver entry that names them."""
    members_read_at: datetime | None = None
    reason: str = ""
    changes: str = ""
    run: str
    incident: str
    trigger: str = ""
    runbook: str
    version: str
    commit: str = ""
    service: str = ""
    environment: str = ""
    dry_run: bool = False
    step: str = ""
    action: str = ""
    what: str = ""
    will_run: str = ""
    targets: str = ""
    risk: str = ""
    evidence: str = ""
    """The state it was decided on, or the metric."""
    digest: str = ""
    undo: str = ""
    """The way back that was allowed with it."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    verdict: str = ""
    effect: str = ""
    outcome: str = ""
    checked: str = ""
    """What the metric checks after this step, or after the whole run, came to."""
    undone: str = ""
    """How far its undo is."""
    run_status: str
    head: str = ""
    """Hash of the run's last event in the chain."""
    started_by: str = ""
    """Who asked for the run; empty where the incident itself did."""
    suggested_because: str = ""
    """What of the incident this runbook fits."""


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The lines of a stretch of time, and what the chains say of the journal they come from."""

    since: datetime | None
    until: datetime
    lines: tuple[AuditLine, ...]
    streams: int
    events: int
    audit_head: str
    problems: tuple[str, ...] = ()


def audit_lines(
    record: RunRecord, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[AuditLine, ...]:
    """The decisions of one run that fell from `since` on and before `until`, in the order they were made."""
    lines = [*_of_steps(record), *_of_run(record)]
    within = [
        line for line in lines if (since is None or line.at >= since) and (until is None or line.at < until)
    ]
    return tuple(sorted(within, key=lambda line: line.at))


def _of_steps(record: RunRecord) -> Iterator[AuditLine]:
    for step in record.steps:
        for proposal in step.proposals:
            about = _about(step, proposal) | {"checked": _checked(record, step)}
            if proposal.unattended and proposal.started_at is not None:
                yield _line(record, at=proposal.started_at, decision=UNATTENDED, who=BY_TAG, **about)
            for decision in proposal.decisions:
                yield _line(record, **_decided(decision), **(about | _own(decision, about)))
        for decision in step.undo.decisions if step.undo is not None else ():
            undone = {
                "step": step.name,
                "action": step.action,
                "undone": (step.undo and step.undo.status) or "",
            }
            yield _line(record, **_decided(decision), **undone)


def _own(decision: DecisionRecord, about: dict[str, Any]) -> dict[str, Any]:
    return {"digest": decision.digest or about["digest"]}


def _of_run(record: RunRecord) -> Iterator[AuditLine]:
    for decision in record.rollback.decisions:
        yield _line(record, **_decided(decision), undone=record.rollback.status)
    for check in record.checks:
        if check.decision is not None:
            yield _line(record, **_decided(check.decision), step=check.step, evidence=_measured(check))
    if record.cancelled is not None:
        yield _line(record, **_decided(record.cancelled))


def _checked(record: RunRecord, step: StepRecord) -> str:
    return "; ".join(_measured(check) for check in record.checks if check.step in ("", step.name))


def _measured(check: CheckRecord) -> str:
    return f"{check.verdict}: {check.sentence}"


def _decided(decision: DecisionRecord) -> dict[str, Any]:
    by = decision.by
    return {
        "at": decision.at,
        "decision": decision.kind,
        "choice": decision.choice,
        "who": _who(by, decision.kind),
        "account": f"{by.kind} {by.id}" if by is not None else "",
        "via": decision.via,
        "members_read_at": decision.members_read_at,
        "reason": decision.reason,
        "changes": "; ".join(decision.changes),
    }


def _who(by: PersonRecord | None, kind: DecisionKind) -> str:
    if by is None:
        return "nobody" if kind == "expired" else "the bot"
    return _person(by)


def _person(one: PersonRecord) -> str:
    return f"{one.name} <{one.person}>" if one.name and one.name != one.person else one.person


def _about(step: StepRecord, proposal: ProposalRecord) -> dict[str, Any]:
    outcome = proposal.outcome
    state = "; ".join(f"{label}: {told}" for label, told in proposal.state.items())
    return {
        "step": step.name,
        "action": step.action,
        "what": proposal.text,
        "will_run": "\n".join(proposal.will_run),
        "targets": ", ".join(proposal.targets),
        "risk": proposal.risk,
        "evidence": state if proposal.observable else "state not observable",
        "digest": proposal.digest,
        "undo": proposal.undo,
        "started_at": proposal.started_at,
        "finished_at": proposal.finished_at,
        "verdict": outcome.verdict if outcome is not None else "",
        "effect": outcome.effect if outcome is not None else "",
        "outcome": outcome.summary if outcome is not None else "",
        "undone": (step.undo.status or "") if step.undo is not None else "",
    }


def _line(record: RunRecord, **given: Any) -> AuditLine:
    return AuditLine(
        run=record.run_id,
        incident=record.trigger.title or record.incident_id,
        trigger=record.trigger.key or record.trigger.source,
        runbook=record.runbook,
        version=record.version,
        commit=record.catalog_commit,
        service=record.service,
        environment=record.environment,
        dry_run=record.dry_run,
        run_status=record.status,
        head=record.head,
        started_by=_person(record.requester) if record.requester is not None else "",
        suggested_because="; ".join(record.trigger.why),
        **given,
    )


# ------------------------------------------------------------ written


def as_csv(report: AuditReport) -> str:
    """Every line with every column, quoted, with a heading; no cell is a formula to a spreadsheet."""
    names = [one.name for one in fields(AuditLine)]
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    for line in report.lines:
        writer.writerow([_cell(getattr(line, name)) for name in names])
    return out.getvalue()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return _stamp(value)
        case _:
            text = str(value).replace("\0", "\ufffd")
            return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def as_json(report: AuditReport) -> str:
    """The whole report as one JSON value."""
    value = {
        "since": report.since,
        "until": report.until,
        "journal": {
            "streams": report.streams,
            "events": report.events,
            "audit_head": report.audit_head,
            "problems": report.problems,
        },
        "decisions": [asdict(line) for line in report.lines],
    }
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return _stamp(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def as_markdown(report: AuditReport) -> str:
    """A document for people: what the journal is worth as evidence, then every decision, newest last."""
    since = _stamp(report.since) if report.since else "the beginning"
    parts = [
        "# Who allowed what",
        f"Decisions from {since} until {_stamp(report.until)}: {len(report.lines)}.",
        _standing(report),
    ]
    if report.lines:
        parts.append("\n".join([_HEAD, "|" + "---|" * _HEAD.count(" | ") + "---|", *map(_row, report.lines)]))
    return "\n\n".join(parts) + "\n"


_HEAD = "| When (UTC) | Who | Decision | What | Why | Evidence | Outcome |"


def _standing(report: AuditReport) -> str:
    """What the chains say; in front of everything else, because without them the rest is only a claim."""
    if report.problems:
        found = "\n".join(f"- {prose(problem)}" for problem in report.problems)
        return (
            f"**The journal was tampered with or is damaged; what follows cannot be relied on:**\n\n{found}"
        )
    chain = f"{report.events:,} events in {report.streams:,} streams"
    return f"The journal's chains are whole: {chain}, audit head {code(report.audit_head or '-')}."


def _row(line: AuditLine) -> str:
    cells = (
        f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        _person_cell(line),
        _decision_cell(line),
        _what_cell(line),
        _why_cell(line),
        _evidence_cell(line),
        _outcome_cell(line),
    )
    return f"| {' | '.join(cells)} |"


def _person_cell(line: AuditLine) -> str:
    told = prose(line.who, 120)
    via = f" via {code(line.via, 80)}" if line.via else ""
    read = f", members read {line.members_read_at:%H:%M:%S}" if line.members_read_at else ""
    return f"{told}{via}{read}"


def _decision_cell(line: AuditLine) -> str:
    words = "OVERRIDE" if line.decision == "overridden" else line.decision.replace("_", " ")
    told = f"**{words}**: {line.choice}" if line.choice else f"**{words}**"
    return f"{told}, {prose(line.changes, 200)}" if line.changes else told


def _what_cell(line: AuditLine) -> str:
    place = " in ".join(prose(part, 60) for part in (line.service, line.environment) if part)
    run = f"{prose(line.runbook, 80)} ({code(line.run[:8])})"
    step = f"{prose(line.step, 60)} of " if line.step else ""
    dry = ", dry run" if line.dry_run else ""
    what = f": {prose(line.what, 200)}" if line.what else ""
    return f"{step}{run}{' on ' + place if place else ''}{dry}{what}"


def _why_cell(line: AuditLine) -> str:
    """What was said, what it was done for, and what brought this runbook up."""
    incident = f"for {prose(line.incident, 200)}" + (f" ({code(line.trigger, 80)})" if line.trigger else "")
    fits = f"fits: {prose(line.suggested_because, 200)}" if line.suggested_because else ""
    started = f"started by {prose(line.started_by, 120)}" if line.started_by else ""
    said = prose(line.reason, 300) if line.reason else ""
    return "; ".join(part for part in (said, incident, fits, started) if part)


def _evidence_cell(line: AuditLine) -> str:
    digest = f"digest {code(line.digest[:12])}" if line.digest else ""
    commit = f"commit {code(line.commit[:12])}" if line.commit else ""
    state = prose(line.evidence, 300) if line.evidence else ""
    return "; ".join(part for part in (state, digest, commit) if part) or EMPTY


def _outcome_cell(line: AuditLine) -> str:
    if line.verdict:
        checked = f"; check {prose(line.checked, 200)}" if line.checked else ""
        undone = f"; undo: {line.undone.replace('_', ' ')}" if line.undone else ""
        return f"{line.verdict}, effect {line.effect}: {prose(line.outcome, 200)}{checked}{undone}"
    return f"run: {RUN_WORDS.get(line.run_status, line.run_status)}"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


WRITERS = {"md": as_markdown, "csv": as_csv, "json": as_json}


def sorted_lines(lines: Sequence[AuditLine]) -> tuple[AuditLine, ...]:
    """Lines of many runs in the order they were decided."""
    return tuple(sorted(lines, key=lambda line: (line.at, line.run)))
