"""`runbookctl lint`: what goes where, and what the exit code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot.cli.main import COMMANDS, LazyGroup, main
from bot.errors import BadInput, CatalogError, Problem
from tests.fakes.patience import PATIENCE_S

GROUND = "environments: {prod: {approvers: [U0DANA01]}}\nhosts: {web-1: prod}\n"
FINE = "name: fine\nsteps: [{type: slack, message: hi, require_approval: false}]\n"
WARNED = "name: warned\nsteps: [{type: shell, command: reboot, host: web-1}]\n"
BROKEN = "name: broken\nsteps: [{action: gone}]\n"


def catalog(root: Path, **files: str) -> Path:
    for name, text in {"catalog": GROUND, **files}.items():
        (root / f"{name}.yaml").write_text(text, encoding="utf-8")
    return root


def test_a_sound_catalog_says_so_on_stderr_and_exits_with_0(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["lint", str(catalog(tmp_path, fine=FINE))])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{tmp_path}: 2 files, no problems, no warnings\n"


def test_the_folder_is_runbooks_when_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runbooks").mkdir()
    catalog(tmp_path / "runbooks", fine=FINE)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["lint"]).stderr == "runbooks: 2 files, no problems, no warnings\n"


def test_problems_go_to_stdout_with_their_place_and_exit_with_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["lint", str(catalog(tmp_path, broken=BROKEN))])
    assert result.exit_code == 1
    assert result.stdout == (
        f"{tmp_path}/broken.yaml:2:18: RB021 there is no action 'gone'\n    hint: known actions: none\n"
    )
    assert result.stderr == f"{tmp_path}: 2 files, 1 problem, no warnings\n"


def test_warnings_exit_with_0_unless_they_are_to_count(tmp_path: Path) -> None:
    catalog(tmp_path, warned=WARNED)
    result = CliRunner().invoke(main, ["lint", str(tmp_path)])
    assert (result.exit_code, result.stdout.count("RB042 warning:")) == (0, 1)
    assert CliRunner().invoke(main, ["lint", "--strict", str(tmp_path)]).exit_code == 1


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "does not exist"), ("file", "is in no catalog's folder")]
)
def test_no_catalog_to_check_exits_with_2_and_a_sentence(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = CliRunner().invoke(main, ["lint", str(tmp_path / name)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_one_file_is_checked_in_its_catalog_and_only_its_problems_are_shown(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "down.yaml").write_text(
        "id: down\nhost: web-1\ncommand: reboot\n", encoding="utf-8"
    )
    catalog(tmp_path, broken=BROKEN, warned=WARNED, fine=FINE)
    for name, code, shown, said in (
        ("fine.yaml", 0, [], "fine.yaml: 1 file, no problems, no warnings\n"),
        ("broken.yaml", 1, ["RB021"], "broken.yaml: 1 file, 1 problem, no warnings\n"),
        ("warned.yaml", 0, ["RB042"], "warned.yaml: 1 file, no problems, 1 warning\n"),
        ("actions/down.yaml", 0, ["RB042"], "down.yaml: 1 file, no problems, 1 warning\n"),
    ):
        result = CliRunner().invoke(main, ["lint", str(tmp_path / name)])
        assert (result.exit_code, [*re.findall(r"RB\d+", result.stdout)]) == (code, shown), name
        assert said in result.stderr
        others = "1 problem in other files, so this catalog is not loaded"
        assert (others in result.stderr) == (name != "broken.yaml")


def test_an_unknown_command_or_option_exits_with_2() -> None:
    assert CliRunner().invoke(main, ["lnit"]).exit_code == 2
    assert CliRunner().invoke(main, ["lint", "--colour"]).exit_code == 2


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys\nfrom bot.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(sorted({'pydantic', 'yaml', 'aiohttp', 'rich', 'asyncio', 'bot.cli.lint'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    for name, (_, words) in COMMANDS.items():
        assert name in done.stdout
        assert words.split()[0] in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_lint_loads_no_client_of_anything_outside(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom bot.cli.main import main\n"
        f"CliRunner().invoke(main, ['lint', {str(catalog(tmp_path, fine=FINE))!r}])\n"
        "print(sorted({'slack_bolt', 'slack_sdk', 'kubernetes', 'asyncssh', 'aiohttp', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout == "[]\n"


@click.command()
@click.argument("kind")
def fail(kind: str) -> None:
    """Fails as it is told to."""
    if kind == "refused":
        raise BadInput("no such thing", hint="try another")
    if kind == "catalog":
        raise CatalogError([Problem(path="a.yaml", line=1, column=2, code="RB002", message="bad")])
    raise ValueError("a secret text")


@pytest.mark.parametrize(
    ("kind", "exit_code", "stdout", "stderr"),
    [
        ("refused", 2, "", "no such thing\nhint: try another\n"),
        ("catalog", 2, "", "a.yaml:1:2: RB002 bad\nthe catalog has 1 problem\n"),
        ("else", 2, "", "something unexpected happened (ValueError, reference "),
    ],
)
def test_errors_become_a_sentence_and_an_exit_code(
    kind: str, exit_code: int, stdout: str, stderr: str
) -> None:
    group = LazyGroup(name="t", table={"fail": (f"{__name__}:fail", "Fail.")})
    result = CliRunner().invoke(group, ["fail", kind])
    assert (result.exit_code, result.stdout) == (exit_code, stdout)
    assert result.stderr.startswith(stderr)
    assert "a secret text" not in result.output
