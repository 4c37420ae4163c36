"""Broken catalogs beside the exact report that `runbookctl lint` gives for each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.catalog.codes import CODES, is_warning
from bot.cli.main import main

BAD = Path(__file__).parent / "bad"
CASES = sorted(folder.name for folder in BAD.iterdir() if folder.is_dir())


@pytest.mark.parametrize("case", CASES)
def test_every_problem_is_reported_at_its_line_at_once(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD / case)
    result = CliRunner().invoke(main, ["lint", "."])
    assert result.stdout == (BAD / case / "report.txt").read_text(encoding="utf-8")
    found = re.findall(r"^\S+?:\d+:\d+: (RB\d+)", result.stdout, re.MULTILINE)
    assert result.exit_code == (1 if any(not is_warning(code) for code in found) else 0)


def test_every_code_has_a_broken_catalog_that_shows_it() -> None:
    shown = "\n".join((BAD / case / "report.txt").read_text(encoding="utf-8") for case in CASES)
    assert set(re.findall(r": (RB\d+) ", shown)) == set(CODES)
