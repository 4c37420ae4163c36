"""How a run ended: how long it took, who decided what, what the metric did, what was undone and what is left."""

from __future__ import annotations

from bot.runs.check import number
from bot.runs.events import RunFinished
from bot.runs.plan import JsonObject
from bot.runs.state import Run
from bot.slack import ids, text
from bot.slack.blocks import actions, button, section
from bot.slack.views.decided import decisions
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.left import can_undo, left_standing, left_steps, undo_button
from bot.slack.views.menu import Menu, another_runbook
from bot.slack.views.run import run_title

MOST_METRICS = 12


def end(run: Run, event: RunFinished, *, version: int, is_last: bool, menu: Menu) -> Drawn:
    """How it ended, at this version; while it is the last word, with a button to undo what stands and a menu."""
    seconds = (event.at - run.opened.at).total_seconds()
    took = f" after {text.duration(max(seconds, 0.1))}"
    words = _news(run, event)
    reason = f": {text.value(words, 400)}" if words else ""
    head = f"*{run_title(run)} {_ended(event)}*{took}{reason}"
    blocks = [section(text.sentence(head))]
    if event.status not in ("succeeded", "rolled_back") and not _may_have_changed(run):
        blocks.append(section("*Nothing was changed.*"))
    decided = decisions(run, version=version)
    if decided:
        blocks.append(section(decided))
    measured = _measured(run)
    if measured:
        blocks.append(section(measured))
    undone = [text.value(state.step.name, 60) for state in run.steps.values() if state.status == "undone"]
    if is_last and undone and event.status != "rolled_back":
        blocks.append(section(f"*Undone:* {text.listed(undone)}."))
    blocks += _left(run, event, is_last=is_last)
    if is_last:
        blocks.append(actions([*([undo_button(run)] if can_undo(run) else []), _export_button(run)]))
    if is_last and event.status != "succeeded":
        blocks += another_runbook(menu, incident_id=run.incident_id, place=f"end-{run.version}")
    return drawn(text.sentence(f"{run_title(run)} {_ended(event)}{took}{reason}"), blocks)


def _news(run: Run, event: RunFinished) -> str:
    """The reason without what the message just above says: why it was rejected, that nobody came, how it failed."""
    if event.status in ("rejected", "expired"):
        return ""
    reason = event.reason
    for state in run.steps.values():
        for proposal in state.proposals:
            told = proposal.result.summary if proposal.result is not None else ""
            reason = reason.removesuffix(f": {told}") if told else reason
    return reason


def _may_have_changed(run: Run) -> bool:
    """Whether any step had, or may have had, an effect, also one that was undone since."""
    return not run.opened.dry_run and any(
        proposal.effect != "none" and proposal.started is not None and proposal.started.plan.changes
        for state in run.steps.values()
        for proposal in state.proposals
    )


def _ended(event: RunFinished) -> str:
    words = {
        "succeeded": "succeeded",
        "failed": "failed",
        "rejected": "was rejected",
        "expired": "ended undecided",
        "cancelled": "was cancelled",
        "rolled_back": "was undone",
        "rollback_incomplete": "ended with its undo incomplete",
    }
    return words[event.status]


def _left(run: Run, event: RunFinished, *, is_last: bool) -> list[JsonObject]:
    """What still stands: while this is the last word, with the way to undo it."""
    if is_last and run.with_effect:
        if event.status == "rollback_incomplete":
            return left_steps(run)
        return [section(left_standing(run))]
    if event.left:
        left = text.listed([text.value(name, 60) for name in event.left])
        return [section(f"*What stood then:* {left}. What became of it is told further down.")]
    return []


def _measured(run: Run) -> str:
    """What each checked metric came to."""
    lines = []
    for checked in run.checks.values():
        judged = checked.judged
        was = "not known" if judged.before is None else number(judged.before)
        now = "not known" if judged.after is None else number(judged.after)
        lines.append(f"• {text.code(judged.series.metric)}: {was} before, {now} after ({judged.verdict})")
    return "\n".join(["*Metric:*", *lines[:MOST_METRICS]]) if lines else ""


def _export_button(run: Run) -> JsonObject:
    return button("Export", action_id=ids.EXPORT, value=ids.run_value(ids.RunRef(run_id=run.id)))
