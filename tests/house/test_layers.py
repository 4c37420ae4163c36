"""Imports run one way: the contract file holds, and it would notice if it did not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.fakes.patience import PATIENCE_S
from tests.house.tree import ROOT

LINTER = Path(sys.executable).with_name("lint-imports")
CONTRACT = ROOT / ".importlinter"

BREACHES = {
    "layers": ("bot/runs/breach.py", "from bot.journal import base"),
    "pure": ("bot/runs/breach.py", "import time"),
    "slack": ("bot/sandbox/breach.py", "import slack_sdk"),
    "ssh": ("bot/actions/breach.py", "def late():\n    import asyncssh"),
    "sqlite": ("bot/journal/breach.py", "import sqlite3"),
    "cel": ("bot/intake/breach.py", "from cel_expr_python import cel"),
    "yaml": ("bot/catalog/breach.py", "import yaml"),
    "patterns": ("bot/actions/breach.py", "import re2"),
    "cron": ("bot/engine/breach.py", "import cronsim"),
    "kubernetes": ("bot/diagnosis/breach.py", "from kubernetes.aio import client"),
    "numbers": ("bot/engine/breach.py", "def late():\n    import prometheus_client"),
    "pictures": ("bot/slack/breach.py", "def late():\n    import matplotlib"),
    "terminal": ("bot/cli/breach.py", "from rich.console import Console"),
    "models": ("bot/engine/breach.py", "def late():\n    import pydantic_ai"),
    "tokens": ("bot/slack/breach.py", "from joserfc import jwt"),
}


def report(root: Path) -> str:
    """What the linter says of the tree at `root`."""
    done = subprocess.run(
        [LINTER, "--no-logo", "--no-cache", "--config", ".importlinter"],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": "", "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout + done.stderr


def contracts() -> dict[str, str]:
    """Each contract's name by its id."""
    parser = ConfigParser()
    parser.read(CONTRACT, encoding="utf-8")
    start = "importlinter:contract:"
    return {
        title.removeprefix(start): parser[title]["name"]
        for title in parser.sections()
        if title.startswith(start)
    }


def test_every_room_imports_only_what_it_may() -> None:
    said = report(ROOT)
    assert f"{len(contracts())} kept, 0 broken" in said, said


@pytest.fixture(scope="module")
def said_of_breaches(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The linter's report on a copy of the house in which every contract is broken once."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "bot", root / "bot", ignore=shutil.ignore_patterns("__pycache__", "page"))
    shutil.copy(CONTRACT, root)
    for place, text in BREACHES.values():
        file = root / place
        file.parent.mkdir(exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a", encoding="utf-8") as breach:
            breach.write(text + "\n")
    return report(root)


@pytest.mark.parametrize("contract", contracts())
def test_a_breach_of_each_contract_is_noticed(contract: str, said_of_breaches: str) -> None:
    assert f"{contracts()[contract]} BROKEN" in said_of_breaches, said_of_breaches
