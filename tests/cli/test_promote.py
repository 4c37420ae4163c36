"""`runbookctl promote`: bound to the digest, refused where it would say nothing, and with what the journal knows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.actions.registry import input_models
from bot.catalog.loader import check, load
from bot.catalog.promotions_file import PromotionsFile
from bot.cli.main import main
from bot.cli.promote import MAX_TROUBLES, MIN_RUNS
from bot.engine.rows import run_row, step_rows
from bot.engine.stored import codec
from bot.errors import BadInput
from bot.journal.base import Batch, Write
from bot.journal.sqlite import SqliteJournal
from bot.runs import track_record
from bot.runs.events import IncidentId, RunFinished, RunId
from bot.runs.fold import fold
from bot.runs.state import stream_of
from tests.core.given import NOW, opened, ran

CATALOG = """\
environments: {staging: {approvers: [U0DANA01]}, prod: {approvers: [U0DANA01]}}
hosts: {cache-1: staging, cache-2: prod}
"""
ACTION = """\
id: clear-cache
host: "{{ params.host }}"
command: redis-cli FLUSHDB
params: {host: {pattern: "[a-z0-9-]+"}}
safety: {scopes: [staging]}
irreversible: true
"""
RUNBOOK = """\
name: clear
steps:
  - {action: clear-cache, with: {host: cache-1}}
