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

from bot.catalog.schema import Runbook
from bot.engine.ports import ClickRef
from bot.intake.incident import Candidate
from bot.runs.events import Actor, Asked, StepKey
from bot.runs.plan import Artifact, JsonObject, Plan
from bot.runs.policy import is_on_call
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
from bot.slack.views.check import follows
from bot.slack.views.drawn import Drawn, drawn
from bot.slack.views.menu import Menu, another_runbook
from bot.slack.views.people import asked_people, how_many, mentions, names, on_call, who
from bot.slack.views.undertaking import (
    STATE_ROOM,
    code_of,
    exactly,
    in_full,
    state,
    undertaking,
    undo_sentence,
    where,
)


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
    next_asked: str = ""
    """Whom the catalog asks when nobody decides in time; "" for nobody: then it does not run."""
    became: str = ""
    """Markup that says what became of it; "" while it can be decided."""

    @property
    def place(self) -> str:
        """`step 2 of 3`, `follow-up step 1 of 1`, `step 2 of 3, part 1 of 2`."""
        steps = getattr(self.runbook, self.step.phase)
        which = "follow-up step" if self.step.phase == "on_reject" else "step"
        part = f", {self.plan.part.partition(':')[0]}" if self.plan.part else ""
        return f"{which} {self.step.index + 1} of {len(steps)}{part}"

    @property
    def name(self) -> str:
        """The step's name."""
        steps = getattr(self.runbook, self.step.phase)
        return str(steps[self.step.index].name) if self.step.index < len(steps) else ""

    @property
    def described(self) -> str:
        """What the catalog's author says the step is for; "" where that is no more than its name."""
        steps = getattr(self.runbook, self.step.phase)
        words = str(steps[self.step.index].description).strip() if self.step.index < len(steps) else ""
        return "" if words == self.name else words

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


def offer_card(one: Offer, *, place: str, thread: str) -> list[JsonObject]:
    """The offer as one of several in a view: all that its digest covers and its buttons, or the way to where that is.

    `place` and `thread` are markup: what it is for, and the link to its thread.
    """
    code = undertaking(one.plan)
    title = "Dry run" if one.is_dry_run else "Next safe step"
    head = f"*{title}: {_does(one)}*\n{text.capital(_step(one))} of runbook {text.code(one.runbook.name)} · {place}"
    several = f" · {how_many(one.asked)}" if one.asked.min_approvals > 1 else ""
    risk = text.value(one.plan.risk or "not said", 40)
    facts = f"*Until* {text.moment(one.expires_at)} · *risk* {risk}{several} · {thread}"
    if code.is_cut:
        return [
            section(f"{head}\n{facts}"),
            section("*Not all of it fits here.* Read and decide it in its thread."),
        ]
    blocks = [section(f"{head}\n{facts}")]
    if one.asked.message:
        blocks.append(section(f"*Read this first:* {text.stopped(text.value(one.asked.message, 600))}"))
    now = text.cut_markup(state(one.plan), STATE_ROOM)
    blocks += [*code.blocks, section(f"*State now → after:* {now}")]
    progress = _progress(one)
    if progress:
        blocks.append(section(progress))
    return [*blocks, actions(_buttons(one, is_cut=False))]


def whole(one: Offer) -> Artifact:
    """Everything an approval of this offer is bound to, as a file."""
    title = f"{text.capital(one.place)} of runbook {one.runbook.name}"
    body = in_full(one.plan, title=title, digest=one.digest).encode()
    return Artifact(name=f"step-{one.step.index + 1}-in-full.txt", media_type="text/plain", body=body)


def whole_text(one: Offer) -> str:
    """The sentence that introduces the file."""
    return (
        f"{text.capital(one.place)} of runbook {text.value(one.runbook.name, 120)} in full: "
        "read this before you decide. The buttons are in the next message."
    )


def needs_file(one: Offer) -> bool:
    """Whether the message alone cannot show all of it."""
    return undertaking(one.plan).is_cut


# ------------------------------------------------------------ open


def _open(one: Offer, menu: Menu) -> Drawn:
    code = undertaking(one.plan)
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
    blocks = [header(f"{title}: {one.name or one.place}"), section(f"*{_does(one)}*\n{_runbook_line(one)}")]
    if one.described and not exactly(one.plan):
        blocks.append(section(text.sentence(planned(one))))
    if one.reason:
        blocks.append(section(f"*What is new:* {text.stopped(text.spoken(one.reason, 600))}"))
    if one.asked.message:
        blocks.append(section(f"*Read this first:* {text.stopped(text.value(one.asked.message, 600))}"))
    return blocks


def asked_for(one: Offer) -> str:
    """`step 2 of 3 (scale) of runbook scale-out`, for the middle of a sentence."""
    return f"{_step(one)} of runbook {text.value(one.runbook.name, 120)}"


def _step(one: Offer) -> str:
    return f"{one.place} ({text.value(one.name, 80)})" if one.name else one.place


def _does(one: Offer) -> str:
    """The author's purpose before the bot's own words, as what exactly runs stands below it, whole."""
    return text.value(text.capital(one.described), 300) if one.described else planned(one)


