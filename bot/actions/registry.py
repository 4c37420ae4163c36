"""Which types of action there are: one line each, imported on first use.

Linting a catalog needs every type's `Input` and none of its clients, so each module here keeps its client
library out of its imports (`bot.clients.*` load them at the first connection).

To add a type: write its module in this package (a class with `type`, `Input` and the verbs of `base.Action`,
made from one `Tools`), add its line to `TYPES`, run the contract of `tests/contract/action_contract.py` over
it, and describe it in the README.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from bot.actions.base import Action, ActionInput
from bot.actions.tools import Tools
from bot.errors import BadInput

__all__ = ["TYPES", "Tools", "action_class", "build", "input_models"]

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "diagnose": "bot.actions.diagnose:DiagnoseAction",
        "http": "bot.actions.http:HttpAction",
        "kubernetes": "bot.actions.kubernetes:KubernetesAction",
        "python": "bot.actions.python:PythonAction",
        "shell": "bot.actions.shell:ShellAction",
        "slack": "bot.actions.slack:SlackAction",
    }
)


def action_class(type_name: str, types: Mapping[str, str] = TYPES) -> type[Action]:
    """The class behind a type's name; BadInput names the known ones."""
    if type_name not in types:
        raise BadInput(
            f"there is no step type {type_name!r}", hint=f"known types: {', '.join(sorted(types))}"
        )
    module_name, _, class_name = types[type_name].partition(":")
    found: type[Action] = getattr(import_module(module_name), class_name)
    return found


def input_models(types: Mapping[str, str] = TYPES) -> Mapping[str, type[ActionInput]]:
    """Every type's `Input`, by name: what lint, JSON Schema, help and the edit modal are made from."""
    return {name: action_class(name, types).Input for name in types}


def build(type_name: str, tools: Tools, types: Mapping[str, str] = TYPES) -> Action:
    """One action of that type, ready to plan. Make each once; it holds no run's state."""
    maker = action_class(type_name, types)
    made: Action = maker(tools)  # type: ignore[call-arg]  # every type is made from one Tools, a Protocol cannot say so
    return made
