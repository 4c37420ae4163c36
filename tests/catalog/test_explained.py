"""Each code's page keeps its word: its wrong example gives exactly that code, the corrected one nothing at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.actions.registry import input_models
from bot.catalog.codes import CODES, page
from bot.catalog.loader import check

GROUND = """\
environments:
  staging: { approvers: [dana@acme.example] }
  prod: { approvers: [dana@acme.example] }
hosts: { cache-1: staging, web-1: prod }
clusters: { main: { namespaces: { payments: prod } } }
urls: { flags.acme.example: prod, www.acme.example: prod }
services: { payments: { host: web-1 } }
secrets: { FLAGS_TOKEN: [flags.acme.example] }
metrics: { error_rate: 'sum(rate(http_errors_total{service={{ service }}}[2m]))' }
"""
"""What there is in every example that does not bring its own `catalog.yaml`."""

_BLOCK = re.compile(r"^```\w+\n# ([\w./-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def codes_in(folder: Path, example: str, *, ground: str = GROUND) -> set[str]:
    files = dict(_BLOCK.findall(example))
    assert files
    for name, text in (({"catalog.yaml": ground} if ground else {}) | files).items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    found = check(folder, input_models())
    return {problem.code for problem in (*found.problems, *found.warnings)}


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_example_gives_that_code_and_the_corrected_one_none(code: str, tmp_path: Path) -> None:
    text = page(code)
    assert text.startswith(f"# {code}: {CODES[code].title}\n")
    assert ("\nAn error: " in text, "\nA warning: " in text) == (
        CODES[code].severity == "error",
        CODES[code].severity == "warning",
    )
    wrong, corrected = text.split("## Wrong\n")[1].split("## Corrected\n")
    ground = "" if code == "RB005" else GROUND
    (tmp_path / "wrong").mkdir()
    (tmp_path / "corrected").mkdir()
    assert codes_in(tmp_path / "wrong", wrong, ground=ground) == {code}
    assert codes_in(tmp_path / "corrected", corrected, ground=ground) == set()


def test_there_is_a_page_for_every_code_and_no_other() -> None:
    folder = Path(__file__).parents[2] / "bot" / "catalog" / "explained"
    assert {file.stem for file in folder.iterdir()} == set(CODES)
