"""The menu "Another runbook": what fits best first, then the rest of the catalog, as much as Slack takes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.intake.incident import Candidate
from bot.runs.events import IncidentId
from bot.runs.plan import JsonObject
from bot.slack import ids, text
from bot.slack.blocks import OPTION, OPTIONS, actions, context, option, section, select
from bot.slack.views.drawn import Drawn, drawn

Menu = Sequence[tuple[str, str]]
"""Name and description of every runbook in the catalog."""

TEXT_ROOM = 2500
"""Characters all options may hold together: they count against the whole message."""

_MENU_COST = 200
"""The blocks around the options, and the line that says how many are missing."""


def another_runbook(
    menu: Menu,
    *,
    incident_id: IncidentId,
    place: str,
    candidates: Sequence[Candidate] = (),
    without: str = "",
    placeholder: str = "Another runbook",
    room: int = TEXT_ROOM,
) -> list[JsonObject]:
    """Blocks with the menu, in what `room` the message has for it; none when there is nothing else to choose."""
    options, left_out = _options(_ranked(menu, candidates, without), min(room, TEXT_ROOM) - _MENU_COST)
    blocks: list[JsonObject] = []
    if options:
        menu_of = select(options, action_id=ids.CHOOSE, placeholder=placeholder)
        blocks.append(actions([menu_of], block_id=ids.menu_block(incident_id, place)))
    if left_out:
        blocks.append(
            context(f"{text.count(left_out, 'more runbook')}: {text.code('/runbook list')} shows them all.")
        )
    return blocks


def with_menu(words: str, menu_blocks: Sequence[JsonObject]) -> Drawn:
    """A sentence with the menu under it."""
    return drawn(words, [section(words), *menu_blocks])


def _ranked(menu: Menu, candidates: Sequence[Candidate], without: str) -> list[tuple[str, str]]:
    described = dict(menu)
    fitting = {one.runbook: "; ".join(one.why) for one in candidates if one.runbook in described}
    rest = {name: words for name, words in described.items() if name not in fitting}
    return [(name, words) for name, words in {**fitting, **rest}.items() if name and name != without]


def _options(choices: list[tuple[str, str]], room: int) -> tuple[list[JsonObject], int]:
    """As many options as fit, and how many do not; descriptions only where all of them fit."""
    usable = [(name, words) for name, words in choices if text.size(name) <= ids.OPTION_VALUE_LIMIT]
    shown = usable[:OPTIONS]
    needed = sum(min(text.size(name), OPTION) + min(text.size(words), OPTION) for name, words in shown)
    options: list[JsonObject] = []
    if needed <= room:
        options = [option(name, value=name, description=words) for name, words in shown]
    else:
        for name, _ in shown:
            room -= min(text.size(name), OPTION)
            if room < 0:
                break
            options.append(option(name, value=name))
    return options, len(choices) - len(options)
