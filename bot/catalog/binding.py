"""Arguments put in for an action's params while the catalog is read, so that one rule holds for names everywhere.

- `Step.input` of a step that has an `action` speaks of that action's params; of an inline step, of the runbook's.
- `Step.arguments` (a step's `with:`) always speak of the runbook's params.

An action's rollback that names another action has arguments in terms of the first action's params. When a step
uses the first action, those are replaced here by what the step gives for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.catalog.parts import Action
from bot.catalog.placeholders import parse
from bot.catalog.schema import Rollback


def rollback_for(action: Action, arguments: Mapping[str, Any]) -> Rollback | None:
    """The action's own rollback, as a step with these arguments uses it."""
    rollback = action.step.rollback
    if rollback is None or rollback.step is None:
        return rollback
    if not action.has_foreign_rollback:
        return Rollback(step=rollback.step.model_copy(update={"arguments": dict(arguments)}))
    inner = in_terms_of(rollback.step.arguments, with_defaults(action, arguments))
    return Rollback(step=rollback.step.model_copy(update={"arguments": inner}))


def with_defaults(action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given for an action's params, and the defaults for the rest."""
    return {**{param.name: param.default for param in action.params if param.default is not None}, **given}


def in_terms_of(tree: Any, arguments: Mapping[str, Any]) -> Any:
    """`tree` with `{{ params.x }}` replaced by what is given for x; what is not given stays and is found by lint."""
    if isinstance(tree, dict):
        return {key: in_terms_of(value, arguments) for key, value in tree.items()}
    if isinstance(tree, list):
        return [in_terms_of(value, arguments) for value in tree]
    if not isinstance(tree, str) or "{{" not in tree:
        return tree
    template = parse(tree)
    if template.lone and _param(template.lone.path) in arguments:
        return arguments[_param(template.lone.path)]
    text = ""
    for segment in template.segments:
        if isinstance(segment, str):
            # Taking the template apart took a backslash away; what is put together is read as a template again.
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
