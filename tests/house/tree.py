"""The files of the project, as the house tests read them: without what tools leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("bot", "runbooks", "tests")
LEFT_BEHIND = (
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
)


def files(*suffixes: str, under: tuple[str, ...] = OURS) -> Iterator[Path]:
    """Every file of ours with one of these endings (any, where none is given)."""
    for folder in under:
        for path in sorted((ROOT / folder).rglob("*")):
            is_ours = path.is_file() and not any(part in LEFT_BEHIND for part in path.parts)
            if is_ours and (not suffixes or path.suffix in suffixes):
                yield path


def top_level() -> Iterator[Path]:
    """The files at the top, without what belongs to one machine."""
    for path in sorted(ROOT.iterdir()):
        if path.is_file() and path.suffix != ".db" and path.name not in (".env", ".git"):
            yield path


def shown(path: Path) -> str:
    """A path as a failed test should name it."""
    return str(path.relative_to(ROOT))
