"""What became of a suggestion or proposal, in one line that takes the place of its buttons."""

from __future__ import annotations

from bot.intake.incident import Suggestion
from bot.runs.state import Proposal, Run
from bot.slack import text
from bot.slack.views.people import OVERRIDE, names, who


def of_proposal(run: Run, proposal: Proposal) -> str:
    """Markup that says how it ended; "" while it can be decided."""
    ended = _ended(proposal)
    if ended:
        return ended
    approvers = names([one.actor for one in proposal.approvals])
    by = f"Approved by {approvers}." if approvers else "It runs by itself."
    if proposal.overridden is not None:
        by = f"{OVERRIDE} by {who(proposal.overridden.actor)}, without its approvers."
    if proposal.started is not None:
        return f"*{by}* It started at {text.clock(proposal.started.at)}."
    if run.cancel is not None:
        return f"*Called off:* {who(run.cancel.actor)} cancelled the run."
    if run.is_finished:
        return "*Called off:* the run is over."
    if not proposal.has_quorum:
        return ""
    if run.queued is not None:
        waiting = f"{text.value(run.queued.waiting_for, 200)} (place {run.queued.position} in the line)"
        return f"*{by}* It waits for {waiting}."
    return f"*{by}* It is about to run."


def _ended(proposal: Proposal) -> str:
    if proposal.voided is not None:
        return f"*Called off:* {text.sentence(text.value(proposal.voided.reason, 300))}"
    if proposal.edited is not None:
        return f"*Edited* by {who(proposal.edited.actor)}: the new proposal is below."
    if proposal.rejected is not None:
        reason = text.stopped(text.value(proposal.rejected.reason, 300))
        return f"*Rejected* by {who(proposal.rejected.actor)}: {reason}"
    if proposal.skipped is not None:
        return f"*Skipped* by {names([one.actor for one in proposal.skips])}."
    if proposal.expired is not None:
        return "*Expired:* nobody decided in time, so it did not run."
    return ""


def of_suggestion(suggestion: Suggestion, run: Run | None) -> str:
    """The same for a suggestion, which is the first proposal of its run once somebody clicked."""
    if suggestion.withdrawn is not None:
        return _withdrawn(suggestion.withdrawn.reason, suggestion.withdrawn.detail)
    if suggestion.run_id is None:
        return ""
    found = run.proposal(suggestion.made.suggestion_id) if run is not None else None
    return (
        of_proposal(run, found[1])
        if run is not None and found is not None
        else "*Taken:* a run was opened from it."
    )


def _withdrawn(reason: str, detail: str) -> str:
    more = f" {text.sentence(text.value(detail, 300))}" if detail else ""
    match reason:
        case "expired":
            return "*Expired:* nobody decided in time, so it did not run."
        case "replaced":
            return f"*Replaced* by the suggestion below.{more}"
        case "drifted":
            return f"*Called off:* the state changed since.{more}"
        case _:
            return f"*Called off.*{more or ' The incident was resolved elsewhere.'}"
