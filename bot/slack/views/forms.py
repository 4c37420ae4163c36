"""The modals: why not, other parameters, start a runbook, cancel one; `typed` reads what people put into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.catalog.schema import Param
from bot.engine.operations import DecisionForm, StartForm
from bot.journal.base import RunRow
from bot.runs.plan import JsonObject
from bot.runs.words import RUN_WORDS
from bot.slack import ids, text
from bot.slack.blocks import (
    OPTION,
    OPTIONS,
    context,
    entry,
    modal,
    option,
    plain_text,
    section,
    select,
)
from bot.slack.views.inputs import param_entries
from bot.slack.views.menu import Menu

REASON_CHARACTERS = 1000
"""What a decision keeps of a reason."""
WILL_RUN_ROOM = 2000
"""The end of what runs, in a form; the proposal behind it shows all of it."""


def reject_form(ref: ids.FormRef, about: DecisionForm) -> JsonObject:
    """Why not? Says once more which step it is."""
    return modal(
        title="Reject this step",
        blocks=[
            section(f"You reject {_step(about)}. The run halts there; what was done can be undone."),
            _will_run(about),
            _reason("What speaks against it, for whoever reads the thread next"),
        ],
        callback_id=ids.REJECT_FORM,
        metadata=ids.form_metadata(ref),
        submit="Reject",
    )


def override_form(ref: ids.FormRef, about: DecisionForm) -> JsonObject:
    """Run it without its approvers? Says once more what runs, and asks why."""
    return modal(
        title="Break glass",
        blocks=[
            section(
                f"You run {_step(about)} *without the people who would have to agree*. The thread and the record "
                "show it as an OVERRIDE, with your name and reason."
            ),
            _will_run(about),
            _reason("Why it cannot wait for them"),
        ],
        callback_id=ids.OVERRIDE_FORM,
        metadata=ids.form_metadata(ref),
        submit="Override",
    )


def _step(about: DecisionForm) -> str:
    place = f" in *{text.value(about.environment, 60)}*" if about.environment else ""
    named = about.plan.part.partition(":")[0]
    part = f", {text.value(named, 40)}," if named else ""
    return f"step {text.value(about.step, 120)}{part} of runbook {text.value(about.runbook, 120)}{place}"


def _will_run(about: DecisionForm) -> JsonObject:
    return section(text.fence_end("\n".join(about.plan.will_run) or about.plan.text, WILL_RUN_ROOM))


def _reason(placeholder: str) -> JsonObject:
    element = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "multiline": True,
        "min_length": 1,
        "max_length": REASON_CHARACTERS,
        "placeholder": plain_text(placeholder, 150),
    }
    return entry("Reason", element, block_id=ids.REASON_BLOCK)


def edit_form(
    ref: ids.FormRef, *, runbook: str, step: str, params: Sequence[Param], values: Mapping[str, Any]
) -> JsonObject:
    """The runbook's parameters with the values they have now."""
    blocks = [
        section(
            f"Parameters of runbook {text.value(runbook, 120)}, for step {text.value(step, 120)}. "
            "A new proposal follows, and another person may have to approve it."
        ),
        *param_entries(params, values),
    ]
    return modal(
        title="Edit parameters",
        blocks=blocks,
        callback_id=ids.EDIT_FORM,
        metadata=ids.form_metadata(ref),
        submit="Propose again",
    )


def start_form(
    ref: ids.StartRef, *, menu: Menu, asks: StartForm | None = None, values: Mapping[str, Any] | None = None
) -> JsonObject:
    """Choose a runbook (each choice sends a `CHOOSE` action, so that its parameters can be shown), then start it."""
    options = [
        option(name, value=name, description=words)
        for name, words in menu
        if text.size(name) <= ids.OPTION_VALUE_LIMIT
    ]
    if not options:
        return modal(
            title="Start a runbook",
            blocks=[section("The catalog has no runbook to start.")],
            callback_id=ids.START_FORM,
            metadata=ids.start_metadata(ref),
            submit="",
        )
    menu_of = _grouped(options, ref.runbook)
    blocks = [entry("Runbook", menu_of, block_id=ids.RUNBOOK_BLOCK, dispatches=True)]
    if ref.runbook and asks is not None:
        described = dict(menu).get(ref.runbook, "")
        blocks += [context(text.value(described, 500))] if described else []
        blocks += param_entries(asks.params, values or {})
        blocks += _places(ref, asks)
        blocks.append(_dry_run(is_ticked=ref.dry_run))
    blocks.append(context("Nothing runs before somebody who may decide approves the first step."))
    return modal(
        title="Start a runbook",
        blocks=blocks,
        callback_id=ids.START_FORM,
        metadata=ids.start_metadata(ref),
        submit="Start",
    )


