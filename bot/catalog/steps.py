"""One step as it is written, made a `Step`: its head, its type's input, its rollback.

The keys of a step are its head's (`dialect.StepHead`), and all others its type's input. What is wrong is noted
in the document; a step that cannot be understood whole is answered with None.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.catalog.checking import checked, closest, field_names, report, unknown_field
from bot.catalog.dialect import ReferenceHead, StepHead
from bot.catalog.digests import source_digest, step_digest
from bot.catalog.parts import Action, Book, InputModels, Part, Phase
from bot.catalog.placeholders import parse
from bot.catalog.schema import ActionId, Param, Rollback, Step
from bot.catalog.source import Document, Location
from bot.catalog.templating import sites

_IDENTITY = {
    "shell": ("host", "hosts"),
    "kubernetes": ("cluster", "namespace", "deployment", "statefulset", "daemonset", "node"),
}
"""What an undo takes over from its step when it names none of it: the thing it is done to."""

_VERBS = ("scale", "restart", "rollout-undo", "cordon", "uncordon", "drain")
"""What `action:` may say in a kubernetes step, where it is no action of the catalog."""


class StepReader:
    """Knows the types of steps and the actions read so far."""

    def __init__(self, input_models: InputModels, *, root: Path) -> None:
        self.input_models = input_models
        self.root = root
        self.actions: dict[str, Action] = {}
        self.broken_actions: set[str] = set()
        """Ids of actions that could not be read: steps that use them are not told they are unknown."""

    # ------------------------------------------------------------ inline

    def split(
        self, document: Document, location: Location, head: type[StepHead]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The keys of the head, and the rest: the type's input."""
        known = set(field_names(head))
        data = data_at(document, location)
        return (
            {key: value for key, value in data.items() if key in known},
            {key: value for key, value in data.items() if key not in known},
        )

    def kind(self, document: Document, location: Location) -> str | None:
        """The step's type, when it is one there is; a `command` alone makes it a shell step."""
        data = data_at(document, location)
        kind = data.get("type", "shell" if "command" in data else None)
        if kind is None:
            self._report_no_type(document, location, data)
        elif isinstance(kind, str) and kind not in self.input_models:
            self._report_type(document, (*location, "type"), kind)
        return kind if isinstance(kind, str) and kind in self.input_models else None

    def _report_type(self, document: Document, place: Location, kind: str) -> None:
        hint = closest(kind, self.input_models) or f"known types: {', '.join(sorted(self.input_models))}"
        document.report("RB022", f"there is no step type {kind!r}", place, hint=hint)

    def _report_no_type(self, document: Document, location: Location, data: Mapping[str, Any]) -> None:
        known = ["action", "command", *field_names(StepHead)]
        slips = [key for key in data if key not in known and closest(key, ("action", "command", "type"))]
        for key in slips:
            message, hint = unknown_field(key, known)
            document.report("RB010", message, (*location, key), hint=hint, of_key=True)
        if not slips:
            types = ", ".join(sorted(self.input_models))
            hint = f"name an action:, write a command:, or a type: ({types})"
            document.report("RB011", "nothing says what to do here", location, hint=hint)

    def check_input(self, document: Document, location: Location, kind: str, given: dict[str, Any]) -> bool:
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

    def step(
        self,
        head: StepHead,
        *,
        name: str,
        kind: str,
        given: dict[str, Any],
        params: tuple[Param, ...] = (),
        action: ActionId | None = None,
    ) -> Step:
        """The step a head and an input come to; without rollback and digest."""
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
            check=head.check.as_check if head.check else None,
        )

    def digested(self, step: Step) -> Step:
        """The step with the digest of its content; a Python step's covers its source."""
        function = step.input.get("function") if step.type == "python" else None
        source = (
            source_digest(self.root / "actions", function.split(".")[0]) if isinstance(function, str) else ""
        )
        return step.model_copy(update={"digest": step_digest(step, source=source)})

    # ------------------------------------------------------------ references

    def referenced(
        self, document: Document, location: Location
    ) -> tuple[Action | None, ReferenceHead | None]:
        """The action a step or rollback names, and what is said beside it."""
        data = data_at(document, location)
        name = data.get("action")
        if isinstance(name, str) and name not in self.actions and name not in self.broken_actions:
            is_verb = name in _VERBS and "kubernetes" in self.input_models
            hint = (
                closest(name, self.actions) or f"known actions: {', '.join(sorted(self.actions)) or 'none'}"
            )
            if is_verb:
                hint = f"add type: kubernetes to mean its verb {name!r}"
            document.report("RB021", f"there is no action {name!r}", (*location, "action"), hint=hint)
            if is_verb:
                return None, None
        known = field_names(ReferenceHead)
        for key in [key for key in data if key not in known]:
            message, hint = unknown_field(key, known)
            if not closest(key, known):
                hint = "values for the action's params go under with:"
            document.report("RB010", message, (*location, key), hint=hint, of_key=True)
        head = checked(ReferenceHead, {key: data[key] for key in data if key in known}, document, location)
        return (self.actions.get(name) if isinstance(name, str) else None), head

    # ------------------------------------------------------------ rollbacks

    def rollback(
        self,
        document: Document,
        location: Location,
        written: Any,
        undone: Step,
        owner: Action | Book,
        phase: Phase,
    ) -> Rollback | None:
        """`rollback:` in any of its forms: a command, `{manual: …}`, `{action, with}`, an inline step."""
        place = (*location, "rollback")
        if written is None:
            return None
        if isinstance(written, str):
            return self._inline_rollback(document, place, {"command": written}, undone, owner, phase)
        if not isinstance(written, dict):
            document.report(
                "RB012", "a rollback is a command, a step, or manual: with words for a human", place
            )
            return None
        if "manual" in written:
            return _manual_rollback(document, place, written)
        named = written.get("action")
        is_verb = undone.type == "kubernetes" and not (isinstance(named, str) and named in self.actions)
        if "action" in written and "type" not in written and (not is_verb or "with" in written):
            return self._reference_rollback(document, place, owner, phase)
        return self._inline_rollback(document, place, written, undone, owner, phase)

    def _reference_rollback(
        self, document: Document, place: Location, owner: Action | Book, phase: Phase
    ) -> Rollback | None:
        known, head = self.referenced(document, place)
        _refuse_check(document, place, data_at(document, place))
        if known is None or head is None:
            return None
        step = known.step.model_copy(
            update={
                "name": f"{known.step.name}-rollback",
                "arguments": head.arguments,
                # An undo is not undone; also keeps two actions that undo each other from going on for ever.
                "rollback": None,
                "check": None,
                "rules": head.rules,
            }
        )
        if isinstance(owner, Action):
            owner.has_foreign_rollback = True
        part = Part(
            document,
            place,
            step,
            phase,
            owner,
            is_reference=True,
            is_rollback=True,
            inherited_expectations=len(step.expect),
        )
        owner.parts.append(part)
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
        if not isinstance(kind, str) or kind not in self.input_models:
            self._report_type(document, (*place, "type"), str(kind))
            return None
        given = {key: value for key, value in written.items() if key not in known}
        inherited: dict[str, Any] = {}
        if kind == undone.type and not set(_IDENTITY.get(kind, ())) & set(given):
            inherited = {key: undone.input[key] for key in _IDENTITY.get(kind, ()) if key in undone.input}
        head_data = {key: value for key, value in written.items() if key in known}
        head = checked(StepHead, head_data, document, place)
        _refuse_check(document, place, written)
        if not self.check_input(document, place, kind, {**inherited, **given}) or head is None:
            return None
        is_of_action = isinstance(owner, Action)
        step = self.step(
            head,
            name=f"{undone.name}-rollback",
            kind=kind,
            given={**inherited, **given},
            params=undone.params if is_of_action else (),
            action=undone.action if is_of_action else None,
        )
        step = self.digested(step)
        part = Part(document, place, step, phase, owner, is_rollback=True, inherited=frozenset(inherited))
        owner.parts.append(part)
        return Rollback(step=step)


def _refuse_check(document: Document, place: Location, written: Mapping[str, Any]) -> None:
    if "check" in written:
        hint = "a person looks at what a rollback left"
        document.report("RB013", "an undo is not checked", (*place, "check"), hint=hint, of_key=True)


def data_at(document: Document, location: Location) -> dict[str, Any]:
    """The mapping at a place of a document; {} where there is none."""
    found: Any = document.data
    for part in location:
        found = found[part]
    return found if isinstance(found, dict) else {}


def _manual_rollback(document: Document, place: Location, written: dict[str, Any]) -> Rollback | None:
    words = written["manual"]
    for key in [key for key in written if key != "manual"]:
        document.report("RB010", f"unknown field {key!r} beside manual", (*place, key), of_key=True)
    if not isinstance(words, str) or not words.strip():
        document.report("RB012", "manual says in words what a human must do", (*place, "manual"))
        return None
    return Rollback(manual=words)
