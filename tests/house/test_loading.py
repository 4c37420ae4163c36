"""What a short command loads: `runbookctl lint` runs in editors and hooks, and must not pay for the server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fakes.patience import PATIENCE_S
from tests.house.tree import ROOT

PROGRAM = """
import json, sys
from bot.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
else:
    code = 0
sys.stderr.write("\\n" + json.dumps([code or 0, sorted({name.partition(".")[0] for name in sys.modules})]))
"""

NOT_FOR_LINT = {
    "aiohttp",
    "anthropic",
    "asyncssh",
    "joserfc",
    "kubernetes",
    "openai",
    "prometheus_client",
    "pydantic_ai",
    "slack_bolt",
    "slack_sdk",
    "sqlite3",
}
NOT_FOR_HELP = NOT_FOR_LINT | {"asyncio", "cel_expr_python", "pydantic", "re2", "rich", "structlog", "yaml"}


def loaded(*arguments: str) -> tuple[int, set[str]]:
    """Exit code and loaded packages of one command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (("lint", "runbooks"), NOT_FOR_LINT),
        (("list", "--catalog", "runbooks"), NOT_FOR_LINT),
        (("schema", "runbook"), NOT_FOR_LINT),
        (("--help",), NOT_FOR_HELP),
    ],
    ids=["lint", "list", "schema", "help"],
)
def test_a_short_command_loads_only_what_it_needs(arguments: tuple[str, ...], never: set[str]) -> None:
    code, names = loaded(*arguments)
    assert code == 0
    assert names & never == set()
