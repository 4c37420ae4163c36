"""A suggestion or proposal as people see it: everything needed to decide, whole, and what became of it.

Whoever clicks Approve must have been able to see all that the digest covers: what runs, where, and the undo that is
approved with it. What does not fit into one Slack message is put whole into a file that is posted **before** the
message with the button, and the message says so; nothing that will be executed is ever cut without these words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bot.catalog.schema import Runbook
from bot.engine.ports import ClickRef
from bot.intake.incident import Candidate
from bot.runs.events import Actor, Asked, StepKey
from bot.runs.plan import Artifact, JsonObject, Plan, Target
from bot.slack import ids, text
from bot.slack.blocks import (
    MESSAGE_TOTAL,
    Style,
    actions,
    button,
    confirm,
    context,
    divider,
    fields,
    header,
    section,
    total,
)
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.menu import Menu, another_runbook
from bot.slack.views.people import asked_people, how_many, mentions, names, who

# What a decision rests on is never cut to fit: these add up to less than a message holds, whatever the words are, and
# only prose beside it (description, reasons, names) gives way.
WILL_RUN_ROOM = 4500
UNDO_ROOM = 1000
FIELD_ROOM = 500
TARGETS = 8
PREVIEW_ROOM = 900
SPENT_ROOM = 2500


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One step put before people, whether it is still a suggestion or already part of a run."""

    ref: ClickRef
    runbook: Runbook
    step: StepKey
    plan: Plan
    digest: str
    asked: Asked
    expires_at: datetime
    params: JsonObject
    is_suggestion: bool = False
    is_dry_run: bool = False
    requester: Actor | None = None
    reason: str = ""
    why: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()
    approved_by: tuple[Actor, ...] = ()
    skipped_by: tuple[Actor, ...] = ()
    became: str = ""
    """Markup that says what became of it; "" while it can be decided."""

    @property
    def place(self) -> str:
        """`step 2 of 3`, `follow-up step 1 of 1`."""
        steps = getattr(self.runbook, self.step.phase)
        which = "follow-up step" if self.step.phase == "on_reject" else "step"
        return f"{which} {self.step.index + 1} of {len(steps)}"

    @property
    def name(self) -> str:
        """The step's name."""
        steps = getattr(self.runbook, self.step.phase)
        return str(steps[self.step.index].name) if self.step.index < len(steps) else ""

    @property
    def environments(self) -> str:
        """The environment it touches, "" where it touches none."""
        return ", ".join(sorted({one.environment for one in self.plan.targets if one.environment}))

    @property
    def is_open(self) -> bool:
        """Whether it can be decided."""
        return not self.became and not self.asked.unattended


def offer(one: Offer, *, menu: Menu = ()) -> Drawn:
    """The offer as it stands: open with its buttons, unattended as an announcement, or spent."""
    if one.asked.unattended:
        return _unattended(one)
    return _open(one, menu) if one.is_open else _spent(one)


def whole(one: Offer) -> Artifact:
    """Everything an approval of this offer is bound to, as a file."""
    body = "\n".join(_whole_lines(one))
    return Artifact(
        name=f"step-{one.step.index + 1}-in-full.txt", media_type="text/plain", body=body.encode()
    )


def whole_text(one: Offer) -> str:
    """The sentence that introduces the file."""
    return (
        f"{text.capital(one.place)} of runbook {text.value(one.runbook.name, 120)} in full: "
        "read this before you decide. The buttons are in the next message."
    )


def needs_file(one: Offer) -> bool:
    """Whether the message alone cannot show all of it."""
    return _code(one).is_cut


# ------------------------------------------------------------ open


@dataclass(frozen=True, kw_only=True)
class _Code:
    """What runs, where, and the undo, as blocks; `is_cut` where some of it is only in the file."""

    blocks: tuple[JsonObject, ...]
    is_cut: bool


