"""Commands that look into runs: what goes to which stream, what the exit code says, beside a bot that writes."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from bot.engine.rows import bring_up
from bot.journal.base import Batch, Write
from bot.journal.sqlite import SqliteJournal
from tests.cli.test_output import at_a_terminal
from tests.fakes.patience import PATIENCE_S
from tests.journal.samples import codec, reminded

PROGRAM = "import sys; from bot.cli.main import main; main.main(sys.argv[1:])"
DUMP = Path(__file__).parents[1] / "journal" / "version_1.sql"
"""Four runs: r1 succeeded, r2 was rejected, r3 was undone in part, r4 waits."""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))

    async def bring() -> None:
        served = await SqliteJournal.open(path, serve=True, codec=codec())
        await bring_up(served)
        await served.close()

    asyncio.run(bring())
    return path


def ctl(*arguments: str, journal: Path) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"BOT_DATABASE_URL": f"sqlite:///{journal}"})


def lines(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


# --- history


def test_history_lists_the_runs_newest_first(journal: Path) -> None:
    result = ctl("history", journal=journal)
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *rows = result.stdout.splitlines()
    assert heading.split()[:3] == ["run", "opened", "(UTC)"]
    assert [row.split()[0] for row in rows] == ["r4", "r3", "r2", "r1"]
    assert "undo incomplete" in rows[1]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--status", "rejected"], ["r2"]),
        (["--runbook", "turn", "--service", "payments", "--limit", "10"], ["r4", "r3", "r2", "r1"]),
        (["--since", "2026-11-03T02:03"], ["r4", "r3"]),
        (["--env", "prod"], []),
    ],
)
def test_history_can_be_narrowed(journal: Path, filters: list[str], found: list[str]) -> None:
    result = ctl("history", *filters, "--json", journal=journal)
    assert [row["run_id"] for row in json.loads(result.stdout)["runs"]] == found


def test_history_with_nothing_to_show_says_so_beside_the_result(journal: Path) -> None:
    result = ctl("history", "--service", "nothing", journal=journal)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no run fits\n")


@pytest.mark.parametrize("command", ["history", "stats"])
def test_a_service_is_found_under_every_name_the_catalog_has_for_it(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "catalog.yaml").write_text(
        "environments: { staging: {} }\nservices: { payments: { aliases: [PPAY123], environment: staging } }\n"
    )
    monkeypatch.setenv("BOT_CATALOG", str(tmp_path / "known"))
    named = ctl(command, "--service", "PPAY123", journal=journal)
    assert (named.exit_code, named.stderr) == (0, "'PPAY123' is payments in the catalog\n")
    assert named.stdout == ctl(command, "--service", "payments", journal=journal).stdout != ""
    monkeypatch.setenv("BOT_CATALOG", str(tmp_path / "nowhere"))
    unknown = ctl(command, "--service", "PPAY123", journal=journal)
    assert (unknown.exit_code, unknown.stdout) == (0, "")


def test_history_goes_on_where_a_page_ended(journal: Path) -> None:
    first = ctl("history", "--limit", "3", journal=journal)
    cursor = first.stderr.split("--cursor ")[1].strip()
    second = ctl("history", "--limit", "3", "--cursor", cursor, "--json", journal=journal)
    assert [row["run_id"] for row in json.loads(second.stdout)["runs"]] == ["r1"]
    assert json.loads(second.stdout)["next_cursor"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["history", "--cursor", "x"], "this cursor is none that was given out"),
        (["history", "--since", "yesterday"], "'yesterday' is no time"),
        (["history", "--since", "999999w"], "is no time"),
        (["history", "--status", "fine"], "is not one of"),
        (["history", "--limit", "0"], "0 is not in the range"),
        (["run", "show", "zzz"], "there is no run 'zzz'"),
        (["run", "show", ""], "there is no run ''"),
        (["run", "show", "r"], "'r' is the beginning of several runs"),
        (["export", "r9"], "there is no run 'r9'"),
        (["run", "shwo"], "did you mean show?"),
        (["audit", "verify", "--head", "run-r1"], "'run-r1' is no head"),
        (["audit", "export", "--since", "2026-11-04", "--until", "2026-11-03"], "ends before it begins"),
        (["stats", "--at-least", "0"], "0 is not in the range"),
    ],
)
def test_what_does_not_fit_is_told_on_stderr_and_exits_with_2(
    journal: Path, arguments: list[str], words: str
) -> None:
    result = ctl(*arguments, journal=journal)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_no_journal_is_told_with_what_to_do(tmp_path: Path) -> None:
    for arguments in (["history"], ["stats"], ["audit", "verify"], ["run", "show", "r1"], ["export", "r1"]):
        result = ctl(*arguments, journal=tmp_path / "none.db")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "there is no journal at" in result.stderr
        assert "hint: start the bot once" in result.stderr


def test_the_file_can_be_named_instead(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(journal.read_bytes())
    result = CliRunner().invoke(main, ["history", "--journal", str(copy), "--json"])
    assert len(json.loads(result.stdout)["runs"]) == 4


# --- one run


def test_a_run_is_told_with_its_steps_and_who_decided(journal: Path) -> None:
    result = ctl("run", "show", "r3", journal=journal)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "status      undo incomplete" in result.stdout
    assert "1. a: its undo did not run" in result.stdout
    assert "   approved by alice via U0ALICE at 02:03:14" in result.stdout
    assert "still standing: a" in result.stdout


def test_the_json_of_a_run_is_its_record(journal: Path) -> None:
    record = json.loads(ctl("run", "show", "r2", "--json", journal=journal).stdout)
    (decision,) = record["steps"][0]["proposals"][0]["decisions"]
    assert (decision["kind"], decision["by"]["person"]) == ("rejected", "alice@acme.example")
    assert record["steps"][0]["automation"] == "requires_manual"
    assert record["trigger"]["source"] == "pagerduty"
    assert record["opened_at"] == "2026-11-03T02:02:00Z"


def test_a_run_is_exported_to_stdout_or_into_a_file(journal: Path, tmp_path: Path) -> None:
    printed = ctl("export", "r1", journal=journal)
    assert printed.stdout.startswith("# turn: succeeded\n")
    written = ctl("export", "r1", "-o", str(tmp_path / "run.md"), journal=journal)
    assert (written.exit_code, written.stdout, written.stderr) == (0, "", f"wrote {tmp_path}/run.md\n")
    assert (tmp_path / "run.md").read_text() == printed.stdout
    refused = ctl("export", "r1", "-o", str(tmp_path / "no" / "run.md"), journal=journal)
    assert refused.exit_code == 2
    assert "cannot be written: No such file or directory" in refused.stderr


# --- numbers


def test_stats_count_each_action(journal: Path) -> None:
    rows = lines(ctl("stats", journal=journal))
    assert [row[:3] for row in rows[1:]] == [["turn/a", "4", "2"], ["turn/b", "2", "2"]]
    counted = json.loads(ctl("stats", "--json", "--action", "turn/a", journal=journal).stdout)
    assert counted["actions"][0]["manual"] == 2
    assert counted["candidates"] == []


def test_stats_name_candidates(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM steps WHERE status != 'succeeded'")
    few = ctl("stats", "--at-least", "1", journal=journal)
    assert "candidates to tag as safe\n  turn/a, once" in few.stdout
    assert "candidates" not in ctl("stats", journal=journal).stdout


def test_stats_at_a_terminal_are_bars_and_words(journal: Path) -> None:
    seen = at_a_terminal(PROGRAM, "stats", "--journal", str(journal), COLUMNS="110")
    rows = [re.sub(r"\x1b\[[\d;]*m", "", line).split() for line in seen.splitlines()]
    assert ["turn/a", "4", "████░░", "2", "of", "3", "7.0", "s", "(7.0", "s)"] in [row[:10] for row in rows]
    assert any(row[-2:] == ["1", "rejected"] for row in rows)


def test_stats_are_drawn(journal: Path, tmp_path: Path) -> None:
    result = ctl("stats", "--picture", str(tmp_path / "stats.png"), journal=journal)
    assert (tmp_path / "stats.png").read_bytes().startswith(b"\x89PNG")
    assert result.stderr == f"wrote {tmp_path}/stats.png\n"
    nothing = ctl("stats", "--service", "none", "--picture", str(tmp_path / "none.png"), journal=journal)
    assert nothing.exit_code == 0
    assert not (tmp_path / "none.png").exists()


# --- SQL


def test_the_question_that_readme_asks_in_sql_is_answered_by_the_file_itself(journal: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (question,) = re.findall(r"^```sql\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert " ".join(question.split()) == (
        "select action, count(*) as overrides from automation_events where status = 'requires_manual' "
        "group by action order by overrides desc;"
    )
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        answer = connection.execute(question).fetchall()
        named = [column for column, *_ in connection.execute("select * from automation_events").description]
    assert answer == [("turn/a", 2)]
    assert named[:9] == [
        "at", "service", "environment", "runbook", "version", "action", "status", "actor", "reason",
    ]  # fmt: skip


def test_every_line_of_the_view_says_what_the_record_of_its_run_says(journal: Path) -> None:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        told = connection.execute(
            "select run_id, step_name, action, status from automation_events"
        ).fetchall()
    expected = []
    for run_id in ("r1", "r2", "r3", "r4"):
        record = json.loads(ctl("run", "show", run_id, "--json", journal=journal).stdout)
        expected += [
            (run_id, step["name"], step["action"], step["automation"])
            for step in record["steps"]
            if step["automation"] is not None
        ]
    assert sorted(told) == sorted(expected)


# --- audit


def test_a_whole_journal_verifies(journal: Path) -> None:
    result = ctl("audit", "verify", journal=journal)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "5 streams, 35 events, no problems: the journal is whole\n"


def test_a_changed_journal_is_told_and_exits_with_1(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute(
            "UPDATE events SET body = replace(body, 'alice', 'mallory') WHERE stream = 'run-r1'"
        )
    result = ctl("audit", "verify", journal=journal)
    assert result.exit_code == 1
    assert result.stdout.startswith("run-r1: ")
    assert json.loads(ctl("audit", "verify", "--json", journal=journal).stdout)["problems"]
    exported = ctl("audit", "export", journal=journal)
    assert exported.exit_code == 1
    assert "tampered with or is damaged" in exported.stdout


def test_a_head_seen_in_slack_must_still_hold(journal: Path) -> None:
    head = json.loads(ctl("run", "show", "r1", "--json", journal=journal).stdout)
    seen = f"run-r1:{head['events']}:{head['head']}"
    assert ctl("audit", "verify", "--head", seen, journal=journal).exit_code == 0
    gone = ctl("audit", "verify", "--head", f"run-r1:99:{head['head']}", journal=journal)
    assert gone.exit_code == 1
    assert "version 99 was seen elsewhere" in gone.stdout


def test_the_audit_lists_every_decision_once_in_each_format(journal: Path) -> None:
    made = json.loads(ctl("audit", "export", "--format", "json", journal=journal).stdout)
    told = [(one["run"], one["step"], one["decision"]) for one in made["decisions"]]
    assert told == [
        ("r1", "a", "approved"),
        ("r1", "b", "approved"),
        ("r2", "a", "rejected"),
        ("r3", "a", "approved"),
        ("r3", "b", "approved"),
        ("r3", "", "undo_requested"),
    ]
    assert made["journal"]["problems"] == []
    rows = list(
        csv.DictReader(io.StringIO(ctl("audit", "export", "--format", "csv", journal=journal).stdout))
    )
    assert [(row["run"], row["step"], row["decision"]) for row in rows] == told
    document = ctl("audit", "export", journal=journal)
    assert document.stdout.count("| **approved** |") == 4
    assert all("for " in line.split(" | ")[4] for line in document.stdout.splitlines()[8:])
    assert document.stderr == "6 decisions, no problems: the journal is whole\n"


def test_the_audit_keeps_to_its_stretch_of_time(journal: Path) -> None:
    def decided(*arguments: str) -> list[Any]:
        result = ctl("audit", "export", "--format", "json", *arguments, journal=journal)
        return [one["run"] for one in json.loads(result.stdout)["decisions"]]

    assert decided("--since", "2026-11-03T02:02", "--until", "2026-11-03T02:03") == ["r2"]
    assert decided("--until", "2026-11-03") == []
    # r3 was opened before this and decided on after it
    assert decided("--since", "2026-11-03T02:03:10") == ["r3", "r3", "r3"]


# --- beside a running bot


async def test_a_bot_that_serves_the_file_is_not_disturbed(journal: Path) -> None:
    served = await SqliteJournal.open(journal, serve=True, codec=codec())
    before = (await served.heads(["audit"]))["audit"]
    result = await asyncio.to_thread(ctl, "audit", "verify", journal=journal)
    assert result.exit_code == 0
    await served.append(Batch(writes=(Write(stream="run-x", expected_version=0, events=(reminded(),)),)))
    assert (await served.heads(["audit"]))["audit"][0] == before[0] + 1
    await served.close()


def test_a_reader_that_goes_away_ends_it_quietly(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
            "INSERT INTO runs SELECT 'x' || i, incident_id, runbook, version, service, tenant, environment, status, "
            "is_open, opened_at, updated_at, finished_at, requester, decided_by, symptom, dry_run, step_count "
            "FROM runs, n WHERE run_id = 'r1'"
        )
    program = [sys.executable, "-m", "bot.cli.main", "history", "--limit", "1000", "--journal", str(journal)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=PATIENCE_S) == 141


def test_help_loads_nothing_of_the_journal() -> None:
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from bot.cli.main import main\n"
        "for words in ([], ['audit'], ['run']):\n"
        "    assert CliRunner().invoke(main, [*words, '--help']).exit_code == 0\n"
        "print([name for name in ('sqlite3', 'pydantic', 'bot.engine', 'matplotlib') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
