"""Where steps may run: do their targets stand in the allowed environments, and can what was changed be taken back.

The rule is `runs.policy.check_place`'s, asked before anybody is paged: every level that names scopes must allow the
place (an action by its scopes and promotions, a runbook and what it says at a step by its own), and an undo is approved
with its step, so its targets count like the step's.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.catalog.dialect import rules_of
from bot.catalog.parts import Action, Book, Part
from bot.catalog.places import changes, environments_by_service, environments_of
from bot.catalog.schema import Catalog, Rules
from bot.catalog.source import Location


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note steps that could never run where they are meant to, and changes without a way back."""
    for part in owner.parts:
        if not part.is_sound:
            continue
        _outside(part, catalog)
        _outside_everywhere(part, catalog)
        if not part.is_reference and not part.is_rollback:
            _way_back(part)
            _unattended(part)
    _unreachable(owner, catalog)


def _way_back(part: Part) -> None:
    is_said = part.step.irreversible or part.at("rollback") in part.document.values
    if changes(part.step) and not is_said:
        part.document.report(
            "RB042",
            f"{part.step.name!r} changes something and says nothing about the way back",
            _telling(part),
            hint='add rollback: (a command, a step, or {manual: "…"}), or irreversible: true'
            + ("; read_only: true when it only looks" if part.step.type == "shell" else ""),
        )


def _telling(part: Part) -> Location:
    """The key that best stands for the step."""
    keys = ("action",) if part.is_reference else ("id", "name", "command", "type")
    return next((part.at(key) for key in keys if part.at(key) in part.document.values), part.at())


def _unattended(part: Part) -> None:
    step = part.step
    rules = step.action_rules if part.phase == "action" else step.rules
    is_scoped = rules.scopes is not None or part.owner.head.safety.scopes is not None
    if rules.requires_approval is False and changes(step) and not is_scoped:
        part.document.report(
            "RB047",
            f"{step.name!r} is to run unattended, but without scopes it asks everywhere",
            _telling(part),
            hint="name the environments under safety: {scopes: […]}",
        )


def _outside(part: Part, catalog: Catalog) -> None:
    """A target that is written out."""
    for place in sorted(environments_of(part.step, catalog) or ()):
        allowed = _allowed_instead(part, place, catalog)
        if allowed is not None:
            _report_outside(part, f"would touch {place}, where it may not run", allowed)


def _outside_everywhere(part: Part, catalog: Catalog) -> None:
    """The host of the service, where none is written out: it is enough that the step may run for one service."""
    runbook = part.owner.runbook if isinstance(part.owner, Book) and not part.is_rollback else None
    places = sorted(environments_by_service(part.step, runbook, catalog)) if runbook is not None else []
    answers = [_allowed_instead(part, place, catalog) for place in places]
    refused = [allowed for allowed in answers if allowed is not None]
    if places and len(refused) == len(places):
        where = " and ".join(places)
        _report_outside(
            part, f"would run on the service's own host in {where}, where it may not run", refused[0]
        )


def _allowed_instead(part: Part, place: str, catalog: Catalog) -> set[str] | None:
    """The environments that the first level to forbid this one does allow; None where all of them allow it."""
    for rules, digest in _levels(_undone(part) if part.is_rollback else part):
        allowed: set[str] = {*(rules.scopes or ()), *catalog.promotions.get(digest, ())}
        if rules.scopes is not None and place not in allowed:
            return allowed
    return None


def _report_outside(part: Part, what: str, allowed: set[str]) -> None:
    part.document.report(
        "RB046",
        f"{part.step.name!r} {what} (allowed: {', '.join(sorted(allowed)) or 'nowhere'})",
        _telling(part),
        hint="promote it there with evidence, or add the environment to its scopes",
    )


def _undone(part: Part) -> Part:
    """The step that a rollback is of."""
    return next(
        other for other in part.owner.parts if not other.is_rollback and other.location == part.location[:-1]
    )


def _levels(part: Part) -> Iterator[tuple[Rules, str]]:
    """Everything that may say where a step runs, each with the digest whose promotions widen it."""
    step = part.step
    if step.action:
        yield step.action_rules, step.digest
    if isinstance(part.owner, Book):
        digest = part.owner.runbook.digest if part.owner.runbook is not None else ""
        yield step.rules, digest
        yield rules_of(part.owner.head.safety), digest


def _unreachable(owner: Action | Book, catalog: Catalog) -> None:
    """An environment in `scopes` that no written-out target is in: a slip, or a target that was forgotten."""
    if not all(part.is_sound for part in owner.parts):
        return
    inline = [part for part in owner.parts if not part.is_reference and not part.is_rollback]
    found = [environments_of(part.step, catalog) for part in inline]
    reachable: set[str] = set()
    for environments in found:
        if environments is None:
            return
        reachable |= environments
    if not reachable:
        return
    for index, name in enumerate(owner.head.safety.scopes or ()):
        if name in catalog.environments and name not in reachable:
            owner.document.report(
                "RB043",
                f"{name} is allowed, but nothing here is in it (only in {', '.join(sorted(reachable))})",
                ("safety", "scopes", index),
            )
