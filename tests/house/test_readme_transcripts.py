"""README's transcripts are what the commands print: each is typed here, in a copy of the shipped catalog."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import main
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def typed(block: str) -> list[tuple[str, str]]:
    """Each command of a transcript with what it is said to print."""
    found = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(found[::2], found[1::2], strict=True))


def fits(said: str, printed: str) -> bool:
    """`…` on a line of its own stands for any lines; the rest is held word for word."""
    pattern = "".join(
        "(?:.*\n)*" if line == "…\n" else re.escape(line) for line in said.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, printed) is not None


def test_there_are_transcripts() -> None:
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS)
def test_a_transcript_is_what_the_commands_print(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "runbooks", tmp_path / "runbooks")
    monkeypatch.chdir(tmp_path)
    for command, said in typed(block):
        program, *arguments = shlex.split(command)
        if program == "cat":
            Path(arguments[0]).write_text(said, encoding="utf-8")
            continue
        assert program == "runbookctl"
        printed = CliRunner().invoke(main, arguments).output
        assert fits(said, printed), f"$ {command}\n{printed}"
