"""README's examples do what README says of them: the catalog it shows, word for word, has no problem."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.actions.registry import input_models
from bot.catalog.loader import check
from bot.engine.simulation.fixture import read_fixture
from tests.api.served import Served
from tests.fakes.patience import PATIENCE_S
from tests.stories.stage import JWT_SECRET

README = Path(__file__).parents[2] / "README.md"
FIXTURE = "fixture.yaml"
_NAMED = re.compile(r"^# ([\w./-]+\.yaml)$", re.MULTILINE)


def examples(language: str) -> list[str]:
    """The code blocks of one language, as they stand."""
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_catalog_it_shows_has_no_problem(tmp_path: Path) -> None:
    for example in examples("yaml"):
        named = _NAMED.match(example)
        if named is not None and named.group(1) == FIXTURE:
            continue
        file = tmp_path / (named.group(1) if named else "catalog.yaml")
        file.parent.mkdir(exist_ok=True)
        assert not file.exists()
        file.write_text(example, encoding="utf-8")
    assert len(list(tmp_path.rglob("*.yaml"))) >= 3
    found = check(tmp_path, input_models())
    assert [f"{one.path}:{one.line}: {one.message}" for one in (*found.problems, *found.warnings)] == []


def test_the_fixture_it_shows_is_one(tmp_path: Path) -> None:
    (shown,) = (one for one in examples("yaml") if one.startswith(f"# {FIXTURE}"))
    (tmp_path / FIXTURE).write_text(shown, encoding="utf-8")
    assert read_fixture(tmp_path / FIXTURE).steps["switch"].settle == "undo"


def test_the_python_it_shows_is_python() -> None:
    shown = examples("python")
    assert shown
    for example in shown:
        compile(example, "README.md", "exec")


def test_the_json_it_sends_is_json() -> None:
    bodies = [
        body for example in examples("sh") for body in re.findall(r"-d '(\{.*?\})'", example, re.DOTALL)
    ]
    assert len(bodies) >= 4
    assert all(isinstance(json.loads(body), dict) for body in bodies)


RUNBOOK = """
    trigger: { service_id: session-cache, symptoms: [stale sessions] }
    params:
      database: { type: int, minimum: 0, maximum: 15, default: 0 }
    steps:
      - { name: clear, command: "redis-cli -n {{ params.database }} FLUSHDB", irreversible: true }
    safety: { scopes: [staging] }
"""
CATALOG = """
environments:
  staging: { approvers: [oncall] }
hosts:
  cache-1: { environment: staging, address: 127.0.0.1, port: PORT, user: runbook }
services:
  session-cache:
    team: platform
    channel: "#incidents"
    host: cache-1
    workload: { namespace: sessions, deployment: session-cache }
clusters:
  standin: { namespaces: { sessions: staging } }
groups:
  oncall: [S0ONCALL]
default_channel: "#incidents"
"""


def test_the_requests_it_shows_do_what_is_said_of_them(tmp_path: Path) -> None:
    for program in ("bash", "curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")
    (shown,) = (one for one in examples("sh") if "/runbooks/execute" in one)
    with Served(tmp_path, runbooks={"clear-session-cache": RUNBOOK}, inventory=CATALOG) as served:
        script = "\n".join(
            [
                "set -euo pipefail",
                "curl() { command curl --fail-with-body --noproxy '*' \"$@\"; echo >&2; }",
                f'runbookctl() {{ "{sys.executable}" -m bot.cli.main "$@"; }}',
                shown.replace("https://bot.example.com", served.url),
            ]
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=README.parent,
            env={"PATH": os.defpath, "BOT_JWT_SECRET": JWT_SECRET, "PYTHONPATH": str(README.parent)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "redis-cli -n '3' FLUSHDB" in done.stdout
        assert "# clear-session-cache" in done.stdout
        assert done.stdout.count('{"status":"accepted"}') == 2
        assert '"summary":"nothing could be read' in done.stdout
        (run,) = served.do(lambda stage: stage.runs())
        assert run.cancel is not None
        assert run.opened.values["incident"]["anomaly_score"] == 0.93
