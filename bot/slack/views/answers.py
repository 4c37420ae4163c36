"""What a command that asks for a list is answered: runbooks, open runs, past runs; what is left out is counted.

An answer is one text: an ephemeral message needs no blocks, and a text keeps its line breaks when it is copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.catalog.schema import Runbook
from bot.intake.incident import Incident
from bot.journal.base import RunRow
from bot.runs.events import IncidentId
from bot.runs.words import RUN_WORDS
from bot.slack import text

MOST_LISTED = 40
ANSWER_LIMIT = 3500
"""Slack keeps 4,000 characters of a text whole."""

Links = Mapping[IncidentId, str]
"""Where each incident's thread is, as far as it is known."""


def list_answer(runbooks: Sequence[Runbook]) -> str:
    """Every runbook with its first line of description."""
    if not runbooks:
        return "There is no runbook in the catalog."
    lines = [
        f"• {text.code(one.name)}" + (f" {text.value(one.description, 160)}" if one.description else "")
        for one in runbooks
    ]
    return listed(
        f"*{text.count(len(lines), 'runbook')}*",
        lines,
        rest="`/runbook start` has all of them in its menu.",
    )


def status_answer(rows: Sequence[RunRow], links: Links) -> str:
    """The runs that are not over, each with the link to its thread where there is one."""
    if not rows:
        return "No run is open."
    return listed(
        f"*{text.count(len(rows), 'run')} not over*",
        [f"• {open_line(row, links.get(row.incident_id, ''))}" for row in rows],
        rest="My Home shows first what waits for you; `/runbook cancel` lists those of a channel.",
    )


def open_line(row: RunRow, url: str) -> str:
    """`scale-out on payments in staging: waiting for people, since …, run 5e6f7a8b`."""
    words = f"{RUN_WORDS.get(row.status, row.status)}{_dry(row)}"
    return f"{_named(row, url)}: {words}, since {text.moment(row.opened_at)}, run {text.short_id(row.run_id)}"


def history_answer(rows: Sequence[RunRow], links: Links, *, service: str, is_all: bool) -> str:
    """How the latest runs ended, newest first; `is_all` where there are no older ones."""
    of = f" of {text.code(service, 80)}" if service else ""
    if not rows:
        return f"There is no run{of} yet. `/runbook list` shows what could be started."
    head = f"*The last run{of}*" if len(rows) == 1 else f"*The last {len(rows)} runs{of}, newest first*"
    lines = [f"• {past_line(row, links.get(row.incident_id, ''))}" for row in rows]
    older = "" if is_all else "Older ones are left out: `runbookctl history` shows all of them."
    return listed(head, lines, after=older)


def past_line(row: RunRow, url: str) -> str:
    """`scale-out on payments in staging: succeeded after 3 min, decided by Ann, …`."""
    took = (
        f" after {text.duration((row.finished_at - row.opened_at).total_seconds())}"
        if row.finished_at
        else ""
    )
    decided = f", decided by {text.value(row.decided_by, 120)}" if row.decided_by else ""
    words = RUN_WORDS.get(row.status, row.status)
    return f"{_named(row, url)}: *{words}*{took}{_dry(row)}{decided}, {text.moment(row.opened_at)}"


def _named(row: RunRow, url: str) -> str:
    name = text.link(url, row.runbook) if url else text.code(row.runbook)
    place = " in ".join(text.value(part, 80) for part in (row.service, row.environment) if part)
    return f"{name} on {place}" if row.service and place else f"{name} in {place}" if place else name


def _dry(row: RunRow) -> str:
    return " (dry run)" if row.dry_run else ""


def listed(head: str, lines: Sequence[str], *, after: str = "", rest: str = "") -> str:
    """The head, as many lines as fit, and how many are left out; `rest` says where those are to be found."""
    room = ANSWER_LIMIT - text.size(head) - text.size(after) - text.size(rest) - 60
    shown: list[str] = []
    for line in lines[:MOST_LISTED]:
        room -= text.size(line) + 1
        if room < 0:
            break
        shown.append(line)
    left = len(lines) - len(shown)
    more = [f"… and {left} more. {rest}".rstrip()] if left else []
    return "\n".join([head, *shown, *more, *([after] if after else [])])


def looking_answer(subject: str, incident: Incident) -> str:
    """Where the report will stand."""
    if incident.permalink:
        place = f"in {text.link(incident.permalink, 'the thread of its incident')}"
    else:
        name = incident.place.channel
        where = text.value(name, 80) if name.startswith("#") else text.mention(name)
        place = f"in a new thread in {where}"
    return f"Looking into {text.value(subject, 200)}: the report comes {place}. Nothing is changed."
