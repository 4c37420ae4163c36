"""From what is written to what is meant: actions and runbooks of both dialects as the schema's steps.

Scopes of names, the one subtle thing here:

- `Step.input` of a step that has an `action` speaks of that action's params; of an inline step, of the runbook's.
- `Step.arguments` (a step's `with:`) always speak of the runbook's params.
- An action's rollback that names another action has arguments in terms of the first action's params. When a
  step uses the first action, those are replaced by what the step gives for them, so the rule above holds.

What is read is kept as `Part`s, each with the place it was written, for lint to look at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from bot.catalog.checking import checked, closest, field_names, report, unknown_field
from bot.catalog.dialect import ActionHead, ReferenceHead, RunbookHead, StepHead, rules_of
from bot.catalog.digests import runbook_digest, source_digest, step_digest
from bot.catalog.placeholders import parse
from bot.catalog.schema import (
    APPROVAL_TIMEOUT_S,
    STEP_TIMEOUT_S,
    ActionId,
    MetricCheck,
    Param,
    Rollback,
    Runbook,
    RunbookName,
    Schedule,
    Step,
    Trigger,
)
from bot.catalog.source import Document, Location
from bot.catalog.templating import sites

Phase = Literal["action", "steps", "on_reject"]
InputModels = Mapping[str, type[BaseModel]]

_IDENTITY = {
    "shell": ("host", "hosts"),
    "kubernetes": ("cluster", "namespace", "deployment", "statefulset", "daemonset", "node"),
}
"""What an undo takes over from its step when it does not say: the thing it is done to."""

_SLUG = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Part:
    """One step as it was written: an action, an inline step, a reference, or a rollback of one of them."""

    document: Document
    location: Location
    step: Step
    phase: Phase
    owner: Action | Book
    is_reference: bool = False
    is_rollback: bool = False
    inherited: frozenset[str] = frozenset()
    """Input keys that stand elsewhere (a rollback's host); not judged twice."""
    inherited_expectations: int = 0
    """How many of the step's first expectations are its action's."""

    def at(self, *path: str | int) -> Location:
        """Where a key of this step stands; a rollback written as a bare command is its own place."""
        return (*self.location, *path)


@dataclass
class Action:
    """One action file as read."""

    document: Document
    head: ActionHead
    params: tuple[Param, ...]
    step: Step
    parts: list[Part] = field(default_factory=list)
    has_foreign_rollback: bool = False


@dataclass
class Book:
    """One runbook file as read."""

    document: Document
    head: RunbookHead
    params: tuple[Param, ...]
    runbook: Runbook | None = None
    parts: list[Part] = field(default_factory=list)


class Writing:
    """Reads actions first, then runbooks; every mistake is noted in the document it was made in."""

    def __init__(self, input_models: InputModels, *, root: Path) -> None:
        self.input_models = input_models
        self.root = root
        self.actions: dict[str, Action] = {}
        self.books: dict[str, Book] = {}
        self.broken_actions: set[str] = set()
        """Ids of actions that could not be read: steps that use them are not told they are unknown."""

    # ------------------------------------------------------------ actions

    def add_action(self, document: Document) -> None:
        """Read an action file, all but its rollback."""
        if not isinstance(document.data, dict):
            _not_a_mapping(document, "an action")
            return
        head_data, given = self._split(document, (), ActionHead)
        head = checked(ActionHead, head_data, document)
        kind = self._kind(document, (), "shell" if "command" in given else None)
        is_sound = self._check_input(document, (), kind, given) if kind else False
        claimed = document.data.get("id")
        if head is None or kind is None or not is_sound:
            self.broken_actions.add(str(claimed))
            return
        if head.id in self.actions:
            first = self.actions[head.id].document.path
            document.report(
                "RB020", f"the action id {head.id!r} is used twice", ("id",), hint=f"first in {first}"
            )
            return
        action = Action(document, head, params_of(head.params), Step(name=head.id, type=kind))
        step = self._step(
            head, name=head.id, kind=kind, given=given, params=action.params, action=ActionId(head.id)
        )
        step = step.model_copy(update={"rules": Step(name="", type="").rules, "action_rules": head.rules})
        action.step = step.model_copy(update={"digest": step_digest(step, source=self._source(step))})
        self.actions[head.id] = action

    def finish_actions(self) -> None:
        """Read the rollbacks, now that every action is known, and fix the digests."""
        base = {name: action.step for name, action in self.actions.items()}
        for action in self.actions.values():
            action.parts.append(Part(action.document, (), action.step, "action", action))
            rollback = self._rollback(
                action.document, (), action.head.rollback, action.step, action, "action", base
            )
            if rollback is not None:
                step = action.step.model_copy(update={"rollback": rollback})
                action.step = step.model_copy(update={"digest": step_digest(step, source=self._source(step))})
                action.parts[0] = Part(action.document, (), action.step, "action", action)

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
            document.report(
                "RB020", f"the runbook name {head.name!r} is used twice", ("name",), hint=f"first in {first}"
            )
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
        for phase in ("steps", "on_reject"):
            written = document.data.get(phase)
            if isinstance(written, list):
                head = RunbookHead(name="unnamed", steps=[None])
                self._steps(Book(document, head, ()), phase, written, set())

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
            step = self._one_step(book, phase, location, data, index, taken)
            if step is not None:
                found.append(step)
        return tuple(found) if len(found) == len(written) else None

    def _one_step(
        self, book: Book, phase: Phase, location: Location, data: dict[str, Any], index: int, taken: set[str]
    ) -> Step | None:
        name = _step_name(data, phase, index)
        if name in taken and (data.get("name") or data.get("id")):
            book.document.report(
                "RB020",
                f"the step name {name!r} is used twice",
                (*location, "name" if data.get("name") else "id"),
                hint="steps are addressed by name, as in {{ steps.NAME.output }}",
            )
        name = _unique(name, taken)
        if "action" in data and "type" not in data:
            return self._reference(book, phase, location, name)
        return self._inline(book, phase, location, name)

    def _inline(self, book: Book, phase: Phase, location: Location, name: str) -> Step | None:
        document = book.document
        data = _at(document, location)
        head_data, given = self._split(document, location, StepHead)
        head = checked(StepHead, head_data, document, location)
        kind = self._kind(document, location, "shell" if "command" in data else None)
        is_sound = self._check_input(document, location, kind, given) if kind else False
        if head is None or kind is None or not is_sound:
            return None
        step = self._step(head, name=name, kind=kind, given=given)
        switch = rules_of(book.head.safety).requires_approval
        if step.rules.requires_approval is None and switch is not None:
            step = step.model_copy(
                update={"rules": step.rules.model_copy(update={"requires_approval": switch})}
            )
        base = {key: action.step for key, action in self.actions.items()}
        rollback = self._rollback(document, location, head.rollback, step, book, phase, base)
        step = step.model_copy(update={"rollback": rollback})
        step = step.model_copy(update={"digest": step_digest(step, source=self._source(step))})
        book.parts.insert(_before_rollback(book, rollback), Part(document, location, step, phase, book))
        return step

    def _reference(self, book: Book, phase: Phase, location: Location, name: str) -> Step | None:
        document = book.document
        action, head = self._referenced(document, location)
        if action is None or head is None:
            return None
        base = {key: known.step for key, known in self.actions.items()}
        undone = action.step.model_copy(
            update={"input": _in_terms_of(action.step.input, _arguments(action, head.arguments))}
        )
        rollback = self._rollback(document, location, head.rollback, undone, book, phase, base)
        step = action.step.model_copy(
            update={
                "name": name,
                "description": head.description or action.step.description,
                "arguments": head.arguments,
                "rules": head.rules,
                "timeout_s": _shorter(action.head.timeout_seconds, head.timeout_seconds, STEP_TIMEOUT_S),
                "approval_timeout_s": 60
                * _shorter(
                    action.head.approval_timeout_minutes,
                    head.approval_timeout_minutes,
                    APPROVAL_TIMEOUT_S / 60,
                ),
                "expect": (*action.step.expect, *head.expectations),
                "idempotent": action.step.idempotent or head.idempotent,
                "irreversible": (action.step.irreversible or head.irreversible) and rollback is None,
                "rollback": rollback or _rollback_for(action, head.arguments),
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
        book.parts.insert(_before_rollback(book, rollback), part)
        return step

    def _referenced(
        self, document: Document, location: Location
    ) -> tuple[Action | None, ReferenceHead | None]:
        data = _at(document, location)
        known = field_names(ReferenceHead)
        for key in [key for key in data if key not in known]:
            message, hint = unknown_field(key, known)
            if not closest(key, known):
                hint = "values for the action's params go under with:"
            document.report("RB010", message, (*location, key), hint=hint, of_key=True)
        head = checked(ReferenceHead, {key: data[key] for key in data if key in known}, document, location)
        name = data.get("action")
        action = self.actions.get(name) if isinstance(name, str) else None
        if action is None and isinstance(name, str) and name not in self.broken_actions:
            hint = (
                closest(name, self.actions) or f"known actions: {', '.join(sorted(self.actions)) or 'none'}"
            )
            verbs = _verbs(self.input_models)
            if name in verbs:
                hint = f"add type: {verbs[name]} to mean its verb {name!r}"
            document.report("RB021", f"there is no action {name!r}", (*location, "action"), hint=hint)
        return action, head

    # ------------------------------------------------------------ what all steps share

    def _split(
        self, document: Document, location: Location, head: type[StepHead]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The keys of the head, and the rest: the type's input."""
        data = _at(document, location)
        known = set(field_names(head))
        return (
            {key: value for key, value in data.items() if key in known},
            {key: value for key, value in data.items() if key not in known},
        )

    def _kind(self, document: Document, location: Location, default: str | None) -> str | None:
        """The step's type, when it is one there is."""
        kind = _at(document, location).get("type", default)
        if kind is None:
            document.report(
                "RB011",
                "nothing says what to do here",
                location,
                hint=f"name an action:, write a command:, or a type: ({', '.join(sorted(self.input_models))})",
            )
        elif isinstance(kind, str) and kind not in self.input_models:
            hint = closest(kind, self.input_models) or f"known types: {', '.join(sorted(self.input_models))}"
            document.report("RB022", f"there is no step type {kind!r}", (*location, "type"), hint=hint)
        return kind if isinstance(kind, str) and kind in self.input_models else None

    def _check_input(self, document: Document, location: Location, kind: str, given: dict[str, Any]) -> bool:
        """Whether `given` fits its type; a value that is a template is judged once it has a value."""
        model = self.input_models[kind]
        inputs = field_names(model)
        known = [*inputs, *field_names(StepHead)]
        before = len(document.problems)
        for key in [key for key in given if key not in inputs]:
            message, hint = unknown_field(key, known)
            if not closest(key, known):
                hint = f"a {kind} step takes {', '.join(inputs)}"
            document.report("RB010", message, (*location, key), hint=hint, of_key=True)
        fitting = {key: value for key, value in given.items() if key in inputs}
        try:
            model.model_validate(fitting)
        except ValidationError as error:
            templates = [
                (*location, *site.location) for site in sites(fitting, model) if parse(site.text).placeholders
            ]
            report(error, document, location, known=known, skip=templates)
        return len(document.problems) == before

    def _step(
        self,
        head: StepHead,
        *,
        name: str,
        kind: str,
        given: dict[str, Any],
        params: tuple[Param, ...] = (),
        action: ActionId | None = None,
    ) -> Step:
        return Step(
            name=name,
            type=kind,
            action=action,
            input=given,
            params=params,
            expect=head.expectations,
            irreversible=head.irreversible,
            idempotent=head.idempotent,
            timeout_s=head.timeout_s,
            approval_timeout_s=head.approval_timeout_s,
            rules=head.rules,
            description=head.description or (head.name if action is None else ""),
        )

    def _source(self, step: Step) -> str:
        """The digest of a Python step's source, "" for any other."""
        function = step.input.get("function") if step.type == "python" else None
        if not isinstance(function, str):
            return ""
        return source_digest(self.root / "actions", function.split(".")[0])

    def _rollback(
        self,
        document: Document,
        location: Location,
        written: Any,
        step: Step,
        owner: Action | Book,
        phase: Phase,
        actions: Mapping[str, Step],
    ) -> Rollback | None:
        """`rollback:` in any of its forms: a command, `{manual: …}`, `{action, with}`, an inline step."""
        place = (*location, "rollback")
        if written is None:
            return None
        if isinstance(written, str):
            return self._inline_rollback(document, place, {"command": written}, step, owner, phase)
        if not isinstance(written, dict):
            document.report(
                "RB012", "a rollback is a command, a step, or manual: with words for a human", place
            )
            return None
        if "manual" in written:
            return self._manual(document, place, written)
        is_verb = step.type in _verbs(self.input_models).values() and written.get("action") not in actions
        if "action" in written and "type" not in written and not (is_verb and "with" not in written):
            return self._reference_rollback(document, place, owner, phase, actions)
        return self._inline_rollback(document, place, written, step, owner, phase)

    def _manual(self, document: Document, place: Location, written: dict[str, Any]) -> Rollback | None:
        words = written["manual"]
        for key in [key for key in written if key != "manual"]:
            document.report("RB010", f"unknown field {key!r} beside manual", (*place, key), of_key=True)
        if not isinstance(words, str) or not words.strip():
            document.report("RB012", "manual says in words what a human must do", (*place, "manual"))
            return None
        return Rollback(manual=words)

    def _reference_rollback(
        self,
        document: Document,
        place: Location,
        owner: Action | Book,
        phase: Phase,
        actions: Mapping[str, Step],
    ) -> Rollback | None:
        known, head = self._referenced(document, place)
        if known is None or head is None:
            return None
        base = actions[known.head.id]
        step = base.model_copy(
            update={
                "name": f"{base.name}-rollback",
                "arguments": head.arguments,
                "rollback": None,
                "rules": head.rules,
            }
        )
        if isinstance(owner, Action):
            owner.has_foreign_rollback = True
        owner.parts.append(
            Part(
                document,
                place,
                step,
                phase,
                owner,
                is_reference=True,
                is_rollback=True,
                inherited_expectations=len(step.expect),
            )
        )
        return Rollback(step=step)

    def _inline_rollback(
        self,
        document: Document,
        place: Location,
        written: dict[str, Any],
        undone: Step,
        owner: Action | Book,
        phase: Phase,
    ) -> Rollback | None:
        known = set(field_names(StepHead))
        kind = written.get("type", "shell" if "command" in written else undone.type)
        if kind not in self.input_models:
            hint = (
                closest(str(kind), self.input_models)
                or f"known types: {', '.join(sorted(self.input_models))}"
            )
            document.report("RB022", f"there is no step type {kind!r}", (*place, "type"), hint=hint)
            return None
        given = {key: value for key, value in written.items() if key not in known}
        inherited: dict[str, Any] = {}
        if kind == undone.type and not set(_IDENTITY.get(kind, ())) & set(given):
            inherited = {key: undone.input[key] for key in _IDENTITY.get(kind, ()) if key in undone.input}
        head_data = {key: value for key, value in written.items() if key in known}
        head = checked(StepHead, head_data, document, place)
        if head is None or not self._check_input(document, place, kind, {**inherited, **given}):
            return None
        is_of_action = isinstance(owner, Action)
        step = self._step(
            head,
            name=f"{undone.name}-rollback",
            kind=kind,
            given={**inherited, **given},
            params=undone.params if is_of_action else (),
            action=undone.action if is_of_action else None,
        )
        step = step.model_copy(update={"digest": step_digest(step, source=self._source(step))})
        part = Part(document, place, step, phase, owner, is_rollback=True, inherited=frozenset(inherited))
        owner.parts.append(part)
        return Rollback(step=step)


def params_of(specs: Mapping[str, Any]) -> tuple[Param, ...]:
    """The params of a head, in the order they were written."""
    return tuple(spec.as_param(name) for name, spec in specs.items())


def _runbook(book: Book, steps: tuple[Step, ...], on_reject: tuple[Step, ...]) -> Runbook:
    head = book.head
    trigger = head.trigger
    check = head.rollback_metric_check
    return Runbook(
        name=RunbookName(head.name),
        description=head.description,
        trigger=Trigger(
            services=tuple(trigger.service_id),
            metric_name=trigger.metric_name,
            condition=trigger.condition,
            symptoms=tuple(trigger.symptoms),
            schedule=Schedule(cron=trigger.schedule.cron, timezone=trigger.schedule.timezone)
            if trigger.schedule
            else None,
            auto_start=trigger.auto_start,
        ),
        params=book.params,
        steps=steps,
        on_reject=on_reject,
        rollback_on_failure=head.rollback_on_failure,
        metric_check=MetricCheck(
            metric_name=check.metric_name,
            check_after_s=check.check_after_minutes * 60,
            rollback_if_value_exceeds=check.rollback_if_value_exceeds,
        )
        if check
        else None,
        dry_run=head.dry_run,
        rules=rules_of(head.safety),
        path=book.document.path,
        line=book.document.mark(("name",), of_key=True)[0],
    )


def _rollback_for(action: Action, arguments: Mapping[str, Any]) -> Rollback | None:
    """The action's own rollback as a step with these arguments uses it; see the module's text on scopes."""
    rollback = action.step.rollback
    if rollback is None or rollback.step is None:
        return rollback
    if not action.has_foreign_rollback:
        return Rollback(step=rollback.step.model_copy(update={"arguments": dict(arguments)}))
    inner = _in_terms_of(rollback.step.arguments, _arguments(action, arguments))
    return Rollback(step=rollback.step.model_copy(update={"arguments": inner}))


def _arguments(action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{param.name: param.default for param in action.params if param.default is not None}, **given}


def _shorter(first: float | None, second: float | None, default: float) -> float:
    """Of two timeouts the shorter holds; the default only where neither is said."""
    said = [value for value in (first, second) if value is not None]
    return min(said) if said else default


def _in_terms_of(tree: Any, arguments: Mapping[str, Any]) -> Any:
    """`tree` with `{{ params.x }}` replaced by what is given for x; what is not given stays and is found by lint."""
    if isinstance(tree, dict):
        return {key: _in_terms_of(value, arguments) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_in_terms_of(value, arguments) for value in tree]
    if not isinstance(tree, str) or "{{" not in tree:
        return tree
    template = parse(tree)
    if template.lone and _param(template.lone.path) in arguments:
        return arguments[_param(template.lone.path)]
    text = ""
    for segment in template.segments:
        if isinstance(segment, str):
            text += segment.replace("{{", "\\{{")
        elif _param(segment.path) in arguments:
            text += _as_text(arguments[_param(segment.path)])
        else:
            text += f"{{{{ {segment.path} }}}}"
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _param(path: str) -> str:
    return path.removeprefix("params.") if path.startswith("params.") else ""


def _at(document: Document, location: Location) -> dict[str, Any]:
    found: Any = document.data
    for part in location:
        found = found[part]
    return found if isinstance(found, dict) else {}


def _not_a_mapping(document: Document, what: str) -> None:
    if document.data is not None or not document.problems:
        document.report("RB012", f"{what} is a mapping of fields")


def _before_rollback(book: Book, rollback: Rollback | None) -> int:
    """Where a step's part goes: before the part of its rollback, which was read first."""
    has_part = (
        rollback is not None and rollback.step is not None and book.parts and book.parts[-1].is_rollback
    )
    return len(book.parts) - 1 if has_part else len(book.parts)


def _step_name(data: Mapping[str, Any], phase: Phase, index: int) -> str:
    """The address of a step: its name or id, else what it does, else where it stands."""
    for key in ("name", "id", "action", "type"):
        written = data.get(key)
        if isinstance(written, str) and (slug := _SLUG.sub("-", written).strip("-")):
            return slug
    return f"{'reject' if phase == 'on_reject' else 'step'}-{index + 1}"


def _unique(name: str, taken: set[str]) -> str:
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}-{count}"
    taken.add(unique)
    return unique


def _verbs(input_models: InputModels) -> dict[str, str]:
    """Verbs that an `action:` inside a step of some type may name, with that type."""
    return (
        dict.fromkeys(
            ("scale", "restart", "rollout-undo", "cordon", "uncordon", "drain"),
            "kubernetes",
        )
        if "kubernetes" in input_models
        else {}
    )
