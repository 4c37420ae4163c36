"""Secrets as names: how `$NAME` and `${NAME}` are found in catalog literals and filled in at the moment of sending.

Only upper-case names count, so `$filter` or `$5` stay what they are. `$$` is a plain dollar sign: rendering
doubles every dollar that comes from a value, so that a value which reads `$TOKEN` is sent as those letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(r"\$(?:(\$)|\{([A-Z][A-Z0-9_]*)\}|([A-Z][A-Z0-9_]*))")


def names_in(text: str) -> list[str]:
    """The secrets `text` names, each once, in order."""
    found = (match.group(2) or match.group(3) for match in _NAME.finditer(text))
    return list(dict.fromkeys(name for name in found if name))


def escape(value: str) -> str:
    """`value` with its dollars doubled, so that no part of it can be read as a name."""
    return value.replace("$", "$$")


def fill(text: str, look_up: Callable[[str], str]) -> str:
    """`text` as it is sent: names replaced by what `look_up` gives for them, in one pass, `$$` made `$`."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match.group(1) else look_up(match.group(2) or match.group(3))

    return _NAME.sub(replace, text)


def fill_tree(tree: Any, look_up: Callable[[str], str]) -> Any:
    """The same for every string value of a JSON tree; keys are left alone."""
    if isinstance(tree, str):
        return fill(tree, look_up)
    if isinstance(tree, dict):
        return {key: fill_tree(value, look_up) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [fill_tree(value, look_up) for value in tree]
    return tree
