"""A simulation as the thread it would become, in plain words: for the terminal and for a message nobody else sees.

Every message stands where it would first appear, drawn from what was true then; what people press stands between
them. Live messages change afterwards, and what they change to is what the next message says, so only the run's card
is shown once more, as it would stand in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.catalog.schema import Catalog
from bot.engine.simulation.fixture import TOOK_S
from bot.engine.simulation.story import Scene, Simulation
from bot.intake.incident import Incident
from bot.runs.words import RUN_WORDS
from bot.slack import text
from bot.slack.message import Message
from bot.slack.thread import messages
from bot.slack.transcript import transcript

PAUSE = timedelta(minutes=2)
"""From here on it is said how much time has passed: a person took their minute, or a check waited."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing of a simulated thread: a message, or what somebody pressed."""

    at: datetime
    by: str
    """`bot`, or who pressed."""
    key: str
    """The message's key; "" for what was pressed."""
    text: str
    """A paragraph, speaker first."""


def said(simulation: Simulation, catalog: Catalog) -> tuple[Said, ...]:
    """Everything the thread would show and people would press, in order."""
    return tuple(_said(simulation, catalog))


def conversation(simulation: Simulation, catalog: Catalog) -> str:
    """The whole of it as text: what fits and why, the thread, and how it ended."""
    return "\n".join(_paragraphs(simulation, catalog))


def _paragraphs(simulation: Simulation, catalog: Catalog) -> Iterator[str]:
    yield (
        "Simulated: nothing was read, sent or changed, and nobody was asked.\n"
        f"What is not known succeeds, takes {TOOK_S:g} s a step, and people decide within a minute.\n"
    )
    yield "\n".join(_ranking(simulation)) + "\n"
    before = simulation.scenes[0].at
    for one in said(simulation, catalog):
        if one.at - before >= PAUSE:
            yield f"… {text.duration((one.at - before).total_seconds())} later\n"
        before = one.at
        yield one.text
    yield "\n".join(_ending(simulation)) + "\n"


def _ranking(simulation: Simulation) -> Iterator[str]:
    if not simulation.candidates:
        yield "No runbook fits:"
    else:
        yield "What fits, best first:"
    for place, one in enumerate(simulation.candidates, start=1):
        is_played = one.runbook == simulation.played
        words = "; ".join(one.why)
        unsure = "" if one.evaluable else " (only perhaps: it is never suggested by itself)"
        yield f"  {place}. {one.runbook}{' (played below)' if is_played else ''}: {words}{unsure}"
    for other in simulation.excluded:
        yield f"  -  {other.runbook}: {other.reason}"


def _said(simulation: Simulation, catalog: Catalog) -> Iterator[Said]:
    shown: set[str] = set()
    for scene in simulation.scenes:
        if scene.by:
            yield Said(at=scene.at, by=scene.by, key="", text=f"{scene.by} → [{scene.deed}]\n")
        for message in _thread(scene, catalog):
            if message.key not in shown:
                shown.add(message.key)
                yield _spoken(scene, message)
    last = simulation.scenes[-1]
    for message in _thread(last, catalog):
        if message.key.startswith("run:"):
            card = transcript([message]).removeprefix("bot:")
            yield Said(at=last.at, by="bot", key=message.key, text=f"the run's card, in the end:{card}")


def _spoken(scene: Scene, message: Message) -> Said:
    return Said(at=scene.at, by="bot", key=message.key, text=transcript([message]))


def _thread(scene: Scene, catalog: Catalog) -> Sequence[Message]:
    service = catalog.services.get(scene.incident.facts.service)
    links: Mapping[str, str] = service.links if service else {}
    menu = [(one.name, one.description) for _, one in sorted(catalog.runbooks.items())]
    return messages(scene.incident, scene.runs, {}, menu, links=links)


def _ending(simulation: Simulation) -> Iterator[str]:
    if not simulation.runs:
        yield f"Nothing would run{_why_nothing(simulation.incident)}."
    for run in simulation.runs:
        ended = RUN_WORDS.get(run.status, run.status)
        reason = f" ({run.finished.reason})" if run.finished is not None and run.finished.reason else ""
        yield f"How it would end: {ended}{reason}."
        if simulation.walked_back:
            yield f"Undone, in this order: {', '.join(simulation.walked_back)}."
        left = run.finished.left if run.finished is not None else ()
        if left:
            yield f"What these did would still stand: {', '.join(left)}."
    for name in simulation.unused:
        yield f"Nothing asked for this part of the fixture: {name}."


def _why_nothing(incident: Incident) -> str:
    if incident.nothing is not None:
        return f": {incident.nothing.reason}"
    suggested = [str(one.made.runbook["name"]) for one in incident.suggestions]
    return f": nobody could be found who may approve {suggested[-1]}" if suggested else ""