def planned(one: Offer) -> str:
    """What would run, in a sentence of the bot's own."""
    return text.value(text.capital(one.plan.text) or one.name, 300)


def _runbook_line(one: Offer) -> str:
    described = f": {text.value(one.runbook.description, 200)}" if one.runbook.description else ""
    line = f"{text.capital(one.place)} of runbook {text.code(one.runbook.name)}{described}"
    if one.plan.part:
        line += f"\n{text.capital(text.value(one.plan.part, 120))}"
    params = ", ".join(
        f"{text.value(name, 60)} = {text.value(given, 80)}" for name, given in _params(one)[:8]
    )
    if params:
        line += f"\nWith {params}"
    if one.why:
        line += f"\nWhy: {text.listed([text.spoken(why, 120) for why in one.why], most=5)}"
    return line


def _params(one: Offer) -> list[tuple[str, object]]:
    return [(name, json.dumps(one_value)) for name, one_value in one.params.items()]


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
                f"*State now → after*\n{text.cut_markup(state(one.plan), STATE_ROOM)}",
                f"*Risk*\n{text.value(one.plan.risk or 'not said', 40)}",
                f"*Who may approve*\n{text.cut_markup(asked_people(one.asked), STATE_ROOM)} ({how_many(one.asked)})",
                f"*Decide before*\n{text.moment(one.expires_at)}. {_after_that(one)}",
            ]
        )
    )
    afterwards = follows(one.runbook, one.step) if one.plan.changes and not one.is_dry_run else ""
    if afterwards:
        blocks.append(section(afterwards))
    progress = _progress(one)
    if progress:
        blocks.append(section(progress))
    blocks.append(divider())
    blocks.append(actions(_buttons(one, is_cut=is_cut)))
    if one.asked.override and not one.is_dry_run:
        blocks.append(_glass(one))
    return blocks


def _after_that(one: Offer) -> str:
    if not one.next_asked:
        return "After that it does not run."
    if is_on_call(one.next_asked):
        return f"After that whoever is {on_call(one.next_asked)} will be asked too."
    return f"After that {text.value(one.next_asked, 60)} will be asked too."


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
    if not one.is_dry_run:
        buttons.append(button("Dry run", action_id=ids.DRY_RUN, value=carried))
    if one.runbook.params:
        buttons.append(button("Edit", action_id=ids.EDIT, value=carried))
    return buttons


def _glass(one: Offer) -> JsonObject:
    """Apart from the decision itself, and only where somebody may: who exactly is found out at the click."""
    return section(
        "Can it not wait for them? Whoever the catalog names for it (`/runbook who`) may run it alone, with a reason.",
        accessory=button("Break glass", action_id=ids.OVERRIDE, value=ids.click_value(one.ref)),
    )


def _sure(one: Offer, *, is_cut: bool) -> JsonObject:
    place = f" in {one.environments}" if one.environments else ""
    is_last = one.asked.min_approvals - _people(one.approved_by) <= 1
    in_file = "Part of it is only in the file above. " if is_cut else ""
    lines = exactly(one.plan) or (one.plan.text,)
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
    limit = f"may run for {text.duration(one.plan.timeout_s)}"
    label = "What you approve" if one.is_open else "Digest"
    return context(f"{label}: {text.short_id(one.digest)} · {limit}")


def _call(one: Offer) -> str:
    """The sentence of an open offer: rings those who may decide."""
    people = mentions(one.asked)
    call = f"{people}: " if people else ""
    place = f" in {text.value(one.environments, 80)}" if one.environments else ""
    exact = (
        f" {text.sentence(planned(one))}" if one.described else ""
    )  # no code block follows in a notification
    what = f"Next safe step, {asked_for(one)}{place}: {text.sentence(_does(one))}{exact}"
    return f"{call}{what} It waits for a decision until {text.moment(one.expires_at)}."


# ------------------------------------------------------------ unattended and spent


def _unattended(one: Offer) -> Drawn:
    how = "Runs by itself, as a reviewed tag in the catalog says"
    if one.asked.trust:
        how = f"Runs without asking: {text.value(one.asked.trust, 400)}"
    if one.is_dry_run:
        how = "Dry run: nothing is changed"
    elif not one.plan.changes:
        how = "Runs by itself: it changes nothing"
    place, _ = where(one.plan.targets)
    verb = "would run" if one.is_dry_run else "runs"
    runs = f" It {verb} {place}." if one.plan.targets else ""
    blocks = [section(f"*{text.capital(_step(one))}: {_does(one)}*\n{how}.{runs}")]
    blocks += code_of(one.plan)
    blocks.append(_fine_print(one))
    words = f"{text.capital(asked_for(one))}: {text.sentence(_does(one))}"
    return drawn(f"{words} {how}.", blocks)


def _spent(one: Offer) -> Drawn:
    place, _ = where(one.plan.targets)
    blocks = [section(f"*{text.capital(_step(one))}: {_does(one)}*\n{one.became}")]
    blocks += code_of(one.plan)
    undo, _ = undo_sentence(one.plan)
    blocks.append(context(f"Proposed {place}", undo.split(" Approving")[0]))
    blocks.append(_fine_print(one))
    return drawn(f"{text.capital(asked_for(one))}: {one.became}", blocks)
