"""The App Home of one person: what waits for them with the buttons of the thread, what runs, what they decided.

A card here carries the same ids and digest as the message in the thread, and shows all that they cover. Where that does
not fit into one view, there is no Approve button but the way to the thread, where a file has it whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bot.engine.board import Ask, Decided, Deed, Kind, Matter
from bot.runs.events import IncidentId
from bot.runs.plan import JsonObject
from bot.runs.state import Run
from bot.runs.words import RUN_WORDS
from bot.slack import text
from bot.slack.blocks import MODAL_BLOCKS, context, divider, header, section
from bot.slack.run_thread import offer_of
from bot.slack.views.offer import offer_card
from bot.slack.views.run import step_title

MOST_CARDS = 6
MOST_LINES = 12
MOST_DECISIONS = 6
LINES_ROOM = 2800
"""One section holds 3,000 characters."""

_ASKED: Mapping[Kind, str] = {
    "decide": "waits for a decision",
    "unknown": "outcome unknown: say what happened",
    "undo": "its undo needs a person",
    "check": "its metric check needs a person",
}
_DEEDS: Mapping[Deed, str] = {
    "approved": "Approved",
    "rejected": "Rejected",
    "skipped": "Skipped",
    "edited": "Edited",
    "settled": "Answered for",
    "undone": "Asked to undo",
    "cancelled": "Cancelled",
    "overrode": "Broke glass for",
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything one person's Home is drawn from."""

    waiting: Sequence[Ask] = ()
    going_on: Sequence[Matter] = ()
    decided: Sequence[Decided] = ()
    links: Mapping[IncidentId, str] | None = None
    """Threads of the incidents of past decisions."""
    numbers: Sequence[str] = ()
    """Statistics in a few plain lines."""


def home(seen: Seen) -> JsonObject:
    """The view; the same for the same things seen."""
    blocks = [*_waiting(seen.waiting), *_going_on(seen.going_on, seen.waiting)]
    blocks += _decisions(seen.decided, seen.links or {})
    if seen.numbers:
        lines = [text.value(line, 300) for line in seen.numbers]
        blocks += [header("In numbers"), section(_some((f"• {line}" for line in lines), len(lines)))]
    blocks.append(context("Start something with `/runbook start`; `/runbook help` shows what else there is."))
    return view(blocks)


def view(blocks: Sequence[JsonObject]) -> JsonObject:
    """Blocks as a Home."""
    return {"type": "home", "blocks": list(blocks[:MODAL_BLOCKS])}


def closed(why: str) -> JsonObject:
    """The Home of somebody who is not told of runs."""
    return view([header("Runbooks"), section(f"Nothing is shown here: {text.value(why, 200)}.")])


# ------------------------------------------------------------ what waits


def _waiting(waiting: Sequence[Ask]) -> list[JsonObject]:
    if not waiting:
        return [header("Nothing waits for you"), section("When a step needs your decision, it stands here.")]
    blocks = [header(f"{text.count(len(waiting), 'thing waits', 'things wait')} for you")]
    for ask in waiting[:MOST_CARDS]:
        blocks += _card(ask)
    rest = waiting[MOST_CARDS:]
    if rest:
        lines = (f"• {_line(ask)}" for ask in rest)
        blocks.append(section(f"*And {len(rest)} more*\n{_some(lines, len(rest))}"))
    return blocks


def _card(ask: Ask) -> list[JsonObject]:
    place = _where(ask)
    if ask.kind != "decide" or ask.proposal is None or ask.step is None:
        words = f"*{_title(ask)}: {_ASKED[ask.kind]}*\n{place}\n{_thread(ask, 'Answer in its thread')}"
        return [section(words), divider()]
    one = offer_of(ask.run, ask.run.steps[ask.step], ask.proposal)
    if ask.is_suggestion:
        one = replace(one, ref=replace(one.ref, run_id=None), is_suggestion=True)
    return [*offer_card(one, place=place, thread=_thread(ask, "its thread")), divider()]


def _line(ask: Ask) -> str:
    until = f" until {text.moment(ask.until)}" if ask.until else ""
    place = _place(ask.run)
    return f"{_thread(ask, _title(ask))}{f' on {place}' if place else ''}: {_ASKED[ask.kind]}{until}"


def _title(ask: Ask) -> str:
    run = ask.run
    step = f"{step_title(run, ask.step)} of " if ask.step is not None else ""
    return text.capital(f"{step}{run.runbook.name}")


def _where(ask: Ask) -> str:
    title = text.value(ask.incident.facts.title, 200) if ask.incident.facts.title else ""
    return " · ".join(part for part in (_place(ask.run), title) if part)


def _place(run: Run) -> str:
    """`checkout in prod`, "" where neither is known."""
    return " in ".join(text.value(part, 80) for part in (run.opened.service, run.environment) if part)


def _thread(ask: Ask, label: str) -> str:
    url = ask.incident.permalink
    return text.link(url, label) if url else text.value(label, 120)


# ------------------------------------------------------------ what runs, what was decided


def _going_on(matters: Sequence[Matter], waiting: Sequence[Ask]) -> list[JsonObject]:
    mine = {ask.run.id for ask in waiting}
    others = [one for one in matters if one.run.id not in mine]
    if not others:
        return [header("Nothing else is running")] if mine else [header("Nothing is running")]
    lines = (f"• {_run_line(one)}" for one in others)
    return [
        header(text.count(len(others), "run goes on", "runs go on")),
        section(_some(lines, len(others))),
    ]


def _run_line(one: Matter) -> str:
    run, url = one.run, one.incident.permalink
    name = text.link(url, run.runbook.name) if url else text.code(run.runbook.name)
    place = _place(run)
    at = f", {text.value(step_title(run, run.current.key).lower(), 120)}" if run.current else ""
    dry = " (dry run)" if run.opened.dry_run else ""
    on = f" on {place}" if place else ""
    return f"{name}{on}: {RUN_WORDS[run.status]}{dry}{at}, since {text.moment(run.opened.at)}"


def _decisions(decided: Sequence[Decided], links: Mapping[IncidentId, str]) -> list[JsonObject]:
    if not decided:
        return []
    lines = []
    for one in decided[:MOST_DECISIONS]:
        step = f"{text.code(one.step, 60)} of " if one.step else ""
        url = links.get(one.incident_id, "")
        name = text.link(url, one.runbook) if url else text.code(one.runbook)
        place = " in ".join(text.value(part, 80) for part in (one.service, one.environment) if part)
        on = f" on {place}" if place else ""
        lines.append(f"• {_DEEDS[one.deed]} {step}{name}{on}, {text.moment(one.at)}")
    return [header("What you decided lately"), section(_some(lines, len(lines)))]


def _some(lines: Iterable[str], count: int) -> str:
    """As many of `count` lines as a section holds, and how many it does not; no more of them are made than shown."""
    room, shown = LINES_ROOM, []
    for line in islice(lines, MOST_LINES):
        room -= text.size(line) + 1
        if room < 0:
            break
        shown.append(line)
    left = count - len(shown)
    return "\n".join([*shown, *([f"… and {left} more: `/runbook status` shows them."] if left else [])])