safety: {scopes: [staging]}
"""
URL = "https://wiki.acme.example/reviews/7"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "runbooks"
    (root / "actions").mkdir(parents=True)
    (root / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (root / "actions" / "clear-cache.yaml").write_text(ACTION, encoding="utf-8")
    (root / "clear.yaml").write_text(RUNBOOK, encoding="utf-8")
    return root


def promote(folder: Path, *arguments: str, what: tuple[str, ...] = ("--action", "clear-cache")) -> Result:
    given = ["promote", *what, "--env", "prod", "--evidence-url", URL, "--by", "dana@acme.example"]
    return CliRunner().invoke(main, [*given, "--catalog", str(folder), *arguments])


def test_a_promotion_is_bound_to_what_the_action_does_now_and_falls_when_it_is_edited(folder: Path) -> None:
    result = promote(folder)
    assert result.exit_code == 0, result.output
    assert re.search(r"^evidence +https://wiki.acme.example/reviews/7$", result.stdout, re.MULTILINE)
    catalog = load(folder, input_models())
    assert catalog.promotions == {catalog.actions["clear-cache"].digest: ("prod",)}

    file = folder / "actions" / "clear-cache.yaml"
    file.write_text(ACTION.replace("FLUSHDB", "FLUSHALL"), encoding="utf-8")
    assert [one.code for one in check(folder, input_models()).warnings] == ["RB061"]

    assert promote(folder).exit_code == 0
    assert [one.code for one in check(folder, input_models()).warnings] == []
    assert (folder / "promotions.yaml").read_text(encoding="utf-8").count("- action:") == 1


def test_who_and_when_are_written_down(folder: Path) -> None:
    told = json.loads(promote(folder, "--json").stdout)
    assert told["promoted_by"] == "dana@acme.example"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["promoted_at"])
    assert told == PromotionsFile.in_folder(folder).promotions[0].model_dump(mode="json")


def test_a_runbook_can_be_promoted_too(folder: Path) -> None:
    assert promote(folder, what=("--runbook", "clear")).exit_code == 0
    catalog = load(folder, input_models())
    assert catalog.promotions == {catalog.runbooks["clear"].digest: ("prod",)}


def test_promoting_the_same_again_changes_nothing(folder: Path) -> None:
    promote(folder)
    before = (folder / "promotions.yaml").read_bytes()
    result = promote(folder, "--by", "luis@acme.example")
    assert (result.exit_code, (folder / "promotions.yaml").read_bytes()) == (0, before)
    assert "nothing to do: clear-cache was promoted to prod by dana@acme.example" in result.stderr


@pytest.mark.parametrize(
    ("what", "more", "words"),
    [
        (("--action", "clear-cach"), (), "there is no action 'clear-cach'\nhint: did you mean clear-cache?"),
        (("--runbook", "xyzzy"), (), "there is no runbook 'xyzzy'\nhint: known: clear"),
        ((), (), "give either --action ID or --runbook NAME"),
        (("--action", "clear-cache", "--runbook", "clear"), (), "give either"),
        (("--action", "clear-cache"), ("--env", "production"), "there is no environment 'production'"),
        (("--action", "clear-cache"), ("--env", "staging"), "by its own scopes already"),
        (("--action", "clear-cache"), ("--evidence-url", "a wiki page"), "is no address"),
        (("--action", "clear-cache"), ("--evidence-url", "https://a:b@wiki.example/"), "is no address"),
        (("--action", "clear-cache"), ("--evidence-url", "https://wiki.example/\x1b[2J"), "is no address"),
        (("--action", "clear-cache"), ("--catalog", "nowhere"), "does not exist"),
    ],
)
def test_what_would_say_nothing_is_refused_and_nothing_is_written(
    folder: Path, what: tuple[str, ...], more: tuple[str, ...], words: str
) -> None:
    result = promote(folder, *more, what=what)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert not (folder / "promotions.yaml").exists()


def test_what_may_run_anywhere_must_be_scoped_first(folder: Path) -> None:
    (folder / "clear.yaml").write_text(RUNBOOK.replace("safety: {scopes: [staging]}", ""), encoding="utf-8")
    result = promote(folder, what=("--runbook", "clear"))
    assert (result.exit_code, "names no scopes" in result.stderr) == (2, True)


def test_a_catalog_with_problems_is_not_promoted_from(folder: Path) -> None:
    (folder / "other.yaml").write_text("name: other\nsteps: [{action: gone}]\n", encoding="utf-8")
    result = promote(folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "RB021 there is no action 'gone'" in result.stderr
    assert not (folder / "promotions.yaml").exists()


def test_the_file_keeps_its_line_ends_and_mode(folder: Path) -> None:
    file = folder / "promotions.yaml"
    file.write_bytes(b"# ours\r\npromotions: []\r\n")
    file.chmod(0o640)
    assert promote(folder).exit_code == 0
    assert file.read_bytes().startswith(b"# ours\r\npromotions:\r\n  - action: clear-cache\r\n")
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in folder.iterdir()) == [
        "actions",
        "catalog.yaml",
        "clear.yaml",
        "promotions.yaml",
    ]


def test_a_file_that_somebody_changes_meanwhile_is_not_written_over(folder: Path) -> None:
    looked_at = PromotionsFile.in_folder(folder)
    (folder / "promotions.yaml").write_text("promotions: []\n", encoding="utf-8")
    with pytest.raises(BadInput, match="changed by somebody else"):
        looked_at.replace("promotions: [] # mine\n")
    assert (folder / "promotions.yaml").read_text(encoding="utf-8") == "promotions: []\n"


# ---------------------------------------------------------------- history


async def write_runs(path: Path, folder: Path, *, good: int, bad: int = 0) -> None:
    """A journal in which the runbook, as it is now, ended so many times well and so many times not."""
    book = load(folder, input_models()).runbooks["clear"]
    journal = await SqliteJournal.open(path, serve=True, codec=codec(), audit_key=None)
    for number in range(good + bad):
        made = opened(book, environment="staging")
        made = made.__class__(
            **{**vars(made), "run_id": RunId(f"r{number}"), "incident_id": IncidentId("i1")}
        )
        verdict = "succeeded" if number < good else "failed"
        events = (made, *ran("p1", 0, "a", verdict), RunFinished(at=NOW, status=verdict))
        run = fold(events)
        await journal.append(
            Batch(
                writes=(Write(stream=stream_of(run.id), expected_version=0, events=events),),
                runs=(run_row(run),),
                steps=step_rows(run),
            )
        )
    await journal.close()


def test_the_bar_in_the_help_is_the_one_that_holds() -> None:
    assert (MIN_RUNS, MAX_TROUBLES) == (track_record.MIN_RUNS, track_record.MAX_TROUBLES)


HISTORY = ("--from-history", "--days", "3650")


@pytest.mark.parametrize("what", [("--action", "clear-cache"), ("--runbook", "clear")])
async def test_the_record_of_this_very_version_is_attached(
    folder: Path, tmp_path: Path, what: tuple[str, ...]
) -> None:
    await write_runs(tmp_path / "j.db", folder, good=10)
    result = await in_a_thread(folder, *HISTORY, "--journal", str(tmp_path / "j.db"), what=what)
    assert result.exit_code == 0, result.output
    history = PromotionsFile.in_folder(folder).promotions[0].evidence["history"]
    assert (history["runs"], history["approved_unchanged"], history["failed"]) == (10, 10, 0)
    assert (history["environments"], history["rolled_back"], history["overridden"]) == (["staging"], 0, 0)


async def test_a_record_that_is_not_good_enough_refuses_unless_the_bar_is_moved(
    folder: Path, tmp_path: Path
) -> None:
    await write_runs(tmp_path / "j.db", folder, good=4, bad=1)
    journal = ("--journal", str(tmp_path / "j.db"))
    result = await in_a_thread(folder, *HISTORY, *journal)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "5 of 10 runs; 1 failed, where none may be" in result.stderr
    assert not (folder / "promotions.yaml").exists()
    bar = ("--min-runs", "5", "--max-troubles", "1")
    assert (await in_a_thread(folder, *HISTORY, *journal, *bar)).exit_code == 0


async def test_runs_of_another_version_say_nothing(folder: Path, tmp_path: Path) -> None:
    await write_runs(tmp_path / "j.db", folder, good=12)
    file = folder / "actions" / "clear-cache.yaml"
    file.write_text(ACTION.replace("FLUSHDB", "FLUSHALL"), encoding="utf-8")
    result = await in_a_thread(folder, *HISTORY, "--journal", str(tmp_path / "j.db"))
    assert (result.exit_code, "0 of 10 runs" in result.stderr) == (1, True)


async def test_a_journal_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    result = await in_a_thread(folder, *HISTORY, "--journal", str(tmp_path / "none.db"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "none.db" in result.stderr


async def in_a_thread(
    folder: Path, *arguments: str, what: tuple[str, ...] = ("--action", "clear-cache")
) -> Result:
    """The command has an event loop of its own."""
    import asyncio

    return await asyncio.to_thread(promote, folder, *arguments, what=what)
