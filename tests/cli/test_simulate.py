"""`runbookctl simulate`: the conversation as golden text, and a process that may reach nothing.

`BOT_UPDATE_GOLDEN=1 pytest tests/cli/test_simulate.py` writes the texts anew; read them as whoever wrote the runbook.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from bot.sandbox.demo.folder import PACKAGED
from tests.fakes.patience import PATIENCE_S

GOLDEN = Path(__file__).parent / "golden"
_MOVING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "DATE"),
    (re.compile(r"\b\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"(?<=· incident )[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"(?<=· run )[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"(?<=[dD]igest )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r"(?<=Digest: )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r"(?<=What you approve: )[0-9a-f]{8}\b"), "DIGEST"),
    (re.compile(r" · catalog `[^`]*`"), ""),
)
SCALE = """
incident: { metric_name: cpu_usage, value: 97, anomaly_score: 0.93 }
targets:
  deployment payments/payment-api:
    before: { replicas: 3, ready: 1 of 3 }
    after: { replicas: 5, ready: 5 of 5 }
steps:
  scale-out: { output: 5 of 5 ready, seconds: 21 }
  verify: { verdict: failed, summary: answered 503 }
"""


SHOP = """
environments: { staging: { approvers: [U0ALICE, S0LEADS] } }
hosts: { cache-1: staging }
services: { shop: { team: web, channel: "#shop", host: cache-1, environment: staging } }
metrics: { misses: { query: "sum(rate(misses{service={{ service }}}[1m]))", description: Cache misses } }
"""
WIDEN = """
name: widen
trigger: { service_id: shop, symptoms: [evicted keys] }
safety: { scopes: [staging] }
steps:
  - { name: look, type: shell, command: redis-cli INFO memory, read_only: true, require_approval: false }
  - name: widen
    type: shell
    command: redis-cli CONFIG SET maxmemory 4gb
    rollback: redis-cli CONFIG SET maxmemory 2gb
  - { name: flush, type: shell, command: redis-cli FLUSHDB, irreversible: true, safety: { min_approvals: 2 } }
rollback_metric_check: { metric_name: misses, check_after_minutes: 10 }
rollback_on_failure: true
"""
NOT_BETTER = """
steps:
  flush: { verdict: unknown, settle: done, seconds: 40 }
metrics:
  misses: { before: 300, after: 900 }
"""


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", "--catalog", str(PACKAGED), *arguments])


def test_the_catalog_to_start_from_answers_a_page_and_takes_back_what_did_not_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.delenv("BOT_CATALOG", raising=False)
    words = ["simulate", "--service", "payments", "--symptom", "elevated 5xx"]
    played = CliRunner().invoke(main, words)
    assert (played.exit_code, played.output.count("How it would end: succeeded.")) == (0, 1)
    failed = CliRunner().invoke(main, [*words, "--env", "prod", "--fail-at", "verify"])
    assert failed.exit_code == 0
    assert "Undone, in this order: roll-back, turn-off." in failed.output


def check(name: str, result: Result) -> None:
    """Hold what was printed against the golden text of that name."""
    told = result.output
    for pattern, word in _MOVING:
        told = pattern.sub(word, told)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("BOT_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def test_a_step_that_fails_shows_what_is_undone_and_what_is_left() -> None:
    result = simulate("--service", "payments", "--symptom", "elevated 5xx", "--fail-at", "verify")
    assert result.exit_code == 0
    check("simulate_fails_at_verify", result)


def test_a_fixture_tells_what_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text(SCALE)
    result = simulate(
        "--service", "payment-api", "--symptom", "cpu saturation", "--fixture", str(tmp_path / "busy.yaml")
    )
    assert result.exit_code == 0
    check("simulate_with_a_fixture", result)


def test_questions_are_asked_and_answered_and_a_check_that_is_worse_is_undone(tmp_path: Path) -> None:
    folder, known = tmp_path / "runbooks", tmp_path / "known.yaml"
    folder.mkdir()
    (folder / "catalog.yaml").write_text(SHOP)
    (folder / "widen.yaml").write_text(WIDEN)
    known.write_text(NOT_BETTER)
    arguments = ["--service", "shop", "--symptom", "evicted keys", "--fixture", str(known)]
    result = CliRunner().invoke(main, ["simulate", "--catalog", str(folder), *arguments])
    assert result.exit_code == 0
    check("simulate_asks_and_checks", result)


def test_nothing_fits_is_said_with_why_and_is_a_finding() -> None:
    result = simulate("--service", "payments", "--symptom", "the coffee is cold")
    assert result.exit_code == 1
    check("simulate_nothing_fits", result)


def test_a_condition_that_asks_for_more_than_is_known_says_how_to_tell_it() -> None:
    result = simulate("--service", "payment-api", "--symptom", "cpu saturation")
    assert result.exit_code == 1
    assert "only perhaps" in result.stdout
    assert "anomaly_score" in result.stderr


def test_the_same_for_programs() -> None:
    result = simulate("--service", "payments", "--symptom", "5xx", "--fail-at", "verify", "--json")
    told: dict[str, Any] = json.loads(result.stdout)
    assert (told["played"], told["status"]) == ("restore-payments", "rollback_incomplete")
    assert told["undone"] == ["restart"]
    assert told["candidates"][0]["why"] == ["service is payments", "symptom words matched: 5xx"]
    assert [one["by"] for one in told["conversation"] if one["key"] is None] == ["an approver"] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--service", "paymnets", "--symptom", "x"], "did you mean 'payments'?"),
        (["--service", "payments", "--symptom", "5xx", "--env", "staging"], "known: prod"),
        (["--service", "payments", "--symptom", "5xx", "--fail-at", "restrat"], "did you mean 'restart'?"),
        (["--service", "payments", "--symptom", " "], "give the symptom"),
        (["--service", "payments", "--symptom", "5xx", "--fixture", "/nowhere.yaml"], "cannot be read"),
        (["--service", "payments"], "--symptom"),
    ],
)
def test_nonsense_is_refused_with_the_next_thing_to_do(arguments: list[str], words: str) -> None:
    result = simulate(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not result.stdout


WATCHED = """
import sys, tempfile
from pathlib import Path

FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
             "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
OWN = str(Path(tempfile.gettempdir()).resolve())

def watch(event, given):
    if event in FORBIDDEN:
        raise PermissionError(f"a simulation tried {event} {given!r}")
    if event == "open" and isinstance(given[0], str) and isinstance(given[2], int) and given[2] & 3:
        if not str(Path(given[0]).absolute()).startswith((OWN, "/dev/null")):
            raise PermissionError(f"a simulation tried to write {given[0]!r}")

sys.addaudithook(watch)
probe = sys.argv.pop(1)
if probe == "probe":
    import socket
    socket.create_connection(("127.0.0.1", 9), timeout=1)
from bot.cli.main import main
main()
"""

CATALOG = """
environments: { staging: { approvers: [U0ALICE] } }
hosts: { web-1: staging }
urls: { api.acme.example: staging }
clusters: { main: { namespaces: { shop: staging } } }
services: { shop: { channel: "#shop", host: web-1, environment: staging } }
secrets: { API_TOKEN: [api.acme.example] }
"""
EVERYTHING = """
name: everything
trigger: { service_id: shop, symptoms: [slow] }
rollback_on_failure: true
safety: { scopes: [staging] }
steps:
  - { name: run, type: shell, command: "do it", rollback: "take it back" }
  - name: call
    type: http
    method: POST
    url: https://api.acme.example/
    headers: { Authorization: Bearer $API_TOKEN }
    rollback: { type: http, method: DELETE, url: https://api.acme.example/ }
  - { name: scale, type: kubernetes, action: scale, namespace: shop, deployment: web, replicas: 3 }
  - { name: tell, type: slack, message: "done", channel: "#else" }
  - { name: last, type: shell, command: "fails", read_only: true }
"""


def watched(probe: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process in which whatever reaches out raises; none of the bot's settings are there."""
    command = [
        "simulate",
        "--catalog",
        str(folder),
        "--service",
        "shop",
        "--symptom",
        "slow",
        "--fail-at",
        "last",
    ]
    return subprocess.run(
        [sys.executable, "-c", WATCHED, probe, "--traceback", *command],
        env={"PATH": "", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_no_line_goes_out_no_process_starts_and_no_secret_is_there_to_be_found(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    done = watched("run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Undone, in this order: scale, call, run." in done.stdout, done.stdout
    assert "$API_TOKEN" in done.stdout
    assert "POST https://api.acme.example/" in done.stdout


def test_the_watch_over_that_process_would_notice(tmp_path: Path) -> None:
    done = watched("probe", tmp_path)
    assert done.returncode != 0
    assert "a simulation tried socket" in done.stderr
