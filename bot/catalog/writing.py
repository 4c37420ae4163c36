"""From what is written to what is meant: action files and runbook files of both dialects made `Step`s and `Runbook`s.

Actions come first, then the runbooks that use them. A file that is partly wrong is read as far as it goes, so
that one report tells everything; `parts` keeps each step with its place for lint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.catalog.binding import in_terms_of, rollback_for, with_defaults
from bot.catalog.checking import checked
from bot.catalog.dialect import ActionHead, ParamSpec, RunbookHead, StepHead, rules_of
from bot.catalog.digests import runbook_digest
from bot.catalog.parts import Action, Book, InputModels, Part, Phase
from bot.catalog.schema import (
    APPROVAL_TIMEOUT_S,
    STEP_TIMEOUT_S,
    ActionId,
    Param,
    Rules,
    Runbook,
    RunbookName,
    Schedule,
    Step,
    Trigger,
)
from bot.catalog.source import Document, Location
from bot.catalog.steps import StepReader, data_at

_SLUG = re.compile(r"[^A-Za-z0-9_-]+")


class Writing:
    """Reads actions first, then runbooks; every mistake is noted in the document it was made in."""

    def __init__(self, input_models: InputModels, *, root: Path) -> None:
        self.input_models = input_models
        self.steps = StepReader(input_models, root=root)
        self.books: dict[str, Book] = {}
        self.unsound: list[Action | Book] = []
        """Files that were read in part; only their texts are looked at."""

    @property
    def actions(self) -> dict[str, Action]:
        """The actions that were understood, by id."""
        return self.steps.actions

    @property
    def owners(self) -> list[Action | Book]:
        """Everything that was understood."""
        return [*self.actions.values(), *self.books.values()]

    # ------------------------------------------------------------ actions

    def add_action(self, document: Document) -> None:
        """Read an action file, all but its rollback."""
        if not isinstance(document.data, dict):
            _not_a_mapping(document, "an action")
            return
        head_data, given = self.steps.split(document, (), ActionHead)
        head = checked(ActionHead, head_data, document)
        kind = self.steps.kind(document, ())
        is_sound = self.steps.check_input(document, (), kind, given) if kind else False
        if head is None or kind is None or not is_sound:
            self.steps.broken_actions.add(str(document.data.get("id")))
            if head is not None:
                self._keep_unsound_action(document, head, kind or "", given)
            return
        if head.id in self.actions:
            first = self.actions[head.id].document.path
            document.report(
                "RB020", f"the action id {head.id!r} is used twice", ("id",), hint=f"first in {first}"
            )
            return
        params = params_of(head.params)
        step = self.steps.step(
            head, name=head.id, kind=kind, given=given, params=params, action=ActionId(head.id)
        )
        step = step.model_copy(update={"rules": Rules(), "action_rules": head.rules})
        self.actions[head.id] = Action(document, head, params, self.steps.digested(step))

    def _keep_unsound_action(
        self, document: Document, head: ActionHead, kind: str, given: dict[str, Any]
    ) -> None:
        step = Step(name=head.id, type=kind, input={**given, "rollback": head.rollback})
        action = Action(document, head, params_of(head.params), step)
        action.parts.append(Part(document, (), step, "action", action, is_sound=False))
        self.unsound.append(action)

    def finish_actions(self) -> None:
        """Read the rollbacks, now that every action is known, and fix the digests."""
        finished: dict[str, Step] = {}
        for action in self.actions.values():
            action.parts.append(Part(action.document, (), action.step, "action", action))
            rollback = self.steps.rollback(
                action.document, (), action.head.rollback, action.step, action, "action"
            )
            finished[action.head.id] = self.steps.digested(
                action.step.model_copy(update={"rollback": rollback})
            )
        # Only now: a rollback that names another action takes it as it is without its own rollback.
        for name, step in finished.items():
            action = self.actions[name]
            action.step = step
            action.parts[0] = Part(action.document, (), step, "action", action)

    # ------------------------------------------------------------ runbooks

    def add_runbook(self, document: Document) -> None:
        """Read a runbook file whole; actions must be finished."""
        if not isinstance(document.data, dict):
            _not_a_mapping(document, "a runbook")
            return
        head = checked(RunbookHead, document.data, document)
        if head is None:
            self._check_steps_alone(document)
            return
        if head.name in self.books:
            first = self.books[head.name].document.path
            message = f"the runbook name {head.name!r} is used twice"
            document.report("RB020", message, ("name",), hint=f"first in {first}")
            return
        book = Book(document, head, params_of(head.params))
        taken: set[str] = set()
        steps = self._steps(book, "steps", head.steps, taken)
        on_reject = self._steps(book, "on_reject", head.on_reject, taken)
        self.books[head.name] = book
        if steps is None or on_reject is None:
            return
        runbook = _runbook(book, steps, on_reject)
        book.runbook = runbook.model_copy(update={"digest": runbook_digest(runbook)})

    def _check_steps_alone(self, document: Document) -> None:
        """The head is wrong, yet the steps can still be told about in the same report."""
        book = Book(document, RunbookHead(name="unnamed", steps=[None]), ())
        for phase in ("steps", "on_reject"):
            written = document.data.get(phase)
            if isinstance(written, list):
                self._steps(book, "steps" if phase == "steps" else "on_reject", written, set())

    def _steps(
        self, book: Book, phase: Phase, written: list[Any], taken: set[str]
    ) -> tuple[Step, ...] | None:
        found: list[Step] = []
        for index, data in enumerate(written):
            location: Location = (phase, index)
            if not isinstance(data, dict):
                book.document.report(
                    "RB012", "a step is a mapping", location, hint="- action: ID, or - type: …"
                )
                continue
            name = _claim_name(book.document, location, data, taken)
            if "action" in data and "type" not in data:
                step = self._reference(book, phase, location, name)
            else:
                step = self._inline(book, phase, location, name)
            if step is not None:
                found.append(step)
        return tuple(found) if len(found) == len(written) else None

    def _inline(self, book: Book, phase: Phase, location: Location, name: str) -> Step | None:
        document = book.document
        head_data, given = self.steps.split(document, location, StepHead)
        head = checked(StepHead, head_data, document, location)
        kind = self.steps.kind(document, location)
        is_sound = self.steps.check_input(document, location, kind, given) if kind else False
        if head is None or kind is None or not is_sound:
            broken = Step(name=name, type=kind or "", input=data_at(document, location))
            book.parts.append(Part(document, location, broken, phase, book, is_sound=False))
            return None
        step = self.steps.step(head, name=name, kind=kind, given=given)
        switch = rules_of(book.head.safety).requires_approval
        if step.rules.requires_approval is None and switch is not None:
            step = step.model_copy(
                update={"rules": step.rules.model_copy(update={"requires_approval": switch})}
            )
        position = len(book.parts)
        rollback = self.steps.rollback(document, location, head.rollback, step, book, phase)
        step = self.steps.digested(step.model_copy(update={"rollback": rollback}))
        book.parts.insert(position, Part(document, location, step, phase, book))
        return step

    def _reference(self, book: Book, phase: Phase, location: Location, name: str) -> Step | None:
        document = book.document
        action, head = self.steps.referenced(document, location)
        if action is None or head is None:
            broken = Step(name=name, type="", input=data_at(document, location))
            book.parts.append(Part(document, location, broken, phase, book, is_sound=False))
            return None
        position = len(book.parts)
        bound = in_terms_of(action.step.input, with_defaults(action, head.arguments))
        undone = action.step.model_copy(update={"input": bound})
        rollback = self.steps.rollback(document, location, head.rollback, undone, book, phase)
        written = action.head
        step = action.step.model_copy(
            update={
                "name": name,
                "description": head.description or action.step.description,
                "arguments": head.arguments,
                "rules": head.rules,
                "timeout_s": _shorter(written.timeout_seconds, head.timeout_seconds, STEP_TIMEOUT_S),
                "approval_timeout_s": 60
                * _shorter(
                    written.approval_timeout_minutes, head.approval_timeout_minutes, APPROVAL_TIMEOUT_S / 60
                ),
                "expect": (*action.step.expect, *head.expectations),
                "idempotent": action.step.idempotent or head.idempotent,
                "irreversible": (action.step.irreversible or head.irreversible) and rollback is None,
                "rollback": rollback or rollback_for(action, head.arguments),
                "check": head.check.as_check if head.check else action.step.check,
            }
        )
        part = Part(
            document,
            location,
            step,
            phase,
            book,
            is_reference=True,
            inherited_expectations=len(action.step.expect),
        )
        book.parts.insert(position, part)
        return step


def params_of(specs: Mapping[str, ParamSpec]) -> tuple[Param, ...]:
    """The params of a head, in the order they were written."""
    return tuple(spec.as_param(name) for name, spec in specs.items())


def _runbook(book: Book, steps: tuple[Step, ...], on_reject: tuple[Step, ...]) -> Runbook:
    head = book.head
    return Runbook(
        name=RunbookName(head.name),
        description=head.description,
        trigger=_trigger(head),
        params=book.params,
        steps=steps,
        on_reject=on_reject,
        rollback_on_failure=head.rollback_on_failure,
        metric_check=head.rollback_metric_check.as_check if head.rollback_metric_check else None,
        dry_run=head.dry_run,
        pagerduty_resolve=head.pagerduty_resolve,
        rules=rules_of(head.safety),
        path=book.document.path,
        line=book.document.mark(("name",), of_key=True)[0],
    )


def _trigger(head: RunbookHead) -> Trigger:
    written = head.trigger
    schedule = written.schedule
    return Trigger(
        services=tuple(written.service_id),
        metric_name=written.metric_name,
        condition=written.condition,
        symptoms=tuple(written.symptoms),
        schedule=Schedule(cron=schedule.cron, timezone=schedule.timezone) if schedule else None,
        auto_start=written.auto_start,
    )


def _shorter(first: float | None, second: float | None, default: float) -> float:
    """Of two timeouts the shorter holds; the default only where neither is said."""
    said = [value for value in (first, second) if value is not None]
    return min(said) if said else default


def _not_a_mapping(document: Document, what: str) -> None:
    if document.data is not None or not document.problems:
        document.report("RB012", f"{what} is a mapping of fields")


def _claim_name(document: Document, location: Location, data: Mapping[str, Any], taken: set[str]) -> str:
    """The address of a step: its name or id, else what it does, else where it stands; unique in its runbook."""
    name = ""
    for key in ("name", "id", "action", "type"):
        written = data.get(key)
        if isinstance(written, str) and (name := _SLUG.sub("-", written).strip("-")):
            if name in taken and key in ("name", "id"):
                document.report(
                    "RB020",
                    f"the step name {name!r} is used twice",
                    (*location, key),
                    hint="steps are addressed by name, as in {{ steps.NAME.output }}",
                )
            break
    name = name or f"step-{int(location[-1]) + 1}"
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}-{count}"
    taken.add(unique)
    return unique
