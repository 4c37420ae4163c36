"""What is said once and stays said: who decided what and why, what came of a step, who was reminded."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.runs.events import (
    Actor,
    ApprovalVoided,
    ArtifactRef,
    Asked,
    CancelRequested,
    CheckSettled,
    Escalation,
    Event,
    ParamsEdited,
    Permission,
    ProposalExpired,
    ProposalVoided,
    Result,
    StepApproved,
    StepOverridden,
    StepRejected,
    StepSkipped,
    UndoRequested,
    UndoSettled,
    UnknownSettled,
)
from bot.runs.policy import is_on_call
from bot.slack import text
from bot.slack.blocks import context, section
from bot.slack.views.drawn import Drawn, drawn, said
from bot.slack.views.people import BY_NAME, MOST_MENTIONS, OVERRIDE, mentions, on_call, who, why_permitted

OUTPUT_ROOM = 1500
SETTLED_WORDS = {
    "done": "it is done",
    "again": "try again: a fresh proposal follows",
    "undo": "undo it",
    "stop": "stop here",
}
CHECK_SETTLED_WORDS = {"keep": "keep it", "undo": "undo it"}
UNDO_SETTLED_WORDS = {
    "done": "it is undone",
    "again": "try the undo again",
    "stop": "stop undoing here",
    "leave": "leave it as it is",
}

Decision = (
    StepApproved
    | ApprovalVoided
    | StepRejected
    | ParamsEdited
    | ProposalVoided
    | ProposalExpired
    | CancelRequested
    | CheckSettled
    | UnknownSettled
    | UndoRequested
    | UndoSettled
)


def approved(event: StepApproved, *, step: str, people: int, asked: Asked) -> Drawn:
    """One approval; `people` is how many different ones there are with it."""
    missing = asked.min_approvals - people
    rest = ""
    if asked.min_approvals > 1:
        rest = f" {people} of {asked.min_approvals} people."
        if missing > 0:
            rest += f" {text.count(missing, 'more person', 'more people')} must agree."
    words = f"*Approved* by {who(event.actor)}: {step}.{rest}"
    return _with_why(words, event.permission, event.actor, more=f"digest {text.short_id(event.digest)}")


def overridden(event: StepOverridden, *, step: str, asked: Asked) -> Drawn:
    """Somebody broke glass: one person instead of all who would have had to agree."""
    needed = text.count(asked.min_approvals, "person", "people")
    words = (
        f"*{OVERRIDE}* by {who(event.actor)}: {step} runs without the approval of {needed} it asks for. "
        f"Reason: {_reason(event.reason)}"
    )
    small = [_why_override(event.permission, event.actor), f"digest {text.short_id(event.digest)}"]
    return said(words, " · ".join(small))


def _why_override(permission: Permission, actor: Actor) -> str:
    why = why_permitted(permission, actor)
    why = "named in the catalog" if why == BY_NAME else why
    return f"{text.capital(why)}, to break glass{_read(permission)}"


def skipped(event: StepSkipped, *, step: str, people: int, asked: Asked) -> Drawn:
    """One wish to go on without the step; `people` is how many different ones there are with it."""
    needed = asked.min_approvals
    rest = f" {people} of {needed} people." if needed > 1 else ""
    head = "Skipped" if people >= needed else "Skip asked"
    words = f"*{head}* by {who(event.actor)}: {step}.{rest}{_because(event.reason)}"
    return _with_why(words, event.permission, event.actor)


def decision(event: Decision, *, step: str) -> Drawn:  # noqa: C901 - one arm per event, nothing else
    """Any other decision, or what ended a proposal without one; `step` names it (already inert)."""
    match event:
        case StepApproved():
            return _with_why(f"*Approved* by {who(event.actor)}: {step}.", event.permission, event.actor)
        case ApprovalVoided():
            return said(
                f"*An approval does not count any more* ({text.value(event.person, 80)}): {step}. "
                f"{text.sentence(text.value(event.reason, 400))}"
            )
        case StepRejected():
            words = f"*Rejected* by {who(event.actor)}: {step}. Reason: {_reason(event.reason)}"
            return _with_why(words, event.permission, event.actor)
        case ParamsEdited():
            words = f"*Edited* by {who(event.actor)}: {_edits(event)}. A new proposal of {step} follows."
            return _with_why(words, event.permission, event.actor)
        case ProposalVoided():
            return _voided(event, step)
        case ProposalExpired():
            return said(f"*Nobody decided in time:* {step} did not run. A timeout never approves.")
        case CancelRequested():
            words = f"*Cancelled* by {who(event.actor)}.{_because(event.reason)}"
            return _with_why(words, event.permission, event.actor)
        case UnknownSettled():
            words = f"*Settled* by {who(event.actor)}: {step}: {SETTLED_WORDS[event.choice]}.{_because(event.reason)}"
            return _with_why(words, event.permission, event.actor)
        case CheckSettled():
            words = f"*Decided* by {who(event.actor)} after the check of {step}: {CHECK_SETTLED_WORDS[event.choice]}."
            return _with_why(words + _because(event.reason), event.permission, event.actor)
        case UndoSettled():
            words = (
                f"*Settled* by {who(event.actor)}: undo of {step}: {UNDO_SETTLED_WORDS[event.choice]}."
                f"{_because(event.reason)}"
            )
            return _with_why(words, event.permission, event.actor)
        case UndoRequested():
            return _undo_requested(event, step)


def is_told(events: Sequence[Event], place: int) -> bool:
    """Whether the wish to undo that stands here was just said by the decision before it."""
    one, before = events[place], events[place - 1] if place else None
    return isinstance(before, UnknownSettled | UndoSettled | CheckSettled) and before.at == one.at


def _undo_requested(event: UndoRequested, step: str) -> Drawn:
    if event.actor is None or event.permission is None:
        return said(
            f"*Undoing by itself*, as the runbook says (rollback_on_failure).{_because(event.reason)}"
        )
    what = "" if event.step is None else f" of {step} alone"
    return _with_why(
        f"*Undo{what}* asked by {who(event.actor)}.{_because(event.reason)}", event.permission, event.actor
    )


def _voided(event: ProposalVoided, step: str) -> Drawn:
    words = f"*Called off:* {step}. {text.sentence(text.value(event.reason, 400))} Nothing ran."
    if event.changes:
        lines = [f"• {text.value(change, 200)}" for change in event.changes[:10]]
        words += "\nWhat changed:\n" + "\n".join(lines)
    return said(words)


def _with_why(words: str, permission: Permission, actor: Actor, *, more: str = "") -> Drawn:
    why = why_permitted(permission, actor)
    small = " · ".join(filter(None, [f"{text.capital(why)}{_read(permission)}" if why else "", more]))
    return said(words, small) if small else said(words)


def _read(permission: Permission) -> str:
    return f" (members read {text.clock(permission.members_read_at)})" if permission.members_read_at else ""


def _reason(reason: str) -> str:
    return text.stopped(text.paragraph(reason, 1000))


def _because(reason: str) -> str:
    return f" Reason: {_reason(reason)}" if reason.strip() else ""


def _edits(event: ParamsEdited) -> str:
    changed = [
        name
        for name in sorted({*event.before, *event.after})
        if event.before.get(name) != event.after.get(name)
    ]
    shown = [
        f"{text.value(name, 60)}: {_given(event.before.get(name))} → {_given(event.after.get(name))}"
        for name in changed
    ]
    return "; ".join(shown[:10]) or "nothing changed"


def _given(given: object) -> str:
    return "not set" if given is None else text.value(given, 100)


# ------------------------------------------------------------ outcomes


_TOLD_DURATION = re.compile(r"\bafter \d+(\.\d+)? s\b")
"""Some summaries say themselves how long it took."""
_VERDICTS = {
    "succeeded": ("✓", "done"),
    "failed": ("✗", "failed"),
    "unknown": ("?", "outcome unknown"),
}
_EFFECTS = {
    "none": "It changed nothing.",
    "applied": "What it did stands.",
    "partial": "Whatever it did until then stands.",
    "unknown": "Nobody knows what it changed.",
}


def outcome(result: Result, *, title: str, is_by_itself: bool = False, is_dry_run: bool = False) -> Drawn:
    """What came of a step or an undo: one sentence, notes, the end of its output.

    `is_by_itself` for a step nobody decided and nothing else announces.
    """
    sign, verdict = _VERDICTS[result.verdict]
    if is_dry_run and result.verdict == "succeeded":
        verdict = "dry run"
    verdict += " by itself" if is_by_itself else ""
    is_told = _TOLD_DURATION.search(result.summary) is not None
    is_told = is_told or is_dry_run or result.duration_s < 0.05
    took = "" if is_told else f" in {text.duration(result.duration_s)}"
    summary = f": {text.value(result.summary, 600)}" if result.summary.strip() else ""
    head = text.stopped(f"{sign} *{title}: {verdict}*{took}{summary}")
    if result.verdict != "succeeded":
        head += f" {_EFFECTS[result.effect]}"
    blocks = [section(head)]
    notes = _notes(result)
    if notes:
        blocks.append(section("\n".join(notes)))
    if result.output.strip() not in ("", result.summary.strip()):
        output = (f"{text.CUT_MARK}\n" if result.output_cut else "") + result.output
        blocks.append(section(text.fence_end(output, OUTPUT_ROOM)))
    small = _output_notes(result)
    if small:
        blocks.append(context(" · ".join(small)))
    return drawn(text.stopped(f"{title}: {verdict}{took}{summary}"), blocks)


def _notes(result: Result) -> list[str]:
    missing = [one for one in result.expectations if not one.found]
    return [
        f"{'Noted' if one.allow_failure else 'Missing'}: the output does not show {text.code(one.pattern, 160)}"
        f"{', which is allowed' if one.allow_failure else ''}."
        for one in missing[:8]
    ]


def _output_notes(result: Result) -> list[str]:
    notes = []
    if result.output_redacted:
        notes.append("something secret was removed from the output")
    if shown := [one for one in result.artifacts if one.is_shown]:
        files = text.listed([text.value(one.name, 80) for one in shown], most=4)
        notes.append(f"in full in the file below: {files}")
    elif result.output_cut:
        notes.append("only the end of the output was kept")
    return [text.capital(note) for note in notes]


def not_planned(message: str, *, title: str) -> Drawn:
    """A step that could not be made concrete."""
    return said(f"✗ *{title}: could not be proposed:* {text.stopped(text.spoken(message, 800))} Nothing ran.")


def file_of(ref: ArtifactRef, *, title: str) -> str:
    """The sentence that introduces a file."""
    return f"File of {title[:1].lower()}{title[1:]}: {text.value(ref.name, 120)} ({_bytes(ref.size)})."


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


# ------------------------------------------------------------ notices


def reminder(
    asked: Asked,
    *,
    what: str,
    does: str,
    until: datetime,
    is_open: bool,
    approved: int = 0,
    without: Collection[str] = (),
) -> Drawn:
    """Half of the time has passed. Rings again only while there is still something to decide.

    `does` says what would run; `approved` is how many people have agreed where one is not enough, and `without` are
    their Slack ids: nobody is called for what they have done.
    """
    people = mentions(asked, without=without) if is_open else ""
    call = f"{people}: *still" if people else "*Still"
    so_far = f" {approved} of {asked.min_approvals} people approved so far." if approved else ""
    return said(
        f"{call} waiting for a decision:* {what}, until {text.moment(until)}.{so_far} {text.stopped(does)}"
    )


def escalated(to: Escalation, *, what: str, is_open: bool) -> Drawn:
    """Nobody decided in time, and whose turn it is now; or why nobody could be asked."""
    name = f"whoever is {on_call(to.entry)}" if is_on_call(to.entry) else text.value(to.entry, 80)
    if not to.approvers:
        return said(
            f"*Not escalated:* nobody decided {what} in time, and {name} could not be asked: "
            f"{text.stopped(text.value(to.trouble, 300))}"
        )
    people = " ".join(text.mention(one) for one in to.mention[:MOST_MENTIONS]) if is_open else ""
    head = f"{people}: *Escalated*" if people else "*Escalated*"
    but = f" Not everybody could be asked: {text.stopped(text.value(to.trouble, 300))}" if to.trouble else ""
    return said(
        f"{head} to {name}: nobody decided {what} in time. It waits until {text.moment(to.expires_at)}; those asked "
        f"before may still decide.{but}"
    )


def question_reminder(asked: Asked | None, *, what: str, is_open: bool) -> Drawn:
    """A question only people can answer is still open; rings again only while it is."""
    people = mentions(asked) if asked is not None and is_open else ""
    call = f"{people}: *still" if people else "*Still"
    return said(f"{call} waiting for an answer:* {what}")


def direct_question(*, what: str, about: str, permalink: str) -> Drawn:
    """The same as a direct message; `about` (markup) says what is wrong, and where."""
    return _directly(f"*Your answer is needed:* {what}", about, permalink)


def direct(
    *, what: str, about: str, place: str, does: str, until: datetime, permalink: str, is_again: bool = False
) -> Drawn:
    """A direct message: what is to be decided, what is wrong, what would run, and the way to the thread."""
    where = f" in {text.value(place, 60)}" if place else ""
    head = "Still waiting for your decision" if is_again else "Your decision is needed"
    return _directly(
        f"*{head}:* {what}{where}, until {text.moment(until)}.", text.stopped(does), about, permalink
    )


def _directly(*lines: str) -> Drawn:
    *said_first, permalink = filter(None, lines)
    return said("\n".join([*said_first, text.link(permalink, "Open the thread")]))


def pager_not_told(reason: str) -> Drawn:
    """Words for PagerDuty that it did not take; they stand here."""
    return said(
        f"*PagerDuty was not told:* {text.stopped(text.spoken(reason, 400))} What is decided stands in this thread."
    )


def called_off(*, what: str, detail: str) -> Drawn:
    """A suggestion that may not be clicked any more because the incident is over."""
    why = text.sentence(text.value(detail, 300)) if detail else "The incident was resolved elsewhere."
    return said(f"*Called off:* {what}. {why} Nothing ran.")