def _open(one: Offer, menu: Menu) -> Drawn:
    code = _code(one)
    blocks = [*_top(one), *code.blocks, *_bottom(one, is_cut=code.is_cut), _fine_print(one)]
    if one.is_suggestion:
        blocks += another_runbook(
            menu,
            incident_id=one.ref.incident_id,
            place=one.ref.proposal_id,
            candidates=one.others,
            without=one.runbook.name,
            room=MESSAGE_TOTAL - total(blocks) - 100,
        )
    return drawn(_call(one), blocks, kept=code.blocks)


def _top(one: Offer) -> list[JsonObject]:
    title = "Dry run" if one.is_dry_run else "Next safe step"
    blocks = [header(f"{title}: {one.place}"), section(f"*{_does(one)}*\n{_runbook_line(one)}")]
    if one.reason:
        blocks.append(section(f"*What is new:* {text.sentence(text.value(one.reason, 600))}"))
    if one.asked.message:
        blocks.append(section(f"*Read this first:* {text.sentence(text.value(one.asked.message, 600))}"))
    return blocks


def _does(one: Offer) -> str:
    return text.value(text.capital(one.plan.text) or one.name, 300)


def _runbook_line(one: Offer) -> str:
    described = f": {text.value(one.runbook.description, 200)}" if one.runbook.description else ""
    line = f"{text.capital(one.place)} of runbook {text.code(one.runbook.name)}{described}"
    params = ", ".join(
        f"{text.value(name, 60)} = {text.value(given, 80)}" for name, given in _params(one)[:8]
    )
    if params:
        line += f"\nWith {params}"
    if one.why:
        line += f"\nWhy: {text.listed([text.value(why, 120) for why in one.why], most=5)}"
    return line


def _params(one: Offer) -> list[tuple[str, object]]:
    return [(name, json.dumps(one_value)) for name, one_value in one.params.items()]


def _code(one: Offer) -> _Code:
    """A function of the plan alone, so whether there is a file never changes while people decide."""
    plan = one.plan
    where, where_is_cut = _where(plan.targets)
    undo_text, undo_is_cut = _undo_text(plan)
    undo_runs = text.fenced("\n".join(plan.undo.will_run), UNDO_ROOM) if plan.undo.will_run else None
    lines = "\n".join(_exactly(plan))
    runs = text.fenced(lines, WILL_RUN_ROOM) if lines.strip() else None
    is_cut = where_is_cut or undo_is_cut or text.size(_state(plan)) > FIELD_ROOM
    is_cut = is_cut or any(not part.is_whole for part in (runs, undo_runs) if part)
    if runs is not None and not runs.is_whole:
        runs = text.fenced(lines, PREVIEW_ROOM)  # the file has it: no wall of text as well
    blocks = [section(f"*This runs* {where}:" if runs else f"*Where:* {where}")]
    blocks += [section(piece) for piece in runs.texts] if runs else []
    blocks.append(section(undo_text + (" It would run:" if undo_runs else "")))
    blocks += [section(piece) for piece in undo_runs.texts] if undo_runs else []
    return _Code(blocks=tuple(blocks), is_cut=is_cut)


def _exactly(plan: Plan) -> tuple[str, ...]:
    """What runs, as a person would read it; a type that has no words for it shows its input."""
    if plan.will_run or not plan.input:
        return plan.will_run
    return (f"{plan.type} {json.dumps(plan.input, ensure_ascii=False, sort_keys=True)}",)


def _where(targets: Sequence[Target]) -> tuple[str, bool]:
    if not targets:
        return "(it touches no target)", False
    by_environment: dict[str, list[str]] = {}
    for target in targets[:TARGETS]:
        by_environment.setdefault(target.environment, []).append(_target(target))
    parts = [
        f"{f'in *{text.value(name, 40)}* ' if name else ''}on {text.listed(group, most=TARGETS)}"
        for name, group in by_environment.items()
    ]
    more = f" and {len(targets) - TARGETS} more" if len(targets) > TARGETS else ""
    is_cut = bool(more) or any(text.size(one.name) > 40 or text.size(one.environment) > 30 for one in targets)
    return ", ".join(parts) + more, is_cut


