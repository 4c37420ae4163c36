"""`runbookctl promote --finding` and what `stats` tells of it: on the record of what people said, or not at all."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.actions.registry import input_models
from bot.catalog.loader import check, load
from bot.cli.main import main
from bot.engine.ledger import Change, Ledger
from bot.engine.stored import codec
from bot.intake.diagnosed import DiagnosisAsked, DiagnosisId, DiagnosisJudged, DiagnosisMade
from bot.intake.incident import Facts, IncidentOpened, Origin, Place
from bot.journal.sqlite import SqliteJournal
from bot.runs.events import Actor, IncidentId

CATALOG = """\
environments: {staging: {approvers: [U0DANA01]}, prod: {approvers: [U0DANA01], auto_start: true}}
hosts: {cache-1: prod}
"""
RUNBOOK = """\
name: make-room
steps:
  - {name: flush, command: redis-cli FLUSHDB, host: cache-1, rollback: redis-cli RESTORE}
safety: {scopes: [prod]}
"""
DANA = Actor(kind="slack", id="U0DANA01", person="dana@acme.example", name="Dana")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "runbooks"
    root.mkdir()
    (root / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (root / "make-room.yaml").write_text(RUNBOOK, encoding="utf-8")
    return root


async def write(path: Path, *, right: int, wrong: int, days_ago: float) -> None:
    """So many incidents whose diagnosis named the class for certain, each judged."""
    journal = await SqliteJournal.open(path, serve=True, codec=codec())
    ledger, when = Ledger(journal), datetime.now(UTC) - timedelta(days=days_ago)
    for number in range(right + wrong):
        name = DiagnosisId(f"d{number}")
        verdict = "right" if number < right else "wrong"
        opened = IncidentOpened(
            at=when,
            incident_id=IncidentId(f"i{number}"),
            origin=Origin(key=f"pagerduty:{number}", source="pagerduty"),
            facts=Facts(title="down", service="checkout"),
            place=Place(channel="C0INC"),
        )
        made = DiagnosisMade(
            at=when,
            diagnosis_id=name,
            subject="s",
            sentence="…",
            finding="oom-killed",
            confidence="certain",
        )
        judged = DiagnosisJudged(
            at=when,
            diagnosis_id=name,
            by=DANA,
            verdict=verdict,
            really="dns-failure" if verdict == "wrong" else "",
        )
        events = (opened, DiagnosisAsked(at=when, diagnosis_id=name, cause="policy"), made, judged)
        await ledger.append(Change(incident_events=events))
    await journal.close()


def written(path: Path, *, right: int, wrong: int = 0, days_ago: float = 1) -> None:
    asyncio.run(write(path, right=right, wrong=wrong, days_ago=days_ago))


def promote(folder: Path, journal: Path, *more: str, finding: str = "oom-killed") -> Result:
    given = ["promote", "--finding", finding, "--runbook", "make-room", "--env", "prod"]
    given += ["--evidence-url", "https://wiki.acme.example/7", "--by", "dana@acme.example"]
    return CliRunner().invoke(main, [*given, "--catalog", str(folder), "--journal", str(journal), *more])


def test_a_class_that_was_right_often_enough_is_written_down_with_its_record(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    written(path, right=12)
    result = promote(folder, path)
    assert result.exit_code == 0, result.output
    catalog = load(folder, input_models())
    (trust,) = catalog.trusts
    assert (trust.finding, trust.runbook, trust.environment) == ("oom-killed", "make-room", "prod")
    assert (trust.right, trust.judged, trust.promoted_by) == (12, 12, "dana@acme.example")
    assert trust.digest == catalog.runbooks["make-room"].digest
    assert catalog.promotions == {}
    again = promote(folder, path)
    assert (again.exit_code, "nothing to do" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("right", "wrong", "more", "said"),
    [
        (9, 0, (), "right when certain 9 of 10 times"),
        (9, 0, ("--min-runs", "1"), "right when certain 9 of 10 times"),
        (12, 0, ("--min-runs", "20"), "right when certain 12 of 20 times"),
        (12, 1, (), "wrong once where none may be (really: 1 × dns-failure)"),
        (0, 0, (), "right when certain 0 of 10 times"),
    ],
)
def test_below_the_bar_it_is_refused_with_the_figures(
    folder: Path, tmp_path: Path, right: int, wrong: int, more: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "journal.db"
    written(path, right=right, wrong=wrong)
    result = promote(folder, path, *more)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (folder / "promotions.yaml").exists()


def test_what_people_said_long_ago_does_not_count(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written(path, right=12, days_ago=200)
    assert "right when certain 0 of 10 times" in promote(folder, path).stderr
    assert promote(folder, path, "--days", "365").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", auto_start: true", "", "no run begins by itself there"),
        ("auto_start: true", "auto_start: true, confirm_every_step: true", "every step is confirmed there"),
        ("rollback: redis-cli RESTORE", "irreversible: true", "cannot be undone by a step"),
        ("rollback: redis-cli RESTORE", "rollback: {manual: Ask.}", "cannot be undone by a step"),
        ("{name: flush,", "{name: flush, require_approval: true,", "people approve it"),
        ("{name: flush,", "{name: flush, safety: {risk: high},", "high risk"),
        ("scopes: [prod]", "scopes: [staging]", "it is not written down that it may run there"),
    ],
)
def test_what_would_have_no_effect_is_refused(
    folder: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "journal.db"
    written(path, right=12)
    for name in ("catalog.yaml", "make-room.yaml"):
        file = folder / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    result = promote(folder, path)
    assert result.exit_code == 2, result.output
    assert said in result.stderr or "cache-1" in result.stderr, result.stderr
    assert not (folder / "promotions.yaml").exists()


@pytest.mark.parametrize("finding", ["oom-kiled", "healthy", "'; drop table"])
def test_a_class_that_there_is_not_is_refused(folder: Path, tmp_path: Path, finding: str) -> None:
    result = promote(folder, tmp_path / "journal.db", finding=finding)
    assert (result.exit_code, "there is no class of failure" in result.stderr) == (2, True)
    if finding == "oom-kiled":
        assert "oom-killed" in result.stderr


def test_a_file_that_trusts_without_the_record_is_no_catalog(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written(path, right=12)
    assert promote(folder, path).exit_code == 0
    file = folder / "promotions.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("right_when_certain: 12", "right_when_certain: 3"),
        encoding="utf-8",
    )
    (problem,) = check(folder, input_models()).problems
    assert "right_when_certain is 3, and 10 are needed" in problem.message


def test_stats_tell_how_right_each_class_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written(path, right=11, wrong=1)
    result = CliRunner().invoke(main, ["stats", "--journal", str(path), "--json"])
    told, missed = json.loads(result.stdout)["diagnoses"]
    assert (missed["finding"], missed["made"], missed["missed"]) == ("dns-failure", 0, 1)
    assert (told["finding"], told["made"], told["right"], told["wrong"]) == ("oom-killed", 12, 11, 1)
    shown = CliRunner().invoke(main, ["stats", "--journal", str(path)]).stdout
    assert "11 of 12" in shown
    assert "1 × dns-failure" in shown
    other = CliRunner().invoke(main, ["stats", "--journal", str(path), "--service", "else", "--json"])
    assert json.loads(other.stdout)["diagnoses"] == []
