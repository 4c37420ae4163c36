"""README keeps pace with the code it speaks of."""

from __future__ import annotations

from pathlib import Path

from bot.actions.registry import TYPES
from bot.settings import readme_table

README = Path(__file__).parents[2] / "README.md"


def test_the_settings_table_is_the_one_the_code_reads_by() -> None:
    assert readme_table().strip() in README.read_text(encoding="utf-8")


def test_every_step_type_has_its_row() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in TYPES if f"`{name}`" not in text] == []


def test_every_picture_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    pictures = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert pictures
    assert [one for one in pictures if not (README.parent / one).is_file()] == []