def _target(target: Target) -> str:
    if target.kind == "channel":
        return text.mention(target.name)
    return text.code(f"{target.kind} {target.name}", 60)


def _undo_text(plan: Plan) -> tuple[str, bool]:
    undo = plan.undo
    words = text.value(undo.text, 250) if undo.text else ""
    is_cut = text.size(undo.text) > 250 or text.CUT_MARK in words
    match undo.kind:
        case "step":
            said = f"*Undo:* {words or 'by the step below'}. Approving this approves its undo too."
        case "manual":
            said = f"*Undo:* only by hand: {words or 'nobody wrote down how'}."
        case "none":
            said = f"*Undo:* none. {text.sentence(words)}"
    return said.replace("..", "."), is_cut


def _bottom(one: Offer, *, is_cut: bool) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if is_cut:
        blocks.append(
            section(
                "*Not all of it fits here.* The file above shows it in full: read that before you decide."
            )
        )
    blocks.append(
        fields(
            [
                f"*State now → after*\n{text.cut_markup(_state(one.plan), FIELD_ROOM)}",
                f"*Risk*\n{text.value(one.plan.risk or 'not said', 40)}",
                f"*Who may approve*\n{text.cut_markup(asked_people(one.asked), FIELD_ROOM)} ({how_many(one.asked)})",
                f"*Decide before*\n{text.moment(one.expires_at)}. After that it does not run.",
            ]
        )
    )
    progress = _progress(one)
    if progress:
        blocks.append(section(progress))
    blocks.append(divider())
    blocks.append(actions(_buttons(one, is_cut=is_cut)))
    return blocks


def _state(plan: Plan) -> str:
    lines = [
        f"{text.value(label, 60)}: {text.value(shown, FIELD_ROOM)}" for label, shown in plan.shown.items()
    ]
    if not plan.observable:
        lines.append("state not observable")
    if not plan.changes:
        lines.append("changes nothing")
    return "\n".join(lines) or "nothing to show"


def _progress(one: Offer) -> str:
    needed = one.asked.min_approvals
    lines = []
    if one.approved_by:
        missing = needed - _people(one.approved_by)
        lines.append(
            f"*{_people(one.approved_by)} of {needed} approved:* {names(list(one.approved_by))}. "
            f"{text.count(missing, 'more person', 'more people')} must agree."
        )
    if one.skipped_by:
        lines.append(
            f"*{_people(one.skipped_by)} of {needed} asked to skip it:* {names(list(one.skipped_by))}."
        )
    if one.requester is not None and not one.asked.allow_self_approval:
        lines.append(f"{who(one.requester)} asked for it, so somebody else must approve it.")
    return "\n".join(lines)


def _people(actors: Sequence[Actor]) -> int:
    return len({actor.person for actor in actors})


def _buttons(one: Offer, *, is_cut: bool) -> list[JsonObject]:
    carried = ids.click_value(one.ref)
    buttons = [
        button(
            "Approve", action_id=ids.APPROVE, value=carried, style="primary", asks=_sure(one, is_cut=is_cut)
        ),
        button("Reject", action_id=ids.REJECT, value=carried, style="danger"),
        button("Skip", action_id=ids.SKIP, value=carried, asks=_sure_to_skip(one)),
    ]
    if one.runbook.params:
        buttons.append(button("Edit", action_id=ids.EDIT, value=carried))
    return buttons


def _sure(one: Offer, *, is_cut: bool) -> JsonObject:
    place = f" in {one.environments}" if one.environments else ""
    is_last = one.asked.min_approvals - _people(one.approved_by) <= 1
    in_file = "Part of it is only in the file above. " if is_cut else ""
    lines = _exactly(one.plan) or (one.plan.text,)
    more = f" … and {len(lines) - 1} more" if len(lines) > 1 else ""
    style: Style = "danger" if one.plan.risk == "high" else "primary"
    return confirm(
        title=text.cut(f"{'Run this' if is_last else 'Approve this'}{place}?", 100),
        words=in_file + text.cut(text.one_line(text.exact(lines[0])), 200) + more,
        yes="Run it" if is_last else "Approve",
        style=style,
    )