def _grouped(options: list[JsonObject], initial: str) -> JsonObject:
    """A menu of up to 10,000: beyond 100 options Slack takes groups of 100."""
    element = select(options, action_id=ids.CHOOSE, placeholder="Choose a runbook", initial=initial)
    if len(options) <= OPTIONS:
        return element
    del element["options"]
    groups = [
        options[start : start + OPTIONS] for start in range(0, min(len(options), OPTIONS * OPTIONS), OPTIONS)
    ]
    element["option_groups"] = [
        {
            "label": plain_text(f"{group[0]['value'][:30]} – {group[-1]['value'][:30]}", OPTION),
            "options": group,
        }
        for group in groups
    ]
    chosen = next((one for one in options if one["value"] == initial), None)
    return element if chosen is None else {**element, "initial_option": chosen}


def _places(ref: ids.StartRef, asks: StartForm) -> list[JsonObject]:
    """For which service, where there are several; in which environment, which only checks."""
    blocks = []
    if len(asks.services) > 1:
        menu = _menu_of(asks.services, "Choose a service", ref.service)
        blocks.append(entry("Service", menu, block_id=ids.SERVICE_BLOCK))
    if len(asks.environments) > 1:
        menu = _menu_of(asks.environments, "Wherever its steps lead", ref.environment)
        hint = "Only checks: a run that would touch another environment is refused"
        blocks.append(entry("Environment", menu, block_id=ids.ENVIRONMENT_BLOCK, hint=hint, is_optional=True))
    return blocks


def _menu_of(names: Sequence[str], placeholder: str, initial: str) -> JsonObject:
    options = [option(name, value=name) for name in names if text.size(name) <= ids.OPTION_VALUE_LIMIT]
    return select(options, action_id=ids.INPUT, placeholder=placeholder, initial=initial or None)


def _dry_run(*, is_ticked: bool) -> JsonObject:
    yes = option("Only say what would happen, change nothing", value="yes")
    box: JsonObject = {"type": "checkboxes", "action_id": ids.INPUT, "options": [yes]}
    if is_ticked:
        box["initial_options"] = [yes]
    return entry("Dry run", box, block_id=ids.DRY_RUN_BLOCK, is_optional=True)


def cancel_form(ref: ids.StartRef, *, rows: Sequence[RunRow]) -> JsonObject:
    """Which run to stop; with one there is still this question, because stopping is an act."""
    options = [
        option(
            f"{row.runbook} on {row.service or 'no service'}{f' in {row.environment}' if row.environment else ''}",
            value=row.run_id,
            description=f"{RUN_WORDS.get(row.status, row.status)}, run {row.run_id[: text.SHORT_ID]}, "
            f"since {text.utc(row.opened_at)}",
        )
        for row in rows
    ]
    first = rows[0].run_id if len(rows) == 1 else None
    menu = select(options, action_id=ids.INPUT, placeholder="Choose a run", initial=first)
    why: JsonObject = {
        "type": "plain_text_input",
        "action_id": ids.INPUT,
        "max_length": REASON_CHARACTERS,
        "placeholder": plain_text("For whoever reads the thread next", 150),
    }
    blocks = [
        entry("Run", menu, block_id=ids.RUN_BLOCK),
        entry("Reason", why, block_id=ids.REASON_BLOCK, is_optional=True),
        context(
            "What runs is stopped where it can be. What was done stays, and can be undone from the thread."
        ),
    ]
    if len(rows) > OPTIONS:
        blocks.append(
            context(
                f"{len(rows) - OPTIONS} older ones are left out: cancel them in their threads, or by the beginning "
                "of their id with `/runbook cancel RUN`."
            )
        )
    return modal(
        title="Cancel a run",
        blocks=blocks,
        callback_id=ids.CANCEL_FORM,
        metadata=ids.start_metadata(ref),
        submit="Cancel the run",
    )
