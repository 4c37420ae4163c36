"""One word per thing: the names that are never used for ours, and what must not be in any file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, shown, top_level

NEVER = {"job", "jobs", "workflow", "workflows", "playbook", "playbooks"}
ASYNCIO_ONLY = {"task", "tasks"}
"""asyncio's own word: fine for its tasks, in modules that use asyncio."""

SELF = Path(__file__).name


def words_of(name: str) -> set[str]:
    """`runJob_now` is run, job, now."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def names_given(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a module gives to something of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def misnamed(path: Path, text: str) -> Iterator[str]:
    """Where a module calls something by a word we do not use."""
    never = NEVER if re.search(r"^\s*(import|from) asyncio\b", text, re.MULTILINE) else NEVER | ASYNCIO_ONLY
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return  # a sample of a file that is wrong on purpose
    for line, name in names_given(tree):
        if words_of(name) & never:
            yield f"{shown(path)}:{line}: {name}"
    if words_of(path.stem) & (NEVER | ASYNCIO_ONLY):
        yield f"{shown(path)}: the file's name"


def test_nothing_is_named_by_a_word_we_do_not_use() -> None:
    found = [one for path in files(".py") for one in misnamed(path, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "class RunbookJob: ...",
        "def start(task): ...",
        "import asyncio\nclass Workflow: ...",
        "playbooks = []",
        "self.next_task = 1",
    ],
)
def test_such_a_name_would_be_noticed(text: str) -> None:
    assert list(misnamed(ROOT / "bot" / "some.py", text)) != []


def test_nothing_stored_or_written_by_hand_uses_such_a_word() -> None:
    found = [
        f"{shown(path)}: {word}"
        for path in files(".sql", ".yaml", ".yml", under=("bot", "runbooks"))
        for word in re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower())
        if word in NEVER | ASYNCIO_ONLY
    ]
    assert found == []


def test_every_module_says_what_it_owns() -> None:
    silent = [
        shown(path)
        for path in files(".py", under=("bot",))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_module_is_named_for_having_no_subject() -> None:
    empty_words = {"utils", "util", "helpers", "common", "manager", "service", "models", "misc"}
    assert [shown(path) for path in files(".py", under=("bot",)) if path.stem in empty_words] == []


NOT_OURS_TO_TELL = {
    "a path of one machine": r"(?<![\w.~$}>-])/(work|home|root|Users|mnt)/\w|/tmp/(venv|plan)\b",
    "a package index": r"--(extra-)?index-url|pypi\.org/simple|--find-links|--trusted-host",
    "a number in somebody's tracker": r"\bissues? #?\d+\b",
}


def told(text: str) -> Iterator[str]:
    """What a text says of the place it was written at."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in NOT_OURS_TO_TELL.items():
            if re.search(pattern, line):
                yield f"{number}: {what}: {line.strip()[:100]}"


def test_no_file_speaks_of_the_place_it_was_written_at() -> None:
    found = []
    for path in (*files(), *top_level()):
        if path.name == SELF:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [f"{shown(path)}:{one}" for one in told(text)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["cd /work/x", "open('/home/ann/x')", "pip install --index-url x", "see issue 2", "/tmp/venv/bin/x"],
)
def test_such_a_line_would_be_noticed(line: str) -> None:
    assert list(told(line)) != []