def _sure_to_skip(one: Offer) -> JsonObject:
    return confirm(
        title="Go on without this step?",
        words=f"{text.capital(one.place)} ({text.cut(one.name, 80)}) will not run; the runbook goes on after it.",
        yes="Skip it",
    )


def _fine_print(one: Offer) -> JsonObject:
    limit = f"time limit {text.duration(one.plan.timeout_s)}"
    label = "What you approve" if one.is_open else "Digest"
    return context(f"{label}: {text.code(one.digest[:8])} · {limit}")


def _call(one: Offer) -> str:
    """The sentence of an open offer: rings those who may decide."""
    people = mentions(one.asked)
    place = f" in {text.value(one.environments, 80)}" if one.environments else ""
    return (
        f"{f'{people}: ' if people else ''}Next safe step, {one.place} of runbook {text.value(one.runbook.name, 120)}"
        f"{place}: {text.sentence(_does(one))} It waits for a decision until {text.moment(one.expires_at)}."
    )


# ------------------------------------------------------------ unattended and spent


def _unattended(one: Offer) -> Drawn:
    how = "Runs by itself, as a reviewed tag in the catalog says"
    if one.is_dry_run:
        how = "Dry run: nothing is changed"
    elif not one.plan.changes:
        how = "Runs by itself: it changes nothing"
    where, _ = _where(one.plan.targets)
    runs = f" It runs {where}." if one.plan.targets else ""
    blocks = [section(f"*{text.capital(one.place)}: {_does(one)}*\n{how}.{runs}")]
    blocks += _short_code(one.plan)
    blocks.append(_fine_print(one))
    words = f"{text.capital(one.place)} of runbook {text.value(one.runbook.name, 120)}: {text.sentence(_does(one))}"
    return drawn(f"{words} {how}.", blocks)


def _spent(one: Offer) -> Drawn:
    where, _ = _where(one.plan.targets)
    blocks = [section(f"*{text.capital(one.place)}: {_does(one)}*\n{one.became}")]
    blocks += _short_code(one.plan)
    undo, _ = _undo_text(one.plan)
    blocks.append(context(f"Proposed {where}", undo.split(" Approving")[0]))
    blocks.append(_fine_print(one))
    return drawn(
        f"{text.capital(one.place)} of runbook {text.value(one.runbook.name, 120)}: {one.became}", blocks
    )


def _short_code(plan: Plan) -> list[JsonObject]:
    lines = "\n".join(_exactly(plan))
    return [section(piece) for piece in text.fenced(lines, SPENT_ROOM).texts] if lines.strip() else []


# ------------------------------------------------------------ in full


def _whole_lines(one: Offer) -> list[str]:
    plan = one.plan
    lines = [
        f"{text.capital(one.place)} of runbook {one.runbook.name}: {plan.text}",
        "",
        "This runs:",
        *(f"  {line}" for entry in _exactly(plan) for line in text.exact(entry).split("\n")),
        "",
        "Where:",
        *(f"  {target.key}  {target.environment or 'no environment'}" for target in plan.targets),
        "",
        "State now and after:",
        *(f"  {label}: {shown}" for label, shown in plan.shown.items()),
        *([] if plan.observable else ["  state not observable"]),
        "",
        f"Depends on: {json.dumps(plan.guarded, ensure_ascii=False, sort_keys=True)}" if plan.guarded else "",
        "",
        f"Undo ({plan.undo.kind}): {plan.undo.text}",
        *(f"  {line}" for entry in plan.undo.will_run for line in text.exact(entry).split("\n")),
        "",
        f"Risk: {plan.risk}",
        f"Time limit: {text.duration(plan.timeout_s)}",
        f"Digest: {one.digest}",
        "",
    ]
    return [line for before, line in pairwise(["", *lines]) if line or before]
