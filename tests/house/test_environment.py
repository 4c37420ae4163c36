"""Only the settings read the environment."""

from __future__ import annotations

import ast

import pytest

from tests.house.tree import files, shown

NAMES = {"environ", "environb", "getenv", "getenvb"}


def reads(text: str) -> list[int]:
    """The lines that reach for the environment."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Attribute) and node.attr in NAMES and ast.unparse(node.value) == "os")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {one.name for one in node.names} & NAMES
        )
    ]


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        shown(path) for path in files(".py", under=("bot",)) if reads(path.read_text(encoding="utf-8"))
    }
    assert readers == {"bot/settings/environment.py"}


@pytest.mark.parametrize(
    "text", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ"]
)
def test_another_reader_would_be_noticed(text: str) -> None:
    assert reads(text) != []
