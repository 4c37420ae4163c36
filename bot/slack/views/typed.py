"""What people typed and chose in a form, read back from the `state` of its view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.catalog.params import BadParams
from bot.slack import ids


def given_params(state: Mapping[str, Any]) -> dict[str, str]:
    """Parameter name to what was typed, from a view's `state`; what was left empty is not in it."""
    given = {}
    for block_id, inputs in _values(state).items():
        if not block_id.startswith(ids.PARAM_BLOCK):
            continue
        typed = _typed(inputs)
        if typed is not None:
            given[block_id.removeprefix(ids.PARAM_BLOCK)] = typed
    return given


def given_reason(state: Mapping[str, Any]) -> str:
    """The reason that was given in a form."""
    return (_typed(_values(state).get(ids.REASON_BLOCK, {})) or "").strip()


def given_runbook(state: Mapping[str, Any]) -> str:
    """The runbook chosen in the start form, "" where none is."""
    return given_choice(state, ids.RUNBOOK_BLOCK)


def given_choice(state: Mapping[str, Any], block_id: str) -> str:
    """What was chosen or typed in one input, "" where nothing was."""
    return _typed(_values(state).get(block_id, {})) or ""


def given_environment(state: Mapping[str, Any], *, otherwise: str) -> str:
    """The environment chosen in the start form; `otherwise` where the form had nothing to choose from."""
    has_menu = ids.ENVIRONMENT_BLOCK in _values(state)
    return given_choice(state, ids.ENVIRONMENT_BLOCK) if has_menu else otherwise


def is_dry_run(state: Mapping[str, Any]) -> bool:
    """Whether the start form's box was ticked."""
    inputs = _values(state).get(ids.DRY_RUN_BLOCK, {})
    return any(bool(one.get("selected_options")) for one in inputs.values() if isinstance(one, Mapping))


def param_errors(refusal: BadParams) -> dict[str, str]:
    """Block id to sentence, for the `errors` of a view's answer: each stands at the field it is about."""
    return {ids.PARAM_BLOCK + name: sentence for name, sentence in refusal.by_name.items()}


def _values(state: Mapping[str, Any]) -> Mapping[str, Any]:
    values = state.get("values")
    return values if isinstance(values, Mapping) else {}


def _typed(inputs: object) -> str | None:
    for one in inputs.values() if isinstance(inputs, Mapping) else ():
        if not isinstance(one, Mapping):
            continue
        chosen = one.get("selected_option")
        typed = chosen.get("value") if isinstance(chosen, Mapping) else one.get("value")
        if isinstance(typed, str) and typed:
            return typed
    return None
